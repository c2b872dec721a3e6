package cloud_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// report asks for a report of a user or role and waits until it is made.
func (s *stage) report(arn string) map[string]types.ServiceLastAccessed {
	s.Helper()
	ctx := s.Context()
	made, err := s.root.iam.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{Arn: &arn, Granularity: types.AccessAdvisorUsageGranularityTypeActionLevel})
	s.must(err)
	s.cloud.Advance(2 * time.Second)
	for range 400 {
		got, err := s.root.iam.GetServiceLastAccessedDetails(ctx, &iam.GetServiceLastAccessedDetailsInput{JobId: made.JobId})
		s.must(err)
		if got.JobStatus == types.JobStatusTypeCompleted {
			all := map[string]types.ServiceLastAccessed{}
			for _, a := range got.ServicesLastAccessed {
				all[*a.ServiceNamespace] = a
			}
			return all
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatal("the report is not made")
	return nil
}

// TestLastAccessed: reports tell of what users and roles attempted, denied or
// not, through whatever session.
func TestLastAccessed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	user := s.user("person")
	s.allow("person", "some", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["ec2:DescribeInstances","ec2:StopInstances","kms:CreateKey","sts:AssumeRole"],"Resource":"*"},
		{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`)
	role, err := s.root.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("played"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`)})
	s.must(err)
	_, err = s.root.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role.Role.RoleName, PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
	s.must(err)

	before := s.cloud.Now().Add(-time.Second)
	_, err = user.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	s.must(err)
	_, err = user.ec2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{"i-0123456789abcdef0"}})
	if err == nil {
		t.Fatal("stopped what is not there")
	}
	session, err := user.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("session")})
	s.must(err)
	as := s.as(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)
	_, err = as.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{})
	s.must(err)
	s.events("DescribeVolumes") // which are in the store, then

	got := s.report("arn:aws:iam::123456789012:user/person")
	if len(got) != 3 || *got["kms"].TotalAuthenticatedEntities != 0 || got["kms"].LastAuthenticated != nil || *got["sts"].TotalAuthenticatedEntities != 1 {
		t.Errorf("the user's report: %+v", got)
	}
	used := got["ec2"]
	if used.LastAuthenticated == nil || used.LastAuthenticated.Before(before) || *used.LastAuthenticatedEntity != "arn:aws:iam::123456789012:user/person" || *used.LastAuthenticatedRegion != region {
		t.Errorf("EC2: %+v", used)
	}
	if len(used.TrackedActionsLastAccessed) != 1 || *used.TrackedActionsLastAccessed[0].ActionName != "StopInstances" || used.TrackedActionsLastAccessed[0].LastAccessedTime == nil {
		t.Errorf("EC2's actions: %+v", used.TrackedActionsLastAccessed)
	}
	played := s.report(*role.Role.Arn)["ec2"]
	if played.LastAuthenticatedEntity == nil || *played.LastAuthenticatedEntity != *role.Role.Arn {
		t.Errorf("the role's use of EC2: %+v", played)
	}
}
