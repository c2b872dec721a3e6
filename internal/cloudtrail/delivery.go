package cloudtrail

import (
	"context"
	"errors"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// deliver makes log files of what is queued, and tries again what could not be
// delivered before.
func (c *Courier) deliver(ctx context.Context, r *route, now time.Time) error {
	if r.delivery.Sealed != nil {
		if done, err := c.deliverSealed(ctx, r, now); err != nil || !done {
			return err
		}
	}
	empty := true
	err := c.store.View(ctx, func(tx store.Tx) (err error) {
		empty, err = isEmpty(tx, queueStream(r.trail.ID, r.delivery.Generation))
		return err
	})
	if err != nil {
		return err
	}
	if empty && now.Sub(r.delivery.Opened) < reopenAfter {
		c.looked[r.trail.ID] = now
		return nil
	}
	if err := c.seal(ctx, r, now); err != nil || r.delivery.Sealed == nil {
		return err
	}
	_, err = c.deliverSealed(ctx, r, now)
	return err
}

// seal ends the generation that events are appended to and begins the next.
func (c *Courier) seal(ctx context.Context, r *route, now time.Time) error {
	return c.update(ctx, r, func(tx store.Tx, d *delivery) error {
		empty, err := isEmpty(tx, queueStream(r.trail.ID, d.Generation))
		if err != nil {
			return err
		}
		if !empty {
			d.Sealed = &sealed{Generation: d.Generation, Opened: d.Opened, At: now}
			d.Generation++
		}
		d.Opened = now
		return nil
	})
}

// deliverSealed makes the files of the sealed generation, and then has the store
// forget it. A file that is made again has the same name and content.
func (c *Courier) deliverSealed(ctx context.Context, r *route, now time.Time) (done bool, err error) {
	var files []logFile
	if err = c.askKey(ctx, r.trail); err == nil {
		files, err = c.logFiles(ctx, r.trail, *r.delivery.Sealed)
	}
	if refused, ok := errors.AsType[*refusedError](err); ok {
		c.log.Warn("a trail's events are not delivered", "trail", r.trail.arn(), "bucket", r.trail.Bucket, "err", refused.cause)
		return false, c.update(ctx, r, func(_ store.Tx, d *delivery) error {
			d.Attempted, d.Error = now, s3Error(refused.cause)
			return nil
		})
	}
	if err != nil {
		return false, err
	}
	err = c.update(ctx, r, func(tx store.Tx, d *delivery) error {
		if err := tx.TrimRecords(queueStream(r.trail.ID, r.delivery.Sealed.Generation), farFuture); err != nil {
			return err
		}
		d.Sealed = nil
		d.Attempted, d.Error = now, ""
		for _, f := range files {
			note(&d.Delivered, f.Region, now)
		}
		if !r.trail.Validation {
			return nil
		}
		return addToChains(tx, r.trail, r.delivery.Sealed.At, files)
	})
	return err == nil, err
}

// askKey asks KMS whether CloudTrail may still encrypt under the trail's key, as S3
// does when CloudTrail hands it a file.
func (c *Courier) askKey(ctx context.Context, t trail) error {
	if t.Key == "" {
		return nil
	}
	err := c.call(ctx, t.Account, t.Region, t.Partition, func(call *api.Call) error { return useKey(call, t, t.Key) })
	if _, ok := errors.AsType[smithy.APIError](err); ok {
		return &refusedError{err}
	}
	return err
}

// farFuture is after every record.
var farFuture = time.Unix(1<<40, 0)
