package ec2

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/store"
)

// completeSnapshotTask ends a snapshot that was made from a volume.
const completeSnapshotTask = "ec2.complete-snapshot"

// snapshotTime is how long a snapshot is pending. AWS takes as long as there is
// data to copy; there is none.
const snapshotTime = time.Second

// snapshotTask is the payload of tasks about one snapshot.
type snapshotTask struct {
	Snapshot string `json:"snapshot"`
}

// maxDescription is the limit of descriptions, in characters.
const maxDescription = 255

func checkDescription(description *string) error {
	if n := len([]rune(aws.ToString(description))); n > maxDescription {
		return invalidValue("Value (%d characters) for parameter description is invalid. Length exceeds maximum of %d.", n, maxDescription)
	}
	return nil
}

func checkLocation(location types.SnapshotLocationEnum, outpost *string) error {
	if outpost != nil {
		return notBuilt("OutpostArn")
	}
	if location == types.SnapshotLocationEnumLocal {
		return invalidCombination("Local snapshots are supported only for volumes in Local Zones or on Outposts.")
	}
	return nil
}

// setSnapshotKeys gives the condition keys of a snapshot.
func setSnapshotKeys(c *api.Call, context *access.Context, snap snapshot) {
	owner := snap.OwnerAlias
	if owner == "" {
		owner = snap.Owner
	}
	context.Set("ec2:Owner", owner)
	context.Set("ec2:Encrypted", boolKey(snap.Encrypted))
	context.Set("ec2:VolumeSize", decimal(snap.Size))
	context.Set("ec2:ParentVolume", resourceARN(c, types.ResourceTypeVolume, snap.Volume))
	if snap.ID != "" {
		context.Set("ec2:SnapshotID", snap.ID)
		context.Set("ec2:SnapshotTime", snap.Started.UTC().Format(time.RFC3339))
	}
}

// snapshotNeed is the permission for an action on a snapshot that may not exist.
func (s *Service) snapshotNeed(c *api.Call, action, region, id string) (api.Need, error) {
	n := need(c, action, types.ResourceTypeSnapshot, id)
	n.Resource = "arn:" + c.Partition + ":ec2:" + region + "::snapshot/" + id
	snap, err := s.getSnapshotIn(c, region, id)
	if err != nil {
		if errorCode(err) == "" {
			return n, err
		}
		return n, nil
	}
	setSnapshotKeys(c, &n.Context, snap)
	if region != c.Region {
		return n, nil
	}
	tags, err := tagsOf(c, id)
	setResourceTags(&n.Context, tags)
	return n, err
}

// onSnapshot is the descriptor of an action on one snapshot.
func onSnapshot[In any](s *Service, action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := s.snapshotNeed(c, action, c.Region, aws.ToString(id(in)))
		return []api.Need{n}, err
	}
}

// newSnapshotNeed is the permission for making snapshots of a volume.
func newSnapshotNeed(c *api.Call, action string, v volume, specs []types.TagSpecification) api.Need {
	n := need(c, action, types.ResourceTypeSnapshot, "*")
	if v.ID != "" {
		setSnapshotKeys(c, &n.Context, snapshot{Owner: c.Account, Encrypted: v.Encrypted, Size: v.Size, Volume: v.ID})
	}
	setRequestTags(&n.Context, specTags(specs, types.ResourceTypeSnapshot))
	return n
}

func (s *Service) createSnapshotNeeds(c *api.Call, in *ec2.CreateSnapshotInput) ([]api.Need, error) {
	ofVolume, err := s.volumeNeed(c, "CreateSnapshot", aws.ToString(in.VolumeId))
	if err != nil {
		return nil, err
	}
	v, err := s.getVolume(c, aws.ToString(in.VolumeId))
	if err != nil && errorCode(err) == "" {
		return nil, err
	}
	needs := []api.Need{newSnapshotNeed(c, "CreateSnapshot", v, in.TagSpecifications), ofVolume}
	return append(needs, tagNeeds(c, "CreateSnapshot", in.TagSpecifications)...), nil
}

