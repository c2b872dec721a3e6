package autoscaling

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// noRoom refuses to go beyond the group's sizes (Auto Scaling guide, "Detach or
// attach instances").
func (g group) noRoom(what string, n int) error {
	return invalid("AutoScalingGroup %s has min-size=%d, max-size=%d, and desired-size=%d. To %s %d more instance%s, please update the AutoScalingGroup sizes appropriately.",
		g.Name, g.Min, g.Max, g.Desired, what, n, plural(n))
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// attachInstances takes running instances into the group and raises its desired
// capacity by them.
func (s *Service) attachInstances(c *api.Call, in *autoscaling.AttachInstancesInput) (*autoscaling.AttachInstancesOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	switch {
	case len(in.InstanceIds) == 0:
		return nil, invalid("At least one instance ID is required.")
	case len(in.InstanceIds) > maxInstanceIDs:
		return nil, invalid("The number of instance ids that may be passed in is limited to %d", maxInstanceIDs)
	}
	var joining []member
	for _, id := range in.InstanceIds {
		m, err := s.attachable(c, g, id)
		if err != nil {
			return nil, err
		}
		joining = append(joining, m)
	}
	if g.Desired+int32(len(joining)) > g.Max {
		return nil, g.noRoom("attach", len(joining))
	}
	for _, m := range joining {
		a := g.begin(c, "Attaching an existing EC2 instance: "+m.ID,
			sentence(c, "an instance was attached in response to a user request, increasing the capacity from %d to %d", g.Desired, g.Desired+1))
		a.Zone, a.Subnet, a.Progress, a.Status = m.Zone, m.Subnet, 30, types.ScalingActivityStatusCodePreInService
		m.Activity = a.key()
		g.Desired++
		if err := errors.Join(a.put(c), m.put(c), s.compute.Label(c, m.ID, map[string]string{groupTag: g.Name})); err != nil {
			return nil, err
		}
	}
	if err := g.put(c); err != nil {
		return nil, err
	}
	return &autoscaling.AttachInstancesOutput{}, s.soon(c, g)
}

// attachable checks that an instance can join: it runs, in one of the group's
// zones, and is in no group.
func (s *Service) attachable(c *api.Call, g group, id string) (member, error) {
	i, err := s.compute.Instance(c, id)
	if errors.Is(err, store.ErrNotFound) {
		return member{}, invalid("Invalid Instance ID(s): [%s]", id)
	}
	if err != nil {
		return member{}, err
	}
	if i.State != string(ec2types.InstanceStateNameRunning) {
		return member{}, invalid("Instance %s is not in correct state. Current state is %s, but should be running", id, i.State)
	}
	other, err := memberTable.Get(c.Tx, c.Scope(), id)
	if err == nil {
		return member{}, invalid("Instance %s is already part of AutoScalingGroup %s", id, other.Group)
	}
	if ignoreNotFound(err) != nil {
		return member{}, err
	}
	in := false
	for _, z := range g.Zones {
		in = in || z == i.Zone
	}
	if !in {
		return member{}, invalid("Instance %s is not in the Availability Zones of the AutoScalingGroup %s", id, g.Name)
	}
	return member{
		ID: id, Group: g.Name, Zone: i.Zone, Subnet: i.Subnet, Type: i.Type, Image: i.Image,
		State: types.LifecycleStatePending, Protected: g.ProtectNew, Launched: i.Launched,
	}, nil
}

// shrink lowers the desired capacity for instances that leave, and gives the
// end of the sentence that says so.
func (g *group) shrink(decrement *bool, what string, n int) error {
	if decrement == nil {
		return invalid("ShouldDecrementDesiredCapacity must be specified")
	}
	if *decrement && g.Desired-int32(n) < g.Min {
		return g.noRoom(what, n)
	}
	return nil
}

// detachInstances lets instances go; they run on.
func (s *Service) detachInstances(c *api.Call, in *autoscaling.DetachInstancesInput) (*autoscaling.DetachInstancesOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	list, err := membersNamed(c, g, in.InstanceIds, maxInstanceIDs)
	if err != nil {
		return nil, err
	}
	counted := 0
	for _, m := range list {
		if m.State != types.LifecycleStateInService && m.State != types.LifecycleStateStandby {
			return nil, invalid("The instance %s is not in InService or Standby.", m.ID)
		}
		if m.active() {
			counted++
		}
	}
	if err := g.shrink(in.ShouldDecrementDesiredCapacity, "detach", counted); err != nil {
		return nil, err
	}
	out := &autoscaling.DetachInstancesOutput{Activities: []types.Activity{}}
	for _, m := range list {
		a := g.begin(c, "Detaching EC2 instance: "+m.ID, g.left(c, m, "was detached in response to a user request", *in.ShouldDecrementDesiredCapacity))
		a.Zone, a.Subnet, a.Progress = m.Zone, m.Subnet, 50
		out.Activities = append(out.Activities, a.describe(c, false))
		a.finish(c, types.ScalingActivityStatusCodeSuccessful, "")
		if err := errors.Join(a.put(c), m.remove(c), s.compute.Label(c, m.ID, map[string]string{groupTag: ""})); err != nil {
			return nil, err
		}
	}
	if err := g.put(c); err != nil {
		return nil, err
	}
	return out, s.soon(c, g)
}

// left is the sentence of an instance that leaves the capacity, which goes down
// by it if it is to and the instance counted.
func (g *group) left(c *api.Call, m member, what string, decrement bool) string {
	if !decrement || !m.active() {
		return sentence(c, "instance %s %s", m.ID, what)
	}
	g.Desired--
	return sentence(c, "instance %s %s, shrinking the capacity from %d to %d", m.ID, what, g.Desired+1, g.Desired)
}

// enterStandby puts instances aside: they run on, and do not count.
func (s *Service) enterStandby(c *api.Call, in *autoscaling.EnterStandbyInput) (*autoscaling.EnterStandbyOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	list, err := membersNamed(c, g, in.InstanceIds, maxInstanceIDs)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if m.State != types.LifecycleStateInService {
			return nil, invalid("The instance %s is not in InService.", m.ID)
		}
	}
	if err := g.shrink(in.ShouldDecrementDesiredCapacity, "place into standby", len(list)); err != nil {
		return nil, err
	}
	out := &autoscaling.EnterStandbyOutput{Activities: []types.Activity{}}
	for _, m := range list {
		a := g.begin(c, "Moving EC2 instance to Standby: "+m.ID, g.left(c, m, "was moved to standby in response to a user request", *in.ShouldDecrementDesiredCapacity))
		a.Zone, a.Subnet, a.Progress = m.Zone, m.Subnet, 50
		out.Activities = append(out.Activities, a.describe(c, false))
		m.State, m.Activity = types.LifecycleStateEnteringStandby, a.key()
		if err := errors.Join(a.put(c), m.put(c)); err != nil {
			return nil, err
		}
	}
	if err := g.put(c); err != nil {
		return nil, err
	}
	return out, s.soon(c, g)
}

