package requestset_test

import (
	"testing"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

// BenchmarkNewAccess asks what one policy of AWS's allows beyond another: the
// article's fix, and the largest that there are.
func BenchmarkNewAccess(b *testing.B) {
	ec2 := managedNamed(b, "AmazonEC2FullAccess")
	fix := doc(b, st("Allow", "kms:CreateGrant", keyARN, `"Bool":{"kms:GrantIsForAWSResource":"true"}`))
	for _, c := range []struct {
		name              string
		existing, updated []requestset.Document
		want              policy.Truth
	}{
		{"article", []requestset.Document{ec2}, []requestset.Document{ec2, fix}, policy.Yes},
		{"ViewOnlyAccess beyond ReadOnlyAccess", []requestset.Document{managedNamed(b, "ReadOnlyAccess")}, []requestset.Document{managedNamed(b, "ViewOnlyAccess")}, policy.Yes},
		{"ReadOnlyAccess beyond itself", []requestset.Document{managedNamed(b, "ReadOnlyAccess")}, []requestset.Document{managedNamed(b, "ReadOnlyAccess")}, policy.No},
		{"PowerUserAccess beyond AdministratorAccess", []requestset.Document{managedNamed(b, "AdministratorAccess")}, []requestset.Document{managedNamed(b, "PowerUserAccess")}, policy.No},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if a := requestset.NewAccess(c.existing, c.updated, requestset.Options{}); a.Any != c.want {
					b.Fatalf("%v", a.Any)
				}
			}
		})
	}
}
