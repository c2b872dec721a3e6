package ec2

import (
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// fleetWork is one look of a fleet after itself.
type fleetWork struct {
	s *Service
	c *api.Call
	f *standingFleet
	// again is when to look next; zero: when something happens.
	again time.Time
}

// run brings the fleet towards its target, and says when to look again.
func (w *fleetWork) run() error {
	if w.f.State == types.FleetStateCodeDeleted {
		return nil
	}
	steps := []func() error{w.begin, w.watch, w.expire, w.fill, w.shrink, w.end, w.judge}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	if err := w.f.put(w.c); err != nil {
		return err
	}
	if w.again.IsZero() {
		return nil
	}
	return wakeFleet(w.c, w.f.ID, max(w.again.Sub(w.c.Now), 0))
}

// by has the work looked at again at a time, if not before.
func (w *fleetWork) by(at time.Time) {
	if w.again.IsZero() || at.Before(w.again) {
		w.again = at
	}
}

// begin turns a fleet that was submitted or modified active.
func (w *fleetWork) begin() error {
	f := w.f
	if w.c.Now.Before(f.From) {
		w.by(f.From)
		return nil
	}
	switch f.State {
	case types.FleetStateCodeSubmitted:
		f.State = types.FleetStateCodeActive
		return f.tell(w.c, fleetChanged, "active", "", "")
	case types.FleetStateCodeModifying:
		f.State = types.FleetStateCodeActive
		return f.tell(w.c, fleetChanged, "modify_succeeded", "", "")
	}
	return nil
}

// watch sees what became of the fleet's instances.
func (w *fleetWork) watch() error {
	var kept []fleetMember
	for _, m := range w.f.Members {
		i, err := instanceTable.Get(w.c.Tx, w.c.Scope(), m.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		switch i.State {
		case types.InstanceStateNameRunning:
			// What has run for long says nothing of a launch today.
			if way := w.way(m); way != nil && !m.Settled {
				way.Failures, way.Barred = 0, time.Time{}
			}
			m.Settled = true
			kept = append(kept, m)
		case types.InstanceStateNamePending:
			w.by(w.c.Now.Add(fleetTime))
			kept = append(kept, m)
		default:
			if err := w.lost(m, i); err != nil {
				return err
			}
		}
	}
	w.f.Members = kept
	return nil
}

// lost takes an instance off the fleet. One that never ran, and that nobody
// ended, is a launch that failed.
func (w *fleetWork) lost(m fleetMember, i instance) error {
	if err := w.f.tell(w.c, memberChanged, "terminated", "", m.ID); err != nil {
		return err
	}
	way := w.way(m)
	if m.Settled || way == nil || i.Reason.Code == reasonUserShutdown.Code || i.State == "" {
		return nil
	}
	return w.failed(way, m.Spot, i.Reason.Message)
}

// way is how a member was launched, nil if the fleet knows it no more.
func (w *fleetWork) way(m fleetMember) *fleetWay {
	if m.Way < 0 || m.Way >= len(w.f.Ways) {
		return nil
	}
	return &w.f.Ways[m.Way]
}

// expire ends a fleet whose time is over. AWS does not document the state of one
// that has expired: it is taken for one that was deleted then.
func (w *fleetWork) expire() error {
	f := w.f
	if f.Until.IsZero() || f.deleted() {
		return nil
	}
	if w.c.Now.Before(f.Until) {
		w.by(f.Until)
		return nil
	}
	if err := f.tell(w.c, fleetChanged, "expired", "", ""); err != nil {
		return err
	}
	return f.delete(w.c, f.EndWithExpiry)
}

// shrink terminates what the fleet has above its target, if it may: the newest
// first. AWS picks by the allocation strategy, which asks for prices.
func (w *fleetWork) shrink() error {
	f := w.f
	if f.State != types.FleetStateCodeActive || f.Type != types.FleetTypeMaintain || f.KeepExcess {
		return nil
	}
	for _, spot := range []bool{false, true} {
		excess := f.held(spot) - f.share(spot).Target
		for _, m := range slices.Backward(slices.Clone(f.Members)) {
			if m.Spot != spot || m.Units > excess {
				continue
			}
			if spot {
				if err := f.tell(w.c, memberChanged, "termination_notified", "", m.ID); err != nil {
					return err
				}
			}
			ended, err := w.terminate(m)
			if err != nil {
				return err
			}
			if !ended {
				break
			}
			excess -= m.Units
			f.Activity = types.FleetActivityStatusPendingTermination
		}
	}
	return nil
}

// end terminates the instances of a fleet that was deleted, and ends one that
// has none left.
func (w *fleetWork) end() error {
	f := w.f
	if !f.deleted() {
		return nil
	}
	if f.State == types.FleetStateCodeDeletedTerminatingInstances {
		for _, m := range slices.Clone(f.Members) {
			if _, err := w.terminate(m); err != nil {
				return err
			}
		}
	}
	if len(f.Members) > 0 {
		return nil // the last to end wakes the fleet
	}
	f.State = types.FleetStateCodeDeleted
	if err := f.tell(w.c, fleetChanged, f.stateWord(), "", ""); err != nil {
		return err
	}
	return w.c.Schedule(fleetForgetTask, f.ID, fleetRemembrance, f.ID)
}

// judge says how far the fleet is.
func (w *fleetWork) judge() error {
	f := w.f
	pending := slices.ContainsFunc(f.Members, func(m fleetMember) bool { return !m.Settled })
	barred := len(f.Ways) > 0 && !slices.ContainsFunc(f.Ways, func(way fleetWay) bool { return way.Failures < fleetTries })
	switch {
	case f.State == types.FleetStateCodeDeletedTerminatingInstances:
		f.Activity = types.FleetActivityStatusPendingTermination
	case f.State == types.FleetStateCodeActive && barred && f.fulfilled() < f.target():
		f.Activity = types.FleetActivityStatusError
	case f.fulfilled() >= f.target() && !pending:
		f.Activity = types.FleetActivityStatusFulfilled
	default:
		f.Activity = types.FleetActivityStatusPendingFulfillment
	}
	return nil
}
