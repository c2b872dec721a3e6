package wire

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"reflect"
	"slices"
	"strings"
)

// appendEpoch writes a time as seconds, with milliseconds if it has some.
func appendEpoch(b []byte, v reflect.Value) []byte {
	return appendMilli(b, asTime(v).UnixMilli())
}

func sortedMapKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// xmlWriter writes an answer's members for EC2 query or AWS query.
type xmlWriter struct {
	b      []byte
	layout string // of times
}

func (w *xmlWriter) open(name string)  { w.b = append(append(append(w.b, '<'), name...), '>') }
func (w *xmlWriter) close(name string) { w.b = append(append(append(w.b, '<', '/'), name...), '>') }
func (w *xmlWriter) empty(name string) { w.b = append(append(append(w.b, '<'), name...), '/', '>') }

func (w *xmlWriter) text(s string) {
	if isPlain(s) {
		w.b = append(w.b, s...)
		return
	}
	var buf bytes.Buffer
	if err := xml.EscapeText(&buf, []byte(s)); err != nil {
		return // a bytes.Buffer takes everything
	}
	w.b = append(w.b, buf.Bytes()...)
}

// isPlain reports whether a string is printable ASCII and has nothing to escape.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '<' || c == '>' || c == '&' || c == '"' || c == '\'' {
			return false
		}
	}
	return true
}

func (w *xmlWriter) members(p *plan, v reflect.Value) {
	for i := range p.members {
		m := &p.members[i]
		x, ok := m.plan.value(v.Field(m.field))
		if !ok {
			continue
		}
		flat := m.Flattened || m.plan.model.Flattened
		w.value(m.plan, x, m.wire, flat)
	}
}

func (w *xmlWriter) value(p *plan, v reflect.Value, name string, flat bool) {
	switch p.kind {
	case structure:
		w.open(name)
		w.members(p, v)
		w.close(name)
	case list:
		w.list(p, v, name, flat)
	case mapping:
		w.mapping(p, v, name, flat)
	default:
		w.open(name)
		if p.kind == text {
			w.text(v.String())
		} else {
			w.b = p.appendText(w.b, v, w.layout) // nothing to escape
		}
		w.close(name)
	}
}

func (w *xmlWriter) list(p *plan, v reflect.Value, name string, flat bool) {
	item := cmp.Or(p.model.Member.Wire, "member")
	if flat {
		item = cmp.Or(p.model.Member.Wire, name)
	} else {
		if v.Len() == 0 {
			w.empty(name)
			return
		}
		w.open(name)
	}
	for i := range v.Len() {
		x, ok := p.elem.value(v.Index(i))
		if !ok && x.Kind() != reflect.String {
			continue
		}
		w.value(p.elem, x, item, false)
	}
	if !flat {
		w.close(name)
	}
}

func (w *xmlWriter) mapping(p *plan, v reflect.Value, name string, flat bool) {
	entry := "entry"
	if flat {
		entry = name
	} else {
		w.open(name)
	}
	for _, k := range sortedMapKeys(v) {
		w.open(entry)
		w.value(p.key, k, cmp.Or(p.model.Key.Wire, "key"), false)
		if x, ok := p.elem.value(v.MapIndex(k)); ok || x.Kind() == reflect.String {
			w.value(p.elem, x, cmp.Or(p.model.Value.Wire, "value"), false)
		}
		w.close(entry)
	}
	if !flat {
		w.close(name)
	}
}
