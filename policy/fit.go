package policy

// Fit is how near a statement comes to a request: what Explain tells, without
// its texts. It costs no allocation; [Statement.Mismatch] gives the text of the
// one element that says most, for those statements that are worth it.
type Fit struct {
	// Applies, Names and Action are as in Match.
	Applies Truth
	Names   Names
	Action  bool
	// Unknown: the element that Mismatch describes may fit or not. No element is
	// certain not to.
	Unknown bool
	// Misses counts the elements that do not fit, or of which it is unknown.
	Misses int32
	// Element is the first that fails for certain, or else the first of which it
	// is unknown; empty if the statement applies.
	Element Element

	condition int32  // which, if Element is ConditionElement
	variable  string // what had no value there
}

// Fit compares the whole statement with a request. If the action does not match
// it looks no further and counts one miss: call [Statement.FitsButAction] to
// learn whether there are others.
func (s *Statement) Fit(env *Env) Fit {
	f := Fit{Action: s.matchAction(env)}
	if !f.Action {
		f.miss(No, s.actionElement(), 0, "")
		return f
	}
	f.Applies = Yes
	var ok bool
	if f.Names, ok = s.matchPrincipal(env); !ok {
		f.miss(No, s.principalElement(), 0, "")
	}
	if t, variable := s.matchResource(env); t != Yes {
		f.miss(t, s.resourceElement(), 0, variable)
	}
	for i := range s.conditions {
		if t, variable := s.conditions[i].evaluate(env); t != Yes {
			f.miss(t, ConditionElement, int32(i), variable)
		}
	}
	return f
}

// miss notes an element that does not fit. What fails for certain says more
// than what is unknown.
func (f *Fit) miss(t Truth, e Element, condition int32, variable string) {
	f.Applies = f.Applies.And(t)
	f.Misses++
	if f.Misses == 1 || f.Unknown && t == No {
		f.Element, f.condition, f.variable, f.Unknown = e, condition, variable, t == Maybe
	}
}

// FitsButAction tells whether everything but the action fits a request.
func (s *Statement) FitsButAction(env *Env) bool {
	t, _ := s.matchRest(env)
	return t == Yes
}

// Mismatch describes the element of a Fit that did not fit the same request.
func (s *Statement) Mismatch(env *Env, f *Fit) Mismatch {
	var d Described
	d.Describe(s, env, f)
	return d.Mismatch
}

// Described is a Mismatch with room for the one value that it mostly saw, so
// that many can be made in one piece of memory.
type Described struct {
	Mismatch
	saw [1]string
}

// Describe makes it the description of the element of a Fit of that statement
// that did not fit the same request.
func (d *Described) Describe(s *Statement, env *Env, f *Fit) {
	m := &d.Mismatch
	m.Element, m.Variable, m.Unknown, m.statement = f.Element, f.variable, f.Unknown, s
	switch f.Element {
	case ConditionElement:
		c := &s.conditions[f.condition]
		values, present, unknown := env.keys.Get(c.lower)
		m.Operator, m.Key, m.Position, m.Wanted = c.Operator, c.Key, c.Position, c.Values
		m.Absent = !unknown && (!present || len(values) == 0)
		if len(values) > 0 {
			m.Saw = append(d.saw[:0], values...)
		}
		return
	case PrincipalElement, NotPrincipalElement:
		*m = s.principalMismatch(env)
		m.Variable, m.Unknown, m.statement = f.variable, f.Unknown, s
		return
	case ActionElement, NotActionElement:
		m.Wanted, d.saw[0] = s.actionList, env.action
	default:
		m.Wanted, d.saw[0] = s.resourceList, env.resource.text
	}
	m.Saw, m.Position = d.saw[:], s.at(f.Element)
}

func (s *Statement) principalElement() Element {
	if s.present.has(hasNotPrincipal) {
		return NotPrincipalElement
	}
	return PrincipalElement
}

func (s *Statement) actionElement() Element {
	if s.notAction {
		return NotActionElement
	}
	return ActionElement
}

func (s *Statement) resourceElement() Element {
	if s.notResource {
		return NotResourceElement
	}
	return ResourceElement
}
