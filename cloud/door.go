package cloud

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// passage is one request's way through the door: the request itself and the
// calls that services make in the course of it. It belongs to one attempt of
// one transaction.
type passage struct {
	cloud  *Cloud
	events []event
}

var _ api.Door = (*passage)(nil)

// errRolledBack ends the transaction of a dry run.
var errRolledBack = errors.New("cloud: dry run, nothing is kept")

// dispatch carries an operation out for its caller: authorized, in one
// transaction with its event.
func (c *Cloud) dispatch(call *api.Call, op *operation, in any) (any, error) {
	call.DryRun = dryRun(op, in)
	p := &passage{cloud: c} // if it never comes to an attempt
	var out any
	attempt := func(tx store.Tx) error {
		p = &passage{cloud: c}
		call.Tx, call.Door = tx, p
		var err error
		out, err = p.pass(call, op, in)
		if err == nil && call.DryRun {
			return errRolledBack
		}
		if err == nil && !op.Reads() {
			return c.recorder.write(tx, p.events)
		}
		return err
	}
	run := c.store.Update
	if op.Reads() {
		run = c.store.View
	}
	op.Prepare(call.Context, in)
	err := run(call.Context, attempt)
	if op.Reads() && errors.Is(err, store.ErrReadOnly) {
		// Something comes into being on first use, such as alias/aws/ebs.
		err = c.store.Update(call.Context, attempt)
	}
	if errors.Is(err, errRolledBack) || call.DryRun && errors.Is(err, api.ErrDryRun) {
		err = dryRunDone(op)
		p.events[len(p.events)-1].fail(err)
	}
	if err != nil {
		p.lost(err)
	}
	if op.Reads() || err != nil {
		// Nothing of this is in the store: the trail is written by itself.
		c.recorder.add(p.events)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// pass takes one call through the door and leaves its event.
func (p *passage) pass(call *api.Call, op *operation, in any) (any, error) {
	call.Event = api.Event{}
	out, err := p.cloud.perform(call, op, in)
	if errors.Is(err, store.ErrReadOnly) {
		return nil, err
	}
	if call.Account != "" {
		// What nobody asked of no account is in nobody's trail.
		p.events = append(p.events, p.cloud.newEvent(call, op, in, out, err))
	}
	if err == nil && !call.DryRun {
		p.own(call)
	}
	return out, err
}

// perform is the door itself. Every operation, from whomever, comes through
// these lines.
func (c *Cloud) perform(call *api.Call, op *operation, in any) (any, error) {
	if err := op.wire.Validate(in); err != nil {
		return nil, err
	}
	if err := c.authorize(call, op, in); err != nil {
		return nil, err
	}
	return op.Do(call, in)
}

// lost marks a call that was carried out and could not be kept.
func (p *passage) lost(err error) {
	if n := len(p.events); n > 0 && p.events[n-1].ErrorCode == "" {
		p.events[n-1].fail(err)
	}
}

// Invoke carries out a call that a service makes in the course of another.
func (p *passage) Invoke(call *api.Call, service, name string, in any) (any, error) {
	op, ok := p.cloud.lookup(service, name)
	if !ok {
		return nil, fmt.Errorf("cloud: %s:%s is called inside but not built", service, name)
	}
	if t := reflect.TypeOf(in); t != reflect.PointerTo(op.in) {
		return nil, fmt.Errorf("cloud: %s:%s takes *%s, not %s", service, name, op.in, t)
	}
	inner := *call
	inner.Service, inner.Operation = service, name
	inner.DryRun = dryRun(op, in)
	if op.Reads() {
		return p.pass(&inner, op, in)
	}
	// The outer call may go on after a refusal, so an inner call that fails must
	// leave as little behind as one from outside.
	undo := call.Tx.Savepoint()
	out, err := p.pass(&inner, op, in)
	if err == nil && !inner.DryRun {
		return out, nil
	}
	if inner.DryRun && (err == nil || errors.Is(err, api.ErrDryRun)) {
		err = dryRunDone(op)
		p.events[len(p.events)-1].fail(err)
	}
	if failed := undo(); failed != nil {
		return nil, failed
	}
	return nil, err
}

// Schedule keeps a task for later in the call's transaction.
func (p *passage) Schedule(call *api.Call, t api.Task) error {
	return p.cloud.scheduler.put(call, t)
}

// dryRun reads the input's DryRun member, if it has one.
func dryRun(op *operation, in any) bool {
	if op.dryRun < 0 {
		return false
	}
	v := reflect.ValueOf(in).Elem().Field(op.dryRun)
	return !v.IsNil() && v.Elem().Bool()
}
