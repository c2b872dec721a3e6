package api

import (
	"bytes"
	"encoding/json"

	"github.com/keyturn/keyturn/policy"
)

// ReplacePrincipals returns the document's text with other principals: those
// for which other returns something. Everything else stays as it was written.
//
// The services that keep policies with principals put the unique ids of users
// and roles in the place of their ARNs: one that is deleted and made anew is
// somebody else (IAM guide, "AWS JSON policy elements: Principal").
func ReplacePrincipals(p *policy.Policy, other func(policy.PrincipalName) (string, error)) (string, error) {
	text := p.Text()
	var out bytes.Buffer
	at := 0
	for i := range p.Len() {
		st := p.Statement(i)
		for _, list := range [][]policy.PrincipalName{st.Principals(), st.NotPrincipals()} {
			for _, n := range list {
				next, err := other(n)
				if err != nil {
					return "", err
				}
				if next == "" || n.Position.Offset < at {
					continue
				}
				quoted, err := json.Marshal(next)
				if err != nil {
					return "", err
				}
				out.WriteString(text[at:n.Position.Offset])
				out.Write(quoted)
				at = n.Position.Offset + n.Length
			}
		}
	}
	out.WriteString(text[at:])
	return out.String(), nil
}
