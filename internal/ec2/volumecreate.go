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

// createVolumeTask ends a volume's creation.
const createVolumeTask = "ec2.create-volume"

// volumeCreation is how long a volume is shown as creating. AWS takes a few
// seconds; nobody learns anything from waiting.
const volumeCreation = 500 * time.Millisecond

// volumeTask is the payload of tasks about one volume.
type volumeTask struct {
	Volume string `json:"volume"`
}

func createVolumeSpec(c *api.Call, in *ec2.CreateVolumeInput) (volumeSpec, error) {
	zone, err := zoneOf(c.Region, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return volumeSpec{}, err
	}
	return volumeSpec{
		Zone: zone, Size: in.Size, Type: string(in.VolumeType), IOPS: in.Iops, Throughput: in.Throughput,
		Snapshot: aws.ToString(in.SnapshotId), Encrypted: in.Encrypted, Key: in.KmsKeyId,
		MultiAttach: aws.ToBool(in.MultiAttachEnabled), InitRate: aws.ToInt32(in.VolumeInitializationRate),
	}, nil
}

// createVolumeNeeds authorizes the volume as it would come out, and the
// snapshot that it is made of. A request that cannot be resolved is authorized
// with what it says, and fails afterwards.
func (s *Service) createVolumeNeeds(c *api.Call, in *ec2.CreateVolumeInput) ([]api.Need, error) {
	c.Event.RequestParameters = createVolumeParameters(in)
	n := need(c, "CreateVolume", types.ResourceTypeVolume, "*")
	spec, err := createVolumeSpec(c, in)
	if err == nil {
		var v volume
		v, err = s.planVolume(c, spec)
		if err == nil {
			setVolumeKeys(c, &n.Context, v)
		}
	}
	if err != nil {
		if errorCode(err) == "" {
			return nil, err
		}
		setVolumeKeys(c, &n.Context, volume{
			Zone: aws.ToString(in.AvailabilityZone), Type: string(in.VolumeType), Size: aws.ToInt32(in.Size),
			Encrypted: aws.ToBool(in.Encrypted), Key: aws.ToString(in.KmsKeyId), Snapshot: aws.ToString(in.SnapshotId),
		})
	}
	setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeVolume))
	needs := []api.Need{n}
	if id := aws.ToString(in.SnapshotId); id != "" {
		from, err := s.snapshotNeed(c, "CreateVolume", c.Region, id)
		if err != nil {
			return nil, err
		}
		needs = append(needs, from)
	}
	return append(needs, tagNeeds(c, "CreateVolume", in.TagSpecifications)...), nil
}

func (s *Service) createVolume(c *api.Call, in *ec2.CreateVolumeInput) (*ec2.CreateVolumeOutput, error) {
	if in.OutpostArn != nil {
		return nil, notBuilt("OutpostArn")
	}
	if in.Operator != nil {
		return nil, notBuilt("Operator")
	}
	if aws.ToString(in.AvailabilityZone) == "" && aws.ToString(in.AvailabilityZoneId) == "" {
		return nil, missingParameter("AvailabilityZone")
	}
	if err := checkInitRate(in); err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeVolume))
	if err != nil {
		return nil, err
	}
	earlier, err := usedToken(c, in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	if earlier != "" {
		v, err := s.getVolume(c, earlier)
		if err != nil {
			return nil, err
		}
		return createVolumeOutput(c, v)
	}
	spec, err := createVolumeSpec(c, in)
	if err != nil {
		return nil, err
	}
	spec.Tags = tags
	if spec.Snapshot != "" {
		// A snapshot that can only be reached through an image is for launches.
		if _, err := s.getSnapshot(c, spec.Snapshot); err != nil {
			return nil, err
		}
	}
	v, err := s.newVolume(c, spec)
	if err != nil {
		return nil, err
	}
	if err := keepToken(c, in.ClientToken, in, v.ID); err != nil {
		return nil, err
	}
	if err := c.Schedule(createVolumeTask, v.ID, volumeCreation, volumeTask{Volume: v.ID}); err != nil {
		return nil, err
	}
	return createVolumeOutput(c, v)
}

// The range of VolumeInitializationRate, MiB/s (EBS guide, "Initialize Amazon
// EBS volumes").
const minInitRate, maxInitRate = 100, 300

func checkInitRate(in *ec2.CreateVolumeInput) error {
	switch rate := in.VolumeInitializationRate; {
	case rate == nil:
		return nil
	case aws.ToString(in.SnapshotId) == "":
		return invalidCombination("The parameter VolumeInitializationRate requires the parameter SnapshotId to be set.")
	case *rate < minInitRate || *rate > maxInitRate:
		return invalidValue("Value (%d) for parameter volumeInitializationRate is invalid. Expected a value between %d and %d.",
			*rate, minInitRate, maxInitRate)
	}
	return nil
}

func createVolumeOutput(c *api.Call, v volume) (*ec2.CreateVolumeOutput, error) {
	tags, err := tagsOf(c, v.ID)
	if err != nil {
		return nil, err
	}
	d := v.describe(c, tags)
	return &ec2.CreateVolumeOutput{
		Attachments: d.Attachments, AvailabilityZone: d.AvailabilityZone, AvailabilityZoneId: d.AvailabilityZoneId,
		CreateTime: d.CreateTime, Encrypted: d.Encrypted, Iops: d.Iops, KmsKeyId: d.KmsKeyId,
		MultiAttachEnabled: d.MultiAttachEnabled, Operator: d.Operator, Size: d.Size, SnapshotId: d.SnapshotId,
		State: d.State, Tags: answeredTags(d.Tags), Throughput: d.Throughput, VolumeId: d.VolumeId, VolumeType: d.VolumeType,
		VolumeInitializationRate: d.VolumeInitializationRate, OwnerId: d.OwnerId, VolumeArn: d.VolumeArn,
	}, nil
}

// finishVolume is the second half of CreateVolume. A volume whose key KMS
// refuses is simply no longer there: that is all the caller ever sees of it,
// besides the denied request in CloudTrail.
func (s *Service) finishVolume(c *api.Call, raw json.RawMessage) error {
	task, err := api.DecodePayload[volumeTask](raw)
	if err != nil {
		return err
	}
	v, err := volumeTable.Get(c.Tx, c.Scope(), task.Volume)
	if errors.Is(err, store.ErrNotFound) || err == nil && v.State != string(types.VolumeStateCreating) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.fillVolume(c, &v, launch.CreateVolume); err != nil {
		if errorCode(err) == "" {
			return err // ours, not an answer: the task runs again
		}
		return s.dropVolume(c, v)
	}
	v.State = string(types.VolumeStateAvailable)
	return s.putVolume(c, v)
}
