package wire

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

var errScalar = errors.New("wire: not a value of this type")

// slot is where a value goes: behind the pointer, if the field is one.
func (p *plan) slot(v reflect.Value) reflect.Value {
	if !p.pointer {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(p.typ))
	}
	return v.Elem()
}

// value is what stands in a field, and whether anything does.
func (p *plan) value(v reflect.Value) (reflect.Value, bool) {
	if p.pointer {
		if v.IsNil() {
			return v, false
		}
		return v.Elem(), true
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Interface:
		return v, !v.IsNil()
	case reflect.String:
		// Enums have no pointer: the empty one is not there.
		return v, v.Len() > 0
	default:
		return v, true
	}
}

// setText sets a scalar from its text form in a query, a header or a path.
func (p *plan) setText(v reflect.Value, s string) error {
	switch p.kind {
	case text:
		p.slot(v).SetString(s)
	case boolean:
		b, err := strconv.ParseBool(strings.ToLower(s))
		if err != nil {
			return errScalar
		}
		p.slot(v).SetBool(b)
	case integer:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || p.typ.OverflowInt(n) {
			return errScalar
		}
		p.slot(v).SetInt(n)
	case decimal:
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return errScalar
		}
		p.slot(v).SetFloat(n)
	case timestamp:
		t, err := parseTime(s)
		if err != nil {
			return err
		}
		p.slot(v).Set(reflect.ValueOf(t))
	case blob:
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return errScalar
		}
		p.setBlob(v, raw)
	default:
		return errScalar
	}
	return nil
}

// setBlob sets bytes, or what reads them where the SDK streams.
func (p *plan) setBlob(v reflect.Value, raw []byte) {
	if p.typ.Kind() == reflect.Interface {
		r := bytes.NewReader(raw)
		if reflect.TypeFor[*bytes.Reader]().Implements(p.typ) {
			v.Set(reflect.ValueOf(r))
			return
		}
		v.Set(reflect.ValueOf(io.NopCloser(r)))
		return
	}
	p.slot(v).SetBytes(raw)
}

// parseTime reads the forms in which clients send a time.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02", time.RFC1123} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return epoch(f)
	}
	return time.Time{}, errScalar
}

// lastSecond is the last time that AWS's clients can write: the end of 9999.
const lastSecond = 253402300799

// epoch reads seconds since 1970, to the millisecond.
func epoch(seconds float64) (time.Time, error) {
	if math.IsNaN(seconds) || math.Abs(seconds) > lastSecond {
		return time.Time{}, errScalar
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC(), nil
}

// asText is a scalar's text form, as headers have it.
func (p *plan) asText(v reflect.Value, layout string) string {
	if p.kind == text {
		return v.String()
	}
	return string(p.appendText(nil, v, layout))
}

// appendText writes a scalar's text form. layout is the service's form of times.
func (p *plan) appendText(b []byte, v reflect.Value, layout string) []byte {
	switch p.kind {
	case text:
		return append(b, v.String()...)
	case boolean:
		return strconv.AppendBool(b, v.Bool())
	case integer:
		return strconv.AppendInt(b, v.Int(), 10)
	case decimal:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
	case timestamp:
		return asTime(v).UTC().AppendFormat(b, layout)
	case blob:
		return base64.StdEncoding.AppendEncode(b, v.Bytes())
	default:
		panic(fmt.Sprintf("wire: %s is no scalar", p.shape))
	}
}

// asTime is the time in a field, without copying it where it can be pointed at.
func asTime(v reflect.Value) time.Time {
	if v.CanAddr() {
		return *v.Addr().Interface().(*time.Time)
	}
	return v.Interface().(time.Time)
}

// The services' forms of times in XML.
const (
	toTheSecond = "2006-01-02T15:04:05Z"
	toTheMilli  = "2006-01-02T15:04:05.000Z"
)

// timeLayout is how the service writes times in XML.
func (s *Service) timeLayout() string {
	if s.Protocol() == EC2 || s.name == "autoscaling" {
		return toTheMilli
	}
	return toTheSecond
}
