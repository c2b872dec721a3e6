package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/cloudtrail"
	"github.com/keyturn/keyturn/internal/store"
)

// task is what runs a kind of scheduled work.
type task struct {
	service string
	do      func(*api.Call, json.RawMessage) error
}

// run carries a task out. One that panics has failed: it is nobody else's end.
func (t task) run(call *api.Call, payload json.RawMessage) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &panicError{cause: cause, stack: debug.Stack()}
		}
	}()
	return t.do(call, payload)
}

// taskRow is one task in the store. It carries everything of the call that
// scheduled it, so that it survives a restart and may run in another process.
type taskRow struct {
	Kind, ID                   string
	Due                        time.Time
	Payload                    json.RawMessage
	Account, Region, Partition string
	Caller                     api.Caller
	RequestID                  string
	SourceIP, UserAgent        string
	Secure                     bool
	Attempts                   int
}

// taskScope holds the tasks of all accounts and regions in the order they come
// due: the scheduler asks one question, what is next.
var taskScope = store.Scope{Account: "-", Region: "-"}

var (
	taskTable = store.NewTable[taskRow]("task")
	// dueTable finds a task's row by its kind and id.
	dueTable = store.NewTable[string]("task.due")
)

// taskPrefix begins the keys of tasks; a commit that touches one wakes the scheduler.
var taskPrefix = store.Key(taskScope.Account, taskScope.Region, "task") + "/"

// scheduler runs tasks when they come due, one at a time. It owns one
// goroutine, which ends with stop.
type scheduler struct {
	worker
	cloud *Cloud
	// trimmed is when the event history was last cut; the goroutine's own.
	trimmed time.Time
}

func newScheduler(c *Cloud) *scheduler {
	s := &scheduler{cloud: c}
	s.begin(c.store, taskPrefix, s.round)
	return s
}

// round runs the first task that is due and tells how long to wait for the next.
func (s *scheduler) round(ctx context.Context) time.Duration {
	wait, err := s.next(ctx)
	if err != nil && ctx.Err() == nil {
		s.cloud.set.log.Error("scheduled work failed", "err", err)
		return time.Second
	}
	return wait
}

// next runs the first task if it is due, and tells how long to wait otherwise.
func (s *scheduler) next(ctx context.Context) (wait time.Duration, err error) {
	row, ok, err := s.first(ctx)
	if err != nil || !ok {
		return idleWait, errors.Join(err, s.trim(ctx))
	}
	if d := row.Due.Sub(s.cloud.Now()); d > 0 {
		return min(d, idleWait), s.trim(ctx)
	}
	return 0, s.do(ctx, row)
}

func (s *scheduler) first(ctx context.Context) (row taskRow, ok bool, err error) {
	err = s.cloud.store.View(ctx, func(tx store.Tx) error {
		for r, err := range taskTable.All(tx, taskScope) {
			row, ok = r, err == nil
			return err
		}
		return nil
	})
	return row, ok, err
}

// trimEvery is how often what has left the event history is removed.
const trimEvery = 24 * time.Hour

// trim removes events that are older than the history goes back.
func (s *scheduler) trim(ctx context.Context) error {
	now := s.cloud.Now()
	if now.Sub(s.trimmed) < trimEvery {
		return nil
	}
	s.trimmed = now
	return s.cloud.store.Update(ctx, func(tx store.Tx) error {
		return tx.TrimRecords("", now.Add(-cloudtrail.Retention))
	})
}

// maxAttempts is how often a task that fails inside is tried.
const maxAttempts = 5

