package cloudtrail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/keyturn/keyturn/internal/store"
)

// Retention is how long event history keeps an event (CloudTrail guide,
// "Viewing events with CloudTrail Event history").
const Retention = 90 * 24 * time.Hour

// Entry is one event of the history. What LookupEvents can search by stands
// apart from the event itself, so that a search need not parse every event.
type Entry struct {
	ID          string     `json:"i"`
	Name        string     `json:"n"`
	Source      string     `json:"s"`
	Username    string     `json:"u,omitempty"`
	AccessKeyID string     `json:"k,omitempty"`
	ReadOnly    bool       `json:"r,omitempty"`
	Time        time.Time  `json:"t"`
	Resources   []Resource `json:"x,omitempty"`
	// JSON is the event in CloudTrail's own shape.
	JSON []byte `json:"-"`
}

// Resource is something that an event is about.
type Resource struct {
	Type string `json:"t"` // "AWS::KMS::Key"
	Name string `json:"n"`
}

// Stream is the store's stream of an account's events in a region.
func Stream(account, region string) string {
	return store.Key(account, region, "cloudtrail.event")
}

// Record gives the entry as it is stored. seq orders events of the same
// microsecond: a later one has the greater seq.
func (e Entry) Record(seq uint64) (store.Record, error) {
	head, err := json.Marshal(e)
	if err != nil {
		return store.Record{}, fmt.Errorf("cloudtrail: event %s: %w", e.ID, err)
	}
	data := make([]byte, 0, len(head)+1+len(e.JSON))
	data = append(data, head...)
	data = append(data, '\n')
	data = append(data, e.JSON...)
	return store.Record{At: e.Time, ID: fmt.Sprintf("%016x-%s", seq, e.ID), Data: data}, nil
}

var errCutRecord = errors.New("cloudtrail: stored event has no head")

// readEntry reads what Record wrote.
func readEntry(r store.Record) (Entry, error) {
	head, body, ok := bytes.Cut(r.Data, []byte{'\n'})
	if !ok {
		return Entry{}, errCutRecord
	}
	var e Entry
	if err := json.Unmarshal(head, &e); err != nil {
		return Entry{}, fmt.Errorf("cloudtrail: stored event %s: %w", r.ID, err)
	}
	e.JSON = body
	return e, nil
}
