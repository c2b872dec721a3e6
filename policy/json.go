package policy

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a document. The language itself needs five
// levels.
const maxDepth = 32

// kind is what a JSON value is.
type kind byte

const (
	objectValue kind = iota
	arrayValue
	stringValue
	numberValue
	boolValue
	nullValue
)

func (k kind) String() string {
	return [...]string{"an object", "a list", "a string", "a number", "true or false", "null"}[k]
}

// node is one JSON value with its place. Numbers and booleans keep their text:
// in a policy, true and "true" are the same condition value.
type node struct {
	kind       kind
	text       string
	start, end int // byte offsets; end is exclusive
	members    []member
	items      []node
}

type member struct {
	key   string
	start int // of the key
	value node
}

// reader reads one JSON text (RFC 8259). It is stricter than encoding/json:
// duplicate keys, which IAM refuses, and malformed Unicode are errors.
type reader struct {
	text  string
	at    int
	lines lines
	// items and members are those of the lists and objects that are open, the
	// innermost last; a list's own are copied out when it closes.
	items   []node
	members []member
}

func (r *reader) fail(offset int, format string, args ...any) error {
	return &ParseError{Position: r.lines.position(min(offset, len(r.text))), Reason: fmt.Sprintf(format, args...), NotJSON: true}
}

func (r *reader) document() (node, error) {
	n, err := r.value(0)
	if err != nil {
		return node{}, err
	}
	r.space()
	if r.at < len(r.text) {
		return node{}, r.fail(r.at, "text after the end of the policy")
	}
	return n, nil
}

func (r *reader) space() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

func (r *reader) value(depth int) (node, error) {
	r.space()
	if depth > maxDepth {
		return node{}, r.fail(r.at, "nested more than %d levels deep", maxDepth)
	}
	if r.at == len(r.text) {
		return node{}, r.fail(r.at, "the text ends where a value must stand")
	}
	switch c := r.text[r.at]; {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == '"':
		start := r.at
		s, err := r.string()
		return node{kind: stringValue, text: s, start: start, end: r.at}, err
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	default:
		return r.word()
	}
}

func (r *reader) word() (node, error) {
	for _, w := range [...]struct {
		text string
		kind kind
	}{{"true", boolValue}, {"false", boolValue}, {"null", nullValue}} {
		if end := r.at + len(w.text); end <= len(r.text) && r.text[r.at:end] == w.text {
			n := node{kind: w.kind, text: w.text, start: r.at, end: end}
			r.at = end
			return n, nil
		}
	}
	c, _ := utf8.DecodeRuneInString(r.text[r.at:])
	return node{}, r.fail(r.at, "%q cannot start a value", c)
}

func (r *reader) number() (node, error) {
	start := r.at
	digits := func() bool {
		from := r.at
		for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
			r.at++
		}
		return r.at > from
	}
	if r.text[r.at] == '-' {
		r.at++
	}
	if r.at < len(r.text) && r.text[r.at] == '0' {
		r.at++
	} else if !digits() {
		return node{}, r.fail(start, "malformed number")
	}
	if r.at < len(r.text) && r.text[r.at] == '.' {
		r.at++
		if !digits() {
			return node{}, r.fail(start, "malformed number")
		}
	}
	if r.at < len(r.text) && (r.text[r.at] == 'e' || r.text[r.at] == 'E') {
		r.at++
		if r.at < len(r.text) && (r.text[r.at] == '+' || r.text[r.at] == '-') {
			r.at++
		}
		if !digits() {
			return node{}, r.fail(start, "malformed number")
		}
	}
	return node{kind: numberValue, text: r.text[start:r.at], start: start, end: r.at}, nil
}

func (r *reader) object(depth int) (node, error) {
	n := node{kind: objectValue, start: r.at}
	r.at++
	base := len(r.members)
	var seen map[string]struct{}
	for first := true; ; first = false {
		r.space()
		if r.at == len(r.text) {
			return node{}, r.fail(n.start, "this object is never closed")
		}
		if first && r.text[r.at] == '}' {
			break
		}
		if r.text[r.at] != '"' {
			return node{}, r.fail(r.at, "a key in double quotes must stand here")
		}
		m := member{start: r.at}
		var err error
		if m.key, err = r.string(); err != nil {
			return node{}, err
		}
		if has(r.members[base:], m.key, &seen) {
			return node{}, r.fail(m.start, "the key %q stands twice in the same object", m.key)
		}
		r.space()
		if r.at == len(r.text) || r.text[r.at] != ':' {
			return node{}, r.fail(r.at, "a colon must follow the key %q", m.key)
		}
		r.at++
		if m.value, err = r.value(depth + 1); err != nil {
			return node{}, err
		}
		r.members = append(r.members, m)
		more, err := r.next('}', n.start)
		if err != nil {
			return node{}, err
		}
		if !more {
			break
		}
	}
	n.members, r.members = slices.Clone(r.members[base:]), r.members[:base]
	r.at++
	n.end = r.at
	return n, nil
}

