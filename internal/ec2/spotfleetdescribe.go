package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) describeSpotFleetRequests(c *api.Call, in *ec2.DescribeSpotFleetRequestsInput) (*ec2.DescribeSpotFleetRequestsOutput, error) {
	if err := fleetPages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	var found []*standingFleet
	if len(in.SpotFleetRequestIds) == 0 {
		for f, err := range standingTable.All(c.Tx, c.Scope()) {
			if err != nil {
				return nil, err
			}
			if f.isSpotFleet() {
				found = append(found, &f)
			}
		}
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(in.SpotFleetRequestIds))) {
		f, err := getSpotFleet(c, id)
		if err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	rows, next, err := page(found, func(f *standingFleet) string { return f.ID }, fleetPages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSpotFleetRequestsOutput{SpotFleetRequestConfigs: []types.SpotFleetRequestConfig{}, NextToken: next}
	for _, f := range rows {
		tags, err := tagsOf(c, f.ID)
		if err != nil {
			return nil, err
		}
		out.SpotFleetRequestConfigs = append(out.SpotFleetRequestConfigs, f.describeSpotFleet(tags))
	}
	return out, nil
}

func (f *standingFleet) describeSpotFleet(tags map[string]string) types.SpotFleetRequestConfig {
	d := *f.SpotFleet
	d.Type = f.Type
	d.FulfilledCapacity, d.OnDemandFulfilledCapacity = aws.Float64(f.fulfilled()), aws.Float64(f.held(false))
	d.OnDemandTargetCapacity = aws.Int32(aws.ToInt32(d.OnDemandTargetCapacity))
	d.TerminateInstancesWithExpiration, d.ReplaceUnhealthyInstances = aws.Bool(f.EndWithExpiry), aws.Bool(aws.ToBool(d.ReplaceUnhealthyInstances))
	d.InstanceInterruptionBehavior = f.Spot.Interruption
	if d.AllocationStrategy == "" {
		d.AllocationStrategy = types.AllocationStrategyLowestPrice
	}
	if d.OnDemandAllocationStrategy == "" {
		d.OnDemandAllocationStrategy = types.OnDemandAllocationStrategyLowestPrice
	}
	if d.ExcessCapacityTerminationPolicy == "" {
		d.ExcessCapacityTerminationPolicy = types.ExcessCapacityTerminationPolicyDefault
	}
	d.TagSpecifications = nil
	return types.SpotFleetRequestConfig{
		SpotFleetRequestId: aws.String(f.ID), SpotFleetRequestState: types.BatchState(f.stateWord()), ActivityStatus: types.ActivityStatus(f.Activity),
		CreateTime: aws.Time(f.Created), SpotFleetRequestConfig: &d, Tags: answeredTags(describeTags(tags)),
	}
}

func (s *Service) describeSpotFleetInstances(c *api.Call, in *ec2.DescribeSpotFleetInstancesInput) (*ec2.DescribeSpotFleetInstancesOutput, error) {
	if err := fleetPages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	f, err := getSpotFleet(c, aws.ToString(in.SpotFleetRequestId))
	if err != nil {
		return nil, err
	}
	active, err := f.active(c)
	if err != nil {
		return nil, err
	}
	rows, next, err := page(active, func(a types.ActiveInstance) string { return *a.InstanceId }, fleetPages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeSpotFleetInstancesOutput{SpotFleetRequestId: in.SpotFleetRequestId, ActiveInstances: append([]types.ActiveInstance{}, rows...), NextToken: next}, nil
}

func (s *Service) describeSpotFleetRequestHistory(c *api.Call, in *ec2.DescribeSpotFleetRequestHistoryInput) (*ec2.DescribeSpotFleetRequestHistoryOutput, error) {
	if err := fleetPages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	f, err := getSpotFleet(c, aws.ToString(in.SpotFleetRequestId))
	if err != nil {
		return nil, err
	}
	rows, next, err := fleetHistory(c, f.ID, aws.ToTime(in.StartTime), func(e fleetEvent) bool { return in.EventType == "" || string(e.Kind) == string(in.EventType) }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSpotFleetRequestHistoryOutput{SpotFleetRequestId: in.SpotFleetRequestId, StartTime: in.StartTime, NextToken: next, HistoryRecords: []types.HistoryRecord{}}
	if next == nil {
		out.LastEvaluatedTime = aws.Time(c.Now)
	}
	for _, e := range rows {
		out.HistoryRecords = append(out.HistoryRecords, types.HistoryRecord{EventType: types.EventType(e.Kind), Timestamp: aws.Time(e.At), EventInformation: e.information()})
	}
	return out, nil
}

var spotPricePages = pageRule{least: 1, most: 1000}

// describeSpotPriceHistory has no prices to tell: nobody trades here.
func (s *Service) describeSpotPriceHistory(c *api.Call, in *ec2.DescribeSpotPriceHistoryInput) (*ec2.DescribeSpotPriceHistoryOutput, error) {
	known := []string{"availability-zone", "availability-zone-id", "instance-type", "product-description", "spot-price", "timestamp"}
	if err := checkFilters(in.Filters, func(name string) bool { return slices.Contains(known, name) }); err != nil {
		return nil, err
	}
	if err := spotPricePages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	if _, err := zoneOf(c.Region, in.AvailabilityZone, in.AvailabilityZoneId); err != nil {
		return nil, err
	}
	return &ec2.DescribeSpotPriceHistoryOutput{SpotPriceHistory: []types.SpotPrice{}, NextToken: aws.String("")}, nil
}
