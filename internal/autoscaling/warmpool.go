package autoscaling

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// warmPool is a group's pool of instances that were launched beforehand (Auto
// Scaling guide, "Warm pools for Amazon EC2 Auto Scaling").
type warmPool struct {
	Min      int32
	Prepared *int32 `json:",omitempty"`
	State    types.WarmPoolState
	Deleting bool `json:",omitempty"`
}

func (s *Service) warmPoolOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutWarmPool", onGroup("PutWarmPool", func(in *autoscaling.PutWarmPoolInput) *string { return in.AutoScalingGroupName }), s.putWarmPool),
		api.Read("DescribeWarmPool", anywhere[autoscaling.DescribeWarmPoolInput]("DescribeWarmPool"), s.describeWarmPool),
		api.Op("DeleteWarmPool", onGroup("DeleteWarmPool", func(in *autoscaling.DeleteWarmPoolInput) *string { return in.AutoScalingGroupName }), s.deleteWarmPool),
	}
}

func (s *Service) putWarmPool(c *api.Call, in *autoscaling.PutWarmPoolInput) (*autoscaling.PutWarmPoolOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	p := warmPool{State: types.WarmPoolStateStopped}
	if g.Pool != nil {
		p = *g.Pool
	}
	assign(&p.Min, in.MinSize)
	if in.PoolState != "" {
		p.State = in.PoolState
	}
	if v := in.MaxGroupPreparedCapacity; v != nil {
		if p.Prepared = v; *v == -1 {
			p.Prepared = nil
		}
	}
	switch {
	case p.Deleting:
		return nil, activityInProgress("The warm pool of AutoScalingGroup %s is pending delete", g.Name)
	case p.Min < 0:
		return nil, invalid("MinSize must be greater than or equal to 0")
	case p.Prepared != nil && *p.Prepared < 0:
		return nil, invalid("MaxGroupPreparedCapacity must be greater than or equal to -1")
	case p.State == types.WarmPoolStateHibernated:
		return nil, notBuilt("PoolState")
	case in.InstanceReusePolicy != nil && aws.ToBool(in.InstanceReusePolicy.ReuseOnScaleIn):
		return nil, notBuilt("InstanceReusePolicy.ReuseOnScaleIn")
	case g.Source.Mixed != nil:
		return nil, invalid("You can't add a warm pool to an Auto Scaling group that has a mixed instances policy or a launch template or launch configuration that requests Spot Instances.")
	}
	g.Pool = &p
	if err := g.put(c); err != nil {
		return nil, err
	}
	return &autoscaling.PutWarmPoolOutput{}, s.soon(c, g)
}

func (p *warmPool) describe() *types.WarmPoolConfiguration {
	if p == nil {
		return nil
	}
	d := &types.WarmPoolConfiguration{MinSize: aws.Int32(p.Min), MaxGroupPreparedCapacity: p.Prepared, PoolState: p.State}
	if p.Deleting {
		d.Status = types.WarmPoolStatusPendingDelete
	}
	return d
}

