package ec2

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/store"
)

// volume is an EBS volume.
type volume struct {
	ID         string `json:"id"`
	Zone       string `json:"zone"` // availability zone's name
	Type       string `json:"type"` // "gp3"
	Size       int32  `json:"size"` // GiB
	IOPS       int32  `json:"iops,omitempty"`
	Throughput int32  `json:"throughput,omitempty"` // MiB/s; gp3 only
	Encrypted  bool   `json:"encrypted,omitempty"`
	// Key is the KMS key's ARN. While the volume is being created it may be what
	// the request or the account's default named, an alias: see fillVolume.
	Key string `json:"key,omitempty"`
	// KeyManaged: the key is AWS managed, so snapshots cannot be shared.
	KeyManaged bool `json:"keyManaged,omitempty"`
	// DataKey is the volume's data key, wrapped under Key with the volume's id
	// in the encryption context.
	DataKey []byte `json:"dataKey,omitempty"`
	// Lineage is what snapshots show as DataEncryptionKeyId.
	Lineage     string       `json:"lineage,omitempty"`
	Snapshot    string       `json:"snapshot,omitempty"`
	State       string       `json:"state"`
	Created     time.Time    `json:"created"`
	MultiAttach bool         `json:"multiAttach,omitempty"`
	AutoIO      bool         `json:"autoIO,omitempty"`             // AutoEnableIO
	InitRate    int32        `json:"initializationRate,omitempty"` // MiB/s
	Attachments []attachment `json:"attachments,omitempty"`
	// Modifications are the volume's modifications, oldest first.
	Modifications []modification `json:"modifications,omitempty"`
}

// attachment is a volume in its place at an instance, running or not.
type attachment struct {
	Instance            string    `json:"instance"`
	Device              string    `json:"device"`
	State               string    `json:"state"`
	At                  time.Time `json:"at"`
	DeleteOnTermination bool      `json:"deleteOnTermination,omitempty"`
	// Grant is the id of the KMS grant under which the instance decrypts the
	// data key; empty while the instance is stopped.
	Grant string `json:"grant,omitempty"`
}

// byInstance is the index of volumes by the instances that they are attached to.
const byInstance = "instance"

var volumeTable = store.NewTable("ec2.volume", store.Index[volume]{
	Name: byInstance,
	Keys: func(_ string, v volume) []string {
		var instances []string
		for _, a := range v.Attachments {
			instances = append(instances, a.Instance)
		}
		return instances
	},
})

func (s *Service) volumeOperations() []api.Operation {
	return append(s.ebsDefaultOperations(), []api.Operation{
		api.Op("CreateVolume", s.createVolumeNeeds, s.createVolume),
		api.Op("DeleteVolume", s.deleteVolumeNeeds, s.deleteVolume),
		api.Op("AttachVolume", s.attachVolumeNeeds, s.attachVolume),
		api.Op("DetachVolume", s.detachVolumeNeeds, s.detachVolume),
		api.Op("ModifyVolume", s.modifyVolumeNeeds, s.modifyVolume),
		api.Op("ModifyVolumeAttribute",
			onVolume(s, "ModifyVolumeAttribute", func(in *ec2.ModifyVolumeAttributeInput) *string { return in.VolumeId }), s.modifyVolumeAttribute),
		api.Op("EnableVolumeIO",
			onVolume(s, "EnableVolumeIO", func(in *ec2.EnableVolumeIOInput) *string { return in.VolumeId }), s.enableVolumeIO),
		api.Read("DescribeVolumes", anywhere[ec2.DescribeVolumesInput]("DescribeVolumes"), s.describeVolumes),
		api.Read("DescribeVolumeStatus", anywhere[ec2.DescribeVolumeStatusInput]("DescribeVolumeStatus"), s.describeVolumeStatus),
		api.Read("DescribeVolumeAttribute",
			onVolume(s, "DescribeVolumeAttribute", func(in *ec2.DescribeVolumeAttributeInput) *string { return in.VolumeId }), s.describeVolumeAttribute),
		api.Read("DescribeVolumesModifications",
			anywhere[ec2.DescribeVolumesModificationsInput]("DescribeVolumesModifications"), s.describeVolumesModifications),
	}...)
}

func (s *Service) volumeTasks() map[string]func(*api.Call, json.RawMessage) error {
	return map[string]func(*api.Call, json.RawMessage) error{
		createVolumeTask: s.finishVolume,
	}
}

