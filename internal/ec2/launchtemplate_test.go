package ec2

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func (w *world) template(name string, data types.RequestLaunchTemplateData) string {
	w.t.Helper()
	return *must[ec2.CreateLaunchTemplateOutput](w, "CreateLaunchTemplate", &ec2.CreateLaunchTemplateInput{LaunchTemplateName: &name, LaunchTemplateData: &data}).LaunchTemplate.LaunchTemplateId
}

func (w *world) versionOf(id, version string) types.LaunchTemplateVersion {
	w.t.Helper()
	return must[ec2.DescribeLaunchTemplateVersionsOutput](w, "DescribeLaunchTemplateVersions", &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: &id, Versions: []string{version}}).LaunchTemplateVersions[0]
}

// TestTemplateVersions: a version stands on its source, and never changes.
func TestTemplateVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := w.request().ImageId
	id := w.template("app", types.RequestLaunchTemplateData{
		ImageId: image, InstanceType: types.InstanceTypeT3Micro,
		TagSpecifications: []types.LaunchTemplateTagSpecificationRequest{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}},
		MetadataOptions:   &types.LaunchTemplateInstanceMetadataOptionsRequest{HttpTokens: types.LaunchTemplateHttpTokensStateRequired},
	})
	second := must[ec2.CreateLaunchTemplateVersionOutput](w, "CreateLaunchTemplateVersion", &ec2.CreateLaunchTemplateVersionInput{
		LaunchTemplateId: &id, SourceVersion: aws.String("1"), VersionDescription: aws.String("larger"),
		LaunchTemplateData: &types.RequestLaunchTemplateData{InstanceType: types.InstanceTypeT3Small},
	}).LaunchTemplateVersion
	if *second.VersionNumber != 2 || *second.DefaultVersion || second.LaunchTemplateData.InstanceType != types.InstanceTypeT3Small || *second.LaunchTemplateData.ImageId != *image {
		t.Errorf("version 2 is %+v with %+v", second, second.LaunchTemplateData)
	}
	want := &types.ResponseLaunchTemplateData{
		ImageId: image, InstanceType: types.InstanceTypeT3Micro,
		TagSpecifications: []types.LaunchTemplateTagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}},
		MetadataOptions:   &types.LaunchTemplateInstanceMetadataOptions{HttpTokens: types.LaunchTemplateHttpTokensStateRequired},
	}
	ignore := cmpopts.IgnoreUnexported(types.ResponseLaunchTemplateData{}, types.LaunchTemplateTagSpecification{}, types.Tag{}, types.LaunchTemplateInstanceMetadataOptions{})
	if diff := cmp.Diff(want, w.versionOf(id, "$Default").LaunchTemplateData, ignore); diff != "" {
		t.Errorf("the default version:\n%s", diff)
	}
	if got := *w.versionOf(id, "$Latest").VersionNumber; got != 2 {
		t.Errorf("the latest version is %d", got)
	}
	must[ec2.ModifyLaunchTemplateOutput](w, "ModifyLaunchTemplate", &ec2.ModifyLaunchTemplateInput{LaunchTemplateId: &id, DefaultVersion: aws.String("$Latest")})
	if got := *w.versionOf(id, "$Default").VersionNumber; got != 2 {
		t.Errorf("the default version is %d", got)
	}
	deleted := must[ec2.DeleteLaunchTemplateVersionsOutput](w, "DeleteLaunchTemplateVersions", &ec2.DeleteLaunchTemplateVersionsInput{LaunchTemplateId: &id, Versions: []string{"1", "2", "7"}})
	if len(deleted.SuccessfullyDeletedLaunchTemplateVersions) != 1 || len(deleted.UnsuccessfullyDeletedLaunchTemplateVersions) != 2 {
		t.Errorf("deleted %+v", deleted)
	}
	third := must[ec2.CreateLaunchTemplateVersionOutput](w, "CreateLaunchTemplateVersion", &ec2.CreateLaunchTemplateVersionInput{LaunchTemplateId: &id, LaunchTemplateData: &types.RequestLaunchTemplateData{}}).LaunchTemplateVersion
	if *third.VersionNumber != 3 {
		t.Errorf("the next version is %d: numbers are not given twice", *third.VersionNumber)
	}
}

