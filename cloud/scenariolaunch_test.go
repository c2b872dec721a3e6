package cloud_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
)

// Commands of scenarios that launch instances in other ways than by hand.

// makeImage makes an image of an instance and waits for it.
func makeImage(s *scenario, w []string, _ string) error {
	out, err := s.root.ec2.CreateImage(s.Context(), &ec2.CreateImageInput{InstanceId: aws.String(s.vars[w[1]]), Name: aws.String("image of " + w[1])})
	if err != nil {
		return err
	}
	s.vars[w[0]] = *out.ImageId
	s.until("the image is available", func() bool {
		all, err := s.root.ec2.DescribeImages(s.Context(), &ec2.DescribeImagesInput{ImageIds: []string{*out.ImageId}})
		return err == nil && len(all.Images) == 1 && all.Images[0].State == ec2types.ImageStateAvailable
	})
	return nil
}

// launchFrom launches an instance from an image.
func launchFrom(s *scenario, w []string, _ string) error {
	in := &ec2.RunInstancesInput{
		ImageId: aws.String(s.vars[w[3]]), InstanceType: ec2types.InstanceTypeT3Micro, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
	}
	if len(w) > 4 {
		in.BlockDeviceMappings = []ec2types.BlockDeviceMapping{{DeviceName: aws.String("/dev/xvda"), Ebs: &ec2types.EbsBlockDevice{
			Encrypted: aws.Bool(true), KmsKeyId: aws.String(s.vars[w[4]]),
		}}}
	}
	out, err := s.person(w[0]).ec2.RunInstances(s.Context(), in)
	if err != nil {
		return err
	}
	s.vars[w[1]] = *out.Instances[0].InstanceId
	s.stage.await(s.vars[w[1]], ec2types.InstanceStateName(w[2]))
	return nil
}

// failingCall is a call that a service refuses at once, with a code.
func failingCall(s *scenario, w []string, rest string) error {
	_, in, _ := strings.Cut(rest, w[1])
	err := call(s, append([]string{w[0]}, w[2:]...), w[0]+in)
	if refusal, ok := errors.AsType[smithy.APIError](err); !ok || refusal.ErrorCode() != w[1] {
		return fmt.Errorf("the answer is %w", err)
	}
	return nil
}

var instanceID = regexp.MustCompile(`"instanceId":"(i-[0-9a-f]{17})"`)

// lastLaunched is the instance that was launched last, once there is one.
func (s *scenario) lastLaunched() string {
	id := ""
	s.until("an instance is launched", func() bool {
		for _, e := range s.events("RunInstances") {
			if m := instanceID.FindStringSubmatch(*e.CloudTrailEvent); m != nil {
				id = m[1]
				return true
			}
		}
		return false
	})
	return id
}

// makeFleet makes a fleet that keeps one On-Demand Instance, of a launch template
// whose root volume has a key, and remembers what it launched first.
func makeFleet(s *scenario, w []string, _ string) error {
	template := "template-of-" + w[0]
	s.nodeTemplate(template, s.vars[w[2]])
	made, err := s.root.ec2.CreateFleet(s.Context(), &ec2.CreateFleetInput{
		Type: ec2types.FleetTypeMaintain, LaunchTemplateConfigs: configs(template), TargetCapacitySpecification: onDemand(1),
	})
	if err != nil {
		return err
	}
	s.vars[w[0]] = *made.FleetId
	s.vars[w[1]] = s.lastLaunched()
	s.stage.await(s.vars[w[1]], ec2types.InstanceStateNameTerminated)
	return nil
}

// makeSpotFleet is the same of a Spot Fleet.
func makeSpotFleet(s *scenario, w []string, _ string) error {
	s.givenRole("spotfleet.amazonaws.com")
	in := s.specified(1, s.vars[w[2]])
	in.OnDemandTargetCapacity = aws.Int32(1)
	template := "template-of-" + w[0]
	s.nodeTemplate(template, s.vars[w[2]])
	in.LaunchSpecifications = nil
	in.LaunchTemplateConfigs = []ec2types.LaunchTemplateConfig{{LaunchTemplateSpecification: &ec2types.FleetLaunchTemplateSpecification{LaunchTemplateName: &template, Version: aws.String("$Latest")}}}
	made, err := s.root.ec2.RequestSpotFleet(s.Context(), &ec2.RequestSpotFleetInput{SpotFleetRequestConfig: in})
	if err != nil {
		return err
	}
	s.vars[w[0]] = *made.SpotFleetRequestId
	s.vars[w[1]] = s.lastLaunched()
	s.stage.await(s.vars[w[1]], ec2types.InstanceStateNameTerminated)
	return nil
}

// fulfilledFleet waits until a fleet, or a Spot Fleet, has what it is to have. One
// that failed tries again every 13 minutes.
func fulfilledFleet(s *scenario, w []string, _ string) error {
	id := s.vars[w[0]]
	for range 30 {
		s.cloud.Advance(time.Minute)
		time.Sleep(20 * time.Millisecond)
		spot := strings.HasPrefix(id, "sfr-")
		if spot && spotFulfilled(s.spotFleet(id)) || !spot && fulfilled(s.fleet(id)) {
			return nil
		}
	}
	return fmt.Errorf("%s is not fulfilled", id)
}
