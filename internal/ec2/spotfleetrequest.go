package ec2

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// invalidSpotFleet refuses a parameter of a Spot Fleet request.
func invalidSpotFleet(parameter string) error {
	return api.Error("InvalidSpotFleetRequestConfig", "Parameter: SpotFleetRequestConfig."+parameter+" is invalid.")
}

// spotFleetStrategies are the allocation strategies as EC2 Fleet writes them.
var spotFleetStrategies = map[types.AllocationStrategy]types.SpotAllocationStrategy{
	"":                                  types.SpotAllocationStrategyLowestPrice,
	types.AllocationStrategyLowestPrice: types.SpotAllocationStrategyLowestPrice,
	types.AllocationStrategyDiversified: types.SpotAllocationStrategyDiversified,
	types.AllocationStrategyCapacityOptimized:            types.SpotAllocationStrategyCapacityOptimized,
	types.AllocationStrategyCapacityOptimizedPrioritized: types.SpotAllocationStrategyCapacityOptimizedPrioritized,
	types.AllocationStrategyPriceCapacityOptimized:       types.SpotAllocationStrategyPriceCapacityOptimized,
}

func refuseUnbuiltSpotFleet(d *types.SpotFleetRequestConfigData) error {
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"LoadBalancersConfig", d.LoadBalancersConfig != nil},
		{"OnDemandMaxTotalPrice", d.OnDemandMaxTotalPrice != nil},
		{"SpotMaintenanceStrategies", d.SpotMaintenanceStrategies != nil},
		{"SpotMaxTotalPrice", d.SpotMaxTotalPrice != nil},
		{"TargetCapacityUnitType", d.TargetCapacityUnitType != "" && d.TargetCapacityUnitType != types.TargetCapacityUnitTypeUnits},
	} {
		if p.asked {
			return notBuilt("SpotFleetRequestConfig." + p.name)
		}
	}
	return nil
}

func (s *Service) requestSpotFleet(c *api.Call, in *ec2.RequestSpotFleetInput) (*ec2.RequestSpotFleetOutput, error) {
	d := in.SpotFleetRequestConfig
	if d == nil {
		return nil, missingParameter("SpotFleetRequestConfig")
	}
	earlier, err := usedToken(c, d.ClientToken, in)
	if err != nil || earlier != "" {
		return &ec2.RequestSpotFleetOutput{SpotFleetRequestId: aws.String(earlier)}, err
	}
	if err := refuseUnbuiltSpotFleet(d); err != nil {
		return nil, err
	}
	f := standingFleet{
		ID: "sfr-" + c.NewUUID(), Type: d.Type, State: types.FleetStateCodeSubmitted, Activity: types.FleetActivityStatusPendingFulfillment,
		Created: wholeSecond(c), From: aws.ToTime(d.ValidFrom), Until: aws.ToTime(d.ValidUntil),
		EndWithExpiry: aws.ToBool(d.TerminateInstancesWithExpiration), KeepExcess: d.ExcessCapacityTerminationPolicy == types.ExcessCapacityTerminationPolicyNoTermination,
		SpotFleet: d,
	}
	if f.Type == "" {
		f.Type = types.FleetTypeMaintain
	}
	if f.Type == types.FleetTypeInstant {
		return nil, invalidSpotFleet("Type")
	}
	if f.checkTimes(c) != nil {
		return nil, invalidSpotFleet("ValidUntil")
	}
	if err := f.aimSpotFleet(d.TargetCapacity, d.OnDemandTargetCapacity); err != nil {
		return nil, err
	}
	f.Spot.Strategy, f.Spot.Pools = string(spotFleetStrategies[d.AllocationStrategy]), int(aws.ToInt32(d.InstancePoolsToUseCount))
	f.OnDemand.Strategy = string(types.FleetOnDemandAllocationStrategyLowestPrice)
	if d.OnDemandAllocationStrategy == types.OnDemandAllocationStrategyPrioritized {
		f.OnDemand.Strategy = string(types.FleetOnDemandAllocationStrategyPrioritized)
	}
	if f.Spot.Interruption = d.InstanceInterruptionBehavior; f.Spot.Interruption == "" {
		f.Spot.Interruption = types.InstanceInterruptionBehaviorTerminate
	}
	if f.Ways, err = spotFleetWays(c, d); err != nil {
		return nil, err
	}
	tags, err := requestTags(d.TagSpecifications, string(types.ResourceTypeSpotFleetRequest))
	if err != nil {
		return nil, err
	}
	if err := s.checkGivenRole(c, aws.ToString(d.IamFleetRole)); err != nil {
		return nil, err
	}
	// The fleet's own role may not make Spot's, as EC2 Fleet's may.
	for _, r := range []serviceRole{spotFleetService, spotService} {
		if err := s.ensureRole(c, r); err != nil {
			return nil, err
		}
	}
	if err := f.submit(c, tags); err != nil {
		return nil, err
	}
	return &ec2.RequestSpotFleetOutput{SpotFleetRequestId: aws.String(f.ID)}, keepToken(c, d.ClientToken, in, f.ID)
}