// exitStandby takes instances back into service, and raises the desired
// capacity by them.
func (s *Service) exitStandby(c *api.Call, in *autoscaling.ExitStandbyInput) (*autoscaling.ExitStandbyOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	list, err := membersNamed(c, g, in.InstanceIds, maxInstanceIDs)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if m.State != types.LifecycleStateStandby {
			return nil, invalid("The instance %s is not in Standby.", m.ID)
		}
	}
	if g.Desired+int32(len(list)) > g.Max {
		return nil, g.noRoom("remove from standby", len(list))
	}
	out := &autoscaling.ExitStandbyOutput{Activities: []types.Activity{}}
	for _, m := range list {
		g.Desired++
		a := g.begin(c, "Moving EC2 instance out of Standby: "+m.ID,
			sentence(c, "instance %s was moved out of standby in response to a user request, increasing the capacity from %d to %d", m.ID, g.Desired-1, g.Desired))
		a.Zone, a.Subnet, a.Progress, a.Status = m.Zone, m.Subnet, 30, types.ScalingActivityStatusCodePreInService
		out.Activities = append(out.Activities, a.describe(c, false))
		m.State, m.Activity, m.Returns = types.LifecycleStatePending, a.key(), true
		if err := errors.Join(a.put(c), m.put(c)); err != nil {
			return nil, err
		}
	}
	if err := g.put(c); err != nil {
		return nil, err
	}
	return out, s.soon(c, g)
}
