package autoscaling

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// The pace of a group's work. AWS takes longer; what matters is the order.
const (
	// soonAfter is how long after a change the group begins to work on it.
	soonAfter = time.Second
	// stepTime is between two looks at what is under way.
	stepTime = time.Second
	// healthTime is between two health checks.
	healthTime = 30 * time.Second
	// launchBatch is how many instances one piece of work launches at most.
	launchBatch = 20
	// A launch that fails is tried again after ten seconds, then after twice as
	// long, up to ten minutes. AWS does not document its own figures.
	firstRetry, lastRetry = 10 * time.Second, 10 * time.Minute
)

// sessionName is that of the sessions in which Auto Scaling acts as a group's
// service-linked role.
const sessionName = "AutoScaling"

// workPayload names the group, and which of that name it was.
type workPayload struct{ Group, ID string }

// soon has the group look at itself shortly. The task is one of its second, so
// that request after request cannot put it off, and a hundred make one task.
func (s *Service) soon(c *api.Call, g group) error {
	due := c.Now.Add(soonAfter)
	return asService(c).Schedule(workTask, store.Key(g.Name, due.UTC().Format(time.RFC3339)), soonAfter, workPayload{Group: g.Name, ID: g.ID})
}

// later schedules the group's next work: there is never more than one piece. It
// is the service's own, not the caller's.
func (s *Service) later(c *api.Call, g group, after time.Duration) error {
	return asService(c).Schedule(workTask, store.Key(g.Name), after, workPayload{Group: g.Name, ID: g.ID})
}

// asService is the call in the service's own name.
func asService(c *api.Call) *api.Call {
	return c.As(api.Caller{
		Principal: access.Principal{Type: access.Service, Partition: c.Partition, ServicePrincipal: principal}, InvokedBy: principal,
	})
}

// worker is one piece of a group's work: it brings every instance one step on
// and then the number of instances nearer to the desired capacity. One
// transaction holds all of it, so that no instance is ever lost.
type worker struct {
	*Service
	c *api.Call
	// as is the call in the name of the group's role; nil if the role is gone.
	as      *api.Call
	g       group
	members []member
	// extra is how many instances an instance refresh launches beyond the
	// desired capacity before it ends others.
	extra int32
	// next is when there is something to do again; zero if never.
	next time.Time
}

func (s *Service) work(c *api.Call, raw json.RawMessage) error {
	payload, err := api.DecodePayload[workPayload](raw)
	if err != nil {
		return err
	}
	g, err := groupTable.Get(c.Tx, c.Scope(), payload.Group)
	if err != nil || g.ID != payload.ID {
		return ignoreNotFound(err) // it is gone
	}
	w := &worker{Service: s, c: c, g: g}
	if w.members, err = membersOf(c, g.Name); err != nil {
		return err
	}
	if err := w.assume(); err != nil {
		return err
	}
	for _, step := range []func() error{w.advanceAll, w.refreshStep, w.end, w.balance, w.poolStep} {
		if err := step(); err != nil {
			return err
		}
	}
	return w.finish()
}

// assume opens a session of the group's role.
func (w *worker) assume() error {
	caller, err := w.roles.LinkedRole(w.c, w.g.Role, sessionName)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	caller.InvokedBy = principal
	w.as = w.c.As(caller)
	return nil
}

// finish keeps the group and schedules what comes next.
func (w *worker) finish() error {
	if err := trimActivities(w.c, w.g.Name); err != nil {
		return err
	}
	if w.g.Deleting && len(w.members) == 0 {
		return removeGroup(w.c, w.g)
	}
	if err := w.g.put(w.c); err != nil {
		return err
	}
	if w.next.IsZero() {
		return nil
	}
	return w.later(w.c, w.g, max(w.next.Sub(w.c.Now), time.Millisecond))
}

// wake has the group work again at a time, if not earlier.
func (w *worker) wake(t time.Time) {
	if w.next.IsZero() || t.Before(w.next) {
		w.next = t
	}
}

func (w *worker) wakeAfter(d time.Duration) { w.wake(w.c.Now.Add(d)) }

// advanceAll brings every instance one step on.
func (w *worker) advanceAll() error {
	before := w.members
	w.members = nil
	for _, m := range before {
		stays, err := w.advance(&m)
		if err != nil {
			return err
		}
		if !stays {
			if err := m.remove(w.c); err != nil {
				return err
			}
			continue
		}
		if err := m.put(w.c); err != nil {
			return err
		}
		w.members = append(w.members, m)
	}
	return nil
}

// end begins to terminate all that a deleted group still has.
func (w *worker) end() error {
	if !w.g.Deleting {
		return nil
	}
	for n := range w.members {
		m := &w.members[n]
		if m.leaving() && len(m.Waits) == 0 {
			continue
		}
		m.Waits = nil
		if err := w.terminate(m, sentence(w.c, "a user request force deleted AutoScalingGroup changing the desired capacity to 0")); err != nil {
			return err
		}
		if err := m.put(w.c); err != nil {
			return err
		}
	}
	return nil
}

// failed remembers that a launch failed, and when the next may be tried.
func (w *worker) failed() {
	wait := lastRetry
	if w.g.Failures < 6 {
		wait = min(firstRetry<<w.g.Failures, lastRetry)
	}
	w.g.Failures++
	w.g.RetryAt = w.c.Now.Add(wait)
}
