package policy

import (
	"math"
	"strings"
	"time"
)

// order is the set of outcomes of a comparison that satisfy an operator.
type order uint8

const (
	less order = 1 << iota
	equal
	greater
)

func (o order) allows(compared int) bool {
	switch {
	case compared < 0:
		return o&less != 0
	case compared > 0:
		return o&greater != 0
	}
	return o&equal != 0
}

// decimal is a number of any length, compared digit by digit, so that no value
// is rounded.
type decimal struct {
	negative        bool
	whole, fraction string // without zeros at the outer ends
}

// parseDecimal reads an optional sign, digits, and optionally a point and digits.
func parseDecimal(s string) (decimal, bool) {
	var d decimal
	switch {
	case strings.HasPrefix(s, "-"):
		d.negative, s = true, s[1:]
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	whole, fraction, point := strings.Cut(s, ".")
	if !digits(whole) || point && !digits(fraction) {
		return decimal{}, false
	}
	d.whole, d.fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if d.whole == "" && d.fraction == "" {
		d.negative = false
	}
	return d, true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func (d decimal) compare(e decimal) int {
	if d.negative != e.negative {
		if d.negative {
			return -1
		}
		return 1
	}
	c := len(d.whole) - len(e.whole)
	if c == 0 {
		c = strings.Compare(d.whole, e.whole)
	}
	if c == 0 {
		c = strings.Compare(d.fraction, e.fraction)
	}
	if d.negative {
		return -c
	}
	return c
}

type numericOperand struct {
	order order
	value decimal
}

func numeric(o order) func(string) operand {
	return func(encoded string) operand {
		d, ok := parseDecimal(encoded)
		if !ok {
			return nil
		}
		return &numericOperand{o, d}
	}
}

func (o *numericOperand) fits(saw string, env *Env) (Truth, string) {
	r := env.read.read(saw, asNumber)
	return truth(r.ok && o.order.allows(r.number.compare(o.value))), ""
}

type dateOperand struct {
	order order
	value time.Time
}

func date(o order) func(string) operand {
	return func(encoded string) operand {
		t, ok := parseDate(encoded)
		if !ok {
			return nil
		}
		return &dateOperand{o, t}
	}
}

func (o *dateOperand) fits(saw string, env *Env) (Truth, string) {
	r := env.read.read(saw, asDate)
	return truth(r.ok && o.order.allows(r.date.Compare(o.value))), ""
}

// dateLayouts are the W3C profile of ISO 8601, which the IAM guide names, and
// its forms without colons in the zone. Go reads fractions of seconds in any.
var dateLayouts = [...]string{
	"2006-01-02T15:04:05Z07:00",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04Z0700",
	"2006-01-02T15:04:05",
	"2006-01-02",
	"2006-01",
	"2006",
}

// parseDate reads a date of the W3C profile, or seconds since 1970. Four digits
// are a year.
func parseDate(s string) (time.Time, bool) {
	if digits(s) && len(s) != 4 {
		return parseEpoch(s)
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func parseEpoch(s string) (time.Time, bool) {
	var n int64
	for i := range len(s) {
		if n > math.MaxInt32*1000 {
			return time.Time{}, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return time.Unix(n, 0), true
}
