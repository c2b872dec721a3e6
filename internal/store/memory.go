package store

import (
	"context"
	"iter"
	"sync/atomic"
	"time"
)

// memory is the engine without a disk.
type memory struct {
	turn turn // held for all of an Update; guards head
	head *state
	// shown is what View reads: a copy of head, changed by nobody.
	shown    atomic.Pointer[state]
	closed   atomic.Bool
	watchers watchers
}

// state is everything a memory engine holds.
type state struct{ rows, records *tree }

func (s *state) copy() *state { return &state{rows: s.rows.Copy(), records: s.records.Copy()} }

// Memory returns an empty store that lives as long as the process: for tests
// and demos. Its transactions are as strict as those of [Open].
func Memory() Store {
	m := &memory{turn: make(turn, 1), head: &state{rows: new(tree), records: new(tree)}}
	m.shown.Store(m.head.copy())
	return m
}

// View implements Store.
func (m *memory) View(ctx context.Context, fn func(Tx) error) error {
	if m.closed.Load() {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s := m.shown.Load()
	tx := &memoryTx{rowTx: rowTx{rows: s.rows}, records: s.records}
	defer tx.end()
	return fn(tx)
}

// Update implements Store.
func (m *memory) Update(ctx context.Context, fn func(Tx) error) error {
	if err := m.turn.take(ctx); err != nil {
		return err
	}
	defer m.turn.give()
	if m.closed.Load() {
		return ErrClosed
	}
	next := m.head.copy()
	tx := &memoryTx{rowTx: rowTx{rows: next.rows, writable: true}, records: next.records}
	defer tx.end()
	if err := fn(tx); err != nil {
		return err
	}
	m.head = next
	m.shown.Store(next.copy())
	m.watchers.tell(tx.changed())
	return nil
}

// Watch implements Store.
func (m *memory) Watch(fn func(keys []string)) (stop func()) { return m.watchers.add(fn) }

// Close implements Store.
func (m *memory) Close() error {
	m.turn.must()
	defer m.turn.give()
	if m.closed.Swap(true) {
		return ErrClosed
	}
	return nil
}

// memoryTx is a transaction on a state of its own.
type memoryTx struct {
	rowTx
	records *tree
}

// Append implements Tx.
func (tx *memoryTx) Append(stream string, r Record) error {
	if err := tx.may(true); err != nil {
		return err
	}
	if err := checkStream(stream); err != nil {
		return err
	}
	tx.records.Set(recordKey(stream, r.At.UnixMicro(), r.ID), r.Data)
	return nil
}

// Records implements Tx.
func (tx *memoryTx) Records(stream string, q Query) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if err := tx.may(false); err != nil {
			yield(Record{}, err)
			return
		}
		records := tx.records
		if tx.writable {
			records = records.Copy()
		}
		q.span(stream).walk(records, func(_ string, r Record) bool { return yield(r, nil) })
	}
}

// TrimRecords implements Tx.
func (tx *memoryTx) TrimRecords(stream string, before time.Time) error {
	if err := tx.may(true); err != nil {
		return err
	}
	trim(tx.records, stream, trimTime(before))
	return nil
}
