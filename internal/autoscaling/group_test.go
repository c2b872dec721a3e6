package autoscaling

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(1, 2)
	w.wait(10 * time.Second)
	id := *w.group().Instances[0].InstanceId
	create := func(change func(*autoscaling.CreateAutoScalingGroupInput)) *autoscaling.CreateAutoScalingGroupInput {
		in := &autoscaling.CreateAutoScalingGroupInput{
			AutoScalingGroupName: aws.String("new"), LaunchConfigurationName: aws.String("c"), MinSize: aws.Int32(1), MaxSize: aws.Int32(2),
			AvailabilityZones: []string{testRegion + "a"},
		}
		change(in)
		return in
	}
	g := aws.String("g")
	for rule, row := range map[string]struct {
		operation     string
		in            any
		code, message string
	}{
		"a group's name is taken": {
			"CreateAutoScalingGroup", create(func(in *autoscaling.CreateAutoScalingGroupInput) { in.AutoScalingGroupName = g }),
			"AlreadyExists", "AutoScalingGroup by this name already exists - A group with the name g already exists",
		},
		"a configuration's name is taken": {
			"CreateLaunchConfiguration", &autoscaling.CreateLaunchConfigurationInput{LaunchConfigurationName: aws.String("c"), ImageId: aws.String("ami-1"), InstanceType: aws.String("t3.micro")},
			"AlreadyExists", "Launch Configuration by this name already exists - A launch configuration already exists with the name c",
		},
		"a configuration wants an image": {
			"CreateLaunchConfiguration", &autoscaling.CreateLaunchConfigurationInput{LaunchConfigurationName: aws.String("d")},
			"ValidationError", "Valid requests must contain either the InstanceID parameter or both the ImageId and InstanceType parameters.",
		},
		"a configuration's profile must be there": {
			"CreateLaunchConfiguration", &autoscaling.CreateLaunchConfigurationInput{LaunchConfigurationName: aws.String("d"), ImageId: aws.String("ami-1"), InstanceType: aws.String("t3.micro"), IamInstanceProfile: aws.String("x")},
			"ValidationError", "Invalid IamInstanceProfile: x",
		},
		"a configuration in use stays": {
			"DeleteLaunchConfiguration", &autoscaling.DeleteLaunchConfigurationInput{LaunchConfigurationName: aws.String("c")},
			"ResourceInUse", "Cannot delete launch configuration c because it is attached to AutoScalingGroup g",
		},
		"a configuration that is not there": {
			"DeleteLaunchConfiguration", &autoscaling.DeleteLaunchConfigurationInput{LaunchConfigurationName: aws.String("x")},
			"ValidationError", "Launch configuration name not found - Launch configuration x not found",
		},
		"a group of a configuration that is not there": {
			"CreateAutoScalingGroup", create(func(in *autoscaling.CreateAutoScalingGroupInput) { in.LaunchConfigurationName = aws.String("x") }),
			"ValidationError", "Launch configuration name not found - A launch configuration with the name: x does not exist",
		},
		"a group launches from something": {
			"CreateAutoScalingGroup", create(func(in *autoscaling.CreateAutoScalingGroupInput) { in.LaunchConfigurationName = nil }),
			"ValidationError", "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.",
		},
		"a group stands somewhere": {
			"CreateAutoScalingGroup", create(func(in *autoscaling.CreateAutoScalingGroupInput) { in.AvailabilityZones = nil }),
			"ValidationError", "At least one Availability Zone or VPC Subnet is required.",
		},
		"a subnet that is not there": {
			"CreateAutoScalingGroup", create(func(in *autoscaling.CreateAutoScalingGroupInput) { in.VPCZoneIdentifier = aws.String("subnet-z") }),
			"ValidationError", "The subnet ID 'subnet-z' does not exist",
		},
		"zones and subnets agree": {
			"CreateAutoScalingGroup", create(func(in *autoscaling.CreateAutoScalingGroupInput) { in.VPCZoneIdentifier = aws.String("subnet-b") }),
			"ValidationError", "The availability zones of the specified subnets and the AutoScalingGroup do not match",
		},
		"the desired capacity is between the sizes": {
			"CreateAutoScalingGroup", create(func(in *autoscaling.CreateAutoScalingGroupInput) { in.DesiredCapacity = aws.Int32(5) }),
			"ValidationError", "Desired capacity:5 must be between the specified min size:1 and max size:2",
		},
		"a role of its own must be there": {"CreateAutoScalingGroup", create(func(in *autoscaling.CreateAutoScalingGroupInput) {
			in.ServiceLinkedRoleARN = aws.String("arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling_x")
		}), "ValidationError", "ARN specified for Service-Linked Role does not exist."},
		"a group that is not there": {
			"UpdateAutoScalingGroup", &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: aws.String("x")},
			"ValidationError", "AutoScalingGroup name not found - AutoScalingGroup x not found",
		},
		"above the maximum": {
			"SetDesiredCapacity", &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: g, DesiredCapacity: aws.Int32(3)},
			"ValidationError", "New SetDesiredCapacity value 3 is above max value 2 for the AutoScalingGroup.",
		},
		"below the minimum": {
			"SetDesiredCapacity", &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: g, DesiredCapacity: aws.Int32(0)},
			"ValidationError", "New SetDesiredCapacity value 0 is below min value 1 for the AutoScalingGroup.",
		},
		"a group with instances": {
			"DeleteAutoScalingGroup", &autoscaling.DeleteAutoScalingGroupInput{AutoScalingGroupName: g},
			"ResourceInUse", "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.",
		},
		"the minimum holds against a termination": {
			"TerminateInstanceInAutoScalingGroup", &autoscaling.TerminateInstanceInAutoScalingGroupInput{InstanceId: &id, ShouldDecrementDesiredCapacity: aws.Bool(true)},
			"ValidationError", "Currently, desiredSize equals minSize (1). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.",
		},
		"an instance of no group": {
			"TerminateInstanceInAutoScalingGroup", &autoscaling.TerminateInstanceInAutoScalingGroupInput{InstanceId: aws.String("i-1"), ShouldDecrementDesiredCapacity: aws.Bool(true)},
			"ValidationError", "Instance Id not found - No managed instance found for instance ID: i-1",
		},
		"an instance of another group": {
			"DetachInstances", &autoscaling.DetachInstancesInput{AutoScalingGroupName: g, InstanceIds: []string{"i-1"}, ShouldDecrementDesiredCapacity: aws.Bool(true)},
			"ValidationError", "The instance i-1 is not part of Auto Scaling group g.",
		},
		"the minimum holds against a standby": {
			"EnterStandby", &autoscaling.EnterStandbyInput{AutoScalingGroupName: g, InstanceIds: []string{id}, ShouldDecrementDesiredCapacity: aws.Bool(true)},
			"ValidationError", "AutoScalingGroup g has min-size=1, max-size=2, and desired-size=1. To place into standby 1 more instance, please update the AutoScalingGroup sizes appropriately.",
		},
		"no lifecycle action": {
			"CompleteLifecycleAction", &autoscaling.CompleteLifecycleActionInput{AutoScalingGroupName: g, LifecycleHookName: aws.String("h"), InstanceId: &id, LifecycleActionResult: aws.String("CONTINUE")},
			"ValidationError", "No active Lifecycle Action found with instance ID " + id,
		},
		"no refresh": {
			"CancelInstanceRefresh", &autoscaling.CancelInstanceRefreshInput{AutoScalingGroupName: g},
			"ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found for Auto Scaling group g",
		},
		"a scheduled action in the past": {
			"PutScheduledUpdateGroupAction", &autoscaling.PutScheduledUpdateGroupActionInput{AutoScalingGroupName: g, ScheduledActionName: aws.String("a"), MinSize: aws.Int32(1), StartTime: aws.Time(w.now.Add(-time.Hour))},
			"ValidationError", "Given start time is in the past",
		},
		"tags of a group that is not there": {
			"CreateOrUpdateTags", &autoscaling.CreateOrUpdateTagsInput{Tags: []types.Tag{{Key: aws.String("k"), ResourceId: aws.String("x"), ResourceType: aws.String("auto-scaling-group")}}},
			"ValidationError", "AutoScalingGroup not found - AutoScaling Group x not found",
		},
		"a token that is none": {
			"DescribeAutoScalingGroups", &autoscaling.DescribeAutoScalingGroupsInput{NextToken: aws.String("x")},
			"InvalidNextToken", "The token 'x' is invalid.",
		},
	} {
		t.Run(rule, func(t *testing.T) {
			w.t = t
			w.refused(row.operation, row.in, row.code, row.message)
		})
	}
}

