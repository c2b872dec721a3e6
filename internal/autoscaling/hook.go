package autoscaling

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// hook is a lifecycle hook of a group.
type hook struct {
	Name, Transition   string
	Result             string // what happens if nobody completes the action
	Heartbeat          int32  // seconds
	Metadata           string `json:",omitempty"`
	TargetARN, RoleARN string `json:",omitempty"`
}

// wait is a lifecycle action: a hook that holds an instance.
type wait struct {
	Hook, Token   string
	Until, Global time.Time
	Default       string
	// Result is empty while the action is open.
	Result string `json:",omitempty"`
}

const (
	launchingTransition   = "autoscaling:EC2_INSTANCE_LAUNCHING"
	terminatingTransition = "autoscaling:EC2_INSTANCE_TERMINATING"
	resultAbandon         = "ABANDON"
	resultContinue        = "CONTINUE"
)

// Heartbeat timeouts (API reference, "PutLifecycleHook"): the instance stays in
// a wait for at most 48 hours or a hundred heartbeats, whichever is less.
const (
	defaultHeartbeat = 3600
	minHeartbeat     = 30
	maxHeartbeat     = 7200
	maxGlobal        = 172800
)

func (h hook) global() int32 { return min(h.Heartbeat*100, maxGlobal) }

func (s *Service) hookOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutLifecycleHook", hookNeeds, s.putLifecycleHook),
		api.Read("DescribeLifecycleHooks", anywhere[autoscaling.DescribeLifecycleHooksInput]("DescribeLifecycleHooks"), s.describeHooks),
		api.Op("DeleteLifecycleHook", onGroup("DeleteLifecycleHook", func(in *autoscaling.DeleteLifecycleHookInput) *string { return in.AutoScalingGroupName }), s.deleteHook),
		api.Op("CompleteLifecycleAction", onGroup("CompleteLifecycleAction", func(in *autoscaling.CompleteLifecycleActionInput) *string { return in.AutoScalingGroupName }), s.completeAction),
		api.Op("RecordLifecycleActionHeartbeat", onGroup("RecordLifecycleActionHeartbeat", func(in *autoscaling.RecordLifecycleActionHeartbeatInput) *string { return in.AutoScalingGroupName }), s.recordHeartbeat),
	}
}

func hookNeeds(c *api.Call, in *autoscaling.PutLifecycleHookInput) ([]api.Need, error) {
	n, err := groupNeed(c, "PutLifecycleHook", in.AutoScalingGroupName)
	needs := []api.Need{n}
	if aws.ToString(in.RoleARN) != "" {
		needs = append(needs, passRole(*in.RoleARN, principal))
	}
	return needs, err
}

func hookOf(h types.LifecycleHookSpecification) autoscaling.PutLifecycleHookInput {
	return autoscaling.PutLifecycleHookInput{
		LifecycleHookName: h.LifecycleHookName, LifecycleTransition: h.LifecycleTransition, DefaultResult: h.DefaultResult,
		HeartbeatTimeout: h.HeartbeatTimeout, NotificationMetadata: h.NotificationMetadata, NotificationTargetARN: h.NotificationTargetARN, RoleARN: h.RoleARN,
	}
}

func (s *Service) putLifecycleHook(c *api.Call, in *autoscaling.PutLifecycleHookInput) (*autoscaling.PutLifecycleHookOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if err := g.putHook(*in); err != nil {
		return nil, err
	}
	return &autoscaling.PutLifecycleHookOutput{}, g.put(c)
}

