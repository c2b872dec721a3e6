package requestset

import (
	"encoding/base64"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/policy"
)

// maxCandidates bounds the values that are tried for one key.
const maxCandidates = 4000

// candidates are values that stand for all: any other value is to every line
// what one of these is. whole is false if there are too many.
func candidates(f family, about []keyLiteral) (list []string, whole bool) {
	var values []string
	for _, l := range about {
		values = append(values, l.line.cond.Values...)
	}
	slices.Sort(values)
	values = slices.Compact(values)
	if len(values) > maxCandidates/4 {
		return nil, false
	}
	switch f {
	case numberFamily:
		return numbers(values)
	case dateFamily:
		return dates(values), true
	case addressFamily:
		return addresses(values), true
	case binaryFamily:
		return binaries(values), true
	}
	return nil, false
}

// maxDigits is how long a number may be to be reckoned with.
const maxDigits = 400

// numbers are the values, one between each two, one beyond either end, and what
// is no number.
func numbers(values []string) (list []string, whole bool) {
	whole = true
	var points []*big.Rat
	for _, v := range values {
		if len(v) > maxDigits {
			whole = false
			continue
		}
		if r, ok := new(big.Rat).SetString(v); ok && !strings.ContainsAny(v, "eEpPxX/_") {
			points = append(points, r)
		}
	}
	slices.SortFunc(points, (*big.Rat).Cmp)
	one := big.NewRat(1, 1)
	list = append(list, "x")
	if len(points) == 0 {
		return append(list, "0"), whole
	}
	show := func(r *big.Rat) { list = append(list, decimal(r)) }
	show(new(big.Rat).Sub(points[0], one))
	for i, p := range points {
		show(p)
		if i+1 < len(points) {
			middle := new(big.Rat).Add(p, points[i+1])
			show(middle.Quo(middle, big.NewRat(2, 1)))
		}
	}
	show(new(big.Rat).Add(points[len(points)-1], one))
	return list, whole
}

// decimal writes a number whose denominator is a power of ten, or half of one.
func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	return strings.TrimRight(r.FloatString(maxDigits+2), "0")
}

// dates are the values, a moment between each two and beyond either end, and
// what is no date.
func dates(values []string) []string {
	var points []time.Time
	for _, v := range values {
		if t, ok := policy.ParseDate(v); ok {
			points = append(points, t.UTC())
		}
	}
	slices.SortFunc(points, time.Time.Compare)
	list := []string{"x"}
	if len(points) == 0 {
		return append(list, "2020-01-01T00:00:00Z")
	}
	list = append(list, moment(points[0].Add(-time.Second)))
	for i, p := range points {
		list = append(list, moment(p))
		if i+1 < len(points) {
			list = append(list, moment(p.Add(points[i+1].Sub(p)/2)))
		}
	}
	return append(list, moment(points[len(points)-1].Add(time.Second)))
}

// moment writes a date so that it can be read again: years of five digits only
// as seconds.
func moment(t time.Time) string {
	if t.Year() > 9999 {
		return strconv.FormatInt(t.Unix(), 10)
	}
	return t.Format(time.RFC3339Nano)
}

// addresses are each block's first and last address and those beside it, one of
// either kind far away, and what is no address.
func addresses(values []string) []string {
	list := []string{"x", "192.0.2.1", "2001:db8::1"}
	add := func(a netip.Addr) {
		if a.IsValid() {
			list = append(list, a.String())
		}
	}
	for _, v := range values {
		p, err := netip.ParsePrefix(v)
		if err != nil {
			a, err := netip.ParseAddr(v)
			if err != nil {
				continue
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		p = p.Masked()
		first, last := p.Addr(), lastOf(p)
		add(first)
		add(first.Prev())
		add(last)
		add(last.Next())
	}
	return list
}

// lastOf is a block's highest address.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < 8*len(b); i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// binaries are the values, one that is none of them, and what is not base64.
func binaries(values []string) []string {
	list := append([]string{"!"}, values...)
	for i := 0; ; i++ {
		v := base64.StdEncoding.EncodeToString([]byte("other" + strconv.Itoa(i)))
		if !slices.Contains(values, v) {
			return append(list, v)
		}
	}
}

// mixedCandidates are candidates of every family that the lines are of, and a
// text for each language.
func mixedCandidates(about []keyLiteral) []string {
	var list []string
	for _, f := range [...]family{numberFamily, dateFamily, addressFamily, binaryFamily} {
		var of []keyLiteral
		for _, l := range about {
			if l.line.family == f {
				of = append(of, l)
			}
		}
		if len(of) > 0 {
			more, _ := candidates(f, of)
			list = append(list, more...)
		}
	}
	for _, l := range about {
		if l.line.family == textFamily {
			list = append(list, l.line.cond.Values...)
			if f := search(sides{in: []*language{l.line.fits}, out: []*language{noText}}); f.ok {
				list = append(list, f.text)
			}
			if f := search(sides{out: []*language{noText, l.line.fits}}); f.ok {
				list = append(list, f.text)
			}
		}
	}
	return list
}
