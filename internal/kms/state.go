package kms

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// deleteKeyTask deletes a key at the end of its waiting period.
const deleteKeyTask = "kms.delete-key"

// Days of waiting before a deletion (KMS API reference, "ScheduleKeyDeletion").
const (
	minPendingDays     = 7
	maxPendingDays     = 30
	defaultPendingDays = 30
)

// usable refuses a key that is not enabled, for the operations that use it or
// give the use of it (KMS guide, "Key states of AWS KMS keys").
func (k keyRow) usable() error {
	if err := k.notPendingDeletion(); err != nil {
		return err
	}
	if k.State == kmstypes.KeyStateDisabled {
		return &kmstypes.DisabledException{Message: aws.String(k.ARN + " is disabled.")}
	}
	return nil
}

// notPendingDeletion refuses a key that waits for its deletion.
func (k keyRow) notPendingDeletion() error {
	if k.State == kmstypes.KeyStatePendingDeletion {
		return &kmstypes.KMSInvalidStateException{Message: aws.String(k.ARN + " is pending deletion.")}
	}
	return nil
}

func (s *Service) stateOperations() []api.Operation {
	return []api.Operation{
		api.Op("EnableKey", descriptor[kms.EnableKeyInput]{
			action: "EnableKey", key: func(in *kms.EnableKeyInput) *string { return in.KeyId },
		}.on(s), s.enableKey),
		api.Op("DisableKey", descriptor[kms.DisableKeyInput]{
			action: "DisableKey", key: func(in *kms.DisableKeyInput) *string { return in.KeyId },
		}.on(s), s.disableKey),
		api.Op("ScheduleKeyDeletion", descriptor[kms.ScheduleKeyDeletionInput]{
			action: "ScheduleKeyDeletion", key: func(in *kms.ScheduleKeyDeletionInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.ScheduleKeyDeletionInput) error {
				if d := pendingDays(in); d < minPendingDays || d > maxPendingDays {
					return validation("PendingWindowInDays must be between %d and %d (inclusive)", minPendingDays, maxPendingDays)
				}
				return nil
			},
			fill: func(_ *api.Call, in *kms.ScheduleKeyDeletionInput, k *access.Context) {
				k.Set("kms:ScheduleKeyDeletionPendingWindowInDays", strconv.Itoa(int(pendingDays(in))))
			},
			parameters: func(in *kms.ScheduleKeyDeletionInput) map[string]any {
				return map[string]any{"keyId": value(in.KeyId), "pendingWindowInDays": pendingDays(in)}
			},
		}.on(s), s.scheduleKeyDeletion),
		api.Op("CancelKeyDeletion", descriptor[kms.CancelKeyDeletionInput]{
			action: "CancelKeyDeletion", key: func(in *kms.CancelKeyDeletionInput) *string { return in.KeyId },
		}.on(s), s.cancelKeyDeletion),
	}
}

func pendingDays(in *kms.ScheduleKeyDeletionInput) int32 {
	if in.PendingWindowInDays == nil {
		return defaultPendingDays
	}
	return *in.PendingWindowInDays
}

func (s *Service) enableKey(c *api.Call, in *kms.EnableKeyInput) (*kms.EnableKeyOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.key.notPendingDeletion(); err != nil {
		return nil, err
	}
	t.key.State = kmstypes.KeyStateEnabled
	if err := s.resumeRotation(c, &t); err != nil {
		return nil, err
	}
	respondWithKey(c, t.arn)
	return &kms.EnableKeyOutput{}, t.put(c)
}

func (s *Service) disableKey(c *api.Call, in *kms.DisableKeyInput) (*kms.DisableKeyOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.key.notPendingDeletion(); err != nil {
		return nil, err
	}
	t.key.State = kmstypes.KeyStateDisabled
	respondWithKey(c, t.arn)
	return &kms.DisableKeyOutput{}, t.put(c)
}

// keyTask is what a task of a key carries.
type keyTask struct {
	Account, Region, KeyID string
}

func (s *Service) scheduleKeyDeletion(c *api.Call, in *kms.ScheduleKeyDeletionInput) (*kms.ScheduleKeyDeletionOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.key.notPendingDeletion(); err != nil {
		return nil, err
	}
	days := pendingDays(in)
	wait := time.Duration(days) * 24 * time.Hour
	t.key.State = kmstypes.KeyStatePendingDeletion
	t.key.DeletionDate = c.Now.Add(wait)
	if err := t.put(c); err != nil {
		return nil, err
	}
	err = c.Schedule(deleteKeyTask, t.arn, wait, keyTask{Account: t.scope.Account, Region: t.scope.Region, KeyID: t.id})
	if err != nil {
		return nil, err
	}
	c.Event.ResponseElements = map[string]any{
		"keyId": t.arn, "keyState": string(t.key.State), "deletionDate": eventTime(t.key.DeletionDate),
		"pendingWindowInDays": days,
	}
	return &kms.ScheduleKeyDeletionOutput{
		KeyId: aws.String(t.arn), KeyState: t.key.State, DeletionDate: aws.Time(t.key.DeletionDate),
		PendingWindowInDays: aws.Int32(days),
	}, nil
}

func (s *Service) cancelKeyDeletion(c *api.Call, in *kms.CancelKeyDeletionInput) (*kms.CancelKeyDeletionOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if t.key.State != kmstypes.KeyStatePendingDeletion {
		return nil, &kmstypes.KMSInvalidStateException{Message: aws.String(t.arn + " is not pending deletion.")}
	}
	t.key.State = kmstypes.KeyStateDisabled
	t.key.DeletionDate = time.Time{}
	respondWithKey(c, t.arn)
	return &kms.CancelKeyDeletionOutput{KeyId: aws.String(t.arn)}, t.put(c)
}

// scheduledKey is the key that a task is for, not found if it is gone by now.
func scheduledKey(c *api.Call, raw json.RawMessage) (target, error) {
	task, err := api.DecodePayload[keyTask](raw)
	if err != nil {
		return target{}, err
	}
	scope := store.Scope{Account: task.Account, Region: task.Region}
	k, err := keys.Get(c.Tx, scope, task.KeyID)
	if errors.Is(err, store.ErrNotFound) {
		return target{}, nil
	}
	return target{scope: scope, id: k.ID, arn: k.ARN, found: err == nil, key: k}, err
}

// deleteKey is the end of a key's waiting period: the key goes with everything
// that belongs to it, and what was encrypted under it is lost. A deletion that
// was cancelled, or cancelled and scheduled anew, is not this task's.
func (s *Service) deleteKey(c *api.Call, raw json.RawMessage) error {
	t, err := scheduledKey(c, raw)
	if err != nil || !t.found {
		return err
	}
	if t.key.State != kmstypes.KeyStatePendingDeletion || c.Now.Before(t.key.DeletionDate) {
		return nil
	}
	for _, forget := range []func(*api.Call, target) error{deleteGrants, deleteAliases, s.deleteMaterials} {
		if err := forget(c, t); err != nil {
			return err
		}
	}
	if err := policies.Delete(c.Tx, t.scope, t.id); err != nil {
		return err
	}
	return keys.Delete(c.Tx, t.scope, t.id)
}

// deleteMaterials removes what decrypts, from memory too.
func (s *Service) deleteMaterials(c *api.Call, t target) error {
	all, err := generations(c, t)
	if err != nil {
		return err
	}
	for _, m := range all {
		s.ciphers.forget(m.Sealed)
		if err := materials.Delete(c.Tx, t.scope, materialRowID(t.id, m.ID)); err != nil {
			return err
		}
	}
	return nil
}
