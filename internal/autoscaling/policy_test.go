package autoscaling

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

func TestAdjustments(t *testing.T) {
	t.Parallel()
	for rule, row := range map[string]struct {
		kind                    string
		desired, by, atLeast, w int32
	}{
		"a change":                      {changeInCapacity, 3, -2, 0, 1},
		"an exact number":               {exactCapacity, 3, 7, 0, 7},
		"a percentage rounds down":      {percentChange, 10, 15, 0, 11},
		"a negative one up":             {percentChange, 10, -15, 0, 9},
		"a small one is one":            {percentChange, 2, 10, 0, 3},
		"and minus one":                 {percentChange, 2, -10, 0, 1},
		"a magnitude is the least":      {percentChange, 10, 10, 3, 13},
		"a magnitude goes down as well": {percentChange, 10, -10, 3, 7},
	} {
		p := policy{Input: autoscaling.PutScalingPolicyInput{AdjustmentType: &row.kind, MinAdjustmentMagnitude: &row.atLeast}}
		if got := p.adjust(row.desired, row.by); got != row.w {
			t.Errorf("%s: %d becomes %d, want %d", rule, row.desired, got, row.w)
		}
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(1, 10)
	w.wait(10 * time.Second)
	g := aws.String("g")
	simple := must[autoscaling.PutScalingPolicyOutput](w, "PutScalingPolicy", &autoscaling.PutScalingPolicyInput{
		AutoScalingGroupName: g, PolicyName: aws.String("simple"), AdjustmentType: aws.String(changeInCapacity), ScalingAdjustment: aws.Int32(1),
	})
	must[autoscaling.PutScalingPolicyOutput](w, "PutScalingPolicy", &autoscaling.PutScalingPolicyInput{
		AutoScalingGroupName: g, PolicyName: aws.String("steps"), PolicyType: aws.String(stepScaling), AdjustmentType: aws.String(changeInCapacity),
		StepAdjustments: []types.StepAdjustment{
			{MetricIntervalLowerBound: aws.Float64(0), MetricIntervalUpperBound: aws.Float64(10), ScalingAdjustment: aws.Int32(1)},
			{MetricIntervalLowerBound: aws.Float64(10), ScalingAdjustment: aws.Int32(3)},
		},
	})
	must[autoscaling.ExecutePolicyOutput](w, "ExecutePolicy", &autoscaling.ExecutePolicyInput{PolicyName: simple.PolicyARN})
	if got := *w.group().DesiredCapacity; got != 2 {
		t.Errorf("after the simple policy desired is %d", got)
	}
	must[autoscaling.ExecutePolicyOutput](w, "ExecutePolicy", &autoscaling.ExecutePolicyInput{
		AutoScalingGroupName: g, PolicyName: aws.String("steps"), MetricValue: aws.Float64(70), BreachThreshold: aws.Float64(60),
	})
	if got := *w.group().DesiredCapacity; got != 5 {
		t.Errorf("after the step policy desired is %d", got)
	}
	w.refused("ExecutePolicy", &autoscaling.ExecutePolicyInput{AutoScalingGroupName: g, PolicyName: aws.String("simple"), HonorCooldown: aws.Bool(true)},
		"ScalingActivityInProgress", "Scaling activity "+*w.activities()[0].ActivityId+" is in progress and blocks this action")
	out := must[autoscaling.DescribePoliciesOutput](w, "DescribePolicies", &autoscaling.DescribePoliciesInput{PolicyTypes: []string{stepScaling}})
	if len(out.ScalingPolicies) != 1 || len(out.ScalingPolicies[0].StepAdjustments) != 2 {
		t.Errorf("described as %v", out.ScalingPolicies)
	}
}

func TestScheduledActions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(0, 1)
	g := aws.String("g")
	must[autoscaling.PutScheduledUpdateGroupActionOutput](w, "PutScheduledUpdateGroupAction", &autoscaling.PutScheduledUpdateGroupActionInput{
		AutoScalingGroupName: g, ScheduledActionName: aws.String("once"), StartTime: aws.Time(w.now.Add(time.Hour)), MinSize: aws.Int32(1), DesiredCapacity: aws.Int32(1),
	})
	must[autoscaling.PutScheduledUpdateGroupActionOutput](w, "PutScheduledUpdateGroupAction", &autoscaling.PutScheduledUpdateGroupActionInput{
		AutoScalingGroupName: g, ScheduledActionName: aws.String("nightly"), Recurrence: aws.String("0 22 * * *"), TimeZone: aws.String("Europe/Madrid"), MinSize: aws.Int32(0), DesiredCapacity: aws.Int32(0),
	})
	w.wait(time.Hour + 10*time.Second)
	w.wantStates("InService")
	w.wantCause("Launching", "At 2026-09-29T12:04:43Z the scheduled action once executed. Setting min size from 0 to 1. Setting desired capacity from 0 to 1.  "+
		"At 2026-09-29T12:04:44Z an instance was started in response to a difference between desired and actual capacity, increasing the capacity from 0 to 1.")
	out := must[autoscaling.DescribeScheduledActionsOutput](w, "DescribeScheduledActions", &autoscaling.DescribeScheduledActionsInput{AutoScalingGroupName: g})
	if len(out.ScheduledUpdateGroupActions) != 1 || out.ScheduledUpdateGroupActions[0].StartTime.Format(time.RFC3339) != "2026-09-29T20:00:00Z" {
		t.Errorf("scheduled are %v", out.ScheduledUpdateGroupActions)
	}
	w.wait(9 * time.Hour)
	w.wantStates()
	out = must[autoscaling.DescribeScheduledActionsOutput](w, "DescribeScheduledActions", &autoscaling.DescribeScheduledActionsInput{AutoScalingGroupName: g})
	if len(out.ScheduledUpdateGroupActions) != 1 || out.ScheduledUpdateGroupActions[0].StartTime.Format(time.RFC3339) != "2026-09-30T20:00:00Z" {
		t.Errorf("scheduled are %v", out.ScheduledUpdateGroupActions)
	}
	w.refused("PutScheduledUpdateGroupAction", &autoscaling.PutScheduledUpdateGroupActionInput{AutoScalingGroupName: g, ScheduledActionName: aws.String("x"), Recurrence: aws.String("every day"), MinSize: aws.Int32(0)},
		"ValidationError", "Given recurrence string: every day is invalid")
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(3, 3)
	w.wait(10 * time.Second)
	old := w.group().Instances
	g := aws.String("g")
	must[autoscaling.StartInstanceRefreshOutput](w, "StartInstanceRefresh", &autoscaling.StartInstanceRefreshInput{AutoScalingGroupName: g})
	w.refused("StartInstanceRefresh", &autoscaling.StartInstanceRefreshInput{AutoScalingGroupName: g},
		"InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.")
	status := func() types.InstanceRefresh {
		return must[autoscaling.DescribeInstanceRefreshesOutput](w, "DescribeInstanceRefreshes", &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: g}).InstanceRefreshes[0]
	}
	for range 300 {
		w.wait(time.Second)
		if n := inService(w.group()); n < 2 {
			t.Fatalf("%d instances are in service during the refresh", n)
		}
		if status().Status == types.InstanceRefreshStatusSuccessful {
			break
		}
	}
	if r := status(); r.Status != types.InstanceRefreshStatusSuccessful || *r.PercentageComplete != 100 || r.EndTime == nil {
		t.Errorf("the refresh is %s, %d%%", r.Status, *r.PercentageComplete)
	}
	for _, i := range w.group().Instances {
		for _, o := range old {
			if *i.InstanceId == *o.InstanceId {
				t.Errorf("%s was not replaced", *o.InstanceId)
			}
		}
	}
	w.wantStates("InService", "InService", "InService")
	must[autoscaling.StartInstanceRefreshOutput](w, "StartInstanceRefresh", &autoscaling.StartInstanceRefreshInput{AutoScalingGroupName: g})
	w.refused("RollbackInstanceRefresh", &autoscaling.RollbackInstanceRefreshInput{AutoScalingGroupName: g},
		"IrreversibleInstanceRefresh", "The Instance Refresh "+*status().InstanceRefreshId+" cannot be rolled back.")
	must[autoscaling.CancelInstanceRefreshOutput](w, "CancelInstanceRefresh", &autoscaling.CancelInstanceRefreshInput{AutoScalingGroupName: g})
	w.wait(10 * time.Second)
	if r := status(); r.Status != types.InstanceRefreshStatusCancelled {
		t.Errorf("the cancelled refresh is %s", r.Status)
	}
}

func TestRefreshLaunchesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(2, 2)
	w.wait(10 * time.Second)
	g := aws.String("g")
	must[autoscaling.StartInstanceRefreshOutput](w, "StartInstanceRefresh", &autoscaling.StartInstanceRefreshInput{
		AutoScalingGroupName: g, Preferences: &types.RefreshPreferences{MinHealthyPercentage: aws.Int32(100), MaxHealthyPercentage: aws.Int32(150)},
	})
	for range 60 {
		w.wait(time.Second)
		if n := active(w.group()); n > 3 || inService(w.group()) < 2 {
			t.Fatalf("%d instances, %d in service", n, inService(w.group()))
		}
	}
	r := must[autoscaling.DescribeInstanceRefreshesOutput](w, "DescribeInstanceRefreshes", &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: g}).InstanceRefreshes[0]
	if r.Status != types.InstanceRefreshStatusSuccessful || len(w.ec2.runs) != 4 {
		t.Errorf("the refresh is %s after %d launches", r.Status, len(w.ec2.runs))
	}
	w.wantStates("InService", "InService")
}

func inService(g types.AutoScalingGroup) int {
	n := 0
	for _, i := range g.Instances {
		if i.LifecycleState == types.LifecycleStateInService {
			n++
		}
	}
	return n
}
