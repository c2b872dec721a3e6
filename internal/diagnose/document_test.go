package diagnose

import (
	"testing"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// FuzzDocument: a policy that the doctor edits stays a policy, with the
// statements that it had.
func FuzzDocument(f *testing.F) {
	for _, text := range []string{
		ec2Everything, denyGrants, startPolicy, `{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}`,
		`{"Version": "2012-10-17", "Id": "x", "Statement": [` + rootStatement + `]}`,
		`{"Statement": [{"Effect": "Deny", "NotAction": ["a:b"], "NotResource": "*", "Condition": {"BoolIfExists": {"aws:SecureTransport": false}}}]}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := policy.Parse([]byte(text))
		if err != nil {
			return
		}
		more, err := withStatements(text, statement{Sid: "More", Effect: "Allow", Action: "kms:CreateGrant", Resource: "*"})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		q, err := policy.Parse([]byte(more))
		if err != nil {
			t.Fatalf("%s became\n%s: %v", text, more, err)
		}
		if q.Len() != p.Len()+1 || q.Version() != p.Version() || q.ID() != p.ID() {
			t.Errorf("%s became\n%s", text, more)
		}
		for i := range p.Len() {
			was := p.Statement(i)
			edited, err := withCondition(text, i, "BoolIfExists", "kms:GrantIsForAWSResource", "false")
			if err != nil {
				continue
			}
			q, err := policy.Parse([]byte(edited))
			if err != nil {
				t.Fatalf("%s became\n%s: %v", text, edited, err)
			}
			is := q.Statement(i)
			if q.Len() != p.Len() || is.Effect() != was.Effect() || is.Sid() != was.Sid() || len(is.Conditions()) != len(was.Conditions())+1 {
				t.Errorf("statement %d of %s became\n%s", i, text, edited)
			}
		}
	})
}

// TestExemptLeavesTheRestDenied: what the edited Deny lets through is the grant
// for an AWS resource alone.
func TestExemptLeavesTheRestDenied(t *testing.T) {
	t.Parallel()
	failing := &trial{request: access.Request{Action: "kms:CreateGrant"}}
	text, ok := exempt(denyGrants, 1, failing)
	if !ok {
		t.Fatal("not edited")
	}
	all := must("all", "", `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`)
	edited := must("edited", "", text)
	for _, row := range []struct {
		name, action, aws string
		want              access.Outcome
	}{
		{"grant for an AWS resource", "kms:CreateGrant", "true", access.Allowed},
		{"grant for anybody", "kms:CreateGrant", "false", access.ExplicitDeny},
		{"grant that does not say", "kms:CreateGrant", "", access.ExplicitDeny},
		{"decryption", "kms:Decrypt", "", access.ExplicitDeny},
		{"another service", "s3:GetObject", "", access.Allowed},
	} {
		r := access.Request{Principal: article().Caller.Principal, Action: row.action, Resource: "*"}
		if row.aws != "" {
			r.Context.Set("kms:GrantIsForAWSResource", row.aws)
		}
		p := access.Policies{Identity: []access.Document{all, edited}}
		if got := access.Decide(r, p).Outcome; got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

// TestExemptEnds: a Deny that tests both conditions already and still denies is
// left to a person.
func TestExemptEnds(t *testing.T) {
	t.Parallel()
	failing := &trial{request: access.Request{Action: "kms:CreateGrant"}}
	text := denyGrants
	for range 2 {
		edited, ok := exempt(text, 1, failing)
		if !ok {
			t.Fatalf("not edited:\n%s", text)
		}
		text = edited
	}
	if again, ok := exempt(text, 1, failing); ok {
		t.Errorf("edited a third time:\n%s", again)
	}
}
