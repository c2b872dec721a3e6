package kms

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

func (s *Service) multiRegionOperations() []api.Operation {
	return []api.Operation{
		api.Op("ReplicateKey", s.authorizeReplicateKey, s.replicateKey),
		api.Op("UpdatePrimaryRegion", s.authorizeUpdatePrimaryRegion, s.updatePrimaryRegion),
	}
}

// authorizeReplicateKey asks for the permission on the primary key, and for
// making and tagging a key in the replica's Region (KMS API reference,
// "ReplicateKey", required permissions).
func (s *Service) authorizeReplicateKey(c *api.Call, in *kms.ReplicateKeyInput) ([]api.Need, error) {
	region := value(in.ReplicaRegion)
	c.Event.RequestParameters = replicateParameters(in)
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	t, err := s.find(c, value(in.KeyId), byID)
	if err != nil {
		return nil, err
	}
	n, err := s.need(c, "ReplicateKey", t, byID)
	if err != nil {
		return nil, err
	}
	n.Context.Set("kms:ReplicaRegion", region)
	needs := []api.Need{n}
	var k access.Context
	setCaller(c, &k)
	k.Set("aws:RequestedRegion", region)
	k.Set("kms:BypassPolicyLockoutSafetyCheck", boolText(in.BypassPolicyLockoutSafetyCheck))
	if t.found {
		k.Set("kms:KeySpec", string(t.key.Spec))
		k.Set("kms:KeyUsage", string(t.key.Usage))
		k.Set("kms:KeyOrigin", string(t.key.Origin))
	}
	k.Set("kms:MultiRegion", "true")
	k.Set("kms:MultiRegionKeyType", string(kmstypes.MultiRegionKeyTypeReplica))
	setRequestTags(&k, in.Tags)
	needs = append(needs, api.Need{Action: "kms:CreateKey", Resource: "*", Context: k})
	if len(in.Tags) > 0 {
		needs = append(needs, api.Need{
			Action: "kms:TagResource", Resource: keyARN(c, store.Scope{Account: c.Account, Region: region}, "*"), Context: k.Clone(),
		})
	}
	return needs, nil
}

func replicateParameters(in *kms.ReplicateKeyInput) map[string]any {
	p := map[string]any{
		"keyId": value(in.KeyId), "replicaRegion": value(in.ReplicaRegion),
		"bypassPolicyLockoutSafetyCheck": in.BypassPolicyLockoutSafetyCheck, "description": value(in.Description),
	}
	if in.Policy != nil {
		p["policy"] = *in.Policy
	}
	if len(in.Tags) > 0 {
		p["tags"] = tagParameters(in.Tags)
	}
	return p
}

func (s *Service) replicateKey(c *api.Call, in *kms.ReplicateKeyInput) (*kms.ReplicateKeyOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if t.key.MultiRegion != kmstypes.MultiRegionKeyTypePrimary {
		return nil, notPrimary(t.key)
	}
	if t.key.State != kmstypes.KeyStatePendingImport {
		// What has to be imported anyway can be replicated before.
		err = t.key.usable()
	}
	if err == nil {
		err = t.key.not(kmstypes.KeyStateUpdating)
	}
	if err != nil {
		return nil, err
	}
	region := value(in.ReplicaRegion)
	if partition, known := s.partitionOf(region); !known || partition != c.Partition {
		// AWS documents the error, not its words.
		return nil, unsupported("%s is not a Region of the partition %s.", region, c.Partition)
	}
	set, err := relatedOf(c.Tx, t)
	if err != nil {
		return nil, err
	}
	if region == set.Primary || slices.Contains(set.Replicas, region) {
		// AWS documents the error, not its words.
		there := keyARN(c, store.Scope{Account: t.scope.Account, Region: region}, t.id)
		return nil, &kmstypes.AlreadyExistsException{Message: aws.String("Key '" + there + "' already exists")}
	}
	set.Replicas = append(set.Replicas, region)
	if err := putRelated(c, t.scope.Account, set); err != nil {
		return nil, err
	}
	replica := t.replica(c, region, in)
	document := defaultPolicy(c)
	if in.Policy != nil {
		document = *in.Policy
		if err := s.checkPolicy(c, replica, document, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
	}
	if err := s.putPolicy(c, replica.scope, replica.id, document); err != nil {
		return nil, err
	}
	state, err := s.shareAll(c, t, &replica)
	if err != nil {
		return nil, err
	}
	if err := replica.settle(c, kmstypes.KeyStateCreating, state); err != nil {
		return nil, err
	}
	m, err := replica.metadata(c)
	if err != nil {
		return nil, err
	}
	c.Event.ResponseElements = map[string]any{"replicaKeyMetadata": eventMetadata(m), "replicaPolicy": document}
	c.Event.Own = append(c.Event.Own, replica.created(in, m))
	return &kms.ReplicateKeyOutput{ReplicaKeyMetadata: m, ReplicaPolicy: aws.String(document), ReplicaTags: in.Tags}, nil
}

// replica is a new key beside t: what related keys share is t's.
func (t target) replica(c *api.Call, region string, in *kms.ReplicateKeyInput) target {
	scope := store.Scope{Account: t.scope.Account, Region: region}
	k := t.key
	k.ARN, k.Created, k.Description, k.Tags = keyARN(c, scope, k.ID), c.Now, value(in.Description), tagMap(in.Tags)
	k.MultiRegion, k.Material = kmstypes.MultiRegionKeyTypeReplica, material{}
	return target{scope: scope, id: k.ID, arn: k.ARN, found: true, key: k}
}

// shareAll gives a new replica all key materials of its primary key, and tells
// the state that it comes to. Imported material is not copied: the replica knows
// what has to be imported, and has nothing.
func (s *Service) shareAll(c *api.Call, t target, replica *target) (kmstypes.KeyState, error) {
	all, err := generations(c, t)
	if err != nil {
		return "", err
	}
	external := t.key.Origin == kmstypes.OriginTypeExternal
	for _, m := range all {
		if external {
			m = m.toImport()
			if m.ID == t.key.Material.ID {
				replica.key.Material = m
			}
			err = replica.putMaterial(c, m)
		} else {
			err = s.share(c, t, replica, m)
		}
		if err != nil {
			return "", err
		}
	}
	if external {
		return kmstypes.KeyStatePendingImport, nil
	}
	return kmstypes.KeyStateEnabled, nil
}

// created is the CreateKey event in the replica's Region.
func (t target) created(in *kms.ReplicateKeyInput, m *kmstypes.KeyMetadata) api.OwnEvent {
	e := t.ownEvent("CreateKey")
	e.Details, e.ByCaller = nil, true
	e.RequestParameters = createKeyParameters(&kms.CreateKeyInput{
		Description: in.Description, Policy: in.Policy, Tags: in.Tags, MultiRegion: aws.Bool(true),
		BypassPolicyLockoutSafetyCheck: in.BypassPolicyLockoutSafetyCheck,
	}, t.key.Spec, t.key.Usage, t.key.Origin)
	e.ResponseElements = map[string]any{"keyMetadata": eventMetadata(m)}
	return e
}
