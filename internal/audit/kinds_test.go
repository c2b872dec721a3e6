package audit

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/internal/diagnose"
)

// finer are causes that the doctor tells apart by what somebody wrote elsewhere. The
// audit counts them as what is missing.
var finer = map[diagnose.CauseKind]bool{diagnose.ActionMissing: true, diagnose.PrincipalMismatch: true}

// TestKindsAreTheDoctors: a cause that is named by its layer has the name that the
// doctor finds for it.
func TestKindsAreTheDoctors(t *testing.T) {
	t.Parallel()
	met := make(map[diagnose.CauseKind]int)
	rapid.Check(t, func(t *rapid.T) {
		s := newSurvey(anyInventory(t))
		s.decideAsks()
		a := rapid.SampledFrom(s.asks).Draw(t, "question")
		for n, c := range s.classes {
			if c.account.ID != a.account || a.answers[n] == 0 {
				continue
			}
			cause := s.causes.list[a.answers[n]]
			k := s.judge.keys.list[a.key]
			if k.Missing || k.Policy == nil || k.GrantsUnread || c.BoundaryUnread {
				continue // what the doctor's evidence says in ways of its own
			}
			if cause.Open || cause.service || a.part == reencryptFrom || a.part == reencryptTo || a.part == attach && a.volume == "" {
				continue // the doctor is asked about a whole start or launch
			}
			met[cause.kind]++
			e := s.evidence(a.region, c.Principal, []int{a.key}, a.volume, a.part != attach)
			missing := cause.kind == diagnose.IdentityMissing || cause.kind == diagnose.KeyPolicyMissing
			if got := diagnose.Judge(e).Cause; got != nil && got.Kind != cause.kind && !(missing && finer[got.Kind]) {
				t.Fatalf("%s with %s: %s, the doctor says %s", c.ARN, k.ARN, cause.kind, got.Kind)
			}
		}
	})
	if len(met) < 6 {
		t.Errorf("only these causes came up: %v", met)
	}
}
