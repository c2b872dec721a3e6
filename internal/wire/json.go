package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// decodeJSON reads a JSON body. encoding/json parses; the plan tells what goes where.
func (o *Operation) decodeJSON(body []byte, in reflect.Value) error {
	p := o.inputPlan(in.Type())
	v, err := parseJSON(body)
	if err != nil {
		return err
	}
	if v == nil {
		return nil
	}
	return jsonValue(p, v, in)
}

func parseJSON(body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	if !utf8.Valid(body) {
		return nil, serialization("the body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, serialization("the body is not valid JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, serialization("the body goes on after its end")
	}
	return v, nil
}

func serialization(message string) error {
	return &Error{Code: "SerializationException", Message: message}
}

// jsonName says what a JSON value is, in the words of SerializationException.
func jsonName(v any) string {
	switch v.(type) {
	case string:
		return "STRING_VALUE"
	case json.Number:
		return "NUMBER_VALUE"
	case bool:
		return "TRUE_VALUE"
	case []any:
		return "START_ARRAY"
	default:
		return "START_OBJECT"
	}
}

// wanted says what a plan takes, in the same words.
func (p *plan) wanted() string {
	switch p.kind {
	case text:
		return "String"
	case boolean:
		return "Boolean"
	case integer:
		return "Integer"
	case decimal:
		return "Double"
	case timestamp:
		return "Timestamp"
	case blob:
		return "Blob"
	case list:
		return "List"
	default:
		return "Map"
	}
}

func jsonMismatch(p *plan, v any) error {
	return serialization(jsonName(v) + " can not be converted to " + aOrAn(p.wanted()))
}

func aOrAn(s string) string {
	if s == "Integer" {
		return "an " + s
	}
	return "a " + s
}

func jsonValue(p *plan, raw any, v reflect.Value) error {
	if raw == nil {
		return nil
	}
	switch p.kind {
	case structure:
		return jsonStructure(p, raw, v)
	case list:
		items, ok := raw.([]any)
		if !ok {
			return jsonMismatch(p, raw)
		}
		s := reflect.MakeSlice(p.typ, len(items), len(items))
		for i, item := range items {
			if err := jsonValue(p.elem, item, s.Index(i)); err != nil {
				return err
			}
		}
		v.Set(s)
		return nil
	case mapping:
		return jsonMapping(p, raw, v)
	default:
		return jsonScalar(p, raw, v)
	}
}

func jsonStructure(p *plan, raw any, v reflect.Value) error {
	object, ok := raw.(map[string]any)
	if !ok {
		return jsonMismatch(p, raw)
	}
	s := p.slot(v)
	for name, value := range object {
		i, ok := p.byName[name]
		if !ok {
			continue // as AWS, what is not known is passed over
		}
		m := &p.members[i]
		if err := jsonValue(m.plan, value, s.Field(m.field)); err != nil {
			return err
		}
	}
	return nil
}

func jsonMapping(p *plan, raw any, v reflect.Value) error {
	object, ok := raw.(map[string]any)
	if !ok {
		return jsonMismatch(p, raw)
	}
	m := reflect.MakeMapWithSize(p.typ, len(object))
	for name, value := range object {
		k, e := reflect.New(p.typ.Key()).Elem(), reflect.New(p.typ.Elem()).Elem()
		k.SetString(name)
		if err := jsonValue(p.elem, value, e); err != nil {
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
				return serialization("the value is not valid base64")
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
	return jsonMismatch(p, raw)
}

func jsonNumber(p *plan, x json.Number, v reflect.Value) error {
	switch p.kind {
	case integer:
		n, err := x.Int64()
		if err != nil {
			// 3.0 is an integer to AWS, 3.5 is none.
			f, err := x.Float64()
			if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
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
