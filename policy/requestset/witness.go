package requestset

import (
	"maps"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// Request is an example of the requests in a region. Its keys are in lower case.
type Request struct {
	Action, Resource string
	Keys             map[string][]string
}

// keys is a Request's context as the matcher asks for it: what is not there is
// absent.
type keys map[string][]string

func (k keys) Get(key string) (values []string, present, unknown bool) {
	values, present = k[key]
	return values, present, false
}

// maxTries bounds the values that are tried for policy variables.
const maxTries = 256

// witness makes a request of a box and has the matcher itself judge it; nil if
// none was found that does.
func (q *question) witness(b *box) *Request {
	fixed := make(map[string][]string)
	for name, literals := range b.keys {
		state := q.theory.key(name, slices.Clone(literals))
		if state.truth != policy.Yes {
			return nil
		}
		if len(state.values) > 0 {
			fixed[name] = state.values
		}
	}
	free := slices.SortedFunc(maps.Values(b.free), func(x, y literal) int { return x.free.id - y.free.id })
	tries := 0
	var found *Request
	q.tryKeys(fixed, openKeys(b, free), func(context map[string][]string) bool {
		tries++
		found = q.request(b, free, context)
		return found != nil || tries == maxTries
	})
	return found
}

// openKeys are the keys that compare with others and of which the box says
// nothing else.
func openKeys(b *box, free []literal) []string {
	var names []string
	for _, l := range free {
		of := variablesOf(l.free)
		if l.free.cond != nil {
			of = append(of, l.free.cond.Key)
		}
		for _, name := range of {
			name = strings.ToLower(name)
			if _, said := b.keys[name]; !said && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func variablesOf(p *proposition) []string {
	if p.cond != nil {
		return p.cond.Variables()
	}
	var names []string
	for _, piece := range policy.ResourcePieces(p.value, p.version) {
		if piece.Kind == policy.VariablePiece {
			names = append(names, piece.Text)
		}
	}
	return names
}

// tryKeys gives each open key some value, or none, and calls try until it is
// content.
func (q *question) tryKeys(fixed map[string][]string, open []string, try func(map[string][]string) bool) bool {
	if len(open) == 0 {
		return try(fixed)
	}
	for _, v := range [][]string{{"example"}, nil, {"other"}, {"true"}, {"arn:aws:iam::123456789012:user/example"}} {
		with := maps.Clone(fixed)
		if v != nil {
			with[open[0]] = v
		}
		if q.tryKeys(with, open[1:], try) {
			return true
		}
	}
	return false
}

// request completes a request whose keys are set; nil if the formula does not
// hold for it.
func (q *question) request(b *box, free []literal, context map[string][]string) *Request {
	resources := slices.Clip(b.resource)
	for _, l := range free {
		if c := l.free.cond; c != nil {
			if (c.HoldsWith(keys(context)) == policy.Yes) == l.not {
				return nil
			}
			continue
		}
		lang, ok := q.instantiate(l.free, context)
		switch {
		case ok:
			resources = append(resources, literal{dim: resourceDim, lang: lang, not: l.not})
		case !l.not:
			return nil
		}
	}
	resource, ok := q.example(resourceDim, resources)
	if !ok {
		return nil
	}
	action, ok := q.example(actionDim, b.action)
	if !ok {
		return nil
	}
	r := &Request{Action: action, Resource: resource, Keys: context}
	if !q.holds(q.formula, r) {
		return nil
	}
	return r
}

// instantiate puts the request's values in a resource pattern; ok is false where
// one is missing, so that the pattern matches nothing.
func (q *question) instantiate(p *proposition, context map[string][]string) (_ *language, ok bool) {
	var b strings.Builder
	for _, piece := range policy.ResourcePieces(p.value, p.version) {
		text := piece.Text
		switch piece.Kind {
		case policy.AnyPiece:
			text = "*"
		case policy.OnePiece:
			text = "?"
		case policy.LiteralPiece:
			text = escape(text)
		case policy.VariablePiece:
			values := context[strings.ToLower(text)]
			switch {
			case len(values) == 1:
				text = escape(values[0])
			case len(values) == 0 && piece.HasDefault:
				text = escape(piece.Default)
			default:
				return nil, false
			}
		}
		b.WriteString(text)
	}
	made, _ := resourcePattern(b.String(), policy.Version2012)
	return q.compiler.languages.intern([]pattern{made}), true
}

// escape writes a text so that no part of it is a wildcard or a variable. Only
// where the language knows escapes: behind the fifth colon.
func escape(text string) string {
	return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(text)
}

// example is a text for literals of one dimension, one that people know where
// there is one.
func (q *question) example(d dimension, literals []literal) (string, bool) {
	sides := q.theory.sides(d, literals)
	for _, l := range literals {
		if l.not {
			continue
		}
		for i := range l.lang.patterns {
			if text := familiar(d, l.lang.patterns[i].text); text != "" && sides.holds(cased(d, text)) {
				return text, true
			}
		}
	}
	if d == actionDim {
		for _, l := range literals {
			if text := knownAction(l, sides); text != "" {
				return text, true
			}
		}
	}
	f := q.theory.find(d, literals)
	return f.text, f.ok
}

// knownAction is an action that exists, for a pattern that names its service.
func knownAction(l literal, s sides) string {
	if l.not {
		return ""
	}
	for i := range l.lang.patterns {
		if service, _, _ := strings.Cut(l.lang.patterns[i].text, ":"); strings.ContainsAny(service, "*?") {
			continue
		}
		for a := range serviceref.Actions(l.lang.patterns[i].text) {
			if s.holds(strings.ToLower(a.String())) {
				return a.String()
			}
		}
	}
	return ""
}

// cased is a text as the dimension's languages have it.
func cased(d dimension, text string) string {
	if d == actionDim {
		return strings.ToLower(text)
	}
	return text
}

// familiar fills the wildcards of a pattern with what often stands there; empty
// if that is not a plain affair.
func familiar(d dimension, text string) string {
	if strings.ContainsAny(text, "${?") {
		return ""
	}
	if d == actionDim {
		if strings.Contains(text, "*") {
			return ""
		}
		return text
	}
	parts := strings.SplitN(text, ":", 6)
	for i, fill := range [...]string{"arn", "aws", "example", "us-east-1", "123456789012", "example"} {
		if i < len(parts) && strings.Contains(parts[i], "*") {
			parts[i] = strings.ReplaceAll(parts[i], "*", fill)
		}
	}
	return strings.Join(parts, ":")
}

// holds asks the matcher whether the formula holds for a request.
func (q *question) holds(f *formula, r *Request) bool {
	switch f.op {
	case notOp:
		return !q.holds(f.kids[0], r)
	case literalOp:
		return q.literalHolds(f.lit, r)
	case statementOp:
		env := policy.NewEnv(r.Action, r.Resource, q.caller, keys(r.Keys))
		env.ResourceBased, env.ImpliedResource = f.st.options.resourceBased, f.st.options.impliedResource
		return f.st.st.Match(&env).Applies == policy.Yes
	case orOp:
		return slices.ContainsFunc(f.kids, func(k *formula) bool { return q.holds(k, r) })
	}
	return !slices.ContainsFunc(f.kids, func(k *formula) bool { return !q.holds(k, r) })
}

// literalHolds judges a literal that is no part of a statement: a fact.
func (q *question) literalHolds(l literal, r *Request) bool {
	var in bool
	switch {
	case l.line != nil:
		in = l.line.cond.HoldsWith(keys(r.Keys)) == policy.Yes
	case l.free != nil:
		in = l.free.cond != nil && l.free.cond.HoldsWith(keys(r.Keys)) == policy.Yes
	case l.dim == actionDim:
		in = l.lang.has(strings.ToLower(r.Action))
	default:
		in = l.lang.has(r.Resource)
	}
	return in != l.not
}