// activity is the newest with that beginning of a description.
func (w *world) activity(description string) types.Activity {
	w.t.Helper()
	for _, a := range w.activities() {
		if strings.HasPrefix(*a.Description, description) {
			return a
		}
	}
	w.t.Fatalf("no activity %q", description)
	return types.Activity{}
}

func (w *world) wantCause(description, want string) types.Activity {
	w.t.Helper()
	a := w.activity(description)
	if *a.Cause != want {
		w.t.Fatalf("the cause is\n%q, want\n%q", *a.Cause, want)
	}
	return a
}

func TestCauses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(1, 3)
	w.wait(5 * time.Second)
	first := *w.group().Instances[0].InstanceId
	a := w.wantCause("Launching a new EC2 instance: "+first, "At 2026-09-29T11:04:43Z a user request created an AutoScalingGroup changing the desired capacity from 0 to 1.  "+
		"At 2026-09-29T11:04:44Z an instance was started in response to a difference between desired and actual capacity, increasing the capacity from 0 to 1.")
	if a.StatusCode != types.ScalingActivityStatusCodeSuccessful || *a.Progress != 100 || a.EndTime == nil {
		t.Errorf("the launch is %s, %d", a.StatusCode, *a.Progress)
	}
	if want := `{"Subnet ID":"subnet-a","Availability Zone":"us-east-1a"}`; *a.Details != want {
		t.Errorf("details %s, want %s", *a.Details, want)
	}

	must[autoscaling.SetDesiredCapacityOutput](w, "SetDesiredCapacity", &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: aws.String("g"), DesiredCapacity: aws.Int32(2)})
	w.wait(5 * time.Second)
	w.wantCause("Launching", "At 2026-09-29T11:04:48Z a user request explicitly set group desired capacity changing the desired capacity from 1 to 2.  "+
		"At 2026-09-29T11:04:49Z an instance was started in response to a difference between desired and actual capacity, increasing the capacity from 1 to 2.")

	must[autoscaling.UpdateAutoScalingGroupOutput](w, "UpdateAutoScalingGroup", &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: aws.String("g"), MaxSize: aws.Int32(1)})
	w.wait(5 * time.Second)
	w.wantCause("Terminating EC2 instance: "+first, "At 2026-09-29T11:04:53Z a user request update of AutoScalingGroup constraints to min: 1, max: 1, desired: 1 changing the desired capacity from 2 to 1.  "+
		"At 2026-09-29T11:04:54Z an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from 2 to 1.  "+
		"At 2026-09-29T11:04:54Z instance "+first+" was selected for termination.")

	second := *w.group().Instances[0].InstanceId
	w.ec2.instances[second].State = "stopped"
	w.wait(40 * time.Second)
	if a := w.activity("Terminating EC2 instance: " + second); !strings.HasSuffix(*a.Cause, "an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped.") {
		t.Errorf("the cause is %q", *a.Cause)
	}
	if a := w.activity("Launching"); !strings.HasSuffix(*a.Cause, "an instance was launched in response to an unhealthy instance needing to be replaced.") {
		t.Errorf("the cause is %q", *a.Cause)
	}
}

func TestActivityFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(1, 3)
	w.wait(time.Minute)
	must[autoscaling.SetDesiredCapacityOutput](w, "SetDesiredCapacity", &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: aws.String("g"), DesiredCapacity: aws.Int32(2)})
	w.wait(1500 * time.Millisecond)
	for rule, row := range map[string]struct {
		name, value string
		want        int
	}{
		"from a time":              {"StartTimeLowerBound", "2026-09-29T11:05:00Z", 1},
		"up to a time":             {"StartTimeUpperBound", "2026-09-29T13:05:00+02:00", 1},
		"a time without an offset": {"StartTimeLowerBound", "2026-09-29T11:00:00", 2},
		"a status":                 {"Status", "Successful", 1},
	} {
		out := must[autoscaling.DescribeScalingActivitiesOutput](w, "DescribeScalingActivities", &autoscaling.DescribeScalingActivitiesInput{
			AutoScalingGroupName: aws.String("g"), Filters: []types.Filter{{Name: aws.String(row.name), Values: []string{row.value}}},
		})
		if len(out.Activities) != row.want {
			t.Errorf("%s: %d activities, want %d", rule, len(out.Activities), row.want)
		}
	}
}

func TestFailedLaunches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ec2.refusal = api.Error("InvalidKeyPair.NotFound", "The key pair 'x' does not exist")
	w.configured(1, 1)
	w.wait(2 * time.Second)
	a := w.activity("Launching a new EC2 instance.")
	if want := "The key pair 'x' does not exist. Launching EC2 instance failed."; a.StatusCode != types.ScalingActivityStatusCodeFailed || *a.StatusMessage != want {
		t.Errorf("the launch is %s: %q", a.StatusCode, *a.StatusMessage)
	}
	if want := "Launching a new EC2 instance.  Status Reason: The key pair 'x' does not exist. Launching EC2 instance failed."; *a.Description != want {
		t.Errorf("described as %q, want %q", *a.Description, want)
	}
	w.wait(2 * time.Hour)
	if n := len(w.activities()); n < 10 || n > 25 {
		t.Errorf("%d launches in two hours", n)
	}
	w.ec2.refusal, w.ec2.broken = nil, true
	must[autoscaling.ResumeProcessesOutput](w, "ResumeProcesses", &autoscaling.ResumeProcessesInput{AutoScalingGroupName: aws.String("g")})
	w.wait(5 * time.Second)
	a = w.activity("Launching a new EC2 instance: i-")
	if want := "Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: Client.InternalError: Client error on launch"; a.StatusCode != types.ScalingActivityStatusCodeCancelled || aws.ToString(a.StatusMessage) != want {
		t.Errorf("the launch is %s: %q", a.StatusCode, aws.ToString(a.StatusMessage))
	}
	w.ec2.broken = false
	w.wait(time.Hour)
	if got := w.states(); !slices.Equal(got, []string{"InService"}) {
		t.Errorf("the group has %v", got)
	}
}

