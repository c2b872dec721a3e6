package autoscaling

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/internal/api"
)

// machine plays with one group at random.
type machine struct {
	*world
	free map[string]bool // instances that were detached
}

// TestGroupMachine: whatever is asked for and whatever goes wrong, a group never
// launches beyond its maximum, loses no instance, and comes to its desired
// capacity once nothing hinders it.
func TestGroupMachine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.configured(1, 4, func(in *autoscaling.CreateAutoScalingGroupInput) {
			in.DesiredCapacity = aws.Int32(rapid.Int32Range(1, 4).Draw(t, "desired"))
		})
		m := &machine{world: w, free: make(map[string]bool)}
		t.Repeat(map[string]func(*rapid.T){
			"wait":   func(t *rapid.T) { m.step(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second) },
			"resize": m.resize,
			"desire": m.desire,
			"refresh": func(*rapid.T) {
				m.ask("StartInstanceRefresh", &autoscaling.StartInstanceRefreshInput{AutoScalingGroupName: aws.String("g")})
			},
			"instance":  m.touch,
			"outside":   m.outside,
			"hook":      m.hook,
			"trouble":   m.trouble,
			"processes": m.processes,
			"pool":      m.pool,
			"":          func(*rapid.T) { m.check() },
		})
		m.calm()
	})
}

// ask asks for what may be refused; only an error without a code is a failure.
func (m *machine) ask(operation string, in any) bool {
	_, err := m.run(operation, in)
	if err != nil && errorCode(err) == "" {
		m.t.Fatalf("%s: %v", operation, err)
	}
	return err == nil
}

// step lets time pass, and sees that no launch went beyond the maximum.
func (m *machine) step(d time.Duration) {
	for range int(d / time.Second) {
		m.ec2.brought = nil
		m.wait(time.Second)
		if len(m.ec2.brought) == 0 {
			continue
		}
		g := m.group()
		// What goes into the warm pool does not count.
		launched := slices.ContainsFunc(g.Instances, func(i types.Instance) bool { return slices.Contains(m.ec2.brought, *i.InstanceId) })
		if launched && active(g) > *g.MaxSize {
			m.t.Fatalf("there are %d instances after a launch, max-size is %d", active(g), *g.MaxSize)
		}
	}
}

func active(g types.AutoScalingGroup) int32 {
	var n int32
	for _, i := range g.Instances {
		if (member{State: i.LifecycleState}).active() {
			n++
		}
	}
	return n
}

func (m *machine) resize(t *rapid.T) {
	minSize := rapid.Int32Range(0, 3).Draw(t, "min")
	m.ask("UpdateAutoScalingGroup", &autoscaling.UpdateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String("g"), MinSize: &minSize, MaxSize: aws.Int32(minSize + rapid.Int32Range(0, 3).Draw(t, "room")),
	})
}

func (m *machine) desire(t *rapid.T) {
	m.ask("SetDesiredCapacity", &autoscaling.SetDesiredCapacityInput{
		AutoScalingGroupName: aws.String("g"), DesiredCapacity: aws.Int32(rapid.Int32Range(0, 6).Draw(t, "desired")),
		HonorCooldown: aws.Bool(rapid.Bool().Draw(t, "cooldown")),
	})
}

// touch does something to one of the group's instances through Auto Scaling.
func (m *machine) touch(t *rapid.T) {
	g := m.group()
	if len(g.Instances) == 0 {
		t.Skip("no instance")
	}
	id := *rapid.SampledFrom(g.Instances).Draw(t, "instance").InstanceId
	decrement := aws.Bool(rapid.Bool().Draw(t, "decrement"))
	switch name := aws.String("g"); rapid.IntRange(0, 5).Draw(t, "what") {
	case 0:
		m.ask("TerminateInstanceInAutoScalingGroup", &autoscaling.TerminateInstanceInAutoScalingGroupInput{InstanceId: &id, ShouldDecrementDesiredCapacity: decrement})
	case 1:
		if m.ask("DetachInstances", &autoscaling.DetachInstancesInput{AutoScalingGroupName: name, InstanceIds: []string{id}, ShouldDecrementDesiredCapacity: decrement}) {
			m.free[id] = true
		}
	case 2:
		m.ask("EnterStandby", &autoscaling.EnterStandbyInput{AutoScalingGroupName: name, InstanceIds: []string{id}, ShouldDecrementDesiredCapacity: decrement})
	case 3:
		m.ask("ExitStandby", &autoscaling.ExitStandbyInput{AutoScalingGroupName: name, InstanceIds: []string{id}})
	case 4:
		m.ask("SetInstanceProtection", &autoscaling.SetInstanceProtectionInput{AutoScalingGroupName: name, InstanceIds: []string{id}, ProtectedFromScaleIn: decrement})
	case 5:
		m.ask("SetInstanceHealth", &autoscaling.SetInstanceHealthInput{InstanceId: &id, HealthStatus: aws.String("Unhealthy")})
	}
}

// outside does something to an instance behind the group's back, or attaches one.
func (m *machine) outside(t *rapid.T) {
	ids := sortedKeys(m.ec2.instances)
	if len(ids) == 0 {
		t.Skip("no instance")
	}
	i := m.ec2.instances[rapid.SampledFrom(ids).Draw(t, "instance")]
	switch rapid.IntRange(0, 2).Draw(t, "what") {
	case 0:
		if i.State == "running" {
			i.State = "stopped"
		}
	case 1:
		if i.State == "running" || i.State == "stopped" {
			i.State, i.since = "shutting-down", m.now
		}
	case 2:
		if m.ask("AttachInstances", &autoscaling.AttachInstancesInput{AutoScalingGroupName: aws.String("g"), InstanceIds: []string{i.ID}}) {
			delete(m.free, i.ID)
		}
	}
}

