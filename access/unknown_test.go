package access_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
)

// TestDepends: where a value or a document is not known, the decision says what
// would settle it, and only that.
func TestDepends(t *testing.T) {
	t.Parallel()
	mfa := st("Allow", "", "s3:*", `"Resource":"*"`, `"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`)
	denyMFA := st("Deny", "", "s3:*", `"Resource":"*"`, `"Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`)
	scp := []access.UnreadLayer{{Layer: access.ServiceControlLayer, What: "service control policies of o-example"}}
	for _, c := range []struct {
		setting
		missing []string
	}{
		{setting{rule: "an allow on an unknown key", identity: []string{mfa}, unknown: []string{"aws:MultiFactorAuthPresent"}, want: access.Depends, layer: access.IdentityLayer}, []string{"aws:MultiFactorAuthPresent"}},
		{setting{rule: "an allow beside it settles it", identity: []string{mfa, st("Allow", "", "*")}, unknown: []string{"aws:MultiFactorAuthPresent"}, want: access.Allowed}, nil},
		{setting{rule: "a deny on an unknown key", identity: []string{denyMFA, st("Allow", "", "*")}, unknown: []string{"aws:MultiFactorAuthPresent"}, want: access.Depends, layer: access.IdentityLayer}, []string{"aws:MultiFactorAuthPresent"}},
		{setting{rule: "a deny that may be changes no denial", identity: []string{denyMFA}, unknown: []string{"aws:MultiFactorAuthPresent"}, want: access.ImplicitDeny}, nil},
		{setting{rule: "an explicit deny settles it", identity: []string{mfa, st("Deny", "", "*")}, unknown: []string{"aws:MultiFactorAuthPresent"}, want: access.ExplicitDeny}, nil},
		{setting{rule: "an SCP that nobody could read", identity: all, unread: scp, want: access.Depends, layer: access.ServiceControlLayer}, []string{"service control policies of o-example"}},
		{setting{rule: "an unread SCP changes no denial, nor what it is named after", unread: scp, want: access.ImplicitDeny, layer: access.IdentityLayer}, nil},
		{setting{rule: "an unread SCP does not bear on a service-linked role", who: serviceLinked(), identity: all, unread: scp, want: access.Allowed}, nil},
		{setting{rule: "an unread RCP does not bear on a service-linked role", who: serviceLinked(), identity: all, unread: []access.UnreadLayer{{Layer: access.ResourceControlLayer, What: "RCPs"}}, want: access.Allowed}, nil},
		{setting{rule: "an unread RCP may deny others", identity: all, unread: []access.UnreadLayer{{Layer: access.ResourceControlLayer, What: "RCPs"}}, want: access.Depends, layer: access.ResourceControlLayer}, []string{"RCPs"}},
		{setting{rule: "unread identity policies", unread: []access.UnreadLayer{{Layer: access.IdentityLayer, What: "policies of user test"}}, want: access.Depends}, []string{"policies of user test"}},
		{setting{rule: "unread identity policies may deny", identity: all, unread: []access.UnreadLayer{{Layer: access.IdentityLayer, What: "policies of group g"}}, want: access.Depends}, []string{"policies of group g"}},
		{setting{rule: "an unread boundary", identity: all, unread: []access.UnreadLayer{{Layer: access.BoundaryLayer, What: "boundary"}}, want: access.Depends, layer: access.BoundaryLayer}, []string{"boundary"}},
		{setting{rule: "an unread key policy", action: "kms:Decrypt", resource: keyARN, identity: all, unread: []access.UnreadLayer{{Layer: access.ResourceLayer, What: "policy of the key"}}, want: access.Depends, layer: access.ResourceLayer}, []string{"policy of the key"}},
		{setting{rule: "grants that nobody could list", who: infrastructure(), action: "kms:Decrypt", resource: keyARN, kind: access.KMSKey, resources: []string{st("Allow", aws(account), "kms:*")}, unread: []access.UnreadLayer{{Layer: access.GrantLayer, What: "grants of the key"}}, want: access.Depends}, []string{"grants of the key"}},
		{setting{rule: "a key of a kind that is not known", identity: []string{st("Allow", "", "s3:*", `"Resource":"*"`, `"Condition":{"StringEquals":{"aws:ResourceTag/Team":"red"}}`)}, unknown: []string{"aws:ResourceTag/*"}, want: access.Depends}, []string{"aws:ResourceTag/Team"}},
		{setting{rule: "a key of that kind that was given", identity: []string{st("Allow", "", "s3:*", `"Resource":"*"`, `"Condition":{"StringEquals":{"aws:ResourceTag/Team":"red"}}`)}, context: map[string]string{"aws:ResourceTag/Team": "red"}, unknown: []string{"aws:ResourceTag/*"}, want: access.Allowed}, nil},
		{setting{rule: "what follows from the request is known", identity: []string{st("Allow", "", "s3:*", `"Resource":"*"`, `"Condition":{"StringEquals":{"aws:username":"test"}}`)}, unknown: []string{"*"}, want: access.Allowed}, nil},
		{setting{rule: "what would not help is not asked for", identity: []string{mfa}, boundary: []string{st("Allow", "", "ec2:*")}, unknown: []string{"aws:MultiFactorAuthPresent"}, want: access.ImplicitDeny, layer: access.BoundaryLayer}, nil},
		{setting{rule: "a variable that is not known", identity: []string{st("Allow", "", "s3:*", `"Resource":"arn:aws:s3:::${aws:PrincipalTag/team}/*"`)}, unknown: []string{"aws:PrincipalTag/team"}, want: access.Depends}, []string{"aws:PrincipalTag/team"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			s := c.setting
			if s.who.Type == "" {
				s.who = user("test")
			}
			if s.action == "" {
				s.action, s.resource = "s3:GetObject", bucket
			}
			d := s.decide(t)
			if d.Outcome != c.want || c.layer != "" && d.Layer != c.layer {
				t.Errorf("%s by %s\n%s", d.Outcome, d.Layer, d.Explain())
			}
			if diff := cmp.Diff(c.missing, d.Missing); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDerivedKeys: IAM guide, "AWS global condition context keys": what follows
// from who asks for what need not be given.
func TestDerivedKeys(t *testing.T) {
	t.Parallel()
	tagged := user("test")
	tagged.Tags = map[string]string{"Team": "red"}
	for _, c := range []struct {
		rule      string
		who       access.Principal
		condition string
		want      bool
	}{
		{"a user's ARN", user("test"), `"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:user/test"}`, true},
		{"a session's is its role's", session(), `"ArnEquals":{"aws:PrincipalArn":"` + roleARN + `"}`, true},
		{"the account", session(), `"StringEquals":{"aws:PrincipalAccount":"123456789012"}`, true},
		{"a user's type", user("test"), `"StringEquals":{"aws:PrincipalType":"User"}`, true},
		{"a session's type", session(), `"StringEquals":{"aws:PrincipalType":"AssumedRole"}`, true},
		{"a session's id", session(), `"StringLike":{"aws:userid":"AROACKCEVSQ6C2EXAMPLE:*"}`, true},
		{"a user's name", user("test"), `"StringEquals":{"aws:username":"test"}`, true},
		{"a session has no user name", session(), `"Null":{"aws:username":"true"}`, true},
		{"a tag, by a name without case", tagged, `"StringEquals":{"aws:PrincipalTag/team":"red"}`, true},
		{"a tag that is not there", tagged, `"StringEquals":{"aws:PrincipalTag/cost":"red"}`, false},
		{"the resource's account", user("test"), `"StringEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}`, true},
		{"a user is no service", user("test"), `"Bool":{"aws:PrincipalIsAWSService":"false"}`, true},
		{"a user is no service's name", user("test"), `"Null":{"aws:PrincipalServiceName":"true"}`, true},
		{"the caller's account, for KMS only", user("test"), `"Null":{"kms:CallerAccount":"true"}`, true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			s := setting{who: c.who, action: "s3:GetObject", resource: bucket, identity: []string{st("Allow", "", "*", `"Resource":"*"`, `"Condition":{`+c.condition+`}`)}}
			if d := s.decide(t); d.Allowed() != c.want {
				t.Error(d.Explain())
			}
		})
	}
	run(t, []setting{
		{
			rule: "a service's names", who: ec2Service(), action: "kms:Decrypt", resource: keyARN, owner: account, kind: access.KMSKey,
			resources: []string{st("Allow", `{"Service":"ec2.eu-west-1.amazonaws.com"}`, "kms:Decrypt", `"Resource":"*"`,
				`"Condition":{"Bool":{"aws:PrincipalIsAWSService":"true"},"StringEquals":{"aws:PrincipalServiceName":"ec2.eu-west-1.amazonaws.com"},
				"ForAnyValue:StringEquals":{"aws:PrincipalServiceNamesList":"ec2.amazonaws.com"},"Null":{"aws:PrincipalArn":"true","kms:CallerAccount":"true"}}`)},
			want: access.Allowed,
		},
		{
			rule: "the caller's account for KMS", who: user("test"), action: "kms:Decrypt", resource: keyARN,
			identity: []string{st("Allow", "", "*", `"Resource":"*"`, `"Condition":{"StringEquals":{"kms:CallerAccount":"123456789012"}}`)}, want: access.Allowed,
		},
		{
			rule: "a key that was given counts", who: user("test"), action: "kms:Decrypt", resource: keyARN, context: map[string]string{"aws:PrincipalAccount": "000000000000"},
			identity: []string{st("Allow", "", "*", `"Resource":"*"`, `"Condition":{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}`)}, want: access.ImplicitDeny,
		},
	})
}
