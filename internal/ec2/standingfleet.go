package ec2

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// standingFleet is a fleet that launches by itself after it was asked for: an EC2
// Fleet of the type request or maintain, or a Spot Fleet (EC2 guide, "EC2 Fleet
// and Spot Fleet").
type standingFleet struct {
	ID       string // "fleet-…", or "sfr-…" of a Spot Fleet
	Type     types.FleetType
	State    types.FleetStateCode
	Activity types.FleetActivityStatus
	Created  time.Time
	// From and Until are when it may launch; zero: always.
	From  time.Time `json:",omitzero"`
	Until time.Time `json:",omitzero"`
	// EndWithExpiry: its instances end when Until has come.
	EndWithExpiry bool `json:",omitempty"`
	// KeepExcess: instances stay when the target falls.
	KeepExcess bool `json:",omitempty"`

	// OnDemand and Spot are the parts of the target, in units.
	OnDemand, Spot fleetShare
	Ways           []fleetWay
	Members        []fleetMember

	// What was asked for, as it is shown. One of the two is set.
	Fleet     *ec2.CreateFleetInput             `json:",omitempty"`
	SpotFleet *types.SpotFleetRequestConfigData `json:",omitempty"`
}

// fleetShare is the On-Demand or the Spot part of a fleet.
type fleetShare struct {
	Target float64
	// Placed are the units ever launched: a fleet of the type request does not
	// launch them again.
	Placed float64
	// Strategy is the allocation strategy, as EC2 Fleet writes it; Pools is how
	// many ways the lowest-price strategy is spread over.
	Strategy string
	Pools    int
	// Interruption is what becomes of a Spot Instance that EC2 takes back.
	Interruption types.InstanceInterruptionBehavior `json:",omitempty"`
}

// fleetWay is one way to launch an instance of the fleet.
type fleetWay struct {
	Launch   ec2.RunInstancesInput
	Weight   float64 // units of one instance
	Priority *float64
	MaxPrice string `json:",omitempty"` // for Spot
	// Tags are what a Spot Fleet gives its instances as the role that it was given.
	Tags map[string]string `json:",omitempty"`
	// Failures counts launches that failed one after the other; until Barred
	// nothing more is tried.
	Failures int
	Barred   time.Time `json:",omitzero"`
}

// fleetMember is an instance of the fleet.
type fleetMember struct {
	ID      string
	Spot    bool `json:",omitempty"`
	Way     int  // its place among the ways; -1 once the ways were changed
	Units   float64
	Settled bool `json:",omitempty"` // it has run
}

var standingTable = store.NewTable[standingFleet]("ec2.standingfleet")

func (f *standingFleet) put(c *api.Call) error { return standingTable.Put(c.Tx, c.Scope(), f.ID, *f) }

// isSpotFleet reports whether it is a Spot Fleet.
func (f *standingFleet) isSpotFleet() bool { return f.SpotFleet != nil }

// role is the service-linked role that launches and terminates for the fleet.
// Spot Instances are launched by Spot's (EC2 guide, "Service-linked role for EC2
// Fleet", "… for Spot Fleet").
func (f *standingFleet) role() serviceRole {
	if f.isSpotFleet() {
		return spotFleetService
	}
	return fleetService
}

// tag is the tag by which the fleet's instances are known.
func (f *standingFleet) tag() string {
	if f.isSpotFleet() {
		return spotFleetTag
	}
	return fleetTag
}

func (f *standingFleet) kind() types.ResourceType {
	if f.isSpotFleet() {
		return types.ResourceTypeSpotFleetRequest
	}
	return types.ResourceTypeFleet
}

// share is the fleet's Spot or On-Demand part.
func (f *standingFleet) share(spot bool) *fleetShare {
	if spot {
		return &f.Spot
	}
	return &f.OnDemand
}

