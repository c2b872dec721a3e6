package policy

import (
	"encoding/base64"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// domain is what statements ask of one key: its values are told apart by these
// questions and by nothing else.
type domain struct {
	key     string
	env     *Env
	sets    bool // it may have several values at once
	inexact bool // something is asked that is not understood

	patterns []pattern // texts, ARNs, booleans
	named    []string  // texts that the statements name as they are
	numbers  []*big.Rat
	dates    []time.Time
	networks []netip.Prefix
	binaries []string
	// related are unknown keys whose values this one is compared with, peers
	// unknown keys that are compared with this one's.
	related, peers []string
}

// add takes in one statement.
func (d *domain) add(s *Statement) {
	d.conditions(s)
	for i := range s.conditions {
		c := &s.conditions[i]
		for _, o := range c.operands {
			if t, ok := o.(*templateOperand); ok && c.lower != d.key && t.template.has(d.key) {
				d.variable(c, t)
			}
		}
	}
	for i := range s.resources {
		if m := &s.resources[i]; m.template.has(d.key) {
			d.within(d.env.resource.text, m.template, false, func(env *Env) Truth {
				t, _ := m.match(env)
				return t
			})
		}
	}
}

// conditions takes in a statement's conditions on the key itself.
func (d *domain) conditions(s *Statement) {
	for i := range s.conditions {
		c := &s.conditions[i]
		if c.lower != d.key || c.op.null {
			continue
		}
		d.sets = d.sets || c.set != singleValue
		for _, o := range c.operands {
			d.operand(c, o)
		}
	}
}

func (d *domain) operand(c *Condition, o operand) {
	switch o := o.(type) {
	case equalOperand:
		d.literal(string(o), false)
	case equalFoldOperand:
		d.literal(string(o), true)
	case *likeOperand:
		d.glob(&o.glob)
	case *arnOperand:
		d.patterns = append(d.patterns, arnTokens(&o.pattern))
	case boolOperand:
		d.literal(map[boolOperand]string{true: "true", false: "false"}[o], true)
	case binaryOperand:
		d.binaries = append(d.binaries, base64.StdEncoding.EncodeToString([]byte(o)))
	case *numericOperand:
		d.numbers = append(d.numbers, o.value.rat())
	case *dateOperand:
		if y := o.value.Year(); y < 1 || y > 9998 {
			d.inexact = true // dates of five digits cannot be written
		}
		d.dates = append(d.dates, o.value)
	case networkOperand:
		d.networks = append(d.networks, netip.Prefix(o))
	case nothing:
	case *templateOperand:
		d.template(c, o)
	default:
		d.inexact = true
	}
}

// template takes in a value with variables: as it reads with their values, or
// as a comparison with another unknown key.
func (d *domain) template(c *Condition, o *templateOperand) {
	ok, name := o.template.resolve(d.env, maxText)
	switch {
	case ok == No && name == "":
		d.inexact = true // too long to enumerate
	case ok == Yes:
		d.operand(c, orNothing(c.op.build(string(d.env.resolved))))
	case ok == Maybe && o.template.lone() && c.comparesText() && !strings.EqualFold(name, d.key):
		d.related = with(d.related, strings.ToLower(name))
	case ok == Maybe:
		d.inexact = true
	}
}

// with adds a key that is not in the list.
func with(list []string, key string) []string {
	if slices.Contains(list, key) {
		return list
	}
	return append(list, key)
}

// comparesText reports whether a lone variable means equality to its value.
func (c *Condition) comparesText() bool {
	name := c.Operator[strings.IndexByte(c.Operator, ':')+1:]
	switch strings.TrimSuffix(name, "IfExists") {
	case "StringEquals", "StringNotEquals", "StringLike", "StringNotLike":
		return true
	}
	return false
}

// variable takes in a condition on another key that has this one as a variable.
func (d *domain) variable(c *Condition, o *templateOperand) {
	values, present, unknown := d.env.keys.Get(c.lower)
	if unknown {
		if !o.template.lone() || !c.comparesText() {
			d.inexact = true
			return
		}
		d.peers = with(d.peers, c.lower)
		return
	}
	if !present {
		return
	}
	fold := strings.Contains(c.Operator, "IgnoreCase")
	for _, v := range slices.Clone(values) {
		d.within(v, o.template, fold, func(env *Env) Truth {
			t, _ := o.fits(v, env)
			return t
		})
	}
}

// within finds the values that make a template with the key fit a known text:
// each is a part of that text.
func (d *domain) within(text string, t *template, fold bool, fits func(*Env) Truth) {
	if len(text) > maxText || slices.ContainsFunc(t.variables, func(v variable) bool {
		_, _, unknown := d.env.keys.Get(v.key)
		return unknown && v.key != d.key
	}) {
		d.inexact = true
		return
	}
	keys := settledKeys{Keys: d.env.keys, key: d.key, values: make([]string, 1)}
	env := *d.env
	env.keys = &keys
	found := make(map[string]bool)
	try := func(value string) {
		if found[value] || len(found) > maxLiterals {
			return
		}
		if keys.values[0] = value; fits(&env) == Yes {
			found[value] = true
			d.literal(value, fold)
		}
	}
	if len(t.variables) == 1 && !holdsWildcard(t.literals[0]) && !holdsWildcard(t.literals[1]) {
		if start, end := len(t.literals[0]), len(text)-len(t.literals[1]); start <= end {
			try(text[start:end])
		}
		return
	}
	try("")
	for i := range len(text) {
		for j := i + 1; j <= len(text); j++ {
			try(text[i:j])
		}
	}
	d.inexact = d.inexact || len(found) > maxLiterals
}

// join takes in what another key's conditions ask.
func (d *domain) join(peer *domain) {
	d.patterns = append(d.patterns, peer.patterns...)
	d.named = append(d.named, peer.named...)
	d.numbers = append(d.numbers, peer.numbers...)
	d.dates = append(d.dates, peer.dates...)
	d.networks = append(d.networks, peer.networks...)
	d.binaries = append(d.binaries, peer.binaries...)
}

func (d *domain) literal(text string, fold bool) {
	p := make(pattern, 0, len(text))
	for _, r := range text {
		p = append(p, token{rune: r, fold: fold})
	}
	d.patterns = append(d.patterns, p)
	d.named = append(d.named, text)
}

func (d *domain) glob(g *glob) {
	d.patterns = append(d.patterns, globTokens(g, false))
	if !g.star && !holdsWildcard(g.head) {
		d.named = append(d.named, g.head)
	}
}

// names reports whether the statements name the value as it is.
func (d *domain) names(v string) bool {
	return slices.Contains(d.named, v) || slices.Contains(d.binaries, v) ||
		slices.ContainsFunc(d.dates, func(t time.Time) bool { return dateText(t) == v }) ||
		slices.ContainsFunc(d.numbers, func(n *big.Rat) bool { return numberText(n) == v })
}

// values gives one value of each kind that the questions tell apart. ok is
// false where there are too many, or questions of several types about one key.
func (d *domain) values() (values []string, ok bool) {
	types := 0
	for _, n := range [...]int{len(d.patterns), len(d.numbers), len(d.dates), len(d.networks), len(d.binaries)} {
		if n > 0 {
			types++
		}
	}
	switch {
	case types > 1:
		return nil, false
	case len(d.numbers) > 0:
		return d.numericValues(), true
	case len(d.dates) > 0:
		return d.dateValues(), true
	case len(d.networks) > 0:
		return d.addressValues(), true
	case len(d.binaries) > 0:
		slices.Sort(d.binaries)
		return append(slices.Compact(d.binaries), noneOfThem), true
	}
	return kinds(d.patterns)
}

// noneOfThem is neither number, nor date, nor address, nor base64.
const noneOfThem = "?"

func (d *domain) numericValues() []string {
	slices.SortFunc(d.numbers, (*big.Rat).Cmp)
	one := big.NewRat(1, 1)
	last := d.numbers[len(d.numbers)-1]
	values := []string{numberText(new(big.Rat).Sub(d.numbers[0], one))}
	for i, n := range d.numbers {
		if i > 0 && n.Cmp(d.numbers[i-1]) > 0 {
			half := new(big.Rat).Add(n, d.numbers[i-1])
			values = append(values, numberText(half.Quo(half, big.NewRat(2, 1))))
		}
		values = append(values, numberText(n))
	}
	values = append(values, numberText(new(big.Rat).Add(last, one)), noneOfThem)
	return slices.Compact(values)
}

// numberText writes a number that has an end.
func numberText(n *big.Rat) string {
	if n.IsInt() {
		return n.Num().String()
	}
	digits, _ := n.FloatPrec()
	return n.FloatString(digits)
}

func (d *domain) dateValues() []string {
	slices.SortFunc(d.dates, time.Time.Compare)
	last := d.dates[len(d.dates)-1]
	values := []string{dateText(d.dates[0].Add(-time.Second))}
	for i, t := range d.dates {
		if i > 0 {
			if gap := t.Sub(d.dates[i-1]); gap > 1 {
				values = append(values, dateText(d.dates[i-1].Add(gap/2)))
			}
		}
		values = append(values, dateText(t))
	}
	return slices.Compact(append(values, dateText(last.Add(time.Second)), noneOfThem))
}

func dateText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// addressValues: blocks are apart or within each other, so what a block has
// beyond those within it starts at its own first address or right behind one of
// theirs.
func (d *domain) addressValues() []string {
	addresses := []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	for _, p := range d.networks {
		addresses = append(addresses, p.Addr())
		if next := lastOf(p).Next(); next.IsValid() {
			addresses = append(addresses, next)
		}
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	var values []string
	for _, a := range slices.Compact(addresses) {
		values = append(values, a.String())
	}
	return append(values, noneOfThem)
}

// lastOf is a block's last address.
func lastOf(p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	for i := p.Bits(); i < len(raw)*8; i++ {
		raw[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}

// rat is the decimal as a fraction.
func (d decimal) rat() *big.Rat {
	sign := ""
	if d.negative {
		sign = "-"
	}
	r, _ := new(big.Rat).SetString(sign + "0" + d.whole + "." + d.fraction + "0")
	return r
}
