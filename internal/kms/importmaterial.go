package kms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// maxImportDays is how far in the future imported material may expire (KMS API
// reference, "ImportKeyMaterial", ValidTo).
const maxImportDays = 365

// expirationModel is the request's; material expires unless it says otherwise.
func expirationModel(in *kms.ImportKeyMaterialInput) kmstypes.ExpirationModelType {
	if in.ExpirationModel == "" {
		return kmstypes.ExpirationModelTypeKeyMaterialExpires
	}
	return in.ExpirationModel
}

// model is what a material's expiration is called.
func (x imported) model() kmstypes.ExpirationModelType {
	if x.Expires.IsZero() {
		return kmstypes.ExpirationModelTypeKeyMaterialDoesNotExpire
	}
	return kmstypes.ExpirationModelTypeKeyMaterialExpires
}

// checkImport is what is wrong with an import whatever the key. Of the messages
// the first is AWS's; it does not document the others.
func checkImport(c *api.Call, in *kms.ImportKeyMaterialInput) error {
	expires := expirationModel(in) == kmstypes.ExpirationModelTypeKeyMaterialExpires
	switch {
	case expires && in.ValidTo == nil:
		return validation("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
	case !expires && in.ValidTo != nil:
		return validation("A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE")
	case expires && (!in.ValidTo.After(c.Now) || in.ValidTo.After(c.Now.Add(maxImportDays*day))):
		return validation("The validTo date must be in the future, and at most %d days from now", maxImportDays)
	case in.ImportType == kmstypes.ImportTypeNewKeyMaterial && in.KeyMaterialId != nil:
		return validation("A KeyMaterialId must not be set if the ImportType is NEW_KEY_MATERIAL")
	}
	return nil
}

func setImportContext(_ *api.Call, in *kms.ImportKeyMaterialInput, k *access.Context) {
	k.Set("kms:ExpirationModel", string(expirationModel(in)))
	if in.ValidTo != nil {
		// In seconds since 1970, as the guide's example has it ("kms:ValidTo"):
		// numeric and date operators both take that.
		k.Set("kms:ValidTo", strconv.FormatInt(in.ValidTo.Unix(), 10))
	}
}

// importParameters are the event's: neither the material nor the token is logged.
func importParameters(in *kms.ImportKeyMaterialInput) map[string]any {
	p := map[string]any{"keyId": value(in.KeyId), "expirationModel": string(expirationModel(in))}
	if in.ValidTo != nil {
		p["validTo"] = eventTime(*in.ValidTo)
	}
	if in.ImportType != "" {
		p["importType"] = string(in.ImportType)
	}
	if in.KeyMaterialId != nil {
		p["keyMaterialId"] = *in.KeyMaterialId
	}
	if in.KeyMaterialDescription != nil {
		p["keyMaterialDescription"] = *in.KeyMaterialDescription
	}
	return p
}

// incorrectMaterial says that key material is not what the key can take.
func incorrectMaterial(message string) error {
	return &kmstypes.IncorrectKeyMaterialException{Message: aws.String(message)}
}

func (s *Service) importKeyMaterial(c *api.Call, in *kms.ImportKeyMaterialInput) (*kms.ImportKeyMaterialOutput, error) {
	t, err := s.importable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.key.not(kmstypes.KeyStatePendingDeletion, kmstypes.KeyStatePendingReplicaDeletion, kmstypes.KeyStateCreating, kmstypes.KeyStateUpdating); err != nil {
		return nil, err
	}
	if !t.key.symmetric() && (in.ImportType != "" || in.KeyMaterialId != nil || in.KeyMaterialDescription != nil) {
		return nil, validation("ImportType, KeyMaterialId and KeyMaterialDescription can be specified only for symmetric encryption keys.")
	}
	token, err := s.openImportToken(c, t.arn, in.ImportToken)
	if err != nil {
		return nil, err
	}
	defer clear(token.Wrapping)
	wrappingKey, err := token.wrappingKey()
	if err != nil {
		return nil, err
	}
	secret, err := wrappings[token.Algorithm].unwrap(wrappingKey, in.EncryptedKeyMaterial)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	m, plain, err := t.key.newImport(c, secret)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	if in.KeyMaterialId != nil && *in.KeyMaterialId != m.ID {
		return nil, incorrectMaterial("The key material does not match the specified key material ID.")
	}
	if m, err = t.place(c, m, in.ImportType); err != nil {
		return nil, err
	}
	if in.KeyMaterialDescription != nil {
		m.Imported.Description = *in.KeyMaterialDescription
	}
	m.Imported.Expires = value(in.ValidTo).UTC()
	s.seal(&m, t.arn, plain)
	if err := t.take(c, m); err != nil {
		return nil, err
	}
	c.Event.ResponseElements = map[string]any{"keyId": t.arn}
	out := &kms.ImportKeyMaterialOutput{KeyId: aws.String(t.arn)}
	if t.key.symmetric() {
		out.KeyMaterialId = aws.String(m.ID)
		c.Event.ResponseElements["keyMaterialId"] = m.ID
	}
	return out, nil
}

// newImport makes a material of what was unwrapped, in the form in which it is
// kept, plain. Its id follows from the material and from the key's id alone, so
// that the same material has the same id in all Regions.
func (k keyRow) newImport(c *api.Call, secret []byte) (m material, plain []byte, err error) {
	m = material{KeyID: k.ID, Created: c.Now, Imported: &imported{}}
	d := kinds[k.Spec]
	if !d.pair() {
		if len(secret) != d.bytes {
			return m, nil, incorrectMaterial("The key material does not have the length of a key of that spec.")
		}
		m.ID = materialID(k.ID, secret)
		return m, slices.Clone(secret), nil
	}
	pair, err := parsePair(k.Spec, secret)
	if err != nil {
		return m, nil, incorrectMaterial("The key material is not a private key of that spec.")
	}
	// Two encodings of one private key are the same material.
	m.ID, m.Public = materialID(k.ID, pair.public), pair.public
	return m, pair.private, nil
}

func materialID(keyID string, material []byte) string {
	mac := hmac.New(sha256.New, material)
	mac.Write([]byte("keyturn kms material of " + keyID))
	return hex.EncodeToString(mac.Sum(nil))
}

// place finds out what an imported material is to its key: one that it had
// before, its first, or one to rotate to (KMS API reference, "ImportKeyMaterial",
// ImportType).
func (t *target) place(c *api.Call, m material, how kmstypes.ImportType) (material, error) {
	known, err := materials.Get(c.Tx, t.scope, materialRowID(t.id, m.ID))
	found := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return m, err
	}
	first := t.key.Material.ID == ""
	if how == "" && first && t.key.MultiRegion != kmstypes.MultiRegionKeyTypeReplica {
		how = kmstypes.ImportTypeNewKeyMaterial
	}
	switch {
	case how != kmstypes.ImportTypeNewKeyMaterial && found:
		return known, nil
	case how != kmstypes.ImportTypeNewKeyMaterial:
		return m, incorrectMaterial("The key material is not the same that was imported before.")
	case found:
		return m, incorrectMaterial("The key material is associated with the KMS key already.")
	case t.key.MultiRegion == kmstypes.MultiRegionKeyTypeReplica:
		return m, notPrimary(t.key)
	case first:
		t.key.Material = m
		return m, t.announce(c, m)
	}
	switch _, waits, err := waitingMaterial(c, *t); {
	case err != nil:
		return m, err
	case waits:
		return m, invalidState("%s has key material that is pending rotation.", t.arn)
	}
	m.Imported.Waiting = true
	return m, t.announce(c, m)
}

