package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// file is the embedded engine: SQLite keeps everything, and a tree mirrors the
// rows, so that reading them costs no SQL and waits for nobody.
//
// Update functions run one after the other, in turn, each on a copy of head.
// Those that are done gather in a group, and one of them, the first to come,
// writes the whole group in one SQL transaction while the next group gathers.
// Nothing is shown to View, and nobody is answered, before that has succeeded.
type file struct {
	disk *disk

	turn turn // held while an update function runs; guards head, open and flying
	head *tree
	// open gathers what is done and not being written yet; nil if nothing is.
	open *group
	// flying is being written; nil if nothing is.
	flying *group

	// writing is held by the one who writes a group, from taking it to telling
	// the watchers: groups are written and told in order. It is taken before turn.
	writing sync.Mutex
	// safe is a copy of the rows that are on the disk; guarded by writing.
	safe *tree

	shown    atomic.Pointer[snapshot]
	closed   atomic.Bool
	watchers watchers
}

// snapshot is what one View sees. The snapshots form a chain: it tells a View
// which records came after it.
type snapshot struct {
	rows *tree
	// next is the group that is or was written after the snapshot.
	next atomic.Pointer[group]
}

// group is what several updates wait for together.
type group struct {
	// keys are the rows that each update changed.
	keys    [][]string
	pending *pending
	// after is the snapshot with the group in it; set when the group is taken.
	after *snapshot
	done  chan struct{}
	err   error // to be read when done is closed
}

// Open opens the store in a folder, or makes it. One process at a time can have
// a folder open; the error for the second says so. Everything is in one SQLite
// database, [FileName].
func Open(dir string) (Store, error) {
	d, err := openDisk(dir)
	if err != nil {
		return nil, err
	}
	rows, err := d.load()
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	f := &file{disk: d, turn: make(turn, 1), head: rows, safe: rows.Copy()}
	f.shown.Store(&snapshot{rows: rows.Copy()})
	return f, nil
}

