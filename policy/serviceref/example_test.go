package serviceref_test

import (
	"fmt"

	"github.com/keyturn/keyturn/policy/serviceref"
)

// What is kms:CreateGrant checked on, and can a condition ask whether the grant
// is for an AWS resource?
func Example() {
	action, _ := serviceref.LookupAction("kms:CreateGrant")
	for _, r := range action.ResourcesFor("arn:aws:kms:eu-west-1:123456789012:key/*") {
		fmt.Println(action, "is checked on", r.Type.ARN)
	}
	key, _ := serviceref.LookupKey("kms:grantisforawsresource")
	fmt.Println(key.Name, "is", key.Type, "and exists:", action.HasKey(key.Name))
	// Output:
	// kms:CreateGrant is checked on arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}
	// kms:GrantIsForAWSResource is Bool and exists: true
}
