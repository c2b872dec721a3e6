package cloud_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// TestSessionEnds: a session's credentials are good until they expire or the
// role is deleted, and each service says so in its own words.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newStage(t)
	by := s.user("ada")
	session := func(role string) *ststypes.Credentials {
		t.Helper()
		out, err := by.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(s.trusting(role)), RoleSessionName: aws.String("work"), DurationSeconds: aws.Int32(900)})
		s.must(err)
		return out.Credentials
	}
	of := func(c *ststypes.Credentials) clients {
		return s.as(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	}
	lasting, gone := session("lasting"), session("gone")
	for _, c := range []*ststypes.Credentials{lasting, gone} {
		_, err := of(c).sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		s.must(err)
	}
	_, err := s.root.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("gone")})
	s.must(err)
	s.trusting("gone") // another role of that name
	refused := func(c *ststypes.Credentials, query, json, ec2Code string) {
		t.Helper()
		_, err := of(c).sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		wantCode(t, err, query)
		_, err = of(c).kms.ListKeys(ctx, &kms.ListKeysInput{})
		wantCode(t, err, json)
		_, err = of(c).ec2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
		wantCode(t, err, ec2Code)
	}
	refused(gone, "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure")

	// The cloud's clock is moved on, the client's stays where it is.
	s.cloud.Advance(14 * time.Minute)
	_, err = of(lasting).sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	s.must(err)
	s.cloud.Advance(time.Minute)
	refused(lasting, "ExpiredToken", "ExpiredTokenException", "RequestExpired")
	_, err = by.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	s.must(err)
}
