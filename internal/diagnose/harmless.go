package diagnose

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// harmless is a text as a terminal may have it. Names and descriptions are
// others' words: what is in them must not move the cursor, colour the page or turn
// the direction of writing. Where the page has colours, these stay.
func harmless(text string, colored bool) string {
	if strings.IndexFunc(text, commanding) < 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		if n := colorLength(text); n > 0 && colored {
			b.WriteString(text[:n])
			text = text[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(text)
		if commanding(r) {
			r = utf8.RuneError
		}
		b.WriteRune(r)
		text = text[n:]
	}
	return b.String()
}

// commanding tells the characters that a terminal obeys instead of showing them.
func commanding(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
}

// colorLength is how long the page's own colour is at the front of a text, 0 if
// there is none.
func colorLength(text string) int {
	rest, found := strings.CutPrefix(text, "\x1b[")
	if !found {
		return 0
	}
	for _, c := range [...]string{bold, red, green, yellow, cyan, faint, "0"} {
		if strings.HasPrefix(rest, c+"m") {
			return len("\x1b[") + len(c) + 1
		}
	}
	return 0
}