func TestZonesAreBalanced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(6, 6, func(in *autoscaling.CreateAutoScalingGroupInput) {
		in.AvailabilityZones, in.VPCZoneIdentifier = nil, aws.String("subnet-a,subnet-b, subnet-c")
	})
	w.wait(5 * time.Second)
	count := make(map[string]int)
	for _, i := range w.group().Instances {
		count[*i.AvailabilityZone]++
	}
	for _, z := range []string{"a", "b", "c"} {
		if count[testRegion+z] != 2 {
			t.Errorf("the zones have %v", count)
		}
	}
	in := w.ec2.runs[0]
	if aws.ToString(in.SubnetId) == "" || aws.ToInt32(in.MaxCount) != 1 || !aws.ToBool(in.Monitoring.Enabled) {
		t.Errorf("launched with %+v", in)
	}
}

func TestForceDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(2, 2)
	w.wait(5 * time.Second)
	must[autoscaling.DeleteAutoScalingGroupOutput](w, "DeleteAutoScalingGroup", &autoscaling.DeleteAutoScalingGroupInput{AutoScalingGroupName: aws.String("g"), ForceDelete: aws.Bool(true)})
	if g := w.group(); aws.ToString(g.Status) != "Delete in progress" {
		t.Errorf("the status is %q", aws.ToString(g.Status))
	}
	w.wait(10 * time.Second)
	out := must[autoscaling.DescribeAutoScalingGroupsOutput](w, "DescribeAutoScalingGroups", &autoscaling.DescribeAutoScalingGroupsInput{})
	if len(out.AutoScalingGroups) != 0 {
		t.Error("the group is still there")
	}
	for id, i := range w.ec2.instances {
		if i.State != "terminated" {
			t.Errorf("%s is %s", id, i.State)
		}
	}
	all := must[autoscaling.DescribeScalingActivitiesOutput](w, "DescribeScalingActivities", &autoscaling.DescribeScalingActivitiesInput{IncludeDeletedGroups: aws.Bool(true)})
	if len(all.Activities) != 4 || aws.ToString(all.Activities[0].AutoScalingGroupState) != "Deleted" {
		t.Errorf("%d activities", len(all.Activities))
	}
	w.wait(activityLife + time.Minute)
	if len(w.tasks) != 0 {
		t.Errorf("%d tasks are left", len(w.tasks))
	}
	if left, err := w.activitiesLeft(); err != nil || left != 0 {
		t.Errorf("%d activities are left, %v", left, err)
	}
}

