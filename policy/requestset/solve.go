package requestset

import (
	"slices"

	"github.com/keyturn/keyturn/policy"
)

// Bounds on one question. A question that meets one is answered Maybe, or with
// the part of the answer that was found.
const (
	maxBranches = 20_000
	maxWork     = 200_000
)

// item is a formula that must hold, or must not.
type item struct {
	f   *formula
	not bool
}

// solver looks for boxes in which a formula holds.
type solver struct {
	theory   *theory
	branches int
	// gaveUp: a bound was met, so there may be more boxes.
	gaveUp bool
	// leaf is told of every box; it returns false to end the search.
	leaf func(*box) bool
}

// choice is a disjunction that is still open.
type choice []item

// before reports whether the choice is better made first: one between statements
// that apply narrows the box most, and among equals the one of fewest
// alternatives.
func (c choice) before(d choice) bool {
	if a, b := c.applies(), d.applies(); a != b {
		return a
	}
	return len(c) < len(d)
}

// applies reports whether in every alternative a statement applies.
func (c choice) applies() bool {
	return !slices.ContainsFunc(c, func(i item) bool { return !i.applies() })
}

// applies reports whether a statement applies wherever the item holds.
func (i item) applies() bool {
	switch i.f.op {
	case literalOp:
		return false
	case statementOp:
		return !i.not
	case notOp:
		return item{i.f.kids[0], !i.not}.applies()
	}
	one := func(f *formula) bool { return item{f, i.not}.applies() }
	if (i.f.op == andOp) != i.not {
		return slices.ContainsFunc(i.f.kids, one)
	}
	return !slices.ContainsFunc(i.f.kids, func(f *formula) bool { return !one(f) })
}

// solve searches the boxes in which all items hold. It returns false if the
// leaf wants no more.
func (s *solver) solve(b *box, pending []item, open []choice) bool {
	for {
		for len(pending) > 0 {
			i := pending[len(pending)-1]
			var ok bool
			if pending, open, ok = s.take(b, i, pending[:len(pending)-1], open); !ok {
				return true
			}
		}
		var dead bool
		if open, pending, dead = s.reduce(b, open); dead {
			return true
		}
		if len(pending) == 0 {
			break
		}
	}
	if len(open) == 0 {
		return s.leaf(b)
	}
	best := 0
	for i := range open {
		if open[i].before(open[best]) {
			best = i
		}
	}
	chosen := open[best]
	rest := slices.Delete(slices.Clone(open), best, best+1)
	for _, i := range chosen {
		s.branches++
		if s.branches > maxBranches || s.theory.work > maxWork {
			s.gaveUp = true
			return true
		}
		if !s.solve(b.clone(), []item{i}, slices.Clone(rest)) {
			return false
		}
	}
	return true
}

// take takes one item apart: into the box, or into further items and choices.
func (s *solver) take(b *box, i item, pending []item, open []choice) (_ []item, _ []choice, ok bool) {
	switch i.f.op {
	case literalOp:
		l := i.f.lit
		if i.not {
			l = l.negate()
		}
		return pending, open, s.theory.add(b, l)
	case notOp:
		return append(pending, item{i.f.kids[0], !i.not}), open, true
	case statementOp:
		if !i.not {
			b.by = append(slices.Clip(b.by), i.f.st)
		}
		return append(pending, item{i.f.st.body, i.not}), open, true
	}
	kids := i.flat(nil)
	if (i.f.op == andOp) != i.not {
		// The first is taken first: actions tell most apart.
		slices.Reverse(kids)
		return append(pending, kids...), open, true
	}
	return pending, append(open, kids), true
}

// flat lists the parts of a conjunction or disjunction, and of those within it
// that are of the same kind.
func (i item) flat(list []item) []item {
	for _, f := range i.f.kids {
		k := item{f, i.not}
		for k.f.op == notOp {
			k = item{k.f.kids[0], !k.not}
		}
		if (k.f.op == andOp || k.f.op == orOp) && (k.f.op == andOp) != k.not == ((i.f.op == andOp) != i.not) {
			list = k.flat(list)
			continue
		}
		list = append(list, k)
	}
	return list
}

// reduce drops the choices that hold anyway and the alternatives that cannot,
// and hands back those of which one is left.
func (s *solver) reduce(b *box, open []choice) (left []choice, pending []item, dead bool) {
	for _, c := range open {
		var possible choice
		holds := false
		for _, i := range c {
			switch s.status(b, i) {
			case policy.Yes:
				holds = true
			case policy.Maybe:
				possible = append(possible, i)
			}
			if holds {
				break
			}
		}
		switch {
		case holds:
		case len(possible) == 0:
			return nil, nil, true
		case len(possible) == 1:
			pending = append(pending, possible[0])
		default:
			left = append(left, possible)
		}
	}
	return left, pending, false
}

// status tells whether an item holds in all of the box, in none of it, or may
// do either. Maybe is always a right answer.
func (s *solver) status(b *box, i item) policy.Truth {
	switch i.f.op {
	case literalOp:
		l := i.f.lit
		if i.not {
			l = l.negate()
		}
		switch {
		case s.theory.test(b, l) == policy.No:
			return policy.No
		case s.theory.entails(b, l):
			return policy.Yes
		}
		return policy.Maybe
	case notOp:
		return s.status(b, item{i.f.kids[0], !i.not})
	case statementOp:
		return s.status(b, item{i.f.st.body, i.not})
	}
	conjunction := (i.f.op == andOp) != i.not
	t := truth(conjunction)
	for _, f := range i.f.kids {
		u := s.status(b, item{f, i.not})
		if conjunction {
			t = t.And(u)
		} else {
			t = t.Or(u)
		}
		if conjunction && t == policy.No || !conjunction && t == policy.Yes {
			break
		}
	}
	return t
}
