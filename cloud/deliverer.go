package cloud

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/cloudtrail"
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
	d := &deliverer{cloud: c, courier: c.trail.NewCourier(c.store, c.set.log), poke: make(chan struct{}, 1), cancel: cancel}
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
