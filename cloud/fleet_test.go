package cloud_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestControllerLaunchesByFleet is a cluster's controller: it launches nodes with
// CreateFleet as its own role, so that role needs the key, and neither the Spot
// nor the node's role helps.
func TestControllerLaunchesByFleet(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	key := s.key()
	_, err := s.root.ec2.CreateLaunchTemplate(ctx, &ec2.CreateLaunchTemplateInput{LaunchTemplateName: aws.String("node"), LaunchTemplateData: &ec2types.RequestLaunchTemplateData{
		ImageId:             aws.String(s.image()),
		BlockDeviceMappings: []ec2types.LaunchTemplateBlockDeviceMappingRequest{{DeviceName: aws.String("/dev/xvda"), Ebs: &ec2types.LaunchTemplateEbsBlockDeviceRequest{VolumeSize: aws.Int32(8), Encrypted: aws.Bool(true), KmsKeyId: &key}}},
	}})
	s.must(err)
	controller := s.controller()
	create := func() *ec2.CreateFleetOutput {
		out, err := controller.ec2.CreateFleet(ctx, &ec2.CreateFleetInput{
			Type: ec2types.FleetTypeInstant,
			LaunchTemplateConfigs: []ec2types.FleetLaunchTemplateConfigRequest{{
				LaunchTemplateSpecification: &ec2types.FleetLaunchTemplateSpecificationRequest{LaunchTemplateName: aws.String("node"), Version: aws.String("$Latest")},
				Overrides: []ec2types.FleetLaunchTemplateOverridesRequest{
					{InstanceType: ec2types.InstanceTypeT3Micro, SubnetId: aws.String("subnet-0123456789abcdef0"), Priority: aws.Float64(1)},
					{InstanceType: ec2types.InstanceTypeT3Small, Priority: aws.Float64(2)},
				},
			}},
			TargetCapacitySpecification: &ec2types.TargetCapacitySpecificationRequest{TotalTargetCapacity: aws.Int32(1), DefaultTargetCapacityType: ec2types.DefaultTargetCapacityTypeSpot},
			TagSpecifications:           []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeInstance, Tags: []ec2types.Tag{{Key: aws.String("node"), Value: aws.String("yes")}}}},
		})
		s.must(err)
		return out
	}
	first := create()
	if len(first.Instances) != 1 || first.Instances[0].InstanceType != ec2types.InstanceTypeT3Small || first.Instances[0].Lifecycle != ec2types.InstanceLifecycleSpot {
		t.Fatalf("the fleet made %+v", first.Instances)
	}
	if len(first.Errors) != 1 || *first.Errors[0].ErrorCode != "InvalidSubnetID.NotFound" {
		t.Errorf("the first choice failed with %+v", first.Errors)
	}
	i := s.await(first.Instances[0].InstanceIds[0], ec2types.InstanceStateNameTerminated)
	if !strings.HasPrefix(reason(i), "Client.InvalidKMSKey.InvalidState") {
		t.Errorf("without the key the node ends with %s", reason(i))
	}
	tags := map[string]string{}
	for _, tag := range i.Tags {
		tags[*tag.Key] = *tag.Value
	}
	if tags["node"] != "yes" || tags["aws:ec2:fleet-id"] != *first.FleetId {
		t.Errorf("the node's tags are %v", tags)
	}
	denied := s.events("GenerateDataKeyWithoutPlaintext")[0]
	if !strings.Contains(*denied.CloudTrailEvent, "assumed-role/controller/karpenter") || !strings.Contains(*denied.CloudTrailEvent, "AccessDenied") {
		t.Errorf("the denied call is %s", *denied.CloudTrailEvent)
	}
	_, err = s.root.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("controller"), PolicyName: aws.String("key"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Resource":"` + key + `","Action":["kms:CreateGrant","kms:Decrypt","kms:DescribeKey","kms:GenerateDataKeyWithoutPlaintext","kms:ReEncrypt*"]}}`)})
	s.must(err)
	second := create()
	s.await(second.Instances[0].InstanceIds[0], ec2types.InstanceStateNameRunning)
	shown, err := s.root.ec2.DescribeFleets(ctx, &ec2.DescribeFleetsInput{FleetIds: []string{*second.FleetId}})
	s.must(err)
	if f := shown.Fleets[0]; *f.FulfilledCapacity != 1 || f.FleetState != ec2types.FleetStateCodeActive || len(f.Instances) != 1 {
		t.Errorf("the fleet is %+v", f)
	}
	gone, err := s.root.ec2.DeleteFleets(ctx, &ec2.DeleteFleetsInput{FleetIds: []string{*second.FleetId}, TerminateInstances: aws.Bool(true)})
	s.must(err)
	if len(gone.SuccessfulFleetDeletions) != 1 {
		t.Errorf("deleted %+v, not %+v", gone.SuccessfulFleetDeletions, gone.UnsuccessfulFleetDeletions)
	}
	s.await(second.Instances[0].InstanceIds[0], ec2types.InstanceStateNameTerminated)
}

