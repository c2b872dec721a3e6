package access_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
)

// TestMessages: IAM guide, "Troubleshoot access denied error messages".
func TestMessages(t *testing.T) {
	t.Parallel()
	const test = "User: arn:aws:iam::123456789012:user/test is not authorized to perform: "
	trust := []string{`{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`}
	deny := []string{st("Deny", "", "*")}
	denyAll := []string{st("Deny", `"*"`, "*")}
	nothing := []string{st("Allow", "", "x:*")}
	for _, c := range []struct {
		setting
		message string
	}{
		{setting{rule: "identity, implicit"}, "because no identity-based policy allows the s3:GetObject action"},
		{setting{rule: "identity, explicit", identity: deny}, "with an explicit deny in an identity-based policy"},
		{setting{rule: "resource, implicit", owner: other, identity: all}, "because no resource-based policy allows the s3:GetObject action"},
		{setting{rule: "resource, explicit", identity: all, resources: denyAll}, "with an explicit deny in a resource-based policy"},
		{setting{rule: "boundary, implicit", identity: all, boundary: nothing}, "because no permissions boundary allows the s3:GetObject action"},
		{setting{rule: "boundary, explicit", identity: all, boundary: deny}, "with an explicit deny in a permissions boundary"},
		{setting{rule: "session, implicit", identity: all, session: nothing}, "because no session policy allows the s3:GetObject action"},
		{setting{rule: "session, explicit", identity: all, session: deny}, "with an explicit deny in a session policy"},
		{setting{rule: "SCP, implicit", identity: all, scp: [][]string{nothing}}, "because no service control policy allows the s3:GetObject action"},
		{setting{rule: "SCP, explicit", identity: all, scp: [][]string{deny}}, "with an explicit deny in a service control policy"},
		{setting{rule: "RCP, explicit", identity: all, rcp: [][]string{denyAll}}, "with an explicit deny in a resource control policy"},
		{setting{rule: "endpoint, implicit", identity: all, endpoint: []string{st("Allow", `"*"`, "x:*")}}, "because no VPC endpoint policy allows the s3:GetObject action"},
		{setting{rule: "endpoint, explicit", identity: all, endpoint: denyAll}, "with an explicit deny in a VPC endpoint policy"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			s := c.setting
			s.who, s.action, s.resource = user("test"), "s3:GetObject", bucket
			want := test + "s3:GetObject on resource: " + bucket + " " + c.message
			if got := s.decide(t).Message(); got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	}
	kms := []string{st("Allow", aws(other), "kms:*")}
	for _, c := range []struct {
		setting
		message string
	}{
		{setting{rule: "trust, implicit", who: user("test"), action: "sts:AssumeRole", resource: targetARN, kind: access.RoleTrust, resources: trust, identity: all}, test + "sts:AssumeRole on resource: " + targetARN + " because no role trust policy allows the sts:AssumeRole action"},
		{setting{rule: "trust, explicit", who: user("test"), action: "sts:AssumeRole", resource: targetARN, kind: access.RoleTrust, resources: []string{`{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}`}, identity: all}, test + "sts:AssumeRole on resource: " + targetARN + " with an explicit deny in the role trust policy"},
		{setting{rule: "an action without resource", who: user("test"), action: "ec2:DescribeInstances", resource: "*"}, test + "ec2:DescribeInstances because no identity-based policy allows the ec2:DescribeInstances action"},
		{setting{rule: "a role session is shown as the session", who: session(), action: "ec2:DescribeInstances", resource: "*"}, "User: " + sessARN + " is not authorized to perform: ec2:DescribeInstances because no identity-based policy allows the ec2:DescribeInstances action"},
		{setting{rule: "a key of another account", who: user("test"), action: "kms:CreateGrant", resource: otherKey, owner: other, kind: access.KMSKey, resources: kms, identity: all}, test + "kms:CreateGrant on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"},
		{setting{rule: "a key of another account that denies", who: user("test"), action: "kms:CreateGrant", resource: otherKey, owner: other, kind: access.KMSKey, resources: []string{st("Deny", `"*"`, "kms:*")}, identity: all}, test + "kms:CreateGrant on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"},
		{setting{rule: "a service that the key does not know", who: ec2Service(), action: "kms:Decrypt", resource: keyARN, owner: account, kind: access.KMSKey, resources: kms}, "User: ec2.eu-west-1.amazonaws.com is not authorized to perform: kms:Decrypt on resource: " + keyARN + " because no resource-based policy allows the kms:Decrypt action"},
		{setting{rule: "a key that does not delegate", who: user("test"), action: "kms:Decrypt", resource: keyARN, kind: access.KMSKey, resources: kms, identity: all}, test + "kms:Decrypt on resource: " + keyARN + " because no resource-based policy allows the kms:Decrypt action"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			if got := c.decide(t).Message(); got != c.message {
				t.Errorf("\n got %s\nwant %s", got, c.message)
			}
		})
	}
}

