package autoscaling

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/keyturn/keyturn/internal/api"
)

// metrics are those that a group can publish (API reference,
// "EnableMetricsCollection"). The choice is kept; nothing here takes them.
var metrics = []string{
	"GroupAndWarmPoolDesiredCapacity", "GroupAndWarmPoolTotalCapacity", "GroupDesiredCapacity", "GroupInServiceCapacity",
	"GroupInServiceInstances", "GroupMaxSize", "GroupMinSize", "GroupPendingCapacity", "GroupPendingInstances", "GroupStandbyCapacity",
	"GroupStandbyInstances", "GroupTerminatingCapacity", "GroupTerminatingInstances", "GroupTotalCapacity", "GroupTotalInstances",
	"WarmPoolDesiredCapacity", "WarmPoolMinSize", "WarmPoolPendingCapacity", "WarmPoolTerminatingCapacity", "WarmPoolTotalCapacity", "WarmPoolWarmedCapacity",
}

func (s *Service) metricsOperations() []api.Operation {
	return []api.Operation{
		api.Op("EnableMetricsCollection", onGroup("EnableMetricsCollection", func(in *autoscaling.EnableMetricsCollectionInput) *string { return in.AutoScalingGroupName }), s.enableMetrics),
		api.Op("DisableMetricsCollection", onGroup("DisableMetricsCollection", func(in *autoscaling.DisableMetricsCollectionInput) *string { return in.AutoScalingGroupName }), s.disableMetrics),
	}
}

func metricsNamed(given []string) ([]string, error) {
	for _, m := range given {
		if !slices.Contains(metrics, m) {
			return nil, invalid("Metric type %s is not valid", m)
		}
	}
	if len(given) == 0 {
		return metrics, nil
	}
	return given, nil
}

func (s *Service) enableMetrics(c *api.Call, in *autoscaling.EnableMetricsCollectionInput) (*autoscaling.EnableMetricsCollectionOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if aws.ToString(in.Granularity) != "1Minute" {
		return nil, invalid("Granularity %s is not valid", aws.ToString(in.Granularity))
	}
	list, err := metricsNamed(in.Metrics)
	if err != nil {
		return nil, err
	}
	g.Metrics = append(slices.Clone(g.Metrics), list...)
	slices.Sort(g.Metrics)
	g.Metrics = slices.Compact(g.Metrics)
	return &autoscaling.EnableMetricsCollectionOutput{}, g.put(c)
}

func (s *Service) disableMetrics(c *api.Call, in *autoscaling.DisableMetricsCollectionInput) (*autoscaling.DisableMetricsCollectionOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	list, err := metricsNamed(in.Metrics)
	if err != nil {
		return nil, err
	}
	g.Metrics = slices.DeleteFunc(g.Metrics, func(m string) bool { return slices.Contains(list, m) })
	return &autoscaling.DisableMetricsCollectionOutput{}, g.put(c)
}
