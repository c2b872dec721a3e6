package cloud_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

const taggingRole = "arn:aws:iam::123456789012:role/aws-ec2-spot-fleet-tagging-role"

// givenRole makes the role that a Spot Fleet is given.
func (s *stage) givenRole(trusts string) {
	s.Helper()
	ctx := s.Context()
	name := aws.String("aws-ec2-spot-fleet-tagging-role")
	_, err := s.root.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"` + trusts + `"},"Action":"sts:AssumeRole"}}`)})
	s.must(err)
	_, err = s.root.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: aws.String("arn:aws:iam::aws:policy/service-role/AmazonEC2SpotFleetTaggingRole")})
	s.must(err)
}

// specified is a Spot Fleet of launch specifications.
func (s *stage) specified(units int32, key string) *ec2types.SpotFleetRequestConfigData {
	s.Helper()
	l := ec2types.SpotFleetLaunchSpecification{
		ImageId: aws.String(s.image()), InstanceType: ec2types.InstanceTypeT3Micro,
		TagSpecifications: []ec2types.SpotFleetTagSpecification{{ResourceType: ec2types.ResourceTypeInstance, Tags: []ec2types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}}},
	}
	if key != "" {
		l.BlockDeviceMappings = []ec2types.BlockDeviceMapping{{DeviceName: aws.String("/dev/xvda"), Ebs: &ec2types.EbsBlockDevice{Encrypted: aws.Bool(true), KmsKeyId: &key}}}
	}
	return &ec2types.SpotFleetRequestConfigData{IamFleetRole: aws.String(taggingRole), TargetCapacity: &units, LaunchSpecifications: []ec2types.SpotFleetLaunchSpecification{l}}
}

func (s *stage) spotFleet(id string) ec2types.SpotFleetRequestConfig {
	s.Helper()
	out, err := s.root.ec2.DescribeSpotFleetRequests(s.Context(), &ec2.DescribeSpotFleetRequestsInput{SpotFleetRequestIds: []string{id}})
	s.must(err)
	return out.SpotFleetRequestConfigs[0]
}

func (s *stage) awaitSpotFleet(id, what string, is func(ec2types.SpotFleetRequestConfig) bool) ec2types.SpotFleetRequestConfig {
	s.Helper()
	for range 300 {
		if f := s.spotFleet(id); is(f) {
			return f
		}
		s.cloud.Advance(time.Second)
		time.Sleep(5 * time.Millisecond)
	}
	f := s.spotFleet(id)
	s.Fatalf("the Spot Fleet never was %s: it is %s, %s; history: %v", what, f.SpotFleetRequestState, f.ActivityStatus, s.spotFleetHistory(id))
	return f
}

func (s *stage) spotFleetHistory(id string) []string {
	s.Helper()
	out, err := s.root.ec2.DescribeSpotFleetRequestHistory(s.Context(), &ec2.DescribeSpotFleetRequestHistoryInput{SpotFleetRequestId: &id, StartTime: aws.Time(time.Unix(0, 0))})
	s.must(err)
	var all []string
	for _, r := range out.HistoryRecords {
		all = append(all, string(r.EventType)+" "+*r.EventInformation.EventSubType)
	}
	return all
}

func spotFulfilled(f ec2types.SpotFleetRequestConfig) bool {
	return f.ActivityStatus == ec2types.ActivityStatusFulfilled && f.SpotFleetRequestState == ec2types.BatchStateActive
}

// TestSpotFleet lives from its request to its end: Spot's role launches, the
// fleet's terminates, and the one that it was given tags.
func TestSpotFleet(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	s.givenRole("spotfleet.amazonaws.com")
	key := s.key()
	made, err := s.root.ec2.RequestSpotFleet(ctx, &ec2.RequestSpotFleetInput{SpotFleetRequestConfig: s.specified(2, key)})
	s.must(err)
	id := *made.SpotFleetRequestId
	s.awaitSpotFleet(id, "in error", func(f ec2types.SpotFleetRequestConfig) bool {
		return f.ActivityStatus == ec2types.ActivityStatusError
	})
	denied := *s.events("GenerateDataKeyWithoutPlaintext")[0].CloudTrailEvent
	if !strings.Contains(denied, "assumed-role/AWSServiceRoleForEC2Spot/") || !strings.Contains(denied, "AccessDenied") {
		t.Errorf("the denied call is %s", denied)
	}
	s.grantTo(key, "spot.amazonaws.com/AWSServiceRoleForEC2Spot")
	s.cloud.Advance(13 * time.Minute)
	s.awaitSpotFleet(id, "fulfilled", spotFulfilled)
	out, err := s.root.ec2.DescribeSpotFleetInstances(ctx, &ec2.DescribeSpotFleetInstancesInput{SpotFleetRequestId: &id})
	s.must(err)
	if len(out.ActiveInstances) != 2 {
		t.Fatalf("it has %d instances", len(out.ActiveInstances))
	}
	one := s.instance(*out.ActiveInstances[0].InstanceId)
	tags := map[string]string{}
	for _, tag := range one.Tags {
		tags[*tag.Key] = *tag.Value
	}
	if tags["team"] != "a" || tags["aws:ec2spot:fleet-request-id"] != id || one.SpotInstanceRequestId == nil {
		t.Errorf("its instance has the tags %v, and is of the request %v", tags, one.SpotInstanceRequestId)
	}
	if by := *s.events("CreateTags")[0].CloudTrailEvent; !strings.Contains(by, "assumed-role/aws-ec2-spot-fleet-tagging-role/") {
		t.Errorf("it was tagged by %s", by)
	}
	_, err = s.root.ec2.ModifySpotFleetRequest(ctx, &ec2.ModifySpotFleetRequestInput{SpotFleetRequestId: &id, TargetCapacity: aws.Int32(1)})
	s.must(err)
	s.awaitSpotFleet(id, "smaller", func(f ec2types.SpotFleetRequestConfig) bool {
		return spotFulfilled(f) && *f.SpotFleetRequestConfig.FulfilledCapacity == 1
	})
	if by := *s.events("TerminateInstances")[0].CloudTrailEvent; !strings.Contains(by, "assumed-role/AWSServiceRoleForEC2SpotFleet/") {
		t.Errorf("its instance was ended by %s", by)
	}
	gone, err := s.root.ec2.CancelSpotFleetRequests(ctx, &ec2.CancelSpotFleetRequestsInput{SpotFleetRequestIds: []string{id, "sfr-01234567-89ab-cdef-0123-456789abcdef", "sfr-x"}, TerminateInstances: aws.Bool(true)})
	s.must(err)
	if ok := gone.SuccessfulFleetRequests; len(ok) != 1 || ok[0].CurrentSpotFleetRequestState != ec2types.BatchStateCancelledTerminatingInstances || ok[0].PreviousSpotFleetRequestState != ec2types.BatchStateActive {
		t.Errorf("cancelled %+v", ok)
	}
	if u := gone.UnsuccessfulFleetRequests; len(u) != 2 || u[0].Error.Code != ec2types.CancelBatchErrorCodeFleetRequestIdDoesNotExist || u[1].Error.Code != ec2types.CancelBatchErrorCodeFleetRequestIdMalformed {
		t.Errorf("not cancelled %+v", u)
	}
	s.awaitSpotFleet(id, "cancelled", func(f ec2types.SpotFleetRequestConfig) bool {
		return f.SpotFleetRequestState == ec2types.BatchStateCancelled
	})
	history := s.spotFleetHistory(id)
	for _, want := range []string{"fleetRequestChange submitted", "instanceChange launched", "information launchSpecTemporarilyBlacklisted", "error allLaunchSpecsTemporarilyBlacklisted", "fleetRequestChange modify_succeeded", "instanceChange termination_notified", "fleetRequestChange cancelled_terminating", "fleetRequestChange cancelled"} {
		if !slices.Contains(history, want) {
			t.Errorf("the history lacks %s: %v", want, history)
		}
	}
	fleets, err := s.root.ec2.DescribeFleets(ctx, &ec2.DescribeFleetsInput{})
	s.must(err)
	if len(fleets.Fleets) != 0 {
		t.Errorf("a Spot Fleet is shown as a fleet: %+v", fleets.Fleets)
	}
}

// TestSpotFleetRole: a fleet whose role does not let it in does nothing.
func TestSpotFleetRole(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	_, err := s.root.ec2.RequestSpotFleet(ctx, &ec2.RequestSpotFleetInput{SpotFleetRequestConfig: s.specified(1, "")})
	if err == nil {
		t.Fatal("a fleet was made with a role that is not there")
	}
	wantCode(t, err, "InvalidSpotFleetRequestConfig")
	if !strings.Contains(err.Error(), "Parameter: SpotFleetRequestConfig.IamFleetRole is invalid.") {
		t.Error(err)
	}
	s.givenRole("spotfleet.amazonaws.com")

	// Who has no iam:PassRole on the role cannot give it away.
	me := s.user("test", fullAccess)
	_, err = me.ec2.RequestSpotFleet(ctx, &ec2.RequestSpotFleetInput{SpotFleetRequestConfig: s.specified(1, "")})
	if err == nil {
		t.Fatal("a fleet was given a role without iam:PassRole")
	}
	wantCode(t, err, "UnauthorizedOperation")
	if !strings.Contains(err.Error(), "iam:PassRole on resource: "+taggingRole) {
		t.Error(err)
	}
	s.allow("test", "pass", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:PassRole","Resource":"`+taggingRole+`","Condition":{"StringEquals":{"iam:PassedToService":"spotfleet.amazonaws.com"}}}}`)
	made, err := me.ec2.RequestSpotFleet(ctx, &ec2.RequestSpotFleetInput{SpotFleetRequestConfig: s.specified(1, "")})
	s.must(err)
	_, err = s.root.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("aws-ec2-spot-fleet-tagging-role"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
	s.must(err)
	s.awaitSpotFleet(*made.SpotFleetRequestId, "in error", func(f ec2types.SpotFleetRequestConfig) bool {
		return f.ActivityStatus == ec2types.ActivityStatusError
	})
	if history := s.spotFleetHistory(*made.SpotFleetRequestId); !slices.Contains(history, "error iamFleetRoleInvalid") || slices.Contains(history, "instanceChange launched") {
		t.Errorf("the history is %v", history)
	}
}