func (m *machine) hook(t *rapid.T) {
	name := rapid.SampledFrom([]string{launchingTransition, terminatingTransition}).Draw(t, "transition")
	switch rapid.IntRange(0, 2).Draw(t, "what") {
	case 0:
		m.ask("PutLifecycleHook", &autoscaling.PutLifecycleHookInput{
			AutoScalingGroupName: aws.String("g"), LifecycleHookName: &name, LifecycleTransition: &name, HeartbeatTimeout: aws.Int32(30),
			DefaultResult: aws.String(rapid.SampledFrom([]string{resultAbandon, resultContinue}).Draw(t, "result")),
		})
	case 1:
		m.ask("DeleteLifecycleHook", &autoscaling.DeleteLifecycleHookInput{AutoScalingGroupName: aws.String("g"), LifecycleHookName: &name})
	case 2:
		for _, i := range m.group().Instances {
			m.ask("CompleteLifecycleAction", &autoscaling.CompleteLifecycleActionInput{
				AutoScalingGroupName: aws.String("g"), LifecycleHookName: &name, InstanceId: i.InstanceId, LifecycleActionResult: aws.String(resultContinue),
			})
		}
	}
}

func (m *machine) trouble(t *rapid.T) {
	m.ec2.refusal, m.ec2.broken = nil, false
	switch rapid.IntRange(0, 2).Draw(t, "what") {
	case 0:
		m.ec2.refusal = api.Error("InsufficientInstanceCapacity", "There is no Spot capacity available that matches your request.")
	case 1:
		m.ec2.broken = true
	}
}

func (m *machine) processes(t *rapid.T) {
	list := []string{rapid.SampledFrom(processes).Draw(t, "process")}
	if rapid.Bool().Draw(t, "suspend") {
		m.ask("SuspendProcesses", &autoscaling.SuspendProcessesInput{AutoScalingGroupName: aws.String("g"), ScalingProcesses: list})
		return
	}
	m.ask("ResumeProcesses", &autoscaling.ResumeProcessesInput{AutoScalingGroupName: aws.String("g"), ScalingProcesses: list})
}

func (m *machine) pool(t *rapid.T) {
	if rapid.Bool().Draw(t, "put") {
		m.ask("PutWarmPool", &autoscaling.PutWarmPoolInput{
			AutoScalingGroupName: aws.String("g"), MinSize: aws.Int32(rapid.Int32Range(0, 2).Draw(t, "least")),
			PoolState: rapid.SampledFrom([]types.WarmPoolState{types.WarmPoolStateStopped, types.WarmPoolStateRunning}).Draw(t, "state"),
		})
		return
	}
	m.ask("DeleteWarmPool", &autoscaling.DeleteWarmPoolInput{AutoScalingGroupName: aws.String("g")})
}

// warm are the instances in the group's warm pool.
func (w *world) warm() []types.Instance {
	w.t.Helper()
	return must[autoscaling.DescribeWarmPoolOutput](w, "DescribeWarmPool", &autoscaling.DescribeWarmPoolInput{AutoScalingGroupName: aws.String("g")}).Instances
}

// check is what holds at any time: sizes in order, and every instance that
// lives is either the group's or was let go.
func (m *machine) check() {
	g := m.group()
	all := slices.Concat(g.Instances, m.warm())
	if *g.DesiredCapacity < *g.MinSize || *g.DesiredCapacity > *g.MaxSize {
		m.t.Fatalf("desired %d of %d to %d", *g.DesiredCapacity, *g.MinSize, *g.MaxSize)
	}
	for id, i := range m.ec2.instances {
		has := slices.ContainsFunc(all, func(in types.Instance) bool { return *in.InstanceId == id })
		switch ended := i.State == "terminated" || i.State == "shutting-down"; {
		case has && m.free[id]:
			m.t.Fatalf("%s was let go and is in the group", id)
		case !has && !m.free[id] && !ended:
			m.t.Fatalf("%s (%s) is lost", id, i.State)
		}
	}
}

// calm takes everything away that hinders the group, and waits.
func (m *machine) calm() {
	m.ec2.refusal, m.ec2.broken = nil, false
	name := aws.String("g")
	for _, t := range []string{launchingTransition, terminatingTransition} {
		m.ask("DeleteLifecycleHook", &autoscaling.DeleteLifecycleHookInput{AutoScalingGroupName: name, LifecycleHookName: &t})
	}
	m.ask("ResumeProcesses", &autoscaling.ResumeProcessesInput{AutoScalingGroupName: name})
	m.step(5 * time.Second)
	for _, i := range m.group().Instances {
		m.ask("SetInstanceProtection", &autoscaling.SetInstanceProtectionInput{AutoScalingGroupName: name, InstanceIds: []string{*i.InstanceId}, ProtectedFromScaleIn: aws.Bool(false)})
	}
	m.wait(45 * time.Minute)
	m.check()
	g := m.group()
	for _, i := range g.Instances {
		if i.LifecycleState != types.LifecycleStateInService && i.LifecycleState != types.LifecycleStateStandby {
			m.t.Fatalf("%s is still %s", *i.InstanceId, i.LifecycleState)
		}
	}
	if active(g) != *g.DesiredCapacity {
		m.t.Fatalf("%d instances, desired are %d", active(g), *g.DesiredCapacity)
	}
}
