package store

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/btree"
)

// state is everything a transaction can see: a copy costs nothing until one of
// the two is changed.
type state struct {
	rows *btree.Map[string, []byte]
	// fresh holds records that are not on the disk yet; all of them, if there is no disk.
	fresh *btree.Map[string, freshRecord]
}

type freshRecord struct {
	stream string
	Record
}

func newState() state {
	return state{rows: new(btree.Map[string, []byte]), fresh: new(btree.Map[string, freshRecord])}
}

func (s state) copy() state { return state{rows: s.rows.Copy(), fresh: s.fresh.Copy()} }

// engine is a Store whose rows are in memory as a copy-on-write tree, so that a
// View is a snapshot that costs nothing and never waits. With a disk, a change
// is acknowledged once the disk has it.
//
// Updates run one after the other on tip. Those that are done wait together for
// one commit of the disk: while it works, more gather. A View sees only what the
// disk has acknowledged.
type engine struct {
	disk *disk // nil: memory only

	mu sync.Mutex // held for all of an update function, and to change what follows
	// tip is the newest state, acknowledged or not.
	tip state
	// batch gathers what tip has and the disk has not.
	batch  *batch
	closed bool

	view sync.Mutex // covers shown, held for an instant
	// shown is the newest state that is acknowledged; empty once closed.
	shown state

	watch    sync.Mutex // covers watchers
	watchers map[int]func([]string)
	nextID   int

	flush chan struct{} // tells the flusher that there is a batch
	done  sync.WaitGroup
}

// batch is a group of updates that the disk commits together.
type batch struct {
	changes []change
	keys    []string
	ended   chan struct{} // closed when the batch is on the disk, or failed
	err     error         // set before ended is closed
}

// change is one write, in the order it was made.
type change struct {
	kind  changeKind
	key   string // of a row; stream of a record or trim
	value []byte // of a row
	rec   Record
}

type changeKind int

const (
	putRow changeKind = iota
	deleteRow
	appendRecord
	trimRecords
)

// Memory returns a store that lives as long as the process.
func Memory() Store {
	return newEngine(nil, newState())
}

func newEngine(d *disk, s state) *engine {
	e := &engine{disk: d, tip: s, shown: s.copy(), batch: newBatch(), watchers: make(map[int]func([]string)), flush: make(chan struct{}, 1)}
	if d != nil {
		e.done.Go(e.flushLoop)
	}
	return e
}

func newBatch() *batch { return &batch{ended: make(chan struct{})} }

