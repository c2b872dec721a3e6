package diagnose

import (
	"encoding/json"
	"testing"

	"github.com/keyturn/keyturn/policy"
)

// FuzzElements: whatever two policies say, what is left without an element is a
// policy, and not the one that it was taken from.
func FuzzElements(f *testing.F) {
	f.Add(`{"Statement":[]}`, startPolicy)
	f.Add(denyGrants, ec2Everything)
	f.Add(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":"s3:*","NotResource":"*","NotPrincipal":{"AWS":["*"]}}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:a","kms:b"],"Resource":["*","a:*"],"Principal":{"AWS":["123456789012","210987654321"],"Service":"ec2.amazonaws.com"},"Condition":{"StringEquals":{"aws:a":["b","c"]},"Null":{"aws:d":true}}}}`)
	f.Fuzz(func(t *testing.T, was, is string) {
		if _, err := policy.Parse([]byte(was)); err != nil {
			was = ""
		}
		if _, err := policy.Parse([]byte(is)); err != nil {
			return
		}
		var put string
		c := change{slot: slot{name: "p", put: func(_ *Evidence, text string) { put = text }}, was: was, is: is}
		for _, l := range c.less() {
			if l.in == nil {
				continue
			}
			l.in(nil)
			if !json.Valid([]byte(put)) {
				t.Errorf("without %s: %q", l.without, put)
			}
			if sameJSON(json.RawMessage(put), json.RawMessage(is)) {
				t.Errorf("without %s nothing is missing: %s", l.without, put)
			}
		}
	})
}

// FuzzForms: whatever a policy says, Terraform and CloudFormation are told the same.
func FuzzForms(f *testing.F) {
	f.Add(startPolicy)
	f.Add(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"${aws:username}%{x}\u0001\u2028","Condition":{"Bool":{"a":[true,"true",1.5e3]}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := policy.Parse([]byte(text)); err != nil {
			return
		}
		x := Fix{Calls: []Call{putInline("role", "r", "p", text)}}
		put := x.Calls[0].document()
		if put == "" {
			return
		}
		for _, got := range hclPolicies(t, x.hcl()) {
			if !sameValue(t, put, got) {
				t.Errorf("HCL: %s\n%s", put, got)
			}
		}
		got, _ := cloudFormationPolicies(t, x.cloudFormation())
		for _, g := range got {
			if !sameValue(t, put, g) {
				t.Errorf("YAML: %s\n%s", put, g)
			}
		}
	})
}
