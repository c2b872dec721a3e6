package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
)

// decodeJSON reads a JSON body. encoding/json parses; the plan tells what goes where.
func (o *Operation) decodeJSON(body []byte, in reflect.Value) error {
	v, err := parseJSON(body)
	if err != nil {
		return err
	}
	switch v.(type) {
	case map[string]any:
		return jsonValue(o.inputPlan(in.Type()), v, in)
	case []any:
		return serialization(unexpectedList)
	default:
		return serialization("")
	}
}

// parseJSON reads a whole body. Of one that is no JSON AWS says nothing more.
func parseJSON(body []byte) (any, error) {
	if !utf8.Valid(body) || tooDeep(body) {
		return nil, serialization("")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, serialization("")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, serialization("")
	}
	return v, nil
}

// tooDeep reports whether a body nests deeper than any model does.
func tooDeep(body []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// What AWS says of a list or an object where something else was meant.
const (
	unexpectedList   = "Start of list found where not expected"
	unexpectedObject = "Start of structure or map found where not expected."
)

func serialization(message string) error {
	return &Error{Code: "SerializationException", Message: message}
}

// wanted says what a scalar's plan takes, in the words of SerializationException.
func (p *plan) wanted() string {
	switch p.kind {
	case boolean:
		return "a Boolean"
	case integer:
		if p.model.Type == "long" {
			return "a Long"
		}
		return "an Integer"
	case decimal:
		return "a Double"
	case timestamp:
		return "a Timestamp"
	case blob:
		return "a Blob"
	default:
		return "a String"
	}
}

// mismatch refuses a JSON value of another kind than the plan's.
func (p *plan) mismatch(raw any) error {
	found := "STRING_VALUE"
	switch x := raw.(type) {
	case []any:
		return serialization(unexpectedList)
	case map[string]any:
		return serialization(unexpectedObject)
	case json.Number:
		found = "NUMBER_VALUE"
	case bool:
		found = "FALSE_VALUE"
		if x {
			found = "TRUE_VALUE"
		}
	}
	switch p.kind {
	case list:
		return serialization("Expected list or null")
	case structure, mapping:
		return serialization("Expected null")
	default:
		return serialization(found + " can not be converted to " + p.wanted())
	}
}

func jsonValue(p *plan, raw any, v reflect.Value) error {
	if raw == nil {
		return nil
	}
	switch p.kind {
	case structure:
		return jsonStructure(p, raw, v)
	case list:
		return jsonList(p, raw, v)
	case mapping:
		return jsonMapping(p, raw, v)
	default:
		return jsonScalar(p, raw, v)
	}
}

func jsonStructure(p *plan, raw any, v reflect.Value) error {
	object, ok := raw.(map[string]any)
	if !ok {
		return p.mismatch(raw)
	}
	s := p.slot(v)
	// In the model's order, not the map's: the same request gets the same error.
	// What is not known is passed over, as AWS does.
	for i := range p.members {
		m := &p.members[i]
		if m.Location != "" {
			continue // it comes in the path or a header
		}
		if err := jsonValue(m.plan, object[m.wire], s.Field(m.field)); err != nil {
			return err
		}
	}
	return nil
}

// jsonList reads a list. A null in it is not there, as AWS has it.
func jsonList(p *plan, raw any, v reflect.Value) error {
	items, ok := raw.([]any)
	if !ok {
		return p.mismatch(raw)
	}
	s := reflect.MakeSlice(p.typ, len(items), len(items))
	n := 0
	for _, item := range items {
		if item == nil {
			continue
		}
		if err := jsonValue(p.elem, item, s.Index(n)); err != nil {
			return err
		}
		n++
	}
	v.Set(s.Slice(0, n))
	return nil
}

func jsonMapping(p *plan, raw any, v reflect.Value) error {
	object, ok := raw.(map[string]any)
	if !ok {
		return p.mismatch(raw)
	}
	m := reflect.MakeMapWithSize(p.typ, len(object))
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names) // the same request gets the same error
	for _, name := range names {
		if object[name] == nil {
			continue
		}
		k, e := reflect.New(p.typ.Key()).Elem(), reflect.New(p.typ.Elem()).Elem()
		k.SetString(name)
		if err := jsonValue(p.elem, object[name], e); err != nil {
			return err
		}
		m.SetMapIndex(k, e)
	}
	v.Set(m)
	return nil
}

func jsonScalar(p *plan, raw any, v reflect.Value) error {
	switch x := raw.(type) {
	case string:
		switch p.kind {
		case text:
			p.slot(v).SetString(x)
			return nil
		case blob:
			b, err := base64.StdEncoding.DecodeString(x)
			if err != nil {
				return serialization("")
			}
			p.setBlob(v, b)
			return nil
		case timestamp:
			if p.setText(v, x) == nil {
				return nil
			}
		}
	case bool:
		if p.kind == boolean {
			p.slot(v).SetBool(x)
			return nil
		}
	case json.Number:
		if err := jsonNumber(p, x, v); err == nil {
			return nil
		}
	}
	return p.mismatch(raw)
}

func jsonNumber(p *plan, x json.Number, v reflect.Value) error {
	switch p.kind {
	case integer:
		n, err := x.Int64()
		if err != nil {
			// AWS cuts 3.5 off to 3.
			f, err := x.Float64()
			if err != nil || math.Abs(f) > 1<<53 {
				return errScalar
			}
			n = int64(f)
		}
		if p.typ.OverflowInt(n) {
			return errScalar
		}
		p.slot(v).SetInt(n)
		return nil
	case decimal, timestamp:
		return p.setText(v, x.String())
	default:
		return errScalar
	}
}

// appendJSON writes a value. Members that are not there are left out.
func appendJSON(b []byte, p *plan, v reflect.Value) []byte {
	switch p.kind {
	case structure:
		b = append(b, '{')
		b = appendJSONMembers(b, p, v)
		return append(b, '}')
	case list:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			if e, ok := p.elem.value(v.Index(i)); ok || e.Kind() == reflect.String {
				b = appendJSON(b, p.elem, e)
			} else {
				b = append(b, "null"...)
			}
		}
		return append(b, ']')
	case mapping:
		b = append(b, '{')
		for i, k := range sortedMapKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, k.String())
			b = append(b, ':')
			e, ok := p.elem.value(v.MapIndex(k))
			if ok || e.Kind() == reflect.String {
				b = appendJSON(b, p.elem, e)
			} else {
				b = append(b, "null"...)
			}
		}
		return append(b, '}')
	default:
		return appendJSONScalar(b, p, v)
	}
}

func appendJSONMembers(b []byte, p *plan, v reflect.Value) []byte {
	first := true
	for i := range p.members {
		m := &p.members[i]
		x, ok := m.plan.value(v.Field(m.field))
		if !ok || m.Location != "" {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, m.wire...)
		b = append(b, `":`...)
		b = appendJSON(b, m.plan, x)
	}
	return b
}

func appendJSONScalar(b []byte, p *plan, v reflect.Value) []byte {
	switch p.kind {
	case boolean:
		return strconv.AppendBool(b, v.Bool())
	case integer:
		return strconv.AppendInt(b, v.Int(), 10)
	case decimal:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
	case timestamp:
		return appendEpoch(b, v)
	case blob:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	default:
		return appendJSONString(b, v.String())
	}
}

// appendJSONString quotes a string as encoding/json does.
func appendJSONString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...)
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
