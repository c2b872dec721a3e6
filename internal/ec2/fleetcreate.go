package ec2

import (
	"maps"
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// fleetTag is the tag that EC2 gives to the instances of a fleet.
const fleetTag = "aws:ec2:fleet-id"

// alternative is one way to launch an instance of a fleet: a template with or without
// an override.
type alternative struct {
	template *types.FleetLaunchTemplateSpecificationRequest
	override *types.FleetLaunchTemplateOverridesRequest
}

// createFleet makes a fleet of any type. An instant one launches at once, in the
// caller's name: whoever makes it needs the keys of its volumes. What cannot be
// launched is told beside what could (EC2 API reference, "CreateFleet").
func (s *Service) createFleet(c *api.Call, in *ec2.CreateFleetInput) (*ec2.CreateFleetOutput, error) {
	earlier, err := usedToken(c, in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	if earlier != "" {
		if in.Type != types.FleetTypeInstant {
			return &ec2.CreateFleetOutput{FleetId: aws.String(earlier)}, nil
		}
		f, err := getFleet(c, earlier)
		return f.answer(), err
	}
	if in.Type != types.FleetTypeInstant {
		return s.createStanding(c, in)
	}
	if err := checkFleetOptions(in, in.Type); err != nil {
		return nil, err
	}
	onDemand, spot, err := splitTarget(in.TargetCapacitySpecification, in.Type)
	if err != nil {
		return nil, err
	}
	alternatives, err := alternativesOf(c, in.LaunchTemplateConfigs)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(alternatives, func(a, b alternative) int { return a.compare(b) })
	tags, err := requestTagsOf(in.TagSpecifications, string(types.ResourceTypeFleet), append([]string{string(types.ResourceTypeFleet)}, launchTags...)...)
	if err != nil {
		return nil, err
	}
	f := fleet{ID: "fleet-" + c.NewUUID(), State: types.FleetStateCodeActive, Created: wholeSecond(c), Request: *in}
	if err := s.fill(c, &f, alternatives, onDemand, types.InstanceLifecycleOnDemand); err != nil {
		return nil, err
	}
	if err := s.fill(c, &f, alternatives, spot, types.InstanceLifecycleSpot); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeFleet), f.ID, tags); err != nil {
		return nil, err
	}
	if err := keepToken(c, in.ClientToken, in, f.ID); err != nil {
		return nil, err
	}
	return f.answer(), f.put(c)
}

func (f fleet) answer() *ec2.CreateFleetOutput {
	return &ec2.CreateFleetOutput{FleetId: aws.String(f.ID), Instances: f.Instances, Errors: f.Errors}
}

// splitTarget is how many units of each kind are wanted: what is not said is of
// the default kind. A fleet that maintains its target may begin with none (EC2 API
// reference, "FleetData").
func splitTarget(t *types.TargetCapacitySpecificationRequest, of types.FleetType) (onDemand, spot int32, err error) {
	if t == nil {
		return 0, 0, missingParameter("TargetCapacitySpecification")
	}
	if t.TargetCapacityUnitType != "" && t.TargetCapacityUnitType != types.TargetCapacityUnitTypeUnits {
		return 0, 0, notBuilt("TargetCapacitySpecification.TargetCapacityUnitType")
	}
	least := int32(1)
	if of == types.FleetTypeMaintain {
		least = 0
	}
	total := aws.ToInt32(t.TotalTargetCapacity)
	onDemand, spot = aws.ToInt32(t.OnDemandTargetCapacity), aws.ToInt32(t.SpotTargetCapacity)
	if total < least || onDemand < 0 || spot < 0 || onDemand+spot > total {
		return 0, 0, api.Error("InvalidTargetCapacitySpecification", "The total target capacity must be at least "+decimal(least)+" and not less than the sum of the On-Demand and Spot capacity.")
	}
	if total > maxFleetTarget {
		return 0, 0, api.Error("InvalidTargetCapacitySpecification", "The total target capacity must not be more than "+decimal(maxFleetTarget)+".")
	}
	switch t.DefaultTargetCapacityType {
	case types.DefaultTargetCapacityTypeOnDemand:
		return total - spot, spot, nil
	case "", types.DefaultTargetCapacityTypeSpot:
		return onDemand, total - onDemand, nil
	}
	return 0, 0, notBuilt("TargetCapacitySpecification.DefaultTargetCapacityType")
}

