package cloud_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// nodeTemplate makes a launch template whose root volume is encrypted under a key.
func (s *stage) nodeTemplate(name, key string) {
	s.Helper()
	ebs := &ec2types.LaunchTemplateEbsBlockDeviceRequest{VolumeSize: aws.Int32(8)}
	if key != "" {
		ebs.Encrypted, ebs.KmsKeyId = aws.Bool(true), &key
	}
	_, err := s.root.ec2.CreateLaunchTemplate(s.Context(), &ec2.CreateLaunchTemplateInput{LaunchTemplateName: &name, LaunchTemplateData: &ec2types.RequestLaunchTemplateData{
		ImageId: aws.String(s.image()), InstanceType: ec2types.InstanceTypeT3Micro,
		BlockDeviceMappings: []ec2types.LaunchTemplateBlockDeviceMappingRequest{{DeviceName: aws.String("/dev/xvda"), Ebs: ebs}},
	}})
	s.must(err)
}

// configs are a template with overrides, as fleets take it.
func configs(template string, overrides ...ec2types.FleetLaunchTemplateOverridesRequest) []ec2types.FleetLaunchTemplateConfigRequest {
	return []ec2types.FleetLaunchTemplateConfigRequest{{
		LaunchTemplateSpecification: &ec2types.FleetLaunchTemplateSpecificationRequest{LaunchTemplateName: &template, Version: aws.String("$Latest")}, Overrides: overrides,
	}}
}

func onDemand(units int32) *ec2types.TargetCapacitySpecificationRequest {
	return &ec2types.TargetCapacitySpecificationRequest{TotalTargetCapacity: &units, DefaultTargetCapacityType: ec2types.DefaultTargetCapacityTypeOnDemand}
}

// fleet shows one fleet.
func (s *stage) fleet(id string) ec2types.FleetData {
	s.Helper()
	out, err := s.root.ec2.DescribeFleets(s.Context(), &ec2.DescribeFleetsInput{FleetIds: []string{id}})
	s.must(err)
	return out.Fleets[0]
}

// awaitFleet moves the time on until something holds of the fleet.
func (s *stage) awaitFleet(id, what string, is func(ec2types.FleetData) bool) ec2types.FleetData {
	s.Helper()
	for range 300 {
		if f := s.fleet(id); is(f) {
			return f
		}
		s.cloud.Advance(time.Second)
		time.Sleep(5 * time.Millisecond)
	}
	f := s.fleet(id)
	s.Fatalf("the fleet never was %s: it is %s, %s, %v of %v units; history: %v", what, f.FleetState, f.ActivityStatus, *f.FulfilledCapacity, *f.TargetCapacitySpecification.TotalTargetCapacity, s.history(id))
	return f
}

func fulfilled(f ec2types.FleetData) bool {
	return f.ActivityStatus == ec2types.FleetActivityStatusFulfilled && f.FleetState == ec2types.FleetStateCodeActive
}

// history are the subtypes of a fleet's events.
func (s *stage) history(id string) []string {
	s.Helper()
	out, err := s.root.ec2.DescribeFleetHistory(s.Context(), &ec2.DescribeFleetHistoryInput{FleetId: &id, StartTime: aws.Time(time.Unix(0, 0))})
	s.must(err)
	var all []string
	for _, r := range out.HistoryRecords {
		all = append(all, *r.EventInformation.EventSubType)
	}
	return all
}

func (s *stage) members(id string) []ec2types.ActiveInstance {
	s.Helper()
	out, err := s.root.ec2.DescribeFleetInstances(s.Context(), &ec2.DescribeFleetInstancesInput{FleetId: &id})
	s.must(err)
	return out.ActiveInstances
}

// grantTo lets a role use a key for volumes (EC2 guide, "Grant access to customer
// managed keys for use with encrypted AMIs and EBS snapshots").
func (s *stage) grantTo(key, role string) {
	s.Helper()
	_, err := s.root.kms.CreateGrant(s.Context(), &kms.CreateGrantInput{KeyId: &key, GranteePrincipal: aws.String("arn:aws:iam::123456789012:role/aws-service-role/" + role), Operations: []kmstypes.GrantOperation{
		kmstypes.GrantOperationDecrypt, kmstypes.GrantOperationEncrypt, kmstypes.GrantOperationGenerateDataKey, kmstypes.GrantOperationGenerateDataKeyWithoutPlaintext,
		kmstypes.GrantOperationCreateGrant, kmstypes.GrantOperationDescribeKey, kmstypes.GrantOperationReEncryptFrom, kmstypes.GrantOperationReEncryptTo,
	}})
	s.must(err)
}

