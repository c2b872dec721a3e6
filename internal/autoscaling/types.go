package autoscaling

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
)

// limitOperations tell an account's quotas.
func limitOperations() []api.Operation {
	return []api.Operation{
		api.Read("DescribeAccountLimits", anywhere[autoscaling.DescribeAccountLimitsInput]("DescribeAccountLimits"), describeAccountLimits),
	}
}

func describeAccountLimits(c *api.Call, _ *autoscaling.DescribeAccountLimitsInput) (*autoscaling.DescribeAccountLimitsOutput, error) {
	groups, err := rows(groupTable, c)
	if err != nil {
		return nil, err
	}
	configurations, err := rows(configurationTable, c)
	if err != nil {
		return nil, err
	}
	return &autoscaling.DescribeAccountLimitsOutput{
		MaxNumberOfAutoScalingGroups: aws.Int32(maxGroups), NumberOfAutoScalingGroups: aws.Int32(int32(len(groups))),
		MaxNumberOfLaunchConfigurations: aws.Int32(maxConfigurations), NumberOfLaunchConfigurations: aws.Int32(int32(len(configurations))),
	}, nil
}

// typeOperations list the words that other operations take.
func typeOperations() []api.Operation {
	return []api.Operation{
		api.Read("DescribeAdjustmentTypes", anywhere[autoscaling.DescribeAdjustmentTypesInput]("DescribeAdjustmentTypes"), describeAdjustmentTypes),
		api.Read("DescribeAutoScalingNotificationTypes", anywhere[autoscaling.DescribeAutoScalingNotificationTypesInput]("DescribeAutoScalingNotificationTypes"), describeNotificationTypes),
		api.Read("DescribeLifecycleHookTypes", anywhere[autoscaling.DescribeLifecycleHookTypesInput]("DescribeLifecycleHookTypes"), describeHookTypes),
		api.Read("DescribeMetricCollectionTypes", anywhere[autoscaling.DescribeMetricCollectionTypesInput]("DescribeMetricCollectionTypes"), describeMetricTypes),
		api.Read("DescribeScalingProcessTypes", anywhere[autoscaling.DescribeScalingProcessTypesInput]("DescribeScalingProcessTypes"), describeProcessTypes),
		api.Read("DescribeTerminationPolicyTypes", anywhere[autoscaling.DescribeTerminationPolicyTypesInput]("DescribeTerminationPolicyTypes"), describeTerminationTypes),
	}
}

func describeAdjustmentTypes(*api.Call, *autoscaling.DescribeAdjustmentTypesInput) (*autoscaling.DescribeAdjustmentTypesOutput, error) {
	out := &autoscaling.DescribeAdjustmentTypesOutput{}
	for _, t := range []string{changeInCapacity, exactCapacity, percentChange} {
		out.AdjustmentTypes = append(out.AdjustmentTypes, types.AdjustmentType{AdjustmentType: aws.String(t)})
	}
	return out, nil
}

func describeNotificationTypes(*api.Call, *autoscaling.DescribeAutoScalingNotificationTypesInput) (*autoscaling.DescribeAutoScalingNotificationTypesOutput, error) {
	return &autoscaling.DescribeAutoScalingNotificationTypesOutput{AutoScalingNotificationTypes: notificationTypes}, nil
}

func describeHookTypes(*api.Call, *autoscaling.DescribeLifecycleHookTypesInput) (*autoscaling.DescribeLifecycleHookTypesOutput, error) {
	return &autoscaling.DescribeLifecycleHookTypesOutput{LifecycleHookTypes: []string{launchingTransition, terminatingTransition}}, nil
}

func describeMetricTypes(*api.Call, *autoscaling.DescribeMetricCollectionTypesInput) (*autoscaling.DescribeMetricCollectionTypesOutput, error) {
	out := &autoscaling.DescribeMetricCollectionTypesOutput{Granularities: []types.MetricGranularityType{{Granularity: aws.String("1Minute")}}}
	for _, m := range metrics {
		out.Metrics = append(out.Metrics, types.MetricCollectionType{Metric: aws.String(m)})
	}
	return out, nil
}

func describeProcessTypes(*api.Call, *autoscaling.DescribeScalingProcessTypesInput) (*autoscaling.DescribeScalingProcessTypesOutput, error) {
	out := &autoscaling.DescribeScalingProcessTypesOutput{}
	for _, p := range processes {
		out.Processes = append(out.Processes, types.ProcessType{ProcessName: aws.String(p)})
	}
	return out, nil
}

func describeTerminationTypes(*api.Call, *autoscaling.DescribeTerminationPolicyTypesInput) (*autoscaling.DescribeTerminationPolicyTypesOutput, error) {
	return &autoscaling.DescribeTerminationPolicyTypesOutput{TerminationPolicyTypes: terminationPolicies}, nil
}
