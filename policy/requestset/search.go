package requestset

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on one search. They are far beyond what documents within AWS's quotas
// need; a search that meets one has no answer.
const (
	maxStates = 20_000
	maxSteps  = 400_000
)

// sides is a conjunction: a text in all of the one languages and in none of the
// other.
type sides struct {
	in, out []*language
}

// automaton runs all the patterns of some languages at once. A state is the
// sorted set of places at which the patterns may be.
type automaton struct {
	elems  []elem
	owner  []int16 // of each place, the language
	wanted []bool  // of each language, whether the text must be in it
	first  []int32 // the start state
	steps  int
}

func newAutomaton(s sides) *automaton {
	a := &automaton{}
	var starts []int32
	add := func(l *language, wanted bool) {
		n := int16(len(a.wanted))
		a.wanted = append(a.wanted, wanted)
		for i := range l.patterns {
			starts = append(starts, int32(len(a.elems)))
			for _, e := range l.patterns[i].elems {
				a.elems, a.owner = append(a.elems, e), append(a.owner, n)
			}
			a.elems, a.owner = append(a.elems, elem{kind: atEnd}), append(a.owner, n)
		}
	}
	for _, l := range s.in {
		add(l, true)
	}
	for _, l := range s.out {
		add(l, false)
	}
	for _, p := range starts {
		a.first = a.enter(a.first, p)
	}
	return a
}

// enter adds a place and those behind it that take nothing.
func (a *automaton) enter(state []int32, place int32) []int32 {
	for {
		state = append(state, place)
		if !a.elems[place].many() {
			return state
		}
		place++
	}
}

// settle sorts a state and takes out what can no longer matter. It is false if
// no text from here on can do.
func (a *automaton) settle(state []int32) ([]int32, bool) {
	slices.Sort(state)
	state = slices.Compact(state)
	certain := make([]bool, len(a.wanted)) // whatever follows is in the language
	alive := make([]bool, len(a.wanted))
	for _, p := range state {
		n := a.owner[p]
		alive[n] = true
		if a.elems[p].kind == manyAny && a.elems[p+1].kind == atEnd {
			certain[n] = true
		}
	}
	for n, wanted := range a.wanted {
		if wanted && !alive[n] || !wanted && certain[n] {
			return nil, false
		}
	}
	kept := state[:0]
	for _, p := range state {
		whole := a.elems[p].kind == manyAny && a.elems[p+1].kind == atEnd ||
			a.elems[p].kind == atEnd && p > 0 && a.elems[p-1].kind == manyAny
		if !certain[a.owner[p]] || whole {
			kept = append(kept, p)
		}
	}
	return kept, true
}

// accepts reports whether the text may end here.
func (a *automaton) accepts(state []int32) bool {
	ended := make([]bool, len(a.wanted))
	for _, p := range state {
		if a.elems[p].kind == atEnd {
			ended[a.owner[p]] = true
		}
	}
	return slices.Equal(ended, a.wanted)
}

func (a *automaton) next(state []int32, r rune) ([]int32, bool) {
	a.steps += len(state) + 1
	var to []int32
	for _, p := range state {
		if e := a.elems[p]; e.takes(r) {
			if e.many() {
				to = a.enter(to, p)
			} else {
				to = a.enter(to, p+1)
			}
		}
	}
	return a.settle(to)
}

// characters are those between which the state tells, and one of the others.
func (a *automaton) characters(state []int32) []rune {
	var list []rune
	colon := false
	for _, p := range state {
		switch e := a.elems[p]; e.kind {
		case oneLiteral:
			list = append(list, e.char)
		case oneFolded:
			list = append(list, foldsOf(e.char)...)
		case oneInPart, manyInPart:
			colon = true
		}
	}
	if colon {
		list = append(list, ':')
	}
	slices.Sort(list)
	list = slices.Compact(list)
	for _, r := range others {
		if _, found := slices.BinarySearch(list, r); !found {
			return append(list, r)
		}
	}
	for r := rune(0x4e00); ; r++ {
		if _, found := slices.BinarySearch(list, r); !found {
			return append(list, r)
		}
	}
}

// others are the characters that stand for all that no pattern names.
var others = []rune("xyzqjwvkXYZQJWVK0123456789abcdefghilmnoprstuABCDEFGHILMNOPRSTU")

// foldsOf are all characters of which the given is the fold.
func foldsOf(r rune) []rune {
	list := []rune{r}
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		list = append(list, f)
	}
	return list
}

// found is the end of a search.
type found struct {
	text string
	ok   bool
	// gaveUp: the search met a bound.
	gaveUp bool
}

