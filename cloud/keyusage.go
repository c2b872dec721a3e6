package cloud

import (
	"github.com/keyturn/keyturn/internal/kms"
	"github.com/keyturn/keyturn/internal/store"
)

// keyUsages are the last uses of keys, by their ARN, in a group of events: one row
// each is written, however often a key was used.
type keyUsages map[string]kms.Usage

// note keeps what an event tells of the use of keys. entries are its copies: a
// key's usage names the one in the account of the key's owner.
func (k keyUsages) note(e event, entries []streamEntry) {
	if e.EventSource != "kms.amazonaws.com" || e.ErrorCode != "" || e.EventType != "AwsApiCall" || !kms.Tracked(e.EventName) {
		return
	}
	for _, r := range e.Resources {
		for _, x := range entries {
			if x.account == r.Account {
				k[r.ARN] = kms.Usage{Operation: e.EventName, At: e.at, EventID: x.entry.ID, RequestID: e.RequestID}
			}
		}
	}
}

// write hands them to KMS.
func (k keyUsages) write(tx store.Tx, to *kms.Service) error {
	for arn, u := range k {
		if err := to.TouchKey(tx, arn, u); err != nil {
			return err
		}
	}
	return nil
}
