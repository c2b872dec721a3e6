package ec2

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
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
	found, role, err := findProfile(c, name)
	switch {
	case errorCode(err) == "NoSuchEntity", err == nil && arn != "" && found.ARN != arn:
		if arn != "" {
			return invalidValue("Value (%s) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN", arn)
		}
		return invalidValue("Value (%s) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name", name)
	case err != nil:
		return err
	case role == "":
		return invalidValue("IAM Instance Profile %q has no associated IAM Roles", found.ARN)
	}
	p.instance.Profile, p.role = found, role
	return nil
}

// findProfile asks IAM for a profile and its role's ARN, in the caller's name.
// It goes to the door directly, for a dry run must look as well: iam:PassRole is
// decided on the role.
func findProfile(c *api.Call, name string) (instanceProfile, string, error) {
	out, err := c.Door.Invoke(c.Forward("ec2", launch.FrontEnd), "iam", "GetInstanceProfile", &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(name)})
	if err != nil {
		return instanceProfile{}, "", err
	}
	found := out.(*iam.GetInstanceProfileOutput).InstanceProfile
	profile := instanceProfile{ARN: aws.ToString(found.Arn), ID: aws.ToString(found.InstanceProfileId)}
	if len(found.Roles) == 0 {
		return profile, "", nil
	}
	return profile, aws.ToString(found.Roles[0].Arn), nil
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
