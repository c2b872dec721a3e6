package cloud

import (
	"context"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/cloudtrail"
	"github.com/keyturn/keyturn/internal/store"
)

// deliverer has CloudTrail's courier make its rounds; no request waits for it.
type deliverer struct {
	worker
	cloud   *Cloud
	courier *cloudtrail.Courier
}

// retryWait is how long the deliverer waits after the store has failed it.
const retryWait = time.Second

func newDeliverer(c *Cloud) *deliverer {
	d := &deliverer{cloud: c}
	d.courier = c.trail.NewCourier(c.store, d.call, c.set.log)
	d.begin(c.store, cloudtrail.DeliveryPrefix, d.round)
	return d
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
