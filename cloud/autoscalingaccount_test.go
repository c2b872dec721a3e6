package cloud_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// TestGroupWithForeignKey: a key of another account wants both, a key policy
// that lets the group's account in, and a grant to its service-linked role,
// which somebody of that account makes (Auto Scaling guide, "Required AWS KMS
// key policy for use with encrypted volumes", "Example 2").
func TestGroupWithForeignKey(t *testing.T) {
	t.Parallel()
	k := newCompany(t)
	key := k.newMemberKey()
	k.configuration("c", key)
	k.group(k.admin, "g", "c", 1, 1)
	k.awaitDenied("g")

	document := `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::` + k.member + `:root"}, "Action": "kms:*", "Resource": "*"},
		{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"], "Resource": "*"},
		{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:CreateGrant", "Resource": "*"}
	]}`
	_, err := k.inMember.kms.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, PolicyName: aws.String("default"), Policy: &document})
	k.must(err)
	before := len(k.activities("g"))
	k.retry("g")
	k.until("the policy alone is not enough", func() bool { return len(k.activities("g")) > before })
	k.cloud.Advance(3 * time.Second)
	if n := inService(k.described("g")); n != 0 {
		t.Fatalf("%d instances are in service without a grant", n)
	}

	_, err = k.admin.kms.CreateGrant(t.Context(), &kms.CreateGrantInput{
		KeyId: &key, GranteePrincipal: aws.String(scalingRole),
		Operations: []kmstypes.GrantOperation{
			kmstypes.GrantOperationEncrypt, kmstypes.GrantOperationDecrypt, kmstypes.GrantOperationReEncryptFrom, kmstypes.GrantOperationReEncryptTo,
			kmstypes.GrantOperationGenerateDataKey, kmstypes.GrantOperationGenerateDataKeyWithoutPlaintext, kmstypes.GrantOperationDescribeKey, kmstypes.GrantOperationCreateGrant,
		},
	})
	k.must(err)
	k.retry("g")
	k.awaitInService("g", 1)
}

// TestWhoMakesGroups: who makes the first group needs to be allowed to make the
// role, and who hands an instance profile over, to pass its role.
func TestWhoMakesGroups(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.configuration("c", "")
	user := s.user("test")
	s.allow("test", "scaling", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "autoscaling:*", "Resource": "*"}}`)
	in := &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String("g"), LaunchConfigurationName: aws.String("c"), MinSize: aws.Int32(1), MaxSize: aws.Int32(1), AvailabilityZones: zones,
	}
	_, err := user.scaling.CreateAutoScalingGroup(t.Context(), in)
	wantCode(t, err, "AccessDenied")
	if want := "The default Service-Linked Role for Auto Scaling could not be created. com.amazonaws.services.identitymanagement.model.AmazonIdentityManagementException: User: arn:aws:iam::123456789012:user/test is not authorized to perform: iam:CreateServiceLinkedRole on resource: " + scalingRole; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	s.allow("test", "role", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": "`+scalingRole+`", "Condition": {"StringLike": {"iam:AWSServiceName": "autoscaling.amazonaws.com"}}}}`)
	_, err = user.scaling.CreateAutoScalingGroup(t.Context(), in)
	s.must(err)
	// The user may not launch instances. The group's role may.
	s.awaitInService("g", 1)

	trust := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}}`
	_, err = s.root.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: &trust})
	s.must(err)
	_, err = s.root.iam.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("web")})
	s.must(err)
	_, err = s.root.iam.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("web"), RoleName: aws.String("web")})
	s.must(err)
	profiled := &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String("profiled"), ImageId: aws.String(s.image()), InstanceType: aws.String("t3.micro"), IamInstanceProfile: aws.String("web"),
	}
	_, err = user.scaling.CreateLaunchConfiguration(t.Context(), profiled)
	wantCode(t, err, "AccessDenied")
	s.allow("test", "pass", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::123456789012:role/web", "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}}}`)
	_, err = user.scaling.CreateLaunchConfiguration(t.Context(), profiled)
	s.must(err)
	_, err = user.scaling.UpdateAutoScalingGroup(t.Context(), &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: aws.String("g"), LaunchConfigurationName: aws.String("profiled")})
	s.must(err)
	id := *s.described("g").Instances[0].InstanceId
	_, err = user.scaling.TerminateInstanceInAutoScalingGroup(t.Context(), &autoscaling.TerminateInstanceInAutoScalingGroupInput{InstanceId: &id, ShouldDecrementDesiredCapacity: aws.Bool(false)})
	s.must(err)
	s.until("the instance is replaced", func() bool {
		g := s.described("g")
		return inService(g) == 1 && len(g.Instances) == 1 && *g.Instances[0].InstanceId != id
	})
	i := s.instance(*s.described("g").Instances[0].InstanceId)
	if i.IamInstanceProfile == nil {
		t.Error("the new instance has no profile")
	}
	for _, tag := range i.Tags {
		if *tag.Key == "aws:autoscaling:groupName" && *tag.Value == "g" {
			return
		}
	}
	t.Errorf("the new instance has the tags %v", i.Tags)
}

