package cloud_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestRevokedSessions: the policy that the console puts on a role to revoke its
// sessions ends those from before, and none of those after (IAM guide, "Revoke
// IAM role temporary security credentials").
func TestRevokedSessions(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newStage(t)
	by := s.user("ada")
	role := s.trusting("deploy")
	put := func(name, document string) {
		t.Helper()
		_, err := s.root.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("deploy"), PolicyName: &name, PolicyDocument: &document})
		s.must(err)
	}
	session := func() clients {
		t.Helper()
		out, err := by.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("work")})
		s.must(err)
		return s.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	}
	list := func(c clients) error {
		_, err := c.kms.ListKeys(ctx, &kms.ListKeysInput{})
		return err
	}
	put("work", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}]}`)
	before := session()
	s.must(list(before))

	s.cloud.Advance(time.Minute)
	put("AWSRevokeOlderSessions", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],
		"Condition":{"DateLessThan":{"aws:TokenIssueTime":"`+s.cloud.Now().UTC().Format(time.RFC3339)+`"}}}]}`)
	wantCode(t, list(before), "AccessDeniedException")
	s.cloud.Advance(time.Minute)
	s.must(list(session()))
	wantCode(t, list(before), "AccessDeniedException")
}