// TestTemplateRefusals: what is refused, in AWS's words.
func TestTemplateRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.template("app", types.RequestLaunchTemplateData{})
	spec := func(s types.LaunchTemplateSpecification) *ec2.RunInstancesInput {
		return &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1), LaunchTemplate: &s}
	}
	none := "lt-0123456789abcdef0"
	tests := []struct {
		operation     string
		in            any
		code, message string
	}{
		{"CreateLaunchTemplate", &ec2.CreateLaunchTemplateInput{LaunchTemplateName: aws.String("app"), LaunchTemplateData: &types.RequestLaunchTemplateData{}}, "InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use."},
		{"DescribeLaunchTemplateVersions", &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: &id, Versions: []string{"9"}}, "InvalidLaunchTemplateId.VersionNotFound", "Could not find the specified version 9 for the launch template with ID " + id + "."},
		{"DescribeLaunchTemplateVersions", &ec2.DescribeLaunchTemplateVersionsInput{Versions: []string{"1"}}, "MissingParameter", "The request must contain the parameter LaunchTemplateId or LaunchTemplateName"},
		{"DeleteLaunchTemplate", &ec2.DeleteLaunchTemplateInput{LaunchTemplateId: &none}, "InvalidLaunchTemplateId.NotFound", "The specified launch template, with template ID " + none + ", does not exist."},
		{"RunInstances", spec(types.LaunchTemplateSpecification{LaunchTemplateId: &none}), "InvalidLaunchTemplateId.NotFound", "The specified launch template, with template ID " + none + ", does not exist."},
		{"RunInstances", spec(types.LaunchTemplateSpecification{LaunchTemplateName: aws.String("none")}), "InvalidLaunchTemplateName.NotFoundException", "The specified launch template, with template name none, does not exist."},
		{"RunInstances", spec(types.LaunchTemplateSpecification{LaunchTemplateId: &id, LaunchTemplateName: aws.String("app")}), "InvalidParameterCombination", "You must specify either a launch template ID or a launch template name, but not both."},
		{"RunInstances", spec(types.LaunchTemplateSpecification{LaunchTemplateId: &id}), "MissingParameter", "The request must contain the parameter ImageId"},
	}
	for _, test := range tests {
		w.refused(test.operation, test.in, test.code, test.message)
	}
}

// TestLaunchFromTemplate: the request's members win, tags and devices are joined.
func TestLaunchFromTemplate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.template("app", types.RequestLaunchTemplateData{
		ImageId: w.request().ImageId, InstanceType: types.InstanceTypeT3Micro,
		BlockDeviceMappings: []types.LaunchTemplateBlockDeviceMappingRequest{
			{DeviceName: aws.String("/dev/xvda"), Ebs: &types.LaunchTemplateEbsBlockDeviceRequest{VolumeSize: aws.Int32(9)}},
			{DeviceName: aws.String("/dev/sdf"), Ebs: &types.LaunchTemplateEbsBlockDeviceRequest{VolumeSize: aws.Int32(1), Encrypted: aws.Bool(true)}},
		},
		TagSpecifications: []types.LaunchTemplateTagSpecificationRequest{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{
			{Key: aws.String("from"), Value: aws.String("template")}, {Key: aws.String("kept"), Value: aws.String("yes")},
		}}},
		NetworkInterfaces: []types.LaunchTemplateInstanceNetworkInterfaceSpecificationRequest{{DeviceIndex: aws.Int32(0), AssociatePublicIpAddress: aws.Bool(false)}},
	})
	in := &ec2.RunInstancesInput{
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1), InstanceType: types.InstanceTypeT3Small,
		LaunchTemplate:      &types.LaunchTemplateSpecification{LaunchTemplateName: aws.String("app"), Version: aws.String("$Latest")},
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: aws.String("/dev/sdf"), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(2), Encrypted: aws.Bool(true)}}},
		TagSpecifications:   []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("from"), Value: aws.String("request")}}}},
	}
	got := w.launch(in)
	w.wait(time.Minute)
	i := must[ec2.DescribeInstancesOutput](w, "DescribeInstances", &ec2.DescribeInstancesInput{InstanceIds: []string{got}}).Reservations[0].Instances[0]
	tags := map[string]string{}
	for _, tag := range i.Tags {
		tags[*tag.Key] = *tag.Value
	}
	if diff := cmp.Diff(map[string]string{"from": "request", "kept": "yes", "aws:ec2launchtemplate:id": id, "aws:ec2launchtemplate:version": "1"}, tags); diff != "" {
		t.Errorf("tags:\n%s", diff)
	}
	if i.InstanceType != types.InstanceTypeT3Small || i.PublicIpAddress != nil || i.State.Name != types.InstanceStateNameRunning {
		t.Errorf("the instance is a %s, %s, public %v", i.InstanceType, i.State.Name, i.PublicIpAddress)
	}
	sizes := map[string]int32{}
	for _, v := range must[ec2.DescribeVolumesOutput](w, "DescribeVolumes", &ec2.DescribeVolumesInput{}).Volumes {
		sizes[*v.Attachments[0].Device] = *v.Size
	}
	if diff := cmp.Diff(map[string]int32{"/dev/xvda": 9, "/dev/sdf": 2}, sizes); diff != "" {
		t.Errorf("volumes:\n%s", diff)
	}
}

