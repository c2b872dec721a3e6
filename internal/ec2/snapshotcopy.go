package ec2

import (
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
)

// copySnapshotTask ends a copy, or finds that it cannot be made.
const copySnapshotTask = "ec2.copy-snapshot"

// copyTask is the payload of a copy: where it comes from.
type copyTask struct {
	Snapshot string `json:"snapshot"`
	Source   string `json:"source"`
	Region   string `json:"region"` // the source's
}

// inaccessibleKey is what a copy says whose key KMS refused (EBS guide, "Copy
// an Amazon EBS snapshot").
const inaccessibleKey = "Given key ID is not accessible"

// copySnapshotNeeds wants the permission on the source as well as on the copy.
func (s *Service) copySnapshotNeeds(c *api.Call, in *ec2.CopySnapshotInput) ([]api.Need, error) {
	ofSource, err := s.snapshotNeed(c, "CopySnapshot", aws.ToString(in.SourceRegion), aws.ToString(in.SourceSnapshotId))
	if err != nil {
		return nil, err
	}
	n := need(c, "CopySnapshot", types.ResourceTypeSnapshot, "*")
	n.Context.Set("ec2:Owner", c.Account)
	if in.Encrypted != nil {
		n.Context.Set("ec2:Encrypted", boolKey(*in.Encrypted))
	}
	setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeSnapshot))
	return append([]api.Need{n, ofSource}, tagNeeds(c, "CopySnapshot", in.TagSpecifications)...), nil
}

func (s *Service) copySnapshot(c *api.Call, in *ec2.CopySnapshotInput) (*ec2.CopySnapshotOutput, error) {
	if err := checkCopy(in); err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeSnapshot))
	if err != nil {
		return nil, err
	}
	region := aws.ToString(in.SourceRegion)
	from, err := s.getSnapshotIn(c, region, aws.ToString(in.SourceSnapshotId))
	if err != nil {
		return nil, err
	}
	snap, err := s.beginCopy(c, from, region, copyOptions{
		encrypted: in.Encrypted, key: in.KmsKeyId, description: aws.ToString(in.Description), tags: tags,
	})
	if err != nil {
		return nil, err
	}
	return &ec2.CopySnapshotOutput{SnapshotId: aws.String(snap.ID), Tags: describeTags(tags)}, nil
}

func checkCopy(in *ec2.CopySnapshotInput) error {
	switch {
	case in.DestinationOutpostArn != nil:
		return notBuilt("DestinationOutpostArn")
	case in.DestinationAvailabilityZone != nil:
		return notBuilt("DestinationAvailabilityZone")
	}
	if minutes := in.CompletionDurationMinutes; minutes != nil && (*minutes < 15 || *minutes > 2880 || *minutes%15 != 0) {
		return invalidValue("Value (%d) for parameter completionDurationMinutes is invalid. Expected a multiple of 15 between 15 and 2880.", *minutes)
	}
	if err := checkSourceRegion(aws.ToString(in.SourceRegion)); err != nil {
		return err
	}
	return checkDescription(in.Description)
}

func checkSourceRegion(name string) error {
	if _, ok := regionNamed(name); !ok {
		return invalidValue("Invalid source region: [%s]", name)
	}
	return nil
}

// copyOptions are what a copy is to be.
type copyOptions struct {
	encrypted   *bool
	key         *string
	description string
	tags        map[string]string
}

