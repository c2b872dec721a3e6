package ec2

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

func (w *world) describeImage(id string) types.Image {
	w.t.Helper()
	return must[ec2.DescribeImagesOutput](w, "DescribeImages", &ec2.DescribeImagesInput{ImageIds: []string{id}}).Images[0]
}

// imageOfInstance makes an image of a new instance with an encrypted data volume.
func (w *world) imageOfInstance(name string) string {
	w.t.Helper()
	i := w.running(encryptedDevice("/dev/sdf"))
	id := *must[ec2.CreateImageOutput](w, "CreateImage", &ec2.CreateImageInput{InstanceId: &i, Name: &name}).ImageId
	if im := w.describeImage(id); im.State != types.ImageStatePending {
		w.t.Fatalf("a new image is %s", im.State)
	}
	w.wait(time.Minute)
	return id
}

func TestCreateImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.imageOfInstance("mine")
	im := w.describeImage(id)
	if im.State != types.ImageStateAvailable || *im.RootDeviceName != "/dev/xvda" || *im.OwnerId != testAccount || *im.Public {
		t.Errorf("image %+v", im)
	}
	if len(im.BlockDeviceMappings) != 2 || *im.BlockDeviceMappings[0].DeviceName != "/dev/xvda" || !*im.BlockDeviceMappings[1].Ebs.Encrypted {
		t.Fatalf("mappings %+v", im.BlockDeviceMappings)
	}
	snap := *im.BlockDeviceMappings[0].Ebs.SnapshotId
	if d := w.describeSnapshot(snap); *d.Description != "Created by CreateImage("+*im.SourceInstanceId+") for "+id {
		t.Errorf("description %q", *d.Description)
	}
	w.refused("DeleteSnapshot", &ec2.DeleteSnapshotInput{SnapshotId: &snap}, "InvalidSnapshot.InUse", "The snapshot "+snap+" is currently in use by "+id)
	w.refused("CreateImage", &ec2.CreateImageInput{InstanceId: im.SourceInstanceId, Name: aws.String("mine")}, "InvalidAMIName.Duplicate", "AMI name mine is already in use by AMI "+id)
	w.refused("CreateImage", &ec2.CreateImageInput{InstanceId: im.SourceInstanceId, Name: aws.String("a+b")}, "InvalidAMIName.Malformed", "AMI names must be between 3 and 128 characters long")

	in := w.request()
	in.ImageId = &id
	again := w.launch(in)
	w.wait(time.Minute)
	w.wantState(again, types.InstanceStateNameRunning)
	if volumes := w.volumesAt(again); len(volumes) != 2 {
		t.Errorf("an instance of it has %d volumes", len(volumes))
	}

	must[ec2.DeregisterImageOutput](w, "DeregisterImage", &ec2.DeregisterImageInput{ImageId: &id})
	w.refused("DescribeImages", &ec2.DescribeImagesInput{ImageIds: []string{id}}, "InvalidAMIID.NotFound", id)
	must[ec2.DeleteSnapshotOutput](w, "DeleteSnapshot", &ec2.DeleteSnapshotInput{SnapshotId: &snap})
}

func TestCreateImageWithAMapping(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.running(encryptedDevice("/dev/sdf"))
	create := func(name string, mappings ...types.BlockDeviceMapping) *ec2.CreateImageInput {
		return &ec2.CreateImageInput{InstanceId: &i, Name: &name, BlockDeviceMappings: mappings}
	}
	out := must[ec2.CreateImageOutput](w, "CreateImage", create("smaller", types.BlockDeviceMapping{DeviceName: aws.String("/dev/sdf"), NoDevice: aws.String("")},
		types.BlockDeviceMapping{DeviceName: aws.String("/dev/sdg"), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(5)}}))
	var devices []string
	for _, m := range w.describeImage(*out.ImageId).BlockDeviceMappings {
		devices = append(devices, fmt.Sprint(*m.DeviceName, " ", aws.ToInt32(m.Ebs.VolumeSize)))
	}
	root := w.volumesAt(i)
	if diff := cmp.Diff([]string{fmt.Sprint("/dev/xvda ", rootSize(root)), "/dev/sdg 5"}, devices); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	w.refused("CreateImage", create("rootless", types.BlockDeviceMapping{DeviceName: aws.String("/dev/xvda"), NoDevice: aws.String("")}), "InvalidBlockDeviceMapping", "root device")
	w.refused("CreateImage", create("shrunk", types.BlockDeviceMapping{DeviceName: aws.String("/dev/xvda"), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(1)}}), "InvalidBlockDeviceMapping", "is smaller than snapshot")
}