// View implements Store.
func (f *file) View(ctx context.Context, fn func(Tx) error) error {
	if f.closed.Load() {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s := f.shown.Load()
	tx := &fileTx{rowTx: rowTx{rows: s.rows}, ctx: ctx, file: f, since: s}
	defer tx.end()
	return fn(tx)
}

// Update implements Store.
func (f *file) Update(ctx context.Context, fn func(Tx) error) error {
	g, first, fnErr := f.run(ctx, fn)
	switch {
	case g == nil:
		return fnErr
	case first:
		f.write(g)
	default:
		<-g.done
	}
	if g.err != nil {
		return g.err
	}
	return fnErr
}

// run runs an update function in turn. It returns the group to wait for: the
// one that the update is in or, if it changed nothing, the newest that it may
// have seen, for nobody is told what may not last. The first of a group is to
// write it.
func (f *file) run(ctx context.Context, fn func(Tx) error) (g *group, first bool, err error) {
	if err := f.turn.take(ctx); err != nil {
		return nil, false, err
	}
	defer f.turn.give()
	if f.closed.Load() {
		return nil, false, ErrClosed
	}
	rows := f.head.Copy()
	tx := &fileTx{rowTx: rowTx{rows: rows, writable: true}, ctx: ctx, file: f}
	defer tx.end()
	err = fn(tx)
	if keys := tx.changed(); err == nil && (len(keys) > 0 || tx.pending != nil) {
		if first = f.open == nil; first {
			f.open = &group{pending: newPending(), done: make(chan struct{})}
		}
		f.head = rows
		f.open.keys = append(f.open.keys, keys)
		if tx.pending != nil {
			f.open.pending = tx.pending
		}
		return f.open, first, nil
	}
	if f.open != nil {
		return f.open, false, err
	}
	return f.flying, false, err
}

// write writes a group, and shows it or fails it.
func (f *file) write(g *group) {
	f.writing.Lock()
	defer f.writing.Unlock()
	select {
	case <-g.done: // the group before it has failed, and it with that
		return
	default:
	}
	f.turn.must()
	f.open, f.flying = nil, g
	g.after = &snapshot{rows: f.head.Copy()}
	safe := f.head.Copy()
	f.turn.give()

	// From before SQL has the group's records, whoever reads must be able to
	// tell that they are newer than its snapshot.
	f.shown.Load().next.Store(g)
	err := f.disk.write(g)

	f.turn.must()
	f.flying = nil
	if err == nil {
		f.safe = safe
		f.shown.Store(g.after)
	} else {
		f.fail(g, err)
	}
	f.turn.give()
	if err == nil {
		for _, keys := range g.keys {
			f.watchers.tell(keys)
		}
	}
	close(g.done)
}

// fail takes back a group that could not be written and what was built on it.
// Its caller has the turn.
func (f *file) fail(g *group, err error) {
	f.shown.Load().next.Store(nil)
	g.err = fmt.Errorf("store: the change was not written: %w", err)
	f.head = f.safe.Copy()
	if f.open != nil {
		f.open.err = fmt.Errorf("store: a change before this one was not written: %w", err)
		close(f.open.done)
		f.open = nil
	}
}

// Watch implements Store.
func (f *file) Watch(fn func(keys []string)) (stop func()) { return f.watchers.add(fn) }

// Close implements Store. It waits for the updates under way.
func (f *file) Close() error {
	if f.closed.Swap(true) {
		return ErrClosed
	}
	for {
		f.turn.must()
		last := f.open
		if last == nil {
			last = f.flying
		}
		f.turn.give()
		if last == nil {
			break
		}
		<-last.done
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	return f.disk.close()
}

// fileTx is a transaction of the file engine.
type fileTx struct {
	rowTx
	ctx  context.Context
	file *file
	// since is a View's snapshot; an Update has none and sees everything.
	since *snapshot
	// pending is nil until the transaction writes a record; then it holds those
	// of the open group and its own.
	pending *pending
}

// write makes the records' part writable.
func (tx *fileTx) write() error {
	if err := tx.may(true); err != nil {
		return err
	}
	if tx.pending == nil {
		if tx.pending = newPending(); tx.file.open != nil {
			tx.pending = tx.file.open.pending.copy()
		}
	}
	return nil
}

// Append implements Tx.
func (tx *fileTx) Append(stream string, r Record) error {
	if err := tx.may(true); err != nil {
		return err
	}
	if err := checkStream(stream); err != nil {
		return err
	}
	if err := tx.write(); err != nil {
		return err
	}
	tx.pending.records.Set(recordKey(stream, r.At.UnixMicro(), r.ID), r.Data)
	return nil
}

// TrimRecords implements Tx.
func (tx *fileTx) TrimRecords(stream string, before time.Time) error {
	if err := tx.write(); err != nil {
		return err
	}
	tx.pending.trim(stream, trimTime(before))
	return nil
}

// Records implements Tx.
func (tx *fileTx) Records(stream string, q Query) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if err := tx.may(false); err != nil {
			yield(Record{}, err)
			return
		}
		s := q.span(stream)
		if tx.writable {
			over := tx.overlay()
			merge(over.within(s), tx.stored(stream, s), func(r Record) bool {
				return over.trimmed(stream, r.At.UnixMicro())
			}, yield)
			return
		}
		for r, err := range tx.stored(stream, s) {
			if err == nil && tx.newer(stream, r) {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// overlay is what an Update sees over SQL: the group that is being written, the
// one that gathers, and its own.
func (tx *fileTx) overlay() overlay {
	var o overlay
	if tx.pending != nil {
		o = append(o, tx.pending)
	} else if tx.file.open != nil {
		o = append(o, tx.file.open.pending)
	}
	if tx.file.flying != nil {
		o = append(o, tx.file.flying.pending)
	}
	return o
}

// newer tells whether a record, already read from SQL, came after a View began.
func (tx *fileTx) newer(stream string, r Record) bool {
	g := tx.since.next.Load()
	if g == nil {
		return false
	}
	for key := recordKey(stream, r.At.UnixMicro(), r.ID); g != nil; g = g.after.next.Load() {
		if _, ok := g.pending.records.Get(key); ok {
			return true
		}
	}
	return false
}

// stored yields what SQL has of a span, page by page.
func (tx *fileTx) stored(stream string, s span) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for size := firstPage; ; size = nextPage {
			page, err := tx.file.disk.page(tx.ctx, stream, s, size)
			if err != nil {
				if tx.file.closed.Load() {
					err = ErrClosed
				}
				yield(Record{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if len(page) < size {
				return
			}
			last := page[len(page)-1]
			s.at, s.id = last.At.UnixMicro(), last.ID
		}
	}
}