// beginCopy makes a pending copy of a snapshot in the call's region. Under
// which key it will be does not depend on the source's: it is the one that was
// asked for, or the account's default (EBS guide, "Copy an Amazon EBS
// snapshot"; an encrypted snapshot cannot be copied to an unencrypted one).
func (s *Service) beginCopy(c *api.Call, from snapshot, region string, o copyOptions) (snapshot, error) {
	switch {
	case from.State != string(types.SnapshotStateCompleted):
		return snapshot{}, incorrectState("Snapshot is in invalid state - %s", from.State)
	case o.key != nil && !aws.ToBool(o.encrypted):
		return snapshot{}, api.Error("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.")
	case from.Encrypted && o.encrypted != nil && !*o.encrypted:
		return snapshot{}, invalidValue("Value (false) for parameter encrypted is invalid. The copy of an encrypted snapshot is encrypted.")
	}
	d, err := ebsDefaultOf(c)
	if err != nil {
		return snapshot{}, err
	}
	snap := snapshot{
		ID: c.NewID("snap-"), Owner: c.Account, Volume: copiedVolume, Size: from.Size, State: string(types.SnapshotStatePending),
		Description: o.description, Started: c.Now, Encrypted: from.Encrypted || aws.ToBool(o.encrypted) || d.Encrypt,
	}
	if snap.Description == "" {
		snap.Description = "[Copied " + from.ID + " from " + region + "]"
	}
	switch {
	case !snap.Encrypted:
	case o.key != nil:
		snap.Key = keyReference(c, *o.key)
	default:
		snap.Key = d.key()
	}
	if err := putTags(c, string(types.ResourceTypeSnapshot), snap.ID, o.tags); err != nil {
		return snapshot{}, err
	}
	if err := s.putSnapshot(c, snap); err != nil {
		return snapshot{}, err
	}
	return snap, c.Schedule(copySnapshotTask, snap.ID, snapshotTime, copyTask{Snapshot: snap.ID, Source: from.ID, Region: region})
}

// finishCopy is the second half of a copy. KMS's refusal ends in the state
// error, which is all that the caller ever sees of it.
func (s *Service) finishCopy(c *api.Call, snap snapshot, raw json.RawMessage) error {
	task, err := api.DecodePayload[copyTask](raw)
	if err != nil {
		return err
	}
	if snap.Encrypted {
		err := s.encryptCopy(c, &snap, task)
		if err != nil && errorCode(err) == "" {
			return err
		}
		if err != nil {
			snap.State, snap.Message = string(types.SnapshotStateError), inaccessibleKey
			if errorCode(err) == snapshotIdentifier.missing {
				snap.Message = "The source snapshot " + task.Source + " does not exist"
			}
			return s.putSnapshot(c, snap)
		}
	}
	return s.completeSnapshot(c, snap, nil)
}

// encryptCopy does what an encrypted copy takes of KMS and sets its key and
// data key, whose encryption context is the copy's own id.
func (s *Service) encryptCopy(c *api.Call, snap *snapshot, task copyTask) error {
	from, err := s.getSnapshotIn(c, task.Region, task.Source)
	if err != nil {
		return err
	}
	key, managed, err := resolveKey(c, snap.Key)
	if err != nil {
		return err
	}
	source, wrapped := *from.source(), from.DataKey
	if from.Encrypted && task.Region != c.Region {
		if err := s.openAbroad(c, snap.ID, from, task.Region); err != nil {
			return err
		}
		source, wrapped = launch.Source{Snapshot: from.ID}, nil
	}
	done, err := s.perform(c, launch.CopySnapshot(siteOf(c), snap.ID, key, source), wrapped)
	if retired := s.retire(c, done); err == nil {
		err = retired
	}
	if err != nil {
		return err
	}
	snap.Key, snap.KeyManaged, snap.DataKey = key, managed, done.DataKey
	snap.Context = map[string]string{launch.ContextKey: snap.ID}
	snap.Lineage = c.NewUUID()
	return nil
}

// openAbroad opens the source of a copy in its own region. A KMS key works in
// its region only, so nothing can be re-encrypted from one to the other: EBS
// decrypts there, under the grant that a copy makes, and encrypts here.
func (s *Service) openAbroad(c *api.Call, copyID string, from snapshot, region string) error {
	there := *c
	there.Region = region
	site := siteOf(&there)
	var steps []launch.Step
	for _, step := range launch.CopySnapshot(site, copyID, from.Key, *from.source()) {
		if step.Operation == launch.CreateGrant {
			steps = append(steps, step)
		}
	}
	steps = append(steps, launch.Step{
		Operation: launch.Decrypt, By: launch.ByService, Key: from.Key, Volume: copyID, EncryptionContext: from.Context,
	})
	done, err := s.perform(&there, steps, from.DataKey)
	if retired := s.retire(&there, done); err == nil {
		err = retired
	}
	return err
}
