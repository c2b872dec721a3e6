package ec2

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/store"
)

// snapshot is an EBS snapshot.
type snapshot struct {
	ID         string `json:"id"`
	Owner      string `json:"owner"`
	OwnerAlias string `json:"ownerAlias,omitempty"` // "amazon"
	Volume     string `json:"volume"`
	Size       int32  `json:"size"` // of the volume, GiB
	State      string `json:"state"`
	// Message is why the snapshot failed.
	Message     string    `json:"message,omitempty"`
	Description string    `json:"description,omitempty"`
	Started     time.Time `json:"started"`
	Completed   time.Time `json:"completed,omitzero"`
	Encrypted   bool      `json:"encrypted,omitempty"`
	// Key is the KMS key's ARN, and KeyManaged whether it is AWS managed.
	Key        string `json:"key,omitempty"`
	KeyManaged bool   `json:"keyManaged,omitempty"`
	// DataKey is the data key, wrapped under Key with Context: the volume's id,
	// or the snapshot's own if CopySnapshot made it.
	DataKey []byte            `json:"dataKey,omitempty"`
	Context map[string]string `json:"context,omitempty"`
	// Lineage is DataEncryptionKeyId: the same for all that share a data key.
	Lineage string      `json:"lineage,omitempty"`
	Share   permissions `json:"share,omitzero"`

	Lock snapshotLock `json:"lock,omitzero"`
}

var snapshotTable = store.NewTable[snapshot]("ec2.snapshot")

func (s *Service) snapshotOperations() []api.Operation {
	return slices.Concat(s.snapshotLockOperations(), []api.Operation{
		api.Op("CreateSnapshot", s.createSnapshotNeeds, s.createSnapshot),
		api.Op("CreateSnapshots", s.createSnapshotsNeeds, s.createSnapshots),
		api.Op("CopySnapshot", s.copySnapshotNeeds, s.copySnapshot),
		api.Op("DeleteSnapshot", onSnapshot(s, "DeleteSnapshot", func(in *ec2.DeleteSnapshotInput) *string { return in.SnapshotId }), s.deleteSnapshot),
		api.Op("ModifySnapshotAttribute", s.modifySnapshotAttributeNeeds, s.modifySnapshotAttribute),
		api.Op("ResetSnapshotAttribute",
			onSnapshot(s, "ResetSnapshotAttribute", func(in *ec2.ResetSnapshotAttributeInput) *string { return in.SnapshotId }), s.resetSnapshotAttribute),
		api.Read("DescribeSnapshots", anywhere[ec2.DescribeSnapshotsInput]("DescribeSnapshots"), s.describeSnapshots),
		api.Read("DescribeSnapshotAttribute",
			onSnapshot(s, "DescribeSnapshotAttribute", func(in *ec2.DescribeSnapshotAttributeInput) *string { return in.SnapshotId }), s.describeSnapshotAttribute),
	})
}

func (s *Service) snapshotTasks() map[string]func(*api.Call, json.RawMessage) error {
	return map[string]func(*api.Call, json.RawMessage) error{
		completeSnapshotTask: s.onPendingSnapshot(s.completeSnapshot),
		copySnapshotTask:     s.onPendingSnapshot(s.finishCopy),
	}
}

// getSnapshot returns a snapshot that the account may use: its own, one that is
// shared with it or public, one of the catalogue. Anything else does not exist.
func (s *Service) getSnapshot(c *api.Call, id string) (snapshot, error) {
	return s.getSnapshotIn(c, c.Region, id)
}

// getSnapshotIn is getSnapshot for another region, the source of a copy.
func (s *Service) getSnapshotIn(c *api.Call, region, id string) (snapshot, error) {
	if err := snapshotIdentifier.check(id); err != nil {
		return snapshot{}, err
	}
	snap, err := snapshotTable.Get(c.Tx, store.Scope{Account: c.Account, Region: region}, id)
	if !errors.Is(err, store.ErrNotFound) {
		return snap, err
	}
	owner, err := sharedOwner(c, sharedSnapshotTable, region, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if snap, ok := catalogueOf(region).snapshots[id]; ok {
			return snap, nil
		}
		return snapshot{}, snapshotIdentifier.notFound(id)
	case err != nil:
		return snapshot{}, err
	}
	return snapshotTable.Get(c.Tx, store.Scope{Account: owner, Region: region}, id)
}

// snapshotToRestore is getSnapshot for a launch: who may launch an image may
// make volumes of its snapshots, though they are shared with nobody (EC2 guide,
// "Share an AMI with specific AWS accounts": only the AMI has to be shared).
func (s *Service) snapshotToRestore(c *api.Call, id string) (snapshot, error) {
	snap, err := s.getSnapshot(c, id)
	if errorCode(err) != snapshotIdentifier.missing {
		return snap, err
	}
	for row, sharedErr := range sharedWith(c, sharedImageTable) {
		if sharedErr != nil {
			return snapshot{}, sharedErr
		}
		owner := store.Scope{Account: row.Owner, Region: c.Region}
		im, imageErr := imageTable.Get(c.Tx, owner, row.ID)
		if imageErr != nil {
			return snapshot{}, imageErr
		}
		if slices.Contains(im.snapshots(), id) {
			return snapshotTable.Get(c.Tx, owner, id)
		}
	}
	return snapshot{}, err
}

// ownSnapshot returns one of the account's own snapshots. Somebody else's that
// it can see it may not change.
func (s *Service) ownSnapshot(c *api.Call, id string) (snapshot, error) {
	snap, err := s.getSnapshot(c, id)
	if err == nil && snap.Owner != c.Account {
		return snapshot{}, api.Error("AuthFailure", "You do not own snapshot '"+id+"'")
	}
	return snap, err
}

func (s *Service) putSnapshot(c *api.Call, snap snapshot) error {
	return snapshotTable.Put(c.Tx, c.Scope(), snap.ID, snap)
}

// source is the snapshot as package launch sees it, as the origin of a volume
// or a copy.
func (s snapshot) source() *launch.Source {
	return &launch.Source{Snapshot: s.ID, Encrypted: s.Encrypted, Key: s.Key, Context: s.Context}
}

// progress is how much of the snapshot is done. There is no data to copy here:
// it is all or nothing.
func (s snapshot) progress() string {
	if s.State == string(types.SnapshotStateCompleted) {
		return "100%"
	}
	return "0%"
}

func (s snapshot) describe(tags map[string]string) types.Snapshot {
	out := types.Snapshot{
		Description: aws.String(s.Description),
		Encrypted:   aws.Bool(s.Encrypted),
		OwnerId:     aws.String(s.Owner),
		Progress:    aws.String(s.progress()),
		SnapshotId:  aws.String(s.ID),
		StartTime:   aws.Time(s.Started),
		State:       types.SnapshotState(s.State),
		StorageTier: types.StorageTierStandard,
		Tags:        describeTags(tags),
		VolumeId:    aws.String(s.Volume),
		VolumeSize:  aws.Int32(s.Size),
	}
	if s.OwnerAlias != "" {
		out.OwnerAlias = aws.String(s.OwnerAlias)
	}
	if s.Message != "" {
		out.StateMessage = aws.String(s.Message)
	}
	if s.Encrypted {
		out.KmsKeyId = aws.String(s.Key)
		if s.Lineage != "" {
			out.DataEncryptionKeyId = aws.String(s.Lineage)
		}
	}
	if !s.Completed.IsZero() {
		out.CompletionTime = aws.Time(s.Completed)
		// Nobody writes to a volume here, so every block counts.
		out.FullSnapshotSizeInBytes = aws.Int64(int64(s.Size) << 30)
	}
	return out
}
