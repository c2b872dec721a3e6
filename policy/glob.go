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
// segment may hold anyChar. Matching takes time linear in the text and the
// pattern for segments without question marks, and up to a sixty-fourth of the
// product of the lengths for those with.
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
	// In front only the number of question marks counts.
	at := 0
	for segment != "" && segment[0] == anyChar {
		if at == len(text) {
			return -1
		}
		_, size := utf8.DecodeRuneInString(text[at:])
		at, segment = at+size, segment[1:]
	}
	if strings.IndexByte(segment, anyChar) < 0 {
		i := strings.Index(text[at:], segment)
		if i < 0 {
			return -1
		}
		return at + i + len(segment)
	}
	if len(segment) > word {
		return findLong(segment, text, at)
	}
	// The first character is a literal one: look only where it stands.
	for {
		i := strings.IndexByte(text[at:], segment[0])
		if i < 0 {
			return -1
		}
		at += i
		if n := prefix(segment, text[at:]); n >= 0 {
			return at + n
		}
		at++
	}
}

// word is the number of characters that findLong compares at once.
const word = 64

// findLong is find for a long segment, from at on. It follows all the places
// where the segment may have begun at once, a bit for each ("Shift-And", Baeza-
// Yates and Gonnet, 1992), so its time is a sixty-fourth of the product of the
// lengths. Characters whose codes have the same last byte share their bits, and
// what is found is compared again: IAM takes no character beyond U+00FF in a
// policy.
func findLong(segment, text string, at int) int {
	length := utf8.RuneCountInString(segment)
	words := (length + word - 1) / word
	bits := make([]uint64, (256+2)*words)
	all, state, rows := bits[:words], bits[words:2*words], bits[2*words:]
	row := func(c rune) []uint64 { return rows[int(c&0xff)*words:][:words] }
	place := 0
	for i := 0; i < len(segment); place++ {
		c, size := utf8.DecodeRuneInString(segment[i:])
		if segment[i] == anyChar {
			all[place/word] |= 1 << (place % word)
		} else {
			row(c)[place/word] |= 1 << (place % word)
		}
		i += size
	}
	starts := make([]int, length) // of the last characters, in a ring
	last := length - 1
	for n := 0; at < len(text); n++ {
		c, size := utf8.DecodeRuneInString(text[at:])
		starts[n%length] = at
		at += size
		here, carry := row(c), uint64(1)
		for w := range state {
			next := state[w]<<1 | carry
			carry = state[w] >> (word - 1)
			state[w] = next & (here[w] | all[w])
		}
		if state[last/word]>>(last%word)&1 == 0 {
			continue
		}
		begin := starts[(n+1)%length]
		if prefix(segment, text[begin:]) >= 0 {
			return at
		}
	}
	return -1
}

// quick bounds the characters that are compared before a pattern is compiled
// after all: up to there going back to the last asterisk is cheaper.
const quick = 1 << 14

// MatchAction reports whether a pattern with * and ? matches a text without
// regard to ASCII case: the rule for actions, which are ASCII and short, and for
// their parts on either side of the colon (IAM guide, "IAM JSON policy elements:
// Action"). No more of a pattern is read than fits, and one that goes back too
// often is compiled.
func MatchAction(pattern, text string) bool {
	star, mark := -1, 0
	p, t := 0, 0
	for steps := 0; t < len(text); steps++ {
		if steps == quick {
			g := newGlob(encodeWildcards.Replace(strings.ToLower(pattern)))
			return g.match(strings.ToLower(text))
		}
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || lower(pattern[p]) == lower(text[t])):
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

// matchOnce matches an encoded pattern that was made for this one text, out of
// variables, and is not worth compiling.
func matchOnce(pattern []byte, text string) bool {
	if len(pattern)*len(text) > quick {
		g := newGlob(string(pattern))
		return g.match(text)
	}
	star, mark := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == anyString:
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == anyChar:
			_, size := utf8.DecodeRuneInString(text[t:])
			p, t = p+1, t+size
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			_, size := utf8.DecodeRuneInString(text[mark:])
			mark += size
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == anyString {
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
