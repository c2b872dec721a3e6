package requestset

import (
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// line is one line of a Condition element. Lines are interned.
type line struct {
	id     int
	cond   *policy.Condition
	key    string // in lower case
	family family
	// fits are the texts that fit the values, for the text family.
	fits *language
	// variables: it compares keys with each other, so it is not about one key.
	variables bool
	// shadow: it follows from who the caller is, and is not told.
	shadow bool
}

// family sorts operators by how the values they tell apart are found.
type family uint8

const (
	textFamily family = iota // String…, Arn…, Bool: a language
	numberFamily
	dateFamily
	addressFamily
	binaryFamily
	nullFamily
)

func familyOf(base string) family {
	switch {
	case strings.HasPrefix(base, "Numeric"):
		return numberFamily
	case strings.HasPrefix(base, "Date"):
		return dateFamily
	case base == "IpAddress", base == "NotIpAddress":
		return addressFamily
	case base == "BinaryEquals":
		return binaryFamily
	case base == "Null":
		return nullFamily
	}
	return textFamily
}

// lines interns the lines of all documents.
type lines struct {
	byText map[string]*line
}

func (l *lines) intern(c *policy.Condition, version string, languages *languages) *line {
	text := strings.Join(append([]string{version, c.Operator, strings.ToLower(c.Key)}, c.Values...), "\x00")
	if found := l.byText[text]; found != nil {
		return found
	}
	made := &line{id: len(l.byText), cond: c, key: strings.ToLower(c.Key), family: familyOf(c.Base()), variables: len(c.Variables()) > 0}
	if made.family == textFamily {
		made.fits = languages.textLanguage(c.Base(), c.Values, version)
	}
	if l.byText == nil {
		l.byText = make(map[string]*line)
	}
	l.byText[text] = made
	return made
}

// demand is what a line, or its negation, asks of the values of a key that is
// present: that some value, or every value, fits, or that it does not.
type demand struct {
	some bool
	fits bool
}

// demandOf reads the operators (IAM guide, "Multivalued context keys"): a plain
// operator holds if some value fits, a negated one if none does.
func demandOf(c *policy.Condition, holds bool) demand {
	var d demand
	switch c.Quantifier() {
	case policy.ForAllValues:
		d = demand{some: false, fits: !c.Negated()}
	case policy.ForAnyValue:
		d = demand{some: true, fits: !c.Negated()}
	default:
		d = demand{some: !c.Negated(), fits: !c.Negated()}
	}
	if !holds {
		d.some, d.fits = !d.some, !d.fits
	}
	return d
}
