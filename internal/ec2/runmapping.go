package ec2

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func invalidMapping(message string) error {
	return api.Error("InvalidBlockDeviceMapping", message)
}

// planVolumes lays the request's block device mapping over the image's: an
// entry for one of the image's devices changes it, NoDevice leaves it out,
// anything else is added (EC2 guide, "Block device mappings").
func (p *launchPlan) planVolumes(in *ec2.RunInstancesInput) error {
	for _, m := range p.image.Mappings {
		if m.Virtual == "" {
			p.volumes = append(p.volumes, p.imageVolume(m))
		}
	}
	seen := make(map[string]bool)
	for _, m := range in.BlockDeviceMappings {
		device := aws.ToString(m.DeviceName)
		if device == "" {
			return missingParameter("deviceName")
		}
		if seen[device] {
			return invalidMapping("The device '" + device + "' is used in more than one block-device mapping")
		}
		seen[device] = true
		if err := p.overlay(device, m); err != nil {
			return err
		}
	}
	return nil
}

// imageVolume is a volume as the image's mapping wants it.
func (p *launchPlan) imageVolume(m imageMapping) plannedVolume {
	spec := volumeSpec{
		Zone: p.subnet.Zone, Snapshot: m.Snapshot, Type: m.Type, Tags: p.tags[types.ResourceTypeVolume],
		Size: positive(m.Size), IOPS: positive(m.IOPS), Throughput: positive(m.Throughput),
	}
	if m.Encrypted {
		spec.Encrypted = aws.Bool(true)
	}
	return plannedVolume{device: m.Device, deleteOnTermination: m.DeleteOnTermination, spec: spec}
}

func (p *launchPlan) overlay(device string, m types.BlockDeviceMapping) error {
	at := slices.IndexFunc(p.volumes, func(v plannedVolume) bool { return v.device == device })
	isRoot := device == p.image.RootDevice
	switch {
	case m.NoDevice != nil:
		if m.Ebs != nil || m.VirtualName != nil {
			return invalidMapping("The device '" + device + "' cannot be suppressed and mapped at once")
		}
		if isRoot {
			return invalidMapping("The root device '" + device + "' cannot be suppressed")
		}
		if at >= 0 {
			p.volumes = slices.Delete(p.volumes, at, at+1)
		}
		return nil
	case m.VirtualName != nil:
		// Instance store volumes come with the type or not at all; a mapping of
		// one that the type does not have is ignored (EC2 guide, "Block device mappings").
		if m.Ebs != nil || isRoot || !strings.HasPrefix(*m.VirtualName, "ephemeral") {
			return invalidMapping("Invalid virtual name '" + *m.VirtualName + "' for device '" + device + "'")
		}
		return nil
	case m.Ebs == nil:
		return missingParameter("ebs")
	}
	if err := refuseUnbuiltEBS(m.Ebs); err != nil {
		return err
	}
	if m.Ebs.SnapshotId != nil && slices.ContainsFunc(p.image.Mappings, func(im imageMapping) bool { return im.Device == device && im.Virtual != "" }) {
		return invalidMapping("snapshotId can only be modified on EBS devices")
	}
	if at < 0 {
		p.volumes = append(p.volumes, plannedVolume{
			device: device, deleteOnTermination: true,
			spec: volumeSpec{Zone: p.subnet.Zone, Tags: p.tags[types.ResourceTypeVolume]},
		})
		at = len(p.volumes) - 1
	}
	return p.volumes[at].change(m.Ebs, isRoot)
}

func refuseUnbuiltEBS(e *types.EbsBlockDevice) error {
	switch {
	case e.OutpostArn != nil:
		return notBuilt("Ebs.OutpostArn")
	case e.EbsCardIndex != nil && *e.EbsCardIndex != 0:
		return notBuilt("Ebs.EbsCardIndex")
	case e.AvailabilityZone != nil || e.AvailabilityZoneId != nil:
		return invalidCombination("The parameter availabilityZone is not valid in a block device mapping of this operation.")
	}
	return nil
}

// change lays what a request's mapping says over the volume.
func (v *plannedVolume) change(e *types.EbsBlockDevice, isRoot bool) error {
	s := &v.spec
	if id := aws.ToString(e.SnapshotId); id != "" {
		if isRoot && id != s.Snapshot {
			return invalidMapping("snapshotId cannot be modified on root device")
		}
		if id != s.Snapshot {
			// The size that the image gives belongs to its own snapshot.
			s.Snapshot, s.Size = id, nil
		}
	}
	if e.DeleteOnTermination != nil {
		v.deleteOnTermination = *e.DeleteOnTermination
	}
	if e.VolumeType != "" && string(e.VolumeType) != s.Type {
		// What the image gives of performance is meant for its type.
		s.Type, s.IOPS, s.Throughput = string(e.VolumeType), nil, nil
	}
	if e.VolumeSize != nil {
		s.Size = e.VolumeSize
	}
	if e.Iops != nil {
		s.IOPS = e.Iops
	}
	if e.Throughput != nil {
		s.Throughput = e.Throughput
	}
	if e.Encrypted != nil {
		s.Encrypted = e.Encrypted
	}
	if aws.ToString(e.KmsKeyId) != "" {
		s.Key = e.KmsKeyId
	}
	s.InitRate = aws.ToInt32(e.VolumeInitializationRate)
	return nil
}
