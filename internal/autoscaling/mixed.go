package autoscaling

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// maxOverrides is the most that a mixed instances policy takes.
const maxOverrides = 40

// checkMixed checks a mixed instances policy and resolves its templates (Auto
// Scaling guide, "Auto Scaling groups with multiple instance types and purchase
// options").
func (s *Service) checkMixed(c *api.Call, g group, in *types.MixedInstancesPolicy) (*types.MixedInstancesPolicy, error) {
	m := *in
	if m.LaunchTemplate == nil {
		m.LaunchTemplate = &types.LaunchTemplate{}
		if g.Source.Mixed != nil && g.Source.Mixed.LaunchTemplate != nil {
			*m.LaunchTemplate = asked(*g.Source.Mixed.LaunchTemplate)
		}
	}
	t := *m.LaunchTemplate
	m.LaunchTemplate = &t
	if t.LaunchTemplateSpecification == nil {
		return nil, invalid("LaunchTemplateSpecification must be specified for the MixedInstancesPolicy")
	}
	d, err := checkDistribution(m.InstancesDistribution)
	if err != nil {
		return nil, err
	}
	m.InstancesDistribution = d
	if err := checkOverrides(t.Overrides); err != nil {
		return nil, err
	}
	t.Overrides = slices.Clone(t.Overrides)
	base := t.LaunchTemplateSpecification
	for n := range t.Overrides {
		o := &t.Overrides[n]
		if o.LaunchTemplateSpecification != nil {
			o.LaunchTemplateSpecification, err = s.checkTemplate(c, g, o.LaunchTemplateSpecification, *o)
		} else {
			t.LaunchTemplateSpecification, err = s.checkTemplate(c, g, base, *o)
		}
		if err != nil {
			return nil, err
		}
	}
	if t.LaunchTemplateSpecification == base {
		t.LaunchTemplateSpecification, err = s.checkTemplate(c, g, base, types.LaunchTemplateOverrides{})
	}
	return &m, err
}

// asked is a group's launch template as a request would name it: by id alone.
func asked(t types.LaunchTemplate) types.LaunchTemplate {
	byID := func(s *types.LaunchTemplateSpecification) *types.LaunchTemplateSpecification {
		if s == nil {
			return nil
		}
		return &types.LaunchTemplateSpecification{LaunchTemplateId: s.LaunchTemplateId, Version: s.Version}
	}
	t.LaunchTemplateSpecification = byID(t.LaunchTemplateSpecification)
	t.Overrides = slices.Clone(t.Overrides)
	for n := range t.Overrides {
		t.Overrides[n].LaunchTemplateSpecification = byID(t.Overrides[n].LaunchTemplateSpecification)
	}
	return t
}

func checkOverrides(overrides []types.LaunchTemplateOverrides) error {
	if len(overrides) > maxOverrides {
		return limitExceeded("instance types in a mixed instances policy", maxOverrides)
	}
	seen := make(map[string]bool)
	for _, o := range overrides {
		switch name := aws.ToString(o.InstanceType); {
		case o.InstanceRequirements != nil:
			return notBuilt("MixedInstancesPolicy.LaunchTemplate.Overrides.InstanceRequirements")
		case o.WeightedCapacity != nil:
			return notBuilt("MixedInstancesPolicy.LaunchTemplate.Overrides.WeightedCapacity")
		case seen[name]:
			return invalid("The MixedInstancesPolicy contains duplicate instance types: %s", name)
		default:
			seen[name] = true
		}
	}
	return nil
}

// checkDistribution fills in the defaults (API reference, "InstancesDistribution").
func checkDistribution(in *types.InstancesDistribution) (*types.InstancesDistribution, error) {
	d := types.InstancesDistribution{}
	if in != nil {
		d = *in
	}
	if len(d.DistributionSegments) > 0 {
		return nil, notBuilt("MixedInstancesPolicy.InstancesDistribution.DistributionSegments")
	}
	if d.OnDemandAllocationStrategy == nil {
		d.OnDemandAllocationStrategy = aws.String("prioritized")
	}
	if d.OnDemandBaseCapacity == nil {
		d.OnDemandBaseCapacity = aws.Int32(0)
	}
	if d.OnDemandPercentageAboveBaseCapacity == nil {
		d.OnDemandPercentageAboveBaseCapacity = aws.Int32(100)
	}
	if d.SpotAllocationStrategy == nil {
		d.SpotAllocationStrategy = aws.String("lowest-price")
	}
	if d.SpotInstancePools == nil && *d.SpotAllocationStrategy == "lowest-price" {
		d.SpotInstancePools = aws.Int32(2)
	}
	switch p := *d.OnDemandPercentageAboveBaseCapacity; {
	case p < 0 || p > 100:
		return nil, invalid("OnDemandPercentageAboveBaseCapacity must be between 0 and 100")
	case *d.OnDemandBaseCapacity < 0:
		return nil, invalid("OnDemandBaseCapacity must be greater than or equal to 0")
	}
	return &d, nil
}

// setMixed says what a mixed instances policy says of the next instance: its
// type by the order of the overrides, and whether it is a Spot Instance by the
// share that On-Demand Instances have already.
func (w *worker) setMixed(in *ec2.RunInstancesInput, m *member, p *types.MixedInstancesPolicy) {
	t := p.LaunchTemplate
	m.Template = t.LaunchTemplateSpecification
	if len(t.Overrides) > 0 {
		o := t.Overrides[w.g.Failures%len(t.Overrides)] // the next type, if the last could not be had
		in.InstanceType, in.ImageId = ec2types.InstanceType(aws.ToString(o.InstanceType)), o.ImageId
		if o.LaunchTemplateSpecification != nil {
			m.Template = o.LaunchTemplateSpecification
		}
	}
	in.LaunchTemplate = ec2Template(m.Template)
	onDemand, all := int32(0), int32(1)
	for _, other := range w.members {
		if !other.active() {
			continue
		}
		all++
		if !other.Spot {
			onDemand++
		}
	}
	d := p.InstancesDistribution
	above := max(all-*d.OnDemandBaseCapacity, 0)
	wanted := *d.OnDemandBaseCapacity + (above**d.OnDemandPercentageAboveBaseCapacity+99)/100
	if onDemand < wanted {
		return
	}
	m.Spot = true
	in.InstanceMarketOptions = &ec2types.InstanceMarketOptionsRequest{MarketType: ec2types.MarketTypeSpot}
	if d.SpotMaxPrice != nil {
		in.InstanceMarketOptions.SpotOptions = &ec2types.SpotMarketOptions{MaxPrice: d.SpotMaxPrice}
	}
}