// checkGivenRole sees that the fleet can assume the role that it is given.
func (s *Service) checkGivenRole(c *api.Call, arn string) error {
	_, err := s.givenRole(c, arn)
	switch {
	case errors.Is(err, api.ErrDryRun):
		return nil
	case errors.Is(err, store.ErrNotFound) || errorCode(err) != "":
		return invalidSpotFleet("IamFleetRole")
	}
	return err
}

// aimSpotFleet sets the fleet's target: what is not On-Demand is Spot.
func (f *standingFleet) aimSpotFleet(total, onDemand *int32) error {
	all, part := aws.ToInt32(total), aws.ToInt32(onDemand)
	if total == nil || all < 0 || all > maxFleetTarget || all == 0 && f.Type != types.FleetTypeMaintain {
		return invalidSpotFleet("TargetCapacity")
	}
	if part < 0 || part > all {
		return invalidSpotFleet("OnDemandTargetCapacity")
	}
	f.OnDemand.Target, f.Spot.Target = float64(part), float64(all-part)
	return nil
}

// spotFleetWays lists the ways to launch: those of templates, or of
// specifications, which have no On-Demand Instances.
func spotFleetWays(c *api.Call, d *types.SpotFleetRequestConfigData) ([]fleetWay, error) {
	switch {
	case len(d.LaunchSpecifications) > 0 && len(d.LaunchTemplateConfigs) > 0:
		return nil, invalidCombination("You can specify either LaunchSpecifications or LaunchTemplateConfigs, but not both.")
	case len(d.LaunchSpecifications) > 0 && aws.ToInt32(d.OnDemandTargetCapacity) > 0:
		return nil, invalidSpotFleet("OnDemandTargetCapacity")
	case len(d.LaunchTemplateConfigs) > 0:
		configs, err := fleetConfigs(d.LaunchTemplateConfigs)
		if err != nil {
			return nil, err
		}
		ways, err := waysOf(c, configs)
		for i := range ways {
			if ways[i].MaxPrice == "" {
				ways[i].MaxPrice = aws.ToString(d.SpotPrice)
			}
		}
		return ways, err
	case len(d.LaunchSpecifications) == 0:
		return nil, invalidSpotFleet("LaunchSpecifications")
	}
	var ways []fleetWay
	for _, l := range d.LaunchSpecifications {
		more, err := specifiedWays(l, d.SpotPrice)
		if err != nil {
			return nil, err
		}
		ways = append(ways, more...)
	}
	return ways, nil
}

