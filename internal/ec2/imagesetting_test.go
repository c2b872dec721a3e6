package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// openImage makes an image of a new instance without an encrypted volume.
func (w *world) openImage(name string) string {
	w.t.Helper()
	i := w.running()
	id := *must[ec2.CreateImageOutput](w, "CreateImage", &ec2.CreateImageInput{InstanceId: &i, Name: &name}).ImageId
	w.wait(time.Minute)
	return id
}

func (w *world) sharePublicly(image string) *ec2.ModifyImageAttributeInput {
	return &ec2.ModifyImageAttributeInput{ImageId: &image, LaunchPermission: &types.LaunchPermissionModifications{Add: []types.LaunchPermission{{Group: types.PermissionGroupAll}}}}
}

func TestImageIsDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.openImage("golden")
	must[ec2.ModifyImageAttributeOutput](w, "ModifyImageAttribute", w.sharePublicly(id))
	must[ec2.DisableImageOutput](w, "DisableImage", &ec2.DisableImageInput{ImageId: &id})
	if im := w.describeImage(id); im.State != types.ImageStateDisabled || *im.Public {
		t.Errorf("the image is %s, public %v", im.State, *im.Public)
	}
	launch := w.request()
	launch.ImageId = &id
	w.refused("RunInstances", launch, "InvalidAMIID.Unavailable", "The image ID '"+id+"' is not available")
	count := func(in *ec2.DescribeImagesInput) int {
		in.Owners = []string{"self"}
		return len(must[ec2.DescribeImagesOutput](w, "DescribeImages", in).Images)
	}
	if count(&ec2.DescribeImagesInput{}) != 0 || count(&ec2.DescribeImagesInput{IncludeDisabled: aws.Bool(true)}) != 1 {
		t.Error("a disabled image is listed, or not even if asked for")
	}
	must[ec2.EnableImageOutput](w, "EnableImage", &ec2.EnableImageInput{ImageId: &id})
	w.launch(launch)
}

func TestImageIsDeprecatedAndProtected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.openImage("golden")
	must[ec2.ModifyImageAttributeOutput](w, "ModifyImageAttribute", w.sharePublicly(id))
	soon := w.now.Add(time.Hour)
	must[ec2.EnableImageDeprecationOutput](w, "EnableImageDeprecation", &ec2.EnableImageDeprecationInput{ImageId: &id, DeprecateAt: &soon})
	w.refused("EnableImageDeprecation", &ec2.EnableImageDeprecationInput{ImageId: &id, DeprecateAt: aws.Time(w.now.Add(-time.Hour))}, "InvalidParameterValue", "in the future")
	w.refused("EnableImageDeprecation", &ec2.EnableImageDeprecationInput{ImageId: &id, DeprecateAt: aws.Time(w.now.AddDate(3, 0, 0))}, "InvalidParameterValue", "2 years")
	seen := func(account string) bool {
		w.account = account
		defer func() { w.account = testAccount }()
		return len(must[ec2.DescribeImagesOutput](w, "DescribeImages", &ec2.DescribeImagesInput{Owners: []string{testAccount}}).Images) == 1
	}
	if !seen(otherAccount) {
		t.Error("others do not see the public image")
	}
	w.wait(2 * time.Hour)
	if seen(otherAccount) || !seen(testAccount) {
		t.Error("a deprecated image is listed to others, or not to its owner")
	}
	if im := w.describeImage(id); im.DeprecationTime == nil || *im.DeregistrationProtection != "disabled" {
		t.Errorf("the image is %+v", im)
	}
	must[ec2.EnableImageDeregistrationProtectionOutput](w, "EnableImageDeregistrationProtection", &ec2.EnableImageDeregistrationProtectionInput{ImageId: &id, WithCooldown: aws.Bool(true)})
	w.refused("DeregisterImage", &ec2.DeregisterImageInput{ImageId: &id}, "OperationNotPermitted", "protected from deregistration")
	must[ec2.DisableImageDeregistrationProtectionOutput](w, "DisableImageDeregistrationProtection", &ec2.DisableImageDeregistrationProtectionInput{ImageId: &id})
	w.refused("DeregisterImage", &ec2.DeregisterImageInput{ImageId: &id}, "OperationNotPermitted", "protected from deregistration")
	w.wait(25 * time.Hour)
	must[ec2.DeregisterImageOutput](w, "DeregisterImage", &ec2.DeregisterImageInput{ImageId: &id})
}

func TestPublicSharingIsBlocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := w.openImage("golden")
	must[ec2.EnableImageBlockPublicAccessOutput](w, "EnableImageBlockPublicAccess", &ec2.EnableImageBlockPublicAccessInput{ImageBlockPublicAccessState: types.ImageBlockPublicAccessEnabledStateBlockNewSharing})
	w.refused("ModifyImageAttribute", w.sharePublicly(image), "OperationNotPermitted", "block public access for AMIs is enabled")
	if got := *must[ec2.GetImageBlockPublicAccessStateOutput](w, "GetImageBlockPublicAccessState", &ec2.GetImageBlockPublicAccessStateInput{}).ImageBlockPublicAccessState; got != "block-new-sharing" {
		t.Errorf("images are %s", got)
	}
	must[ec2.DisableImageBlockPublicAccessOutput](w, "DisableImageBlockPublicAccess", &ec2.DisableImageBlockPublicAccessInput{})
	must[ec2.ModifyImageAttributeOutput](w, "ModifyImageAttribute", w.sharePublicly(image))

	volume := w.volume(&ec2.CreateVolumeInput{AvailabilityZone: aws.String(testZone), Size: aws.Int32(1)})
	snapshot := w.snapshot(volume)
	w.wait(time.Minute)
	public := &ec2.ModifySnapshotAttributeInput{SnapshotId: &snapshot, CreateVolumePermission: &types.CreateVolumePermissionModifications{Add: []types.CreateVolumePermission{{Group: types.PermissionGroupAll}}}}
	must[ec2.ModifySnapshotAttributeOutput](w, "ModifySnapshotAttribute", public)
	seen := func() bool {
		w.account = otherAccount
		defer func() { w.account = testAccount }()
		_, err := w.run("DescribeSnapshots", &ec2.DescribeSnapshotsInput{SnapshotIds: []string{snapshot}})
		return err == nil
	}
	guard := func(state types.SnapshotBlockPublicAccessState) {
		must[ec2.EnableSnapshotBlockPublicAccessOutput](w, "EnableSnapshotBlockPublicAccess", &ec2.EnableSnapshotBlockPublicAccessInput{State: state})
	}
	guard(types.SnapshotBlockPublicAccessStateBlockAllSharing)
	if seen() {
		t.Error("others see a public snapshot though all sharing is blocked")
	}
	must[ec2.ModifySnapshotAttributeOutput](w, "ModifySnapshotAttribute", &ec2.ModifySnapshotAttributeInput{SnapshotId: &snapshot, CreateVolumePermission: &types.CreateVolumePermissionModifications{Add: []types.CreateVolumePermission{{UserId: aws.String("333333333333")}}}})
	if seen() {
		t.Error("another share made the public one work again")
	}
	guard(types.SnapshotBlockPublicAccessStateBlockNewSharing)
	if !seen() {
		t.Error("what was public before is blocked with new sharing")
	}
	must[ec2.ModifySnapshotAttributeOutput](w, "ModifySnapshotAttribute", &ec2.ModifySnapshotAttributeInput{SnapshotId: &snapshot, CreateVolumePermission: &types.CreateVolumePermissionModifications{Remove: []types.CreateVolumePermission{{Group: types.PermissionGroupAll}}}})
	w.refused("ModifySnapshotAttribute", public, "OperationNotPermitted", "block public access for snapshots is enabled")
	must[ec2.DisableSnapshotBlockPublicAccessOutput](w, "DisableSnapshotBlockPublicAccess", &ec2.DisableSnapshotBlockPublicAccessInput{})
	must[ec2.ModifySnapshotAttributeOutput](w, "ModifySnapshotAttribute", public)

	must[ec2.EnableSerialConsoleAccessOutput](w, "EnableSerialConsoleAccess", &ec2.EnableSerialConsoleAccessInput{})
	if !*must[ec2.GetSerialConsoleAccessStatusOutput](w, "GetSerialConsoleAccessStatus", &ec2.GetSerialConsoleAccessStatusInput{}).SerialConsoleAccessEnabled {
		t.Error("the serial console is not enabled")
	}
}
