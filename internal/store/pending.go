package store

import (
	"iter"
	"maps"
	"slices"
)

// pending are the records and trims that SQL does not have yet. Written in SQL,
// the trims come before the records.
type pending struct {
	records *tree
	trims   map[string]int64 // stream (or "" for all) → microsecond; never changed, only replaced
}

func newPending() *pending { return &pending{records: new(tree)} }

func (p *pending) copy() *pending { return &pending{records: p.records.Copy(), trims: p.trims} }

func (p *pending) trim(stream string, before int64) {
	trim(p.records, stream, before)
	trims := maps.Clone(p.trims)
	if trims == nil {
		trims = make(map[string]int64)
	}
	if old, ok := trims[stream]; !ok || old < before {
		trims[stream] = before
	}
	p.trims = trims
}

// trimmed tells whether a record that was there before is trimmed.
func (p *pending) trimmed(stream string, at int64) bool {
	for _, name := range []string{stream, ""} {
		if before, ok := p.trims[name]; ok && at < before {
			return true
		}
	}
	return false
}

// overlay is pending upon pending, the newest first.
type overlay []*pending

func (o overlay) trimmed(stream string, at int64) bool {
	return slices.ContainsFunc(o, func(p *pending) bool { return p.trimmed(stream, at) })
}

// within returns the records of a span as they are with all of the overlay,
// newest first.
func (o overlay) within(s span) []Record {
	all := new(tree)
	for _, p := range slices.Backward(o) {
		for stream, before := range p.trims {
			trim(all, stream, before)
		}
		s.walk(p.records, func(key string, r Record) bool {
			all.Set(key, r.Data)
			return true
		})
	}
	var list []Record
	s.walk(all, func(_ string, r Record) bool {
		list = append(list, r)
		return true
	})
	return list
}

// order compares records as a listing has them, newest first.
func order(a, b Record) int {
	if c := b.At.Compare(a.At); c != 0 {
		return c
	}
	switch {
	case a.ID > b.ID:
		return -1
	case a.ID < b.ID:
		return 1
	}
	return 0
}

// merge yields two listings as one. A record that both have is the fresh one.
func merge(fresh []Record, stored iter.Seq2[Record, error], trimmed func(Record) bool, yield func(Record, error) bool) {
	for r, err := range stored {
		if err != nil {
			yield(r, err)
			return
		}
		replaced := false
		for len(fresh) > 0 && order(fresh[0], r) <= 0 {
			replaced = replaced || order(fresh[0], r) == 0
			if !yield(fresh[0], nil) {
				return
			}
			fresh = fresh[1:]
		}
		if replaced || trimmed(r) {
			continue
		}
		if !yield(r, nil) {
			return
		}
	}
	for _, r := range fresh {
		if !yield(r, nil) {
			return
		}
	}
}
