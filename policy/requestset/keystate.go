package requestset

import (
	"slices"

	"github.com/keyturn/keyturn/policy"
)

// Cardinality tells how many values a condition key has in a request (IAM guide,
// "Single-valued vs. multivalued context keys").
type Cardinality uint8

// The cardinalities. Of a key of which it is not known, an answer that turns on
// it is Maybe.
const (
	UnknownCardinality Cardinality = iota
	SingleValued
	Multivalued
)

// keyLiteral says that a line holds, or that it does not.
type keyLiteral struct {
	line  *line
	holds bool
}

// keyState is what a request has for a key: values, or none where it is absent.
type keyState struct {
	values []string
	truth  policy.Truth
}

// keyStateFor looks for values of one key with which all the literals hold.
func keyStateFor(literals []keyLiteral, cardinality Cardinality) keyState {
	absent := all(literals, nil)
	if absent && !wantsValues(literals) {
		return keyState{truth: policy.Yes}
	}
	single := presentState(literals, false)
	switch {
	case single.truth == policy.Yes:
		return single
	case absent:
		return keyState{truth: policy.Yes}
	case cardinality == SingleValued:
		return keyState{truth: single.truth}
	}
	multi := presentState(literals, true)
	if cardinality == UnknownCardinality && multi.truth == policy.Yes {
		return keyState{truth: policy.Maybe}
	}
	multi.truth = multi.truth.Or(single.truth)
	return multi
}

// onlyAbsent reports whether the literals hold for no request that has the key.
func onlyAbsent(literals []keyLiteral, cardinality Cardinality) bool {
	if presentState(literals, false).truth != policy.No {
		return false
	}
	return cardinality == SingleValued || presentState(literals, true).truth == policy.No
}

// wantsValues reports whether a literal is about a value rather than its absence.
func wantsValues(literals []keyLiteral) bool {
	return slices.ContainsFunc(literals, func(l keyLiteral) bool {
		return l.line.family != nullFamily && demandOf(l.line.cond, l.holds).some
	})
}

// all reports whether the literals hold for the values, as the matcher itself
// has it.
func all(literals []keyLiteral, values []string) bool {
	for _, l := range literals {
		if (l.line.cond.Holds(values...) == policy.Yes) != l.holds {
			return false
		}
	}
	return true
}

// presentState looks for one value, or for a set of values.
func presentState(literals []keyLiteral, many bool) keyState {
	if all(literals, []string{""}) {
		return keyState{values: []string{""}, truth: policy.Yes}
	}
	var about []keyLiteral
	texts, family, mixed := true, textFamily, false
	for _, l := range literals {
		if l.line.family == nullFamily {
			if (l.line.cond.Holds("x") == policy.Yes) != l.holds {
				return keyState{truth: policy.No}
			}
			continue
		}
		texts = texts && l.line.family == textFamily
		mixed = mixed || len(about) > 0 && l.line.family != family
		family = l.line.family
		about = append(about, l)
	}
	switch {
	case texts:
		return textState(literals, about, many)
	case mixed:
		// Texts that are numbers, dates and names at once: examples can show
		// that there is one, and nothing that there is none.
		s := candidateState(literals, about, mixedCandidates(about), many)
		s.truth = s.truth.Or(policy.Maybe)
		return s
	}
	list, whole := candidates(about)
	s := candidateState(literals, about, list, many)
	if !whole {
		s.truth = s.truth.Or(policy.Maybe)
	}
	return s
}

// noText is the language of the empty text alone, which the matcher treats in a
// way of its own, so that it is tried apart.
var noText = &language{id: -1, patterns: []pattern{{}}}

// textState searches languages. Of a set, every value must be where all the
// demands on every value put it, and some value where each other demand does.
func textState(literals, about []keyLiteral, many bool) keyState {
	var every sides
	var some []sides
	for _, l := range about {
		d := demandOf(l.line.cond, l.holds)
		side := sides{}
		if d.fits {
			side.in = append(side.in, l.line.fits)
		} else {
			side.out = append(side.out, l.line.fits)
		}
		if d.some && many {
			some = append(some, side)
		} else {
			every = every.and(side)
		}
	}
	// The empty text alone was tried apart, so there is a value beside it.
	wanted := slices.Concat(some, []sides{{out: []*language{noText}}})
	var values []string
	for i, s := range wanted {
		if last := i+1 == len(wanted); last && slices.ContainsFunc(values, func(v string) bool { return v != "" }) {
			break
		}
		f := familiarText(about, every.and(s))
		switch {
		case f.gaveUp:
			return keyState{truth: policy.Maybe}
		case !f.ok:
			return keyState{truth: policy.No}
		}
		if !slices.Contains(values, f.text) {
			values = append(values, f.text)
		}
	}
	return checked(literals, values)
}

// familiarText searches for a text, first among those that the lines themselves
// have.
func familiarText(about []keyLiteral, s sides) found {
	for _, l := range about {
		for _, v := range l.line.cond.Values {
			if s.holds(v) {
				return found{text: v, ok: true}
			}
		}
	}
	return search(s)
}

func (s sides) and(t sides) sides {
	return sides{in: slices.Concat(s.in, t.in), out: slices.Concat(s.out, t.out)}
}

// checked asks the matcher itself whether the values do. It always agrees; if it
// did not, nothing would be claimed.
func checked(literals []keyLiteral, values []string) keyState {
	if !all(literals, values) {
		return keyState{truth: policy.Maybe}
	}
	return keyState{values: values, truth: policy.Yes}
}

// candidateState tries values that stand for all there are.
func candidateState(literals, about []keyLiteral, list []string, many bool) keyState {
	if !many {
		for _, v := range list {
			if all(literals, []string{v}) {
				return keyState{values: []string{v}, truth: policy.Yes}
			}
		}
		return keyState{truth: policy.No}
	}
	var values []string
	for _, v := range list {
		if !slices.ContainsFunc(about, func(l keyLiteral) bool {
			d := demandOf(l.line.cond, l.holds)
			return !d.some && l.line.cond.Fits(v) != d.fits
		}) {
			values = append(values, v)
		}
	}
	if len(values) == 0 || !all(literals, values) {
		return keyState{truth: policy.No}
	}
	return keyState{values: values, truth: policy.Yes}
}
