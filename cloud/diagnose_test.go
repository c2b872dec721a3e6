package cloud_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/diagnose"
)

// diagnose asks the doctor, as by.
func (s *stage) diagnose(by clients, id string) *diagnose.Report {
	s.Helper()
	s.cloud.Advance(2e9)
	r, err := diagnose.Run(s.Context(), diagnose.Clients{EC2: by.ec2, KMS: by.kms, IAM: by.iam, CloudTrail: by.trail, STS: by.sts},
		diagnose.Options{Instance: id, Region: region})
	if err != nil {
		s.Fatal(err)
	}
	if testing.Verbose() {
		if err := r.WriteText(os.Stdout, diagnose.Style{}); err != nil {
			s.Error(err)
		}
	}
	return r
}

func TestDiagnoseArticle(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	id := s.stopped(volume{"/dev/xvda", key, true}, volume{"/dev/sdf", key, true})
	user := s.user("test", fullAccess)
	s.start(user, id)
	s.await(id, ec2types.InstanceStateNameStopped)
	r := s.diagnose(s.root, id)
	if r.Cause == nil || r.Cause.Kind != diagnose.IdentityMissing {
		t.Fatalf("%s: %s", r.Outcome, r.Summary)
	}
	_ = strings.TrimSpace
	_ = aws.String
}
