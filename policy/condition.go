package policy

import (
	"slices"
	"strings"
)

// Condition is one line of a Condition element: an operator, a key, and the
// values of which one must fit.
type Condition struct {
	// Operator is as written: "ForAnyValue:StringLikeIfExists".
	Operator string
	Key      string
	Values   []string
	Position Position // of the key

	lower    string // Key in lower case
	op       operator
	set      setOperator
	ifExists bool
	operands []operand
	// texts are the operands, sorted, if they are many and plain texts.
	texts []string
}

type setOperator uint8

const (
	singleValue setOperator = iota
	forAllValues
	forAnyValue
)

// operand is one value of a condition, compiled for its operator. An operand
// that could not be compiled fits nothing.
type operand interface {
	// fits compares with one value of the request, without regard to negation.
	// Where it is not Yes because of a variable, the variable is named.
	fits(saw string, env *Env) (t Truth, variable string)
}

// newCondition compiles; ok is false for an operator that does not exist.
func newCondition(name, key string, values []string, version string) (c Condition, ok bool) {
	c = Condition{Operator: name, Key: key, Values: values, lower: strings.ToLower(key)}
	c.set, name, c.ifExists = splitOperator(name)
	if c.op, ok = operators[name]; !ok || c.op.null && (c.ifExists || c.set != singleValue) {
		return c, false
	}
	for _, v := range values {
		c.operands = append(c.operands, c.op.compile(v, version))
	}
	c.sortTexts()
	return c, true
}

// fewTexts is how many texts are compared one by one.
const fewTexts = 16

// sortTexts prepares for many values that are compared as they are, such as a
// list of accounts.
func (c *Condition) sortTexts() {
	if len(c.operands) <= fewTexts {
		return
	}
	texts := make([]string, 0, len(c.operands))
	for _, o := range c.operands {
		text, ok := o.(equalOperand)
		if !ok {
			return
		}
		texts = append(texts, string(text))
	}
	slices.Sort(texts)
	c.texts = texts
}

// evaluate tells whether the condition holds (IAM guide, "Conditions with
// multiple context keys or values", "Multivalued context keys"). The name of a
// variable comes with it if one was in the way.
func (c *Condition) evaluate(env *Env) (t Truth, variable string) {
	values, present, unknown := env.keys.Get(c.lower)
	if unknown {
		return Maybe, ""
	}
	// A key without any value counts as absent.
	absent := !present || len(values) == 0
	if c.op.null {
		return c.evaluateNull(absent), ""
	}
	if absent {
		return truth(c.set == forAllValues || c.ifExists || c.op.negated && c.set == singleValue), ""
	}
	switch c.set {
	case forAllValues:
		if len(values) == 1 && values[0] == "" {
			return Yes, "" // the guide's "null dataset, such as an empty string"
		}
		t = Yes
		for _, v := range values {
			u, name := c.one(v, env)
			t, variable = t.And(u), first(variable, name)
		}
	case forAnyValue:
		for _, v := range values {
			u, name := c.one(v, env)
			t, variable = t.Or(u), first(variable, name)
		}
	default:
		t, variable = c.single(values, env)
	}
	return t, variable
}

// single is the plain operator: some value fits, or for a negated operator none.
func (c *Condition) single(values []string, env *Env) (t Truth, variable string) {
	for _, v := range values {
		u, name := c.any(v, env)
		t, variable = t.Or(u), first(variable, name)
	}
	if c.op.negated {
		t = t.Not()
	}
	return t, variable
}

// one tells whether one value of the request satisfies the operator: it fits
// one of the operands, or for a negated operator none of them.
func (c *Condition) one(saw string, env *Env) (Truth, string) {
	t, variable := c.any(saw, env)
	if c.op.negated {
		t = t.Not()
	}
	return t, variable
}

func (c *Condition) any(saw string, env *Env) (t Truth, variable string) {
	if c.texts != nil {
		_, found := slices.BinarySearch(c.texts, saw)
		return truth(found), ""
	}
	for _, o := range c.operands {
		u, name := o.fits(saw, env)
		if u == Yes {
			return Yes, ""
		}
		t, variable = t.Or(u), first(variable, name)
	}
	return t, variable
}

func (c *Condition) evaluateNull(absent bool) Truth {
	for _, v := range c.Values {
		if strings.EqualFold(v, "true") && absent || strings.EqualFold(v, "false") && !absent {
			return Yes
		}
	}
	return No
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