// fewMembers is how many keys are compared one by one.
const fewMembers = 16

// has reports whether one of the members has the key; seen serves large objects.
func has(members []member, key string, seen *map[string]struct{}) bool {
	if len(members) < fewMembers {
		for i := range members {
			if members[i].key == key {
				return true
			}
		}
		return false
	}
	if *seen == nil {
		*seen = make(map[string]struct{}, 2*fewMembers)
		for i := range members {
			(*seen)[members[i].key] = struct{}{}
		}
	}
	_, ok := (*seen)[key]
	(*seen)[key] = struct{}{}
	return ok
}

func (r *reader) array(depth int) (node, error) {
	n := node{kind: arrayValue, start: r.at}
	r.at++
	r.space()
	if r.at < len(r.text) && r.text[r.at] == ']' {
		r.at++
		n.end = r.at
		return n, nil
	}
	base := len(r.items)
	for {
		item, err := r.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		r.items = append(r.items, item)
		more, err := r.next(']', n.start)
		if err != nil {
			return node{}, err
		}
		if !more {
			break
		}
	}
	n.items, r.items = slices.Clone(r.items[base:]), r.items[:base]
	r.at++
	n.end = r.at
	return n, nil
}

// next reads the comma after a member, and stays before closing if it is there.
func (r *reader) next(closing byte, start int) (more bool, err error) {
	r.space()
	switch {
	case r.at == len(r.text):
		return false, r.fail(start, "the %q that belongs here is missing", closing)
	case r.text[r.at] == closing:
		return false, nil
	case r.text[r.at] != ',':
		return false, r.fail(r.at, "a comma or %q must stand here", closing)
	}
	r.at++
	return true, nil
}

func (r *reader) string() (string, error) {
	start := r.at
	r.at++
	for i := r.at; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			s := r.text[r.at:i]
			if !utf8.ValidString(s) {
				return "", r.fail(start, "the string is not valid UTF-8")
			}
			r.at = i + 1
			return s, nil
		case c == '\\':
			return r.escaped(start)
		case c < 0x20:
			return "", r.fail(i, "a control character must be escaped in a string")
		}
	}
	return "", r.fail(start, "the string is never closed")
}

// escaped reads a string that has escapes; r.at is behind the opening quote.
func (r *reader) escaped(start int) (string, error) {
	var b []byte
	for r.at < len(r.text) {
		c := r.text[r.at]
		switch {
		case c == '"':
			if !utf8.Valid(b) {
				return "", r.fail(start, "the string is not valid UTF-8")
			}
			r.at++
			return string(b), nil
		case c < 0x20:
			return "", r.fail(r.at, "a control character must be escaped in a string")
		case c != '\\':
			b = append(b, c)
			r.at++
		default:
			char, err := r.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, char)
		}
	}
	return "", r.fail(start, "the string is never closed")
}

func (r *reader) escape() (rune, error) {
	start := r.at
	if r.at+1 >= len(r.text) {
		return 0, r.fail(start, "the string is never closed")
	}
	c := r.text[r.at+1]
	r.at += 2
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return r.unicode(start)
	}
	return 0, r.fail(start, "\\%c is no escape", c)
}

func (r *reader) unicode(start int) (rune, error) {
	u, ok := r.hex4()
	if !ok {
		return 0, r.fail(start, "\\u must be followed by four hex digits")
	}
	if !utf16.IsSurrogate(u) {
		return u, nil
	}
	if r.at+2 <= len(r.text) && r.text[r.at:r.at+2] == `\u` {
		r.at += 2
		if low, ok := r.hex4(); ok {
			if c := utf16.DecodeRune(u, low); c != utf8.RuneError {
				return c, nil
			}
		}
	}
	return 0, r.fail(start, "half of a surrogate pair is missing")
}

func (r *reader) hex4() (rune, bool) {
	if r.at+4 > len(r.text) {
		return 0, false
	}
	u, err := strconv.ParseUint(r.text[r.at:r.at+4], 16, 16)
	if err != nil {
		return 0, false
	}
	r.at += 4
	return rune(u), true
}
