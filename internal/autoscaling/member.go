package autoscaling

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// member is an instance in a group.
type member struct {
	ID, Group                 string
	Zone, Subnet, Type, Image string
	State                     types.LifecycleState
	Unhealthy                 bool `json:",omitempty"`
	Protected                 bool `json:",omitempty"`
	Warm                      bool `json:",omitempty"` // in the warm pool
	Spot                      bool `json:",omitempty"`
	// Config and Template are what it was launched from.
	Config   string                             `json:",omitempty"`
	Template *types.LaunchTemplateSpecification `json:",omitempty"`
	Launched time.Time
	// InServiceAt is when it last came into service.
	InServiceAt time.Time `json:",omitzero"`
	// Activity is the key of the activity that it is in the middle of.
	Activity string `json:",omitempty"`
	// Waits are the lifecycle actions that hold it.
	Waits []wait `json:",omitempty"`
	// Cause, if not empty, is why the group's next work is to end it.
	Cause string `json:",omitempty"`
	// Returns tells that it comes back from standby: no hook holds it.
	Returns bool `json:",omitempty"`
}

var memberTable = store.NewTable("autoscaling.instance", indexByGroup(func(m member) string { return m.Group }))

func (m member) put(c *api.Call) error { return memberTable.Put(c.Tx, c.Scope(), m.ID, m) }

func (m member) remove(c *api.Call) error { return memberTable.Delete(c.Tx, c.Scope(), m.ID) }

func membersOf(c *api.Call, group string) ([]member, error) { return allOf(memberTable, c, group) }

// active reports whether the instance counts for the desired capacity.
func (m member) active() bool {
	return m.State == types.LifecycleStateInService || strings.HasPrefix(string(m.State), string(types.LifecycleStatePending))
}

// leaving reports whether the instance is on its way out.
func (m member) leaving() bool {
	return strings.HasPrefix(string(m.phase()), string(types.LifecycleStateTerminating))
}

func countActive(members []member) int32 {
	var n int32
	for _, m := range members {
		if m.active() {
			n++
		}
	}
	return n
}

func (m member) health() string {
	if m.Unhealthy {
		return "Unhealthy"
	}
	return "Healthy"
}

func (s *Service) describeMember(c *api.Call, m member) types.Instance {
	return types.Instance{
		InstanceId: aws.String(m.ID), AvailabilityZone: aws.String(m.Zone), AvailabilityZoneId: nonZero(s.compute.Zones(c)[m.Zone]),
		InstanceType: nonZero(m.Type), LifecycleState: m.State, HealthStatus: aws.String(m.health()), ProtectedFromScaleIn: aws.Bool(m.Protected),
		LaunchConfigurationName: nonZero(m.Config), LaunchTemplate: m.Template,
	}
}

func (s *Service) describeInstances(c *api.Call, in *autoscaling.DescribeAutoScalingInstancesInput) (*autoscaling.DescribeAutoScalingInstancesOutput, error) {
	if len(in.InstanceIds) > 50 {
		return nil, invalid("The number of instance ids that may be passed in is limited to 50")
	}
	all, err := rows(memberTable, c)
	if err != nil {
		return nil, err
	}
	if len(in.InstanceIds) > 0 {
		all = slices.DeleteFunc(all, func(m member) bool { return !slices.Contains(in.InstanceIds, m.ID) })
	}
	shown, next, err := page(all, func(m member) string { return m.ID }, pagesOf50, in.MaxRecords, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.DescribeAutoScalingInstancesOutput{NextToken: next, AutoScalingInstances: []types.AutoScalingInstanceDetails{}}
	for _, m := range shown {
		out.AutoScalingInstances = append(out.AutoScalingInstances, types.AutoScalingInstanceDetails{
			InstanceId: aws.String(m.ID), AutoScalingGroupName: aws.String(m.Group), AvailabilityZone: aws.String(m.Zone),
			InstanceType: nonZero(m.Type), LifecycleState: aws.String(string(m.State)), HealthStatus: aws.String(strings.ToUpper(m.health())),
			ProtectedFromScaleIn: aws.Bool(m.Protected), LaunchConfigurationName: nonZero(m.Config), LaunchTemplate: m.Template,
		})
	}
	return out, nil
}
