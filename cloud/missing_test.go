package cloud_test

import (
	"testing"

	"github.com/keyturn/keyturn/internal/diagnose"
)

// TestMissingPermissions: with the policies that the reports print, one after the
// other, a doctor who may see the instance alone comes to read everything.
func TestMissingPermissions(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.deniedStart()
	doctor := s.user("doctor")
	s.allow("doctor", "see", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:DescribeInstances","Resource":"*"}}`)
	var r *diagnose.Report
	for round := range 8 {
		r = s.diagnose(doctor, id, "")
		t.Logf("%s: %s\n%s", r.Outcome, r.Summary, r.Missing)
		if r.Missing == "" {
			break
		}
		s.allow("doctor", "round-"+string(rune('a'+round)), r.Missing)
	}
	s.wantCause(r, diagnose.IdentityMissing, "No identity-based policy of user test")
}
