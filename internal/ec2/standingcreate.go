package ec2

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// maxFleetTarget is AWS's quota "Target capacity per EC2 Fleet or Spot Fleet"
// (EC2 guide, "Fleet quotas").
const maxFleetTarget = 10000

// createStanding makes a fleet of the type request or maintain: it launches
// later, as its own role.
func (s *Service) createStanding(c *api.Call, in *ec2.CreateFleetInput) (*ec2.CreateFleetOutput, error) {
	f := standingFleet{
		ID: "fleet-" + c.NewUUID(), Type: in.Type, State: types.FleetStateCodeSubmitted, Activity: types.FleetActivityStatusPendingFulfillment,
		Created: wholeSecond(c), From: aws.ToTime(in.ValidFrom), Until: aws.ToTime(in.ValidUntil),
		EndWithExpiry: aws.ToBool(in.TerminateInstancesWithExpiration), KeepExcess: in.ExcessCapacityTerminationPolicy == types.FleetExcessCapacityTerminationPolicyNoTermination,
		Fleet: in,
	}
	if f.Type == "" {
		f.Type = types.FleetTypeMaintain
	}
	if err := checkFleetOptions(in, f.Type); err != nil {
		return nil, err
	}
	if err := f.checkTimes(c); err != nil {
		return nil, err
	}
	if err := f.aim(in.TargetCapacitySpecification); err != nil {
		return nil, err
	}
	f.setStrategies(in)
	var err error
	if f.Ways, err = waysOf(c, in.LaunchTemplateConfigs); err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeFleet))
	if err != nil {
		return nil, err
	}
	if err := s.ensureRole(c, fleetService); err != nil {
		return nil, err
	}
	if err := f.submit(c, tags); err != nil {
		return nil, err
	}
	return &ec2.CreateFleetOutput{FleetId: aws.String(f.ID)}, keepToken(c, in.ClientToken, in, f.ID)
}

// submit keeps a new fleet and has it begin.
func (f *standingFleet) submit(c *api.Call, tags map[string]string) error {
	if err := putTags(c, string(f.kind()), f.ID, tags); err != nil {
		return err
	}
	if err := f.tell(c, fleetChanged, "submitted", "", ""); err != nil {
		return err
	}
	if err := f.put(c); err != nil {
		return err
	}
	return wakeFleet(c, f.ID, max(fleetTime, f.From.Sub(c.Now)))
}

func (f *standingFleet) checkTimes(c *api.Call) error {
	if !f.Until.IsZero() && (!f.Until.After(c.Now) || !f.From.IsZero() && !f.Until.After(f.From)) {
		return invalidValue("ValidUntil must be later than ValidFrom and the current time.")
	}
	return nil
}

// checkFleetOptions refuses what is not here, and what fleets of a type do not
// have. The codes and texts of the latter rest on no source.
func checkFleetOptions(in *ec2.CreateFleetInput, t types.FleetType) error {
	d, p := in.OnDemandOptions, in.SpotOptions
	if d == nil {
		d = &types.OnDemandOptionsRequest{}
	}
	if p == nil {
		p = &types.SpotOptionsRequest{}
	}
	for _, u := range []struct {
		name  string
		asked bool
	}{
		{"OnDemandOptions.CapacityReservationOptions", d.CapacityReservationOptions != nil},
		{"OnDemandOptions.MaxTotalPrice", d.MaxTotalPrice != nil},
		{"ReservedCapacityOptions", in.ReservedCapacityOptions != nil},
		{"SpotOptions.MaintenanceStrategies", p.MaintenanceStrategies != nil},
		{"SpotOptions.MaxTotalPrice", p.MaxTotalPrice != nil},
	} {
		if u.asked {
			return notBuilt(u.name)
		}
	}
	if p.InstancePoolsToUseCount != nil && p.AllocationStrategy != "" && p.AllocationStrategy != types.SpotAllocationStrategyLowestPrice {
		return invalidCombination("InstancePoolsToUseCount is supported only with the allocation strategy lowest-price.")
	}
	if t == types.FleetTypeInstant {
		return nil
	}
	for name, asked := range map[string]bool{
		"MinTargetCapacity":      d.MinTargetCapacity != nil || p.MinTargetCapacity != nil,
		"SingleAvailabilityZone": d.SingleAvailabilityZone != nil || p.SingleAvailabilityZone != nil,
		"SingleInstanceType":     d.SingleInstanceType != nil || p.SingleInstanceType != nil,
	} {
		if asked {
			return invalidCombination("%s is supported only for fleets of type instant.", name)
		}
	}
	if t != types.FleetTypeMaintain && in.ExcessCapacityTerminationPolicy != "" {
		return invalidCombination("ExcessCapacityTerminationPolicy is supported only for fleets of type maintain.")
	}
	if t != types.FleetTypeMaintain && aws.ToBool(in.ReplaceUnhealthyInstances) {
		return invalidCombination("ReplaceUnhealthyInstances is supported only for fleets of type maintain.")
	}
	return nil
}

