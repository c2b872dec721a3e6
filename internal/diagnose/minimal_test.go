package diagnose

import (
	"strings"
	"testing"
)

// minimality is what the fix of a row is to be: minimal, unless something could
// not be read.
func (r *causeRow) minimality() Minimality {
	if len(r.evidence().Unread) > 0 {
		return MinimalityOpen
	}
	return Minimal
}

// TestWidenedFixIsNotMinimal: a fix with anything more than the start needs does
// not pass, and the proof names what is too much.
func TestWidenedFixIsNotMinimal(t *testing.T) {
	t.Parallel()
	inline := func(text string) func(e *Evidence) Fix {
		return func(e *Evidence) Fix {
			var f Fix
			e.puts(&f, addedSlot(inlineOf("user", "test", "wide")), text)
			return f
		}
	}
	allow := func(statements ...string) string {
		return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	}
	const start = `{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"` + testKey + `","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}`
	deny := func(e *Evidence) {
		e.Caller.Identity = append(e.Caller.Identity, held("start", startPolicy), held("never", denyGrants))
	}
	for _, c := range []struct {
		name    string
		prepare func(*Evidence)
		fix     func(*Evidence) Fix
		want    Minimality
		surplus string
	}{
		{"what the start needs", nil, inline(allow(start)), Minimal, ""},
		{"an action more", nil, inline(allow(strings.Replace(start, `"kms:CreateGrant"`, `["kms:CreateGrant","kms:RevokeGrant"]`, 1))), NotMinimal, "without Action kms:RevokeGrant"},
		{"a wildcard for the action", nil, inline(allow(strings.Replace(start, `kms:CreateGrant`, `kms:*`, 1))), NotMinimal, "kms:"},
		{"any resource", nil, inline(allow(strings.Replace(start, testKey, "*", 1))), NotMinimal, "kms:CreateGrant"},
		{"another key besides", nil, inline(allow(strings.Replace(start, `"`+testKey+`"`, `["`+testKey+`","`+otherKey+`"]`, 1))), NotMinimal, "without Resource " + otherKey},
		{"the condition left out", nil, inline(allow(strings.Replace(start, `,"Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}`, "", 1))), NotMinimal, "kms:CreateGrant"},
		{"a statement more", nil, inline(allow(start, strings.Replace(start, "kms:CreateGrant", "kms:RetireGrant", 1))), NotMinimal, "without statement 2"},
		{"the same statement for any service", nil, inline(allow(strings.Replace(start, `"Bool":{"kms:GrantIsForAWSResource":"true"}`, `"StringLike":{"kms:ViaService":"*"}`, 1))), NotMinimal, "kms:CreateGrant"},
		{"a value more in a condition", nil, inline(allow(strings.Replace(start, `"Bool":{"kms:GrantIsForAWSResource":"true"}`, `"StringEquals":{"kms:ViaService":["ec2.eu-west-1.amazonaws.com","rds.eu-west-1.amazonaws.com"]}`, 1))), NotMinimal, "rds.eu-west-1"},
		{"the Deny statement exempts what EC2 asks", deny, func(e *Evidence) Fix {
			text, _ := withCondition(denyGrants, 1, "BoolIfExists", "kms:GrantIsForAWSResource", "false")
			var f Fix
			e.puts(&f, heldSlot(&e.Caller.Identity[2]), text)
			return f
		}, Minimal, ""},
		{"the Deny statement exempts the caller whatever they ask", deny, func(e *Evidence) Fix {
			text, _ := withCondition(denyGrants, 1, "StringNotEquals", "aws:username", "test")
			e.Caller.Identity = append(e.Caller.Identity, held("keys", strings.Replace(ec2Everything, "ec2:", "kms:", 1)))
			var f Fix
			e.puts(&f, heldSlot(&e.Caller.Identity[2]), text)
			return f
		}, NotMinimal, "kms:"},
		{"the Deny statement exempts another besides", deny, func(e *Evidence) Fix {
			text, _ := withCondition(denyGrants, 1, "StringNotEqualsIfExists", "kms:ViaService", []string{"ec2.eu-west-1.amazonaws.com", "rds.eu-west-1.amazonaws.com"})
			var f Fix
			e.puts(&f, heldSlot(&e.Caller.Identity[2]), text)
			return f
		}, NotMinimal, "rds.eu-west-1"},
		{"a key policy for the whole account", nil, func(e *Evidence) Fix {
			var f Fix
			text, _ := withStatements(e.Keys[0].Policy.Policy.Text(), statement{Effect: "Allow", Principal: map[string][]string{"AWS": {testUser, "arn:aws:iam::123456789012:role/other"}}, Action: "kms:CreateGrant", Resource: "*", Condition: operators{"Bool": {"kms:GrantIsForAWSResource": "true"}}})
			e.puts(&f, keyPolicySlot(testKey), text)
			return f
		}, NotMinimal, "without Principal arn:aws:iam::123456789012:role/other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := article()
			if c.prepare != nil {
				c.prepare(e)
			}
			fixes := []Fix{c.fix(e)}
			after := e.clone()
			if !after.takes(fixes) {
				t.Fatal("the fix cannot be applied")
			}
			p := prove(e, after, e.try(), &Cause{Keys: []string{testKey}}, fixes)
			if !p.Sufficient {
				t.Fatal("the fix is not enough")
			}
			if p.Minimal != c.want {
				t.Errorf("minimal: %s, want %s: %v", p.Minimal, c.want, p.Surplus)
			}
			var said []string
			for _, s := range p.Surplus {
				said = append(said, s.String())
			}
			if (c.want == Minimal) != (len(said) == 0) || !strings.Contains(strings.Join(said, "\n"), c.surplus) {
				t.Errorf("it says %q, want %q", said, c.surplus)
			}
		})
	}
}
