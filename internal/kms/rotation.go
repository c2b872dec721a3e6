package kms

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// rotateKeyTask makes a key's next material when its period is over.
const rotateKeyTask = "kms.rotate-key"

const (
	day                 = 24 * time.Hour
	defaultRotationDays = 365
	// maxOnDemand is AWS's quota of on-demand rotations in a key's life.
	maxOnDemand = 25
)

// rotation is a key's automatic rotation; Days is 0 where it is off.
type rotation struct {
	Days     int32     `json:",omitempty"`
	Next     time.Time `json:",omitzero"`
	OnDemand int       `json:",omitempty"` // how many there have been
}

func (s *Service) rotationOperations() []api.Operation {
	return []api.Operation{
		api.Op("EnableKeyRotation", descriptor[kms.EnableKeyRotationInput]{
			action: "EnableKeyRotation", key: func(in *kms.EnableKeyRotationInput) *string { return in.KeyId },
			fill: func(_ *api.Call, in *kms.EnableKeyRotationInput, k *access.Context) {
				if in.RotationPeriodInDays != nil {
					k.Set("kms:RotationPeriodInDays", strconv.Itoa(int(*in.RotationPeriodInDays)))
				}
			},
		}.on(s), s.enableKeyRotation),
		api.Op("DisableKeyRotation", descriptor[kms.DisableKeyRotationInput]{
			action: "DisableKeyRotation", key: func(in *kms.DisableKeyRotationInput) *string { return in.KeyId },
		}.on(s), s.disableKeyRotation),
		api.Read("GetKeyRotationStatus", descriptor[kms.GetKeyRotationStatusInput]{
			action: "GetKeyRotationStatus", forms: crossAccount,
			key: func(in *kms.GetKeyRotationStatusInput) *string { return in.KeyId },
		}.on(s), s.getKeyRotationStatus),
		api.Op("RotateKeyOnDemand", descriptor[kms.RotateKeyOnDemandInput]{
			action: "RotateKeyOnDemand", key: func(in *kms.RotateKeyOnDemandInput) *string { return in.KeyId },
		}.on(s), s.rotateKeyOnDemand),
		api.Read("ListKeyRotations", descriptor[kms.ListKeyRotationsInput]{
			action: "ListKeyRotations", key: func(in *kms.ListKeyRotationsInput) *string { return in.KeyId },
		}.on(s), s.listKeyRotations),
	}
}

func (s *Service) enableKeyRotation(c *api.Call, in *kms.EnableKeyRotationInput) (*kms.EnableKeyRotationOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.key.rotates(kmstypes.OriginTypeAwsKms); err != nil {
		return nil, err
	}
	if err := t.key.usable(); err != nil {
		return nil, err
	}
	days := int32(defaultRotationDays)
	switch {
	case in.RotationPeriodInDays != nil:
		days = *in.RotationPeriodInDays
	case t.key.Rotation.Days != 0:
		days = t.key.Rotation.Days
	}
	if days != t.key.Rotation.Days {
		t.key.Rotation.Days, t.key.Rotation.Next = days, c.Now.Add(time.Duration(days)*day)
		if err := scheduleRotation(c, t); err != nil {
			return nil, err
		}
	}
	respondWithKey(c, t.arn)
	if err := syncRotation(c, t); err != nil {
		return nil, err
	}
	return &kms.EnableKeyRotationOutput{}, t.put(c)
}

func scheduleRotation(c *api.Call, t target) error {
	return t.schedule(c, rotateKeyTask, t.key.Rotation.Next.Sub(c.Now))
}

// rotates refuses a key that cannot rotate, or not with that origin: only
// symmetric encryption keys do, and related keys in their primary Region (KMS guide,
// "Rotating AWS KMS keys").
func (k keyRow) rotates(origins ...kmstypes.OriginType) error {
	switch {
	case !k.symmetric():
		return unsupported("") // AWS says no more
	case !slices.Contains(origins, k.Origin):
		return wrongOrigin(k)
	case k.MultiRegion == kmstypes.MultiRegionKeyTypeReplica:
		return notPrimary(k)
	}
	return nil
}

func wrongOrigin(k keyRow) error {
	return unsupported("%s origin is %s which is not valid for this operation.", k.ARN, k.Origin)
}