func (s *Service) createSnapshot(c *api.Call, in *ec2.CreateSnapshotInput) (*ec2.CreateSnapshotOutput, error) {
	if err := checkLocation(in.Location, in.OutpostArn); err != nil {
		return nil, err
	}
	if err := checkDescription(in.Description); err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeSnapshot))
	if err != nil {
		return nil, err
	}
	v, err := s.getVolume(c, aws.ToString(in.VolumeId))
	if err != nil {
		return nil, err
	}
	snap, err := s.snapVolume(c, v, aws.ToString(in.Description), tags)
	if err != nil {
		return nil, err
	}
	d := snap.describe(tags)
	return &ec2.CreateSnapshotOutput{
		Description: d.Description, Encrypted: d.Encrypted, KmsKeyId: d.KmsKeyId, DataEncryptionKeyId: d.DataEncryptionKeyId,
		OwnerId: d.OwnerId, Progress: aws.String(""), SnapshotId: d.SnapshotId, StartTime: d.StartTime,
		State: d.State, Tags: answeredTags(d.Tags), VolumeId: d.VolumeId, VolumeSize: d.VolumeSize,
	}, nil
}

// snapVolume begins a snapshot of a volume. It takes nothing of KMS: the
// snapshot has the volume's wrapped data key, which opens with the volume's id
// (KMS guide, "How Amazon EBS uses AWS KMS").
func (s *Service) snapVolume(c *api.Call, v volume, description string, tags map[string]string) (snapshot, error) {
	if v.State != string(types.VolumeStateAvailable) && v.State != string(types.VolumeStateInUse) {
		return snapshot{}, incorrectState("The volume '%s' is '%s'", v.ID, v.State)
	}
	snap := snapshot{
		ID: c.NewID("snap-"), Owner: c.Account, Volume: v.ID, Size: v.Size, State: string(types.SnapshotStatePending),
		Description: description, Started: c.Now, Encrypted: v.Encrypted, Key: v.Key, KeyManaged: v.KeyManaged,
		DataKey: v.DataKey, Lineage: v.Lineage,
	}
	if v.Encrypted {
		snap.Context = map[string]string{launch.ContextKey: v.ID}
	}
	if err := putTags(c, string(types.ResourceTypeSnapshot), snap.ID, tags); err != nil {
		return snapshot{}, err
	}
	if err := s.putSnapshot(c, snap); err != nil {
		return snapshot{}, err
	}
	return snap, c.Schedule(completeSnapshotTask, snap.ID, snapshotTime, snapshotTask{Snapshot: snap.ID})
}

// onPendingSnapshot makes a task about a snapshot that still is pending.
func (s *Service) onPendingSnapshot(do func(*api.Call, snapshot, json.RawMessage) error) func(*api.Call, json.RawMessage) error {
	return func(c *api.Call, raw json.RawMessage) error {
		task, err := api.DecodePayload[snapshotTask](raw)
		if err != nil {
			return err
		}
		snap, err := snapshotTable.Get(c.Tx, c.Scope(), task.Snapshot)
		if errors.Is(err, store.ErrNotFound) || err == nil && snap.State != string(types.SnapshotStatePending) {
			return nil
		}
		if err != nil {
			return err
		}
		return do(c, snap, raw)
	}
}

func (s *Service) completeSnapshot(c *api.Call, snap snapshot, _ json.RawMessage) error {
	snap.State, snap.Completed = string(types.SnapshotStateCompleted), c.Now
	return s.putSnapshot(c, snap)
}

