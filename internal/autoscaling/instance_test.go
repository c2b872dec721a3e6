package autoscaling

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

func (w *world) wantStates(want ...string) {
	w.t.Helper()
	if got := w.states(); !slices.Equal(got, want) {
		w.t.Fatalf("the instances are %v, want %v", got, want)
	}
}

func (w *world) putHook(transition, result string) {
	w.t.Helper()
	must[autoscaling.PutLifecycleHookOutput](w, "PutLifecycleHook", &autoscaling.PutLifecycleHookInput{
		AutoScalingGroupName: aws.String("g"), LifecycleHookName: aws.String("h"), LifecycleTransition: &transition,
		HeartbeatTimeout: aws.Int32(60), DefaultResult: &result,
	})
}

func (w *world) complete(id, result string) {
	w.t.Helper()
	must[autoscaling.CompleteLifecycleActionOutput](w, "CompleteLifecycleAction", &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: aws.String("g"), LifecycleHookName: aws.String("h"), InstanceId: &id, LifecycleActionResult: &result,
	})
}

func TestLaunchingHook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(0, 1)
	w.putHook(launchingTransition, resultAbandon)
	must[autoscaling.SetDesiredCapacityOutput](w, "SetDesiredCapacity", &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: aws.String("g"), DesiredCapacity: aws.Int32(1)})
	w.wait(50 * time.Second)
	w.wantStates("Pending:Wait")
	if a := w.activity("Launching"); a.StatusCode != types.ScalingActivityStatusCodeMidLifecycleAction {
		t.Errorf("the activity is %s", a.StatusCode)
	}
	id := *w.group().Instances[0].InstanceId
	must[autoscaling.RecordLifecycleActionHeartbeatOutput](w, "RecordLifecycleActionHeartbeat", &autoscaling.RecordLifecycleActionHeartbeatInput{
		AutoScalingGroupName: aws.String("g"), LifecycleHookName: aws.String("h"), InstanceId: &id,
	})
	w.wait(50 * time.Second)
	w.wantStates("Pending:Wait")
	w.complete(id, resultContinue)
	w.wait(5 * time.Second)
	w.wantStates("InService")
}

func TestAbandonedLaunch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(0, 1)
	w.putHook(launchingTransition, resultAbandon)
	must[autoscaling.SetDesiredCapacityOutput](w, "SetDesiredCapacity", &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: aws.String("g"), DesiredCapacity: aws.Int32(1)})
	w.wait(5 * time.Second)
	id := *w.group().Instances[0].InstanceId
	w.wait(62 * time.Second)
	a := w.activity("Launching a new EC2 instance: " + id)
	if m := aws.ToString(a.StatusMessage); a.StatusCode != types.ScalingActivityStatusCodeCancelled ||
		!strings.HasPrefix(m, "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token ") || !strings.HasSuffix(m, " was abandoned: Heartbeat Timeout") {
		t.Errorf("the launch is %s: %q", a.StatusCode, m)
	}
	w.wait(5 * time.Second)
	if w.ec2.instances[id].State != "terminated" {
		t.Errorf("the abandoned instance is %s", w.ec2.instances[id].State)
	}
}

func TestTerminatingHook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(0, 1, func(in *autoscaling.CreateAutoScalingGroupInput) { in.DesiredCapacity = aws.Int32(1) })
	w.putHook(terminatingTransition, resultContinue)
	w.wait(5 * time.Second)
	id := *w.group().Instances[0].InstanceId
	must[autoscaling.SetDesiredCapacityOutput](w, "SetDesiredCapacity", &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: aws.String("g"), DesiredCapacity: aws.Int32(0)})
	w.wait(5 * time.Second)
	w.wantStates("Terminating:Wait")
	if w.ec2.instances[id].State != "running" {
		t.Errorf("while the hook holds it, the instance is %s", w.ec2.instances[id].State)
	}
	w.complete(id, resultContinue)
	w.wait(time.Second)
	w.wantStates("Terminating:Proceed")
	w.wait(5 * time.Second)
	w.wantStates()
}

