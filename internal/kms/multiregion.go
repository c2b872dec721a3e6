package kms

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// related is a set of multi-Region keys: one primary key and its replicas, which
// have the id and the key material in common (KMS guide, "Multi-Region keys").
// Everything else of each is in its own row, in its own Region.
type related struct {
	ID      string
	Primary string // its Region
	// Replicas are the others' Regions, in the order in which they came to be.
	Replicas []string `json:",omitempty"`
}

// relatedKeys holds the sets of an account, by the keys' id, in no Region.
var relatedKeys = store.NewTable[related]("kms.related")

func relatedScope(account string) store.Scope {
	return store.Scope{Account: account, Region: store.Global}
}

func relatedOf(tx store.Tx, t target) (related, error) {
	return relatedKeys.Get(tx, relatedScope(t.scope.Account), t.id)
}

func putRelated(c *api.Call, account string, r related) error {
	return relatedKeys.Put(c.Tx, relatedScope(account), r.ID, r)
}

// configuration is the set as one of its keys shows it.
func (r related) configuration(c *api.Call, k keyRow) *kmstypes.MultiRegionConfiguration {
	in := func(region string) kmstypes.MultiRegionKey {
		arn := keyARN(c, store.Scope{Account: k.Account, Region: region}, k.ID)
		return kmstypes.MultiRegionKey{Arn: aws.String(arn), Region: aws.String(region)}
	}
	primary := in(r.Primary)
	m := &kmstypes.MultiRegionConfiguration{
		MultiRegionKeyType: k.MultiRegion, PrimaryKey: &primary, ReplicaKeys: []kmstypes.MultiRegionKey{},
	}
	for _, region := range r.Replicas {
		m.ReplicaKeys = append(m.ReplicaKeys, in(region))
	}
	return m
}

// inRegion is the related key of t in another Region, not found if there is none.
func inRegion(c *api.Call, t target, region string) (target, error) {
	return findKey(c, store.Scope{Account: t.scope.Account, Region: region}, t.id)
}

// replicasOf gives the replicas of a primary key; of another key there are none.
func replicasOf(c *api.Call, t target) ([]target, error) {
	if t.key.MultiRegion != kmstypes.MultiRegionKeyTypePrimary {
		return nil, nil
	}
	r, err := relatedOf(c.Tx, t)
	if err != nil {
		return nil, err
	}
	all := make([]target, 0, len(r.Replicas))
	for _, region := range r.Replicas {
		replica, err := inRegion(c, t, region)
		if err != nil {
			return nil, err
		}
		if replica.found {
			all = append(all, replica)
		}
	}
	return all, nil
}

func hasReplicas(c *api.Call, t target) (bool, error) {
	all, err := replicasOf(c, t)
	return len(all) > 0, err
}

// notPrimary refuses what only a primary key can do.
func notPrimary(k keyRow) error {
	return unsupported("%s is not a multi-region primary key.", k.ARN)
}

// syncRotation copies a primary key's automatic rotation to its replicas, which
// show it and do nothing by it.
func syncRotation(c *api.Call, t target) error {
	return syncReplicas(c, t, func(replica *target) error {
		replica.key.Rotation = t.key.Rotation
		return nil
	})
}

// syncMaterial gives a primary key's new material to its replicas. Imported
// material has been imported there already: they only take it into use.
func (s *Service) syncMaterial(c *api.Call, t target, m material) error {
	return syncReplicas(c, t, func(replica *target) error {
		c.Event.Own = append(c.Event.Own, replica.ownEvent("SynchronizeMultiRegionKey"))
		if m.Imported == nil {
			return s.share(c, t, replica, m)
		}
		there, err := replica.material(c.Tx, m.ID)
		if err != nil {
			return err
		}
		there.Imported.Waiting, there.Created, there.Rotation = false, m.Created, m.Rotation
		replica.key.Material = there
		return replica.putMaterial(c, there)
	})
}

// share gives a material of t's to a related key: sealed anew, for every seal is
// bound to one ARN.
func (s *Service) share(c *api.Call, t target, to *target, m material) error {
	secret, err := s.openMaterial(t.arn, m)
	if err != nil {
		return err
	}
	defer clear(secret)
	s.seal(&m, to.arn, secret)
	if m.ID == t.key.Material.ID {
		to.key.Material = m
	}
	return to.putMaterial(c, m)
}

// syncReplicas changes every replica of a primary key.
func syncReplicas(c *api.Call, t target, change func(*target) error) error {
	all, err := replicasOf(c, t)
	if err != nil {
		return err
	}
	for _, replica := range all {
		if err := change(&replica); err != nil {
			return err
		}
		if err := replica.put(c); err != nil {
			return err
		}
	}
	return nil
}

// leaveRelated takes a key that was deleted out of its set. A primary key that
// waited for that begins to wait for its own deletion.
func (s *Service) leaveRelated(c *api.Call, t target) error {
	if t.key.MultiRegion == "" {
		return nil
	}
	r, err := relatedOf(c.Tx, t)
	if err != nil {
		return err
	}
	if t.key.MultiRegion == kmstypes.MultiRegionKeyTypePrimary {
		return relatedKeys.Delete(c.Tx, relatedScope(t.scope.Account), t.id)
	}
	r.Replicas = slices.DeleteFunc(r.Replicas, func(region string) bool { return region == t.scope.Region })
	if err := putRelated(c, t.scope.Account, r); err != nil || len(r.Replicas) > 0 {
		return err
	}
	primary, err := inRegion(c, t, r.Primary)
	if err != nil || !primary.found || primary.key.State != kmstypes.KeyStatePendingReplicaDeletion {
		return err
	}
	if err := primary.pendDeletion(c, primary.key.PendingDays); err != nil {
		return err
	}
	return primary.put(c)
}

// settleKeyTask ends the time in which a key is Creating or Updating.
const settleKeyTask = "kms.settle-key"

// settleTime is how long a replica is Creating, and a set Updating: "a few
// seconds" (KMS API reference, "ReplicateKey").
const settleTime = 2 * time.Second

// settle puts a key into a state that ends by itself.
func (t *target) settle(c *api.Call, through, to kmstypes.KeyState) error {
	t.key.State, t.key.Settled = through, to
	if err := t.put(c); err != nil {
		return err
	}
	return t.schedule(c, settleKeyTask, settleTime)
}

// settleKey is the end of that. Rotation that came due meanwhile is made up for.
func (s *Service) settleKey(c *api.Call, raw json.RawMessage) error {
	t, err := scheduledKey(c, raw)
	if err != nil || !t.found {
		return err
	}
	if t.key.State != kmstypes.KeyStateCreating && t.key.State != kmstypes.KeyStateUpdating {
		return nil
	}
	t.key.State, t.key.Settled = t.key.Settled, ""
	if err := s.resumeRotation(c, &t); err != nil {
		return err
	}
	return t.put(c)
}
