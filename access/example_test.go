package access_test

import (
	"fmt"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

func ExampleDecide() {
	parse := func(name, text string) access.Document {
		p, err := policy.Parse([]byte(text))
		if err != nil {
			panic(err)
		}
		return access.Document{Name: name, Policy: p}
	}
	request := access.Request{
		Principal: access.Principal{
			Type: access.User, Partition: "aws", Account: "123456789012", Name: "test",
			ARN: "arn:aws:iam::123456789012:user/test", UserID: "AIDACKCEVSQ6C2EXAMPLE",
		},
		Action:   "kms:CreateGrant",
		Resource: "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
	}
	request.Context.Set("kms:GrantIsForAWSResource", "true")
	policies := access.Policies{
		Identity: []access.Document{parse("ec2", `{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]
}`)},
		Resource: &access.ResourcePolicy{Kind: access.KMSKey, Document: parse("key policy", `{
  "Version": "2012-10-17",
  "Statement": [{
    "Sid": "Enable IAM User Permissions", "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"
  }]
}`)},
	}
	fmt.Print(access.Decide(request, policies).Explain())
	// Output:
	// denied: kms:CreateGrant on arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
	//   by arn:aws:iam::123456789012:user/test
	//   no identity-based policy allows it
	//
	// resource-based policy: allows
	//   the key policy lets IAM policies of account 123456789012 decide about kms:CreateGrant
	//   applies: key policy, statement 1 "Enable IAM User Permissions", line 3 (Allow)
	//
	// identity-based policy: silent
	//   no statement of the principal's identity-based policies allows kms:CreateGrant here
}