// activitiesLeft counts the rows of activities.
func (w *world) activitiesLeft() (n int, err error) {
	err = w.store.View(context.Background(), func(tx store.Tx) error {
		all, err := rows(activityTable, w.call(tx, "count"))
		n = len(all)
		return err
	})
	return n, err
}

func TestGroupsByTag(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(0, 1, func(in *autoscaling.CreateAutoScalingGroupInput) {
		in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("blue"), PropagateAtLaunch: aws.Bool(true)}, {Key: aws.String("own"), Value: aws.String("1")}}
	})
	for rule, row := range map[string]struct {
		name, value string
		want        int
	}{
		"a tag's value":       {"tag:team", "blue", 1},
		"another value":       {"tag:team", "red", 0},
		"a key":               {"tag-key", "own", 1},
		"a value of some tag": {"tag-value", "blue", 1},
		"no such key":         {"tag-key", "x", 0},
	} {
		out := must[autoscaling.DescribeAutoScalingGroupsOutput](w, "DescribeAutoScalingGroups", &autoscaling.DescribeAutoScalingGroupsInput{
			Filters: []types.Filter{{Name: aws.String(row.name), Values: []string{row.value}}},
		})
		if len(out.AutoScalingGroups) != row.want {
			t.Errorf("%s: %d groups, want %d", rule, len(out.AutoScalingGroups), row.want)
		}
	}
	must[autoscaling.SetDesiredCapacityOutput](w, "SetDesiredCapacity", &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: aws.String("g"), DesiredCapacity: aws.Int32(1)})
	w.wait(5 * time.Second)
	tags := w.ec2.runs[0].TagSpecifications[0].Tags
	if len(tags) != 1 || *tags[0].Key != "team" {
		t.Errorf("launched with tags %v", tags)
	}
	if got := w.ec2.instances[*w.group().Instances[0].InstanceId].labels[groupTag]; got != "g" {
		t.Errorf("%s is %q", groupTag, got)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(5, 5)
	w.wait(5 * time.Second)
	var all []string
	in := &autoscaling.DescribeAutoScalingInstancesInput{MaxRecords: aws.Int32(2)}
	for {
		out := must[autoscaling.DescribeAutoScalingInstancesOutput](w, "DescribeAutoScalingInstances", in)
		for _, i := range out.AutoScalingInstances {
			all = append(all, *i.InstanceId)
		}
		if out.NextToken == nil {
			break
		}
		in.NextToken = out.NextToken
	}
	if len(all) != 5 || !slices.IsSorted(all) {
		t.Errorf("the pages have %v", all)
	}
}