// aim sets the fleet's target.
func (f *standingFleet) aim(t *types.TargetCapacitySpecificationRequest) error {
	onDemand, spot, err := splitTarget(t, f.Type)
	f.OnDemand.Target, f.Spot.Target = float64(onDemand), float64(spot)
	return err
}

func (f *standingFleet) setStrategies(in *ec2.CreateFleetInput) {
	f.OnDemand.Strategy, f.Spot.Strategy = string(types.FleetOnDemandAllocationStrategyLowestPrice), string(types.SpotAllocationStrategyLowestPrice)
	if o := in.OnDemandOptions; o != nil && o.AllocationStrategy != "" {
		f.OnDemand.Strategy = string(o.AllocationStrategy)
	}
	f.Spot.Interruption = types.InstanceInterruptionBehaviorTerminate
	o := in.SpotOptions
	if o == nil {
		return
	}
	if o.AllocationStrategy != "" {
		f.Spot.Strategy = string(o.AllocationStrategy)
	}
	if o.InstanceInterruptionBehavior != "" {
		f.Spot.Interruption = types.InstanceInterruptionBehavior(o.InstanceInterruptionBehavior)
	}
	f.Spot.Pools = int(aws.ToInt32(o.InstancePoolsToUseCount))
}

// waysOf lists the ways to launch: one for each override, and of an override
// one for each of its subnets.
func waysOf(c *api.Call, configs []types.FleetLaunchTemplateConfigRequest) ([]fleetWay, error) {
	all, err := alternativesOf(c, configs)
	if err != nil {
		return nil, err
	}
	var ways []fleetWay
	for _, h := range all {
		if h.override == nil {
			h.override = &types.FleetLaunchTemplateOverridesRequest{}
		}
		o := *h.override
		for name, given := range map[string]bool{
			"BlockDeviceMappings": len(o.BlockDeviceMappings) > 0, "IamInstanceProfile": o.IamInstanceProfile != nil, "ImageId": o.ImageId != nil,
			"KeyName": o.KeyName != nil, "MetadataOptions": o.MetadataOptions != nil,
		} {
			if given {
				return nil, invalidCombination("The launch template override %s is supported only for fleets of type instant.", name)
			}
		}
		for _, place := range places(o.SubnetId, o.AvailabilityZone) {
			one := o
			one.SubnetId, one.AvailabilityZone = place.subnet, place.zone
			in, err := alternative{h.template, &one}.launch(&ec2.CreateFleetInput{}, 1, types.InstanceLifecycleOnDemand)
			if err != nil {
				return nil, err
			}
			ways = append(ways, fleetWay{Launch: *in, Weight: weightOf(o.WeightedCapacity), Priority: o.Priority, MaxPrice: aws.ToString(o.MaxPrice)})
		}
	}
	return ways, nil
}

// weightOf is how many units an instance is: one, if nothing is said.
func weightOf(w *float64) float64 {
	if w == nil {
		return 1
	}
	return *w
}

// fleetPlace is where a way launches.
type fleetPlace struct{ subnet, zone *string }

// places are the subnets of a list with commas, or the zones of one.
func places(subnets, zones *string) []fleetPlace {
	var all []fleetPlace
	for part := range strings.SplitSeq(aws.ToString(subnets), ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, fleetPlace{subnet: aws.String(part)})
		}
	}
	if len(all) > 0 {
		return all
	}
	for part := range strings.SplitSeq(aws.ToString(zones), ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, fleetPlace{zone: aws.String(part)})
		}
	}
	if len(all) == 0 {
		return []fleetPlace{{}}
	}
	return all
}
