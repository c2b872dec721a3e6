package requestset

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// Facts are what is known of all requests in question, as a Condition element:
// values by operator and key. They must be what AWS accepts there.
type Facts map[string]map[string][]string

// Set adds a line.
func (f Facts) Set(operator, key string, values ...string) {
	if f[operator] == nil {
		f[operator] = make(map[string][]string)
	}
	f[operator][key] = values
}

// factsOf are the condition keys that follow from the kind of caller (IAM guide,
// "AWS global condition context keys"; KMS guide, "Condition keys for AWS KMS").
// kms:CallerAccount is a key of KMS's requests only. accounts are all that the
// documents name: everybody else is of none of them.
func factsOf(n namedCaller, accounts []string) Facts {
	f := make(Facts)
	c := &n.caller
	switch {
	case c.Account == elsewhere && len(accounts) > 0:
		f.Set("StringNotEquals", "aws:PrincipalAccount", accounts...)
		f.Set("StringNotEquals", "kms:CallerAccount", accounts...)
		var theirs []string
		for _, a := range accounts {
			theirs = append(theirs, "arn:*:*::"+a+":*")
		}
		f.Set("ArnNotLike", "aws:PrincipalArn", theirs...)
		f.Set("Null", "aws:PrincipalAccount", "false")
	case c.Account == elsewhere:
		f.Set("Null", "aws:PrincipalAccount", "false")
	case c.Account != "":
		f.Set("StringEquals", "aws:PrincipalAccount", c.Account)
		f.Set("StringEqualsIfExists", "kms:CallerAccount", c.Account)
	default:
		f.Set("Null", "aws:PrincipalAccount", "true")
		f.Set("Null", "kms:CallerAccount", "true")
		f.Set("Null", "aws:PrincipalArn", "true")
	}
	switch {
	case !n.exact && c.Account != "" && c.Account != elsewhere:
		kind := "user"
		if c.RoleARN != "" {
			kind = "role"
		}
		f.Set("ArnLike", "aws:PrincipalArn", "arn:*:iam::"+c.Account+":"+kind+"/*")
		if len(n.others) > 0 {
			f.Set("ArnNotEquals", "aws:PrincipalArn", n.others...)
		}
	case n.exact && c.RoleARN != "":
		f.Set("StringEquals", "aws:PrincipalArn", c.RoleARN)
	case n.exact && c.ARN != "":
		f.Set("StringEquals", "aws:PrincipalArn", c.ARN)
	}
	service := "false"
	if c.Service != "" {
		service = "true"
		f.Set("StringEquals", "aws:PrincipalServiceName", c.Service)
	}
	f.Set("Bool", "aws:PrincipalIsAWSService", service)
	return f
}

// Given narrows a set to requests of which the facts are true. They go without
// saying, so regions do not tell them. The error says which fact is none that a
// policy could state.
func (s Set) Given(f Facts) (Set, error) {
	// In the old version of the language no value is taken for a variable.
	text, err := json.Marshal(map[string]any{
		"Version": policy.Version2008, "Statement": map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": f},
	})
	if err != nil {
		return Set{}, fmt.Errorf("reading the facts: %w", err)
	}
	p, err := policy.Parse(text)
	if err != nil {
		return Set{}, fmt.Errorf("reading the facts: %w", err)
	}
	statement := p.Statement(0)
	return Set{caller: s.caller, build: func(c *compiler) *formula {
		kids := []*formula{s.formula(c)}
		conditions := statement.Conditions()
		for i := range conditions {
			k := c.condition(&conditions[i], p.Version())
			if k.lit.line != nil {
				k.lit.line.shadow = true
			}
			kids = append(kids, k)
		}
		return and(kids...)
	}}, nil
}

// OnResource narrows a set to requests on one resource, by its ARN.
func (s Set) OnResource(arn string) Set {
	return Set{caller: s.caller, build: func(c *compiler) *formula {
		l := c.languages.intern([]pattern{{text: arn, elems: literalElems(nil, arn)}})
		return and(s.formula(c), literalOf(literal{dim: resourceDim, lang: l}))
	}}
}

// accountsIn are the accounts that documents name as principals or compare
// with, sorted.
func accountsIn(documents []Document) []string {
	var list []string
	for _, d := range documents {
		for i := range d.Policy.Len() {
			s := d.Policy.Statement(i)
			for _, p := range slices.Concat(s.Principals(), s.NotPrincipals()) {
				if _, c, ok := callerNamed(p); ok && c.Account != "" && c.Account != elsewhere {
					list = append(list, c.Account)
				}
			}
			conditions := s.Conditions()
			for j := range conditions {
				c := &conditions[j]
				switch strings.ToLower(c.Key) {
				case "aws:principalaccount", "kms:calleraccount":
				default:
					continue
				}
				for _, v := range c.Values {
					if isAccount(v) {
						list = append(list, v)
					}
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