// announce has the replicas of a primary key know a new material, which is to be
// imported there too.
func (t target) announce(c *api.Call, m material) error {
	return syncReplicas(c, t, func(replica *target) error {
		if replica.key.Material.ID == "" {
			replica.key.Material = m
		}
		return replica.putMaterial(c, m.toImport())
	})
}

// toImport is a material of which nothing is known but that it is missing.
func (m material) toImport() material {
	m.Sealed, m.Imported = nil, &imported{Waiting: m.waiting()}
	return m
}

// take stores a material that is there again. When none is missing any more the
// key can be used.
func (t *target) take(c *api.Call, m material) error {
	if err := t.putMaterial(c, m); err != nil {
		return err
	}
	complete, err := t.complete(c)
	if err != nil {
		return err
	}
	if complete && t.key.State == kmstypes.KeyStatePendingImport {
		t.key.State = kmstypes.KeyStateEnabled
	}
	if !m.Imported.Expires.IsZero() {
		if err := t.scheduleExpiry(c, m); err != nil {
			return err
		}
	}
	return t.put(c)
}

// complete reports whether a key has all its material.
func (t target) complete(c *api.Call) (bool, error) {
	if t.key.Origin != kmstypes.OriginTypeExternal {
		return true, nil
	}
	all, err := generations(c, t)
	if err != nil {
		return false, err
	}
	for _, m := range all {
		if len(m.Sealed) == 0 && !m.waiting() {
			return false, nil
		}
	}
	return t.key.Material.ID != "", nil
}

