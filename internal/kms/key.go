package kms

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// keyRow is one key. Its policy, aliases, grants and older materials are rows
// of their own: this one is read by every request.
type keyRow struct {
	ID          string
	Account     string
	ARN         string
	Description string `json:",omitempty"`
	Created     time.Time
	State       kmstypes.KeyState
	Manager     kmstypes.KeyManagerType
	Spec        kmstypes.KeySpec
	Usage       kmstypes.KeyUsageType
	Origin      kmstypes.OriginType
	// Material is the current generation.
	Material material
	// MultiRegion tells a primary key from a replica; it is empty for a key of one
	// Region.
	MultiRegion kmstypes.MultiRegionKeyType `json:",omitempty"`
	// Settled is the state that a key will be in which is Creating or Updating.
	Settled kmstypes.KeyState `json:",omitempty"`
	// DeletionDate is set while the key waits for its deletion. PendingDays is the
	// waiting period of a primary key, which begins when its last replica is gone.
	DeletionDate time.Time         `json:",omitzero"`
	PendingDays  int32             `json:",omitempty"`
	Tags         map[string]string `json:",omitempty"`
	Rotation     rotation          `json:",omitzero"`
}

var keys = store.NewTable[keyRow]("kms.key")

func (s *Service) keyOperations() []api.Operation {
	return []api.Operation{
		api.Ahead(api.Op("CreateKey", s.authorizeCreateKey, s.createKey), func(_ context.Context, in *kms.CreateKeyInput) {
			if spec, _, origin, err := keyKind(in); err == nil && origin == kmstypes.OriginTypeAwsKms {
				s.spare.prepare(spec)
			}
		}),
		api.Read("DescribeKey", descriptor[kms.DescribeKeyInput]{
			action: "DescribeKey", forms: byAlias | crossAccount,
			key: func(in *kms.DescribeKeyInput) *string { return in.KeyId },
			check: func(c *api.Call, in *kms.DescribeKeyInput) error {
				return s.checkTokens(in.GrantTokens)
			},
			parameters: func(in *kms.DescribeKeyInput) map[string]any {
				return map[string]any{"keyId": value(in.KeyId)}
			},
		}.on(s), s.describeKey),
		api.Read("ListKeys", anywhere[kms.ListKeysInput]("ListKeys", nil), listKeys),
		api.Op("UpdateKeyDescription", descriptor[kms.UpdateKeyDescriptionInput]{
			action: "UpdateKeyDescription",
			key:    func(in *kms.UpdateKeyDescriptionInput) *string { return in.KeyId },
		}.on(s), s.updateKeyDescription),
	}
}

// anywhere authorizes an action that has no resource. Such an action knows
// neither kms:CallerAccount nor kms:ViaService (KMS guide, "AWS KMS condition
// keys").
func anywhere[In any](action string, fill func(*api.Call, *In, *access.Context)) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n := api.Need{Action: "kms:" + action, Resource: "*"}
		if fill != nil {
			fill(c, in, &n.Context)
		}
		return []api.Need{n}, nil
	}
}

func (s *Service) authorizeCreateKey(c *api.Call, in *kms.CreateKeyInput) ([]api.Need, error) {
	spec, usage, origin, err := keyKind(in)
	if err != nil {
		return nil, err
	}
	c.Event.RequestParameters = createKeyParameters(in, spec, usage, origin)
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	var k access.Context
	setCaller(c, &k)
	k.Set("kms:KeySpec", string(spec))
	k.Set("kms:KeyUsage", string(usage))
	k.Set("kms:KeyOrigin", string(origin))
	k.Set("kms:MultiRegion", boolText(value(in.MultiRegion)))
	if value(in.MultiRegion) {
		k.Set("kms:MultiRegionKeyType", string(kmstypes.MultiRegionKeyTypePrimary))
	}
	k.Set("kms:BypassPolicyLockoutSafetyCheck", boolText(in.BypassPolicyLockoutSafetyCheck))
	setRequestTags(&k, in.Tags)
	needs := []api.Need{{Action: "kms:CreateKey", Resource: "*", Context: k}}
	if len(in.Tags) > 0 {
		// Tagging needs its own permission; the key has no id yet.
		needs = append(needs, api.Need{
			Action: "kms:TagResource", Resource: keyARN(c, c.Scope(), "*"), Context: k.Clone(),
		})
	}
	return needs, nil
}

func createKeyParameters(in *kms.CreateKeyInput, spec kmstypes.KeySpec, usage kmstypes.KeyUsageType, origin kmstypes.OriginType) map[string]any {
	p := map[string]any{
		"description": value(in.Description), "keySpec": string(spec), "customerMasterKeySpec": string(spec),
		"keyUsage": string(usage), "origin": string(origin), "multiRegion": value(in.MultiRegion),
		"bypassPolicyLockoutSafetyCheck": in.BypassPolicyLockoutSafetyCheck,
	}
	if in.Policy != nil {
		p["policy"] = *in.Policy
	}
	if len(in.Tags) > 0 {
		p["tags"] = tagParameters(in.Tags)
	}
	return p
}

