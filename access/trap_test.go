package access_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/access"
)

// TestKeyWithoutPolicyGivesAReason: KMS guide, "Determining access to AWS KMS
// keys": without a key policy nobody has permission, and the decision says so.
func TestKeyWithoutPolicyGivesAReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule string
		kind access.ResourceKind
		who  access.Principal
		note string
	}{
		{"a user with all permissions", access.KMSKey, user("test"), "the key has no policy that names the account, so nobody can use it"},
		{"the root user", access.KMSKey, root(), "the key has no policy that names the account, so nobody can use it"},
		{"a role", access.RoleTrust, user("test"), "the role has no trust policy"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			r := access.Request{Principal: c.who, Action: "kms:Decrypt", Resource: keyARN}
			r.Context.SetUnknown("x:k")
			p := access.Policies{
				Identity: []access.Document{doc(t, "identity", all...), {Name: "a policy that is gone"}},
				Resource: &access.ResourcePolicy{Kind: c.kind},
			}
			d := access.Decide(r, p)
			if d.Outcome != access.ImplicitDeny || access.Check(&r, &p) != d.Outcome {
				t.Error(d.Explain())
			}
			if !strings.Contains(d.Explain(), c.note) {
				t.Errorf("no reason %q in\n%s", c.note, d.Explain())
			}
		})
	}
}

// TestReasonsNameTheirPlace: file, line and column as editors read them, and
// the JSON path of the element that did not fit.
func TestReasonsNameTheirPlace(t *testing.T) {
	t.Parallel()
	d := document(t, "grants for EC2", articlePolicy)
	d.File = "policies/ec2.json"
	r := articleRequest()
	r.Context.Set("kms:GrantIsForAWSResource", "false")
	got := access.Decide(r, access.Policies{Identity: []access.Document{d}, Resource: keyPolicy(t, defaultKeyPolicy)})
	if want := "grants for EC2, statement 1, policies/ec2.json:3:16 (Allow)"; !strings.Contains(got.Explain(), want) {
		t.Errorf("no %q in\n%s", want, got.Explain())
	}
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"file":"policies/ec2.json"`, `"path":"Statement[0].Condition.Bool.kms:GrantIsForAWSResource"`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("no %s in\n%s", want, raw)
		}
	}
}

// TestSettleAsJSON: the form is stable; members are only ever added.
func TestSettleAsJSON(t *testing.T) {
	t.Parallel()
	r := access.Request{Principal: user("test"), Action: "s3:GetObject", Resource: bucket}
	r.Context.SetUnknown("x:k")
	p := access.Policies{
		Identity: []access.Document{doc(t, "identity", st("Allow", "", "s3:*", `"Resource":"*"`, `"Condition":{"StringEquals":{"x:k":"a"}}`))},
		Unread:   []access.UnreadLayer{{Layer: access.ServiceControlLayer, What: "SCPs"}},
	}
	raw, err := json.Marshal(access.Decide(r, p))
	if err != nil {
		t.Fatal(err)
	}
	const want = `"missing":["x:k","SCPs"],"settle":[` +
		`{"key":"x:k","deny":[{"absent":true},{"values":["x"],"example":true}],"open":[{"values":["a"]}]},` +
		`{"layer":"service control policy","document":"SCPs","deny":[{"says":"it does not allow"},{"says":"it denies"}],"open":[{"says":"it allows"}]}]`
	if !strings.Contains(string(raw), want) {
		t.Errorf("no %s in\n%s", want, raw)
	}
}