// controller is a session of a role that may launch, and has no key.
func (s *stage) controller() clients {
	s.Helper()
	ctx := s.Context()
	_, err := s.root.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("controller"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`)})
	s.must(err)
	_, err = s.root.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("controller"), PolicyArn: aws.String(fullAccess)})
	s.must(err)
	person := s.user("operator", "arn:aws:iam::aws:policy/AdministratorAccess")
	out, err := person.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/controller"), RoleSessionName: aws.String("karpenter")})
	s.must(err)
	return s.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
}

// TestFleetRefusals: what CreateFleet refuses as a whole.
func TestFleetRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	config := []ec2types.FleetLaunchTemplateConfigRequest{{LaunchTemplateSpecification: &ec2types.FleetLaunchTemplateSpecificationRequest{LaunchTemplateName: aws.String("none"), Version: aws.String("1")}}}
	one := &ec2types.TargetCapacitySpecificationRequest{TotalTargetCapacity: aws.Int32(1)}
	for _, test := range []struct {
		name, code string
		in         *ec2.CreateFleetInput
	}{
		{"a template that is not there", "InvalidLaunchTemplateName.NotFoundException", &ec2.CreateFleetInput{Type: ec2types.FleetTypeInstant, LaunchTemplateConfigs: config, TargetCapacitySpecification: one}},
		{"a total price", "UnsupportedOperation", &ec2.CreateFleetInput{Type: ec2types.FleetTypeMaintain, LaunchTemplateConfigs: config, TargetCapacitySpecification: one, SpotOptions: &ec2types.SpotOptionsRequest{MaxTotalPrice: aws.String("1")}}},
		{"what only an instant fleet has", "InvalidParameterCombination", &ec2.CreateFleetInput{LaunchTemplateConfigs: config, TargetCapacitySpecification: one, SpotOptions: &ec2types.SpotOptionsRequest{SingleInstanceType: aws.Bool(true)}}},
		{"what only a fleet has that maintains", "InvalidParameterCombination", &ec2.CreateFleetInput{Type: ec2types.FleetTypeRequest, LaunchTemplateConfigs: config, TargetCapacitySpecification: one, ReplaceUnhealthyInstances: aws.Bool(true)}},
		{"an end in the past", "InvalidParameterValue", &ec2.CreateFleetInput{LaunchTemplateConfigs: config, TargetCapacitySpecification: one, ValidUntil: aws.Time(time.Unix(1, 0))}},
		{"no capacity to request", "InvalidTargetCapacitySpecification", &ec2.CreateFleetInput{Type: ec2types.FleetTypeRequest, LaunchTemplateConfigs: config, TargetCapacitySpecification: &ec2types.TargetCapacitySpecificationRequest{TotalTargetCapacity: aws.Int32(0)}}},
		{"more of the parts than of the whole", "InvalidTargetCapacitySpecification", &ec2.CreateFleetInput{Type: ec2types.FleetTypeInstant, LaunchTemplateConfigs: config, TargetCapacitySpecification: &ec2types.TargetCapacitySpecificationRequest{TotalTargetCapacity: aws.Int32(1), SpotTargetCapacity: aws.Int32(2)}}},
	} {
		_, err := s.root.ec2.CreateFleet(t.Context(), test.in)
		if err == nil {
			t.Errorf("%s: the fleet was made", test.name)
			continue
		}
		wantCode(t, err, test.code)
	}
}
