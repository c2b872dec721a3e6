package policy

import "strings"

// Quantifier is a condition's set operator (IAM guide, "Set operators for
// multivalued context keys").
type Quantifier uint8

// The quantifiers.
const (
	Plain Quantifier = iota // no set operator
	ForAllValues
	ForAnyValue
)

// splitOperator takes ForAllValues:, ForAnyValue: and IfExists off an operator.
func splitOperator(name string) (set setOperator, base string, ifExists bool) {
	if s, found := strings.CutPrefix(name, "ForAllValues:"); found {
		set, name = forAllValues, s
	} else if s, found := strings.CutPrefix(name, "ForAnyValue:"); found {
		set, name = forAnyValue, s
	}
	base, ifExists = strings.CutSuffix(name, "IfExists")
	return set, base, ifExists
}

// Base is the operator without set operator and IfExists: "StringLike".
func (c *Condition) Base() string {
	_, base, _ := splitOperator(c.Operator)
	return base
}

// Quantifier is the set operator in front.
func (c *Condition) Quantifier() Quantifier { return Quantifier(c.set) }

// IfExists reports whether the operator holds where the key is absent.
func (c *Condition) IfExists() bool { return c.ifExists }

// Negated reports whether the operator wants that no value fits: StringNotEquals
// and its like.
func (c *Condition) Negated() bool { return c.op.negated }

// Variables are the names of the policy variables in the values that the
// operator puts values in place of.
func (c *Condition) Variables() []string {
	var names []string
	for _, o := range c.operands {
		if t, ok := o.(*templateOperand); ok {
			for i := range t.template.variables {
				names = append(names, t.template.variables[i].name)
			}
		}
	}
	return names
}

// Fits reports whether one value of the request fits one of the condition's,
// before any negation. Values with variables fit nothing.
func (c *Condition) Fits(value string) bool {
	t, _ := c.any(value, &Env{keys: absentKeys{}})
	return t == Yes
}

// Holds tells whether the condition holds for a request in which its key has
// these values, or, without values, is absent. It is Maybe where that turns on
// a policy variable.
func (c *Condition) Holds(values ...string) Truth { return c.HoldsWith(onlyKey{c.lower, values}) }

// HoldsWith tells whether the condition holds for a request with these keys.
func (c *Condition) HoldsWith(keys Keys) Truth {
	t, _ := c.evaluate(&Env{keys: keys})
	return t
}

// absentKeys are the keys of a request that has none.
type absentKeys struct{}

func (absentKeys) Get(string) (values []string, present, unknown bool) { return nil, false, false }

// onlyKey are the keys of a request of which one alone is known.
type onlyKey struct {
	name   string
	values []string
}

func (k onlyKey) Get(key string) (values []string, present, unknown bool) {
	if key != k.name {
		return nil, false, true
	}
	return k.values, len(k.values) > 0, false
}
