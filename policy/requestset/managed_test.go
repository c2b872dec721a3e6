package requestset_test

import (
	"testing"

	"github.com/keyturn/keyturn/internal/iam/managed"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

func managedPolicy(t testing.TB, m managed.Policy) requestset.Document {
	t.Helper()
	v, ok := m.Version(m.Default)
	if !ok {
		t.Fatalf("%s has no version %d", m.Name, m.Default)
	}
	p, err := policy.Parse([]byte(v.Document()))
	if err != nil {
		t.Fatalf("%s: %v", m.Name, err)
	}
	return requestset.Document{Name: m.Name, Policy: p}
}

func managedNamed(t testing.TB, name string) requestset.Document {
	t.Helper()
	m, ok := managed.Lookup(name)
	if !ok {
		t.Fatalf("there is no policy %s", name)
	}
	return managedPolicy(t, m)
}

// TestManagedPolicies: every policy that AWS publishes allows nothing beyond
// itself, nor beyond AdministratorAccess, and both are decided.
func TestManagedPolicies(t *testing.T) {
	t.Parallel()
	everything := requestset.Allowed(managedNamed(t, "AdministratorAccess"))
	n := 0
	for m := range managed.All() {
		d := managedPolicy(t, m)
		s := requestset.Allowed(d)
		if a := s.Minus(s).Find(requestset.Options{}); a.Any != policy.No {
			t.Errorf("%s beyond itself: %v %v %v", m.Name, a.Any, a.Regions, a.Doubt)
		}
		if a := s.Minus(everything).Find(requestset.Options{}); a.Any != policy.No {
			t.Errorf("%s beyond AdministratorAccess: %v %v %v", m.Name, a.Any, a.Regions, a.Doubt)
		}
		n++
	}
	if n < 1000 {
		t.Errorf("%d policies, expected over a thousand", n)
	}
}
