package policy_test

import (
	"testing"

	"github.com/keyturn/keyturn/policy"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	const spaced = "{ \"Id\":\t\"é\" }\r\n" // 10 characters without white space, 15 with it, 16 bytes
	for _, row := range []struct {
		rule string
		kind policy.Kind
		max  []int
		size int
	}{
		{"inline policies: by their holder, without white space", policy.IdentityPolicy, []int{2048, 5120, 10240}, 10},
		{"managed policy", policy.ManagedPolicy, []int{6144}, 10},
		{"boundary: a managed policy", policy.BoundaryPolicy, []int{6144}, 10},
		{"trust policy", policy.TrustPolicy, []int{2048}, 10},
		{"session policy: with white space", policy.SessionPolicy, []int{2048}, 15},
		{"key policy: in bytes", policy.KeyPolicy, []int{32768}, 16},
		{"service control policy", policy.ServiceControlPolicy, []int{10240}, 15},
		{"resource control policy", policy.ResourceControlPolicy, []int{5120}, 15},
		{"endpoint policy", policy.EndpointPolicy, []int{20480}, 15},
	} {
		limits := policy.Limits(row.kind)
		if len(limits) != len(row.max) {
			t.Errorf("%s: %d limits", row.rule, len(limits))
			continue
		}
		for i, l := range limits {
			if l.Max != row.max[i] || l.Size(spaced) != row.size || l.Name == "" || l.Page == "" {
				t.Errorf("%s: %+v, size %d", row.rule, l, l.Size(spaced))
			}
		}
	}
	if policy.Limits(policy.Kind(99)) != nil {
		t.Error("a kind that is none has limits")
	}
}
