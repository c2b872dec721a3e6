package policy

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern is a text with wildcards, one token a character.
type pattern []token

type token struct {
	rune       rune
	star, char bool // any text; any character
	within     bool // a wildcard that covers no colon
	fold       bool // the character has no case
}

// globTokens takes a compiled pattern apart again.
func globTokens(g *glob, within bool) pattern {
	encoded := g.head
	if g.star {
		any := string([]byte{anyString})
		encoded = strings.Join(slices.Concat([]string{g.head}, g.middle, []string{g.tail}), any)
	}
	var p pattern
	for i := 0; i < len(encoded); {
		switch encoded[i] {
		case anyString:
			p = append(p, token{star: true, within: within})
			i++
		case anyChar:
			p = append(p, token{char: true, within: within})
			i++
		default:
			r, size := utf8.DecodeRuneInString(encoded[i:])
			p = append(p, token{rune: r})
			i += size
		}
	}
	return p
}

// arnTokens: in the first five parts a wildcard covers no colon.
func arnTokens(a *arnPattern) pattern {
	var p pattern
	for i := range a.parts {
		if i > 0 {
			p = append(p, token{rune: ':'})
		}
		p = append(p, globTokens(&a.parts[i], i < 5)...)
	}
	return p
}

// takes reports whether the token covers a character.
func (t token) takes(r rune) bool {
	switch {
	case t.star || t.char:
		return !t.within || r != ':'
	case t.fold:
		return r == t.rune || foldOf(r) == foldOf(t.rune)
	}
	return r == t.rune
}

// foldOf is one character for all that differ from it in case only.
func foldOf(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}

// kinds gives a text for each set of patterns that some text matches, and only
// those: it walks all ways through the patterns at once, with every character
// that they have and one that they do not. Of a kind's texts it is the
// shortest, but not the empty one where there is another. ok is false where
// that takes too long.
func kinds(patterns []pattern) (texts []string, ok bool) {
	w := walk{patterns: patterns, seen: make(map[string]bool), kinds: make(map[string]bool)}
	w.characters()
	for _, p := range patterns {
		w.offsets = append(w.offsets, w.total)
		w.total += len(p) + 1
	}
	var start []int
	for i := range patterns {
		start = w.enter(start, i, 0)
	}
	now := []step{{state: start}}
	for len(now) > 0 {
		var next []step
		for _, s := range now {
			for _, r := range w.alphabet {
				if n := w.follow(s, r); w.visit(n) {
					next = append(next, n)
				}
			}
			if len(w.seen) > maxStates {
				return nil, false
			}
		}
		now = next
	}
	if !w.kinds[w.kind(start)] {
		w.texts = append(w.texts, "")
	}
	return w.texts, true
}

type walk struct {
	patterns []pattern
	offsets  []int
	total    int
	alphabet []rune
	seen     map[string]bool
	kinds    map[string]bool
	texts    []string
}

// step is a text and the places in the patterns that it leads to.
type step struct {
	state []int
	text  string
}

// characters collects those of the patterns, and one more that comes first, so
// that texts of no pattern look like it.
func (w *walk) characters() {
	for _, p := range w.patterns {
		for _, t := range p {
			switch {
			case t.star || t.char:
				if t.within {
					w.alphabet = append(w.alphabet, ':')
				}
			case t.fold:
				w.alphabet = append(w.alphabet, t.rune)
				for f := unicode.SimpleFold(t.rune); f != t.rune; f = unicode.SimpleFold(f) {
					w.alphabet = append(w.alphabet, f)
				}
			default:
				w.alphabet = append(w.alphabet, t.rune)
			}
		}
	}
	slices.Sort(w.alphabet)
	w.alphabet = slices.Compact(w.alphabet)
	for _, r := range "xyzabcdefghijklmnopqrstuvw0123456789" {
		if !slices.ContainsFunc(w.alphabet, func(a rune) bool { return foldOf(a) == foldOf(r) }) {
			w.alphabet = slices.Insert(w.alphabet, 0, r)
			return
		}
	}
	// Some character of the private use area is in no policy of this size.
	for r := rune(0xe000); ; r++ {
		if !slices.Contains(w.alphabet, r) {
			w.alphabet = slices.Insert(w.alphabet, 0, r)
			return
		}
	}
}

// enter adds a place in a pattern, and those that it reaches without a character.
func (w *walk) enter(state []int, i, at int) []int {
	for {
		state = append(state, w.offsets[i]+at)
		if at == len(w.patterns[i]) || !w.patterns[i][at].star {
			return state
		}
		at++
	}
}

func (w *walk) follow(s step, r rune) step {
	n := step{text: s.text + string(r)}
	i := 0
	for _, place := range s.state {
		for i+1 < len(w.offsets) && place >= w.offsets[i+1] {
			i++
		}
		at := place - w.offsets[i]
		if at == len(w.patterns[i]) {
			continue
		}
		switch t := w.patterns[i][at]; {
		case !t.takes(r):
		case t.star:
			n.state = w.enter(n.state, i, at)
		default:
			n.state = w.enter(n.state, i, at+1)
		}
	}
	slices.Sort(n.state)
	n.state = slices.Compact(n.state)
	return n
}

// visit notes a step, and reports whether its state is new.
func (w *walk) visit(s step) bool {
	var b strings.Builder
	for _, place := range s.state {
		b.Write(binary.LittleEndian.AppendUint32(nil, uint32(place)))
	}
	key := b.String()
	if w.seen[key] {
		return false
	}
	w.seen[key] = true
	if k := w.kind(s.state); !w.kinds[k] {
		w.kinds[k] = true
		w.texts = append(w.texts, s.text)
	}
	return true
}

// kind tells the patterns that a state has matched.
func (w *walk) kind(state []int) string {
	matched := make([]byte, len(w.patterns))
	for i, p := range w.patterns {
		if _, found := slices.BinarySearch(state, w.offsets[i]+len(p)); found {
			matched[i] = 1
		}
	}
	return string(matched)
}
