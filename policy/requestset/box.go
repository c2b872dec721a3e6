package requestset

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// box is a conjunction of literals, dimension by dimension. Dimensions do not
// bear on each other, so it holds for some request if each can be met.
type box struct {
	action, resource []literal
	keys             map[string][]keyLiteral
	free             map[int]literal
	// by are the statements that were taken to apply.
	by []*statement
	// doubt says why it is not certain that a request is in it.
	doubt []string
}

func (b *box) clone() *box {
	return &box{
		action: slices.Clip(b.action), resource: slices.Clip(b.resource), keys: maps.Clone(b.keys), free: maps.Clone(b.free),
		by: slices.Clip(b.by), doubt: slices.Clip(b.doubt),
	}
}

// theory answers whether conjunctions can be met, and remembers.
type theory struct {
	compiler    *compiler
	cardinality func(key string) Cardinality
	texts       map[string]found
	keys        map[string]keyState
	// work counts the searches that were made.
	work int
}

// test tells whether the box with one more literal can be met.
func (t *theory) test(b *box, l literal) policy.Truth {
	switch l.dim {
	case actionDim:
		return t.text(actionDim, b.action, l)
	case resourceDim:
		return t.text(resourceDim, b.resource, l)
	case keyDim:
		return t.key(l.line.key, append(slices.Clip(b.keys[l.line.key]), keyLiteral{l.line, !l.not})).truth
	}
	if known, ok := b.free[l.free.id]; ok {
		return truth(known.not == l.not)
	}
	if l.free.within != nil && !l.not {
		return t.text(resourceDim, b.resource, literal{dim: resourceDim, lang: l.free.within})
	}
	return policy.Yes
}

// entails reports whether the literal holds for every request in the box.
func (t *theory) entails(b *box, l literal) bool { return t.test(b, l.negate()) == policy.No }

// add puts a literal in the box; false if nothing is left.
func (t *theory) add(b *box, l literal) bool {
	if t.entails(b, l) {
		return true
	}
	switch t.test(b, l) {
	case policy.No:
		return false
	case policy.Maybe:
		b.doubt = append(b.doubt, t.doubtOf(l))
	}
	switch l.dim {
	case actionDim:
		b.action = append(b.action, l)
	case resourceDim:
		b.resource = append(b.resource, l)
	case keyDim:
		if b.keys == nil {
			b.keys = make(map[string][]keyLiteral)
		}
		b.keys[l.line.key] = append(slices.Clip(b.keys[l.line.key]), keyLiteral{l.line, !l.not})
	case freeDim:
		if b.free == nil {
			b.free = make(map[int]literal)
		}
		b.free[l.free.id] = l
		if l.free.within != nil && !l.not {
			return t.add(b, literal{dim: resourceDim, lang: l.free.within})
		}
	}
	return true
}

func (t *theory) doubtOf(l literal) string {
	if l.dim == keyDim {
		return "whether " + l.line.cond.Key + " has one value or several, or what its values can be, is not known"
	}
	return "the patterns are too many or too long to compare"
}

func (t *theory) text(d dimension, literals []literal, more ...literal) policy.Truth {
	f := t.find(d, append(slices.Clip(literals), more...))
	switch {
	case f.ok:
		return policy.Yes
	case f.gaveUp:
		return policy.Maybe
	}
	return policy.No
}

// find searches a text for literals of one dimension.
func (t *theory) find(d dimension, literals []literal) found {
	ids := make([]int, len(literals))
	for i, l := range literals {
		ids[i] = 2 * l.lang.id
		if l.not {
			ids[i]++
		}
	}
	key := idKey(strconv.Itoa(int(d)), ids)
	if f, ok := t.texts[key]; ok {
		return f
	}
	t.work++
	f := search(t.sides(d, literals))
	t.texts[key] = f
	return f
}

// sides are the languages of literals, within what can be an action or a
// resource at all.
func (t *theory) sides(d dimension, literals []literal) sides {
	universe := t.compiler.languages.resourceUniverse()
	if d == actionDim {
		universe = t.compiler.languages.actionUniverse()
	}
	var s sides
	for _, l := range literals {
		if l.not {
			s.out = append(s.out, l.lang)
		} else {
			s.in = append(s.in, l.lang)
		}
	}
	s.in = append(s.in, universe)
	return s
}

func (t *theory) key(name string, literals []keyLiteral) keyState {
	ids := make([]int, len(literals))
	for i, l := range literals {
		ids[i] = 2 * l.line.id
		if !l.holds {
			ids[i]++
		}
	}
	key := idKey(name, ids)
	if s, ok := t.keys[key]; ok {
		return s
	}
	t.work++
	s := keyStateFor(literals, t.cardinality(name))
	t.keys[key] = s
	return s
}

// idKey names a conjunction, whatever the order of its parts.
func idKey(name string, ids []int) string {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var b strings.Builder
	b.WriteString(name)
	for _, id := range ids {
		b.WriteByte(' ')
		b.WriteString(strconv.Itoa(id))
	}
	return b.String()
}

func truth(b bool) policy.Truth {
	if b {
		return policy.Yes
	}
	return policy.No
}
