package audit

import (
	"strings"
)

func tagsOfResource(r *regionDump, list []tagDetail) *Tags {
	if len(list) == 0 {
		return noTags
	}
	return r.sets.of(tagPairs(list))
}

type volumeFile struct {
	VolumeId, KmsKeyId, AvailabilityZone string
	Encrypted                            bool
	Attachments                          []struct{ InstanceId string }
	Tags                                 []tagDetail
}

func (f *files) volume(w whereabouts, v *volumeFile) {
	if !v.Encrypted {
		return
	}
	if z := strings.TrimRight(v.AvailabilityZone, "abcdefghijklmnopqrstuvwxyz"); regionID.MatchString(z) {
		w.region = z
	}
	r := f.in(w)
	one := Volume{ID: v.VolumeId, Key: v.KmsKeyId, Tags: tagsOfResource(r, v.Tags)}
	for _, a := range v.Attachments {
		one.Instance = a.InstanceId
	}
	r.region.Volumes = append(r.region.Volumes, one)
}

type reservationFile struct {
	Instances []struct {
		InstanceId string
		Tags       []tagDetail
	}
}

func (f *files) reservation(w whereabouts, v *reservationFile) {
	r := f.in(w)
	r.region.InstancesRead = true
	for _, i := range v.Instances {
		r.region.Instances = append(r.region.Instances, Instance{i.InstanceId, tagsOfResource(r, i.Tags)})
	}
}

type snapshotFile struct {
	SnapshotId, KmsKeyId, OwnerId string
	Encrypted                     bool
	Tags                          []tagDetail
}

func (f *files) snapshot(w whereabouts, n *snapshotFile) {
	if !n.Encrypted {
		return
	}
	if w.account == "" {
		w.account = n.OwnerId
	}
	w.region = or(regionOf(n.KmsKeyId), w.region)
	r := f.in(w)
	r.region.Snapshots = append(r.region.Snapshots, Snapshot{n.SnapshotId, n.KmsKeyId, tagsOfResource(r, n.Tags)})
}

type mappingFile struct {
	DeviceName string
	Ebs        *struct {
		SnapshotId, KmsKeyId string
		Encrypted            bool
	}
}

func devicesOf(list []mappingFile) []Device {
	var all []Device
	for _, m := range list {
		if m.Ebs != nil {
			all = append(all, Device{m.DeviceName, m.Ebs.SnapshotId, m.Ebs.KmsKeyId, m.Ebs.Encrypted})
		}
	}
	return all
}

type imageFile struct {
	ImageId, OwnerId    string
	BlockDeviceMappings []mappingFile
	Tags                []tagDetail
}

func (f *files) image(w whereabouts, m *imageFile) {
	if w.account == "" {
		w.account = m.OwnerId
	}
	r := f.in(w)
	r.region.Images = append(r.region.Images, Image{m.ImageId, tagsOfResource(r, m.Tags), devicesOf(m.BlockDeviceMappings)})
}

type templateFile struct {
	LaunchTemplateId string
	Tags             []tagDetail
}

func (f *files) template(w whereabouts, t *templateFile) {
	r := f.in(w)
	r.tags[t.LaunchTemplateId] = tagsOfResource(r, t.Tags)
}

type templateVersionFile struct {
	LaunchTemplateId, LaunchTemplateName string
	VersionNumber                        int64
	LaunchTemplateData                   struct {
		ImageId             string
		BlockDeviceMappings []mappingFile
	}
}

func (f *files) templateVersion(w whereabouts, v *templateVersionFile) {
	r := f.in(w)
	r.region.Templates = append(r.region.Templates, Template{
		ID: v.LaunchTemplateId, Name: v.LaunchTemplateName, Version: v.VersionNumber,
		Image: v.LaunchTemplateData.ImageId, Devices: devicesOf(v.LaunchTemplateData.BlockDeviceMappings),
	})
}

func (f *files) defaultKey(w whereabouts, key *string) error {
	w = w.of(*key)
	f.in(w).region.DefaultKey = *key
	return nil
}

func (f *files) byDefault(w whereabouts, yes *bool) error {
	f.in(w).region.ByDefault = *yes
	return nil
}
