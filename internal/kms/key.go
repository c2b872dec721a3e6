package kms

import (
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
	// DeletionDate is set while the key waits for its deletion.
	DeletionDate time.Time         `json:",omitzero"`
	Tags         map[string]string `json:",omitempty"`
	Rotation     rotation          `json:",omitzero"`
}

var keys = store.NewTable[keyRow]("kms.key")

func (s *Service) keyOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateKey", s.authorizeCreateKey, s.createKey),
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
	id := c.NewUUID()
	k := keyRow{
		ID: id, Account: c.Account, ARN: keyARN(c, c.Scope(), id), Description: value(in.Description),
		Created: c.Now, State: kmstypes.KeyStateEnabled, Manager: kmstypes.KeyManagerTypeCustomer,
		Spec: spec, Usage: usage, Origin: origin, Tags: tagMap(in.Tags),
	}
	document := defaultPolicy(c)
	if in.Policy != nil {
		document = *in.Policy
		t := target{scope: c.Scope(), id: id, arn: k.ARN, found: true, key: k}
		if err := s.checkPolicy(c, t, document, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
	}
	if err := s.putNewKey(c, &k, document); err != nil {
		return nil, err
	}
	setResources(c, target{scope: c.Scope(), id: id, arn: k.ARN})
	c.Event.ResponseElements = map[string]any{"keyMetadata": k.eventMetadata()}
	return &kms.CreateKeyOutput{KeyMetadata: k.metadata()}, nil
}

// putNewKey gives a key its first material and stores it with its policy.
func (s *Service) putNewKey(c *api.Call, k *keyRow, document string) error {
	m, err := s.newMaterial(c, k.ID, k.ARN)
	if err != nil {
		return err
	}
	k.Material = m
	if err := materials.Put(c.Tx, c.Scope(), materialRowID(k.ID, m.ID), m); err != nil {
		return err
	}
	if err := s.putPolicy(c, c.Scope(), k.ID, document); err != nil {
		return err
	}
	return keys.Put(c.Tx, c.Scope(), k.ID, *k)
}

func (s *Service) describeKey(c *api.Call, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	t, err := s.existing(c, in.KeyId, byAlias|crossAccount)
	if err != nil {
		return nil, err
	}
	return &kms.DescribeKeyOutput{KeyMetadata: t.key.metadata()}, nil
}

// metadata is the key as the API shows it.
func (k keyRow) metadata() *kmstypes.KeyMetadata {
	m := &kmstypes.KeyMetadata{
		AWSAccountId:          aws.String(k.Account),
		Arn:                   aws.String(k.ARN),
		CreationDate:          aws.Time(k.Created),
		CurrentKeyMaterialId:  aws.String(k.Material.ID),
		CustomerMasterKeySpec: kmstypes.CustomerMasterKeySpec(k.Spec),
		Description:           aws.String(k.Description),
		Enabled:               k.State == kmstypes.KeyStateEnabled,
		EncryptionAlgorithms:  []kmstypes.EncryptionAlgorithmSpec{kmstypes.EncryptionAlgorithmSpecSymmetricDefault},
		KeyId:                 aws.String(k.ID),
		KeyManager:            k.Manager,
		KeySpec:               k.Spec,
		KeyState:              k.State,
		KeyUsage:              k.Usage,
		MultiRegion:           aws.Bool(false),
		Origin:                k.Origin,
	}
	if !k.DeletionDate.IsZero() {
		m.DeletionDate = aws.Time(k.DeletionDate)
	}
	return m
}

// eventMetadata is the key as CreateKey's event shows it.
func (k keyRow) eventMetadata() map[string]any {
	return map[string]any{
		"aWSAccountId": k.Account, "keyId": k.ID, "arn": k.ARN, "creationDate": eventTime(k.Created),
		"enabled": k.State == kmstypes.KeyStateEnabled, "description": k.Description,
		"keyUsage": string(k.Usage), "keyState": string(k.State), "origin": string(k.Origin),
		"keyManager": string(k.Manager), "keySpec": string(k.Spec), "customerMasterKeySpec": string(k.Spec),
		"encryptionAlgorithms": []any{"SYMMETRIC_DEFAULT"}, "multiRegion": false,
		"currentKeyMaterialId": k.Material.ID,
	}
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
