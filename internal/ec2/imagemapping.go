package ec2

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// newMapping is an entry of an image's mapping as a request gives it; keep is
// false for an entry that only suppresses a device.
func (s *Service) newMapping(c *api.Call, in types.BlockDeviceMapping) (m imageMapping, keep bool, err error) {
	m.Device = aws.ToString(in.DeviceName)
	switch {
	case m.Device == "":
		return m, false, missingParameter("deviceName")
	case in.NoDevice != nil:
		return m, false, nil
	case in.VirtualName != nil && in.Ebs != nil:
		return m, false, invalidMapping("The device '" + m.Device + "' has both a virtual name and a volume")
	case in.VirtualName != nil:
		m.Virtual = *in.VirtualName
		return m, true, nil
	case in.Ebs == nil:
		return m, false, missingParameter("ebs")
	}
	m.DeleteOnTermination = true
	if id := aws.ToString(in.Ebs.SnapshotId); id != "" {
		snap, err := s.getSnapshot(c, id)
		if err != nil {
			return m, false, err
		}
		if snap.State != string(types.SnapshotStateCompleted) {
			return m, false, incorrectState("Snapshot is in invalid state - %s", snap.State)
		}
		if in.Ebs.Encrypted != nil {
			return m, false, invalidMapping("the parameter Encrypted is invalid. You cannot specify the encrypted flag if specifying a snapshot id in a block device mapping.")
		}
		m.Snapshot, m.Size, m.Encrypted = snap.ID, snap.Size, snap.Encrypted
	} else {
		if in.Ebs.VolumeSize == nil {
			return m, false, missingParameter("size or snapshotId")
		}
		m.Encrypted = aws.ToBool(in.Ebs.Encrypted)
	}
	if in.Ebs.KmsKeyId != nil {
		return m, false, api.Error("InvalidParameter", "The parameter KmsKeyId is not recognized in the block device mapping of an image")
	}
	return m, true, m.change(in, false)
}

// change lays a request's entry for the device over the mapping; snapped is
// whether the device is one of an instance's, whose snapshot and encryption
// are given.
func (m *imageMapping) change(in types.BlockDeviceMapping, snapped bool) error {
	e := in.Ebs
	if e == nil {
		return nil
	}
	if snapped && (e.SnapshotId != nil || e.Encrypted != nil || e.KmsKeyId != nil) {
		return invalidMapping("snapshotId, encrypted and kmsKeyId cannot be modified on the device '" + m.Device + "'")
	}
	if e.DeleteOnTermination != nil {
		m.DeleteOnTermination = *e.DeleteOnTermination
	}
	if e.VolumeSize != nil {
		if *e.VolumeSize < m.Size {
			return invalidMapping(fmt.Sprintf("Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB", *e.VolumeSize, m.Snapshot, m.Size))
		}
		m.Size = *e.VolumeSize
	}
	iops, throughput := e.Iops, e.Throughput
	if e.VolumeType == "" || string(e.VolumeType) == m.Type {
		if iops == nil {
			iops = positive(m.IOPS)
		}
		if throughput == nil {
			throughput = positive(m.Throughput)
		}
	} else {
		m.Type = string(e.VolumeType)
	}
	if m.Type == "" {
		m.Type = string(types.VolumeTypeGp2)
	}
	gotIOPS, gotThroughput, err := checkPerformance(types.VolumeType(m.Type), m.Size, iops, throughput, false)
	if types.VolumeType(m.Type) == types.VolumeTypeGp2 {
		gotIOPS = 0 // follows from the size, so images do not have it
	}
	m.IOPS, m.Throughput = gotIOPS, gotThroughput
	return err
}
