package policy_test

import (
	"fmt"

	"github.com/keyturn/keyturn/policy"
)

// keys is the simplest policy.Keys: every key is known, and has one value.
type keys map[string]string

func (k keys) Get(key string) (values []string, present, unknown bool) {
	v, ok := k[key]
	return []string{v}, ok, false
}

func Example() {
	p, err := policy.Load([]byte(`{
  "Version": "2012-10-17",
  "Statement": {
    "Effect": "Allow",
    "Action": "kms:CreateGrant",
    "Resource": "arn:aws:kms:*:123456789012:key/*",
    "Condition": {"Bool": {"kms:GrantIsForAWSResource": true}}
  }
}`), policy.IdentityPolicy)
	if err != nil {
		fmt.Println(err)
		return
	}
	key := "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	env := policy.NewEnv("kms:CreateGrant", key, nil, keys{"kms:grantisforawsresource": "false"})
	m := p.Statement(0).Explain(&env)
	fmt.Println(m.Applies)
	for _, f := range m.Failed {
		fmt.Printf("%s: %s\n", f.Position, f)
	}
	// Output:
	// no
	// line 7, column 28: Condition Bool kms:GrantIsForAWSResource wanted true, the request had false
}
