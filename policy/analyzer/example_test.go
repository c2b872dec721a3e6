package analyzer_test

import (
	"fmt"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/analyzer"
)

// A key policy with an action that KMS does not know: no request is ever
// authorized as kms:ReEncrypt.
func Example() {
	report := analyzer.Analyze([]byte(`{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"},
    {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/example"}, "Action": "kms:ReEncrypt", "Resource": "*"}
  ]
}`), analyzer.Options{Kind: policy.KeyPolicy})
	for _, f := range report.Findings {
		fmt.Printf("%s: %s %s at %s\n", f.Position(), f.Type, f.Code, f.Locations[0].Path)
		fmt.Println(f.Details)
	}
	// Output:
	// line 5, column 99: ERROR INVALID_ACTION at Statement[1].Action
	// The action kms:ReEncrypt does not exist. Did you mean kms:ReEncryptFrom or kms:ReEncryptTo or kms:ReEncrypt*?
}
