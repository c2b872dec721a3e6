package autoscaling

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// group is an Auto Scaling group. Its instances are rows of their own.
type group struct {
	Name, ID string
	Created  time.Time
	Source   source

	Min, Max, Desired int32
	Zones             []string
	Subnets           []string `json:",omitempty"`
	// Role is the ARN of the service-linked role that the group acts as.
	Role string

	Cooldown     int32
	HealthType   string
	Grace        int32
	ProtectNew   bool     `json:",omitempty"`
	Termination  []string `json:",omitempty"`
	MaxLifetime  int32    `json:",omitempty"`
	Warmup       *int32   `json:",omitempty"`
	Rebalance    bool     `json:",omitempty"`
	Context      string   `json:",omitempty"`
	CapacityType string   `json:",omitempty"`
	Placement    string   `json:",omitempty"`
	Protection   types.DeletionProtection
	Distribution *types.AvailabilityZoneDistribution     `json:",omitempty"`
	Impairment   *types.AvailabilityZoneImpairmentPolicy `json:",omitempty"`
	Metrics      []string                                `json:",omitempty"`

	Pool      *warmPool         `json:",omitempty"`
	Suspended map[string]string `json:",omitempty"` // process to reason
	Tags      map[string]tag    `json:",omitempty"`
	Hooks     map[string]hook   `json:",omitempty"`
	// Deleting is set by ForceDelete: the group goes when its instances have.
	Deleting bool `json:",omitempty"`

	// Causes are the sentences that lead the next activities' Cause.
	Causes []string `json:",omitempty"`
	// Replacing are the sentences of launches that replace an instance.
	Replacing []string `json:",omitempty"`
	// Failures counts the launches that failed one after the other; RetryAt is
	// when the next may be tried.
	Failures int       `json:",omitempty"`
	RetryAt  time.Time `json:",omitzero"`
	// ScaledAt is the end of the last activity that a cooldown counts from, and
	// CooldownFor its length if a policy has one of its own.
	ScaledAt     time.Time `json:",omitzero"`
	CooldownFor  *int32    `json:",omitempty"`
	LastActivity string    `json:",omitempty"`
}

// source is what a group launches from: one of the three.
type source struct {
	Config   string                             `json:",omitempty"`
	Template *types.LaunchTemplateSpecification `json:",omitempty"`
	Mixed    *types.MixedInstancesPolicy        `json:",omitempty"`
}

var groupTable = store.NewTable[group]("autoscaling.group")

// Quotas of groups (Auto Scaling guide, "Quotas for Auto Scaling resources and groups").
const (
	maxGroups         = 500
	maxHooks          = 50
	maxGroupTags      = 50
	maxPolicies       = 50
	maxScheduled      = 125
	maxTopics         = 10
	maxSteps          = 20
	maxInstanceIDs    = 20 // AttachInstances, DetachInstances, EnterStandby, ExitStandby
	maxProtectedIDs   = 50 // SetInstanceProtection
	maxScheduledBatch = 50 // BatchPut…, BatchDeleteScheduledAction
)

// The defaults of a group (API reference, "CreateAutoScalingGroup").
const (
	defaultCooldown    = 300
	defaultTermination = "Default"
	healthEC2          = "EC2"
)

func (g group) arn(c *api.Call) string { return groupARN(c, g.ID, g.Name) }

func (s *Service) groupOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateAutoScalingGroup", s.createGroupNeeds, s.createGroup),
		api.Op("UpdateAutoScalingGroup", s.updateGroupNeeds, s.updateGroup),
		api.Op("DeleteAutoScalingGroup", deleteGroupNeeds, s.deleteGroup),
		api.Read("DescribeAutoScalingGroups", anywhere[autoscaling.DescribeAutoScalingGroupsInput]("DescribeAutoScalingGroups"), s.describeGroups),
	}
}

// getGroup returns a group, or AWS's error for a name that belongs to nothing.
func getGroup(c *api.Call, name *string) (group, error) {
	g, err := groupTable.Get(c.Tx, c.Scope(), aws.ToString(name))
	if errors.Is(err, store.ErrNotFound) {
		return g, invalid("AutoScalingGroup name not found - AutoScalingGroup %s not found", aws.ToString(name))
	}
	return g, err
}

// liveGroup is getGroup for what changes a group, which one that is being
// deleted no longer takes.
func liveGroup(c *api.Call, name *string) (group, error) {
	g, err := getGroup(c, name)
	if err == nil && g.Deleting {
		return g, activityInProgress("AutoScalingGroup %s is pending delete", g.Name)
	}
	return g, err
}

func (g group) put(c *api.Call) error { return groupTable.Put(c.Tx, c.Scope(), g.Name, g) }

// collect makes a slice of rows.
func collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// suspended reports whether a process of the group is.
func (g group) suspended(process string) bool {
	_, is := g.Suspended[process]
	return is
}

