package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestModifyVolume(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.volume(&ec2.CreateVolumeInput{})
	out := must[ec2.ModifyVolumeOutput](w, "ModifyVolume", &ec2.ModifyVolumeInput{VolumeId: &id, Size: aws.Int32(20), VolumeType: "gp3"})
	m := out.VolumeModification
	if m.ModificationState != types.VolumeModificationStateModifying || *m.OriginalSize != 8 || *m.TargetSize != 20 || m.OriginalVolumeType != "gp2" || *m.TargetIops != 3000 {
		t.Errorf("modification %+v", m)
	}
	state := func() types.VolumeModificationState {
		d := must[ec2.DescribeVolumesModificationsOutput](w, "DescribeVolumesModifications", &ec2.DescribeVolumesModificationsInput{VolumeIds: []string{id}})
		return d.VolumesModifications[0].ModificationState
	}
	w.refused("ModifyVolume", &ec2.ModifyVolumeInput{VolumeId: &id, Size: aws.Int32(30)}, "IncorrectModificationState", "modifying")
	w.wait(modifyingTime)
	if got := state(); got != types.VolumeModificationStateOptimizing {
		t.Errorf("then it is %s", got)
	}
	w.wait(optimizingTime)
	if got := state(); got != types.VolumeModificationStateCompleted {
		t.Errorf("at last it is %s", got)
	}
	if d := w.describeVolume(id); *d.Size != 20 || d.VolumeType != "gp3" || *d.Throughput != 125 {
		t.Errorf("volume %+v", d)
	}
}

func TestModifyVolumeErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, standard := w.volume(&ec2.CreateVolumeInput{}), w.volume(&ec2.CreateVolumeInput{VolumeType: "standard"})
	for _, row := range []struct {
		name          string
		in            ec2.ModifyVolumeInput
		code, message string
	}{
		{"nothing to change", ec2.ModifyVolumeInput{VolumeId: &id}, "MissingParameter", "size"},
		{"smaller", ec2.ModifyVolumeInput{VolumeId: &id, Size: aws.Int32(7)}, "InvalidParameterValue", "New size cannot be smaller than existing size"},
		{"iops for gp2", ec2.ModifyVolumeInput{VolumeId: &id, Iops: aws.Int32(3000)}, "InvalidParameterCombination", "iops"},
		{"too small for the new type", ec2.ModifyVolumeInput{VolumeId: &id, VolumeType: "st1"}, "InvalidParameterValue", "minimum is 125GiB"},
		{"magnetic", ec2.ModifyVolumeInput{VolumeId: &standard, Size: aws.Int32(9)}, "InvalidParameterValue", "standard"},
		{"no such volume", ec2.ModifyVolumeInput{VolumeId: aws.String("vol-0123456789abcdef0"), Size: aws.Int32(9)}, "InvalidVolume.NotFound", "does not exist"},
	} {
		t.Run(row.name, func(t *testing.T) { w.refused("ModifyVolume", &row.in, row.code, row.message) })
	}
}

func TestModifyVolumeFourTimesADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.volume(&ec2.CreateVolumeInput{})
	for n := range int32(maxModifications) {
		must[ec2.ModifyVolumeOutput](w, "ModifyVolume", &ec2.ModifyVolumeInput{VolumeId: &id, Size: aws.Int32(9 + n)})
		w.wait(time.Hour)
	}
	next := &ec2.ModifyVolumeInput{VolumeId: &id, Size: aws.Int32(20)}
	w.refused("ModifyVolume", next, "VolumeModificationRateExceeded", "maximum modification rate per volume")
	w.wait(21 * time.Hour)
	must[ec2.ModifyVolumeOutput](w, "ModifyVolume", next)
}

func TestVolumeStatusAndAttribute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.volume(&ec2.CreateVolumeInput{})
	status := must[ec2.DescribeVolumeStatusOutput](w, "DescribeVolumeStatus", &ec2.DescribeVolumeStatusInput{Filters: []types.Filter{filter("volume-status.status", "ok")}})
	if len(status.VolumeStatuses) != 1 || *status.VolumeStatuses[0].VolumeId != id {
		t.Errorf("statuses %+v", status.VolumeStatuses)
	}
	must[ec2.ModifyVolumeAttributeOutput](w, "ModifyVolumeAttribute", &ec2.ModifyVolumeAttributeInput{
		VolumeId: &id, AutoEnableIO: &types.AttributeBooleanValue{Value: aws.Bool(true)},
	})
	got := must[ec2.DescribeVolumeAttributeOutput](w, "DescribeVolumeAttribute", &ec2.DescribeVolumeAttributeInput{
		VolumeId: &id, Attribute: types.VolumeAttributeNameAutoEnableIO,
	})
	if !aws.ToBool(got.AutoEnableIO.Value) {
		t.Error("autoEnableIO did not stay")
	}
}
