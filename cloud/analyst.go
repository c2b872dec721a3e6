package cloud

import (
	"context"
	"time"

	"github.com/keyturn/keyturn/internal/cloudtrail"
)

// analyst has CloudTrail Lake's queries run; no request waits for it.
type analyst struct {
	worker
	cloud   *Cloud
	analyst *cloudtrail.Analyst
}

func newAnalyst(c *Cloud) *analyst {
	a := &analyst{cloud: c}
	a.analyst = c.trail.NewAnalyst(c.store, c.Now, c.set.log)
	a.begin(c.store, cloudtrail.LakePrefix, a.round)
	return a
}

// round runs what is queued and tells how long to wait.
func (a *analyst) round(ctx context.Context) time.Duration {
	// What was answered by now can be asked for.
	err := a.cloud.recorder.flush(ctx)
	var next time.Time
	if err == nil {
		next, err = a.analyst.Round(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return 0
	case err != nil:
		a.cloud.set.log.Error("queries are not run", "err", err)
		return retryWait
	case next.IsZero():
		return idleWait
	}
	return min(next.Sub(a.cloud.Now()), idleWait)
}
