package cloud_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// TestRequestedRegion: IAM is in one region, wherever the client thinks it is:
// with an endpoint of their own, clients sign for the region they are set to (IAM
// guide, "AWS global condition context keys", aws:RequestedRegion).
func TestRequestedRegion(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for name, tt := range map[string]struct {
		region   string
		iam, kms bool
	}{
		"ada": {"us-east-1", true, false},
		"bob": {region, false, true},
	} {
		by := s.user(name)
		s.allow(name, "region", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
			"Condition": {"StringEquals": {"aws:RequestedRegion": "`+tt.region+`"}}}}`)
		if _, err := by.iam.ListUsers(t.Context(), &iam.ListUsersInput{}); (err == nil) != tt.iam {
			t.Errorf("allowed in %s, IAM answers %v", tt.region, err)
		}
		if _, err := by.kms.ListKeys(t.Context(), &kms.ListKeysInput{}); (err == nil) != tt.kms {
			t.Errorf("allowed in %s, KMS answers %v", tt.region, err)
		}
	}
}
