package cloud

import (
	"context"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// reset wipes everything but the root user's access key: the cloud is as new.
func (c *Cloud) reset(ctx context.Context) error {
	if err := c.recorder.flush(ctx); err != nil {
		return err
	}
	return c.store.Update(ctx, func(tx store.Tx) error {
		var keys []string
		for row, err := range tx.Scan("", "") {
			if err != nil {
				return err
			}
			keys = append(keys, row.Key)
		}
		for _, k := range keys {
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
		// An empty stream name means all of them.
		if err := tx.TrimRecords("", time.Unix(1<<40, 0)); err != nil {
			return err
		}
		return c.iam.PutRootKey(tx, c.set.account, c.rootID, c.rootSecret)
	})
}

// newRequestID makes the UUID of a request, or of an event.
func (c *Cloud) newRequestID() string { return api.NewUUID(c.set.random) }