// TestFleetNeedsItsRolesGrant: a fleet that launches by itself launches On-Demand
// Instances as its service-linked role and Spot Instances as Spot's, so these
// need the key, and it is of no use that the fleet's maker has it. What cannot
// launch is not tried for ever.
func TestFleetNeedsItsRolesGrant(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, role, session string
		kind                ec2types.DefaultTargetCapacityType
	}{
		{"On-Demand", "ec2fleet.amazonaws.com/AWSServiceRoleForEC2Fleet", "assumed-role/AWSServiceRoleForEC2Fleet/", ec2types.DefaultTargetCapacityTypeOnDemand},
		{"Spot", "spot.amazonaws.com/AWSServiceRoleForEC2Spot", "assumed-role/AWSServiceRoleForEC2Spot/", ec2types.DefaultTargetCapacityTypeSpot},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			key := s.key()
			s.nodeTemplate("node", key)
			made, err := s.root.ec2.CreateFleet(t.Context(), &ec2.CreateFleetInput{
				LaunchTemplateConfigs:       configs("node"),
				TargetCapacitySpecification: &ec2types.TargetCapacitySpecificationRequest{TotalTargetCapacity: aws.Int32(1), DefaultTargetCapacityType: test.kind},
			})
			s.must(err)
			id := *made.FleetId
			if f := s.fleet(id); f.FleetState != ec2types.FleetStateCodeSubmitted || f.Type != ec2types.FleetTypeMaintain {
				t.Errorf("a new fleet is %s, of type %s", f.FleetState, f.Type)
			}
			s.awaitFleet(id, "in error", func(f ec2types.FleetData) bool { return f.ActivityStatus == ec2types.FleetActivityStatusError })
			history := strings.Join(s.history(id), " ")
			if want := "submitted active progress launched terminated progress launched terminated progress launched terminated launchSpecTemporarilyBlacklisted allLaunchSpecsTemporarilyBlacklisted"; history != want {
				t.Errorf("the history is %s\nwant %s", history, want)
			}
			denied := *s.events("GenerateDataKeyWithoutPlaintext")[0].CloudTrailEvent
			if !strings.Contains(denied, test.session) || !strings.Contains(denied, "AccessDenied") {
				t.Errorf("the denied call is %s", denied)
			}
			s.cloud.Advance(5 * time.Minute)
			time.Sleep(50 * time.Millisecond)
			if again := strings.Join(s.history(id), " "); again != history {
				t.Errorf("within minutes it tried again: %s", again)
			}
			s.grantTo(key, test.role)
			s.cloud.Advance(9 * time.Minute)
			f := s.awaitFleet(id, "fulfilled", fulfilled)
			if *f.FulfilledCapacity != 1 {
				t.Errorf("it has %v units", *f.FulfilledCapacity)
			}
			i := s.instance(*s.members(id)[0].InstanceId)
			if spot := i.SpotInstanceRequestId != nil; spot != (test.kind == ec2types.DefaultTargetCapacityTypeSpot) || i.State.Name != ec2types.InstanceStateNameRunning {
				t.Errorf("its instance is %s, of Spot: %v", i.State.Name, spot)
			}
		})
	}
}