func rootSize(volumes []volume) int32 {
	for _, v := range volumes {
		if v.Attachments[0].Device == "/dev/xvda" {
			return v.Size
		}
	}
	return 0
}

func TestRegisterImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	snap := w.snapshot(w.volume(encryptedBy(testKeyID)))
	register := func(name string, change func(*ec2.RegisterImageInput)) *ec2.RegisterImageInput {
		in := &ec2.RegisterImageInput{
			Name: &name, RootDeviceName: aws.String("/dev/xvda"), Architecture: "x86_64", VirtualizationType: aws.String("hvm"), EnaSupport: aws.Bool(true),
			BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: aws.String("/dev/xvda"), Ebs: &types.EbsBlockDevice{SnapshotId: &snap, VolumeType: "gp3"}}},
		}
		if change != nil {
			change(in)
		}
		return in
	}
	id := *must[ec2.RegisterImageOutput](w, "RegisterImage", register("mine", nil)).ImageId
	im := w.describeImage(id)
	if im.State != types.ImageStateAvailable || !*im.BlockDeviceMappings[0].Ebs.Encrypted || *im.BlockDeviceMappings[0].Ebs.Iops != 3000 || *im.BlockDeviceMappings[0].Ebs.VolumeSize != 8 {
		t.Errorf("image %+v", im)
	}
	for _, row := range []struct {
		name          string
		change        func(*ec2.RegisterImageInput)
		code, message string
	}{
		{"no root", func(in *ec2.RegisterImageInput) { in.RootDeviceName = aws.String("/dev/sda1") }, "InvalidBlockDeviceMapping", "root device"},
		{"no such snapshot", func(in *ec2.RegisterImageInput) {
			in.BlockDeviceMappings[0].Ebs.SnapshotId = aws.String("snap-0123456789abcdef0")
		}, "InvalidSnapshot.NotFound", "The snapshot 'snap-0123456789abcdef0' does not exist."},
		{"encryption with a snapshot", func(in *ec2.RegisterImageInput) { in.BlockDeviceMappings[0].Ebs.Encrypted = aws.Bool(true) }, "InvalidBlockDeviceMapping", "You cannot specify the encrypted flag if specifying a snapshot id"},
		{"smaller than the snapshot", func(in *ec2.RegisterImageInput) { in.BlockDeviceMappings[0].Ebs.VolumeSize = aws.Int32(7) }, "InvalidBlockDeviceMapping", "expect size >= 8GB"},
		{"paravirtual", func(in *ec2.RegisterImageInput) { in.VirtualizationType = aws.String("paravirtual") }, "UnsupportedOperation", "hvm"},
	} {
		t.Run(row.name, func(t *testing.T) { w.refused("RegisterImage", register("another", row.change), row.code, row.message) })
	}
}

func TestCopyImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	public := catalogueImage(t, "x86_64").ID
	in := &ec2.CopyImageInput{
		Name: aws.String("encrypted"), SourceImageId: &public, SourceRegion: aws.String(testRegion), Encrypted: aws.Bool(true), KmsKeyId: aws.String(testKeyID),
	}
	id := *must[ec2.CopyImageOutput](w, "CopyImage", in).ImageId
	w.wait(time.Minute)
	im := w.describeImage(id)
	if im.State != types.ImageStateAvailable || !*im.BlockDeviceMappings[0].Ebs.Encrypted || *im.SourceImageId != public || *im.Public {
		t.Errorf("copy %+v", im)
	}
	if d := w.describeSnapshot(*im.BlockDeviceMappings[0].Ebs.SnapshotId); *d.KmsKeyId != keyARN(testKeyID) || *d.OwnerId != testAccount {
		t.Errorf("its snapshot %+v", d)
	}
	w.kms.deny["GenerateDataKeyWithoutPlaintext"] = accessDenied
	id = *must[ec2.CopyImageOutput](w, "CopyImage", in).ImageId
	w.wait(time.Minute)
	if im := w.describeImage(id); im.State != types.ImageStateFailed || im.StateReason == nil {
		t.Errorf("without permission on the key it is %s, %v", im.State, im.StateReason)
	}
}

func TestSharedImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.imageOfInstance("mine")
	w.account = otherAccount
	w.refused("DescribeImages", &ec2.DescribeImagesInput{ImageIds: []string{id}}, "InvalidAMIID.NotFound", id)
	w.account = testAccount
	w.refused("ModifyImageAttribute", &ec2.ModifyImageAttributeInput{
		ImageId: &id, LaunchPermission: &types.LaunchPermissionModifications{Add: []types.LaunchPermission{{Group: "all"}}},
	}, "InvalidParameter", "encrypted snapshots")
	w.refused("ModifyImageAttribute", &ec2.ModifyImageAttributeInput{
		ImageId: &id, Description: &types.AttributeValue{Value: aws.String("x")}, UserIds: []string{otherAccount}, OperationType: "add",
	}, "InvalidParameterCombination", "multiple attribute")
	must[ec2.ModifyImageAttributeOutput](w, "ModifyImageAttribute", &ec2.ModifyImageAttributeInput{
		ImageId: &id, LaunchPermission: &types.LaunchPermissionModifications{Add: []types.LaunchPermission{{UserId: aws.String(otherAccount)}}},
	})
	attribute := must[ec2.DescribeImageAttributeOutput](w, "DescribeImageAttribute", &ec2.DescribeImageAttributeInput{ImageId: &id, Attribute: types.ImageAttributeNameLaunchPermission})
	if len(attribute.LaunchPermissions) != 1 || *attribute.LaunchPermissions[0].UserId != otherAccount {
		t.Errorf("permissions %+v", attribute.LaunchPermissions)
	}

	w.account = otherAccount
	shared := must[ec2.DescribeImagesOutput](w, "DescribeImages", &ec2.DescribeImagesInput{ExecutableUsers: []string{"self"}})
	if len(shared.Images) != 1 || *shared.Images[0].ImageId != id {
		t.Errorf("the account sees %d images shared with it", len(shared.Images))
	}
	w.refused("DeregisterImage", &ec2.DeregisterImageInput{ImageId: &id}, "AuthFailure", id)
	snap := *shared.Images[0].BlockDeviceMappings[0].Ebs.SnapshotId
	w.refused("CreateVolume", &ec2.CreateVolumeInput{AvailabilityZone: aws.String(testZone), SnapshotId: &snap}, "InvalidSnapshot.NotFound", snap)
	in := w.request()
	in.ImageId = &id
	i := w.launch(in)
	w.wait(time.Minute)
	w.wantState(i, types.InstanceStateNameRunning)
	for _, v := range w.volumesAt(i) {
		if v.Encrypted && v.Key != keyARN(managedKeyID) {
			t.Errorf("%s of a shared image is under %s, not under the account's default key", v.ID, v.Key)
		}
	}
}

func TestDeregisterImageWithItsSnapshots(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.imageOfInstance("mine")
	out := must[ec2.DeregisterImageOutput](w, "DeregisterImage", &ec2.DeregisterImageInput{ImageId: &id, DeleteAssociatedSnapshots: aws.Bool(true)})
	if len(out.DeleteSnapshotResults) != 2 {
		t.Fatalf("results %+v", out.DeleteSnapshotResults)
	}
	for _, r := range out.DeleteSnapshotResults {
		if r.ReturnCode != types.SnapshotReturnCodesSuccess {
			t.Errorf("%s: %s", *r.SnapshotId, r.ReturnCode)
		}
		w.refused("DescribeSnapshots", &ec2.DescribeSnapshotsInput{SnapshotIds: []string{*r.SnapshotId}}, "InvalidSnapshot.NotFound", *r.SnapshotId)
	}
}