func (s *Service) disableKeyRotation(c *api.Call, in *kms.DisableKeyRotationInput) (*kms.DisableKeyRotationOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.key.rotates(kmstypes.OriginTypeAwsKms); err != nil {
		return nil, err
	}
	if err := t.key.usable(); err != nil {
		return nil, err
	}
	t.key.Rotation.Days, t.key.Rotation.Next = 0, time.Time{}
	respondWithKey(c, t.arn)
	if err := syncRotation(c, t); err != nil {
		return nil, err
	}
	return &kms.DisableKeyRotationOutput{}, t.put(c)
}

func (s *Service) getKeyRotationStatus(c *api.Call, in *kms.GetKeyRotationStatusInput) (*kms.GetKeyRotationStatusOutput, error) {
	t, err := s.existing(c, in.KeyId, crossAccount)
	if err != nil {
		return nil, err
	}
	out := &kms.GetKeyRotationStatusOutput{KeyId: aws.String(t.arn)}
	if r := t.key.Rotation; r.Days != 0 {
		// A key that waits for its deletion does not rotate.
		out.KeyRotationEnabled = t.key.State != kmstypes.KeyStatePendingDeletion
		out.RotationPeriodInDays, out.NextRotationDate = aws.Int32(r.Days), aws.Time(r.Next)
	}
	return out, nil
}

func (s *Service) rotateKeyOnDemand(c *api.Call, in *kms.RotateKeyOnDemandInput) (*kms.RotateKeyOnDemandOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.key.rotates(kmstypes.OriginTypeAwsKms, kmstypes.OriginTypeExternal); err != nil {
		return nil, err
	}
	if err := t.key.usable(); err != nil {
		return nil, err
	}
	if t.key.Rotation.OnDemand >= maxOnDemand {
		return nil, limitExceeded("The on-demand rotation limit has been reached for " + t.arn + ".")
	}
	t.key.Rotation.OnDemand++
	if err := s.rotate(c, &t, kmstypes.RotationTypeOnDemand); err != nil {
		return nil, err
	}
	respondWithKey(c, t.arn)
	return &kms.RotateKeyOnDemandOutput{KeyId: aws.String(t.arn)}, t.put(c)
}

// rotate gives the key, and its replicas, a new material. The old one stays, to
// decrypt with.
func (s *Service) rotate(c *api.Call, t *target, how kmstypes.RotationType) error {
	previous := t.key.Material.ID
	var m material
	var err error
	if t.key.Origin == kmstypes.OriginTypeExternal {
		m, err = nextImported(c, *t)
	} else {
		m, err = s.newMaterial(c, t.key)
	}
	if err != nil {
		return err
	}
	if m.Imported != nil {
		m.Imported.Waiting = false
	}
	m.Created, m.Rotation = c.Now, how
	t.key.Material = m
	if err := t.putMaterial(c, m); err != nil {
		return err
	}
	e := t.ownEvent("RotateKey")
	e.Details["rotationType"], e.Details["keyOrigin"] = string(how), string(t.key.Origin)
	e.Details["previousKeyMaterialId"], e.Details["currentKeyMaterialId"] = previous, m.ID
	c.Event.Own = append(c.Event.Own, e)
	return s.syncMaterial(c, *t, m)
}

// waitingMaterial is the imported material that the key is to rotate to, and
// false if there is none.
func waitingMaterial(c *api.Call, t target) (material, bool, error) {
	all, err := generations(c, t)
	if err != nil {
		return material{}, false, err
	}
	i := slices.IndexFunc(all, material.waiting)
	if i < 0 {
		return material{}, false, nil
	}
	return all[i], true, nil
}

// nextImported is the same for a rotation, for which it must be there, and in all
// Regions.
func nextImported(c *api.Call, t target) (material, error) {
	m, found, err := waitingMaterial(c, t)
	if err != nil {
		return m, err
	}
	if !found {
		return m, invalidState("%s has no key material that is pending rotation.", t.arn)
	}
	everywhere, err := importedEverywhere(c, t, m.ID)
	if err == nil && !everywhere {
		err = invalidState("%s has key material that is not imported into all replica keys.", t.arn)
	}
	return m, err
}