func (s *Service) createKey(c *api.Call, in *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
	spec, usage, origin, err := keyKind(in)
	if err != nil {
		return nil, err
	}
	if err := supported(in, spec, origin); err != nil {
		return nil, err
	}
	k := keyRow{
		ID: c.NewUUID(), Account: c.Account, Description: value(in.Description),
		Created: c.Now, State: kmstypes.KeyStateEnabled, Manager: kmstypes.KeyManagerTypeCustomer,
		Spec: spec, Usage: usage, Origin: origin, Tags: tagMap(in.Tags),
	}
	if origin == kmstypes.OriginTypeExternal {
		k.State = kmstypes.KeyStatePendingImport
	}
	if value(in.MultiRegion) {
		k.ID = multiRegionPrefix + strings.ReplaceAll(k.ID, "-", "")
		k.MultiRegion = kmstypes.MultiRegionKeyTypePrimary
	}
	k.ARN = keyARN(c, c.Scope(), k.ID)
	t := target{scope: c.Scope(), id: k.ID, arn: k.ARN, found: true, key: k}
	document := defaultPolicy(c)
	if in.Policy != nil {
		document = *in.Policy
		if err := s.checkPolicy(c, t, document, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
	}
	if err := s.putNewKey(c, &t, document); err != nil {
		return nil, err
	}
	setResources(c, t)
	m, err := t.metadata(c)
	if err != nil {
		return nil, err
	}
	c.Event.ResponseElements = map[string]any{"keyMetadata": eventMetadata(m)}
	return &kms.CreateKeyOutput{KeyMetadata: m}, nil
}

// putNewKey gives a key its first material, unless that is to be imported, and
// stores it with its policy.
func (s *Service) putNewKey(c *api.Call, t *target, document string) error {
	if t.key.Origin == kmstypes.OriginTypeAwsKms {
		m, err := s.newMaterial(c, t.key)
		if err != nil {
			return err
		}
		t.key.Material = m
		if err := t.putMaterial(c, m); err != nil {
			return err
		}
	}
	if t.key.MultiRegion != "" {
		if err := putRelated(c, t.scope.Account, related{ID: t.id, Primary: t.scope.Region}); err != nil {
			return err
		}
	}
	if err := s.putPolicy(c, t.scope, t.id, document); err != nil {
		return err
	}
	return t.put(c)
}

func (s *Service) describeKey(c *api.Call, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	t, err := s.existing(c, in.KeyId, byAlias|crossAccount)
	if err != nil {
		return nil, err
	}
	m, err := t.metadata(c)
	return &kms.DescribeKeyOutput{KeyMetadata: m}, err
}

// eventTime is how KMS writes a time inside an event.
func eventTime(t time.Time) string { return t.UTC().Format("Jan 2, 2006, 3:04:05 PM") }

// The page sizes of ListKeys.
const (
	defaultKeys = 100
	maxKeys     = 1000
)

func listKeys(c *api.Call, in *kms.ListKeysInput) (*kms.ListKeysOutput, error) {
	p, err := newPage(in.Limit, in.Marker, defaultKeys, maxKeys)
	if err != nil {
		return nil, err
	}
	out := &kms.ListKeysOutput{Keys: []kmstypes.KeyListEntry{}}
	for k, err := range keys.From(c.Tx, c.Scope(), p.from) {
		if err != nil {
			return nil, err
		}
		if p.full(k.ID) {
			break
		}
		out.Keys = append(out.Keys, kmstypes.KeyListEntry{KeyId: aws.String(k.ID), KeyArn: aws.String(k.ARN)})
	}
	out.Truncated, out.NextMarker = p.next()
	return out, nil
}

func (s *Service) updateKeyDescription(c *api.Call, in *kms.UpdateKeyDescriptionInput) (*kms.UpdateKeyDescriptionOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.key.notPendingDeletion(); err != nil {
		return nil, err
	}
	t.key.Description = value(in.Description)
	respondWithKey(c, t.arn)
	return &kms.UpdateKeyDescriptionOutput{}, t.put(c)
}

// changeable finds a customer's key for an operation that changes it. An AWS
// managed key's policy lets nobody change it; this is the second lock.
func (s *Service) changeable(c *api.Call, ref *string) (target, error) {
	t, err := s.existing(c, ref, byID)
	if err == nil && t.key.Manager == kmstypes.KeyManagerTypeAws {
		err = unsupported("%s is managed by AWS; %s is not supported for AWS managed keys.", t.arn, c.Operation)
	}
	return t, err
}

// put writes the key back.
func (t target) put(c *api.Call) error { return keys.Put(c.Tx, t.scope, t.id, t.key) }
