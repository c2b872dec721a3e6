package requestset

import (
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// Region is a part of a set: the requests whose action, resource and keys are
// all as it says.
type Region struct {
	Actions, Resources Range
	// Conditions must all hold.
	Conditions []Constraint
	// By are the statements that apply to all of it.
	By []Ref
	// Example is a request in it, judged by the matcher itself; nil if none was
	// found, so that the region may be empty.
	Example *Request
}

// Range says in which patterns a text is.
type Range struct {
	// In are lists of patterns: one of each list matches. Without any, all do.
	In [][]string
	// NotIn are patterns of which none matches.
	NotIn []string
}

// Constraint is a line of a condition that holds, or one that does not.
type Constraint struct {
	Operator, Key string
	Values        []string
	// Not says that the line does not hold.
	Not bool
}

// region tells a box in words, without what follows from the rest.
func (q *question) region(b *box) Region {
	var r Region
	r.Actions = q.describe(actionDim, b.action)
	r.Resources = q.describe(resourceDim, b.resource)
	for _, l := range b.free {
		switch {
		case l.free.cond != nil:
			c := l.free.cond
			r.Conditions = append(r.Conditions, Constraint{c.Operator, c.Key, c.Values, l.not})
		case l.not:
			r.Resources.NotIn = append(r.Resources.NotIn, l.free.text)
		default:
			r.Resources.In = append(r.Resources.In, []string{l.free.text})
		}
	}
	for name := range b.keys {
		shadow := !slices.ContainsFunc(b.keys[name], func(l keyLiteral) bool { return !l.line.shadow })
		if !shadow && onlyAbsent(b.keys[name], q.theory.cardinality(name)) {
			r.Conditions = append(r.Conditions, Constraint{Operator: "Null", Key: b.keys[name][0].line.cond.Key, Values: []string{"true"}})
			continue
		}
		for _, l := range q.needed(name, b.keys[name]) {
			if l.line.shadow {
				continue
			}
			c := l.line.cond
			r.Conditions = append(r.Conditions, Constraint{c.Operator, c.Key, c.Values, !l.holds})
		}
	}
	slices.SortFunc(r.Conditions, func(a, b Constraint) int { return strings.Compare(a.String(), b.String()) })
	for _, s := range b.by {
		if !slices.Contains(r.By, s.ref) {
			r.By = append(r.By, s.ref)
		}
	}
	return r
}

// needed are the literals of a key that do not follow from the others.
func (q *question) needed(name string, literals []keyLiteral) []keyLiteral {
	return independent(literals, func(rest []keyLiteral, l keyLiteral) bool {
		l.holds = !l.holds
		return q.theory.key(name, append(rest, l)).truth == policy.No
	})
}

// describe tells the literals of one dimension: those that do not follow from
// the others, and of each list of patterns only those that reach anything.
func (q *question) describe(d dimension, literals []literal) Range {
	kept := q.shortest(d, literals)
	for i, l := range kept {
		if l.not || l.lang.shadow {
			continue
		}
		rest := slices.Delete(slices.Clone(kept), i, i+1)
		var in []pattern
		for _, p := range l.lang.patterns {
			if q.theory.text(d, rest, literal{dim: d, lang: q.one(p)}) != policy.No {
				in = append(in, p)
			}
		}
		kept[i].lang = q.compiler.languages.intern(in)
	}
	kept = q.shortest(d, kept)
	var r Range
	var reach []literal
	for _, l := range kept {
		if l.not {
			continue
		}
		reach = append(reach, l)
		if !l.lang.shadow {
			r.In = append(r.In, textsOf(l.lang.patterns))
		}
	}
	for _, l := range kept {
		if !l.not {
			continue
		}
		for _, p := range l.lang.patterns {
			if q.theory.text(d, reach, literal{dim: d, lang: q.one(p)}) != policy.No {
				r.NotIn = appendNew(r.NotIn, p.text)
			}
		}
	}
	return r
}

// shortest leaves out the literals that follow from the others.
func (q *question) shortest(d dimension, literals []literal) []literal {
	return independent(literals, func(rest []literal, l literal) bool {
		return q.theory.text(d, rest, l.negate()) == policy.No
	})
}

// independent leaves out, one after the other, what follows from the rest.
func independent[T any](list []T, follows func(rest []T, one T) bool) []T {
	kept := slices.Clone(list)
	for i := 0; i < len(kept); {
		if rest := slices.Delete(slices.Clone(kept), i, i+1); follows(slices.Clip(rest), kept[i]) {
			kept = rest
			continue
		}
		i++
	}
	return kept
}

// one is the language of a single pattern.
func (q *question) one(p pattern) *language { return q.compiler.languages.intern([]pattern{p}) }

func textsOf(patterns []pattern) []string {
	var list []string
	for i := range patterns {
		list = appendNew(list, patterns[i].text)
	}
	return list
}

// addRegion adds a region unless one in the same words is there.
func (q *question) addRegion(list []Region, r Region) []Region {
	text := r.String()
	for i := range list {
		if list[i].String() == text {
			return list
		}
	}
	return append(list, r)
}

// String tells the region in words: "kms:CreateGrant on arn:… where Bool
// kms:GrantIsForAWSResource true".
func (r Region) String() string {
	var b strings.Builder
	b.WriteString(r.Actions.words("every action"))
	b.WriteString(" on " + r.Resources.words("every resource"))
	for i, c := range r.Conditions {
		if i == 0 {
			b.WriteString(" where ")
		} else {
			b.WriteString(" and ")
		}
		b.WriteString(c.String())
	}
	return b.String()
}

func (r Range) words(everything string) string {
	var parts []string
	for _, in := range r.In {
		parts = append(parts, strings.Join(in, ", "))
	}
	text := strings.Join(parts, " that is also ")
	if text == "" || text == "*" {
		text = everything
	}
	if len(r.NotIn) > 0 {
		text += " except " + strings.Join(r.NotIn, ", ")
	}
	return text
}

// String tells the constraint as a condition is written.
func (c Constraint) String() string {
	if c.Operator == "Null" && !c.Not && len(c.Values) == 1 {
		switch c.Values[0] {
		case "true":
			return c.Key + " is absent"
		case "false":
			return c.Key + " is present"
		}
	}
	text := c.Operator + " " + c.Key + " " + strings.Join(c.Values, " or ")
	if c.Not {
		return "not (" + text + ")"
	}
	return text
}

func conditionText(c *policy.Condition) string {
	return Constraint{Operator: c.Operator, Key: c.Key, Values: c.Values}.String()
}

func joined(values []string) string { return strings.Join(values, "\x00") }
