package kms

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/api"
)

// metadata is the key as the API shows it (KMS API reference, "KeyMetadata").
func (t target) metadata(c *api.Call) (*kmstypes.KeyMetadata, error) {
	k := t.key
	m := &kmstypes.KeyMetadata{
		AWSAccountId:          aws.String(k.Account),
		Arn:                   aws.String(k.ARN),
		CreationDate:          aws.Time(k.Created),
		CustomerMasterKeySpec: kmstypes.CustomerMasterKeySpec(k.Spec),
		Description:           aws.String(k.Description),
		Enabled:               k.effective() == kmstypes.KeyStateEnabled,
		KeyId:                 aws.String(k.ID),
		KeyManager:            k.Manager,
		KeySpec:               k.Spec,
		KeyState:              k.State,
		KeyUsage:              k.Usage,
		MultiRegion:           aws.Bool(k.MultiRegion != ""),
		Origin:                k.Origin,
	}
	k.showAlgorithms(m)
	if k.symmetric() && k.State != kmstypes.KeyStateCreating {
		// AWS shows the id of the current material of no other kind of key.
		m.CurrentKeyMaterialId = optional(k.Material.ID)
	}
	if x := k.Material.Imported; x != nil && len(k.Material.Sealed) > 0 {
		m.ExpirationModel = x.model()
		m.ValidTo = optionalTime(x.Expires)
	}
	m.DeletionDate = optionalTime(k.DeletionDate)
	if k.State == kmstypes.KeyStatePendingReplicaDeletion {
		m.PendingDeletionWindowInDays = aws.Int32(k.PendingDays)
	}
	if k.MultiRegion == "" {
		return m, nil
	}
	r, err := relatedOf(c.Tx, t)
	if err != nil {
		return nil, err
	}
	m.MultiRegionConfiguration = r.configuration(c, k)
	return m, nil
}

// eventMetadata is a key's metadata as events show it.
func eventMetadata(m *kmstypes.KeyMetadata) map[string]any {
	e := map[string]any{
		"aWSAccountId": *m.AWSAccountId, "keyId": *m.KeyId, "arn": *m.Arn, "creationDate": eventTime(*m.CreationDate),
		"enabled": m.Enabled, "description": *m.Description,
		"keyUsage": string(m.KeyUsage), "keyState": string(m.KeyState), "origin": string(m.Origin),
		"keyManager": string(m.KeyManager), "keySpec": string(m.KeySpec), "customerMasterKeySpec": string(m.CustomerMasterKeySpec),
		"multiRegion": *m.MultiRegion,
	}
	for name, list := range map[string][]any{
		"encryptionAlgorithms": anys(m.EncryptionAlgorithms), "signingAlgorithms": anys(m.SigningAlgorithms),
		"macAlgorithms": anys(m.MacAlgorithms), "keyAgreementAlgorithms": anys(m.KeyAgreementAlgorithms),
	} {
		if len(list) > 0 {
			e[name] = list
		}
	}
	if m.CurrentKeyMaterialId != nil {
		e["currentKeyMaterialId"] = *m.CurrentKeyMaterialId
	}
	if r := m.MultiRegionConfiguration; r != nil {
		replicas := make([]any, len(r.ReplicaKeys))
		for i, k := range r.ReplicaKeys {
			replicas[i] = eventRegionKey(&k)
		}
		e["multiRegionConfiguration"] = map[string]any{
			"multiRegionKeyType": string(r.MultiRegionKeyType), "primaryKey": eventRegionKey(r.PrimaryKey), "replicaKeys": replicas,
		}
	}
	return e
}

func eventRegionKey(k *kmstypes.MultiRegionKey) map[string]any {
	return map[string]any{"arn": *k.Arn, "region": *k.Region}
}

func anys[S ~string](list []S) []any {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = string(s)
	}
	return all
}
