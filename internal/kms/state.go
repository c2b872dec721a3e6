package kms

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// effective is the state that counts for the use of a key: one whose primary
// Region changes goes on as before.
func (k keyRow) effective() kmstypes.KeyState {
	if k.State == kmstypes.KeyStateUpdating {
		return k.Settled
	}
	return k.State
}

// setState moves a key to a state, now or when its creation or update is over.
func (k *keyRow) setState(s kmstypes.KeyState) {
	if k.State == kmstypes.KeyStateCreating || k.State == kmstypes.KeyStateUpdating {
		k.Settled = s
		return
	}
	k.State = s
}

// stateNames are how errors call the states that refuse something (KMS guide,
// "Key states of AWS KMS keys", notes to the table).
var stateNames = map[kmstypes.KeyState]string{
	kmstypes.KeyStatePendingDeletion:        "pending deletion",
	kmstypes.KeyStatePendingReplicaDeletion: "pending replica deletion",
	kmstypes.KeyStatePendingImport:          "pending import",
	kmstypes.KeyStateCreating:               "creating",
	kmstypes.KeyStateUpdating:               "updating",
}

// not refuses a key that is in one of some states.
func (k keyRow) not(states ...kmstypes.KeyState) error {
	if slices.Contains(states, k.State) {
		return invalidState("%s is %s.", k.ARN, stateNames[k.State])
	}
	return nil
}

func invalidState(format string, args ...any) error {
	return &kmstypes.KMSInvalidStateException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// usable refuses a key that is not enabled, for the operations that use it or
// give the use of it (KMS guide, "Key states of AWS KMS keys").
func (k keyRow) usable() error {
	switch state := k.effective(); state {
	case kmstypes.KeyStateEnabled:
		return nil
	case kmstypes.KeyStateDisabled:
		return &kmstypes.DisabledException{Message: aws.String(k.ARN + " is disabled.")}
	default:
		return invalidState("%s is %s.", k.ARN, stateNames[state])
	}
}

// notPendingDeletion refuses a key that waits for its deletion.
func (k keyRow) notPendingDeletion() error {
	return k.not(kmstypes.KeyStatePendingDeletion, kmstypes.KeyStatePendingReplicaDeletion)
}

// steady refuses a key that waits for something: only what can be used is
// enabled and disabled, and only what nobody is at work on.
func (k keyRow) steady() error {
	return k.not(kmstypes.KeyStatePendingDeletion, kmstypes.KeyStatePendingReplicaDeletion,
		kmstypes.KeyStatePendingImport, kmstypes.KeyStateCreating, kmstypes.KeyStateUpdating)
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
	if err := t.key.steady(); err != nil {
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
	if err := t.key.steady(); err != nil {
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
	if err := t.key.not(kmstypes.KeyStatePendingDeletion, kmstypes.KeyStatePendingReplicaDeletion, kmstypes.KeyStateUpdating); err != nil {
		return nil, err
	}
	days := pendingDays(in)
	waits, err := hasReplicas(c, t)
	if err != nil {
		return nil, err
	}
	if waits {
		t.key.State, t.key.PendingDays = kmstypes.KeyStatePendingReplicaDeletion, days
	} else if err := t.pendDeletion(c, days); err != nil {
		return nil, err
	}
	if err := t.put(c); err != nil {
		return nil, err
	}
	c.Event.ResponseElements = map[string]any{"keyId": t.arn, "keyState": string(t.key.State), "pendingWindowInDays": days}
	out := &kms.ScheduleKeyDeletionOutput{KeyId: aws.String(t.arn), KeyState: t.key.State, PendingWindowInDays: aws.Int32(days)}
	if !waits {
		c.Event.ResponseElements["deletionDate"] = eventTime(t.key.DeletionDate)
		out.DeletionDate = aws.Time(t.key.DeletionDate)
	}
	return out, nil
}

// pendDeletion begins a key's waiting period.
func (t *target) pendDeletion(c *api.Call, days int32) error {
	wait := time.Duration(days) * day
	t.key.State, t.key.Settled, t.key.PendingDays = kmstypes.KeyStatePendingDeletion, "", 0
	t.key.DeletionDate = c.Now.Add(wait)
	return t.schedule(c, deleteKeyTask, wait)
}

// schedule keeps a task of the key for later, in the key's Region.
func (t target) schedule(c *api.Call, kind string, after time.Duration) error {
	there := *c
	there.Region = t.scope.Region
	return there.Schedule(kind, t.arn, after, keyTask{Account: t.scope.Account, Region: t.scope.Region, KeyID: t.id})
}

func (s *Service) cancelKeyDeletion(c *api.Call, in *kms.CancelKeyDeletionInput) (*kms.CancelKeyDeletionOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if t.key.notPendingDeletion() == nil {
		return nil, invalidState("%s is not pending deletion.", t.arn)
	}
	t.key.State = kmstypes.KeyStateDisabled
	complete, err := t.complete(c)
	if err != nil {
		return nil, err
	}
	if !complete {
		// The guide says Disabled of all keys; one without its material can be in
		// no other state than this.
		t.key.State = kmstypes.KeyStatePendingImport
	}
	t.key.DeletionDate, t.key.PendingDays = time.Time{}, 0
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
	if err := usagesOfKeys.Delete(c.Tx, t.scope, t.id); err != nil {
		return err
	}
	if err := keys.Delete(c.Tx, t.scope, t.id); err != nil {
		return err
	}
	c.Event.Own = append(c.Event.Own, t.ownEvent("DeleteKey"))
	return s.leaveRelated(c, t)
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
