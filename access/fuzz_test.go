package access_test

import (
	"strings"
	"testing"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// FuzzDecide decides requests under any documents: no panic, the outcome and
// the decision with reasons agree, and a denial says why.
func FuzzDecide(f *testing.F) {
	f.Add("kms:CreateGrant", keyARN, ec2FullAccess, defaultKeyPolicy, articlePolicy, "true")
	f.Add("s3:GetObject", bucket, `{"Statement":{"Effect":"Deny","NotAction":"s3:*","NotResource":"*"}}`, `{"Statement":[]}`,
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:Get?bject","Resource":"arn:*"}}`, "x")
	f.Add("kms:RetireGrant", "*", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:*","*:*"],"Resource":"arn:aws:kms:*:*:key/${x:v}"}}`,
		`{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"123456789012"},"Action":"*","Resource":"*"}}`,
		`{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ForAllValues:StringLike":{"x:v":"*"}}}}`, "")
	f.Fuzz(func(t *testing.T, action, resource, identity, onResource, limit, value string) {
		var documents [3]*policy.Policy
		for i, text := range []string{identity, onResource, limit} {
			p, err := policy.Parse([]byte(text))
			if err != nil {
				return
			}
			documents[i] = p
		}
		boundary := access.Document{Name: "limit", Policy: documents[2]}
		for _, who := range everybody {
			for _, kind := range []access.ResourceKind{access.OrdinaryResource, access.KMSKey, access.RoleTrust} {
				r := access.Request{Principal: who(), Action: action, Resource: resource, ResourceAccount: account}
				r.Context.Set("x:v", value)
				r.Context.Set("kms:GrantIsForAWSResource", value)
				p := access.Policies{
					Identity: []access.Document{{Name: "identity", Policy: documents[0]}, boundary},
					Resource: &access.ResourcePolicy{Kind: kind, Document: access.Document{Name: "resource", Policy: documents[1]}},
					Grants:   []access.Grant{{ID: "0123", Grantee: value, Operations: []string{strings.TrimPrefix(action, "kms:")}}},
				}
				checkDecision(t, r, p)
				p.Boundary, p.ServiceControl = &boundary, [][]access.Document{{boundary}}
				checkDecision(t, r, p)
			}
		}
	})
}

func checkDecision(t *testing.T, r access.Request, p access.Policies) {
	t.Helper()
	d := access.Decide(r, p)
	if o := access.Check(&r, &p); o != d.Outcome {
		t.Fatalf("Check says %s\n%s", o, d.Explain())
	}
	if (d.Message() == "") != d.Allowed() {
		t.Fatalf("message %q\n%s", d.Message(), d.Explain())
	}
	for _, l := range d.Layers {
		if len(l.Reasons) == 0 && l.Note == "" {
			t.Fatalf("the %s gives no reason\n%s", l.Layer, d.Explain())
		}
	}
	if _, err := d.MarshalJSON(); err != nil {
		t.Fatal(err)
	}
}
