package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestStorageLimit: an account has 50 TiB of a type of volume in a Region; what is
// deleted no longer counts.
func TestStorageLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	large := func(kind types.VolumeType, tib int32) *ec2.CreateVolumeInput {
		return &ec2.CreateVolumeInput{AvailabilityZone: aws.String(testZone), VolumeType: kind, Size: aws.Int32(tib * gibInTiB)}
	}
	const full = "You have exceeded your maximum gp3 storage limit of 50 TiB in this region. Please contact AWS Support to request an Elastic Block Store service limit increase."
	var first string
	for range 3 {
		first = w.volume(large(types.VolumeTypeGp3, 16))
	}
	last := w.volume(large(types.VolumeTypeGp3, 2))
	w.refused("CreateVolume", large(types.VolumeTypeGp3, 1), "VolumeLimitExceeded", full)
	w.volume(large(types.VolumeTypeSt1, 16))
	w.refused("ModifyVolume", &ec2.ModifyVolumeInput{VolumeId: &last, Size: aws.Int32(3 * gibInTiB)}, "VolumeLimitExceeded", full)
	w.refused("RunInstances", w.request(types.BlockDeviceMapping{
		DeviceName: aws.String("/dev/sdf"), Ebs: &types.EbsBlockDevice{VolumeType: types.VolumeTypeGp3, VolumeSize: aws.Int32(1)},
	}), "VolumeLimitExceeded", full)
	must[ec2.DeleteVolumeOutput](w, "DeleteVolume", &ec2.DeleteVolumeInput{VolumeId: &first})
	w.volume(large(types.VolumeTypeGp3, 1))
}