// do runs one task. It is done when its transaction is: the row goes with it.
func (s *scheduler) do(ctx context.Context, row taskRow) error {
	t, known := s.cloud.tasks[row.Kind]
	err := fmt.Errorf("cloud: nothing runs tasks of kind %s", row.Kind)
	var p *passage
	if known {
		err = s.cloud.store.Update(ctx, func(tx store.Tx) error {
			p = &passage{cloud: s.cloud}
			if _, err := taskTable.Get(tx, taskScope, row.key()); err != nil {
				return err
			}
			if err := s.remove(tx, row); err != nil {
				return err
			}
			call := s.call(ctx, tx, p, t, row)
			if err := t.run(call, row.Payload); err != nil {
				return err
			}
			p.own(call)
			return s.cloud.recorder.write(tx, p.events)
		})
	}
	if err == nil || errors.Is(err, store.ErrNotFound) && s.gone(ctx, row) || ctx.Err() != nil {
		return nil
	}
	s.cloud.set.log.Error("scheduled work failed", "kind", row.Kind, "id", row.ID, "attempt", row.Attempts+1, "err", err)
	return s.postpone(ctx, row)
}

// gone reports whether somebody else has done or moved the task.
func (s *scheduler) gone(ctx context.Context, row taskRow) bool {
	err := s.cloud.store.View(ctx, func(tx store.Tx) error {
		_, err := taskTable.Get(tx, taskScope, row.key())
		return err
	})
	return errors.Is(err, store.ErrNotFound)
}

// postpone tries a failed task again later, and gives up in the end so that one
// bad task cannot hold up the rest for ever.
func (s *scheduler) postpone(ctx context.Context, row taskRow) error {
	return s.cloud.store.Update(ctx, func(tx store.Tx) error {
		if err := s.remove(tx, row); err != nil {
			return err
		}
		row.Attempts++
		if row.Attempts >= maxAttempts {
			return nil
		}
		row.Due = s.cloud.Now().Add(time.Duration(row.Attempts) * time.Second)
		return s.write(tx, row)
	})
}

// call is the task's call: in the name of whoever scheduled it, at its own time.
func (s *scheduler) call(ctx context.Context, tx store.Tx, p *passage, t task, row taskRow) *api.Call {
	return &api.Call{
		Context: ctx, Tx: tx, Door: p, Caller: row.Caller,
		Account: row.Account, Region: row.Region, Partition: row.Partition,
		Service: t.service, Operation: row.Kind,
		Now: s.cloud.Now(), RequestID: row.RequestID,
		SourceIP: row.SourceIP, UserAgent: row.UserAgent, Secure: row.Secure,
		Rand: s.cloud.set.random,
	}
}

// put keeps a task, or moves the one with its kind and id.
func (s *scheduler) put(call *api.Call, t api.Task) error {
	payload, err := json.Marshal(t.Payload)
	if err != nil {
		return fmt.Errorf("cloud: task %s %s: %w", t.Kind, t.ID, err)
	}
	row := taskRow{
		Kind: t.Kind, ID: t.ID, Due: t.Due, Payload: payload,
		Account: call.Account, Region: call.Region, Partition: call.Partition,
		Caller: call.Caller, RequestID: call.RequestID,
		SourceIP: call.SourceIP, UserAgent: call.UserAgent, Secure: call.Secure,
	}
	if old, err := dueTable.Get(call.Tx, taskScope, row.name()); err == nil {
		if err := taskTable.Delete(call.Tx, taskScope, old); err != nil {
			return err
		}
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return s.write(call.Tx, row)
}

func (s *scheduler) write(tx store.Tx, row taskRow) error {
	if err := dueTable.Put(tx, taskScope, row.name(), row.key()); err != nil {
		return err
	}
	return taskTable.Put(tx, taskScope, row.key(), row)
}

func (s *scheduler) remove(tx store.Tx, row taskRow) error {
	if err := dueTable.Delete(tx, taskScope, row.name()); err != nil {
		return err
	}
	return taskTable.Delete(tx, taskScope, row.key())
}

// name tells tasks apart; key puts them in the order they come due.
func (r taskRow) name() string { return r.Account + " " + r.Region + " " + r.Kind + " " + r.ID }
func (r taskRow) key() string  { return fmt.Sprintf("%020d %s", r.Due.UnixMicro(), r.name()) }
