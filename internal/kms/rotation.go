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
	return &kms.EnableKeyRotationOutput{}, t.put(c)
}

func scheduleRotation(c *api.Call, t target) error {
	return c.Schedule(rotateKeyTask, t.arn, t.key.Rotation.Next.Sub(c.Now), keyTask{
		Account: t.scope.Account, Region: t.scope.Region, KeyID: t.id,
	})
}

func (s *Service) disableKeyRotation(c *api.Call, in *kms.DisableKeyRotationInput) (*kms.DisableKeyRotationOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.key.usable(); err != nil {
		return nil, err
	}
	t.key.Rotation.Days, t.key.Rotation.Next = 0, time.Time{}
	respondWithKey(c, t.arn)
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

// rotate gives the key a new material. The old one stays, to decrypt with.
func (s *Service) rotate(c *api.Call, t *target, how kmstypes.RotationType) error {
	m, err := s.newMaterial(c, t.id, t.arn)
	if err != nil {
		return err
	}
	m.Rotation = how
	t.key.Material = m
	return materials.Put(c.Tx, t.scope, materialRowID(t.id, m.ID), m)
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
	if r.Days == 0 || c.Now.Before(r.Next) || t.key.State != kmstypes.KeyStateEnabled {
		return nil
	}
	if err := s.rotate(c, t, kmstypes.RotationTypeAutomatic); err != nil {
		return err
	}
	r.Next = c.Now.Add(time.Duration(r.Days) * day)
	return scheduleRotation(c, *t)
}

// generations lists a key's materials from the oldest to the current one.
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
	slices.SortStableFunc(all, func(a, b material) int { return a.Created.Compare(b.Created) })
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
		out.Rotations = append(out.Rotations, m.entry(t))
	}
	out.Truncated, out.NextMarker = p.next()
	return out, nil
}

// entry is the material as ListKeyRotations shows it.
func (m material) entry(t target) kmstypes.RotationsListEntry {
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
	return e
}