func (s *Service) describeGroups(c *api.Call, in *autoscaling.DescribeAutoScalingGroupsInput) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	all, err := rows(groupTable, c)
	if err != nil {
		return nil, err
	}
	match, err := groupFilter(in.Filters)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(g group) bool {
		return len(in.AutoScalingGroupNames) > 0 && !slices.Contains(in.AutoScalingGroupNames, g.Name) && !slices.Contains(in.AutoScalingGroupNames, g.arn(c)) || !match(g)
	})
	shown, next, err := page(all, func(g group) string { return g.Name }, pages100, in.MaxRecords, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.DescribeAutoScalingGroupsOutput{NextToken: next, AutoScalingGroups: []types.AutoScalingGroup{}}
	for _, g := range shown {
		d, err := s.describeGroup(c, g, in.IncludeInstances == nil || *in.IncludeInstances)
		if err != nil {
			return nil, err
		}
		out.AutoScalingGroups = append(out.AutoScalingGroups, d)
	}
	return out, nil
}

// groupFilter makes a test of tag filters (API reference, "Filter"): tag-key,
// tag-value and tag:<key>. Filters are joined by and, their values by or.
func groupFilter(filters []types.Filter) (func(group) bool, error) {
	for _, f := range filters {
		name := aws.ToString(f.Name)
		if name != "tag-key" && name != "tag-value" && !strings.HasPrefix(name, "tag:") {
			return nil, invalid("Filter type %s is not correct. Allowed Filter types are: tag-key, tag-value, tag:<key>", name)
		}
	}
	return func(g group) bool {
		for _, f := range filters {
			if !matchTags(g, aws.ToString(f.Name), f.Values) {
				return false
			}
		}
		return true
	}, nil
}

func matchTags(g group, name string, values []string) bool {
	if key, ok := strings.CutPrefix(name, "tag:"); ok {
		t, has := g.Tags[key]
		return has && slices.Contains(values, t.Value)
	}
	for key, t := range g.Tags {
		text := key
		if name == "tag-value" {
			text = t.Value
		}
		if slices.Contains(values, text) {
			return true
		}
	}
	return false
}

func (s *Service) describeGroup(c *api.Call, g group, instances bool) (types.AutoScalingGroup, error) {
	d := types.AutoScalingGroup{
		AutoScalingGroupName: aws.String(g.Name), AutoScalingGroupARN: aws.String(g.arn(c)), CreatedTime: aws.Time(g.Created),
		MinSize: aws.Int32(g.Min), MaxSize: aws.Int32(g.Max), DesiredCapacity: aws.Int32(g.Desired),
		DefaultCooldown: aws.Int32(g.Cooldown), AvailabilityZones: g.Zones, LoadBalancerNames: []string{}, TargetGroupARNs: []string{},
		HealthCheckType: aws.String(g.HealthType), HealthCheckGracePeriod: aws.Int32(g.Grace),
		VPCZoneIdentifier: aws.String(strings.Join(g.Subnets, ",")), ServiceLinkedRoleARN: aws.String(g.Role),
		TerminationPolicies: g.Termination, NewInstancesProtectedFromScaleIn: aws.Bool(g.ProtectNew),
		CapacityRebalance: nonZero(g.Rebalance), MaxInstanceLifetime: nonZero(g.MaxLifetime), DefaultInstanceWarmup: g.Warmup,
		Context: nonZero(g.Context), DesiredCapacityType: nonZero(g.CapacityType), PlacementGroup: nonZero(g.Placement),
		DeletionProtection: g.Protection, AvailabilityZoneDistribution: g.Distribution,
		AvailabilityZoneImpairmentPolicy: g.Impairment,
		LaunchConfigurationName:          nonZero(g.Source.Config), LaunchTemplate: g.Source.Template, MixedInstancesPolicy: g.Source.Mixed,
		Instances: []types.Instance{}, SuspendedProcesses: []types.SuspendedProcess{}, EnabledMetrics: []types.EnabledMetric{},
		WarmPoolConfiguration: g.Pool.describe(), Tags: g.describeTags(), TrafficSources: []types.TrafficSourceIdentifier{},
	}
	if g.Deleting {
		d.Status = aws.String("Delete in progress")
	}
	for _, name := range slices.Sorted(maps.Keys(g.Suspended)) {
		d.SuspendedProcesses = append(d.SuspendedProcesses, types.SuspendedProcess{ProcessName: aws.String(name), SuspensionReason: aws.String(g.Suspended[name])})
	}
	for _, m := range g.Metrics {
		d.EnabledMetrics = append(d.EnabledMetrics, types.EnabledMetric{Metric: aws.String(m), Granularity: aws.String("1Minute")})
	}
	if !instances {
		return d, nil
	}
	members, err := membersOf(c, g.Name)
	if err != nil {
		return d, err
	}
	warm := int32(0)
	for _, m := range members {
		if m.Warm {
			warm++
			continue
		}
		d.Instances = append(d.Instances, s.describeMember(c, m))
	}
	if g.Pool != nil {
		d.WarmPoolSize = aws.Int32(warm)
	}
	return d, nil
}

// nonZero is a pointer to v, nil where it says nothing.
func nonZero[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
