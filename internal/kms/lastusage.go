package kms

import (
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// Usage is a successful cryptographic operation with a key, as GetKeyLastUsage
// tells of it (KMS API reference, "KeyLastUsageData").
type Usage struct {
	Operation string
	At        time.Time
	// EventID is that of the event in the key owner's trail.
	EventID, RequestID string
}

// usagesOfKeys holds the last one of each key, by the key's id.
var usagesOfKeys = store.NewTable[Usage]("kms.lastusage")

// Tracked reports whether GetKeyLastUsage tells of an operation.
func Tracked(operation string) bool {
	for _, o := range kmstypes.KeyLastUsageTrackingOperation("").Values() {
		if string(o) == operation {
			return true
		}
	}
	return false
}

// TouchKey records a use of the key with that ARN, unless the key is gone. The
// cloud calls it, which knows the events.
func (s *Service) TouchKey(tx store.Tx, arn string, u Usage) error {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return nil
	}
	scope, id := store.Scope{Account: parts[4], Region: parts[3]}, strings.TrimPrefix(parts[5], "key/")
	if _, err := keys.Get(tx, scope, id); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}
	return usagesOfKeys.Put(tx, scope, id, u)
}

func (s *Service) lastUsageOperations() []api.Operation {
	return []api.Operation{
		api.Read("GetKeyLastUsage", descriptor[kms.GetKeyLastUsageInput]{
			action: "GetKeyLastUsage", key: func(in *kms.GetKeyLastUsageInput) *string { return in.KeyId },
		}.on(s), s.getKeyLastUsage),
	}
}

func (s *Service) getKeyLastUsage(c *api.Call, in *kms.GetKeyLastUsageInput) (*kms.GetKeyLastUsageOutput, error) {
	t, err := s.existing(c, in.KeyId, byID)
	if err != nil {
		return nil, err
	}
	out := &kms.GetKeyLastUsageOutput{
		KeyId: aws.String(t.id), KeyCreationDate: aws.Time(t.key.Created), TrackingStartDate: aws.Time(t.key.Created),
		KeyLastUsage: &kmstypes.KeyLastUsageData{},
	}
	u, err := usagesOfKeys.Get(c.Tx, t.scope, t.id)
	if errors.Is(err, store.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	out.KeyLastUsage = &kmstypes.KeyLastUsageData{
		Operation: kmstypes.KeyLastUsageTrackingOperation(u.Operation), Timestamp: aws.Time(u.At),
		CloudTrailEventId: aws.String(u.EventID), KmsRequestId: aws.String(u.RequestID),
	}
	return out, nil
}