// search looks for a text in the conjunction. It takes the smallest language
// that the text must be in pattern by pattern, since few patterns of the others
// then matter: those that do not begin otherwise.
func search(s sides) found {
	least := -1
	for i, l := range s.in {
		if !l.universe && (least < 0 || len(l.patterns) < len(s.in[least].patterns)) {
			least = i
		}
	}
	if least < 0 {
		return run(s)
	}
	var end found
	for i := range s.in[least].patterns {
		f := searchWith(&s.in[least].patterns[i], s, least)
		if f.ok {
			return f
		}
		end.gaveUp = end.gaveUp || f.gaveUp
	}
	return end
}

// searchWith searches the texts of one pattern of one language that they must be in.
func searchWith(p *pattern, s sides, of int) found {
	if text, ok := p.exact(); ok {
		return found{text: text, ok: s.holds(text)}
	}
	near := sides{in: []*language{{patterns: []pattern{*p}}}}
	for i, l := range s.in {
		if i == of {
			continue
		}
		reach := l.near(p)
		if len(reach) == 0 {
			return found{}
		}
		near.in = append(near.in, &language{patterns: reach})
	}
	var out []pattern
	for _, l := range s.out {
		for _, o := range l.near(p) {
			if slices.Equal(o.elems, p.elems) {
				return found{}
			}
			out = append(out, o)
		}
	}
	near.out = append(near.out, &language{patterns: out})
	return run(near)
}

// near are the patterns that may have a text in common with p, by how they begin.
func (l *language) near(p *pattern) []pattern {
	var list []pattern
	for i := range l.patterns {
		if l.patterns[i].mayMeet(p) {
			list = append(list, l.patterns[i])
		}
	}
	return list
}

func (p *pattern) mayMeet(q *pattern) bool {
	for i := range min(len(p.elems), len(q.elems)) {
		a, b := p.elems[i], q.elems[i]
		switch {
		case a.many() || b.many():
			return true
		case a.kind == oneLiteral && !b.takes(a.char), b.kind == oneLiteral && !a.takes(b.char):
			return false
		}
	}
	return true
}

// exact is the pattern's only text, if it has no wildcards.
func (p *pattern) exact() (text string, ok bool) {
	var b strings.Builder
	for _, e := range p.elems {
		if e.kind != oneLiteral {
			return "", false
		}
		b.WriteRune(e.char)
	}
	return b.String(), true
}

// run searches the shortest text with an automaton of all the patterns.
func run(s sides) found {
	a := newAutomaton(s)
	start, ok := a.settle(a.first)
	if !ok {
		return found{}
	}
	type visit struct {
		state []int32
		from  int
		char  rune
	}
	seen := map[string]struct{}{stateKey(start): {}}
	queue := []visit{{state: start, from: -1}}
	for i := 0; i < len(queue); i++ {
		if a.accepts(queue[i].state) {
			var text []rune
			for j := i; queue[j].from >= 0; j = queue[j].from {
				text = append(text, queue[j].char)
			}
			slices.Reverse(text)
			return found{text: string(text), ok: true}
		}
		for _, r := range a.characters(queue[i].state) {
			to, ok := a.next(queue[i].state, r)
			if !ok {
				continue
			}
			key := stateKey(to)
			if _, met := seen[key]; met {
				continue
			}
			if len(seen) == maxStates || a.steps > maxSteps {
				return found{gaveUp: true}
			}
			seen[key] = struct{}{}
			queue = append(queue, visit{to, i, r})
		}
	}
	return found{}
}

// holds reports whether the text is in the conjunction.
func (s sides) holds(text string) bool {
	for _, l := range s.in {
		if !l.has(text) {
			return false
		}
	}
	for _, l := range s.out {
		if l.has(text) {
			return false
		}
	}
	return true
}

// has reports whether the text is in the language.
func (l *language) has(text string) bool {
	for i := range l.patterns {
		if l.patterns[i].matches(text) {
			return true
		}
	}
	return false
}

// matches runs the pattern alone, in time of the product of the lengths.
func (p *pattern) matches(text string) bool {
	elems := p.elems
	for len(elems) > 0 && !elems[0].many() {
		r, size := utf8.DecodeRuneInString(text)
		if size == 0 || !elems[0].takes(r) {
			return false
		}
		elems, text = elems[1:], text[size:]
	}
	if len(elems) == 0 {
		return text == ""
	}
	now, next := make([]bool, len(elems)+1), make([]bool, len(elems)+1)
	enter := func(states []bool, i int) {
		for states[i] = true; i < len(elems) && elems[i].many(); {
			i++
			states[i] = true
		}
	}
	enter(now, 0)
	for _, r := range text {
		clear(next)
		for i, e := range elems {
			if now[i] && e.takes(r) {
				if e.many() {
					enter(next, i)
				} else {
					enter(next, i+1)
				}
			}
		}
		now, next = next, now
	}
	return now[len(elems)]
}

func stateKey(state []int32) string {
	b := make([]byte, 0, 4*len(state))
	for _, p := range state {
		b = binary.LittleEndian.AppendUint32(b, uint32(p))
	}
	return string(b)
}
