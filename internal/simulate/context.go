package simulate

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/access"
)

// everyRequest are condition keys that real requests have, or have in a way that
// nobody can tell who only describes one: when, by which client, in which
// organization (IAM guide, "AWS global condition context keys", on availability).
var everyRequest = []string{
	"aws:CurrentTime", "aws:EpochTime", "aws:RequestedRegion", "aws:UserAgent",
	"aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:ResourceOrgID", "aws:ResourceOrgPaths",
}

// networkKeys tell from where a request comes. Package launch says what they are
// where EC2 makes it.
var networkKeys = []string{
	"aws:SourceIp", "aws:VpcSourceIp", "aws:SourceVpc", "aws:SourceVpcArn", "aws:SourceVpce",
	"aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths", "aws:Referer",
}

// credentialKeys tell how the caller's credentials came about.
var credentialKeys = []string{
	"aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:TokenIssueTime", "aws:SourceIdentity", "aws:FederatedProvider",
	"aws:Ec2InstanceSourceVpc", "aws:Ec2InstanceSourcePrivateIPv4", "ec2:SourceInstanceArn", "ec2:RoleDelivery",
}

// keyKeys tell of a KMS key (KMS guide, "Condition keys for AWS KMS").
var keyKeys = []string{
	"kms:KeyOrigin", "kms:KeySpec", "kms:KeyUsage", "kms:MultiRegion", "kms:MultiRegionKeyType", "kms:ResourceAliases",
}

// complete adds what follows from the request, and marks as unknown what nobody
// has told. Keys that the scenario gives stay as they are. A step of a launch is
// completed as the doctor does it: EC2 has set the rest.
func (p *Plan) complete(r *access.Request, step bool) {
	c := &r.Context
	set := func(key, value string) {
		if _, present, unknown := c.Get(key); !present && !unknown && value != "" {
			c.Set(key, value)
		}
	}
	if !step {
		// AWS's clients speak TLS; a request is the caller's own unless it says
		// through which service it comes.
		set("aws:RequestedRegion", region(r.Resource))
		set("aws:SecureTransport", "true")
		_, via, _ := c.Get("kms:ViaService")
		_, called, _ := c.Get("aws:CalledVia")
		set("aws:ViaAWSService", strconv.FormatBool(via || called))
	}
	if p.live {
		set("aws:CurrentTime", p.now.UTC().Format(time.RFC3339))
		set("aws:EpochTime", strconv.FormatInt(p.now.Unix(), 10))
	}
	if p.scenario.ContextComplete {
		return
	}
	for _, k := range unknownOf(r, step) {
		if _, present, _ := c.Get(k); !present {
			c.SetUnknown(k)
		}
	}
}

// unknownOf are the keys that are unknown unless somebody gives them.
func unknownOf(r *access.Request, step bool) []string {
	unknown := slices.Clone(everyRequest)
	if !step {
		unknown = append(unknown, networkKeys...)
	}
	who := &r.Principal
	if who.Account != "" && !who.IdentityOnly {
		unknown = append(unknown, credentialKeys...)
		if who.UserID == "" {
			unknown = append(unknown, "aws:userid")
		}
		if who.Tags == nil && who.Type != access.Root {
			unknown = append(unknown, "aws:PrincipalTag/*")
		}
	}
	if kindOf(r.Action) == access.KMSKey {
		unknown = append(unknown, keyKeys...)
	}
	if !hasPrefix(&r.Context, "aws:resourcetag/") {
		unknown = append(unknown, "aws:ResourceTag/*")
	}
	return unknown
}

// region is the fourth field of an ARN.
func region(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[3]
	}
	return ""
}

// hasPrefix tells whether one of a family of keys is given: then so are all.
func hasPrefix(c *access.Context, prefix string) bool {
	for k := range c.All() {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}