// specifiedWays are the ways of a launch specification, one for each of its
// subnets or zones.
func specifiedWays(l types.SpotFleetLaunchSpecification, price *string) ([]fleetWay, error) {
	switch {
	case l.InstanceRequirements != nil:
		return nil, notBuilt("LaunchSpecifications.InstanceRequirements")
	case l.AddressingType != nil:
		return nil, notBuilt("LaunchSpecifications.AddressingType")
	case l.WeightedCapacity != nil && (*l.WeightedCapacity <= 0 || *l.WeightedCapacity > maxFleetWeight):
		return nil, invalidSpotFleet("LaunchSpecifications.WeightedCapacity")
	}
	tags := make(map[string]string)
	for _, spec := range l.TagSpecifications {
		if spec.ResourceType != types.ResourceTypeInstance {
			return nil, invalidValue("'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
		if err := checkTags(spec.Tags); err != nil {
			return nil, err
		}
		for _, t := range spec.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
	}
	if l.SpotPrice != nil {
		price = l.SpotPrice
	}
	var zones *string
	if l.Placement != nil {
		zones = l.Placement.AvailabilityZone
	}
	groups := groupIDsOf(l.SecurityGroups)
	l.SecurityGroups, l.TagSpecifications = nil, nil
	var ways []fleetWay
	for _, place := range places(l.SubnetId, zones) {
		way := fleetWay{Weight: weightOf(l.WeightedCapacity), MaxPrice: aws.ToString(price), Tags: tags}
		one := l
		one.SubnetId = place.subnet
		if err := sameMembers(one, &way.Launch); err != nil {
			return nil, err
		}
		way.Launch.SecurityGroupIds = groups
		if way.Launch.Placement != nil {
			way.Launch.Placement.AvailabilityZone = place.zone
		}
		ways = append(ways, way)
	}
	return ways, nil
}

// modifySpotFleetRequest changes a fleet that maintains its target: no other can
// be modified (EC2 API reference, "ModifySpotFleetRequest").
func (s *Service) modifySpotFleetRequest(c *api.Call, in *ec2.ModifySpotFleetRequestInput) (*ec2.ModifySpotFleetRequestOutput, error) {
	f, err := getSpotFleet(c, aws.ToString(in.SpotFleetRequestId))
	if err != nil {
		return nil, err
	}
	if f.Type != types.FleetTypeMaintain {
		return nil, unsupported("Only Spot Fleet requests of type maintain can be modified.")
	}
	if f.State != types.FleetStateCodeActive && f.State != types.FleetStateCodeSubmitted {
		return nil, incorrectState("The Spot Fleet request '%s' is in the state '%s' and cannot be modified.", f.ID, f.stateWord())
	}
	shown := *f.SpotFleet
	if in.ExcessCapacityTerminationPolicy != "" {
		shown.ExcessCapacityTerminationPolicy = in.ExcessCapacityTerminationPolicy
		f.KeepExcess = in.ExcessCapacityTerminationPolicy == types.ExcessCapacityTerminationPolicyNoTermination
	}
	if in.TargetCapacity != nil {
		shown.TargetCapacity = in.TargetCapacity
	}
	if in.OnDemandTargetCapacity != nil {
		shown.OnDemandTargetCapacity = in.OnDemandTargetCapacity
	}
	if in.Context != nil {
		shown.Context = in.Context
	}
	if err := f.aimSpotFleet(shown.TargetCapacity, shown.OnDemandTargetCapacity); err != nil {
		return nil, err
	}
	if len(in.LaunchTemplateConfigs) > 0 {
		shown.LaunchTemplateConfigs = in.LaunchTemplateConfigs
		if f.Ways, err = spotFleetWays(c, &shown); err != nil {
			return nil, err
		}
		f.forgetWays()
	}
	f.SpotFleet = &shown
	return &ec2.ModifySpotFleetRequestOutput{Return: aws.Bool(true)}, f.modify(c)
}

// cancelSpotFleetRequests cancels requests; their instances end or go on.
func (s *Service) cancelSpotFleetRequests(c *api.Call, in *ec2.CancelSpotFleetRequestsInput) (*ec2.CancelSpotFleetRequestsOutput, error) {
	if len(in.SpotFleetRequestIds) > maxStandingDeleted {
		return nil, invalidValue("You can cancel up to %d Spot Fleet requests in a single request.", maxStandingDeleted)
	}
	out := &ec2.CancelSpotFleetRequestsOutput{}
	failed := func(id string, code types.CancelBatchErrorCode, message string) {
		out.UnsuccessfulFleetRequests = append(out.UnsuccessfulFleetRequests, types.CancelSpotFleetRequestsErrorItem{
			SpotFleetRequestId: aws.String(id), Error: &types.CancelSpotFleetRequestsError{Code: code, Message: aws.String(message)},
		})
	}
	for _, id := range in.SpotFleetRequestIds {
		f, err := getSpotFleet(c, id)
		switch {
		case errorCode(err) == "InvalidSpotFleetRequestId.Malformed":
			failed(id, types.CancelBatchErrorCodeFleetRequestIdMalformed, errorMessage(err))
			continue
		case errorCode(err) != "":
			failed(id, types.CancelBatchErrorCodeFleetRequestIdDoesNotExist, errorMessage(err))
			continue
		case err != nil:
			return nil, err
		case f.deleted():
			failed(id, types.CancelBatchErrorCodeFleetRequestNotInCancellableState, "The Spot Fleet request '"+id+"' is in the state '"+f.stateWord()+"' and cannot be cancelled.")
			continue
		}
		was := f.stateWord()
		if err := f.delete(c, aws.ToBool(in.TerminateInstances)); err != nil {
			return nil, err
		}
		if err := f.put(c); err != nil {
			return nil, err
		}
		if err := wakeFleet(c, f.ID, 0); err != nil {
			return nil, err
		}
		out.SuccessfulFleetRequests = append(out.SuccessfulFleetRequests, types.CancelSpotFleetRequestsSuccessItem{
			SpotFleetRequestId: aws.String(id), PreviousSpotFleetRequestState: types.BatchState(was), CurrentSpotFleetRequestState: types.BatchState(f.stateWord()),
		})
	}
	return out, nil
}
