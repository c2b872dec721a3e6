package store

import (
	"fmt"
	"iter"
	"strings"
	"time"
)

// recordKey orders records by stream, then time, then id.
func recordKey(stream string, r Record) string {
	return streamPrefix(stream) + fmt.Sprintf("%016x", uint64(r.At.UnixMicro())^1<<63) + "/" + r.ID
}

func streamPrefix(stream string) string { return stream + "\x00" }

// Records merges what the disk has with what it has not yet, newest first. A
// record that was appended again is given once, as it is now.
func (t *tx) Records(stream string, q Query) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		next, stop := iter.Pull2(t.stored(stream, q))
		defer stop()
		old, err, more := next()
		for r := range t.freshRecords(stream, q) {
			for more && err == nil && newer(old, r) {
				if !yield(old, nil) {
					return
				}
				old, err, more = next()
			}
			if more && err == nil && old.ID == r.ID && old.At.Equal(r.At) {
				old, err, more = next()
			}
			if !yield(r, nil) {
				return
			}
		}
		for ; more; old, err, more = next() {
			if !yield(old, err) || err != nil {
				return
			}
		}
	}
}

// newer reports whether a comes before b in a listing.
func newer(a, b Record) bool {
	if !a.At.Equal(b.At) {
		return a.At.After(b.At)
	}
	return a.ID > b.ID
}

// stored yields what the disk has, less what this transaction has trimmed.
func (t *tx) stored(stream string, q Query) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if t.engine.disk == nil {
			return
		}
		for r, err := range t.engine.disk.records(stream, q) {
			if err == nil && t.trimmed(stream, r.At) {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func (t *tx) trimmed(stream string, at time.Time) bool {
	for _, c := range t.changes {
		if c.kind == trimRecords && (c.key == "" || c.key == stream) && at.Before(c.rec.At) {
			return true
		}
	}
	return false
}

func (t *tx) freshRecords(stream string, q Query) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		prefix := streamPrefix(stream)
		last := prefix + "\xff"
		if q.Before.ID != "" {
			last = recordKey(stream, q.Before)
		}
		t.state.fresh.Descend(last, func(k string, r freshRecord) bool {
			if !strings.HasPrefix(k, prefix) {
				return false
			}
			switch {
			case q.Before.ID != "" && k == last:
				return true
			case !q.To.IsZero() && r.At.After(q.To):
				return true
			case !q.From.IsZero() && r.At.Before(q.From):
				return false
			}
			return yield(r.Record)
		})
	}
}
