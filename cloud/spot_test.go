package cloud_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// spot asks for a Spot Instance with an encrypted volume and awaits what comes.
func (s *stage) spot(by clients, key string) ec2types.SpotInstanceRequest {
	s.Helper()
	out, err := by.ec2.RequestSpotInstances(s.Context(), &ec2.RequestSpotInstancesInput{LaunchSpecification: &ec2types.RequestSpotLaunchSpecification{
		ImageId: aws.String(s.image()), InstanceType: ec2types.InstanceTypeT3Micro,
		BlockDeviceMappings: []ec2types.BlockDeviceMapping{{DeviceName: aws.String("/dev/xvda"), Ebs: &ec2types.EbsBlockDevice{VolumeSize: aws.Int32(8), Encrypted: aws.Bool(true), KmsKeyId: &key}}},
	}})
	s.must(err)
	r := out.SpotInstanceRequests[0]
	if r.State != ec2types.SpotInstanceStateOpen || *r.Status.Code != "pending-evaluation" {
		s.Errorf("the request begins %s, %s", r.State, *r.Status.Code)
	}
	for range 200 {
		found, err := by.ec2.DescribeSpotInstanceRequests(s.Context(), &ec2.DescribeSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{*r.SpotInstanceRequestId}})
		s.must(err)
		r = found.SpotInstanceRequests[0]
		if r.State != ec2types.SpotInstanceStateOpen && (r.InstanceId == nil || settled[s.instance(*r.InstanceId).State.Name]) {
			return r
		}
		s.cloud.Advance(time.Second)
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatal("the request never came to an end")
	return r
}

// TestSpotRoleNeedsTheKey: the Spot service launches as its service-linked role,
// so that role needs the key, whatever the requester may do (EC2 guide, "Service-
// linked role for Spot Instance requests", on encrypted AMIs and snapshots).
func TestSpotRoleNeedsTheKey(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	_, err := s.user("bare", fullAccess).ec2.RequestSpotInstances(t.Context(), &ec2.RequestSpotInstancesInput{LaunchSpecification: &ec2types.RequestSpotLaunchSpecification{
		ImageId: aws.String(s.image()), InstanceType: ec2types.InstanceTypeT3Micro,
	}})
	if err != nil {
		t.Errorf("AmazonEC2FullAccess may make Spot's service-linked role: %v", err)
	}
	failed := s.spot(s.root, key)
	if failed.InstanceId == nil {
		t.Fatalf("the request is %s: %s", failed.State, *failed.Status.Message)
	}
	i := s.instance(*failed.InstanceId)
	if i.State.Name != ec2types.InstanceStateNameTerminated || reason(i) != "Client.InvalidKMSKey.InvalidState | Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state" {
		t.Errorf("without the key the instance is %s: %s", i.State.Name, reason(i))
	}
	const role = "arn:aws:iam::123456789012:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
	var denied struct {
		UserIdentity struct {
			ARN            string
			SessionContext struct{ SessionIssuer struct{ ARN string } }
		}
		ErrorCode string
	}
	s.must(json.Unmarshal([]byte(*s.events("GenerateDataKeyWithoutPlaintext")[0].CloudTrailEvent), &denied))
	if denied.ErrorCode != "AccessDenied" || denied.UserIdentity.SessionContext.SessionIssuer.ARN != role {
		t.Errorf("denied: %+v", denied)
	}
	// The grant that the guide has people make.
	_, err = s.root.kms.CreateGrant(t.Context(), &kms.CreateGrantInput{KeyId: &key, GranteePrincipal: aws.String(role), Operations: []kmstypes.GrantOperation{
		kmstypes.GrantOperationDecrypt, kmstypes.GrantOperationEncrypt, kmstypes.GrantOperationGenerateDataKey, kmstypes.GrantOperationGenerateDataKeyWithoutPlaintext,
		kmstypes.GrantOperationCreateGrant, kmstypes.GrantOperationDescribeKey, kmstypes.GrantOperationReEncryptFrom, kmstypes.GrantOperationReEncryptTo,
	}})
	s.must(err)
	filled := s.spot(s.root, key)
	i = s.instance(aws.ToString(filled.InstanceId))
	if filled.State != ec2types.SpotInstanceStateActive || i.State.Name != ec2types.InstanceStateNameRunning || i.InstanceLifecycle != ec2types.InstanceLifecycleTypeSpot {
		t.Errorf("with the grant the request is %s, the instance %s: %s", filled.State, i.State.Name, reason(i))
	}
	_, err = s.root.ec2.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{*i.InstanceId}})
	wantCode(t, err, "UnsupportedOperation")
	canceled, err := s.root.ec2.CancelSpotInstanceRequests(t.Context(), &ec2.CancelSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{*filled.SpotInstanceRequestId}})
	s.must(err)
	if got := canceled.CancelledSpotInstanceRequests[0].State; got != ec2types.CancelSpotInstanceRequestStateCancelled {
		t.Errorf("cancelled, the request is %s", got)
	}
	if got := s.instance(*i.InstanceId).State.Name; got != ec2types.InstanceStateNameRunning {
		t.Errorf("cancelling the request left the instance %s", got)
	}
}