// alternativesOf lists the ways to launch, as they were given.
func alternativesOf(c *api.Call, configs []types.FleetLaunchTemplateConfigRequest) ([]alternative, error) {
	var all []alternative
	for _, config := range configs {
		t := config.LaunchTemplateSpecification
		if t == nil {
			return nil, missingParameter("LaunchTemplateConfigs.LaunchTemplateSpecification")
		}
		found, err := templateOf(c, t.LaunchTemplateId, t.LaunchTemplateName)
		if err != nil {
			return nil, err
		}
		if _, err := found.version(aws.ToString(t.Version)); err != nil {
			return nil, err
		}
		if len(config.Overrides) == 0 {
			all = append(all, alternative{t, nil})
		}
		for i := range config.Overrides {
			o := &config.Overrides[i]
			if o.InstanceRequirements != nil {
				return nil, notBuilt("LaunchTemplateConfigs.Overrides.InstanceRequirements")
			}
			if w := o.WeightedCapacity; w != nil && (*w <= 0 || *w > maxFleetWeight) {
				return nil, invalidValue("Invalid value '%g' for WeightedCapacity. It must be between 1 and %d.", *w, maxFleetWeight)
			}
			all = append(all, alternative{t, o})
		}
	}
	if len(all) == 0 {
		return nil, missingParameter("LaunchTemplateConfigs")
	}
	return all, nil
}

// maxFleetWeight is the most units that an instance can be (EC2 guide, "Use
// instance weighting to manage cost and performance of your EC2 Fleet or Spot
// Fleet").
const maxFleetWeight = 999

