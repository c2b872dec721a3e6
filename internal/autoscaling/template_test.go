package autoscaling

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// of makes the group's launch template in a request.
func of(t *types.LaunchTemplateSpecification) func(*autoscaling.CreateAutoScalingGroupInput) {
	return func(in *autoscaling.CreateAutoScalingGroupInput) {
		in.LaunchConfigurationName, in.LaunchTemplate = nil, t
	}
}

func TestGroupOfTemplate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(1, 2, of(&types.LaunchTemplateSpecification{LaunchTemplateName: aws.String("web"), Version: aws.String("$Latest")}))
	g := w.group()
	if s := g.LaunchTemplate; aws.ToString(s.LaunchTemplateId) != "lt-1" || aws.ToString(s.LaunchTemplateName) != "web" || aws.ToString(s.Version) != "$Latest" {
		t.Errorf("the group launches from %v", s)
	}
	w.wait(5 * time.Second)
	if l := w.ec2.runs[0].LaunchTemplate; aws.ToString(l.LaunchTemplateId) != "lt-1" || l.LaunchTemplateName != nil || aws.ToString(l.Version) != "$Latest" {
		t.Errorf("launched with %v", l)
	}
	update := &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: g.AutoScalingGroupName, LaunchTemplate: &types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-2")}}
	w.refused("UpdateAutoScalingGroup", update, "ValidationError", "The specified launch template, with template ID lt-2, does not exist.")
	update.LaunchTemplate = &types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-1"), LaunchTemplateName: aws.String("web")}
	w.refused("UpdateAutoScalingGroup", update, "ValidationError", "Valid requests must contain either launchTemplateId or LaunchTemplateName")
	update.LaunchTemplate = &types.LaunchTemplateSpecification{LaunchTemplateName: aws.String("web"), Version: aws.String("1")}
	w.ec2.stranger = true
	w.refused("UpdateAutoScalingGroup", update, "AccessDenied", "You are not authorized to use launch template: web")
	w.ec2.stranger = false
	must[autoscaling.UpdateAutoScalingGroupOutput](w, "UpdateAutoScalingGroup", update)

	// A refresh with another version, and back.
	refresh := &autoscaling.StartInstanceRefreshInput{AutoScalingGroupName: g.AutoScalingGroupName, DesiredConfiguration: &types.DesiredConfiguration{
		LaunchTemplate: &types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-1"), Version: aws.String("2")},
	}}
	must[autoscaling.StartInstanceRefreshOutput](w, "StartInstanceRefresh", refresh)
	w.wait(1500 * time.Millisecond)
	must[autoscaling.RollbackInstanceRefreshOutput](w, "RollbackInstanceRefresh", &autoscaling.RollbackInstanceRefreshInput{AutoScalingGroupName: g.AutoScalingGroupName})
	w.wait(time.Minute)
	status := func() types.InstanceRefresh {
		return must[autoscaling.DescribeInstanceRefreshesOutput](w, "DescribeInstanceRefreshes", &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: g.AutoScalingGroupName}).InstanceRefreshes[0]
	}
	if r := status(); r.Status != types.InstanceRefreshStatusRollbackSuccessful || r.RollbackDetails == nil {
		t.Errorf("the refresh is %s", r.Status)
	}
	if i := w.group().Instances[0]; aws.ToString(i.LaunchTemplate.Version) != "1" {
		t.Errorf("after the rollback the instance has version %s", aws.ToString(i.LaunchTemplate.Version))
	}
	must[autoscaling.StartInstanceRefreshOutput](w, "StartInstanceRefresh", refresh)
	w.wait(time.Minute)
	if r := status(); r.Status != types.InstanceRefreshStatusSuccessful {
		t.Errorf("the refresh is %s", r.Status)
	}
	if g := w.group(); aws.ToString(g.LaunchTemplate.Version) != "2" || aws.ToString(g.Instances[0].LaunchTemplate.Version) != "2" {
		t.Errorf("after the refresh the group has version %s", aws.ToString(g.LaunchTemplate.Version))
	}
}

func TestMixedInstances(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(5, 5, func(in *autoscaling.CreateAutoScalingGroupInput) {
		in.LaunchConfigurationName = nil
		in.MixedInstancesPolicy = &types.MixedInstancesPolicy{
			InstancesDistribution: &types.InstancesDistribution{OnDemandBaseCapacity: aws.Int32(1), OnDemandPercentageAboveBaseCapacity: aws.Int32(50)},
			LaunchTemplate: &types.LaunchTemplate{
				LaunchTemplateSpecification: &types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-1")},
				Overrides:                   []types.LaunchTemplateOverrides{{InstanceType: aws.String("m5.large")}, {InstanceType: aws.String("m6i.large")}},
			},
		}
	})
	w.wait(5 * time.Second)
	spot := 0
	for _, in := range w.ec2.runs {
		if in.InstanceType != ec2types.InstanceTypeM5Large {
			t.Errorf("launched a %s", in.InstanceType)
		}
		if in.InstanceMarketOptions != nil {
			spot++
		}
	}
	if len(w.ec2.runs) != 5 || spot != 2 {
		t.Errorf("%d of %d are Spot Instances, want 2 of 5", spot, len(w.ec2.runs))
	}
	d := w.group().MixedInstancesPolicy.InstancesDistribution
	if aws.ToString(d.SpotAllocationStrategy) != "lowest-price" || aws.ToString(d.OnDemandAllocationStrategy) != "prioritized" {
		t.Errorf("the distribution is %v", d)
	}
	w.refused("UpdateAutoScalingGroup", &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: aws.String("g"), MixedInstancesPolicy: &types.MixedInstancesPolicy{
		InstancesDistribution: &types.InstancesDistribution{OnDemandPercentageAboveBaseCapacity: aws.Int32(101)},
	}}, "ValidationError", "OnDemandPercentageAboveBaseCapacity must be between 0 and 100")
	must[autoscaling.UpdateAutoScalingGroupOutput](w, "UpdateAutoScalingGroup", &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: aws.String("g"), MixedInstancesPolicy: &types.MixedInstancesPolicy{
		InstancesDistribution: &types.InstancesDistribution{OnDemandPercentageAboveBaseCapacity: aws.Int32(0)},
	}})
}
