package policy

import (
	"strings"
	"unicode/utf8"
)

// In a compiled pattern the two wildcards are bytes that occur in no UTF-8
// text, so that a literal asterisk, written ${*} or come out of a variable, is
// told from the wildcard.
const (
	anyString = '\xff'
	anyChar   = '\xfe'
)

// encodeWildcards turns the characters * and ? into wildcards.
var encodeWildcards = strings.NewReplacer("*", string([]byte{anyString}), "?", string([]byte{anyChar}))

// decodeWildcards is the inverse, for operators that know no wildcards.
var decodeWildcards = strings.NewReplacer(string([]byte{anyString}), "*", string([]byte{anyChar}), "?")

// glob is a compiled pattern: the literal segments around its asterisks. A
// segment may hold anyChar. Matching takes time linear in the text for every
// segment without a question mark, and is never exponential.
type glob struct {
	head, tail string
	middle     []string
	star       bool // false: head is the whole pattern
	all        bool // the pattern is a single asterisk
}

// newGlob compiles an encoded pattern.
func newGlob(encoded string) glob {
	first := strings.IndexByte(encoded, anyString)
	if first < 0 {
		return glob{head: encoded}
	}
	last := strings.LastIndexByte(encoded, anyString)
	g := glob{head: encoded[:first], tail: encoded[last+1:], star: true}
	for s := range strings.SplitSeq(encoded[first:last+1], string([]byte{anyString})) {
		if s != "" {
			g.middle = append(g.middle, s)
		}
	}
	g.all = g.head == "" && g.tail == "" && len(g.middle) == 0
	return g
}

func (g *glob) match(text string) bool {
	if g.all {
		return true
	}
	n := prefix(g.head, text)
	if n < 0 {
		return false
	}
	text = text[n:]
	if !g.star {
		return text == ""
	}
	if n = suffix(g.tail, text); n < 0 {
		return false
	}
	text = text[:len(text)-n]
	for _, s := range g.middle {
		end := find(s, text)
		if end < 0 {
			return false
		}
		text = text[end:]
	}
	return true
}

// prefix returns how many bytes of text the segment covers at its start, or -1.
func prefix(segment, text string) int {
	if strings.HasPrefix(text, segment) {
		return len(segment)
	}
	if strings.IndexByte(segment, anyChar) < 0 {
		return -1
	}
	at := 0
	for i := 0; i < len(segment); i++ {
		if at == len(text) {
			return -1
		}
		if segment[i] == anyChar {
			_, size := utf8.DecodeRuneInString(text[at:])
			at += size
			continue
		}
		if segment[i] != text[at] {
			return -1
		}
		at++
	}
	return at
}

// suffix is prefix from the end.
func suffix(segment, text string) int {
	if strings.HasSuffix(text, segment) {
		return len(segment)
	}
	if strings.IndexByte(segment, anyChar) < 0 {
		return -1
	}
	at := len(text)
	for i := len(segment) - 1; i >= 0; i-- {
		if at == 0 {
			return -1
		}
		if segment[i] == anyChar {
			_, size := utf8.DecodeLastRuneInString(text[:at])
			at -= size
			continue
		}
		if segment[i] != text[at-1] {
			return -1
		}
		at--
	}
	return len(text) - at
}

// find returns the end of the segment's first occurrence in text, or -1.
func find(segment, text string) int {
	if strings.IndexByte(segment, anyChar) < 0 {
		i := strings.Index(text, segment)
		if i < 0 {
			return -1
		}
		return i + len(segment)
	}
	for at := 0; at <= len(text); {
		if n := prefix(segment, text[at:]); n >= 0 {
			return at + n
		}
		if at == len(text) {
			break
		}
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return -1
}

// matchFold matches a pattern with * and ?, in lower case, against text without
// regard to ASCII case: the rule for actions. Actions are ASCII and short.
func matchFold(pattern, text string) bool {
	star, mark := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == lower(text[t])):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

func hasWildcard(s string) bool { return strings.ContainsAny(s, "*?") }
