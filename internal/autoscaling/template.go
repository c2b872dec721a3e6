package autoscaling

import (
	"cmp"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// badTemplate is how Auto Scaling words what EC2 says of a launch template.
func badTemplate(err error) error {
	return invalid("You must use a valid fully-formed launch template. %s", errorMessage(err))
}

// checkTemplate has EC2 try a launch from the template in the caller's name:
// whoever makes a group of a template needs ec2:RunInstances with all that it
// uses (Auto Scaling guide, "Launch template support"). It returns the template
// with both its id and its name; the version stays as it was given.
func (s *Service) checkTemplate(c *api.Call, g group, t *types.LaunchTemplateSpecification, o types.LaunchTemplateOverrides) (*types.LaunchTemplateSpecification, error) {
	if (t.LaunchTemplateId == nil) == (t.LaunchTemplateName == nil) {
		return nil, invalid("Valid requests must contain either launchTemplateId or LaunchTemplateName")
	}
	if err := s.tryLaunch(c, g, t, o); err != nil {
		return nil, err
	}
	return s.findTemplate(c, g, t)
}

func (s *Service) findTemplate(c *api.Call, g group, t *types.LaunchTemplateSpecification) (*types.LaunchTemplateSpecification, error) {
	caller, err := s.roles.LinkedRole(c, g.Role, sessionName)
	if err != nil {
		return nil, err
	}
	caller.InvokedBy = principal
	version := aws.ToString(t.Version)
	if version == "" {
		version = "$Default"
	}
	out, err := api.Invoke[ec2.DescribeLaunchTemplateVersionsOutput](c.As(caller), "ec2", "DescribeLaunchTemplateVersions", &ec2.DescribeLaunchTemplateVersionsInput{
		LaunchTemplateId: t.LaunchTemplateId, LaunchTemplateName: t.LaunchTemplateName, Versions: []string{version},
	})
	switch {
	case strings.HasPrefix(errorCode(err), "InvalidLaunchTemplate"):
		return nil, invalid("%s", errorMessage(err))
	case errorCode(err) != "":
		return nil, badTemplate(err)
	case err != nil:
		return nil, err
	case len(out.LaunchTemplateVersions) == 0:
		return nil, invalid("Could not find launch template version %s", version)
	}
	v := out.LaunchTemplateVersions[0]
	return &types.LaunchTemplateSpecification{LaunchTemplateId: v.LaunchTemplateId, LaunchTemplateName: v.LaunchTemplateName, Version: t.Version}, nil
}

// tryLaunch is a dry run of a launch in the caller's name.
func (s *Service) tryLaunch(c *api.Call, g group, t *types.LaunchTemplateSpecification, o types.LaunchTemplateOverrides) error {
	in := &ec2.RunInstancesInput{
		DryRun: aws.Bool(true), MinCount: aws.Int32(1), MaxCount: aws.Int32(1), LaunchTemplate: ec2Template(t),
		InstanceType: ec2types.InstanceType(aws.ToString(o.InstanceType)), ImageId: o.ImageId,
		Placement: &ec2types.Placement{AvailabilityZone: aws.String(g.Zones[0])},
	}
	if len(g.Subnets) > 0 {
		in.SubnetId, in.Placement = aws.String(g.Subnets[0]), nil
	}
	_, err := api.Invoke[ec2.RunInstancesOutput](c.Forward("autoscaling", principal), "ec2", "RunInstances", in)
	switch code := errorCode(err); {
	case code == "":
		return err
	case code == "DryRunOperation":
		return nil
	case code == "UnauthorizedOperation":
		return api.Error("AccessDenied", "You are not authorized to use launch template: "+aws.ToString(cmp.Or(t.LaunchTemplateName, t.LaunchTemplateId)))
	case strings.HasPrefix(code, "InvalidLaunchTemplate"):
		return invalid("%s", errorMessage(err))
	default:
		return badTemplate(err)
	}
}

func ec2Template(t *types.LaunchTemplateSpecification) *ec2types.LaunchTemplateSpecification {
	if t.LaunchTemplateId == nil {
		return &ec2types.LaunchTemplateSpecification{LaunchTemplateName: t.LaunchTemplateName, Version: t.Version}
	}
	return &ec2types.LaunchTemplateSpecification{LaunchTemplateId: t.LaunchTemplateId, Version: t.Version}
}

// launchedFrom reports whether an instance came from what a group launches from.
func (m *member) launchedFrom(src source) bool {
	switch {
	case src.Template != nil:
		return reflect.DeepEqual(m.Template, src.Template)
	case src.Mixed != nil:
		if m.Template == nil || src.Mixed.LaunchTemplate == nil {
			return false
		}
		if reflect.DeepEqual(m.Template, src.Mixed.LaunchTemplate.LaunchTemplateSpecification) {
			return true
		}
		for _, o := range src.Mixed.LaunchTemplate.Overrides {
			if o.LaunchTemplateSpecification != nil && reflect.DeepEqual(m.Template, o.LaunchTemplateSpecification) {
				return true
			}
		}
		return false
	default:
		return m.Template == nil && m.Config == src.Config
	}
}
