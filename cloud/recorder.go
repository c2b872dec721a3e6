package cloud

import (
	"context"
	"sync"

	"github.com/keyturn/keyturn/internal/cloudtrail"
	"github.com/keyturn/keyturn/internal/store"
)

// recorder writes the CloudTrail history. The event of a change goes into the
// transaction of the change; those of reads and of failures, which have none,
// are committed in groups by one goroutine that the recorder owns.
type recorder struct {
	cloud *Cloud
	done  sync.WaitGroup

	mu sync.Mutex // covers what follows
	// pending are the events that no commit has taken yet; waiters are told when
	// the commit that takes them is done.
	pending []event
	waiters []chan error
	closed  bool
	// more is signalled when pending or waiters grow; room when pending shrinks.
	more, room *sync.Cond
}

// maxPending bounds the events that wait; a request that would add to more
// waits for the disk instead.
const maxPending = 4096

func newRecorder(c *Cloud) *recorder {
	r := &recorder{cloud: c}
	r.more, r.room = sync.NewCond(&r.mu), sync.NewCond(&r.mu)
	r.done.Go(r.run)
	return r
}

// write puts events into the transaction of the change they tell of, and with
// them that their callers' keys and roles were used, and KMS's keys.
func (r *recorder) write(tx store.Tx, events []event) error {
	if err := r.cloud.uses.write(tx, r.cloud.iam, events); err != nil {
		return err
	}
	used := make(keyUsages)
	for _, e := range events {
		entries, err := e.entries()
		if err != nil {
			return err
		}
		used.note(e, entries)
		for _, x := range entries {
			seq := r.cloud.sequence.Add(1)
			record, err := x.entry.Record(seq)
			if err != nil {
				return err
			}
			if err := tx.Append(cloudtrail.Stream(x.account, x.region), record); err != nil {
				return err
			}
			if err := r.cloud.trail.Collect(tx, x.account, x.region, x.entry, seq); err != nil {
				return err
			}
		}
	}
	return used.write(tx, r.cloud.kms)
}

// add hands over events that belong to no transaction.
func (r *recorder) add(events []event) {
	if len(events) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.pending) >= maxPending && !r.closed {
		r.room.Wait()
	}
	r.pending = append(r.pending, events...)
	r.more.Signal()
}

// flush returns once everything handed over before is in the store.
func (r *recorder) flush(ctx context.Context) error {
	wait := make(chan error, 1)
	r.mu.Lock()
	if len(r.pending) == 0 && r.waiters == nil {
		// Nothing waits, but a commit may be under way: it must end first.
		r.pending = []event{}
	}
	r.waiters = append(r.waiters, wait)
	r.more.Signal()
	r.mu.Unlock()
	select {
	case err := <-wait:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *recorder) run() {
	for {
		r.mu.Lock()
		for len(r.pending) == 0 && len(r.waiters) == 0 && !r.closed {
			r.more.Wait()
		}
		events, waiters := r.pending, r.waiters
		r.pending, r.waiters = nil, nil
		ended := r.closed
		r.room.Broadcast()
		r.mu.Unlock()

		err := r.commit(events)
		if err != nil {
			r.cloud.set.log.Error("events were not recorded", "count", len(events), "err", err)
		}
		for _, w := range waiters {
			w <- err
		}
		if ended && len(events) == 0 {
			return
		}
	}
}

func (r *recorder) commit(events []event) error {
	if len(events) == 0 {
		return nil
	}
	return r.cloud.store.Update(context.Background(), func(tx store.Tx) error {
		return r.write(tx, events)
	})
}

// stop commits what is left and ends the goroutine.
func (r *recorder) stop() {
	r.mu.Lock()
	r.closed = true
	r.more.Broadcast()
	r.room.Broadcast()
	r.mu.Unlock()
	r.done.Wait()
}
