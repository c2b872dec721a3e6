package lake

import "strings"

// typeName is a type of a result's column, read from the engine's name for it.
type typeName struct {
	name   string // "VARCHAR", "STRUCT", "MAP", "LIST"
	fields []string
	of     []typeName // a struct's fields' types, a map's key's and value's, a list's element's
}

// readType reads names such as STRUCT("a" VARCHAR, "b" INTEGER[]) and
// MAP(VARCHAR, VARCHAR). What it cannot read is a type without parts.
func readType(s string) typeName {
	t, rest, ok := typeOf(s, 0)
	if !ok || rest != "" {
		return typeName{name: s}
	}
	return t
}

// maxTypeDepth bounds how deep types may be nested.
const maxTypeDepth = 100

func typeOf(s string, depth int) (t typeName, rest string, ok bool) {
	if depth > maxTypeDepth {
		return t, s, false
	}
	n := strings.IndexAny(s, "(,)[")
	if n < 0 {
		n = len(s)
	}
	t.name, rest = strings.TrimSpace(s[:n]), s[n:]
	if strings.HasPrefix(rest, "(") {
		if t, rest, ok = partsOf(t, rest[1:], depth); !ok {
			return t, rest, false
		}
	}
	for strings.HasPrefix(rest, "[") {
		end := strings.IndexByte(rest, ']')
		if end < 0 {
			return t, rest, false
		}
		t, rest = typeName{name: "LIST", of: []typeName{t}}, rest[end+1:]
	}
	return t, rest, t.name != ""
}

// partsOf reads what stands in a type's parentheses, and the closing one.
func partsOf(t typeName, s string, depth int) (_ typeName, rest string, ok bool) {
	if t.name != "STRUCT" && t.name != "MAP" {
		// DECIMAL(18,3)
		end := strings.IndexByte(s, ')')
		if end < 0 {
			return t, s, false
		}
		return t, s[end+1:], true
	}
	for {
		s = strings.TrimLeft(s, " ")
		if t.name == "STRUCT" {
			if !strings.HasPrefix(s, `"`) {
				return t, s, false
			}
			n := closing(s)
			t.fields = append(t.fields, strings.ReplaceAll(strings.TrimSuffix(s[1:n], `"`), `""`, `"`))
			s = s[n:]
		}
		part, after, ok := typeOf(s, depth+1)
		if !ok || after == "" {
			return t, after, false
		}
		t.of = append(t.of, part)
		s = after[1:]
		switch after[0] {
		case ',':
		case ')':
			return t, s, t.name != "MAP" || len(t.of) == 2
		default:
			return t, s, false
		}
	}
}