// putHook makes a hook, or changes what the request names of one.
func (g *group) putHook(in autoscaling.PutLifecycleHookInput) error {
	name := aws.ToString(in.LifecycleHookName)
	h, there := g.Hooks[name]
	if !there {
		if in.LifecycleTransition == nil {
			return invalid("LifecycleTransition must be specified when creating a Lifecycle Hook")
		}
		if len(g.Hooks) >= maxHooks {
			return limitExceeded("lifecycle hooks per Auto Scaling group", maxHooks)
		}
		h = hook{Name: name, Result: resultAbandon, Heartbeat: defaultHeartbeat}
	}
	assign(&h.Transition, in.LifecycleTransition)
	assign(&h.Result, in.DefaultResult)
	assign(&h.Heartbeat, in.HeartbeatTimeout)
	assign(&h.Metadata, in.NotificationMetadata)
	assign(&h.TargetARN, in.NotificationTargetARN)
	assign(&h.RoleARN, in.RoleARN)
	switch {
	case h.Transition != launchingTransition && h.Transition != terminatingTransition:
		return invalid("Invalid Lifecycle Transition: %s", h.Transition)
	case h.Result != resultAbandon && h.Result != resultContinue:
		return invalid("Invalid Default Result: %s", h.Result)
	case h.Heartbeat < minHeartbeat || h.Heartbeat > maxHeartbeat:
		return invalid("HeartbeatTimeout must be between %d and %d seconds", minHeartbeat, maxHeartbeat)
	case h.TargetARN != "" && h.RoleARN == "":
		return invalid("RoleARN must be specified when NotificationTargetARN is specified")
	case h.TargetARN != "":
		// A test message is sent when a hook is put, and nothing here takes it.
		return invalid("Unable to publish test message to notification target %s using IAM role %s. Please check your target and role configuration and try to put lifecycle hook again.", h.TargetARN, h.RoleARN)
	}
	if g.Hooks == nil {
		g.Hooks = make(map[string]hook)
	}
	g.Hooks[name] = h
	return nil
}

func (s *Service) describeHooks(c *api.Call, in *autoscaling.DescribeLifecycleHooksInput) (*autoscaling.DescribeLifecycleHooksOutput, error) {
	g, err := getGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.DescribeLifecycleHooksOutput{LifecycleHooks: []types.LifecycleHook{}}
	for _, name := range sortedKeys(g.Hooks) {
		if len(in.LifecycleHookNames) > 0 && !slices.Contains(in.LifecycleHookNames, name) {
			continue
		}
		h := g.Hooks[name]
		out.LifecycleHooks = append(out.LifecycleHooks, types.LifecycleHook{
			AutoScalingGroupName: aws.String(g.Name), LifecycleHookName: aws.String(name), LifecycleTransition: aws.String(h.Transition),
			DefaultResult: aws.String(h.Result), HeartbeatTimeout: aws.Int32(h.Heartbeat), GlobalTimeout: aws.Int32(h.global()),
			NotificationMetadata: nonZero(h.Metadata), NotificationTargetARN: nonZero(h.TargetARN), RoleARN: nonZero(h.RoleARN),
		})
	}
	return out, nil
}

