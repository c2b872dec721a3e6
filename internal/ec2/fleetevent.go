package ec2

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// fleetEvent is one event in a fleet's history (EC2 guide, "Monitor fleet events
// using Amazon EventBridge").
type fleetEvent struct {
	ID   string
	At   time.Time
	Kind fleetEventKind
	// Subtype is what happened; Description says more, of which instance.
	Subtype, Description, Instance string
}

// fleetEventKind is the kind of an event, in the words of Spot Fleet.
type fleetEventKind string

const (
	fleetChanged  fleetEventKind = "fleetRequestChange"
	memberChanged fleetEventKind = "instanceChange"
	fleetErred    fleetEventKind = "error"
	fleetInformed fleetEventKind = "information"
)

var fleetEventTable = store.NewTable[fleetEvent]("ec2.fleetevent")

// fleetEventRow keeps the events of a fleet beside each other, in their order.
func fleetEventRow(fleet string, at time.Time, n int) string {
	return fmt.Sprintf("%s %020d %06d", fleet, max(at.UnixMicro(), 0), n)
}

// tell adds an event to the fleet's history.
func (f *standingFleet) tell(c *api.Call, kind fleetEventKind, subtype, description, instance string) error {
	for n := 0; ; n++ {
		key := fleetEventRow(f.ID, c.Now, n)
		_, err := fleetEventTable.Get(c.Tx, c.Scope(), key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err != nil {
			return fleetEventTable.Put(c.Tx, c.Scope(), key, fleetEvent{ID: key, At: c.Now, Kind: kind, Subtype: subtype, Description: description, Instance: instance})
		}
	}
}

// fleetEvents lists a fleet's events since a time.
func fleetEvents(c *api.Call, id string, since time.Time) ([]fleetEvent, error) {
	var found []fleetEvent
	for e, err := range fleetEventTable.From(c.Tx, c.Scope(), fleetEventRow(id, since, 0)) {
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(e.ID, id+" ") {
			break
		}
		found = append(found, e)
	}
	return found, nil
}

func forgetFleetEvents(c *api.Call, id string) error {
	all, err := fleetEvents(c, id, time.Time{})
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := fleetEventTable.Delete(c.Tx, c.Scope(), e.ID); err != nil {
			return err
		}
	}
	return nil
}
