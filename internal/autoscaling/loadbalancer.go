package autoscaling

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
)

// There are no load balancers here, so every one that a request names does not
// exist, and no group has one.

func noBalancers(what string) error {
	return invalid("Provided %s may not be valid. Please ensure they exist and try again.", what)
}

func notAttached(what string) error {
	return invalid("Trying to remove %s that are not part of the group", what)
}

const (
	balancers    = "Load Balancers"
	targetGroups = "Target Groups"
	traffic      = "Traffic Sources"
)

func (s *Service) balancerOperations() []api.Operation {
	return []api.Operation{
		api.Op("AttachLoadBalancers", withNames("AttachLoadBalancers", "LoadBalancerNames", func(in *autoscaling.AttachLoadBalancersInput) (*string, []string) {
			return in.AutoScalingGroupName, in.LoadBalancerNames
		}), func(c *api.Call, in *autoscaling.AttachLoadBalancersInput) (*autoscaling.AttachLoadBalancersOutput, error) {
			return &autoscaling.AttachLoadBalancersOutput{}, onlyIn(c, in.AutoScalingGroupName, len(in.LoadBalancerNames), noBalancers(balancers))
		}),
		api.Op("DetachLoadBalancers", withNames("DetachLoadBalancers", "LoadBalancerNames", func(in *autoscaling.DetachLoadBalancersInput) (*string, []string) {
			return in.AutoScalingGroupName, in.LoadBalancerNames
		}), func(c *api.Call, in *autoscaling.DetachLoadBalancersInput) (*autoscaling.DetachLoadBalancersOutput, error) {
			return &autoscaling.DetachLoadBalancersOutput{}, onlyIn(c, in.AutoScalingGroupName, len(in.LoadBalancerNames), notAttached(balancers))
		}),
		api.Op("AttachLoadBalancerTargetGroups", withNames("AttachLoadBalancerTargetGroups", "TargetGroupARNs", func(in *autoscaling.AttachLoadBalancerTargetGroupsInput) (*string, []string) {
			return in.AutoScalingGroupName, in.TargetGroupARNs
		}), func(c *api.Call, in *autoscaling.AttachLoadBalancerTargetGroupsInput) (*autoscaling.AttachLoadBalancerTargetGroupsOutput, error) {
			return &autoscaling.AttachLoadBalancerTargetGroupsOutput{}, onlyIn(c, in.AutoScalingGroupName, len(in.TargetGroupARNs), noBalancers(targetGroups))
		}),
		api.Op("DetachLoadBalancerTargetGroups", withNames("DetachLoadBalancerTargetGroups", "TargetGroupARNs", func(in *autoscaling.DetachLoadBalancerTargetGroupsInput) (*string, []string) {
			return in.AutoScalingGroupName, in.TargetGroupARNs
		}), func(c *api.Call, in *autoscaling.DetachLoadBalancerTargetGroupsInput) (*autoscaling.DetachLoadBalancerTargetGroupsOutput, error) {
			return &autoscaling.DetachLoadBalancerTargetGroupsOutput{}, onlyIn(c, in.AutoScalingGroupName, len(in.TargetGroupARNs), notAttached(targetGroups))
		}),
		api.Op("AttachTrafficSources", withNames("AttachTrafficSources", "TrafficSourceIdentifiers", func(in *autoscaling.AttachTrafficSourcesInput) (*string, []string) {
			return in.AutoScalingGroupName, identifiers(in.TrafficSources)
		}), func(c *api.Call, in *autoscaling.AttachTrafficSourcesInput) (*autoscaling.AttachTrafficSourcesOutput, error) {
			return &autoscaling.AttachTrafficSourcesOutput{}, onlyIn(c, in.AutoScalingGroupName, len(in.TrafficSources), noBalancers(traffic))
		}),
		api.Op("DetachTrafficSources", withNames("DetachTrafficSources", "TrafficSourceIdentifiers", func(in *autoscaling.DetachTrafficSourcesInput) (*string, []string) {
			return in.AutoScalingGroupName, identifiers(in.TrafficSources)
		}), func(c *api.Call, in *autoscaling.DetachTrafficSourcesInput) (*autoscaling.DetachTrafficSourcesOutput, error) {
			return &autoscaling.DetachTrafficSourcesOutput{}, onlyIn(c, in.AutoScalingGroupName, len(in.TrafficSources), notAttached(traffic))
		}),
		api.Read("DescribeLoadBalancers", anywhere[autoscaling.DescribeLoadBalancersInput]("DescribeLoadBalancers"),
			func(c *api.Call, in *autoscaling.DescribeLoadBalancersInput) (*autoscaling.DescribeLoadBalancersOutput, error) {
				_, err := getGroup(c, in.AutoScalingGroupName)
				return &autoscaling.DescribeLoadBalancersOutput{LoadBalancers: []types.LoadBalancerState{}}, err
			}),
		api.Read("DescribeLoadBalancerTargetGroups", anywhere[autoscaling.DescribeLoadBalancerTargetGroupsInput]("DescribeLoadBalancerTargetGroups"),
			func(c *api.Call, in *autoscaling.DescribeLoadBalancerTargetGroupsInput) (*autoscaling.DescribeLoadBalancerTargetGroupsOutput, error) {
				_, err := getGroup(c, in.AutoScalingGroupName)
				return &autoscaling.DescribeLoadBalancerTargetGroupsOutput{LoadBalancerTargetGroups: []types.LoadBalancerTargetGroupState{}}, err
			}),
		api.Read("DescribeTrafficSources", anywhere[autoscaling.DescribeTrafficSourcesInput]("DescribeTrafficSources"),
			func(c *api.Call, in *autoscaling.DescribeTrafficSourcesInput) (*autoscaling.DescribeTrafficSourcesOutput, error) {
				_, err := getGroup(c, in.AutoScalingGroupName)
				return &autoscaling.DescribeTrafficSourcesOutput{TrafficSources: []types.TrafficSourceState{}}, err
			}),
	}
}

// withNames is the descriptor of an action on a group with names in a condition key.
func withNames[In any](action, key string, of func(*In) (group *string, names []string)) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		group, names := of(in)
		n, err := groupNeed(c, action, group)
		if len(names) > 0 {
			n.Context.Set("autoscaling:"+key, names...)
		}
		return []api.Need{n}, err
	}
}

func identifiers(sources []types.TrafficSourceIdentifier) []string {
	var list []string
	for _, s := range sources {
		list = append(list, aws.ToString(s.Identifier))
	}
	return list
}

// onlyIn is the answer to a request for a group about n things: the error, if
// there are any.
func onlyIn(c *api.Call, name *string, n int, err error) error {
	if _, failed := liveGroup(c, name); failed != nil {
		return failed
	}
	if n == 0 {
		return nil
	}
	return err
}
