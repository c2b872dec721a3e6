package ec2

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

var fleetPages = pageRule{least: 1, most: 1000}

// describeFleets shows the fleets that are named, or all but the instant ones:
// these are in no listing (EC2 API reference, "DescribeFleets").
func (s *Service) describeFleets(c *api.Call, in *ec2.DescribeFleetsInput) (*ec2.DescribeFleetsOutput, error) {
	known := func(name string) bool { _, ok := fleetFilter(types.FleetData{}, name); return ok }
	if err := checkFilters(in.Filters, known); err != nil {
		return nil, err
	}
	if err := fleetPages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	all, err := s.fleetsNamed(c, in.FleetIds)
	if err != nil {
		return nil, err
	}
	var found []types.FleetData
	for _, d := range all {
		ok, err := matches(in.Filters, func(name string) ([]string, bool) {
			if values, known := tagFilter(tagMap(d.Tags), name); known {
				return values, true
			}
			return fleetFilter(d, name)
		})
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, d)
		}
	}
	rows, next, err := page(found, func(d types.FleetData) string { return *d.FleetId }, fleetPages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeFleetsOutput{Fleets: append([]types.FleetData{}, rows...), NextToken: next}, nil
}

// fleetsNamed are the fleets with those ids, or all that are listed, by id.
func (s *Service) fleetsNamed(c *api.Call, ids []string) ([]types.FleetData, error) {
	var all []types.FleetData
	if len(ids) == 0 {
		for f, err := range standingTable.All(c.Tx, c.Scope()) {
			if err != nil {
				return nil, err
			}
			if f.isSpotFleet() {
				continue
			}
			d, err := f.describe(c)
			if err != nil {
				return nil, err
			}
			all = append(all, d)
		}
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		f, ok, err := standing(c, id)
		if err != nil {
			return nil, err
		}
		var d types.FleetData
		if ok && !f.isSpotFleet() {
			d, err = f.describe(c)
		} else {
			d, err = describeInstant(c, id)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

func describeInstant(c *api.Call, id string) (types.FleetData, error) {
	f, err := getFleet(c, id)
	if err != nil {
		return types.FleetData{}, err
	}
	tags, err := tagsOf(c, id)
	if err != nil {
		return types.FleetData{}, err
	}
	return f.describe(tags)
}

// fleetFilter gives a fleet's values under a filter.
func fleetFilter(d types.FleetData, name string) ([]string, bool) {
	switch name {
	case "activity-status":
		return some(string(d.ActivityStatus)), true
	case "excess-capacity-termination-policy":
		return some(string(d.ExcessCapacityTerminationPolicy)), true
	case "fleet-state":
		return some(string(d.FleetState)), true
	case "replace-unhealthy-instances":
		return flag(aws.ToBool(d.ReplaceUnhealthyInstances)), true
	case "type":
		return some(string(d.Type)), true
	}
	return nil, false
}

// describe is the fleet as DescribeFleets shows it.
func (f *standingFleet) describe(c *api.Call) (types.FleetData, error) {
	tags, err := tagsOf(c, f.ID)
	if err != nil {
		return types.FleetData{}, err
	}
	in := f.Fleet
	d := types.FleetData{
		FleetId: aws.String(f.ID), FleetState: f.State, ActivityStatus: f.Activity, CreateTime: aws.Time(f.Created), Type: f.Type,
		ClientToken: in.ClientToken, Context: in.Context, Tags: answeredTags(describeTags(tags)),
		FulfilledCapacity: aws.Float64(f.fulfilled()), FulfilledOnDemandCapacity: aws.Float64(f.held(false)),
		TerminateInstancesWithExpiration: aws.Bool(f.EndWithExpiry), ReplaceUnhealthyInstances: aws.Bool(aws.ToBool(in.ReplaceUnhealthyInstances)),
		TargetCapacitySpecification: new(types.TargetCapacitySpecification), ValidFrom: in.ValidFrom, ValidUntil: in.ValidUntil,
		OnDemandOptions: &types.OnDemandOptions{AllocationStrategy: types.FleetOnDemandAllocationStrategy(f.OnDemand.Strategy)},
		SpotOptions: &types.SpotOptions{
			AllocationStrategy:           types.SpotAllocationStrategy(f.Spot.Strategy),
			InstanceInterruptionBehavior: types.SpotInstanceInterruptionBehavior(f.Spot.Interruption),
		},
	}
	if f.Type == types.FleetTypeMaintain {
		d.ExcessCapacityTerminationPolicy = types.FleetExcessCapacityTerminationPolicyTermination
		if f.KeepExcess {
			d.ExcessCapacityTerminationPolicy = types.FleetExcessCapacityTerminationPolicyNoTermination
		}
	}
	if d.SpotOptions.AllocationStrategy == types.SpotAllocationStrategyLowestPrice {
		d.SpotOptions.InstancePoolsToUseCount = aws.Int32(int32(max(f.Spot.Pools, 1)))
	}
	if err := sameMembers(in.TargetCapacitySpecification, d.TargetCapacitySpecification); err != nil {
		return d, err
	}
	return d, sameMembers(in.LaunchTemplateConfigs, &d.LaunchTemplateConfigs)
}

// standingOnly finds a fleet that is no instant one: these tell what they
// launched in DescribeFleets, and have no history. What AWS answers for them is
// not documented.
func standingOnly(c *api.Call, id string) (*standingFleet, error) {
	f, ok, err := standing(c, id)
	if err != nil || ok && !f.isSpotFleet() {
		return f, err
	}
	if _, err := getFleet(c, id); err != nil {
		return nil, err
	}
	return nil, unsupported("The operation %s is not supported for fleets of type instant.", c.Operation)
}

func (s *Service) describeFleetInstances(c *api.Call, in *ec2.DescribeFleetInstancesInput) (*ec2.DescribeFleetInstancesOutput, error) {
	if err := checkFilters(in.Filters, func(name string) bool { return name == "instance-type" }); err != nil {
		return nil, err
	}
	if err := fleetPages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	f, err := standingOnly(c, aws.ToString(in.FleetId))
	if err != nil {
		return nil, err
	}
	active, err := f.active(c)
	if err != nil {
		return nil, err
	}
	var found []types.ActiveInstance
	for _, a := range active {
		ok, err := matches(in.Filters, func(string) ([]string, bool) { return some(*a.InstanceType), true })
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, a)
		}
	}
	rows, next, err := page(found, func(a types.ActiveInstance) string { return *a.InstanceId }, fleetPages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeFleetInstancesOutput{FleetId: aws.String(f.ID), ActiveInstances: append([]types.ActiveInstance{}, rows...), NextToken: next}, nil
}

// active are the fleet's instances, by id. None is ever impaired here.
func (f *standingFleet) active(c *api.Call) ([]types.ActiveInstance, error) {
	var all []types.ActiveInstance
	for _, m := range f.Members {
		i, err := instanceListing.get(c, m.ID)
		if errorCode(err) != "" {
			continue
		}
		if err != nil {
			return nil, err
		}
		a := types.ActiveInstance{InstanceId: aws.String(i.ID), InstanceType: aws.String(i.Type), InstanceHealth: types.InstanceHealthStatusHealthyStatus}
		if i.Spot != "" {
			a.SpotInstanceRequestId = aws.String(i.Spot)
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b types.ActiveInstance) int { return strings.Compare(*a.InstanceId, *b.InstanceId) })
	return all, nil
}

// fleetKinds are the kinds of events as EC2 Fleet's operations name them; AWS's
// enum has no word for those that inform, which stand among the errors here.
var fleetKinds = map[fleetEventKind]types.FleetEventType{
	fleetChanged: types.FleetEventTypeFleetChange, memberChanged: types.FleetEventTypeInstanceChange,
	fleetErred: types.FleetEventTypeServiceError, fleetInformed: types.FleetEventTypeServiceError,
}

func (s *Service) describeFleetHistory(c *api.Call, in *ec2.DescribeFleetHistoryInput) (*ec2.DescribeFleetHistoryOutput, error) {
	if err := fleetPages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	f, err := standingOnly(c, aws.ToString(in.FleetId))
	if err != nil {
		return nil, err
	}
	rows, next, err := fleetHistory(c, f.ID, aws.ToTime(in.StartTime), func(e fleetEvent) bool { return in.EventType == "" || fleetKinds[e.Kind] == in.EventType }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeFleetHistoryOutput{FleetId: in.FleetId, StartTime: in.StartTime, NextToken: next, HistoryRecords: []types.HistoryRecordEntry{}}
	if next == nil {
		out.LastEvaluatedTime = aws.Time(c.Now)
	}
	for _, e := range rows {
		out.HistoryRecords = append(out.HistoryRecords, types.HistoryRecordEntry{EventType: fleetKinds[e.Kind], Timestamp: aws.Time(e.At), EventInformation: e.information()})
	}
	return out, nil
}

// fleetHistory is a page of a fleet's events.
func fleetHistory(c *api.Call, id string, since time.Time, want func(fleetEvent) bool, most *int32, token *string) ([]fleetEvent, *string, error) {
	all, err := fleetEvents(c, id, since)
	if err != nil {
		return nil, nil, err
	}
	all = slices.DeleteFunc(all, func(e fleetEvent) bool { return !want(e) })
	return page(all, func(e fleetEvent) string { return e.ID }, fleetPages, most, token)
}

func (e fleetEvent) information() *types.EventInformation {
	i := &types.EventInformation{EventSubType: aws.String(e.Subtype)}
	if e.Description != "" {
		i.EventDescription = aws.String(e.Description)
	}
	if e.Instance != "" {
		i.InstanceId = aws.String(e.Instance)
	}
	return i
}
