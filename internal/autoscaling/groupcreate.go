package autoscaling

import (
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

func (s *Service) createGroupNeeds(c *api.Call, in *autoscaling.CreateAutoScalingGroupInput) ([]api.Need, error) {
	n := api.Need{Action: "autoscaling:CreateAutoScalingGroup", Resource: groupARN(c, "*", aws.ToString(in.AutoScalingGroupName))}
	setRequestTags(&n.Context, in.Tags)
	// The tags that a new group will have count as its own, too.
	for _, t := range in.Tags {
		n.Context.Set("autoscaling:ResourceTag/"+aws.ToString(t.Key), aws.ToString(t.Value))
		n.Context.Set("aws:ResourceTag/"+aws.ToString(t.Key), aws.ToString(t.Value))
	}
	setGroupKeys(&n.Context, in.LaunchConfigurationName, in.LaunchTemplate, in.MixedInstancesPolicy, in.VPCZoneIdentifier, in.MinSize, in.MaxSize)
	if len(in.LoadBalancerNames) > 0 {
		n.Context.Set("autoscaling:LoadBalancerNames", in.LoadBalancerNames...)
	}
	if len(in.TargetGroupARNs) > 0 {
		n.Context.Set("autoscaling:TargetGroupARNs", in.TargetGroupARNs...)
	}
	needs := withRole([]api.Need{n}, in.ServiceLinkedRoleARN)
	if in.InstanceId == nil {
		return needs, nil
	}
	more, err := s.profileNeeds(c, nil, in.InstanceId)
	return append(needs, more...), err
}

// setGroupKeys gives the condition keys that creation and update share.
func setGroupKeys(k *access.Context, config *string, t *types.LaunchTemplateSpecification, mixed *types.MixedInstancesPolicy, subnets *string, minSize, maxSize *int32) {
	setText(k, "LaunchConfigurationName", config)
	setNumber(k, "MinSize", minSize)
	setNumber(k, "MaxSize", maxSize)
	if list := splitSubnets(subnets); len(list) > 0 {
		k.Set("autoscaling:VPCZoneIdentifiers", list...)
	}
	if mixed != nil && mixed.LaunchTemplate != nil {
		t = mixed.LaunchTemplate.LaunchTemplateSpecification
		var instanceTypes []string
		for _, o := range mixed.LaunchTemplate.Overrides {
			if o.InstanceType != nil {
				instanceTypes = append(instanceTypes, *o.InstanceType)
			}
		}
		if len(instanceTypes) > 0 {
			k.Set("autoscaling:InstanceTypes", instanceTypes...)
		}
	}
	if t != nil {
		v := aws.ToString(t.Version)
		k.Set("autoscaling:LaunchTemplateVersionSpecified", boolKey(v != "" && v != "$Latest" && v != "$Default"))
	}
}

func boolKey(v bool) string {
	if v {
		return "true"
	}
	return "false"
}

// withRole adds the permission to pass the service-linked role that a request
// names (Auto Scaling guide, "Service-linked roles for Amazon EC2 Auto Scaling").
func withRole(needs []api.Need, role *string) []api.Need {
	if aws.ToString(role) != "" {
		needs = append(needs, passRole(*role, principal))
	}
	return needs
}

func (s *Service) createGroup(c *api.Call, in *autoscaling.CreateAutoScalingGroupInput) (*autoscaling.CreateAutoScalingGroupOutput, error) {
	name := aws.ToString(in.AutoScalingGroupName)
	all, err := rows(groupTable, c)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(all, func(g group) bool { return g.Name == name }) {
		return nil, alreadyExists("AutoScalingGroup by this name already exists - A group with the name %s already exists", name)
	}
	if len(all) >= maxGroups {
		return nil, limitExceeded("Auto Scaling groups", maxGroups)
	}
	if err := refuseUnbuilt(in); err != nil {
		return nil, err
	}
	g, err := newGroup(c, in)
	if err != nil {
		return nil, err
	}
	if err := s.placeGroup(c, &g, in.VPCZoneIdentifier, in.AvailabilityZones, in.AvailabilityZoneIds); err != nil {
		return nil, err
	}
	if g.Role, err = s.roleFor(c, in.ServiceLinkedRoleARN); err != nil {
		return nil, err
	}
	config := in.LaunchConfigurationName
	if in.InstanceId != nil && config == nil {
		// A launch configuration of the group's name is made of the instance.
		config = in.AutoScalingGroupName
		if _, err := s.createConfiguration(c, &autoscaling.CreateLaunchConfigurationInput{LaunchConfigurationName: config, InstanceId: in.InstanceId}); err != nil {
			return nil, err
		}
	}
	if err := s.sourceOf(c, &g, config, in.LaunchTemplate, in.MixedInstancesPolicy); err != nil {
		return nil, err
	}
	if g.Desired > 0 {
		g.because(c, "a user request created an AutoScalingGroup changing the desired capacity from 0 to %d", g.Desired)
	}
	if err := g.put(c); err != nil {
		return nil, err
	}
	return &autoscaling.CreateAutoScalingGroupOutput{}, s.soon(c, g)
}

// newGroup takes what the request says of capacity, health, tags and hooks.
func newGroup(c *api.Call, in *autoscaling.CreateAutoScalingGroupInput) (group, error) {
	g := group{
		Name: *in.AutoScalingGroupName, ID: c.NewUUID(), Created: c.Now,
		Min: aws.ToInt32(in.MinSize), Max: aws.ToInt32(in.MaxSize), Desired: aws.ToInt32(in.MinSize),
		Cooldown: defaultCooldown, HealthType: healthEC2, Termination: []string{defaultTermination},
		Protection: types.DeletionProtectionNone,
	}
	if in.DesiredCapacity != nil {
		g.Desired = *in.DesiredCapacity
	}
	if err := g.set(settings{
		cooldown: in.DefaultCooldown, healthType: in.HealthCheckType, grace: in.HealthCheckGracePeriod, termination: in.TerminationPolicies,
		protectNew: in.NewInstancesProtectedFromScaleIn, lifetime: in.MaxInstanceLifetime, warmup: in.DefaultInstanceWarmup,
		rebalance: in.CapacityRebalance, context: in.Context, capacityType: in.DesiredCapacityType, placement: in.PlacementGroup,
		protection: in.DeletionProtection, maintenance: in.InstanceMaintenancePolicy, distribution: in.AvailabilityZoneDistribution,
		impairment: in.AvailabilityZoneImpairmentPolicy,
	}); err != nil {
		return g, err
	}
	if err := g.checkSizes(); err != nil {
		return g, err
	}
	if err := g.setTags(in.Tags, true); err != nil {
		return g, err
	}
	for _, h := range in.LifecycleHookSpecificationList {
		if err := g.putHook(hookOf(h)); err != nil {
			return g, err
		}
	}
	return g, nil
}

func refuseUnbuilt(in *autoscaling.CreateAutoScalingGroupInput) error {
	switch {
	case len(in.LoadBalancerNames) > 0:
		return noBalancers(balancers)
	case len(in.TargetGroupARNs) > 0:
		return noBalancers(targetGroups)
	case len(in.TrafficSources) > 0:
		return noBalancers(traffic)
	case in.CapacityReservationSpecification != nil && in.CapacityReservationSpecification.CapacityReservationTarget != nil:
		return notBuilt("CapacityReservationSpecification.CapacityReservationTarget")
	case in.Operator != nil:
		return notBuilt("Operator")
	case in.InstanceLifecyclePolicy != nil:
		return notBuilt("InstanceLifecyclePolicy")
	}
	return nil
}

// checkSizes refuses sizes that contradict each other.
func (g group) checkSizes() error {
	switch {
	case g.Min < 0:
		return invalid("Min bound, %d, must be greater than or equal to zero", g.Min)
	case g.Max < g.Min:
		return invalid("Max bound, %d, must be greater than or equal to min bound, %d", g.Max, g.Min)
	case g.Desired < g.Min || g.Desired > g.Max:
		return invalid("Desired capacity:%d must be between the specified min size:%d and max size:%d", g.Desired, g.Min, g.Max)
	}
	return nil
}

func splitSubnets(v *string) []string {
	var list []string
	for id := range strings.SplitSeq(aws.ToString(v), ",") {
		if id = strings.TrimSpace(id); id != "" {
			list = append(list, id)
		}
	}
	return list
}

// placeGroup resolves where the group launches: subnets give their zones; both
// must agree.
func (s *Service) placeGroup(c *api.Call, g *group, identifier *string, names, ids []string) error {
	known := s.compute.Zones(c)
	var zones []string
	for _, name := range names {
		if known[name] == "" {
			return invalid("Invalid availability zones: [%s]", name)
		}
		zones = append(zones, name)
	}
	for _, id := range ids {
		at := slices.IndexFunc(sortedKeys(known), func(name string) bool { return known[name] == id })
		if at < 0 {
			return invalid("Invalid availability zone ids: [%s]", id)
		}
		zones = append(zones, sortedKeys(known)[at])
	}
	subnets := splitSubnets(identifier)
	if len(subnets) == 0 && len(zones) == 0 {
		return invalid("At least one Availability Zone or VPC Subnet is required.")
	}
	slices.Sort(zones)
	zones = slices.Compact(zones)
	if len(subnets) > 0 {
		of, err := s.zonesOf(c, subnets)
		if err != nil {
			return err
		}
		if len(zones) > 0 && !slices.Equal(zones, of) {
			return invalid("The availability zones of the specified subnets and the AutoScalingGroup do not match")
		}
		zones = of
	}
	g.Zones, g.Subnets = zones, subnets
	return nil
}

// zonesOf are the zones of subnets, which must be of one VPC.
func (s *Service) zonesOf(c *api.Call, subnets []string) ([]string, error) {
	var zones []string
	vpc := ""
	for _, id := range subnets {
		n, err := s.compute.Subnet(c, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil, invalid("The subnet ID '%s' does not exist", id)
		}
		if err != nil {
			return nil, err
		}
		if vpc != "" && n.VPC != vpc {
			return nil, invalid("Subnets can not be associated with multiple VPCs")
		}
		vpc = n.VPC
		zones = append(zones, n.Zone)
	}
	slices.Sort(zones)
	return slices.Compact(zones), nil
}

// roleName is that of the default service-linked role.
const roleName = "AWSServiceRoleForAutoScaling"

// roleFor returns the service-linked role of a new group: the one that the
// request names, or the default, which the first group brings into being in the
// caller's name (Auto Scaling guide, "Service-linked roles for Amazon EC2 Auto
// Scaling").
func (s *Service) roleFor(c *api.Call, asked *string) (string, error) {
	path := "arn:" + c.Partition + ":iam::" + c.Account + ":role/aws-service-role/" + principal + "/"
	role := aws.ToString(asked)
	if role != "" && !strings.HasPrefix(role, path+roleName) {
		return "", invalid("ARN specified for Service-Linked Role does not exist.")
	}
	if role == "" {
		role = path + roleName
	}
	_, err := s.roles.LinkedRole(c, role, sessionName)
	if !errors.Is(err, store.ErrNotFound) {
		return role, err
	}
	if asked != nil {
		return "", invalid("ARN specified for Service-Linked Role does not exist.")
	}
	_, err = api.Invoke[iam.CreateServiceLinkedRoleOutput](c.Forward("autoscaling", principal), "iam", "CreateServiceLinkedRole", &iam.CreateServiceLinkedRoleInput{
		AWSServiceName: aws.String(principal), Description: aws.String("Default Service-Linked Role enables access to AWS Services and Resources used or managed by Auto Scaling"),
	})
	if code := errorCode(err); code != "" {
		return "", api.Error("AccessDenied", "The default Service-Linked Role for Auto Scaling could not be created. com.amazonaws.services.identitymanagement.model.AmazonIdentityManagementException: "+
			errorMessage(err)+" (Service: AmazonIdentityManagement; Status Code: 403; Error Code: "+code+"; Request ID: "+c.RequestID+"; Proxy: null)")
	}
	return role, err
}
