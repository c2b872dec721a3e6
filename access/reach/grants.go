package reach

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

// grants is what the key's grants let the principal do (KMS guide, "Grants in
// AWS KMS"). Each is read as the statement that says the same: its operations,
// with its constraints as conditions on the encryption context. A grant that
// lets its grantee create grants, or retire it, has rules that no statement
// states; such operations count as allowed here, so that nothing in reach is
// left out.
func (w *world) grants() requestset.Set {
	var s requestset.Set
	if w.resource.Kind != access.KMSKey {
		return s
	}
	for i := range w.policies.Grants {
		g := &w.policies.Grants[i]
		given := requestset.Granted(mine, requestset.Document{Name: "grant " + g.ID, Policy: statementOf(g)})
		switch {
		case w.isGrantee(g):
			s = s.Or(given)
		case w.principal.Account != "" && g.Grantee == "arn:"+w.partition()+":iam::"+w.principal.Account+":root":
			// For the account: its own policies decide who of it.
			s = s.Or(given.And(w.own()))
		}
	}
	return s
}

func (w *world) partition() string {
	if w.principal.Partition == "" {
		return "aws"
	}
	return w.principal.Partition
}

func (w *world) isGrantee(g *access.Grant) bool {
	p := &w.principal
	for _, name := range [...]string{p.ARN, p.RoleARN, p.ServicePrincipal, p.RoleID} {
		if name != "" && name == g.Grantee {
			return true
		}
	}
	return p.Type == access.User && p.UserID != "" && p.UserID == g.Grantee
}

// statementOf writes a grant as a policy. DescribeKey and RetireGrant know no
// encryption context.
func statementOf(g *access.Grant) *policy.Policy {
	var with, without []string
	for _, o := range g.Operations {
		switch o {
		case "DescribeKey", "RetireGrant":
			without = append(without, "kms:"+o)
		default:
			with = append(with, "kms:"+o)
		}
	}
	statements := []any{}
	if len(with) > 0 {
		s := map[string]any{"Effect": "Allow", "Action": with, "Resource": "*"}
		if c := constraints(g); len(c) > 0 {
			s["Condition"] = c
		}
		statements = append(statements, s)
	}
	if len(without) > 0 {
		statements = append(statements, map[string]any{"Effect": "Allow", "Action": without, "Resource": "*"})
	}
	// The old version of the language takes no value for a variable.
	text, err := json.Marshal(map[string]any{"Version": policy.Version2008, "Statement": statements})
	if err != nil {
		panic("reach: a grant is no policy: " + err.Error())
	}
	p, err := policy.Parse(text)
	if err != nil {
		panic("reach: a grant is no policy: " + err.Error())
	}
	return p
}

func constraints(g *access.Grant) requestset.Facts {
	f := make(requestset.Facts)
	for _, pairs := range [...]map[string]string{g.ContextEquals, g.ContextSubset} {
		for name, value := range pairs {
			f.Set("StringEquals", "kms:EncryptionContext:"+name, value)
		}
	}
	if g.ContextEquals != nil {
		f.Set("ForAllValues:StringEquals", "kms:EncryptionContextKeys", slices.Sorted(maps.Keys(g.ContextEquals))...)
	}
	return f
}