// TestFleetMaintains: what ends is replaced, what is too much is ended, by the
// fleet's own role.
func TestFleetMaintains(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	s.nodeTemplate("node", "")
	made, err := s.root.ec2.CreateFleet(ctx, &ec2.CreateFleetInput{
		Type: ec2types.FleetTypeMaintain,
		LaunchTemplateConfigs: configs("node",
			ec2types.FleetLaunchTemplateOverridesRequest{InstanceType: ec2types.InstanceTypeT3Micro, WeightedCapacity: aws.Float64(1), AvailabilityZone: aws.String(region + "a")},
			ec2types.FleetLaunchTemplateOverridesRequest{InstanceType: ec2types.InstanceTypeT3Small, WeightedCapacity: aws.Float64(2), AvailabilityZone: aws.String(region + "b")}),
		SpotOptions:                 &ec2types.SpotOptionsRequest{AllocationStrategy: ec2types.SpotAllocationStrategyDiversified},
		TargetCapacitySpecification: &ec2types.TargetCapacitySpecificationRequest{TotalTargetCapacity: aws.Int32(5), OnDemandTargetCapacity: aws.Int32(1), DefaultTargetCapacityType: ec2types.DefaultTargetCapacityTypeSpot},
		TagSpecifications:           []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeFleet, Tags: []ec2types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}}},
	})
	s.must(err)
	id := *made.FleetId
	f := s.awaitFleet(id, "fulfilled", fulfilled)
	if *f.FulfilledOnDemandCapacity != 1 || *f.FulfilledCapacity != 5 || *f.Tags[0].Value != "a" {
		t.Errorf("the fleet has %v units, %v On-Demand", *f.FulfilledCapacity, *f.FulfilledOnDemandCapacity)
	}
	types := map[string]int{}
	for _, m := range s.members(id) {
		kind := *m.InstanceType
		if m.SpotInstanceRequestId != nil {
			kind += " spot"
		}
		types[kind]++
	}
	// Four units of Spot, as evenly as the weights allow: two of one, one of the other.
	if types["t3.micro"] != 1 || types["t3.micro spot"] != 2 || types["t3.small spot"] != 1 {
		t.Errorf("the fleet's instances are %v", types)
	}
	gone := *s.members(id)[0].InstanceId
	_, err = s.root.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{gone}})
	s.must(err)
	s.await(gone, ec2types.InstanceStateNameTerminated)
	s.awaitFleet(id, "fulfilled again", func(f ec2types.FleetData) bool { return fulfilled(f) && *f.FulfilledCapacity == 5 })
	for _, m := range s.members(id) {
		if *m.InstanceId == gone {
			t.Error("the terminated instance is still of the fleet")
		}
	}
	_, err = s.root.ec2.ModifyFleet(ctx, &ec2.ModifyFleetInput{FleetId: &id, TargetCapacitySpecification: &ec2types.TargetCapacitySpecificationRequest{TotalTargetCapacity: aws.Int32(2), OnDemandTargetCapacity: aws.Int32(0)}})
	s.must(err)
	if f := s.fleet(id); f.FleetState != ec2types.FleetStateCodeModifying {
		t.Errorf("a modified fleet is %s", f.FleetState)
	}
	s.awaitFleet(id, "smaller", func(f ec2types.FleetData) bool { return fulfilled(f) && *f.FulfilledCapacity == 2 })
	if by := *s.events("TerminateInstances")[0].CloudTrailEvent; !strings.Contains(by, "assumed-role/AWSServiceRoleForEC2Fleet/") {
		t.Errorf("the instances were ended by %s", by)
	}
	_, err = s.root.ec2.ModifyFleet(ctx, &ec2.ModifyFleetInput{FleetId: &id, ExcessCapacityTerminationPolicy: ec2types.FleetExcessCapacityTerminationPolicyNoTermination, TargetCapacitySpecification: onDemand(0)})
	s.must(err)
	if f := s.awaitFleet(id, "at its new target", fulfilled); *f.FulfilledCapacity != 2 {
		t.Errorf("without termination of the excess %v units are left", *f.FulfilledCapacity)
	}
	last := s.members(id)
	deleted, err := s.root.ec2.DeleteFleets(ctx, &ec2.DeleteFleetsInput{FleetIds: []string{id, "fleet-01234567-89ab-cdef-0123-456789abcdef", "fleet-x"}, TerminateInstances: aws.Bool(true)})
	s.must(err)
	if len(deleted.SuccessfulFleetDeletions) != 1 || deleted.SuccessfulFleetDeletions[0].CurrentFleetState != ec2types.FleetStateCodeDeletedTerminatingInstances {
		t.Errorf("deleted %+v", deleted.SuccessfulFleetDeletions)
	}
	if u := deleted.UnsuccessfulFleetDeletions; len(u) != 2 || u[0].Error.Code != ec2types.DeleteFleetErrorCodeFleetIdDoesNotExist || u[1].Error.Code != ec2types.DeleteFleetErrorCodeFleetIdMalformed {
		t.Errorf("not deleted %+v", u)
	}
	s.awaitFleet(id, "deleted", func(f ec2types.FleetData) bool { return f.FleetState == ec2types.FleetStateCodeDeleted })
	for _, m := range last {
		s.await(*m.InstanceId, ec2types.InstanceStateNameTerminated)
	}
	again, err := s.root.ec2.DeleteFleets(ctx, &ec2.DeleteFleetsInput{FleetIds: []string{id}, TerminateInstances: aws.Bool(true)})
	s.must(err)
	if u := again.UnsuccessfulFleetDeletions; len(u) != 1 || u[0].Error.Code != ec2types.DeleteFleetErrorCodeFleetNotInDeletableState {
		t.Errorf("deleted again: %+v", again)
	}
	s.cloud.Advance(49 * time.Hour)
	time.Sleep(50 * time.Millisecond)
	_, err = s.root.ec2.DescribeFleets(ctx, &ec2.DescribeFleetsInput{FleetIds: []string{id}})
	if err == nil {
		t.Fatal("the fleet is remembered for ever")
	}
	wantCode(t, err, "InvalidFleetId.NotFound")
}

