package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// createFleetNeeds are on the fleet and the instances to be, and on the templates
// and subnets that are named. Who has a fleet launch later, as its own role, must
// be allowed to pass the instances their role (EC2 guide, "EC2 Fleet
// prerequisites"); an instant one is asked that when it launches.
func (s *Service) createFleetNeeds(c *api.Call, in *ec2.CreateFleetInput) ([]api.Need, error) {
	const action = "CreateFleet"
	n := need(c, action, types.ResourceTypeFleet, "*")
	setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeFleet))
	i := need(c, action, types.ResourceTypeInstance, "*")
	setRequestTags(&i.Context, specTags(in.TagSpecifications, types.ResourceTypeInstance))
	parts, err := fleetPartNeeds(c, action, in.LaunchTemplateConfigs)
	if err != nil {
		return nil, err
	}
	needs := append([]api.Need{n, i}, parts...)
	if in.Type != types.FleetTypeInstant {
		roles, err := s.fleetRoleNeeds(c, in.LaunchTemplateConfigs)
		if err != nil {
			return nil, err
		}
		needs = append(needs, roles...)
	}
	return append(needs, tagNeeds(c, action, ofFleet(in.TagSpecifications))...), nil
}

// fleetPartNeeds are on the templates and subnets that configurations name.
func fleetPartNeeds(c *api.Call, action string, configs []types.FleetLaunchTemplateConfigRequest) ([]api.Need, error) {
	var needs []api.Need
	for _, config := range configs {
		if t := config.LaunchTemplateSpecification; t != nil {
			n, err := templateNeed(c, action, t.LaunchTemplateId, t.LaunchTemplateName)
			if err != nil {
				return nil, err
			}
			needs = append(needs, n)
		}
		for _, o := range config.Overrides {
			for _, place := range places(o.SubnetId, nil) {
				if place.subnet == nil {
					continue
				}
				n, err := subnetNeed(c, action, *place.subnet)
				if err != nil {
					return nil, err
				}
				needs = append(needs, n)
			}
		}
	}
	return needs, nil
}

// fleetRoleNeeds are iam:PassRole on the roles of the templates' instance profiles.
func (s *Service) fleetRoleNeeds(c *api.Call, configs []types.FleetLaunchTemplateConfigRequest) ([]api.Need, error) {
	var needs []api.Need
	for _, config := range configs {
		t := config.LaunchTemplateSpecification
		if t == nil {
			continue
		}
		from, err := withTemplate(c, &ec2.RunInstancesInput{LaunchTemplate: &types.LaunchTemplateSpecification{
			LaunchTemplateId: t.LaunchTemplateId, LaunchTemplateName: t.LaunchTemplateName, Version: t.Version,
		}})
		if errorCode(err) != "" {
			continue // the operation says so
		}
		if err != nil {
			return nil, err
		}
		role, err := s.profileRole(c, from.IamInstanceProfile)
		if err != nil {
			return nil, err
		}
		if role != "" {
			needs = append(needs, passRole(c, role, "*"))
		}
	}
	return needs, nil
}

// profileRole is the role of an instance profile; none where the profile is not there.
func (s *Service) profileRole(c *api.Call, p *types.IamInstanceProfileSpecification) (string, error) {
	if p == nil {
		return "", nil
	}
	plan, err := s.sketchLaunch(c, &ec2.RunInstancesInput{IamInstanceProfile: p})
	return plan.role, err
}

func modifyFleetNeeds(c *api.Call, in *ec2.ModifyFleetInput) ([]api.Need, error) {
	n, err := existingNeed(c, "ModifyFleet", types.ResourceTypeFleet, aws.ToString(in.FleetId))
	if err != nil {
		return nil, err
	}
	parts, err := fleetPartNeeds(c, "ModifyFleet", in.LaunchTemplateConfigs)
	return append([]api.Need{n}, parts...), err
}

func onFleetNeeds[In any](action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := existingNeed(c, action, types.ResourceTypeFleet, aws.ToString(id(in)))
		return []api.Need{n}, err
	}
}