// held are the units of one kind that the fleet's instances have.
func (f *standingFleet) held(spot bool) float64 {
	units := 0.0
	for _, m := range f.Members {
		if m.Spot == spot {
			units += m.Units
		}
	}
	return units
}

// lack are the units of one kind that are to be launched.
func (f *standingFleet) lack(spot bool) float64 {
	p := f.share(spot)
	if f.Type == types.FleetTypeRequest {
		return p.Target - p.Placed
	}
	return p.Target - f.held(spot)
}

func (f *standingFleet) fulfilled() float64 { return f.held(false) + f.held(true) }

func (f *standingFleet) target() float64 { return f.OnDemand.Target + f.Spot.Target }

// deleted reports whether the fleet was deleted or has expired: it launches
// nothing more.
func (f *standingFleet) deleted() bool {
	switch f.State {
	case types.FleetStateCodeDeleted, types.FleetStateCodeDeletedRunning, types.FleetStateCodeDeletedTerminatingInstances:
		return true
	}
	return false
}

// standing finds a fleet; none is not an error.
func standing(c *api.Call, id string) (*standingFleet, bool, error) {
	f, err := standingTable.Get(c.Tx, c.Scope(), id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	return &f, err == nil, err
}

// The tasks of a standing fleet.
const (
	fleetTask       = "ec2.fleet"
	fleetForgetTask = "ec2.fleet.forget"
)

const (
	// fleetTime is how long a fleet takes to look after itself; AWS takes up to minutes.
	fleetTime = 2 * time.Second
	// fleetRetry is how long it waits after a launch that failed, and fleetTries how
	// many may fail before a way to launch is left alone for fleetBarred. That
	// last time is AWS's own, as its events tell; the others are not documented.
	fleetRetry  = 10 * time.Second
	fleetTries  = 3
	fleetBarred = 13 * time.Minute
	// fleetRemembrance is how long a deleted fleet is described (EC2 API
	// reference, "EventInformation").
	fleetRemembrance = 48 * time.Hour
	// fleetBatch is how many instances are launched in one go.
	fleetBatch = 50
)

func (s *Service) fleetTasks() map[string]func(*api.Call, json.RawMessage) error {
	return map[string]func(*api.Call, json.RawMessage) error{
		fleetTask: s.onFleet(func(w *fleetWork) error { return w.run() }),
		fleetForgetTask: s.onFleet(func(w *fleetWork) error {
			if w.f.State != types.FleetStateCodeDeleted {
				return nil
			}
			if err := forgetFleetEvents(w.c, w.f.ID); err != nil {
				return err
			}
			if err := putTags(w.c, string(w.f.kind()), w.f.ID, nil); err != nil {
				return err
			}
			return standingTable.Delete(w.c.Tx, w.c.Scope(), w.f.ID)
		}),
	}
}

func (s *Service) onFleet(do func(*fleetWork) error) func(*api.Call, json.RawMessage) error {
	return func(c *api.Call, raw json.RawMessage) error {
		id, err := api.DecodePayload[string](raw)
		if err != nil {
			return err
		}
		f, ok, err := standing(c, id)
		if err != nil || !ok {
			return err
		}
		return do(&fleetWork{s: s, c: c, f: f})
	}
}

// wakeFleet has a fleet look after itself. That is its service's work, not the
// caller's.
func wakeFleet(c *api.Call, id string, after time.Duration) error {
	of := fleetService.principal
	if strings.HasPrefix(id, "sfr-") {
		of = spotFleetService.principal
	}
	return c.As(api.Caller{
		Principal: access.Principal{Type: access.Service, Partition: c.Partition, ServicePrincipal: of}, InvokedBy: of,
	}).Schedule(fleetTask, id, after, id)
}

// fleetLost tells an instance's fleet that it has stopped or ended.
func fleetLost(c *api.Call, i instance) error {
	if i.Fleet == "" {
		return nil
	}
	return wakeFleet(c, i.Fleet, 0)
}
