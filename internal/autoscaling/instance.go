package autoscaling

import (
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

func (s *Service) instanceOperations() []api.Operation {
	return []api.Operation{
		api.Read("DescribeAutoScalingInstances", anywhere[autoscaling.DescribeAutoScalingInstancesInput]("DescribeAutoScalingInstances"), s.describeInstances),
		api.Op("TerminateInstanceInAutoScalingGroup", onInstance("TerminateInstanceInAutoScalingGroup", func(in *autoscaling.TerminateInstanceInAutoScalingGroupInput) *string { return in.InstanceId }), s.terminateInGroup),
		api.Op("SetInstanceHealth", onInstance("SetInstanceHealth", func(in *autoscaling.SetInstanceHealthInput) *string { return in.InstanceId }), s.setInstanceHealth),
		api.Op("SetInstanceProtection", onGroup("SetInstanceProtection", func(in *autoscaling.SetInstanceProtectionInput) *string { return in.AutoScalingGroupName }), s.setInstanceProtection),
		api.Op("AttachInstances", onGroup("AttachInstances", func(in *autoscaling.AttachInstancesInput) *string { return in.AutoScalingGroupName }), s.attachInstances),
		api.Op("DetachInstances", onGroup("DetachInstances", func(in *autoscaling.DetachInstancesInput) *string { return in.AutoScalingGroupName }), s.detachInstances),
		api.Op("EnterStandby", onGroup("EnterStandby", func(in *autoscaling.EnterStandbyInput) *string { return in.AutoScalingGroupName }), s.enterStandby),
		api.Op("ExitStandby", onGroup("ExitStandby", func(in *autoscaling.ExitStandbyInput) *string { return in.AutoScalingGroupName }), s.exitStandby),
	}
}

// managed finds an instance in any group.
func managed(c *api.Call, id *string) (member, group, error) {
	m, err := memberTable.Get(c.Tx, c.Scope(), aws.ToString(id))
	if errors.Is(err, store.ErrNotFound) {
		return m, group{}, invalid("Instance Id not found - No managed instance found for instance ID: %s", aws.ToString(id))
	}
	if err != nil {
		return m, group{}, err
	}
	g, err := liveGroup(c, &m.Group)
	return m, g, err
}

// membersNamed finds the instances of a request in its group.
func membersNamed(c *api.Call, g group, ids []string, most int) ([]member, error) {
	if len(ids) > most {
		return nil, invalid("The number of instance ids that may be passed in is limited to %d", most)
	}
	var list []member
	for _, id := range ids {
		m, err := memberTable.Get(c.Tx, c.Scope(), id)
		if ignoreNotFound(err) != nil {
			return nil, err
		}
		if err != nil || m.Group != g.Name {
			return nil, invalid("The instance %s is not part of Auto Scaling group %s.", id, g.Name)
		}
		if !slices.ContainsFunc(list, func(other member) bool { return other.ID == id }) {
			list = append(list, m)
		}
	}
	return list, nil
}

// terminateInGroup has the group end an instance, and replace it unless its
// desired capacity goes down with it.
func (s *Service) terminateInGroup(c *api.Call, in *autoscaling.TerminateInstanceInAutoScalingGroupInput) (*autoscaling.TerminateInstanceInAutoScalingGroupOutput, error) {
	if len(in.InstanceIds) > 0 {
		return nil, notBuilt("InstanceIds")
	}
	m, g, err := managed(c, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if in.AutoScalingGroupName != nil && *in.AutoScalingGroupName != g.Name {
		return nil, invalid("The instance %s is not part of Auto Scaling group %s.", m.ID, *in.AutoScalingGroupName)
	}
	if m.leaving() {
		return nil, activityInProgress("Instance %s is already being terminated.", m.ID)
	}
	cause := sentence(c, "instance %s was taken out of service in response to a user request", m.ID)
	if aws.ToBool(in.ShouldDecrementDesiredCapacity) && m.active() {
		if g.Desired <= g.Min {
			return nil, invalid("Currently, desiredSize equals minSize (%d). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.", g.Min)
		}
		cause = sentence(c, "instance %s was taken out of service in response to a user request, shrinking the capacity from %d to %d", m.ID, g.Desired, g.Desired-1)
		g.Desired--
	} else if m.active() {
		g.Replacing = append(g.Replacing, replacement)
	}
	w := &worker{Service: s, c: c, g: g}
	if err := w.assume(); err != nil {
		return nil, err
	}
	if err := w.terminate(&m, cause); err != nil {
		return nil, err
	}
	if err := errors.Join(m.put(c), w.g.put(c)); err != nil {
		return nil, err
	}
	a, err := activityTable.Get(c.Tx, c.Scope(), m.Activity)
	if err != nil {
		return nil, err
	}
	d := a.describe(c, false)
	d.Progress = aws.Int32(0)
	return &autoscaling.TerminateInstanceInAutoScalingGroupOutput{Activity: &d}, s.soon(c, w.g)
}

func (s *Service) setInstanceHealth(c *api.Call, in *autoscaling.SetInstanceHealthInput) (*autoscaling.SetInstanceHealthOutput, error) {
	status := aws.ToString(in.HealthStatus)
	if status != "Healthy" && status != "Unhealthy" {
		return nil, invalid("Valid instance health states are: [Healthy, Unhealthy].")
	}
	m, g, err := managed(c, in.InstanceId)
	if err != nil {
		return nil, err
	}
	respects := in.ShouldRespectGracePeriod == nil || *in.ShouldRespectGracePeriod
	since := m.InServiceAt
	if since.IsZero() {
		since = c.Now
	}
	if respects && status == "Unhealthy" && c.Now.Before(since.Add(time.Duration(g.Grace)*time.Second)) {
		return &autoscaling.SetInstanceHealthOutput{}, nil // within the grace period nothing is heard
	}
	m.Unhealthy = status == "Unhealthy"
	if err := m.put(c); err != nil {
		return nil, err
	}
	return &autoscaling.SetInstanceHealthOutput{}, s.soon(c, g)
}

func (s *Service) setInstanceProtection(c *api.Call, in *autoscaling.SetInstanceProtectionInput) (*autoscaling.SetInstanceProtectionOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	list, err := membersNamed(c, g, in.InstanceIds, maxProtectedIDs)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if m.leaving() {
			return nil, invalid("The instance %s is not in InService or EnteringStandby or Standby.", m.ID)
		}
		m.Protected = aws.ToBool(in.ProtectedFromScaleIn)
		if err := m.put(c); err != nil {
			return nil, err
		}
	}
	return &autoscaling.SetInstanceProtectionOutput{}, s.soon(c, g)
}