func TestAttachAndDetach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(0, 1, func(in *autoscaling.CreateAutoScalingGroupInput) { in.DesiredCapacity = aws.Int32(1) })
	w.wait(5 * time.Second)
	id, g := *w.group().Instances[0].InstanceId, aws.String("g")
	out := must[autoscaling.DetachInstancesOutput](w, "DetachInstances", &autoscaling.DetachInstancesInput{AutoScalingGroupName: g, InstanceIds: []string{id}, ShouldDecrementDesiredCapacity: aws.Bool(true)})
	if want := "At 2026-09-29T11:04:48Z instance " + id + " was detached in response to a user request, shrinking the capacity from 1 to 0."; *out.Activities[0].Cause != want {
		t.Errorf("the cause is %q, want %q", *out.Activities[0].Cause, want)
	}
	w.wait(time.Minute)
	w.wantStates()
	if i := w.ec2.instances[id]; i.State != "running" || i.labels[groupTag] != "" {
		t.Errorf("the detached instance is %s with labels %v", i.State, i.labels)
	}
	attach := &autoscaling.AttachInstancesInput{AutoScalingGroupName: g, InstanceIds: []string{id}}
	must[autoscaling.AttachInstancesOutput](w, "AttachInstances", attach)
	w.wait(5 * time.Second)
	w.wantStates("InService")
	w.refused("AttachInstances", attach, "ValidationError", "Instance "+id+" is already part of AutoScalingGroup g")
	other := *w.ec2.instances[id]
	other.ID = "i-other"
	w.ec2.instances["i-other"] = &other
	attach.InstanceIds = []string{"i-other"}
	w.refused("AttachInstances", attach, "ValidationError", "AutoScalingGroup g has min-size=0, max-size=1, and desired-size=1. To attach 1 more instance, please update the AutoScalingGroup sizes appropriately.")
}

func TestStandby(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(1, 2)
	w.wait(5 * time.Second)
	id, g := *w.group().Instances[0].InstanceId, aws.String("g")
	out := must[autoscaling.EnterStandbyOutput](w, "EnterStandby", &autoscaling.EnterStandbyInput{AutoScalingGroupName: g, InstanceIds: []string{id}, ShouldDecrementDesiredCapacity: aws.Bool(false)})
	if a := out.Activities[0]; *a.Description != "Moving EC2 instance to Standby: "+id || *a.Cause != "At 2026-09-29T11:04:48Z instance "+id+" was moved to standby in response to a user request." {
		t.Errorf("%q because %q", *a.Description, *a.Cause)
	}
	w.wait(10 * time.Second)
	w.wantStates("InService", "Standby")
	w.ec2.instances[id].State = "stopped"
	w.wait(2 * time.Minute)
	w.wantStates("InService", "Standby")
	w.ec2.instances[id].State = "running"
	back := must[autoscaling.ExitStandbyOutput](w, "ExitStandby", &autoscaling.ExitStandbyInput{AutoScalingGroupName: g, InstanceIds: []string{id}})
	if a := back.Activities[0]; !strings.HasSuffix(*a.Cause, "was moved out of standby in response to a user request, increasing the capacity from 1 to 2.") || a.StatusCode != types.ScalingActivityStatusCodePreInService {
		t.Errorf("%s because %q", a.StatusCode, *a.Cause)
	}
	w.wait(10 * time.Second)
	w.wantStates("InService", "InService")
}

func TestProtectionAndHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(0, 1, func(in *autoscaling.CreateAutoScalingGroupInput) {
		in.DesiredCapacity, in.NewInstancesProtectedFromScaleIn = aws.Int32(1), aws.Bool(true)
	})
	w.wait(5 * time.Second)
	id := *w.group().Instances[0].InstanceId
	must[autoscaling.SetDesiredCapacityOutput](w, "SetDesiredCapacity", &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: aws.String("g"), DesiredCapacity: aws.Int32(0)})
	w.wait(time.Minute)
	w.wantStates("InService")
	must[autoscaling.SetInstanceHealthOutput](w, "SetInstanceHealth", &autoscaling.SetInstanceHealthInput{InstanceId: &id, HealthStatus: aws.String("Unhealthy")})
	w.wait(10 * time.Second)
	w.wantStates()
	if a := w.activity("Terminating"); !strings.HasSuffix(*a.Cause, "an instance was taken out of service in response to a user health-check.") {
		t.Errorf("the cause is %q", *a.Cause)
	}
}

func TestCooldown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(1, 3)
	w.wait(10 * time.Second)
	in := &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: aws.String("g"), DesiredCapacity: aws.Int32(2), HonorCooldown: aws.Bool(true)}
	w.refused("SetDesiredCapacity", in, "ScalingActivityInProgress", "Scaling activity "+*w.activities()[0].ActivityId+" is in progress and blocks this action")
	w.wait(defaultCooldown * time.Second)
	must[autoscaling.SetDesiredCapacityOutput](w, "SetDesiredCapacity", in)
}

func TestSuspendedProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(1, 1)
	must[autoscaling.SuspendProcessesOutput](w, "SuspendProcesses", &autoscaling.SuspendProcessesInput{AutoScalingGroupName: aws.String("g"), ScalingProcesses: []string{"Launch"}})
	w.wait(time.Minute)
	w.wantStates()
	if p := w.group().SuspendedProcesses; len(p) != 1 || *p[0].SuspensionReason != "User suspended at 2026-09-29T11:04:43Z" {
		t.Errorf("suspended are %v", p)
	}
	must[autoscaling.ResumeProcessesOutput](w, "ResumeProcesses", &autoscaling.ResumeProcessesInput{AutoScalingGroupName: aws.String("g")})
	w.wait(10 * time.Second)
	w.wantStates("InService")
}