func (s *Service) describeWarmPool(c *api.Call, in *autoscaling.DescribeWarmPoolInput) (*autoscaling.DescribeWarmPoolOutput, error) {
	g, err := getGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	members, err := membersOf(c, g.Name)
	if err != nil {
		return nil, err
	}
	var warm []member
	for _, m := range members {
		if m.Warm {
			warm = append(warm, m)
		}
	}
	shown, next, err := page(warm, func(m member) string { return m.ID }, pagesOf50, in.MaxRecords, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.DescribeWarmPoolOutput{Instances: []types.Instance{}, NextToken: next, WarmPoolConfiguration: g.Pool.describe()}
	for _, m := range shown {
		out.Instances = append(out.Instances, s.describeMember(c, m))
	}
	return out, nil
}

// deleteWarmPool deletes the pool, once its instances are gone.
func (s *Service) deleteWarmPool(c *api.Call, in *autoscaling.DeleteWarmPoolInput) (*autoscaling.DeleteWarmPoolOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if g.Pool == nil {
		return nil, invalid("No warm pool found for Auto Scaling group %s", g.Name)
	}
	g.Pool.Deleting = true
	if err := g.put(c); err != nil {
		return nil, err
	}
	return &autoscaling.DeleteWarmPoolOutput{}, s.soon(c, g)
}

// phase is a member's state without the mark of the warm pool.
func (m member) phase() types.LifecycleState {
	return types.LifecycleState(strings.TrimPrefix(string(m.State), warmMark))
}

// warmMark begins the states of instances in a warm pool.
const warmMark = "Warmed:"

// enterPhase sets a member's state, with the mark if it is in the warm pool.
func (m *member) enterPhase(state types.LifecycleState) {
	if m.Warm {
		state = warmMark + state
	}
	m.State = state
}

// parked reports whether an instance waits in the pool.
func (m member) parked() bool {
	return m.State == types.LifecycleStateWarmedStopped || m.State == types.LifecycleStateWarmedRunning
}

// warming brings an instance into the pool: it runs first, hooks hold it, then
// it is stopped if the pool's are.
func (w *worker) warming(m *member, i api.Instance) (stays bool, err error) {
	proceeds := m.State == types.LifecycleStateWarmedPendingProceed
	switch {
	case gone(i) || down(i) && !proceeds:
		return w.stillborn(m, i)
	case m.State == types.LifecycleStateWarmedPendingWait:
		return w.held(m)
	case i.State == string(ec2types.InstanceStateNamePending):
		w.wakeAfter(stepTime)
		return true, nil
	case proceeds:
		return true, w.park(m, i)
	}
	if m.Waits = w.g.waitsFor(w.c, launchingTransition); len(m.Waits) > 0 {
		m.enterPhase(types.LifecycleStatePendingWait)
		w.wake(m.deadline())
		return true, m.progress(w.c, types.ScalingActivityStatusCodeMidLifecycleAction, 60)
	}
	m.enterPhase(types.LifecycleStatePendingProceed)
	return true, w.park(m, i)
}

// park ends the launch into the pool.
func (w *worker) park(m *member, i api.Instance) error {
	wanted, state := string(ec2types.InstanceStateNameRunning), types.LifecycleStateWarmedRunning
	if w.g.Pool == nil || w.g.Pool.State != types.WarmPoolStateRunning {
		wanted, state = string(ec2types.InstanceStateNameStopped), types.LifecycleStateWarmedStopped
	}
	w.wakeAfter(stepTime)
	if i.State == wanted {
		m.State = state
		return m.finishActivity(w.c, types.ScalingActivityStatusCodeSuccessful, "")
	}
	if i.State != string(ec2types.InstanceStateNameRunning) || w.as == nil {
		return nil
	}
	_, err := api.Invoke[ec2.StopInstancesOutput](w.as, "ec2", "StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{m.ID}})
	if errorCode(err) != "" {
		w.wakeAfter(healthTime)
		return nil
	}
	return err
}

// keepWarm looks at an instance in the pool: one that has ended goes.
func (w *worker) keepWarm(m *member, i api.Instance) error {
	w.wakeAfter(healthTime)
	switch {
	case gone(i):
		return w.terminate(m, sentence(w.c, unhealthyEC2))
	case m.Unhealthy:
		return w.terminate(m, sentence(w.c, unhealthyUser))
	}
	return nil
}

// fromPool puts an instance of the pool into the group. A start that EC2
// refuses is an activity that failed.
func (w *worker) fromPool(m *member, causes []string) (launched bool, err error) {
	a := w.g.begin(w.c, "Launching a new EC2 instance from warm pool: "+m.ID, causes...)
	a.Zone, a.Subnet = m.Zone, m.Subnet
	if m.State == types.LifecycleStateWarmedStopped {
		_, err := api.Invoke[ec2.StartInstancesOutput](w.as, "ec2", "StartInstances", &ec2.StartInstancesInput{InstanceIds: []string{m.ID}})
		if refused := errorMessage(err); refused != "" {
			a.finish(w.c, types.ScalingActivityStatusCodeFailed, strings.TrimSuffix(refused, ".")+". Launching EC2 instance failed.")
			w.failed()
			return false, a.put(w.c)
		}
		if err != nil {
			return false, err
		}
	}
	m.Warm, m.State, m.Activity, m.Launched = false, types.LifecycleStatePending, a.key(), w.c.Now
	a.Status, a.Progress = types.ScalingActivityStatusCodePreInService, 30
	if err := a.put(w.c); err != nil {
		return false, err
	}
	return true, m.put(w.c)
}

// poolStep brings the pool nearer to its size: what the group may become beyond
// its desired capacity, but not less than the pool's own minimum.
func (w *worker) poolStep() error {
	if w.g.Pool == nil || w.g.Deleting {
		return nil
	}
	p, have := *w.g.Pool, int32(0)
	var parked []*member
	for n := range w.members {
		m := &w.members[n]
		if m.Warm && !m.leaving() {
			have++
		}
		if m.parked() {
			parked = append(parked, m)
		}
	}
	want := w.g.Max
	assign(&want, p.Prepared)
	want = max(want-w.g.Desired, p.Min, 0)
	if p.Deleting {
		want = 0
		if w.poolEmpty() {
			w.g.Pool = nil
			return nil
		}
	}
	for ; have > want && len(parked) > 0 && !w.g.suspended("Terminate"); have-- {
		if err := w.terminate(parked[0], sentence(w.c, "an instance was taken out of service in response to a difference between desired and actual warm pool capacity, shrinking the capacity from %d to %d", have, have-1)); err != nil {
			return err
		}
		if err := parked[0].put(w.c); err != nil {
			return err
		}
		parked = parked[1:]
	}
	if have >= want || w.g.suspended("Launch") {
		return nil
	}
	if w.c.Now.Before(w.g.RetryAt) {
		w.wake(w.g.RetryAt)
		return nil
	}
	why := []string{sentence(w.c, "an instance was started in response to a difference between desired and actual warm pool capacity, increasing the capacity from %d to %d", have, want)}
	for range min(want-have, launchBatch) {
		launched, err := w.launch(why, true)
		if err != nil || !launched {
			w.wake(w.g.RetryAt)
			return err
		}
	}
	w.wakeAfter(stepTime)
	return nil
}

func (w *worker) poolEmpty() bool {
	for _, m := range w.members {
		if m.Warm {
			return false
		}
	}
	return true
}
