package ec2

import (
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/store"
)

// instanceProfile is the IAM instance profile whose role the instance has.
type instanceProfile struct {
	ARN, ID string
	// Association is the id of what binds the profile to the instance, made at Since.
	Association string    `json:",omitempty"`
	Since       time.Time `json:",omitzero"`
}

// planProfile finds the launch's instance profile and its role.
func (s *Service) planProfile(c *api.Call, in *ec2.RunInstancesInput, p *launchPlan) error {
	if in.IamInstanceProfile == nil {
		return nil
	}
	var err error
	p.instance.Profile, p.role, err = s.profileOf(c, in.IamInstanceProfile)
	return err
}

// profileOf finds the profile that a request names, and its role.
func (s *Service) profileOf(c *api.Call, asked *types.IamInstanceProfileSpecification) (instanceProfile, string, error) {
	arn, name := aws.ToString(asked.Arn), aws.ToString(asked.Name)
	switch {
	case arn != "" && name != "":
		return instanceProfile{}, "", invalidCombination("The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'")
	case arn != "":
		name = arn[strings.LastIndexByte(arn, '/')+1:]
	case name == "":
		return instanceProfile{}, "", missingParameter("iamInstanceProfile.name")
	}
	found, err := s.findProfile(c, name)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && arn != "" && found.ARN != arn:
		if arn != "" {
			return instanceProfile{}, "", invalidValue("Value (%s) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN", arn)
		}
		return instanceProfile{}, "", invalidValue("Value (%s) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name", name)
	case err != nil:
		return instanceProfile{}, "", err
	case found.RoleARN == "":
		return instanceProfile{}, "", invalidValue("IAM Instance Profile %q has no associated IAM Roles", found.ARN)
	}
	return instanceProfile{ARN: found.ARN, ID: found.ID}, found.RoleARN, nil
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
func passRole(c *api.Call, role, instance string) api.Need {
	n := api.Need{Action: "iam:PassRole", Resource: role}
	n.Context.Set("iam:PassedToService", servicePrincipal(c.Partition))
	n.Context.Set("iam:AssociatedResourceArn", c.ARN("ec2", "instance/"+instance))
	return n
}

// servicePrincipal is EC2 as IAM names it, without a region.
func servicePrincipal(partition string) string {
	if partition == "aws-cn" {
		return "ec2.amazonaws.com.cn"
	}
	return "ec2.amazonaws.com"
}
