package autoscaling

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
)

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// settings are the parameters of a group that creation and update share; nil
// leaves what is.
type settings struct {
	cooldown, grace, lifetime, warmup            *int32
	healthType, context, capacityType, placement *string
	termination                                  []string
	protectNew, rebalance                        *bool
	protection                                   types.DeletionProtection
	maintenance                                  *types.InstanceMaintenancePolicy
	distribution                                 *types.AvailabilityZoneDistribution
	impairment                                   *types.AvailabilityZoneImpairmentPolicy
}

func assign[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// healthTypes are the health checks that a group can name besides EC2's.
var healthTypes = []string{healthEC2, "ELB", "VPC_LATTICE", "EBS"}

// terminationPolicies are Auto Scaling's own; a function's ARN may stand there, too.
var terminationPolicies = []string{
	"AllocationStrategy", "ClosestToNextInstanceHour", defaultTermination, "NewestInstance",
	"OldestInstance", "OldestLaunchConfiguration", "OldestLaunchTemplate",
}

const minLifetime = 86400 // seconds

func (g *group) set(v settings) error {
	for _, n := range []struct {
		name string
		v    *int32
	}{{"DefaultCooldown", v.cooldown}, {"HealthCheckGracePeriod", v.grace}} {
		if n.v != nil && *n.v < 0 {
			return invalid("%s must be greater than or equal to 0", n.name)
		}
	}
	if v.healthType != nil {
		for t := range strings.SplitSeq(*v.healthType, ",") {
			if !slices.Contains(healthTypes, t) {
				return invalid("Invalid HealthCheckType: %s", t)
			}
		}
	}
	for _, p := range v.termination {
		if !slices.Contains(terminationPolicies, p) && !strings.HasPrefix(p, "arn:") {
			return invalid("TerminationPolicy %s is not valid", p)
		}
		if strings.HasPrefix(p, "arn:") {
			return notBuilt("TerminationPolicies")
		}
	}
	if v.lifetime != nil && *v.lifetime != 0 && *v.lifetime < minLifetime {
		return invalid("MaxInstanceLifetime must be set to a value greater than or equal to %d seconds", minLifetime)
	}
	if v.maintenance != nil {
		return notBuilt("InstanceMaintenancePolicy")
	}
	if v.capacityType != nil && *v.capacityType != "units" {
		// The other types count what attribute-based instance types have.
		return notBuilt("DesiredCapacityType")
	}
	assign(&g.Cooldown, v.cooldown)
	assign(&g.Grace, v.grace)
	assign(&g.MaxLifetime, v.lifetime)
	assign(&g.HealthType, v.healthType)
	assign(&g.Context, v.context)
	assign(&g.CapacityType, v.capacityType)
	assign(&g.Placement, v.placement)
	assign(&g.ProtectNew, v.protectNew)
	assign(&g.Rebalance, v.rebalance)
	if v.warmup != nil {
		// -1 takes it away again.
		if g.Warmup = v.warmup; *v.warmup < 0 {
			g.Warmup = nil
		}
	}
	if len(v.termination) > 0 {
		g.Termination = v.termination
	}
	if v.protection != "" {
		g.Protection = v.protection
	}
	if v.distribution != nil {
		g.Distribution = v.distribution
	}
	if v.impairment != nil {
		g.Impairment = v.impairment
	}
	return nil
}

func (s *Service) updateGroupNeeds(c *api.Call, in *autoscaling.UpdateAutoScalingGroupInput) ([]api.Need, error) {
	n, err := groupNeed(c, "UpdateAutoScalingGroup", in.AutoScalingGroupName)
	setGroupKeys(&n.Context, in.LaunchConfigurationName, in.LaunchTemplate, in.MixedInstancesPolicy, in.VPCZoneIdentifier, in.MinSize, in.MaxSize)
	return withRole([]api.Need{n}, in.ServiceLinkedRoleARN), err
}

func (s *Service) updateGroup(c *api.Call, in *autoscaling.UpdateAutoScalingGroupInput) (*autoscaling.UpdateAutoScalingGroupOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if in.InstanceLifecyclePolicy != nil {
		return nil, notBuilt("InstanceLifecyclePolicy")
	}
	if in.CapacityReservationSpecification != nil && in.CapacityReservationSpecification.CapacityReservationTarget != nil {
		return nil, notBuilt("CapacityReservationSpecification.CapacityReservationTarget")
	}
	if err := g.set(settings{
		cooldown: in.DefaultCooldown, healthType: in.HealthCheckType, grace: in.HealthCheckGracePeriod, termination: in.TerminationPolicies,
		protectNew: in.NewInstancesProtectedFromScaleIn, lifetime: in.MaxInstanceLifetime, warmup: in.DefaultInstanceWarmup,
		rebalance: in.CapacityRebalance, context: in.Context, capacityType: in.DesiredCapacityType, placement: in.PlacementGroup,
		protection: in.DeletionProtection, maintenance: in.InstanceMaintenancePolicy, distribution: in.AvailabilityZoneDistribution,
		impairment: in.AvailabilityZoneImpairmentPolicy,
	}); err != nil {
		return nil, err
	}
	if err := g.resize(c, in.MinSize, in.MaxSize, in.DesiredCapacity); err != nil {
		return nil, err
	}
	if in.VPCZoneIdentifier != nil || len(in.AvailabilityZones)+len(in.AvailabilityZoneIds) > 0 {
		if err := s.placeGroup(c, &g, in.VPCZoneIdentifier, in.AvailabilityZones, in.AvailabilityZoneIds); err != nil {
			return nil, err
		}
	}
	if in.ServiceLinkedRoleARN != nil {
		if g.Role, err = s.roleFor(c, in.ServiceLinkedRoleARN); err != nil {
			return nil, err
		}
	}
	if in.LaunchConfigurationName != nil || in.LaunchTemplate != nil || in.MixedInstancesPolicy != nil {
		if err := s.sourceOf(c, &g, in.LaunchConfigurationName, in.LaunchTemplate, in.MixedInstancesPolicy); err != nil {
			return nil, err
		}
	}
	// What was wrong with the launches may have been mended.
	g.Failures, g.RetryAt = 0, c.Now
	if err := g.put(c); err != nil {
		return nil, err
	}
	return &autoscaling.UpdateAutoScalingGroupOutput{}, s.soon(c, g)
}

// resize changes the sizes. A desired capacity that was not asked for follows
// the limits (API reference, "UpdateAutoScalingGroup").
func (g *group) resize(c *api.Call, minSize, maxSize, desired *int32) error {
	before := g.Desired
	assign(&g.Min, minSize)
	assign(&g.Max, maxSize)
	if g.Min <= g.Max {
		g.Desired = min(max(g.Desired, g.Min), g.Max)
	}
	assign(&g.Desired, desired)
	if err := g.checkSizes(); err != nil {
		return err
	}
	if g.Desired != before {
		g.because(c, "a user request update of AutoScalingGroup constraints to min: %d, max: %d, desired: %d changing the desired capacity from %d to %d",
			g.Min, g.Max, g.Desired, before, g.Desired)
	}
	return nil
}

// sourceOf checks what the group is to launch from and sets it.
func (s *Service) sourceOf(c *api.Call, g *group, config *string, template *types.LaunchTemplateSpecification, mixed *types.MixedInstancesPolicy) error {
	given := 0
	for _, is := range []bool{config != nil, template != nil, mixed != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return invalid("Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.")
	}
	switch {
	case config != nil:
		if _, err := configurationTable.Get(c.Tx, c.Scope(), *config); err != nil {
			if ignoreNotFound(err) != nil {
				return err
			}
			return invalid("Launch configuration name not found - A launch configuration with the name: %s does not exist", *config)
		}
		g.Source = source{Config: *config}
		return nil
	case template != nil:
		t, err := s.checkTemplate(c, *g, template, types.LaunchTemplateOverrides{})
		g.Source = source{Template: t}
		return err
	default:
		m, err := s.checkMixed(c, *g, mixed)
		g.Source = source{Mixed: m}
		return err
	}
}
