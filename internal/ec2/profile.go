package ec2

import (
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/store"
)

// planProfile finds the launch's instance profile and its role.
func (s *Service) planProfile(c *api.Call, in *ec2.RunInstancesInput, p *launchPlan) error {
	asked := in.IamInstanceProfile
	if asked == nil {
		return nil
	}
	arn, name := aws.ToString(asked.Arn), aws.ToString(asked.Name)
	switch {
	case arn != "" && name != "":
		return invalidCombination("The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'")
	case arn != "":
		name = arn[strings.LastIndexByte(arn, '/')+1:]
	case name == "":
		return missingParameter("iamInstanceProfile.name")
	}
	found, err := s.findProfile(c, name)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && arn != "" && found.ARN != arn:
		if arn != "" {
			return invalidValue("Value (%s) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN", arn)
		}
		return invalidValue("Value (%s) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name", name)
	case err != nil:
		return err
	case found.RoleARN == "":
		return invalidValue("IAM Instance Profile %q has no associated IAM Roles", found.ARN)
	}
	p.instance.Profile, p.role = instanceProfile{ARN: found.ARN, ID: found.ID}, found.RoleARN
	return nil
}

// findProfile returns a profile, or store.ErrNotFound. Where nobody was given
// to find profiles, IAM is asked in the caller's name, who then needs
// iam:GetInstanceProfile as well. That goes to the door directly, for a dry run
// must look too: iam:PassRole is decided on the role.
func (s *Service) findProfile(c *api.Call, name string) (api.InstanceProfile, error) {
	if s.profiles != nil {
		return s.profiles.InstanceProfile(c, name)
	}
	out, err := c.Door.Invoke(c.Forward("ec2", launch.FrontEnd), "iam", "GetInstanceProfile", &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(name)})
	if errorCode(err) == "NoSuchEntity" {
		return api.InstanceProfile{}, store.ErrNotFound
	}
	if err != nil {
		return api.InstanceProfile{}, err
	}
	found := out.(*iam.GetInstanceProfileOutput).InstanceProfile
	profile := api.InstanceProfile{ARN: aws.ToString(found.Arn), ID: aws.ToString(found.InstanceProfileId)}
	if len(found.Roles) > 0 {
		profile.RoleARN = aws.ToString(found.Roles[0].Arn)
	}
	return profile, nil
}

// passRole is the permission to hand the profile's role to the instance (IAM
// guide, "Granting a user permissions to pass a role to an AWS service").
func passRole(c *api.Call, role string) api.Need {
	n := api.Need{Action: "iam:PassRole", Resource: role}
	n.Context.Set("iam:PassedToService", servicePrincipal(c.Partition))
	n.Context.Set("iam:AssociatedResourceArn", c.ARN("ec2", "instance/*"))
	return n
}

// servicePrincipal is EC2 as IAM names it, without a region.
func servicePrincipal(partition string) string {
	if partition == "aws-cn" {
		return "ec2.amazonaws.com.cn"
	}
	return "ec2.amazonaws.com"
}
