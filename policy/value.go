package policy

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strings"
	"time"
)

// reading is how a value of the request was read last. A condition may compare
// it with thousands of values, and reads it once.
type reading struct {
	text    string
	as      readAs
	ok      bool
	number  decimal
	date    time.Time
	address netip.Addr
	arn     [6]string
	bytes   []byte
}

type readAs uint8

const (
	asNothing readAs = iota
	asNumber
	asDate
	asAddress
	asARN
	asBytes
)

// read reads a value unless that is what was read last.
func (r *reading) read(text string, as readAs) *reading {
	if r.as == as && r.text == text {
		return r
	}
	r.text, r.as = text, as
	switch as {
	case asNumber:
		r.number, r.ok = parseDecimal(text)
	case asDate:
		r.date, r.ok = parseDate(text)
	case asAddress:
		a, err := netip.ParseAddr(text)
		r.address, r.ok = a.Unmap(), err == nil
	case asARN:
		r.arn, r.ok = splitARN(text)
	case asBytes:
		var err error
		r.bytes, err = base64.StdEncoding.AppendDecode(r.bytes[:0], []byte(text))
		r.ok = err == nil
	}
	return r
}

// The comparisons of values that were put together for one request, out of
// variables. They need no memory, and may change what was put together.

func equalOnce(encoded []byte, saw string) bool { return string(decodeOnce(encoded)) == saw }

func equalFoldOnce(encoded []byte, saw string) bool {
	return bytes.EqualFold(decodeOnce(encoded), []byte(saw))
}

func boolOnce(encoded []byte, saw string) bool {
	if len(encoded) > len("false") {
		return false
	}
	want, ok := parseBool(string(encoded))
	got, is := parseBool(saw)
	return ok && is && want == got
}

func arnOnce(encoded []byte, saw string) bool {
	for range 5 {
		part, rest, found := bytes.Cut(encoded, []byte(":"))
		sawPart, sawRest, sawFound := strings.Cut(saw, ":")
		if !found || !sawFound || !matchOnce(part, sawPart) {
			return false
		}
		encoded, saw = rest, sawRest
	}
	return matchOnce(encoded, saw)
}

// decodeOnce turns wildcards back into the characters, in place.
func decodeOnce(encoded []byte) []byte {
	for i, c := range encoded {
		switch c {
		case anyString:
			encoded[i] = '*'
		case anyChar:
			encoded[i] = '?'
		}
	}
	return encoded
}
