package cloud_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestSpotPriceLaunchesAsSpot: a group whose launch configuration has a Spot price
// asks for Spot Instances, and Spot's role launches them: that one needs the key,
// and the group's own does not help.
func TestSpotPriceLaunchesAsSpot(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	key := s.key()
	_, err := s.root.ec2.ModifyEbsDefaultKmsKeyId(ctx, &ec2.ModifyEbsDefaultKmsKeyIdInput{KmsKeyId: &key})
	s.must(err)
	_, err = s.root.scaling.CreateLaunchConfiguration(ctx, &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String("spot"), ImageId: aws.String(s.image()), InstanceType: aws.String("t3.micro"), SpotPrice: aws.String("0.01"),
		BlockDeviceMappings: []astypes.BlockDeviceMapping{{DeviceName: aws.String("/dev/sdf"), Ebs: &astypes.Ebs{VolumeSize: aws.Int32(1), Encrypted: aws.Bool(true)}}},
		MetadataOptions:     &astypes.InstanceMetadataOptions{HttpTokens: astypes.InstanceMetadataHttpTokensStateRequired},
	})
	s.must(err)
	s.group(s.root, "workers", "spot", 1, 1)
	s.grantTo(key, "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling")
	s.awaitDenied("workers")
	if denied := *s.events("GenerateDataKeyWithoutPlaintext")[0].CloudTrailEvent; !strings.Contains(denied, "assumed-role/AWSServiceRoleForEC2Spot/") {
		t.Errorf("the denied call is %s", denied)
	}
	if asked := *s.events("RequestSpotInstances")[0].CloudTrailEvent; !strings.Contains(asked, "assumed-role/AWSServiceRoleForAutoScaling/AutoScaling") {
		t.Errorf("the Spot request was made by %s", asked)
	}
	s.grantTo(key, "spot.amazonaws.com/AWSServiceRoleForEC2Spot")
	s.awaitInService("workers", 1)
	i := s.instance(*s.described("workers").Instances[0].InstanceId)
	if i.InstanceLifecycle != ec2types.InstanceLifecycleTypeSpot || i.MetadataOptions.HttpTokens != ec2types.HttpTokensStateRequired {
		t.Errorf("the instance is %s, with tokens %s", i.InstanceLifecycle, i.MetadataOptions.HttpTokens)
	}
	requests, err := s.root.ec2.DescribeSpotInstanceRequests(ctx, &ec2.DescribeSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{*i.SpotInstanceRequestId}})
	s.must(err)
	if r := requests.SpotInstanceRequests[0]; r.State != ec2types.SpotInstanceStateActive || *r.SpotPrice != "0.01" {
		t.Errorf("its request is %s, at most %s", r.State, *r.SpotPrice)
	}
}
