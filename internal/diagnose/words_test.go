package diagnose

import (
	"testing"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// What the catalogue says in English is what the engine says.
func TestEngineWords(t *testing.T) {
	t.Parallel()
	for _, m := range []policy.Mismatch{
		{Element: policy.ConditionElement, Operator: "Bool", Key: "kms:GrantIsForAWSResource", Wanted: []string{"true"}, Saw: []string{"false"}},
		{Element: policy.ConditionElement, Operator: "StringNotEquals", Key: "k", Wanted: []string{"a", "b", "c"}, Absent: true},
		{Element: policy.ResourceElement, Wanted: []string{"1", "2", "3", "4", "5"}, Saw: []string{"100%s"}},
		{Element: policy.NotActionElement, Wanted: []string{"kms:*"}, Saw: []string{"kms:Decrypt"}},
		{Element: policy.ConditionElement, Operator: "StringLike", Key: "k", Unknown: true},
		{Element: policy.ConditionElement, Operator: "StringLike", Key: "k", Wanted: []string{"a"}, Variable: "aws:username"},
		{Element: policy.ConditionElement, Operator: "StringLike", Key: "k", Wanted: []string{"a"}, Variable: "aws:username", Unknown: true},
	} {
		if got := mismatchWords(&m).String(); got != m.String() {
			t.Errorf("got  %s\nwant %s", got, m.String())
		}
	}
	for _, l := range []access.Layer{
		access.IdentityLayer, access.ResourceLayer, access.BoundaryLayer, access.SessionLayer, access.ServiceControlLayer,
		access.ResourceControlLayer, access.EndpointLayer, access.TrustLayer, access.GrantLayer, "another",
	} {
		if got := layerWords(l).String(); got != string(l) {
			t.Errorf("got %s, want %s", got, l)
		}
	}
	for _, name := range []string{"key policy of 1", "session policy of s", "inline policy p of user u", "inline policy p of group g", "inline policy p of role r", "AmazonEC2FullAccess"} {
		if got := documentWords(name).String(); got != name {
			t.Errorf("got %s, want %s", got, name)
		}
	}
}
