package policy

import (
	"fmt"
	"strings"
)

// Format writes a policy document in the one canonical form: elements in the
// order of the IAM guide's element reference, four spaces a level as the IAM
// console's editor writes them, each value of a list on a line of its own, and
// no escape that JSON does not need. It changes neither meaning nor values: what
// is a list stays one, numbers and booleans stay what they are, and statements,
// principals, conditions and values keep their order. The form of a form is
// itself.
//
// The error is Parse's: what is no policy has no form.
func Format(data []byte) ([]byte, error) {
	p, err := Parse(data)
	if err != nil {
		return nil, err
	}
	r := reader{text: p.text, lines: p.lines}
	root, err := r.document()
	if err != nil {
		return nil, err
	}
	var f formatter
	f.object(root, documentOrder, func(m member) {
		if m.key != "Statement" {
			f.value(m.value)
			return
		}
		f.statements(m.value)
	})
	f.b.WriteByte('\n')
	return []byte(f.b.String()), nil
}

// The order of elements is that of the IAM guide's "IAM JSON policy elements
// reference", with Sid and Effect ahead as its examples have them. An element
// that is in no order keeps its place behind the others.
var (
	documentOrder  = []string{"Version", "Id", "Statement"}
	statementOrder = []string{
		"Sid", "Effect", string(PrincipalElement), string(NotPrincipalElement), string(ActionElement), string(NotActionElement),
		string(ResourceElement), string(NotResourceElement), string(ConditionElement),
	}
)

// formatIndent is one level: the IAM console's editor takes four spaces.
const formatIndent = "    "

// formatter writes a JSON tree.
type formatter struct {
	b     strings.Builder
	depth int
}

func (f *formatter) statements(n node) {
	if n.kind != arrayValue {
		f.object(n, statementOrder, f.member)
		return
	}
	f.list(n, func(item node) { f.object(item, statementOrder, f.member) })
}

func (f *formatter) member(m member) { f.value(m.value) }

func (f *formatter) value(n node) {
	switch n.kind {
	case objectValue:
		f.object(n, nil, f.member)
	case arrayValue:
		f.list(n, f.value)
	case stringValue:
		f.quote(n.text)
	default:
		f.b.WriteString(n.text)
	}
}

// object writes the members that order names first, then the rest as they stand.
func (f *formatter) object(n node, order []string, write func(member)) {
	if len(n.members) == 0 {
		f.b.WriteString("{}")
		return
	}
	f.open('{')
	for i, m := range ordered(n.members, order) {
		f.next(i)
		f.quote(m.key)
		f.b.WriteString(": ")
		write(m)
	}
	f.close('}')
}

func ordered(members []member, order []string) []member {
	all := make([]member, 0, len(members))
	named := make(map[string]bool, len(order))
	for _, key := range order {
		named[key] = true
		for _, m := range members {
			if m.key == key {
				all = append(all, m)
			}
		}
	}
	for _, m := range members {
		if !named[m.key] {
			all = append(all, m)
		}
	}
	return all
}

func (f *formatter) list(n node, write func(node)) {
	if len(n.items) == 0 {
		f.b.WriteString("[]")
		return
	}
	f.open('[')
	for i, item := range n.items {
		f.next(i)
		write(item)
	}
	f.close(']')
}

func (f *formatter) open(c byte) {
	f.b.WriteByte(c)
	f.depth++
}

// next starts the line of the i-th member or item.
func (f *formatter) next(i int) {
	if i > 0 {
		f.b.WriteByte(',')
	}
	f.line()
}

func (f *formatter) close(c byte) {
	f.depth--
	f.line()
	f.b.WriteByte(c)
}

func (f *formatter) line() {
	f.b.WriteByte('\n')
	for range f.depth {
		f.b.WriteString(formatIndent)
	}
}

// quote writes a string with the escapes that JSON demands and no others (RFC
// 8259, section 7).
func (f *formatter) quote(s string) {
	f.b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			f.b.WriteByte('\\')
			f.b.WriteByte(c)
		case c == '\b':
			f.b.WriteString(`\b`)
		case c == '\f':
			f.b.WriteString(`\f`)
		case c == '\n':
			f.b.WriteString(`\n`)
		case c == '\r':
			f.b.WriteString(`\r`)
		case c == '\t':
			f.b.WriteString(`\t`)
		case c < 0x20:
			fmt.Fprintf(&f.b, `\u%04x`, c)
		default:
			f.b.WriteByte(c)
		}
	}
	f.b.WriteByte('"')
}