// TestGroupOfInstance: a group may be made of an instance, which gives all but
// its volumes.
func TestGroupOfInstance(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	run, err := s.root.ec2.RunInstances(t.Context(), &ec2.RunInstancesInput{
		ImageId: aws.String(s.image()), InstanceType: ec2types.InstanceTypeT3Small, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		UserData: aws.String("IyEvYmluL3No"), BlockDeviceMappings: []ec2types.BlockDeviceMapping{{DeviceName: aws.String("/dev/sdf"), Ebs: &ec2types.EbsBlockDevice{VolumeSize: aws.Int32(1)}}},
	})
	s.must(err)
	id := *run.Instances[0].InstanceId
	s.await(id, ec2types.InstanceStateNameRunning)
	s.group(s.root, "g", "", 1, 1, func(in *autoscaling.CreateAutoScalingGroupInput) {
		in.LaunchConfigurationName, in.InstanceId = nil, &id
	})
	s.awaitInService("g", 1)
	g := s.described("g")
	if aws.ToString(g.LaunchConfigurationName) != "g" || *g.Instances[0].InstanceId == id {
		t.Errorf("the group launches from %s and has %s", aws.ToString(g.LaunchConfigurationName), *g.Instances[0].InstanceId)
	}
	i := s.instance(*g.Instances[0].InstanceId)
	if i.InstanceType != ec2types.InstanceTypeT3Small || len(i.BlockDeviceMappings) != 1 {
		t.Errorf("launched a %s with %d volumes", i.InstanceType, len(i.BlockDeviceMappings))
	}
	out, err := s.root.scaling.DescribeLaunchConfigurations(t.Context(), &autoscaling.DescribeLaunchConfigurationsInput{})
	s.must(err)
	if c := out.LaunchConfigurations[0]; aws.ToString(c.UserData) != "IyEvYmluL3No" || len(c.SecurityGroups) != 1 {
		t.Errorf("the configuration has user data %q and %d groups", aws.ToString(c.UserData), len(c.SecurityGroups))
	}
	for _, e := range s.events("CreateLaunchConfiguration") {
		if strings.Contains(*e.CloudTrailEvent, "IyEvYmluL3No") {
			t.Error("the trail has the user data")
		}
	}
}

// TestGroupPolicies: a policy may tell groups apart by their tags and names.
func TestGroupPolicies(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.configuration("c", "")
	s.group(s.root, "mine", "c", 0, 1)
	s.group(s.root, "yours", "c", 0, 1)
	_, err := s.root.scaling.CreateOrUpdateTags(t.Context(), &autoscaling.CreateOrUpdateTagsInput{Tags: groupTags("mine", "team", "blue")})
	s.must(err)
	user := s.user("test")
	s.allow("test", "scaling", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "autoscaling:SetDesiredCapacity", "Resource": "*", "Condition": {"StringEquals": {"autoscaling:ResourceTag/team": "blue"}}}}`)
	desire := func(name string) error {
		_, err := user.scaling.SetDesiredCapacity(t.Context(), &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &name, DesiredCapacity: aws.Int32(1)})
		return err
	}
	s.must(desire("mine"))
	wantCode(t, desire("yours"), "AccessDenied")
	wantCode(t, desire("nobody's"), "AccessDenied")
}

// TestGroupUnderControlPolicy: a service control policy that forbids launches
// holds for people, not for the service-linked role (Organizations guide,
// "Service control policies", "Tasks and entities not restricted by SCPs").
func TestGroupUnderControlPolicy(t *testing.T) {
	t.Parallel()
	k := newCompany(t)
	k.control(orgtypes.PolicyTypeServiceControlPolicy, k.member, `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "ec2:RunInstances", "Resource": "*"}}`)
	_, err := k.inMember.ec2.RunInstances(t.Context(), &ec2.RunInstancesInput{ImageId: aws.String(k.image()), InstanceType: ec2types.InstanceTypeT3Micro, MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
	wantCode(t, err, "UnauthorizedOperation")
	_, err = k.inMember.scaling.CreateLaunchConfiguration(t.Context(), &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String("c"), ImageId: aws.String(k.image()), InstanceType: aws.String("t3.micro"),
	})
	k.must(err)
	k.group(k.inMember, "g", "c", 1, 1)
	k.until("the member's group has its instance", func() bool {
		out, err := k.inMember.scaling.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{})
		k.must(err)
		return len(out.AutoScalingGroups) == 1 && inService(out.AutoScalingGroups[0]) == 1
	})
	out, err := k.admin.scaling.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{})
	k.must(err)
	if len(out.AutoScalingGroups) != 0 {
		t.Error("the management account sees the member's group")
	}
}
