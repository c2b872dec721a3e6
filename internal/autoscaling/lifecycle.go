package autoscaling

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// advance brings an instance one step on (Auto Scaling guide, "Amazon EC2 Auto
// Scaling instance lifecycle"), and tells whether it stays in the group.
func (w *worker) advance(m *member) (stays bool, err error) {
	i, err := w.compute.Instance(w.c, m.ID)
	if errors.Is(err, store.ErrNotFound) {
		i, err = api.Instance{ID: m.ID, State: string(ec2types.InstanceStateNameTerminated)}, nil
	}
	if err != nil {
		return true, err
	}
	switch m.phase() {
	case types.LifecycleStatePending, types.LifecycleStatePendingWait, types.LifecycleStatePendingProceed:
		if m.Warm {
			return w.warming(m, i)
		}
		return w.launching(m, i)
	case types.LifecycleStateInService:
		return true, w.serving(m, i)
	case types.LifecycleStateTerminating, types.LifecycleStateTerminatingWait, types.LifecycleStateTerminatingProceed:
		return w.terminating(m, i)
	case types.LifecycleStateEnteringStandby:
		m.State = types.LifecycleStateStandby
		return true, m.finishActivity(w.c, types.ScalingActivityStatusCodeSuccessful, "")
	}
	if m.parked() {
		return true, w.keepWarm(m, i)
	}
	return true, nil // on standby: nobody looks at its health
}

// gone reports whether an instance has ended or will.
func gone(i api.Instance) bool {
	return i.State == string(ec2types.InstanceStateNameTerminated) || i.State == string(ec2types.InstanceStateNameShuttingDown)
}

// down reports whether an instance fails EC2's health check: any state but
// running does, once it was.
func down(i api.Instance) bool {
	return i.State != string(ec2types.InstanceStateNameRunning) && i.State != string(ec2types.InstanceStateNamePending)
}

func (w *worker) launching(m *member, i api.Instance) (stays bool, err error) {
	if down(i) {
		return w.stillborn(m, i)
	}
	switch {
	case m.Cause != "":
		return true, w.terminate(m, m.Cause)
	case i.State == string(ec2types.InstanceStateNamePending):
		w.wakeAfter(stepTime)
		return true, nil
	case m.State == types.LifecycleStatePendingProceed:
		return true, w.enter(m)
	case m.State == types.LifecycleStatePending:
		if m.Waits = w.g.waitsFor(w.c, launchingTransition); len(m.Waits) == 0 || m.Returns {
			m.Waits = nil
			return true, w.enter(m)
		}
		m.State = types.LifecycleStatePendingWait
		w.wake(m.deadline())
		return true, m.progress(w.c, types.ScalingActivityStatusCodeMidLifecycleAction, 60)
	}
	return w.held(m)
}

// held looks whether the lifecycle actions that hold a launching instance are over.
func (w *worker) held(m *member) (stays bool, err error) {
	done, abandoned := m.settle(w.c)
	switch {
	case !done:
		w.wake(m.deadline())
		return true, nil
	case abandoned != "":
		if err := m.finishActivity(w.c, types.ScalingActivityStatusCodeCancelled, abandoned); err != nil {
			return true, err
		}
		w.failed()
		return true, w.terminate(m, sentence(w.c, "an instance was taken out of service in response to a lifecycle action that was abandoned"))
	}
	m.enterPhase(types.LifecycleStatePendingProceed)
	w.wakeAfter(stepTime)
	return true, nil
}

// enter puts an instance into service.
func (w *worker) enter(m *member) error {
	m.State, m.InServiceAt, m.Returns = types.LifecycleStateInService, w.c.Now, false
	w.g.Failures, w.g.RetryAt, w.g.ScaledAt = 0, time.Time{}, w.c.Now
	w.wakeAfter(healthTime)
	return m.finishActivity(w.c, types.ScalingActivityStatusCodeSuccessful, "")
}

// stillborn ends the launch of an instance that never came into service, as one
// does whose volumes' key the group's role may not use.
func (w *worker) stillborn(m *member, i api.Instance) (stays bool, err error) {
	message := "Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: " + i.Reason
	if err := m.finishActivity(w.c, types.ScalingActivityStatusCodeCancelled, message); err != nil {
		return true, err
	}
	w.failed()
	if gone(i) {
		return false, nil
	}
	m.Unhealthy = true
	return true, w.terminate(m, sentence(w.c, unhealthyEC2))
}

