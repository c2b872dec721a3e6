package cloud_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// TestEC2Events: each change of EC2's names its request in its answer, and one
// that answers with nothing says that it was done.
func TestEC2Events(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	vol, err := s.root.ec2.CreateVolume(ctx, &ec2.CreateVolumeInput{AvailabilityZone: aws.String(region + "a"), Size: aws.Int32(1)})
	s.must(err)
	s.must(ec2.NewVolumeAvailableWaiter(s.root.ec2, func(o *ec2.VolumeAvailableWaiterOptions) { o.MinDelay = 100 * time.Millisecond }).
		Wait(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{*vol.VolumeId}}, time.Minute))
	_, err = s.root.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{*vol.VolumeId}, Tags: []ec2types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	s.must(err)
	group, err := s.root.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("web"), Description: aws.String("d")})
	s.must(err)
	_, err = s.root.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: group.GroupId})
	s.must(err)
	_, err = s.root.ec2.ModifyVolume(ctx, &ec2.ModifyVolumeInput{VolumeId: vol.VolumeId, Size: aws.Int32(2)})
	s.must(err)

	all, _ := s.records()
	for name, want := range map[string]string{"CreateVolume": "volumeId", "CreateTags": "_return", "CreateSecurityGroup": "groupId", "DeleteSecurityGroup": "_return"} {
		r := only(t, all, name)
		if r.ResponseElements["requestId"] != r.RequestID || r.RequestID == "" {
			t.Errorf("%s: requestId %v, want the event's %s", name, r.ResponseElements["requestId"], r.RequestID)
		}
		if r.ResponseElements[want] == nil || r.ResponseElements["return"] != nil {
			t.Errorf("%s answers %v, want %s", name, r.ResponseElements, want)
		}
	}
	modified := only(t, all, "ModifyVolume")
	asked, _ := modified.RequestParameters["ModifyVolumeRequest"].(map[string]any)
	got, _ := modified.ResponseElements["ModifyVolumeResponse"].(map[string]any)
	if asked["VolumeId"] != *vol.VolumeId || asked["Size"] != float64(2) || got["volumeModification"] == nil || got["requestId"] != modified.RequestID {
		t.Errorf("ModifyVolume is recorded as %v and %v", modified.RequestParameters, modified.ResponseElements)
	}
}

// TestNoNamelessResource: LookupEvents gives neither resources without a name
// nor a security group as a group of IAM's.
func TestNoNamelessResource(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	_, err := s.root.ec2.CreateVolume(ctx, &ec2.CreateVolumeInput{AvailabilityZone: aws.String(region + "a"), Size: aws.Int32(1)})
	s.must(err)
	_, err = s.root.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("web"), Description: aws.String("d")})
	s.must(err)
	out, err := s.root.trail.LookupEvents(ctx, &cloudtrail.LookupEventsInput{})
	s.must(err)
	if len(out.Events) < 2 {
		t.Fatalf("%d events, want at least two", len(out.Events))
	}
	for _, e := range out.Events {
		for _, r := range e.Resources {
			if aws.ToString(r.ResourceName) == "" || *r.ResourceType == "AWS::IAM::Group" {
				t.Errorf("%s names the resource %s %q", *e.EventName, *r.ResourceType, aws.ToString(r.ResourceName))
			}
		}
	}
}

// TestEC2Namespace: an answer's namespace ends in a slash, as at AWS, though the
// model's does not.
func TestEC2Namespace(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id, secret := s.cloud.RootCredentials()
	status, text := s.send(signed{service: "ec2", region: region, id: id, secret: secret, at: time.Now(), body: "Action=DescribeVolumes&Version=2016-11-15"})
	if status != http.StatusOK || !strings.Contains(text, `<DescribeVolumesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>`) {
		t.Errorf("%d %s", status, text)
	}
}

// TestSomebodyElsesIsForbidden: AuthFailure is 403 for a resource of others',
// and 401 only for a bad signature.
func TestSomebodyElsesIsForbidden(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	_, err := s.root.ec2.DeregisterImage(t.Context(), &ec2.DeregisterImageInput{ImageId: aws.String(s.image())})
	wantCode(t, err, "AuthFailure")
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) || answer.HTTPStatusCode() != http.StatusForbidden {
		t.Errorf("deregistering a public image: %v, want HTTP 403", err)
	}
}
