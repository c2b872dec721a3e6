package managed_test

import (
	"encoding/json"
	"testing"

	"github.com/keyturn/keyturn/internal/iam/managed"
	"github.com/keyturn/keyturn/policy"
)

func TestKnownPolicies(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, resource string
		version, year  int
	}{
		{"AdministratorAccess", "policy/AdministratorAccess", 1, 2015},
		{"AmazonEC2FullAccess", "policy/AmazonEC2FullAccess", 5, 2015},
		{"AutoScalingServiceRolePolicy", "policy/aws-service-role/AutoScalingServiceRolePolicy", 0, 2018},
		{"AmazonEC2RoleforSSM", "policy/service-role/AmazonEC2RoleforSSM", 0, 2015},
		{"ViewOnlyAccess", "policy/job-function/ViewOnlyAccess", 0, 2016},
	} {
		p, found := managed.Lookup(row.name)
		if !found {
			t.Errorf("%s is not there", row.name)
			continue
		}
		if p.Resource() != row.resource || p.Created.Year() != row.year || row.version != 0 && p.Default != row.version {
			t.Errorf("%s: %s, v%d, of %s", row.name, p.Resource(), p.Default, p.Created)
		}
	}
	for _, name := range []string{"", "A", "zzz", "AdministratorAcces", "AdministratorAccess2", "administratoraccess"} {
		if _, found := managed.Lookup(name); found {
			t.Errorf("%q is there", name)
		}
	}
}

func TestAdministratorAccessAllowsEverything(t *testing.T) {
	t.Parallel()
	p, _ := managed.Lookup("AdministratorAccess")
	v, _ := p.Version(1)
	const want = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	if got := v.Document(); got != want {
		t.Errorf("document = %s", got)
	}
}

// TestEveryPolicyParses reads the whole index and every default document, so
// that no lookup can meet damaged data.
func TestEveryPolicyParses(t *testing.T) {
	t.Parallel()
	n := 0
	for p := range managed.All() {
		n++
		again, found := managed.Lookup(p.Name)
		if !found || again.Resource() != p.Resource() {
			t.Fatalf("%s is listed but not found", p.Name)
		}
		if len(p.Versions) == 0 || len(p.Versions) > 5 || p.Versions[0].Number != p.Default || p.Updated.Before(p.Created) {
			t.Errorf("%s: versions %v, default v%d, %s to %s", p.Name, p.Versions, p.Default, p.Created, p.Updated)
		}
		for i, v := range p.Versions {
			document := []byte(v.Document())
			if i > 0 {
				if !json.Valid(document) {
					t.Errorf("%s v%d is no JSON", p.Name, v.Number)
				}
				continue
			}
			if _, err := policy.Parse(document); err != nil {
				t.Errorf("%s v%d: %v", p.Name, v.Number, err)
			}
		}
	}
	if n < 1500 {
		t.Errorf("%d policies", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		managed.Lookup("AmazonEC2FullAccess")
	}
}