// Why an instance is taken out of service (AWS re:Post, "Why did Amazon EC2
// Auto Scaling terminate an instance?").
const (
	unhealthyEC2  = "an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped"
	unhealthyUser = "an instance was taken out of service in response to a user health-check"
	tooOld        = "an instance was taken out of service in response to the instance reaching its maximum lifetime"
	replacement   = "an instance was launched in response to an unhealthy instance needing to be replaced"
)

// serving looks at an instance's health.
func (w *worker) serving(m *member, i api.Instance) error {
	cause := m.Cause
	switch {
	case cause != "":
		return w.terminate(m, cause)
	case down(i) && !w.g.suspended("HealthCheck"):
		m.Unhealthy, cause = true, unhealthyEC2
	case m.Unhealthy:
		cause = unhealthyUser
	case w.g.MaxLifetime > 0 && w.c.Now.Sub(m.Launched) >= time.Duration(w.g.MaxLifetime)*time.Second:
		cause = tooOld
	}
	if cause == "" || w.g.suspended("ReplaceUnhealthy") {
		w.wakeAfter(healthTime)
		return nil
	}
	if w.g.suspended("Terminate") {
		w.wakeAfter(healthTime)
		return nil
	}
	w.g.Replacing = append(w.g.Replacing, replacement)
	return w.terminate(m, sentence(w.c, "%s", cause))
}

// terminate begins an instance's way out: hooks first, if there are any and the
// instance is still there to be worked on.
func (w *worker) terminate(m *member, cause string) error {
	a := w.g.begin(w.c, "Terminating EC2 instance: "+m.ID, cause)
	a.Zone, a.Subnet = m.Zone, m.Subnet
	if err := m.finishActivity(w.c, types.ScalingActivityStatusCodeCancelled, ""); err != nil {
		return err
	}
	m.Activity, m.Cause, m.Waits = a.key(), "", nil
	i, err := w.compute.Instance(w.c, m.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil && !gone(i) && !w.g.Deleting {
		m.Waits = w.g.waitsFor(w.c, terminatingTransition)
	}
	if len(m.Waits) > 0 {
		m.enterPhase(types.LifecycleStateTerminatingWait)
		a.Status, a.Progress = types.ScalingActivityStatusCodeMidLifecycleAction, 50
		w.wake(m.deadline())
		return a.put(w.c)
	}
	m.enterPhase(types.LifecycleStateTerminating)
	a.Progress = 50
	if err := a.put(w.c); err != nil {
		return err
	}
	return w.terminateInstance(m, i)
}

// terminating waits for hooks, then for EC2.
func (w *worker) terminating(m *member, i api.Instance) (stays bool, err error) {
	if i.State == string(ec2types.InstanceStateNameTerminated) {
		return false, m.finishActivity(w.c, types.ScalingActivityStatusCodeSuccessful, "")
	}
	if m.phase() == types.LifecycleStateTerminatingWait {
		if done, _ := m.settle(w.c); !done {
			w.wake(m.deadline())
			return true, nil
		}
		m.enterPhase(types.LifecycleStateTerminatingProceed)
	}
	return true, w.terminateInstance(m, i)
}

// terminateInstance asks EC2 to end an instance. Termination protection is for
// people: the group lifts it.
func (w *worker) terminateInstance(m *member, i api.Instance) error {
	if i.ID == "" || gone(i) {
		w.wakeAfter(stepTime)
		return nil
	}
	if w.as == nil {
		w.wakeAfter(healthTime)
		return nil
	}
	in := &ec2.TerminateInstancesInput{InstanceIds: []string{m.ID}}
	_, err := api.Invoke[ec2.TerminateInstancesOutput](w.as, "ec2", "TerminateInstances", in)
	if errorCode(err) == "OperationNotPermitted" {
		if _, err = api.Invoke[ec2.ModifyInstanceAttributeOutput](w.as, "ec2", "ModifyInstanceAttribute", &ec2.ModifyInstanceAttributeInput{
			InstanceId: aws.String(m.ID), DisableApiTermination: &ec2types.AttributeBooleanValue{Value: aws.Bool(false)},
		}); err == nil {
			_, err = api.Invoke[ec2.TerminateInstancesOutput](w.as, "ec2", "TerminateInstances", in)
		}
	}
	if errorCode(err) != "" {
		w.wakeAfter(healthTime) // to ask again
		return nil
	}
	w.wakeAfter(stepTime)
	return err
}