// TestFleetRequestsOnce: a fleet of the type request launches once, expires, and
// leaves its instances running.
func TestFleetRequestsOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	s.nodeTemplate("node", "")
	made, err := s.root.ec2.CreateFleet(ctx, &ec2.CreateFleetInput{
		Type: ec2types.FleetTypeRequest, LaunchTemplateConfigs: configs("node"), TargetCapacitySpecification: onDemand(2), ValidUntil: aws.Time(s.cloud.Now().Add(time.Hour)),
	})
	s.must(err)
	id := *made.FleetId
	s.awaitFleet(id, "fulfilled", fulfilled)
	two := s.members(id)
	if len(two) != 2 {
		t.Fatalf("it launched %d instances", len(two))
	}
	_, err = s.root.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{*two[0].InstanceId}})
	s.must(err)
	s.await(*two[0].InstanceId, ec2types.InstanceStateNameTerminated)
	s.awaitFleet(id, "short of one", func(f ec2types.FleetData) bool { return *f.FulfilledCapacity == 1 })
	s.cloud.Advance(time.Minute)
	time.Sleep(50 * time.Millisecond)
	if f := s.fleet(id); *f.FulfilledCapacity != 1 || f.ActivityStatus != ec2types.FleetActivityStatusPendingFulfillment {
		t.Errorf("it has %v units and is %s", *f.FulfilledCapacity, f.ActivityStatus)
	}
	_, err = s.root.ec2.ModifyFleet(ctx, &ec2.ModifyFleetInput{FleetId: &id, TargetCapacitySpecification: onDemand(3)})
	if err == nil {
		t.Fatal("a fleet of the type request was modified")
	}
	wantCode(t, err, "UnsupportedOperation")
	s.cloud.Advance(time.Hour)
	s.awaitFleet(id, "expired", func(f ec2types.FleetData) bool { return f.FleetState == ec2types.FleetStateCodeDeletedRunning })
	if i := s.instance(*two[1].InstanceId); i.State.Name != ec2types.InstanceStateNameRunning {
		t.Errorf("after the fleet has expired its instance is %s", i.State.Name)
	}
	_, err = s.root.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{*two[1].InstanceId}})
	s.must(err)
	s.awaitFleet(id, "deleted", func(f ec2types.FleetData) bool { return f.FleetState == ec2types.FleetStateCodeDeleted })
	want := []string{"submitted", "active", "progress", "launched", "launched", "terminated", "expired", "deleted_running", "terminated", "deleted"}
	if got := s.history(id); !slices.Equal(got, want) {
		t.Errorf("the history is %v\nwant %v", got, want)
	}
}

// TestFleetPassesOver: a way that cannot launch is passed over for the next.
func TestFleetPassesOver(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.nodeTemplate("node", "")
	made, err := s.root.ec2.CreateFleet(t.Context(), &ec2.CreateFleetInput{
		LaunchTemplateConfigs: configs("node",
			ec2types.FleetLaunchTemplateOverridesRequest{InstanceType: ec2types.InstanceTypeT3Small, Priority: aws.Float64(2)},
			ec2types.FleetLaunchTemplateOverridesRequest{SubnetId: aws.String("subnet-0123456789abcdef0"), Priority: aws.Float64(1)}),
		OnDemandOptions:             &ec2types.OnDemandOptionsRequest{AllocationStrategy: ec2types.FleetOnDemandAllocationStrategyPrioritized},
		TargetCapacitySpecification: onDemand(1),
	})
	s.must(err)
	s.awaitFleet(*made.FleetId, "fulfilled", fulfilled)
	if m := s.members(*made.FleetId); *m[0].InstanceType != "t3.small" {
		t.Errorf("it launched a %s", *m[0].InstanceType)
	}
	if n := len(s.events("RunInstances")); n != 2 {
		t.Errorf("it tried %d times, want 2", n)
	}
}
