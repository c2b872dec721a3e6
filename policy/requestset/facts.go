package requestset

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// facts are condition keys that follow from who the caller is (IAM guide, "AWS
// global condition context keys"; KMS guide, "Condition keys for AWS KMS"), as a
// Condition element. kms:CallerAccount is a key of KMS's requests only.
type facts map[string]map[string][]string

func (f facts) set(operator, key string, values ...string) {
	if f[operator] == nil {
		f[operator] = make(map[string][]string)
	}
	f[operator][key] = values
}

// factsOf are the facts about one kind of caller. accounts are all that the
// documents name: everybody else is of none of them.
func factsOf(n namedCaller, accounts []string) facts {
	f := make(facts)
	c := &n.caller
	switch {
	case c.Account == elsewhere && len(accounts) > 0:
		f.set("StringNotEquals", "aws:PrincipalAccount", accounts...)
		f.set("StringNotEquals", "kms:CallerAccount", accounts...)
		var theirs []string
		for _, a := range accounts {
			theirs = append(theirs, "arn:*:*::"+a+":*")
		}
		f.set("ArnNotLike", "aws:PrincipalArn", theirs...)
		f.set("Null", "aws:PrincipalAccount", "false")
	case c.Account == elsewhere:
		f.set("Null", "aws:PrincipalAccount", "false")
	case c.Account != "":
		f.set("StringEquals", "aws:PrincipalAccount", c.Account)
		f.set("StringEqualsIfExists", "kms:CallerAccount", c.Account)
	default:
		f.set("Null", "aws:PrincipalAccount", "true")
		f.set("Null", "kms:CallerAccount", "true")
		f.set("Null", "aws:PrincipalArn", "true")
	}
	switch {
	case !n.exact && c.Account != "" && c.Account != elsewhere:
		kind := "user"
		if c.RoleARN != "" {
			kind = "role"
		}
		f.set("ArnLike", "aws:PrincipalArn", "arn:*:iam::"+c.Account+":"+kind+"/*")
		if len(n.others) > 0 {
			f.set("ArnNotEquals", "aws:PrincipalArn", n.others...)
		}
	case n.exact && c.RoleARN != "":
		f.set("StringEquals", "aws:PrincipalArn", c.RoleARN)
	case n.exact && c.ARN != "":
		f.set("StringEquals", "aws:PrincipalArn", c.ARN)
	}
	service := "false"
	if c.Service != "" {
		service = "true"
		f.set("StringEquals", "aws:PrincipalServiceName", c.Service)
	}
	f.set("Bool", "aws:PrincipalIsAWSService", service)
	return f
}

// among narrows a set to requests of which the facts are true. They go without
// saying, so regions do not tell them.
func (s Set) among(f facts) Set {
	text, err := json.Marshal(map[string]any{
		"Version": policy.Version2012, "Statement": map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": f},
	})
	if err != nil {
		panic(fmt.Sprintf("requestset: facts: %v", err))
	}
	p, err := policy.Parse(text)
	if err != nil {
		panic(fmt.Sprintf("requestset: facts: %v", err))
	}
	statement := p.Statement(0)
	return Set{caller: s.caller, build: func(c *compiler) *formula {
		kids := []*formula{s.formula(c)}
		conditions := statement.Conditions()
		for i := range conditions {
			k := c.condition(&conditions[i], policy.Version2012)
			k.lit.line.shadow = true
			kids = append(kids, k)
		}
		return and(kids...)
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