// TestPersistentSpotRequestIsFilledAgain, until it is cancelled (EC2 guide, "Spot
// Instance request states").
func TestPersistentSpotRequestIsFilledAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	out, err := s.root.ec2.RequestSpotInstances(t.Context(), &ec2.RequestSpotInstancesInput{
		Type: ec2types.SpotInstanceTypePersistent,
		LaunchSpecification: &ec2types.RequestSpotLaunchSpecification{
			ImageId: aws.String(s.image()), InstanceType: ec2types.InstanceTypeT3Micro,
		},
	})
	s.must(err)
	id := *out.SpotInstanceRequests[0].SpotInstanceRequestId
	filled := func() string {
		for range 200 {
			found, err := s.root.ec2.DescribeSpotInstanceRequests(t.Context(), &ec2.DescribeSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{id}})
			s.must(err)
			if r := found.SpotInstanceRequests[0]; r.State == ec2types.SpotInstanceStateActive {
				return *r.InstanceId
			}
			s.cloud.Advance(2 * time.Second)
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatal("the request is not filled")
		return ""
	}
	end := func(instance string) {
		s.await(instance, ec2types.InstanceStateNameRunning)
		_, err := s.root.ec2.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{instance}})
		s.must(err)
		s.await(instance, ec2types.InstanceStateNameTerminated)
	}
	first := filled()
	end(first)
	second := filled()
	if second == first {
		t.Fatalf("the request is filled with %s again", first)
	}
	_, err = s.root.ec2.CancelSpotInstanceRequests(t.Context(), &ec2.CancelSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{id}})
	s.must(err)
	end(second)
	s.cloud.Advance(10 * time.Minute)
	found, err := s.root.ec2.DescribeSpotInstanceRequests(t.Context(), &ec2.DescribeSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{id}})
	s.must(err)
	if r := found.SpotInstanceRequests[0]; r.State != ec2types.SpotInstanceStateCancelled {
		t.Errorf("cancelled, the request is %s", r.State)
	}
}

// TestSpotByRunInstances: here the caller launches, as on demand; and whoever
// may not make the service-linked role is told so.
func TestSpotByRunInstances(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	in := &ec2.RunInstancesInput{
		ImageId: aws.String(s.image()), InstanceType: ec2types.InstanceTypeT3Micro, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		InstanceMarketOptions: &ec2types.InstanceMarketOptionsRequest{MarketType: ec2types.MarketTypeSpot},
	}
	launcher := s.user("launcher")
	s.allow("launcher", "run", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*"}}`)
	_, err := launcher.ec2.RunInstances(t.Context(), in)
	wantCode(t, err, "AuthFailure.ServiceLinkedRoleCreationNotPermitted")
	_, err = s.root.iam.CreateServiceLinkedRole(t.Context(), &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("spot.amazonaws.com")})
	s.must(err)
	out, err := launcher.ec2.RunInstances(t.Context(), in)
	s.must(err)
	i := s.await(*out.Instances[0].InstanceId, ec2types.InstanceStateNameRunning)
	found, err := s.root.ec2.DescribeSpotInstanceRequests(t.Context(), &ec2.DescribeSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{aws.ToString(i.SpotInstanceRequestId)}})
	s.must(err)
	if r := found.SpotInstanceRequests[0]; r.State != ec2types.SpotInstanceStateActive || *r.InstanceId != *i.InstanceId {
		t.Errorf("the request behind it is %s, of %s", r.State, *r.InstanceId)
	}
	s.allow("launcher", "ondemand", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"*","Condition":{"StringEquals":{"ec2:InstanceMarketType":"spot"}}}}`)
	_, err = launcher.ec2.RunInstances(t.Context(), in)
	wantCode(t, err, "UnauthorizedOperation")
	_, err = s.root.ec2.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{*i.InstanceId}})
	s.must(err)
	s.await(*i.InstanceId, ec2types.InstanceStateNameTerminated)
	found, err = s.root.ec2.DescribeSpotInstanceRequests(t.Context(), &ec2.DescribeSpotInstanceRequestsInput{})
	s.must(err)
	if r := found.SpotInstanceRequests[0]; r.State != ec2types.SpotInstanceStateClosed || *r.Status.Code != "instance-terminated-by-user" {
		t.Errorf("the request ends %s, %s", r.State, *r.Status.Code)
	}
}
