package simulate

import (
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/access"
)

// everyRequest are condition keys that real requests have, or have in a way that
// nobody can tell who only describes one: where it comes from, when, with which
// credentials, in which organization (IAM guide, "AWS global condition context
// keys", on availability).
var everyRequest = []string{
	"aws:CurrentTime", "aws:EpochTime", "aws:RequestedRegion", "aws:UserAgent", "aws:Referer",
	"aws:SourceIp", "aws:VpcSourceIp", "aws:SourceVpc", "aws:SourceVpcArn", "aws:SourceVpce",
	"aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths",
	"aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:ResourceOrgID", "aws:ResourceOrgPaths",
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
// has told. Keys that the scenario gives stay as they are.
func (p *Plan) complete(r *access.Request) {
	c := &r.Context
	service, _, _ := strings.Cut(strings.ToLower(r.Action), ":")
	set := func(key, value string) {
		if _, present, unknown := c.Get(key); !present && !unknown && value != "" {
			c.Set(key, value)
		}
	}
	if parts := strings.SplitN(r.Resource, ":", 6); len(parts) == 6 {
		set("aws:RequestedRegion", parts[3])
	}
	// AWS's clients speak TLS; a request is the caller's own unless it says through
	// which service it comes.
	set("aws:SecureTransport", "true")
	_, via, _ := c.Get("kms:ViaService")
	_, called, _ := c.Get("aws:CalledVia")
	set("aws:ViaAWSService", strconv.FormatBool(via || called))
	if p.live {
		set("aws:CurrentTime", p.now.UTC().Format(time.RFC3339))
		set("aws:EpochTime", strconv.FormatInt(p.now.Unix(), 10))
	}
	if p.scenario.ContextComplete {
		return
	}
	unknown := func(keys ...string) {
		for _, k := range keys {
			if _, present, _ := c.Get(k); !present {
				c.SetUnknown(k)
			}
		}
	}
	unknown(everyRequest...)
	who := &r.Principal
	if who.Account != "" && !who.IdentityOnly {
		unknown(credentialKeys...)
		if who.UserID == "" {
			unknown("aws:userid")
		}
		if who.Tags == nil && who.Type != access.Root {
			c.SetUnknown("aws:PrincipalTag/*")
		}
	}
	if service == "kms" {
		unknown(keyKeys...)
	}
	if !hasPrefix(c, "aws:resourcetag/") {
		c.SetUnknown("aws:ResourceTag/*")
	}
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
