package cloud_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// template makes a launch template whose root volume is encrypted with a key,
// and a second version that is another type.
func (s *stage) template(name, key string) string {
	s.Helper()
	made, err := s.root.ec2.CreateLaunchTemplate(s.Context(), &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: &name, LaunchTemplateData: &ec2types.RequestLaunchTemplateData{
			ImageId: aws.String(s.image()), InstanceType: ec2types.InstanceTypeT3Micro,
			BlockDeviceMappings: []ec2types.LaunchTemplateBlockDeviceMappingRequest{{
				DeviceName: aws.String("/dev/xvda"), Ebs: &ec2types.LaunchTemplateEbsBlockDeviceRequest{Encrypted: aws.Bool(true), KmsKeyId: &key},
			}},
		},
	})
	s.must(err)
	_, err = s.root.ec2.CreateLaunchTemplateVersion(s.Context(), &ec2.CreateLaunchTemplateVersionInput{
		LaunchTemplateName: &name, SourceVersion: aws.String("1"),
		LaunchTemplateData: &ec2types.RequestLaunchTemplateData{InstanceType: ec2types.InstanceTypeT3Small},
	})
	s.must(err)
	return *made.LaunchTemplate.LaunchTemplateId
}

func fromTemplate(name, version string) func(*autoscaling.CreateAutoScalingGroupInput) {
	return func(in *autoscaling.CreateAutoScalingGroupInput) {
		in.LaunchConfigurationName = nil
		in.LaunchTemplate = &astypes.LaunchTemplateSpecification{LaunchTemplateName: &name, Version: &version}
	}
}

// TestGroupOfLaunchTemplate: who makes a group of a template is asked for what a
// launch from it needs, in a dry run; the launch itself is the role's, and its
// key must let the role make grants.
func TestGroupOfLaunchTemplate(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	id := s.template("web", key)
	user := s.user("test")
	s.allow("test", "scaling", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["autoscaling:*", "iam:CreateServiceLinkedRole"], "Resource": "*"}}`)
	in := &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String("g"), MinSize: aws.Int32(1), MaxSize: aws.Int32(2), AvailabilityZones: zones,
	}
	fromTemplate("web", "1")(in)
	_, err := user.scaling.CreateAutoScalingGroup(t.Context(), in)
	wantCode(t, err, "AccessDenied")
	if err == nil || !strings.Contains(err.Error(), "You are not authorized to use launch template: web") {
		t.Errorf("got %v", err)
	}
	s.allow("test", "launch", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}}`)
	_, err = user.scaling.CreateAutoScalingGroup(t.Context(), in)
	s.must(err)
	s.awaitDenied("g")
	s.putKeyPolicy(key, documented(scalingRole))
	s.retry("g")
	s.awaitInService("g", 1)
	g := s.described("g")
	if v := g.LaunchTemplate; *v.LaunchTemplateId != id || *v.LaunchTemplateName != "web" || *v.Version != "1" {
		t.Errorf("the group launches from %v", v)
	}
	i := s.instance(*g.Instances[0].InstanceId)
	if i.InstanceType != ec2types.InstanceTypeT3Micro {
		t.Errorf("the instance is a %s", i.InstanceType)
	}
	volume, err := s.root.ec2.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{*i.BlockDeviceMappings[0].Ebs.VolumeId}})
	s.must(err)
	if got := volume.Volumes[0]; aws.ToString(got.KmsKeyId) != key {
		t.Errorf("the volume's key is %s", aws.ToString(got.KmsKeyId))
	}
	s.wantTrial()

	_, err = user.scaling.StartInstanceRefresh(t.Context(), &autoscaling.StartInstanceRefreshInput{
		AutoScalingGroupName: aws.String("g"),
		DesiredConfiguration: &astypes.DesiredConfiguration{LaunchTemplate: &astypes.LaunchTemplateSpecification{LaunchTemplateId: &id, Version: aws.String("2")}},
	})
	s.must(err)
	s.until("the instances are refreshed", func() bool {
		out, err := user.scaling.DescribeInstanceRefreshes(t.Context(), &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: aws.String("g")})
		s.must(err)
		return out.InstanceRefreshes[0].Status == astypes.InstanceRefreshStatusSuccessful
	})
	g = s.described("g")
	if i := s.instance(*g.Instances[0].InstanceId); i.InstanceType != ec2types.InstanceTypeT3Small || *g.LaunchTemplate.Version != "2" {
		t.Errorf("after the refresh the instance is a %s, the version %s", i.InstanceType, *g.LaunchTemplate.Version)
	}
}

// wantTrial looks for the dry run that the group's creation made in its caller's
// name.
func (s *stage) wantTrial() {
	s.Helper()
	for _, e := range s.events("RunInstances") {
		var event struct {
			ErrorCode    string
			UserIdentity struct{ ARN, InvokedBy string }
		}
		s.must(json.Unmarshal([]byte(*e.CloudTrailEvent), &event))
		if event.ErrorCode == "Client.DryRunOperation" && event.UserIdentity.InvokedBy == "autoscaling.amazonaws.com" && event.UserIdentity.ARN == "arn:aws:iam::123456789012:user/test" {
			return
		}
	}
	s.Error("no event of a dry run in the caller's name")
}

// TestGroupOfMissingTemplate: what is wrong with a template is told at once.
func TestGroupOfMissingTemplate(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.template("web", s.key())
	for rule, row := range map[string]struct{ name, version, message string }{
		"a name that is none":    {"none", "1", "The specified launch template, with template name none, does not exist."},
		"a version that is none": {"web", "9", "Could not find the specified version 9 for the launch template with ID "},
	} {
		in := &autoscaling.CreateAutoScalingGroupInput{
			AutoScalingGroupName: aws.String("g"), MinSize: aws.Int32(1), MaxSize: aws.Int32(2), AvailabilityZones: zones,
		}
		fromTemplate(row.name, row.version)(in)
		_, err := s.root.scaling.CreateAutoScalingGroup(t.Context(), in)
		wantCode(t, err, "ValidationError")
		if err == nil || !strings.Contains(err.Error(), row.message) {
			t.Errorf("%s: %v", rule, err)
		}
	}
}
