package cloudtrail

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// deliverEvery is the time between two deliveries of a trail (CloudTrail guide,
// "How CloudTrail works": about every five minutes).
const deliverEvery = 5 * time.Minute

// digestEvery is the time that a digest covers (CloudTrail guide, "Validating
// CloudTrail log file integrity").
const digestEvery = time.Hour

// reopenAfter is when an empty queue is opened anew: its records have the time of
// its opening, and must not look old enough to be trimmed.
const reopenAfter = 24 * time.Hour

// Courier delivers what trails have queued. It belongs to one goroutine; one
// store has one courier at a time.
type Courier struct {
	service *Service
	store   store.Store
	call    Caller
	log     *slog.Logger
	// looked is when a trail was last looked at in vain, by the trail's id: an
	// empty queue is no reason to write.
	looked map[string]time.Time
	// refused is when a bucket last did not take a digest, by the chain's id.
	refused map[string]time.Time
}

// Caller runs a function with a call of CloudTrail's own in an account and region,
// in a transaction that is kept whatever the function returns: what it was refused
// is recorded, too.
type Caller func(ctx context.Context, account, region, partition string, fn func(*api.Call) error) error

// NewCourier returns a courier for the trails in a store.
func (s *Service) NewCourier(st store.Store, call Caller, log *slog.Logger) *Courier {
	return &Courier{service: s, store: st, call: call, log: log, looked: make(map[string]time.Time), refused: make(map[string]time.Time)}
}

// route is one trail as the courier finds it.
type route struct {
	trail    trail
	delivery delivery
}

// Round delivers everything that is due and tells when something is due again;
// zero if nothing is expected. What could not be delivered is reported in the
// trail's status and tried again; an error is one of the store's.
func (c *Courier) Round(ctx context.Context, now time.Time) (next time.Time, err error) {
	routes, err := c.routes(ctx)
	if err != nil {
		return time.Time{}, err
	}
	soonest := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for id, r := range routes {
		due, err := c.visit(ctx, id, r, now)
		if err != nil {
			return time.Time{}, err
		}
		soonest(due)
	}
	for id := range c.looked {
		if _, ok := routes[id]; !ok {
			delete(c.looked, id)
		}
	}
	return next, nil
}

// routes reads all trails that were ever started.
func (c *Courier) routes(ctx context.Context) (map[string]route, error) {
	routes := make(map[string]route)
	err := c.store.View(ctx, func(tx store.Tx) error {
		known := make(map[string]map[string]trail)
		for row, err := range tx.Scan(DeliveryPrefix, "") {
			if err != nil {
				return err
			}
			id := row.Key[len(DeliveryPrefix):]
			d, err := deliveryTable.Get(tx, courierScope, id)
			if err != nil {
				return err
			}
			if known[d.Account] == nil {
				all, err := trailsOf(tx, d.Account)
				if err != nil {
					return err
				}
				known[d.Account] = make(map[string]trail)
				for _, t := range all.All {
					known[d.Account][t.ID] = t
				}
			}
			if t, ok := known[d.Account][id]; ok {
				routes[id] = route{trail: t, delivery: d}
			}
		}
		return nil
	})
	return routes, err
}

// visit does what is due for one trail and tells when more is.
func (c *Courier) visit(ctx context.Context, id string, r route, now time.Time) (next time.Time, err error) {
	last := r.delivery.Opened
	for _, t := range []time.Time{c.looked[id], r.delivery.Attempted} {
		if t.After(last) {
			last = t
		}
	}
	if due := last.Add(deliverEvery); now.Before(due) {
		next = due
	} else {
		if err := c.deliver(ctx, &r, now); err != nil {
			return next, err
		}
		next = now.Add(deliverEvery)
	}
	digest, err := c.digests(ctx, r, now)
	if err != nil {
		return next, err
	}
	if !digest.IsZero() && digest.Before(next) {
		next = digest
	}
	if r.trail.gone() && digest.IsZero() && r.delivery.Sealed == nil {
		return next, c.forget(ctx, r)
	}
	return next, nil
}

// forget removes what is left of a deleted trail, unless events have come since.
func (c *Courier) forget(ctx context.Context, r route) error {
	return c.store.Update(ctx, func(tx store.Tx) error {
		d, ok, err := deliveryOf(tx, r.trail.ID)
		if err != nil || !ok {
			return err
		}
		empty, err := isEmpty(tx, queueStream(r.trail.ID, d.Generation))
		if err != nil || !empty {
			return err
		}
		if err := deliveryTable.Delete(tx, courierScope, r.trail.ID); err != nil {
			return err
		}
		return erase(tx, r.trail)
	})
}

func isEmpty(tx store.Tx, stream string) (bool, error) {
	for _, err := range tx.Records(stream, store.Query{}) {
		return false, err
	}
	return true, nil
}

// update changes a trail's state, if the trail is still there, and r with it.
func (c *Courier) update(ctx context.Context, r *route, change func(store.Tx, *delivery) error) error {
	return c.store.Update(ctx, func(tx store.Tx) error {
		d, ok, err := deliveryOf(tx, r.trail.ID)
		if err != nil {
			return err
		}
		if !ok { // everything was wiped meanwhile
			r.delivery.Sealed = nil
			return nil
		}
		if err := change(tx, &d); err != nil {
			return err
		}
		r.delivery = d
		return deliveryTable.Put(tx, courierScope, r.trail.ID, d)
	})
}

// s3Error is how GetTrailStatus tells why a bucket did not take a file: S3's own
// error code (S3 API reference, "Error responses"). What KMS refuses S3 passes on.
func s3Error(err error) string {
	refused, ok := errors.AsType[smithy.APIError](err)
	switch {
	case ok && refused.ErrorCode() == "AccessDeniedException":
		return "AccessDenied"
	case ok:
		return "KMS." + refused.ErrorCode()
	case errors.Is(err, api.ErrNoBucket):
		return "NoSuchBucket"
	case errors.Is(err, fs.ErrPermission):
		return "AccessDenied"
	}
	return "InternalError"
}