func (h alternative) compare(other alternative) int {
	priority := func(h alternative) float64 {
		if h.override == nil || h.override.Priority == nil {
			return 1e9 // none given: the last
		}
		return *h.override.Priority
	}
	switch a, b := priority(h), priority(other); {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// launch is the alternative as RunInstances takes it.
func (h alternative) launch(in *ec2.CreateFleetInput, count int32, lifecycle types.InstanceLifecycle) (*ec2.RunInstancesInput, error) {
	out := &ec2.RunInstancesInput{}
	if h.override != nil {
		o := *h.override
		o.AvailabilityZone, o.AvailabilityZoneId = nil, nil
		if err := sameMembers(o, out); err != nil {
			return nil, err
		}
		if h.override.SubnetId == nil && (h.override.AvailabilityZone != nil || h.override.AvailabilityZoneId != nil) {
			if out.Placement == nil {
				out.Placement = new(types.Placement)
			}
			out.Placement.AvailabilityZone, out.Placement.AvailabilityZoneId = h.override.AvailabilityZone, h.override.AvailabilityZoneId
		}
	}
	out.MinCount, out.MaxCount = aws.Int32(1), &count
	out.LaunchTemplate = &types.LaunchTemplateSpecification{
		LaunchTemplateId: h.template.LaunchTemplateId, LaunchTemplateName: h.template.LaunchTemplateName, Version: h.template.Version,
	}
	if lifecycle == types.InstanceLifecycleSpot {
		market := &types.SpotMarketOptions{}
		if h.override != nil {
			market.MaxPrice = h.override.MaxPrice
		}
		if o := in.SpotOptions; o != nil && o.InstanceInterruptionBehavior != "" {
			market.InstanceInterruptionBehavior = types.InstanceInterruptionBehavior(o.InstanceInterruptionBehavior)
		}
		out.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot}
		if *market != (types.SpotMarketOptions{}) {
			out.InstanceMarketOptions.SpotOptions = market
		}
	}
	for _, spec := range in.TagSpecifications {
		if spec.ResourceType != types.ResourceTypeFleet && (spec.ResourceType != types.ResourceTypeSpotInstancesRequest || lifecycle == types.InstanceLifecycleSpot) {
			out.TagSpecifications = append(out.TagSpecifications, spec)
		}
	}
	return out, nil
}

// fill launches instances of one kind by the first alternative that works.
func (s *Service) fill(c *api.Call, f *fleet, alternatives []alternative, count int32, lifecycle types.InstanceLifecycle) error {
	if count == 0 {
		return nil
	}
	for _, h := range alternatives {
		in, err := h.launch(&f.Request, h.instances(count), lifecycle)
		if err != nil {
			return err
		}
		in.MinCount = aws.Int32(min(leastOf(&f.Request, lifecycle), *in.MaxCount))
		var shown types.LaunchTemplateAndOverridesResponse
		if err := h.show(&shown); err != nil {
			return err
		}
		out, err := api.Invoke[ec2.RunInstancesOutput](c.Forward("ec2", fleetInvoker), "ec2", "RunInstances", in)
		if code := errorCode(err); code != "" {
			f.Errors = append(f.Errors, types.CreateFleetError{
				ErrorCode: aws.String(code), ErrorMessage: aws.String(errorMessage(err)), Lifecycle: lifecycle, LaunchTemplateAndOverrides: &shown,
			})
			continue
		}
		if err != nil {
			return err
		}
		return f.took(c, out.Instances, lifecycle, &shown)
	}
	return nil
}

// instances is how many of the alternative's instances make a number of units.
func (h alternative) instances(units int32) int32 {
	if h.override == nil {
		return units
	}
	return int32(math.Ceil(float64(units) / weightOf(h.override.WeightedCapacity)))
}

// leastOf is how many instances an instant fleet must get, or it gets none: all
// of one kind come of one launch here, so of one type and in one zone.
func leastOf(in *ec2.CreateFleetInput, lifecycle types.InstanceLifecycle) int32 {
	var least *int32
	if o := in.OnDemandOptions; o != nil && lifecycle == types.InstanceLifecycleOnDemand {
		least = o.MinTargetCapacity
	}
	if o := in.SpotOptions; o != nil && lifecycle == types.InstanceLifecycleSpot {
		least = o.MinTargetCapacity
	}
	return max(aws.ToInt32(least), 1)
}

// show is the alternative as answers show it.
func (h alternative) show(into *types.LaunchTemplateAndOverridesResponse) error {
	into.LaunchTemplateSpecification = &types.FleetLaunchTemplateSpecification{
		LaunchTemplateId: h.template.LaunchTemplateId, LaunchTemplateName: h.template.LaunchTemplateName, Version: h.template.Version,
	}
	if h.override == nil {
		return nil
	}
	into.Overrides = new(types.FleetLaunchTemplateOverrides)
	return sameMembers(h.override, into.Overrides)
}

// took keeps and labels the instances of one launch.
func (f *fleet) took(c *api.Call, instances []types.Instance, lifecycle types.InstanceLifecycle, by *types.LaunchTemplateAndOverridesResponse) error {
	made := types.CreateFleetInstance{
		InstanceType: instances[0].InstanceType, Lifecycle: lifecycle, LaunchTemplateAndOverrides: by,
		AvailabilityZone: instances[0].Placement.AvailabilityZone, SubnetId: instances[0].SubnetId,
	}
	for _, i := range instances {
		made.InstanceIds = append(made.InstanceIds, *i.InstanceId)
		tags, err := tagsOf(c, *i.InstanceId)
		if err != nil {
			return err
		}
		labelled := map[string]string{fleetTag: f.ID}
		maps.Copy(labelled, tags)
		if err := putTags(c, string(types.ResourceTypeInstance), *i.InstanceId, labelled); err != nil {
			return err
		}
	}
	f.Instances = append(f.Instances, made)
	return nil
}
