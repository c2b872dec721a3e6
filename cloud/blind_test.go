package cloud_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/diagnose"
)

// TestEnoughPermissions: the policy that the doctor asks for is enough for the
// whole diagnosis, and everything is read.
func TestEnoughPermissions(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.deniedStart()
	doctor := s.user("doctor")
	s.allow("doctor", "read", diagnose.PermissionsPolicy())
	r := s.diagnose(doctor, id, "")
	s.wantCause(r, diagnose.IdentityMissing, "No identity-based policy of user test")
}

// everyPermission is the environment variable that has every scenario played
// without each of the permissions, which takes some minutes.
const everyPermission = "KEYTURN_EVERY_PERMISSION"

// blind asks again as a doctor who lacks one permission, for each: the cause is the
// same, or what is missing is said. Nothing else is ever blamed.
func (s *scenario) blind() error {
	s.whole = s.report

	doctor, ok := s.people["doctor"]
	if !ok {
		doctor = s.user("doctor")
		s.people["doctor"] = doctor
	}
	for i, missing := range diagnose.Permissions() {
		// Each scenario tries a third of them: there are many scenarios.
		skipped := os.Getenv(everyPermission) == "" && (i+len(s.Name()))%3 != 0
		if missing == "ec2:DescribeInstances" || skipped {
			continue // without the instance nothing begins: TestDiagnoseCannotBegin
		}
		var rest []string
		for _, p := range diagnose.Permissions() {
			if p != missing {
				rest = append(rest, `"`+p+`"`)
			}
		}
		s.allow("doctor", "read", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Resource":"*","Action":[`+strings.Join(rest, ",")+`]}}`)
		r, err := s.ask(doctor, s.asked[0], s.asked[1])
		if err != nil && strings.Contains(err.Error(), missing) {
			continue
		}
		if err != nil {
			return err
		}
		if r.Cause != nil && s.known(r.Cause) {
			continue
		}
		if r.Outcome != diagnose.NoConclusion {
			return fmt.Errorf("without %s the doctor says %s: %s", missing, r.Outcome, r.Summary)
		}
		named := strings.Contains(r.Summary.String(), missing)
		for _, u := range r.Unread {
			named = named || u.Call == missing && u.Denied
		}
		if !named {
			return fmt.Errorf("without %s the doctor does not say what is missing: %s, %+v", missing, r.Summary, r.Unread)
		}
	}
	return nil
}

// nearlyAllowed are the causes that are a permission that is missing, with what
// somebody wrote in its place.
var nearlyAllowed = []diagnose.CauseKind{diagnose.ConditionMismatch, diagnose.ResourceMismatch, diagnose.ActionMisspelt, diagnose.ActionMissing, diagnose.PrincipalMismatch, diagnose.StalePrincipal}

// known tells whether a cause is one of those that the whole report has. Of a
// statement that does not fit for a condition, who cannot read it may say that
// none allows: that is what the event says, and the fix is the same.
func (s *scenario) known(c *diagnose.Cause) bool {
	for _, w := range append([]diagnose.Cause{*s.whole.Cause}, s.whole.Further...) {
		missing := slices.Contains(nearlyAllowed, w.Kind) && (c.Kind == diagnose.IdentityMissing || c.Kind == diagnose.KeyPolicyMissing)
		controlled := (w.Kind == diagnose.ServiceControlPolicy || w.Kind == diagnose.ResourceControlPolicy) && c.Kind == diagnose.ControlPolicy
		if c.Kind == w.Kind || (missing || controlled) && c.Layer == w.Layer {
			return true
		}
	}
	return false
}

// deniedStart is an instance that user test cannot start for want of the article's
// permission.
func (s *stage) deniedStart() string {
	s.Helper()
	id := s.stopped(volume{"/dev/xvda", s.key(), true})
	s.start(s.user("test", fullAccess), id)
	s.await(id, ec2types.InstanceStateNameStopped)
	return id
}
