package cloud

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TestExchangedProfilesPassTheirRole: who gives an instance another profile hands
// out its role, and needs iam:PassRole on it (EC2 guide, "Permissions to attach an
// IAM role to an instance").
func TestExchangedProfilesPassTheirRole(t *testing.T) {
	t.Parallel()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	user := nobody(t, c)
	role := asRoot[iam.CreateRoleOutput](t, c, "iam", "CreateRole", &iam.CreateRoleInput{
		RoleName:                 aws.String("web"),
		AssumeRolePolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}}`),
	}).Role
	asRoot[iam.CreateInstanceProfileOutput](t, c, "iam", "CreateInstanceProfile", &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("web")})
	asRoot[iam.AddRoleToInstanceProfileOutput](t, c, "iam", "AddRoleToInstanceProfile", &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("web"), RoleName: aws.String("web")})
	images := asRoot[ec2.DescribeImagesOutput](t, c, "ec2", "DescribeImages", &ec2.DescribeImagesInput{
		Owners: []string{"amazon"}, Filters: []ec2types.Filter{{Name: aws.String("name"), Values: []string{"al2023-ami-2023.*-x86_64"}}},
	}).Images
	instance := asRoot[ec2.RunInstancesOutput](t, c, "ec2", "RunInstances", &ec2.RunInstancesInput{
		ImageId: images[0].ImageId, InstanceType: ec2types.InstanceTypeT3Micro, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
	}).Instances[0].InstanceId
	allow := func(document string) {
		asRoot[iam.PutUserPolicyOutput](t, c, "iam", "PutUserPolicy", &iam.PutUserPolicyInput{
			UserName: &user.Name, PolicyName: aws.String("own"), PolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": [` + document + `]}`),
		})
	}
	associate := func() error {
		op, _ := c.lookup("ec2", "AssociateIamInstanceProfile")
		_, err := c.dispatch(walkCall(c, op, user), op, &ec2.AssociateIamInstanceProfileInput{
			InstanceId: instance, IamInstanceProfile: &ec2types.IamInstanceProfileSpecification{Name: aws.String("web")},
		})
		return err
	}
	ec2Only := `{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}`
	allow(ec2Only)
	err = associate()
	if refused := new(deniedError); !errors.As(err, &refused) || !strings.Contains(err.Error(), "iam:PassRole on resource: "+*role.Arn) {
		t.Errorf("without iam:PassRole: %v", err)
	}
	allow(ec2Only + `, {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "` + *role.Arn + `", "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}}`)
	err = associate()
	if refused := new(deniedError); errors.As(err, &refused) {
		t.Errorf("with iam:PassRole: %v", err)
	}
}
