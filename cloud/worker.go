package cloud

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/store"
)

// idleWait is how long a worker sleeps when nothing is due: long, since every
// commit that gives it work wakes it.
const idleWait = time.Hour

// worker owns one goroutine, which works, sleeps until more is due or a commit
// tells of more, and ends with stop.
type worker struct {
	poke    chan struct{}
	cancel  context.CancelFunc
	done    sync.WaitGroup
	unwatch func()
}

// begin starts the goroutine. round does what is due and tells how long to wait;
// rows whose keys begin with prefix are its work.
func (w *worker) begin(s store.Store, prefix string, round func(context.Context) time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	w.poke, w.cancel = make(chan struct{}, 1), cancel
	w.unwatch = s.Watch(func(keys []string) {
		for _, k := range keys {
			if strings.HasPrefix(k, prefix) {
				w.wake()
				return
			}
		}
	})
	w.done.Go(func() { w.run(ctx, round) })
}

func (w *worker) stop() {
	w.unwatch()
	w.cancel()
	w.done.Wait()
}

// wake has the worker look again. It never blocks.
func (w *worker) wake() {
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

func (w *worker) run(ctx context.Context, round func(context.Context) time.Duration) {
	for ctx.Err() == nil {
		wait := round(ctx)
		if wait <= 0 {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-w.poke:
		case <-timer.C:
		}
		timer.Stop()
	}
}