// importedEverywhere reports whether a material is there in all Regions of its key.
func importedEverywhere(c *api.Call, t target, id string) (bool, error) {
	all, err := replicasOf(c, t)
	if err != nil {
		return false, err
	}
	for _, k := range append(all, t) {
		m, err := k.material(c.Tx, id)
		if err != nil {
			return false, err
		}
		if len(m.Sealed) == 0 {
			return false, nil
		}
	}
	return true, nil
}

// lose deletes a material that was imported, and leaves its place: the key waits
// for the same material. One that only waited for a rotation leaves nothing.
func (s *Service) lose(c *api.Call, t *target, m material) error {
	s.ciphers.forget(m.Sealed)
	if m.waiting() && t.key.MultiRegion != kmstypes.MultiRegionKeyTypeReplica {
		if err := materials.Delete(c.Tx, t.scope, materialRowID(t.id, m.ID)); err != nil {
			return err
		}
		return syncReplicas(c, *t, func(replica *target) error {
			there, err := replica.material(c.Tx, m.ID)
			if err != nil {
				return err
			}
			s.ciphers.forget(there.Sealed)
			return materials.Delete(c.Tx, replica.scope, materialRowID(t.id, m.ID))
		})
	}
	m.Sealed, m.Imported = nil, &imported{Description: m.Imported.Description, Waiting: m.waiting()}
	if err := t.putMaterial(c, m); err != nil {
		return err
	}
	if t.key.notPendingDeletion() == nil && !m.waiting() {
		t.key.setState(kmstypes.KeyStatePendingImport)
	}
	return t.put(c)
}

func (s *Service) deleteImportedKeyMaterial(c *api.Call, in *kms.DeleteImportedKeyMaterialInput) (*kms.DeleteImportedKeyMaterialOutput, error) {
	t, err := s.importable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.key.not(kmstypes.KeyStateCreating, kmstypes.KeyStateUpdating); err != nil {
		return nil, err
	}
	id := t.key.Material.ID
	if in.KeyMaterialId != nil {
		id = *in.KeyMaterialId
	}
	out := &kms.DeleteImportedKeyMaterialOutput{KeyId: aws.String(t.arn)}
	respondWithKey(c, t.arn)
	if id == "" {
		return out, nil // nothing was imported yet: no effect
	}
	m, err := materials.Get(c.Tx, t.scope, materialRowID(t.id, id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, &kmstypes.NotFoundException{Message: aws.String("Key material " + id + " is not associated with " + t.arn)}
	}
	if err != nil {
		return nil, err
	}
	if t.key.symmetric() {
		out.KeyMaterialId = aws.String(id)
		c.Event.ResponseElements["keyMaterialId"] = id
	}
	if len(m.Sealed) == 0 {
		return out, nil
	}
	return out, s.lose(c, &t, m)
}

// expireMaterialTask deletes imported material that has expired.
const expireMaterialTask = "kms.expire-material"

// expiryTask is what it carries.
type expiryTask struct {
	keyTask
	MaterialID string
}

func (t target) scheduleExpiry(c *api.Call, m material) error {
	return c.Schedule(expireMaterialTask, t.arn+" "+m.ID, m.Imported.Expires.Sub(c.Now), expiryTask{
		keyTask: keyTask{Account: t.scope.Account, Region: t.scope.Region, KeyID: t.id}, MaterialID: m.ID,
	})
}

// expireMaterial is the end of an imported material, unless it was imported again
// meanwhile with another expiration.
func (s *Service) expireMaterial(c *api.Call, raw json.RawMessage) error {
	task, err := api.DecodePayload[expiryTask](raw)
	if err != nil {
		return err
	}
	t, err := scheduledKey(c, raw)
	if err != nil || !t.found {
		return err
	}
	m, err := materials.Get(c.Tx, t.scope, materialRowID(t.id, task.MaterialID))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(m.Sealed) == 0 || m.Imported.Expires.IsZero() || c.Now.Before(m.Imported.Expires) {
		return nil
	}
	c.Event.Own = append(c.Event.Own, t.ownEvent("DeleteExpiredKeyMaterial"))
	return s.lose(c, &t, m)
}
