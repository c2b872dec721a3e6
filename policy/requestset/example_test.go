package requestset_test

import (
	"fmt"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

func parsed(name, text string) requestset.Document {
	p, err := policy.Parse([]byte(text))
	if err != nil {
		panic(err)
	}
	return requestset.Document{Name: name, Policy: p}
}

// What does a change allow that was not allowed before?
func ExampleNewAccess() {
	before := parsed("before.json", `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}
	]}`)
	after := parsed("after.json", `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"},
		{"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*", "Condition": {"Bool": {"kms:GrantIsForAWSResource": true}}},
		{"Effect": "Deny", "Action": "ec2:TerminateInstances", "Resource": "*"}
	]}`)
	answer := requestset.NewAccess([]requestset.Document{before}, []requestset.Document{after}, requestset.Options{})
	fmt.Println(answer.Any, answer.Complete)
	for _, r := range answer.Regions {
		fmt.Println(r)
	}
	// Output:
	// yes true
	// kms:CreateGrant on every resource where Bool kms:GrantIsForAWSResource true
}

// Which statements of a policy could go?
func ExampleUnneeded() {
	d := parsed("policy.json", `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:*:123456789012:key/*"},
		{"Effect": "Allow", "Action": ["kms:De*", "kms:En*"], "Resource": "*"},
		{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*", "Condition": {
			"NumericLessThan": {"aws:MultiFactorAuthAge": "60"}, "NumericGreaterThan": {"aws:MultiFactorAuthAge": "3600"}}}
	]}`)
	for _, f := range requestset.Unneeded(requestset.Attachment{}, requestset.Options{}, d) {
		fmt.Printf("statement %d is %s\n", f.Statement.Index+1, f.Defect)
	}
	// Output:
	// statement 1 is redundant
	// statement 3 is dead
}