func (s *Service) createSnapshotsNeeds(c *api.Call, in *ec2.CreateSnapshotsInput) ([]api.Need, error) {
	var id string
	if in.InstanceSpecification != nil {
		id = aws.ToString(in.InstanceSpecification.InstanceId)
	}
	ofInstance, err := s.instanceNeed(c, "CreateSnapshots", id)
	if err != nil {
		return nil, err
	}
	needs := []api.Need{ofInstance, newSnapshotNeed(c, "CreateSnapshots", volume{}, in.TagSpecifications)}
	volumes, err := s.volumesOf(c, id)
	if err != nil {
		return nil, err
	}
	for _, v := range volumes {
		n, err := s.volumeNeed(c, "CreateSnapshots", v.ID)
		if err != nil {
			return nil, err
		}
		needs = append(needs, n)
	}
	return append(needs, tagNeeds(c, "CreateSnapshots", in.TagSpecifications)...), nil
}

// createSnapshots snaps all volumes of an instance at one moment.
func (s *Service) createSnapshots(c *api.Call, in *ec2.CreateSnapshotsInput) (*ec2.CreateSnapshotsOutput, error) {
	if err := checkLocation(in.Location, in.OutpostArn); err != nil {
		return nil, err
	}
	if err := checkDescription(in.Description); err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeSnapshot))
	if err != nil {
		return nil, err
	}
	if in.InstanceSpecification == nil || in.InstanceSpecification.InstanceId == nil {
		return nil, missingParameter("InstanceSpecification.InstanceId")
	}
	volumes, err := s.volumesToSnap(c, in.InstanceSpecification)
	if err != nil {
		return nil, err
	}
	out := &ec2.CreateSnapshotsOutput{Snapshots: []types.SnapshotInfo{}}
	for _, v := range volumes {
		own := maps.Clone(tags)
		if in.CopyTagsFromSource == types.CopyTagsFromSourceVolume {
			if own, err = withSourceTags(c, v.ID, tags); err != nil {
				return nil, err
			}
		}
		snap, err := s.snapVolume(c, v, aws.ToString(in.Description), own)
		if err != nil {
			return nil, err
		}
		d := snap.describe(own)
		out.Snapshots = append(out.Snapshots, types.SnapshotInfo{
			Description: d.Description, Encrypted: d.Encrypted, OwnerId: d.OwnerId, Progress: aws.String(""), SnapshotId: d.SnapshotId,
			StartTime: d.StartTime, State: d.State, Tags: answeredTags(d.Tags), VolumeId: d.VolumeId, VolumeSize: d.VolumeSize,
		})
	}
	return out, nil
}

// withSourceTags are the tags of a resource with others laid over them.
func withSourceTags(c *api.Call, source string, over map[string]string) (map[string]string, error) {
	has, err := tagsOf(c, source)
	if err != nil {
		return nil, err
	}
	tags := make(map[string]string, len(has)+len(over))
	for k, v := range has {
		if checkReserved(k) == nil {
			tags[k] = v
		}
	}
	maps.Copy(tags, over)
	if len(tags) > maxTags {
		return nil, tagLimitExceeded()
	}
	return tags, nil
}

func (s *Service) volumesToSnap(c *api.Call, spec *types.InstanceSpecification) ([]volume, error) {
	i, err := s.getInstance(c, *spec.InstanceId)
	if err != nil {
		return nil, err
	}
	volumes, err := s.volumesOf(c, i.ID)
	if err != nil {
		return nil, err
	}
	for _, id := range spec.ExcludeDataVolumeIds {
		at := slices.IndexFunc(volumes, func(v volume) bool { return v.ID == id })
		if at < 0 {
			return nil, invalidValue("The volume '%s' is not attached to instance '%s'.", id, i.ID)
		}
		if a, _ := volumes[at].attachmentOf(i.ID); a.Device == i.RootDevice {
			return nil, invalidValue("The root volume '%s' cannot be given as a data volume to exclude.", id)
		}
	}
	volumes = slices.DeleteFunc(volumes, func(v volume) bool {
		a, _ := v.attachmentOf(i.ID)
		return slices.Contains(spec.ExcludeDataVolumeIds, v.ID) || aws.ToBool(spec.ExcludeBootVolume) && a.Device == i.RootDevice
	})
	if len(volumes) == 0 {
		return nil, invalidCombination("No volumes of instance '%s' are left to create snapshots of.", i.ID)
	}
	return volumes, nil
}
