package wire

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// matcher is a compiled pattern constraint.
type matcher interface{ MatchString(string) bool }

// lookaheads are the patterns of the models that Go's syntax cannot say, as what
// must match and what must not occur in it.
var lookaheads = map[string]struct {
	must, never string
	least, most int // length in bytes; no bound if most is 0
}{
	`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: {must: `[a-z0-9][a-z0-9-]{1,61}[a-z0-9]`, never: "--"},
	`^(?=.{20,2048}$)arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[a-zA-Z0-9/_+=.@-]+`: {
		must: `arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[a-zA-Z0-9/_+=.@-]+`, least: 20, most: 2048,
	},
}

// lookahead stands for a pattern of lookaheads.
type lookahead struct {
	must        *regexp.Regexp
	never       string
	least, most int
}

func (l lookahead) MatchString(s string) bool {
	return l.must.MatchString(s) &&
		(l.never == "" || !strings.Contains(s, l.never)) &&
		(l.most == 0 || l.least <= len(s) && len(s) <= l.most)
}

// compilePattern compiles a model's pattern, which is Java's and must match the
// whole value. A test compiles all there are.
func compilePattern(pattern string) matcher {
	if l, ok := lookaheads[pattern]; ok {
		return lookahead{regexp.MustCompile(`^(?:` + l.must + `)$`), l.never, l.least, l.most}
	}
	re, err := regexp.Compile(`^(?:` + fromJava(pattern) + `)$`)
	if err != nil {
		panic(fmt.Sprintf("wire: pattern %s: %v", pattern, err))
	}
	return re
}

// fromJava writes Java's \uXXXX as Go's \x{XXXX}, and a pair of surrogates as
// the one character that it stands for.
func fromJava(pattern string) string {
	var b strings.Builder
	for {
		i := strings.Index(pattern, `\u`)
		if i < 0 {
			b.WriteString(pattern)
			return b.String()
		}
		b.WriteString(pattern[:i])
		pattern = pattern[i:]
		r := escaped(pattern)
		if r < 0 {
			b.WriteString(pattern[:2])
			pattern = pattern[2:]
			continue
		}
		pattern = pattern[6:]
		if low := escaped(pattern); 0xD800 <= r && r < 0xDC00 && 0xDC00 <= low && low < 0xE000 {
			r = (r-0xD800)<<10 + (low - 0xDC00) + 0x10000
			pattern = pattern[6:]
		}
		fmt.Fprintf(&b, `\x{%04X}`, r)
	}
}

// escaped is the character of a \uXXXX at the beginning of s, or -1.
func escaped(s string) int {
	if len(s) < 6 || s[:2] != `\u` {
		return -1
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	if err != nil {
		return -1
	}
	return int(n) //nolint:gosec // 16 bits
}

// hashOrder is a set's order in AWS's messages: that of a Java HashSet of
// strings, as the recorded ones show.
func hashOrder(values []string) []string {
	size := 16
	for size*3 < len(values)*4 {
		size *= 2
	}
	buckets := make([][]string, size)
	for _, v := range values {
		h := uint32(0)
		for _, c := range []byte(v) { // enums are ASCII
			h = 31*h + uint32(c)
		}
		h ^= h >> 16
		i := int(h) & (size - 1)
		buckets[i] = append(buckets[i], v)
	}
	ordered := make([]string, 0, len(values))
	for _, b := range buckets {
		ordered = append(ordered, b...)
	}
	return ordered
}