func TestMessageWithPolicy(t *testing.T) {
	t.Parallel()
	d := doc(t, "DenyAll", st("Deny", "", "*"))
	d.ARN = "arn:aws:iam::123456789012:policy/DenyAll"
	got := access.Decide(access.Request{Principal: user("test"), Action: "s3:GetObject", Resource: bucket}, access.Policies{Identity: []access.Document{d}})
	const want = "User: arn:aws:iam::123456789012:user/test is not authorized to perform: s3:GetObject on resource: " + bucket +
		" with an explicit deny in an identity-based policy: arn:aws:iam::123456789012:policy/DenyAll"
	if m := got.MessageWithPolicy(); m != want {
		t.Errorf("\n got %s\nwant %s", m, want)
	}
}

// articleDirect is the article's last claim: a grant made without an AWS
// service in between.
func articleDirect(t testing.TB) access.Decision {
	r := articleRequest()
	r.Context.Set("kms:GrantIsForAWSResource", "false")
	return access.Decide(r, access.Policies{
		Identity: []access.Document{document(t, "AmazonEC2FullAccess", ec2FullAccess), document(t, "CreateGrantForEC2", articlePolicy)},
		Resource: keyPolicy(t, defaultKeyPolicy),
	})
}

func TestExplain(t *testing.T) {
	t.Parallel()
	want := `denied: kms:CreateGrant on ` + keyARN + `
  by arn:aws:iam::123456789012:user/test
  no identity-based policy allows it

resource-based policy: allows
  the key policy lets IAM policies of account 123456789012 decide about kms:CreateGrant
  applies: key policy, statement 1 "Enable IAM User Permissions", line 4 (Allow)

identity-based policy: silent
  no statement of the principal's identity-based policies allows kms:CreateGrant here
  does not apply: CreateGrantForEC2, statement 1, line 3 (Allow): Condition Bool kms:GrantIsForAWSResource wanted true, the request had false
`
	if diff := cmp.Diff(want, articleDirect(t).Explain()); diff != "" {
		t.Error(diff)
	}
}

func TestDecisionAsJSON(t *testing.T) {
	t.Parallel()
	raw, err := json.MarshalIndent(articleDirect(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Outcome, Layer, Message string
		Request                 struct {
			Principal struct{ Type, ARN string }
			Action    string
			Context   map[string][]string
		}
		Layers []struct {
			Layer, Verdict, Note string
			Reasons              []struct {
				Document  string
				Statement int
				Line      int
				Match     bool
				Failed    *struct {
					Element, Operator, Key, Text string
					Wanted, Saw                  []string
				}
			}
		}
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	if d.Outcome != "implicitDeny" || d.Layer != "identity-based policy" || !strings.HasPrefix(d.Message, "User: ") {
		t.Errorf("%+v", d)
	}
	if d.Request.Principal.Type != "IAMUser" || d.Request.Context["kms:grantisforawsresource"][0] != "false" {
		t.Errorf("%+v", d.Request)
	}
	best := d.Layers[1].Reasons[0]
	if best.Document != "CreateGrantForEC2" || best.Line != 3 || best.Match || best.Failed.Key != "kms:GrantIsForAWSResource" ||
		!cmp.Equal(best.Failed.Wanted, []string{"true"}) || !cmp.Equal(best.Failed.Saw, []string{"false"}) {
		t.Errorf("%+v %+v", best, best.Failed)
	}
	again, err := json.MarshalIndent(articleDirect(t), "", "  ")
	if err != nil || string(again) != string(raw) {
		t.Errorf("the form is not stable: %v", err)
	}
}
