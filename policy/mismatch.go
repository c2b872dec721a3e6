package policy

import "strings"

// String says in words what was wanted and what the request had: "Condition
// Bool kms:GrantIsForAWSResource wanted true, the request had false".
func (m Mismatch) String() string {
	var b strings.Builder
	b.WriteString(string(m.Element))
	for _, s := range [...]string{m.Operator, m.Key} {
		if s != "" {
			b.WriteString(" " + s)
		}
	}
	b.WriteString(m.verb() + some(m.Wanted))
	switch {
	case m.Variable != "" && m.Unknown:
		b.WriteString(", and the value of ${" + m.Variable + "} is not known")
	case m.Variable != "":
		b.WriteString(", and the request has no value for ${" + m.Variable + "}")
	case m.Unknown:
		b.WriteString(", and the request's value is not known")
	case m.Absent:
		b.WriteString(", the request had no such key")
	default:
		b.WriteString(", the request had " + some(m.Saw))
	}
	return b.String()
}

// Path is the element's place as a JSON path from the document's root:
// "Statement[0].Condition.Bool.kms:GrantIsForAWSResource". It is empty for what
// is no element of a document, and the statement's own path for an element that
// the statement lacks.
func (m Mismatch) Path() string {
	s := m.statement
	if s == nil {
		return ""
	}
	path := s.Path()
	switch {
	case m.Position == (Position{}):
		return path
	case m.Element == ConditionElement:
		return path + "." + string(m.Element) + "." + m.Operator + "." + m.Key
	}
	return path + "." + string(m.Element)
}

// verb words what the element does with its values.
func (m Mismatch) verb() string {
	switch m.Element {
	case NotActionElement, NotResourceElement, NotPrincipalElement:
		return " excludes "
	}
	if strings.Contains(m.Operator, "Not") {
		return " wanted none of "
	}
	return " wanted "
}

// shown bounds how many values a text lists.
const shown = 4

func some(values []string) string {
	switch {
	case len(values) == 0:
		return "nothing"
	case len(values) > shown:
		return strings.Join(values[:shown], ", ") + ", …"
	}
	return strings.Join(values, " or ")
}
