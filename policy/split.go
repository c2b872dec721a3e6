package policy

import (
	"slices"
	"strings"
)

// Choice is one thing that an unknown condition key could turn out to be. It
// stands for all values that no statement tells from it.
type Choice struct {
	// Values are the key's values; none where the key is absent.
	Values []string
	Absent bool
	// Example tells that the statements do not name these values: they are one
	// example of many.
	Example bool
}

// The bounds of Split. Beyond them it gives up, and what turns on the key stays
// unknown.
const (
	maxText     = 256  // bytes of a text in which a variable stands
	maxStates   = 4096 // of the automaton of a key's patterns
	maxMembers  = 6    // kinds of values of a key that may have several
	maxLiterals = 64   // values that make a variable fit
)

// Representatives are values of a key that stand for all others: whatever single
// value the key has, each of the conditions holds for it as it does for one of
// these. ok is false where that cannot be told: where the conditions compare with
// other keys, are of several types, or are too many. The conditions are about one
// key; those with Null say nothing of its values.
func Representatives(conditions []*Condition) (values []string, ok bool) {
	d := domain{env: &Env{keys: absentKeys{}}}
	for _, c := range conditions {
		if c.op.null {
			continue
		}
		for _, o := range c.operands {
			d.operand(c, o)
		}
	}
	values, ok = d.values()
	return values, ok && !d.inexact
}

// Ask is what besides statements asks for a key, and what is known of it.
type Ask struct {
	// Literals are values with which somebody compares it as they are.
	Literals []string
	// Multivalued: it may have several values at once. A key for which a
	// statement uses a set operator may, too.
	Multivalued bool
	// Boolean: its values are true and false. Present: it is always there.
	Boolean, Present bool
}

// Split gives the choices of a key that env does not know: whatever the key
// turns out to be, every one of the statements answers as it does for one of
// the choices. The order is: absent, what the statements name, examples.
//
// related are other unknown keys with which statements compare this one by a
// variable: they must have a value before this key is split. exact is false
// where the choices may not be all there is.
func Split(key string, statements []*Statement, env *Env, ask Ask) (choices []Choice, related []string, exact bool) {
	d := domain{key: strings.ToLower(key), env: env, sets: ask.Multivalued}
	for _, s := range statements {
		d.add(s)
	}
	// What is compared with the key by a variable tells its values apart as its
	// own conditions do.
	for _, other := range d.peers {
		peer := domain{key: other, env: env}
		for _, s := range statements {
			peer.conditions(s)
		}
		if peer.inexact || len(peer.related) > 1 {
			return nil, nil, false
		}
		d.join(&peer)
	}
	for _, v := range ask.Literals {
		d.literal(v, false)
	}
	var values []string
	var ok bool
	if ask.Boolean {
		values, ok = []string{"true", "false"}, true
	} else {
		values, ok = d.values()
	}
	if !ok || d.inexact {
		return nil, d.related, false
	}
	if !ask.Present {
		choices = append(choices, Choice{Absent: true})
	}
	if !d.sets {
		for _, v := range values {
			choices = append(choices, Choice{Values: []string{v}, Example: !d.names(v) && !ask.Boolean})
		}
	} else if choices, ok = d.subsets(choices, values); !ok {
		return nil, d.related, false
	}
	slices.SortStableFunc(choices, func(a, b Choice) int { return choiceOrder(&a) - choiceOrder(&b) })
	return choices, d.related, true
}

func choiceOrder(c *Choice) int {
	switch {
	case c.Absent:
		return 0
	case c.Example:
		return 2
	}
	return 1
}

// subsets adds the sets that can be made of the values: conditions on a key
// with several values tell no more of it than which kinds of values it has. The
// empty text alone is a set of its own kind for ForAllValues.
func (d *domain) subsets(choices []Choice, values []string) ([]Choice, bool) {
	if len(values) > maxMembers {
		return nil, false
	}
	for bits := 1; bits < 1<<len(values); bits++ {
		var c Choice
		for i, v := range values {
			if bits>>i&1 == 1 {
				c.Values = append(c.Values, v)
				c.Example = c.Example || !d.names(v)
			}
		}
		choices = append(choices, c)
	}
	if !slices.Contains(values, "") {
		choices = append(choices, Choice{Values: []string{""}, Example: true})
	}
	return choices, true
}

// Unknowns calls visit with every key that the statement's resources and
// conditions mention, also as a variable, and that env does not know.
func (s *Statement) Unknowns(env *Env, visit func(key string)) {
	see := func(key, name string) {
		if _, _, unknown := env.keys.Get(key); unknown {
			visit(name)
		}
	}
	for i := range s.resources {
		s.resources[i].template.each(see)
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		see(c.lower, c.Key)
		for _, o := range c.operands {
			if t, ok := o.(*templateOperand); ok {
				t.template.each(see)
			}
		}
	}
}

// each calls visit with every variable's key and name.
func (t *template) each(visit func(key, name string)) {
	if t == nil {
		return
	}
	for i := range t.variables {
		visit(t.variables[i].key, t.variables[i].name)
	}
}

// has reports whether a variable is of that key.
func (t *template) has(key string) bool {
	return t != nil && slices.ContainsFunc(t.variables, func(v variable) bool { return v.key == key })
}

// lone reports whether the template is one variable and nothing else.
func (t *template) lone() bool {
	return len(t.variables) == 1 && t.literals[0] == "" && t.literals[1] == ""
}

// settledKeys answers for one key, and asks others for the rest.
type settledKeys struct {
	Keys
	key    string
	values []string
}

func (k *settledKeys) Get(key string) (values []string, present, unknown bool) {
	if key == k.key {
		return k.values, true, false
	}
	return k.Keys.Get(key)
}
