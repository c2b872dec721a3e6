package cloud

import (
	"encoding/json"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// authorizationMessage is what sts:DecodeAuthorizationMessage shows of a denial
// (STS API reference, "DecodeAuthorizationMessage").
func authorizationMessage(call *api.Call, d access.Decision) []byte {
	type items[T any] struct {
		Items []T `json:"items"`
	}
	type value struct {
		Value string `json:"value"`
	}
	type condition struct {
		Key    string       `json:"key"`
		Values items[value] `json:"values"`
	}
	type statement struct {
		ID     string `json:"statementId"`
		Effect string `json:"effect"`
	}
	type principal struct {
		ID   string `json:"id"`
		Name string `json:"name,omitempty"`
		ARN  string `json:"arn"`
	}
	var m struct {
		Allowed           bool             `json:"allowed"`
		ExplicitDeny      bool             `json:"explicitDeny"`
		MatchedStatements items[statement] `json:"matchedStatements"`
		Failures          items[string]    `json:"failures"`
		Context           struct {
			Principal  principal        `json:"principal"`
			Action     string           `json:"action"`
			Resource   string           `json:"resource"`
			Conditions items[condition] `json:"conditions"`
		} `json:"context"`
	}
	m.ExplicitDeny = d.Outcome == access.ExplicitDeny
	m.MatchedStatements.Items = []statement{}
	m.Failures.Items = []string{}
	if m.ExplicitDeny && d.By != nil {
		m.MatchedStatements.Items = append(m.MatchedStatements.Items, statement{ID: d.By.Sid, Effect: "DENY"})
	}
	p := call.Caller.Principal
	m.Context.Principal = principal{ID: p.UserID, ARN: p.ARN}
	if p.Type == access.User {
		m.Context.Principal.Name = p.Name
	}
	m.Context.Action, m.Context.Resource = d.Request.Action, d.Request.Resource
	m.Context.Conditions.Items = []condition{}
	show := func(key string, values ...string) {
		v := items[value]{Items: []value{}}
		for _, s := range values {
			v.Items = append(v.Items, value{s})
		}
		m.Context.Conditions.Items = append(m.Context.Conditions.Items, condition{Key: key, Values: v})
	}
	if parts := strings.SplitN(d.Request.Resource, ":", 6); len(parts) == 6 {
		kind, _, _ := strings.Cut(parts[5], "/")
		show("aws:Region", parts[3])
		show("aws:Service", parts[2])
		show("aws:Resource", parts[5])
		show("aws:Account", parts[4])
		show("aws:Type", kind)
		show("aws:ARN", d.Request.Resource)
	}
	for k, values := range d.Request.Context.All() {
		show(spelling(k), values...)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil
	}
	return raw
}

// spellings are the condition keys in AWS's letters, by their lower case: keys
// match in any case, so a request does not keep it.
var spellings = func() map[string]string {
	all := make(map[string]string)
	for k := range strings.FieldsSeq(`
		aws:CurrentTime aws:EpochTime aws:MultiFactorAuthAge aws:MultiFactorAuthPresent aws:PrincipalAccount
		aws:PrincipalArn aws:PrincipalIsAWSService aws:PrincipalType aws:RequestedRegion aws:ResourceAccount
		aws:SecureTransport aws:SourceIdentity aws:SourceIp aws:TagKeys aws:TokenIssueTime aws:UserAgent
		aws:ViaAWSService aws:CalledVia aws:CalledViaFirst aws:CalledViaLast
		ec2:AssociatePublicIpAddress ec2:Attribute ec2:AvailabilityZone ec2:AvailabilityZoneId ec2:CreateAction
		ec2:CreateDate ec2:EbsOptimized ec2:Encrypted ec2:ImageID ec2:ImageType ec2:InstanceID
		ec2:InstanceMarketType ec2:InstanceProfile ec2:InstanceType ec2:KeyPairName ec2:KeyPairType ec2:KmsKeyId
		ec2:MetadataHttpEndpoint ec2:MetadataHttpPutResponseHopLimit ec2:MetadataHttpTokens ec2:Owner
		ec2:ParentSnapshot ec2:ParentVolume ec2:Public ec2:Region ec2:RootDeviceType ec2:SecurityGroupID
		ec2:SnapshotID ec2:SnapshotTime ec2:SubnetID ec2:Subnet ec2:Tenancy ec2:VolumeID
		ec2:VolumeInitializationRate ec2:VolumeIops ec2:VolumeSize ec2:VolumeThroughput ec2:VolumeType ec2:Vpc ec2:VpcID
		iam:PassedToService iam:AssociatedResourceArn`) {
		all[strings.ToLower(k)] = k
	}
	return all
}()

// spelling is a condition key as AWS writes it. A tag's key is the account's
// own and stays as the request has it.
func spelling(key string) string {
	if s, ok := spellings[key]; ok {
		return s
	}
	for _, prefix := range []string{"aws:RequestTag/", "aws:ResourceTag/", "aws:PrincipalTag/", "ec2:ResourceTag/", "ec2:Attribute/"} {
		if len(key) > len(prefix) && strings.EqualFold(key[:len(prefix)], prefix) {
			return prefix + key[len(prefix):]
		}
	}
	return key
}