// getVolume returns one of the account's volumes, or EC2's error for an id that
// is none or belongs to nothing.
func (s *Service) getVolume(c *api.Call, id string) (volume, error) {
	if err := volumeIdentifier.check(id); err != nil {
		return volume{}, err
	}
	v, err := volumeTable.Get(c.Tx, c.Scope(), id)
	if errors.Is(err, store.ErrNotFound) {
		return volume{}, volumeIdentifier.notFound(id)
	}
	return v, err
}

func (s *Service) putVolume(c *api.Call, v volume) error {
	return volumeTable.Put(c.Tx, c.Scope(), v.ID, v)
}

// volumesOf returns the volumes attached to an instance, in the order of ids.
func (s *Service) volumesOf(c *api.Call, instanceID string) ([]volume, error) {
	var volumes []volume
	for v, err := range volumeTable.Find(c.Tx, c.Scope(), byInstance, instanceID) {
		if err != nil {
			return nil, err
		}
		volumes = append(volumes, v)
	}
	return volumes, nil
}

// dropVolume ends a volume and its tags. Its grants are the caller's to retire.
func (s *Service) dropVolume(c *api.Call, v volume) error {
	if err := putTags(c, string(types.ResourceTypeVolume), v.ID, nil); err != nil {
		return err
	}
	return volumeTable.Delete(c.Tx, c.Scope(), v.ID)
}

// attachmentOf returns the volume's attachment to an instance.
func (v *volume) attachmentOf(instance string) (*attachment, bool) {
	for i := range v.Attachments {
		if v.Attachments[i].Instance == instance {
			return &v.Attachments[i], true
		}
	}
	return nil, false
}

// launchVolume is the volume as package launch sees it, once it exists.
func (v volume) launchVolume() launch.Volume { return launch.Volume{ID: v.ID, Key: v.Key} }

// attachTime is how long an attachment is shown as attaching.
const attachTime = time.Second

// shownState is the attachment's state as Describe operations show it at a time.
func (a attachment) shownState(now time.Time) types.VolumeAttachmentState {
	if a.State == string(types.VolumeAttachmentStateAttached) && now.Before(a.At.Add(attachTime)) {
		return types.VolumeAttachmentStateAttaching
	}
	return types.VolumeAttachmentState(a.State)
}

// shownTime is when it was attached as Describe operations show it, to the
// second.
func (a attachment) shownTime() time.Time { return a.At.Truncate(time.Second) }

func (a attachment) describe(volumeID string, now time.Time) types.VolumeAttachment {
	return types.VolumeAttachment{
		AttachTime:          aws.Time(a.shownTime()),
		DeleteOnTermination: aws.Bool(a.DeleteOnTermination),
		Device:              aws.String(a.Device),
		InstanceId:          aws.String(a.Instance),
		State:               a.shownState(now),
		VolumeId:            aws.String(volumeID),
	}
}

func (v volume) describe(c *api.Call, tags map[string]string) types.Volume {
	out := types.Volume{
		Attachments:        []types.VolumeAttachment{},
		AvailabilityZone:   aws.String(v.Zone),
		CreateTime:         aws.Time(v.Created),
		Encrypted:          aws.Bool(v.Encrypted),
		MultiAttachEnabled: aws.Bool(v.MultiAttach),
		Operator:           &types.OperatorResponse{Managed: aws.Bool(false)},
		Size:               aws.Int32(v.Size),
		SnapshotId:         aws.String(v.Snapshot),
		State:              types.VolumeState(v.State),
		Tags:               describeTags(tags),
		OwnerId:            aws.String(c.Account),
		VolumeArn:          aws.String(resourceARN(c, types.ResourceTypeVolume, v.ID)),
		VolumeId:           aws.String(v.ID),
		VolumeType:         types.VolumeType(v.Type),
		Iops:               positive(v.IOPS),
		Throughput:         positive(v.Throughput),
	}
	if id := zoneID(c, v.Zone); id != "" {
		out.AvailabilityZoneId = aws.String(id)
	}
	if v.Encrypted {
		out.KmsKeyId = aws.String(v.Key)
	}
	if v.InitRate > 0 {
		out.VolumeInitializationRate = aws.Int32(v.InitRate)
	}
	for _, a := range v.Attachments {
		out.Attachments = append(out.Attachments, a.describe(v.ID, c.Now))
	}
	return out
}

// positive is a number that is left out where it is zero.
func positive(n int32) *int32 {
	if n == 0 {
		return nil
	}
	return &n
}

// zoneID is the id of a zone of the call's region, empty if it has none.
func zoneID(c *api.Call, name string) string {
	z, ok := zoneNamed(c.Region, name)
	if !ok {
		return ""
	}
	return z.ID
}