// rotateKey is the end of a rotation period. A key that is not enabled rotates
// when it is enabled again.
func (s *Service) rotateKey(c *api.Call, raw json.RawMessage) error {
	t, err := scheduledKey(c, raw)
	if err != nil || !t.found {
		return err
	}
	if err := s.resumeRotation(c, &t); err != nil {
		return err
	}
	return t.put(c)
}

// resumeRotation rotates a key that is due, and schedules its next time.
func (s *Service) resumeRotation(c *api.Call, t *target) error {
	r := &t.key.Rotation
	if r.Days == 0 || c.Now.Before(r.Next) || t.key.State != kmstypes.KeyStateEnabled || t.key.MultiRegion == kmstypes.MultiRegionKeyTypeReplica {
		return nil
	}
	if err := s.rotate(c, t, kmstypes.RotationTypeAutomatic); err != nil {
		return err
	}
	r.Next = c.Now.Add(time.Duration(r.Days) * day)
	if err := syncRotation(c, *t); err != nil {
		return err
	}
	return scheduleRotation(c, *t)
}

// generations lists a key's materials from the oldest to the current one, and then
// the one that waits for a rotation.
func generations(c *api.Call, t target) ([]material, error) {
	var all []material
	prefix := materialRowID(t.id, "")
	for m, err := range materials.From(c.Tx, t.scope, prefix) {
		if err != nil {
			return nil, err
		}
		if m.KeyID != t.id {
			break
		}
		all = append(all, m)
	}
	slices.SortStableFunc(all, func(a, b material) int {
		switch {
		case a.waiting() == b.waiting():
			return a.Created.Compare(b.Created)
		case a.waiting():
			return 1
		}
		return -1
	})
	return all, nil
}

func (s *Service) listKeyRotations(c *api.Call, in *kms.ListKeyRotationsInput) (*kms.ListKeyRotationsOutput, error) {
	p, err := newPage(in.Limit, in.Marker, defaultKeys, maxKeys)
	if err != nil {
		return nil, err
	}
	t, err := s.existing(c, in.KeyId, byID)
	if err != nil {
		return nil, err
	}
	if !t.key.symmetric() {
		return nil, unsupported("") // AWS says no more
	}
	all, err := generations(c, t)
	if err != nil {
		return nil, err
	}
	out := &kms.ListKeyRotationsOutput{Rotations: []kmstypes.RotationsListEntry{}}
	for i, m := range all {
		place := fmt.Sprintf("%06d", i)
		if m.Rotation == "" && in.IncludeKeyMaterial != kmstypes.IncludeKeyMaterialAllKeyMaterial || place < p.from {
			continue
		}
		if p.full(place) {
			break
		}
		e, err := m.entry(c, t)
		if err != nil {
			return nil, err
		}
		out.Rotations = append(out.Rotations, e)
	}
	out.Truncated, out.NextMarker = p.next()
	return out, nil
}

// entry is the material as ListKeyRotations shows it.
func (m material) entry(c *api.Call, t target) (kmstypes.RotationsListEntry, error) {
	e := kmstypes.RotationsListEntry{
		KeyId: aws.String(t.id), KeyMaterialId: aws.String(m.ID), KeyMaterialState: kmstypes.KeyMaterialStateNonCurrent,
		RotationType: m.Rotation,
	}
	if m.ID == t.key.Material.ID {
		e.KeyMaterialState = kmstypes.KeyMaterialStateCurrent
	}
	if m.Rotation != "" {
		e.RotationDate = aws.Time(m.Created)
	}
	x := m.Imported
	if x == nil {
		return e, nil
	}
	e.KeyMaterialDescription, e.ImportState = optional(x.Description), kmstypes.ImportStatePendingImport
	if len(m.Sealed) > 0 {
		e.ImportState, e.ExpirationModel, e.ValidTo = kmstypes.ImportStateImported, x.model(), optionalTime(x.Expires)
	}
	if x.Waiting {
		e.KeyMaterialState = kmstypes.KeyMaterialStatePendingRotation
		everywhere, err := importedEverywhere(c, t, m.ID)
		if err != nil {
			return e, err
		}
		if !everywhere {
			e.KeyMaterialState = kmstypes.KeyMaterialStatePendingMultiRegionImportAndRotation
		}
	}
	return e, nil
}
