package cloud

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/cloudtrail"
	"github.com/keyturn/keyturn/internal/store"
)

// deliverer has CloudTrail's courier make its rounds. It owns one goroutine, which
// ends with stop; no request waits for it.
type deliverer struct {
	cloud   *Cloud
	courier *cloudtrail.Courier
	poke    chan struct{}
	cancel  context.CancelFunc
	done    sync.WaitGroup
	unwatch func()
}

// retryWait is how long the deliverer waits after the store has failed it.
const retryWait = time.Second

func newDeliverer(c *Cloud) *deliverer {
	ctx, cancel := context.WithCancel(context.Background())
	d := &deliverer{cloud: c, poke: make(chan struct{}, 1), cancel: cancel}
	d.courier = c.trail.NewCourier(c.store, d.call, c.set.log)
	d.unwatch = c.store.Watch(func(keys []string) {
		for _, k := range keys {
			if strings.HasPrefix(k, cloudtrail.DeliveryPrefix) {
				d.wake()
				return
			}
		}
	})
	d.done.Go(func() { d.run(ctx) })
	return d
}

func (d *deliverer) stop() {
	d.unwatch()
	d.cancel()
	d.done.Wait()
}

// wake has the deliverer look again. It never blocks.
func (d *deliverer) wake() {
	select {
	case d.poke <- struct{}{}:
	default:
	}
}

func (d *deliverer) run(ctx context.Context) {
	for ctx.Err() == nil {
		wait := d.round(ctx)
		timer := time.NewTimer(max(wait, 0))
		select {
		case <-ctx.Done():
		case <-d.poke:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// call implements cloudtrail.Caller.
func (d *deliverer) call(ctx context.Context, account, region, partition string, fn func(*api.Call) error) error {
	var refused error
	err := d.cloud.store.Update(ctx, func(tx store.Tx) error {
		p := &passage{cloud: d.cloud}
		refused = fn(&api.Call{
			Context: ctx, Tx: tx, Door: p, Account: account, Region: region, Partition: partition,
			Service: "cloudtrail", Operation: "delivery", Now: d.cloud.Now(), RequestID: d.cloud.newRequestID(),
			Secure: true, Rand: d.cloud.set.random,
		})
		return d.cloud.recorder.write(tx, p.events)
	})
	if err != nil {
		return err
	}
	return refused
}

// round delivers what is due and tells how long to wait.
func (d *deliverer) round(ctx context.Context) time.Duration {
	// What was answered by now is part of what is delivered now.
	err := d.cloud.recorder.flush(ctx)
	var next time.Time
	if err == nil {
		next, err = d.courier.Round(ctx, d.cloud.Now())
	}
	switch {
	case ctx.Err() != nil:
		return 0
	case err != nil:
		d.cloud.set.log.Error("trails are not delivered", "err", err)
		return retryWait
	case next.IsZero():
		return idleWait
	}
	return min(next.Sub(d.cloud.Now()), idleWait)
}