// deleteHook deletes a hook. What it holds goes on: launching instances are
// abandoned, terminating ones continue (API reference, "DeleteLifecycleHook").
func (s *Service) deleteHook(c *api.Call, in *autoscaling.DeleteLifecycleHookInput) (*autoscaling.DeleteLifecycleHookOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.LifecycleHookName)
	h, there := g.Hooks[name]
	if !there {
		return nil, invalid("No Lifecycle Hook found with name %s for Auto Scaling group %s", name, g.Name)
	}
	delete(g.Hooks, name)
	members, err := membersOf(c, g.Name)
	if err != nil {
		return nil, err
	}
	result := resultContinue
	if h.Transition == launchingTransition {
		result = resultAbandon
	}
	for _, m := range members {
		for n := range m.Waits {
			if m.Waits[n].Hook == name && m.Waits[n].Result == "" {
				m.Waits[n].Result = result
				if err := m.put(c); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := g.put(c); err != nil {
		return nil, err
	}
	return &autoscaling.DeleteLifecycleHookOutput{}, s.soon(c, g)
}

// waitsFor opens the lifecycle actions of a transition, all at once.
func (g group) waitsFor(c *api.Call, transition string) []wait {
	var waits []wait
	for _, name := range sortedKeys(g.Hooks) {
		if h := g.Hooks[name]; h.Transition == transition {
			waits = append(waits, wait{
				Hook: name, Token: c.NewUUID(), Default: h.Result,
				Until: c.Now.Add(time.Duration(h.Heartbeat) * time.Second), Global: c.Now.Add(time.Duration(h.global()) * time.Second),
			})
		}
	}
	return waits
}

// open reports whether an action can still be completed.
func (a wait) open(now time.Time) bool { return a.Result == "" && a.Until.After(now) }

// deadline is when the first open action ends by itself.
func (m *member) deadline() time.Time {
	var first time.Time
	for _, a := range m.Waits {
		if a.Result == "" && (first.IsZero() || a.Until.Before(first)) {
			first = a.Until
		}
	}
	return first
}

// settle tells whether all lifecycle actions are over, or one was abandoned,
// and with which words.
func (m *member) settle(c *api.Call) (done bool, abandoned string) {
	done = true
	for _, a := range m.Waits {
		result, how := a.Result, "Lifecycle Action Completed with ABANDON Result"
		if result == "" && !a.open(c.Now) {
			result, how = a.Default, "Heartbeat Timeout"
		}
		switch result {
		case "":
			done = false
		case resultAbandon:
			return true, "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token " + a.Token + " was abandoned: " + how
		}
	}
	return done, ""
}

// findWait finds an instance's open lifecycle action by its token or by the
// instance.
func findWait(c *api.Call, groupName, hookName, instance, token *string) (member, int, group, error) {
	g, err := getGroup(c, groupName)
	if err != nil {
		return member{}, 0, g, err
	}
	if instance == nil && token == nil {
		return member{}, 0, g, invalid("Either InstanceId or LifecycleActionToken must be specified")
	}
	if instance != nil {
		m, err := memberTable.Get(c.Tx, c.Scope(), *instance)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return m, 0, g, err
		}
		for n, a := range m.Waits {
			if m.Group == g.Name && a.Hook == aws.ToString(hookName) && a.open(c.Now) && (token == nil || a.Token == *token) {
				return m, n, g, nil
			}
		}
		return m, 0, g, invalid("No active Lifecycle Action found with instance ID %s", *instance)
	}
	members, err := membersOf(c, g.Name)
	if err != nil {
		return member{}, 0, g, err
	}
	for _, m := range members {
		for n, a := range m.Waits {
			if a.Hook == aws.ToString(hookName) && a.Token == *token && a.open(c.Now) {
				return m, n, g, nil
			}
		}
	}
	return member{}, 0, g, invalid("No active Lifecycle Action found with token %s", *token)
}

func (s *Service) completeAction(c *api.Call, in *autoscaling.CompleteLifecycleActionInput) (*autoscaling.CompleteLifecycleActionOutput, error) {
	result := strings.ToUpper(aws.ToString(in.LifecycleActionResult))
	if result != resultAbandon && result != resultContinue {
		return nil, invalid("Invalid Lifecycle Action Result: %s", aws.ToString(in.LifecycleActionResult))
	}
	m, n, g, err := findWait(c, in.AutoScalingGroupName, in.LifecycleHookName, in.InstanceId, in.LifecycleActionToken)
	if err != nil {
		return nil, err
	}
	m.Waits[n].Result = result
	if err := m.put(c); err != nil {
		return nil, err
	}
	return &autoscaling.CompleteLifecycleActionOutput{}, s.soon(c, g)
}

func (s *Service) recordHeartbeat(c *api.Call, in *autoscaling.RecordLifecycleActionHeartbeatInput) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error) {
	m, n, g, err := findWait(c, in.AutoScalingGroupName, in.LifecycleHookName, in.InstanceId, in.LifecycleActionToken)
	if err != nil {
		return nil, err
	}
	a := &m.Waits[n]
	heartbeat := int32(defaultHeartbeat)
	if h, there := g.Hooks[a.Hook]; there {
		heartbeat = h.Heartbeat
	}
	if a.Until = c.Now.Add(time.Duration(heartbeat) * time.Second); a.Until.After(a.Global) {
		a.Until = a.Global
	}
	return &autoscaling.RecordLifecycleActionHeartbeatOutput{}, m.put(c)
}
