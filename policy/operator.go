package policy

import (
	"encoding/base64"
	"net/netip"
	"strings"
)

// operator is one condition operator (IAM guide, "IAM JSON policy elements:
// Condition operators").
type operator struct {
	negated bool
	null    bool
	// once compares with an encoded value made for one request. Operators whose
	// values may hold no policy variables have none.
	once func(encoded []byte, saw string) bool
	// build compiles an encoded value; nil if the value is no value for the
	// operator.
	build func(encoded string) operand
}

var operators = map[string]operator{
	"StringEquals":              {once: equalOnce, build: newEqual},
	"StringNotEquals":           {once: equalOnce, build: newEqual, negated: true},
	"StringEqualsIgnoreCase":    {once: equalFoldOnce, build: newEqualFold},
	"StringNotEqualsIgnoreCase": {once: equalFoldOnce, build: newEqualFold, negated: true},
	"StringLike":                {once: matchOnce, build: newLike},
	"StringNotLike":             {once: matchOnce, build: newLike, negated: true},

	"NumericEquals":            {build: numeric(equal)},
	"NumericNotEquals":         {build: numeric(equal), negated: true},
	"NumericLessThan":          {build: numeric(less)},
	"NumericLessThanEquals":    {build: numeric(less | equal)},
	"NumericGreaterThan":       {build: numeric(greater)},
	"NumericGreaterThanEquals": {build: numeric(greater | equal)},

	"DateEquals":            {build: date(equal)},
	"DateNotEquals":         {build: date(equal), negated: true},
	"DateLessThan":          {build: date(less)},
	"DateLessThanEquals":    {build: date(less | equal)},
	"DateGreaterThan":       {build: date(greater)},
	"DateGreaterThanEquals": {build: date(greater | equal)},

	"Bool":         {once: boolOnce, build: newBool},
	"BinaryEquals": {build: newBinary},
	"IpAddress":    {build: newNetwork},
	"NotIpAddress": {build: newNetwork, negated: true},

	"ArnEquals":    {once: arnOnce, build: newARN},
	"ArnLike":      {once: arnOnce, build: newARN},
	"ArnNotEquals": {once: arnOnce, build: newARN, negated: true},
	"ArnNotLike":   {once: arnOnce, build: newARN, negated: true},

	"Null": {null: true, build: newBool},
}

// compile makes an operand of a value as written.
func (op operator) compile(value, version string) operand {
	if op.once != nil && version == Version2012 {
		encoded, t := compileTemplate(value)
		if t != nil {
			return &templateOperand{template: t, once: op.once}
		}
		return orNothing(op.build(encoded))
	}
	return orNothing(op.build(encodeWildcards.Replace(value)))
}

func orNothing(o operand) operand {
	if o == nil {
		return nothing{}
	}
	return o
}

// nothing is a value that its operator cannot read.
type nothing struct{}

func (nothing) fits(string, *Env) (Truth, string) { return No, "" }

// templateOperand is a value with variables, put together for every request.
type templateOperand struct {
	template *template
	once     func(encoded []byte, saw string) bool
}

func (o *templateOperand) fits(saw string, env *Env) (Truth, string) {
	t, name := o.template.resolve(env, len(saw))
	if t != Yes {
		return t, name
	}
	return truth(o.once(env.resolved, saw)), ""
}

type equalOperand string

func newEqual(encoded string) operand { return equalOperand(decodeWildcards.Replace(encoded)) }

func (o equalOperand) fits(saw string, _ *Env) (Truth, string) { return truth(saw == string(o)), "" }

type equalFoldOperand string

func newEqualFold(encoded string) operand {
	return equalFoldOperand(decodeWildcards.Replace(encoded))
}

func (o equalFoldOperand) fits(saw string, _ *Env) (Truth, string) {
	return truth(strings.EqualFold(saw, string(o))), ""
}

type likeOperand struct{ glob glob }

func newLike(encoded string) operand { return &likeOperand{newGlob(encoded)} }

func (o *likeOperand) fits(saw string, _ *Env) (Truth, string) { return truth(o.glob.match(saw)), "" }

type boolOperand bool

func newBool(encoded string) operand {
	b, ok := parseBool(encoded)
	if !ok {
		return nil
	}
	return boolOperand(b)
}

func (o boolOperand) fits(saw string, _ *Env) (Truth, string) {
	b, ok := parseBool(saw)
	return truth(ok && b == bool(o)), ""
}

func parseBool(s string) (value, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

type binaryOperand string

func newBinary(encoded string) operand {
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil
	}
	return binaryOperand(b)
}

func (o binaryOperand) fits(saw string, env *Env) (Truth, string) {
	r := env.read.read(saw, asBytes)
	return truth(r.ok && string(r.bytes) == string(o)), ""
}

type networkOperand netip.Prefix

func newNetwork(encoded string) operand {
	p, ok := parseNetwork(encoded)
	if !ok {
		return nil
	}
	return networkOperand(p)
}

// parseNetwork reads a CIDR block; an address alone is a block of one.
func parseNetwork(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func (o networkOperand) fits(saw string, env *Env) (Truth, string) {
	r := env.read.read(saw, asAddress)
	return truth(r.ok && netip.Prefix(o).Contains(r.address)), ""
}

type arnOperand struct{ pattern arnPattern }

func newARN(encoded string) operand {
	p, ok := newARNPattern(encoded)
	if !ok {
		return nil
	}
	return &arnOperand{p}
}

func (o *arnOperand) fits(saw string, env *Env) (Truth, string) {
	r := env.read.read(saw, asARN)
	return truth(r.ok && o.pattern.match(&r.arn)), ""
}
