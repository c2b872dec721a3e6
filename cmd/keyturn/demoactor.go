package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// demoRegion is the article's.
const demoRegion = "eu-west-1"

// actor is somebody with an access key.
type actor struct {
	config aws.Config
	iam    *iam.Client
	kms    *kms.Client
	ec2    *ec2.Client
	trail  *cloudtrail.Client
}

func newActor(url, id, secret string) actor {
	cfg := aws.Config{
		Region: demoRegion, BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	}
	return actor{
		config: cfg, iam: iam.NewFromConfig(cfg), kms: kms.NewFromConfig(cfg),
		ec2: ec2.NewFromConfig(cfg), trail: cloudtrail.NewFromConfig(cfg),
	}
}

// newUser makes an IAM user with one managed policy and an access key.
func (a actor) newUser(ctx context.Context, url, name, policy string) (actor, error) {
	if _, err := a.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil {
		return actor{}, err
	}
	if _, err := a.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: &policy}); err != nil {
		return actor{}, err
	}
	out, err := a.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		return actor{}, err
	}
	return newActor(url, *out.AccessKey.AccessKeyId, *out.AccessKey.SecretAccessKey), nil
}

func (a actor) putUserPolicy(ctx context.Context, user, name, document string) error {
	_, err := a.iam.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &user, PolicyName: &name, PolicyDocument: &document})
	return err
}

// newKey makes a customer managed key and returns its ARN.
func (a actor) newKey(ctx context.Context, description string) (string, error) {
	out, err := a.kms.CreateKey(ctx, &kms.CreateKeyInput{Description: &description})
	if err != nil {
		return "", err
	}
	return *out.KeyMetadata.Arn, nil
}

// launch runs an instance whose root and data volumes are encrypted under key.
func (a actor) launch(ctx context.Context, key string) (string, error) {
	images, err := a.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{
		Owners:  []string{"amazon"},
		Filters: []ec2types.Filter{{Name: aws.String("name"), Values: []string{"al2023-ami-2023.*-x86_64"}}},
	})
	if err != nil {
		return "", err
	}
	if len(images.Images) == 0 {
		return "", errors.New("no Amazon Linux image")
	}
	image := images.Images[0]
	encrypted := &ec2types.EbsBlockDevice{VolumeSize: aws.Int32(8), Encrypted: aws.Bool(true), KmsKeyId: &key}
	out, err := a.ec2.RunInstances(ctx, &ec2.RunInstancesInput{
		ImageId: image.ImageId, InstanceType: ec2types.InstanceTypeT3Micro, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		BlockDeviceMappings: []ec2types.BlockDeviceMapping{
			{DeviceName: image.RootDeviceName, Ebs: encrypted},
			{DeviceName: aws.String("/dev/sdf"), Ebs: encrypted},
		},
	})
	if err != nil {
		return "", err
	}
	return *out.Instances[0].InstanceId, nil
}

func (a actor) stop(ctx context.Context, instance string) error {
	_, err := a.ec2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{instance}})
	return err
}

// start returns the state before and the state that the answer tells.
func (a actor) start(ctx context.Context, instance string) (before, now ec2types.InstanceStateName, err error) {
	out, err := a.ec2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{instance}})
	if err != nil {
		return "", "", err
	}
	change := out.StartingInstances[0]
	return change.PreviousState.Name, change.CurrentState.Name, nil
}

func (a actor) instance(ctx context.Context, id string) (ec2types.Instance, error) {
	out, err := a.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		return ec2types.Instance{}, err
	}
	return out.Reservations[0].Instances[0], nil
}

// denial is the error message of the newest event of that name.
func (a actor) denial(ctx context.Context, event string) (string, error) {
	out, err := a.trail.LookupEvents(ctx, &cloudtrail.LookupEventsInput{
		LookupAttributes: []cttypes.LookupAttribute{{AttributeKey: cttypes.LookupAttributeKeyEventName, AttributeValue: &event}},
	})
	if err != nil {
		return "", err
	}
	if len(out.Events) == 0 {
		return "", fmt.Errorf("no %s event in the trail", event)
	}
	var record struct {
		ErrorMessage string `json:"errorMessage"`
	}
	if err := json.Unmarshal([]byte(aws.ToString(out.Events[0].CloudTrailEvent)), &record); err != nil {
		return "", fmt.Errorf("the newest %s event: %w", event, err)
	}
	return record.ErrorMessage, nil
}

// grantItself asks for a grant that is for no AWS resource.
func (a actor) grantItself(ctx context.Context, key, grantee string) error {
	_, err := a.kms.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: &key, GranteePrincipal: &grantee, Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt},
	})
	return err
}