// TestSpotFleetRefusals: what a Spot Fleet cannot be.
func TestSpotFleetRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.givenRole("spotfleet.amazonaws.com")
	s.nodeTemplate("node", "")
	for _, test := range []struct {
		name          string
		change        func(*ec2types.SpotFleetRequestConfigData)
		code, message string
	}{
		{"neither template nor specification", func(d *ec2types.SpotFleetRequestConfigData) { d.LaunchSpecifications = nil }, "InvalidSpotFleetRequestConfig", "LaunchSpecifications"},
		{"both", func(d *ec2types.SpotFleetRequestConfigData) {
			d.LaunchTemplateConfigs = []ec2types.LaunchTemplateConfig{{LaunchTemplateSpecification: &ec2types.FleetLaunchTemplateSpecification{LaunchTemplateName: aws.String("node"), Version: aws.String("1")}}}
		}, "InvalidParameterCombination", "not both"},
		{"On-Demand without a template", func(d *ec2types.SpotFleetRequestConfigData) { d.OnDemandTargetCapacity = aws.Int32(1) }, "InvalidSpotFleetRequestConfig", "OnDemandTargetCapacity"},
		{"too large a target", func(d *ec2types.SpotFleetRequestConfigData) { d.TargetCapacity = aws.Int32(10001) }, "InvalidSpotFleetRequestConfig", "TargetCapacity"},
		{"no target to request", func(d *ec2types.SpotFleetRequestConfigData) {
			d.Type, d.TargetCapacity = ec2types.FleetTypeRequest, aws.Int32(0)
		}, "InvalidSpotFleetRequestConfig", "TargetCapacity"},
		{"an instant one", func(d *ec2types.SpotFleetRequestConfigData) { d.Type = ec2types.FleetTypeInstant }, "InvalidSpotFleetRequestConfig", "Type"},
		{"an end in the past", func(d *ec2types.SpotFleetRequestConfigData) { d.ValidUntil = aws.Time(time.Unix(1, 0)) }, "InvalidSpotFleetRequestConfig", "ValidUntil"},
		{"load balancers", func(d *ec2types.SpotFleetRequestConfigData) {
			d.LoadBalancersConfig = &ec2types.LoadBalancersConfig{ClassicLoadBalancersConfig: &ec2types.ClassicLoadBalancersConfig{ClassicLoadBalancers: []ec2types.ClassicLoadBalancer{{Name: aws.String("x")}}}}
		}, "UnsupportedOperation", "LoadBalancersConfig"},
		{"tags of volumes", func(d *ec2types.SpotFleetRequestConfigData) {
			d.LaunchSpecifications[0].TagSpecifications[0].ResourceType = ec2types.ResourceTypeVolume
		}, "InvalidParameterValue", "not a valid taggable resource type"},
	} {
		d := s.specified(1, "")
		test.change(d)
		_, err := s.root.ec2.RequestSpotFleet(t.Context(), &ec2.RequestSpotFleetInput{SpotFleetRequestConfig: d})
		if err == nil {
			t.Errorf("%s: the fleet was made", test.name)
			continue
		}
		wantCode(t, err, test.code)
		if !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	prices, err := s.root.ec2.DescribeSpotPriceHistory(t.Context(), &ec2.DescribeSpotPriceHistoryInput{})
	s.must(err)
	if len(prices.SpotPriceHistory) != 0 {
		t.Errorf("there are prices: %+v", prices.SpotPriceHistory)
	}
}