// View runs fn on a snapshot.
func (e *engine) View(ctx context.Context, fn func(Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.view.Lock()
	if e.shown.rows == nil {
		e.view.Unlock()
		return ErrClosed
	}
	s := e.shown.copy()
	e.view.Unlock()
	return fn(&tx{engine: e, state: s, readOnly: true})
}

// Update runs fn on the tip and waits for the disk.
func (e *engine) Update(ctx context.Context, fn func(Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b, err := e.update(fn)
	if err != nil || b == nil {
		return err
	}
	// From here on the change will be made whatever becomes of the caller, so
	// there is nothing to cancel: the answer is short in coming.
	<-b.ended
	return b.err
}

// update runs fn and returns the batch to wait for, nil if there is nothing to wait for.
func (e *engine) update(fn func(Tx) error) (*batch, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	t := &tx{engine: e, state: e.tip.copy()}
	if err := fn(t); err != nil {
		return nil, err
	}
	if len(t.changes) == 0 {
		// What it read may not be acknowledged yet, so it waits with the others.
		if len(e.batch.changes) == 0 {
			return nil, nil
		}
		return e.batch, nil
	}
	e.tip = t.state
	if e.disk == nil {
		e.show(e.tip.copy(), t.keys())
		return nil, nil
	}
	e.batch.changes = append(e.batch.changes, t.changes...)
	e.batch.keys = append(e.batch.keys, t.keys()...)
	select {
	case e.flush <- struct{}{}:
	default:
	}
	return e.batch, nil
}

// show publishes an acknowledged state.
func (e *engine) show(s state, keys []string) {
	e.view.Lock()
	e.shown = s
	e.view.Unlock()
	if len(keys) == 0 {
		return
	}
	e.watch.Lock()
	defer e.watch.Unlock()
	for _, fn := range e.watchers {
		fn(keys)
	}
}

// flushLoop commits batches to the disk until the store is closed.
func (e *engine) flushLoop() {
	for range e.flush {
		e.flushBatch()
	}
	e.flushBatch()
}

func (e *engine) flushBatch() {
	e.mu.Lock()
	b := e.batch
	if len(b.changes) == 0 {
		e.mu.Unlock()
		return
	}
	e.batch = newBatch()
	s := e.tip.copy()
	e.mu.Unlock()

	b.err = e.disk.commit(b.changes)

	e.mu.Lock()
	if b.err == nil {
		e.settle(b, s)
	} else {
		e.revert(b.err)
	}
	e.mu.Unlock()
	close(b.ended)
}

// settle shows a batch that the disk has, and forgets its fresh records.
func (e *engine) settle(b *batch, s state) {
	for _, c := range b.changes {
		if c.kind == appendRecord {
			k := recordKey(c.key, c.rec)
			s.fresh.Delete(k)
			e.tip.fresh.Delete(k)
		}
	}
	e.show(s, b.keys)
}

// revert takes back everything that the disk did not take: the batch that
// failed and what was built on it.
func (e *engine) revert(err error) {
	e.view.Lock()
	e.tip = e.shown.copy()
	e.view.Unlock()
	if len(e.batch.changes) > 0 {
		b := e.batch
		e.batch = newBatch()
		b.err = fmt.Errorf("store: an earlier change was not written: %w", err)
		close(b.ended)
	}
}

// Watch has fn called after commits.
func (e *engine) Watch(fn func(keys []string)) (stop func()) {
	e.watch.Lock()
	defer e.watch.Unlock()
	id := e.nextID
	e.nextID++
	e.watchers[id] = fn
	return func() {
		e.watch.Lock()
		defer e.watch.Unlock()
		delete(e.watchers, id)
	}
}

// Close commits what is left and ends the store.
func (e *engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	close(e.flush)
	e.mu.Unlock()
	e.done.Wait()
	e.view.Lock()
	e.shown = state{}
	e.view.Unlock()
	if e.disk == nil {
		return nil
	}
	return e.disk.close()
}

// tx is a transaction on a state of its own.
type tx struct {
	engine   *engine
	state    state
	readOnly bool
	changes  []change
}

func (t *tx) keys() []string {
	var keys []string
	for _, c := range t.changes {
		if c.kind == putRow || c.kind == deleteRow {
			keys = append(keys, c.key)
		}
	}
	return keys
}

func (t *tx) Get(key string) ([]byte, error) {
	v, ok := t.state.rows.Get(key)
	if !ok {
		return nil, ErrNotFound
	}
	return v, nil
}

func (t *tx) Put(key string, value []byte) error {
	if t.readOnly {
		return ErrReadOnly
	}
	if value == nil {
		value = []byte{}
	}
	t.state.rows.Set(key, value)
	t.changes = append(t.changes, change{kind: putRow, key: key, value: value})
	return nil
}

func (t *tx) Delete(key string) error {
	if t.readOnly {
		return ErrReadOnly
	}
	if _, ok := t.state.rows.Delete(key); ok {
		t.changes = append(t.changes, change{kind: deleteRow, key: key})
	}
	return nil
}

// Scan walks a copy, so that the rows may be changed while it runs.
func (t *tx) Scan(prefix, from string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		rows := t.state.rows
		if !t.readOnly {
			rows = rows.Copy()
		}
		rows.Ascend(max(prefix, from), func(key string, value []byte) bool {
			return strings.HasPrefix(key, prefix) && yield(Row{Key: key, Value: value}, nil)
		})
	}
}

func (t *tx) Append(stream string, r Record) error {
	if t.readOnly {
		return ErrReadOnly
	}
	r.At = r.At.UTC().Truncate(time.Microsecond)
	t.state.fresh.Set(recordKey(stream, r), freshRecord{stream: stream, Record: r})
	t.changes = append(t.changes, change{kind: appendRecord, key: stream, rec: r})
	return nil
}

func (t *tx) TrimRecords(stream string, before time.Time) error {
	if t.readOnly {
		return ErrReadOnly
	}
	var keys []string
	t.state.fresh.Scan(func(k string, r freshRecord) bool {
		if (stream == "" || r.stream == stream) && r.At.Before(before) {
			keys = append(keys, k)
		}
		return true
	})
	for _, k := range keys {
		t.state.fresh.Delete(k)
	}
	t.changes = append(t.changes, change{kind: trimRecords, key: stream, rec: Record{At: before}})
	return nil
}
