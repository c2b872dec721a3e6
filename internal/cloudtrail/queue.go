package cloudtrail

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/store"
)

// A trail's queue is a stream for each of its generations. Events are appended
// to the newest; delivery seals it, and begins another, in one transaction. A
// sealed stream never changes, whatever the times of the events in it, so that
// delivering it can be interrupted and repeated: nothing is lost, and the same
// files come of it.

// delivery is how far the events of a trail have come.
type delivery struct {
	// Account is the trail's.
	Account string
	// Generation is the one that events are appended to, since Opened.
	Generation uint64
	Opened     time.Time
	// Sealed is the generation before it, until it is delivered.
	Sealed *sealed `json:",omitempty"`

	// What follows is GetTrailStatus', the times of files by region.
	Attempted       time.Time            `json:",omitzero"`
	Delivered       map[string]time.Time `json:",omitempty"`
	Error           string               `json:",omitempty"`
	DigestDelivered map[string]time.Time `json:",omitempty"`
	DigestError     string               `json:",omitempty"`
}

// note remembers when a file of a region was delivered.
func note(in *map[string]time.Time, region string, at time.Time) {
	if *in == nil {
		*in = make(map[string]time.Time)
	}
	(*in)[region] = at
}

// sealed is a generation that is being delivered. At is when it was sealed, and
// the time in its files' names.
type sealed struct {
	Generation uint64
	Opened, At time.Time
}

// courierScope holds what the courier looks through: the state of every
// account's trails, by the trails' ids.
var courierScope = store.Scope{Account: "-", Region: "-"}

var deliveryTable = store.NewTable[delivery]("cloudtrail.delivery")

// DeliveryPrefix begins the keys of the rows that tell of a new trail to
// deliver for; a commit that touches one wakes the courier.
var DeliveryPrefix = store.Key(courierScope.Account, courierScope.Region, "cloudtrail.delivery") + "/"

// deliveryOf returns a trail's state; ok is false if it was never started.
func deliveryOf(tx store.Tx, id string) (d delivery, ok bool, err error) {
	d, err = deliveryTable.Get(tx, courierScope, id)
	if errors.Is(err, store.ErrNotFound) {
		return d, false, nil
	}
	return d, err == nil, err
}

func isStarted(tx store.Tx, t trail) (bool, error) {
	_, ok, err := deliveryOf(tx, t.ID)
	return ok, err
}

// start opens a trail's queue, if it is not open.
func start(tx store.Tx, t trail, now time.Time) error {
	_, ok, err := deliveryOf(tx, t.ID)
	if ok || err != nil {
		return err
	}
	return deliveryTable.Put(tx, courierScope, t.ID, delivery{Account: t.Account, Generation: 1, Opened: now})
}

// queueStream is the stream of a generation of a trail's queue.
func queueStream(id string, generation uint64) string {
	return store.Key(courierScope.Account, courierScope.Region, "cloudtrail.queue", id, strconv.FormatUint(generation, 10))
}

// queueID is an event's id in a queue: descending, as records are read, it puts
// the events of an account and region together, the earliest first.
func queueID(account, region string, at time.Time, seq uint64, id string) string {
	return fmt.Sprintf("%s/%s/%016x/%016x/%s", account, region, math.MaxInt64-at.UnixMicro(), math.MaxUint64-seq, id)
}

// readQueueID undoes queueID.
func readQueueID(id string) (account, region string, at time.Time, err error) {
	parts := strings.Split(id, "/")
	if len(parts) != 5 {
		return "", "", time.Time{}, fmt.Errorf("cloudtrail: queued event %q has no place", id)
	}
	n, err := strconv.ParseInt(parts[2], 16, 64)
	if err != nil {
		return "", "", time.Time{}, fmt.Errorf("cloudtrail: queued event %q: %w", id, err)
	}
	return parts[0], parts[1], time.UnixMicro(math.MaxInt64 - n).UTC(), nil
}

// Collect puts an event that was recorded in an account and region into the
// queues of the trails and into the event data stores that select it, in the
// transaction that records it. seq orders events of the same microsecond.
func (s *Service) Collect(tx store.Tx, account, region string, e Entry, seq uint64) error {
	if err := s.collectFor(tx, account, account, region, e, seq); err != nil {
		return err
	}
	if err := s.ingest(tx, account, account, region, e, seq); err != nil {
		return err
	}
	m, err := s.organizations.Membership(tx, account)
	if err != nil || m == nil || m.ManagementAccount == account {
		return err
	}
	if err := s.collectFor(tx, m.ManagementAccount, account, region, e, seq); err != nil {
		return err
	}
	return s.ingest(tx, m.ManagementAccount, account, region, e, seq)
}

// collectFor asks an owner's trails; only an organization's are for the events
// of other accounts.
func (s *Service) collectFor(tx store.Tx, owner, account, region string, e Entry, seq uint64) error {
	raw, err := trailTable.Raw(tx, scopeOf(owner), row)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	all, err := s.shelves.get(raw, func() (*shelf, error) { return newShelf(raw) })
	if err != nil {
		return err
	}
	for i, t := range all.trails {
		if owner != account && !t.Organization || !t.logs(region, e) || !all.matchers[i].selects(e) {
			continue
		}
		d, ok, err := deliveryOf(tx, t.ID)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		// All records of a generation have one time, so that they can be trimmed
		// together and are ordered by their ids alone.
		err = tx.Append(queueStream(t.ID, d.Generation), store.Record{At: d.Opened, ID: queueID(account, region, e.Time, seq, e.ID), Data: e.JSON})
		if err != nil {
			return err
		}
	}
	return nil
}

func newShelf(raw []byte) (*shelf, error) {
	var all trails
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("cloudtrail: trails: %w", err)
	}
	s := &shelf{trails: all.All}
	for _, t := range all.All {
		s.matchers = append(s.matchers, newMatcher(t))
	}
	return s, nil
}

// logs reports whether the trail is one of the region and was logging when the
// event happened: StopLogging is the last event of a trail.
func (t trail) logs(region string, e Entry) bool {
	switch {
	case !t.in(region), e.Time.Before(t.Started):
		return false
	case !t.Logging && e.Time.After(t.Stopped):
		return false
	}
	return t.GlobalEvents || !isGlobal(e.Source) || region != globalRegion(t.Partition)
}

// isGlobal reports whether a source is a global service (CloudTrail guide,
// "Global service events"). Organizations, which the guide does not name there,
// has its one Region like they.
func isGlobal(source string) bool {
	return source == "iam.amazonaws.com" || source == "sts.amazonaws.com" || source == "organizations.amazonaws.com"
}

// globalRegion is where a partition's global services log their events.
func globalRegion(partition string) string {
	switch partition {
	case "aws-cn":
		return "cn-north-1"
	case "aws-us-gov":
		return "us-gov-west-1"
	}
	return "us-east-1"
}
