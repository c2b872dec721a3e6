package requestset

import (
	"github.com/keyturn/keyturn/policy"
)

// formula is a condition on requests.
type formula struct {
	op   formulaOp
	kids []*formula
	lit  literal
	st   *statement
}

type formulaOp uint8

const (
	andOp formulaOp = iota // true without kids
	orOp                   // false without kids
	notOp
	literalOp
	statementOp
)

// never holds for no request.
var never = &formula{op: orOp}

func and(kids ...*formula) *formula { return &formula{op: andOp, kids: kids} }
func or(kids ...*formula) *formula  { return &formula{op: orOp, kids: kids} }
func not(f *formula) *formula       { return &formula{op: notOp, kids: []*formula{f}} }

func literalOf(l literal) *formula { return &formula{op: literalOp, lit: l} }

// statement is a statement of a document for one caller. It holds where body
// does.
type statement struct {
	ref  Ref
	st   *policy.Statement
	body *formula
	// options are how the matcher must be asked.
	options docOptions
}

// docOptions tell of the resource that the document is attached to.
type docOptions struct {
	resourceBased, impliedResource bool
}

// literal is a formula that no other is part of, or its negation.
type literal struct {
	dim dimension
	not bool
	// lang is the language in which the action or the resource is.
	lang *language
	// line is the line of a condition.
	line *line
	// free is a proposition that compares parts of the request with each other,
	// such as a resource with a variable in it. Nothing is known of it but that
	// it cannot hold and not hold.
	free *proposition
}

type dimension uint8

const (
	actionDim dimension = iota
	resourceDim
	keyDim
	freeDim
)

func (l literal) negate() literal {
	l.not = !l.not
	return l
}

// proposition is a resource pattern or a line of a condition with variables.
type proposition struct {
	id   int
	text string
	// value and version are the resource pattern; cond is the line.
	value, version string
	cond           *policy.Condition
	// within is where a resource must be for the pattern to match.
	within *language
}

// compiler makes formulas of statements, and interns what they are made of.
type compiler struct {
	languages languages
	lines     lines
	free      map[string]*proposition
}

// statement compiles one; caller is nil where nobody is named.
func (c *compiler) statement(ref Ref, p *policy.Policy, s *policy.Statement, caller *policy.Caller, o docOptions) *formula {
	made := &statement{ref: ref, st: s, options: o}
	made.body = c.body(p.Version(), s, caller, o)
	return &formula{op: statementOp, st: made}
}

func (c *compiler) body(version string, s *policy.Statement, caller *policy.Caller, o docOptions) *formula {
	if _, named := s.NamesCaller(caller, o.resourceBased); !named {
		return never
	}
	var parts []*formula
	actions, notActions := s.Actions(), s.NotActions()
	switch {
	case len(actions) > 0:
		parts = append(parts, literalOf(literal{dim: actionDim, lang: c.languages.actionLanguage(actions)}))
	case len(notActions) > 0:
		parts = append(parts, literalOf(literal{dim: actionDim, lang: c.languages.actionLanguage(notActions), not: true}))
	default:
		return never
	}
	switch resources, notResources := s.Resources(), s.NotResources(); {
	case len(resources) > 0:
		parts = append(parts, c.resources(resources, version))
	case len(notResources) > 0:
		parts = append(parts, not(c.resources(notResources, version)))
	case !o.impliedResource:
		return never
	}
	conditions := s.Conditions()
	for i := range conditions {
		parts = append(parts, c.condition(&conditions[i], version))
	}
	return and(parts...)
}

// resources is true where one of the patterns matches.
func (c *compiler) resources(values []string, version string) *formula {
	var fixed []pattern
	var parts []*formula
	for _, v := range values {
		p, variables := resourcePattern(v, version)
		if !variables {
			fixed = append(fixed, p)
			continue
		}
		parts = append(parts, c.template(v, version, p))
	}
	if len(fixed) > 0 {
		parts = append(parts, literalOf(literal{dim: resourceDim, lang: c.languages.intern(fixed)}))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return or(parts...)
}

// template is a resource pattern with variables.
func (c *compiler) template(value, version string, p pattern) *formula {
	f := c.proposition("resource " + version + "\x00" + value)
	f.value, f.version, f.text = value, version, value
	f.within = c.languages.intern([]pattern{{text: "within " + value, elems: p.elems}})
	f.within.shadow = true
	return literalOf(literal{dim: freeDim, free: f})
}

func (c *compiler) condition(cond *policy.Condition, version string) *formula {
	l := c.lines.intern(cond, version, &c.languages)
	if !l.variables {
		return literalOf(literal{dim: keyDim, line: l})
	}
	f := c.proposition("line " + cond.Operator + "\x00" + l.key + "\x00" + version + "\x00" + joined(cond.Values))
	f.cond, f.text = cond, conditionText(cond)
	return literalOf(literal{dim: freeDim, free: f})
}

func (c *compiler) proposition(text string) *proposition {
	if found := c.free[text]; found != nil {
		return found
	}
	if c.free == nil {
		c.free = make(map[string]*proposition)
	}
	made := &proposition{id: len(c.free)}
	c.free[text] = made
	return made
}