// TestTemplateIsAuthorized: on itself, and every resource says whether the
// template names it.
func TestTemplateIsAuthorized(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.template("app", types.RequestLaunchTemplateData{ImageId: w.request().ImageId, InstanceType: types.InstanceTypeT3Micro})
	arn := "arn:aws:ec2:" + testRegion + ":" + testAccount + ":launch-template/" + id
	in := &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1), InstanceType: types.InstanceTypeT3Small, LaunchTemplate: &types.LaunchTemplateSpecification{LaunchTemplateId: &id}}
	must[ec2.DescribeVpcsOutput](w, "DescribeVpcs", &ec2.DescribeVpcsInput{}) // the network is there
	got := map[string]string{}
	for _, n := range w.needs("RunInstances", in) {
		from, _, _ := n.Context.Get("ec2:IsLaunchTemplateResource")
		template, _, _ := n.Context.Get("ec2:LaunchTemplate")
		if len(template) != 1 || template[0] != arn {
			t.Errorf("%s has ec2:LaunchTemplate %v", n.Resource, template)
		}
		got[n.Resource] = fmt.Sprint(from)
	}
	for resource, want := range map[string]string{
		arn: "[true]", "arn:aws:ec2:" + testRegion + ":" + testAccount + ":instance/*": "[false]",
		"arn:aws:ec2:" + testRegion + "::image/" + *w.request().ImageId: "[true]",
	} {
		if got[resource] != want {
			t.Errorf("%s comes from the template: %s, want %s (%v)", resource, got[resource], want, got)
		}
	}
}

// TestVersionsNeverChange, whatever is done to their template.
func TestVersionsNeverChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		kinds := []types.InstanceType{types.InstanceTypeT3Micro, types.InstanceTypeT3Small, types.InstanceTypeM5Large}
		draw := func() types.InstanceType { return rapid.SampledFrom(kinds).Draw(r, "type") }
		first := draw()
		id := w.template("app", types.RequestLaunchTemplateData{InstanceType: first})
		model := map[int64]types.InstanceType{1: first}
		latest, fallback := int64(1), int64(1)
		for range rapid.IntRange(1, 15).Draw(r, "steps") {
			n := strconv.FormatInt(rapid.Int64Range(1, latest).Draw(r, "number"), 10)
			number := map[string]int64{}
			for v := range model {
				number[strconv.FormatInt(v, 10)] = v
			}
			switch rapid.IntRange(0, 2).Draw(r, "what") {
			case 0:
				in := &ec2.CreateLaunchTemplateVersionInput{LaunchTemplateId: &id, SourceVersion: &n, LaunchTemplateData: &types.RequestLaunchTemplateData{}}
				want := model[number[n]]
				if rapid.Bool().Draw(r, "given") {
					want = draw()
					in.LaunchTemplateData.InstanceType = want
				}
				if _, err := w.run("CreateLaunchTemplateVersion", in); err == nil {
					latest++
					model[latest] = want
				}
			case 1:
				if _, err := w.run("ModifyLaunchTemplate", &ec2.ModifyLaunchTemplateInput{LaunchTemplateId: &id, DefaultVersion: &n}); err == nil {
					fallback = number[n]
				}
			case 2:
				out := must[ec2.DeleteLaunchTemplateVersionsOutput](w, "DeleteLaunchTemplateVersions", &ec2.DeleteLaunchTemplateVersionsInput{LaunchTemplateId: &id, Versions: []string{n}})
				for _, gone := range out.SuccessfullyDeletedLaunchTemplateVersions {
					delete(model, *gone.VersionNumber)
				}
			}
		}
		got := map[int64]types.InstanceType{}
		for _, v := range must[ec2.DescribeLaunchTemplateVersionsOutput](w, "DescribeLaunchTemplateVersions", &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: &id}).LaunchTemplateVersions {
			got[*v.VersionNumber] = v.LaunchTemplateData.InstanceType
		}
		if diff := cmp.Diff(model, got); diff != "" {
			r.Fatal(diff)
		}
		if v := *w.versionOf(id, "$Default").VersionNumber; v != fallback {
			r.Fatalf("the default is %d, want %d", v, fallback)
		}
	})
}
