package policy

import "strings"

// template is a text with policy variables (IAM guide, "IAM policy elements:
// Variables and tags"): literal pieces, encoded, with a variable behind each
// but the last.
type template struct {
	literals  []string // one more than variables
	variables []variable
	// asterisks counts the wildcards of the literals that may cover nothing.
	asterisks int
}

type variable struct {
	key        string // in lower case, for looking it up
	name       string // as written
	fallback   string
	hasDefault bool
}

// compileTemplate reads the variables and escapes of a value; * and ? in its
// literal parts are wildcards. A value without variables comes back as its
// encoded text and a nil template.
func compileTemplate(text string) (string, *template) {
	encode := encodeWildcards.Replace
	var t template
	var literal strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		inside, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			literal.WriteString(encode(text))
			break
		}
		literal.WriteString(encode(before))
		text = after
		switch inside {
		case "*", "?", "$":
			literal.WriteString(inside)
			continue
		}
		t.literals = append(t.literals, literal.String())
		literal.Reset()
		t.variables = append(t.variables, newVariable(inside))
	}
	if len(t.variables) == 0 {
		return literal.String(), nil
	}
	t.literals = append(t.literals, literal.String())
	for _, l := range t.literals {
		t.asterisks += strings.Count(l, string([]byte{anyString}))
	}
	return "", &t
}

// newVariable reads "aws:PrincipalTag/team, 'company-wide'".
func newVariable(inside string) variable {
	name, fallback, found := strings.Cut(inside, ",")
	name = strings.TrimSpace(name)
	v := variable{name: name, key: strings.ToLower(name)}
	if fallback = strings.TrimSpace(fallback); found && len(fallback) >= 2 && fallback[0] == '\'' && fallback[len(fallback)-1] == '\'' {
		v.fallback, v.hasDefault = fallback[1:len(fallback)-1], true
	}
	return v
}

// resolve puts the request's values in place of the variables, into
// env.resolved. Values are literal text: an asterisk in one is no wildcard. It
// is No, with the variable's name, if a variable has no single value and no
// default; and No without a name if the text gets too long to fit a text of the
// given length.
func (t *template) resolve(env *Env, fit int) (ok Truth, name string) {
	// A character of four bytes may fit one of another case that has one.
	most := t.asterisks + 4*fit
	b := env.resolved[:0]
	b = append(b, t.literals[0]...)
	for i := range t.variables {
		v := &t.variables[i]
		values, present, unknown := env.keys.Get(v.key)
		var value string
		switch {
		case unknown:
			return Maybe, v.name
		case present && len(values) == 1 && !holdsWildcard(values[0]):
			value = values[0]
		case !present && v.hasDefault:
			value = v.fallback
		default:
			return No, v.name
		}
		if len(b)+len(value) > most {
			return No, ""
		}
		b = append(append(b, value...), t.literals[i+1]...)
	}
	env.resolved = b
	return Yes, ""
}

// holdsWildcard tells of the two bytes that stand for wildcards. No UTF-8 text
// has them, so a value that does is not what it says it is.
func holdsWildcard(s string) bool {
	return strings.IndexByte(s, anyString) >= 0 || strings.IndexByte(s, anyChar) >= 0
}
