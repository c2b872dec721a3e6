package policy

// Match is a statement's answer to a request.
type Match struct {
	// Applies tells whether the statement applies; Maybe if that turns on a
	// value that nobody knows.
	Applies Truth
	// Names is how its Principal element names the caller, 0 where it does not,
	// or where the statement has none.
	Names Names
	// Action tells whether the action alone matches.
	Action bool
	// Failed are the elements that did not fit, or of which it is unknown, in
	// the order principal, action, resource, conditions. Match leaves it empty;
	// Explain fills it.
	Failed []Mismatch
}

// Match tells whether the statement applies to a request.
func (s *Statement) Match(env *Env) Match {
	var m Match
	if m.Action = s.matchAction(env); !m.Action {
		return m
	}
	m.Applies, m.Names = s.matchRest(env)
	return m
}

// matchRest matches everything but the action.
func (s *Statement) matchRest(env *Env) (Truth, Names) {
	names, ok := s.matchPrincipal(env)
	if !ok {
		return No, names
	}
	t, _ := s.matchResource(env)
	for i := range s.conditions {
		if t == No {
			return No, names
		}
		u, _ := s.conditions[i].evaluate(env)
		t = t.And(u)
	}
	return t, names
}

// Explain is Match that goes on after the first element that does not fit, and
// lists them all.
func (s *Statement) Explain(env *Env) Match {
	m := Match{Applies: Yes}
	fail := func(t Truth, f Mismatch) {
		m.Applies = m.Applies.And(t)
		f.Unknown, f.statement = t == Maybe, s
		m.Failed = append(m.Failed, f)
	}
	var ok bool
	if m.Names, ok = s.matchPrincipal(env); !ok {
		fail(No, s.principalMismatch(env))
	}
	if m.Action = s.matchAction(env); !m.Action {
		fail(No, s.actionMismatch(env))
	}
	if t, variable := s.matchResource(env); t != Yes {
		f := s.resourceMismatch(env)
		f.Variable = variable
		fail(t, f)
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		if t, variable := c.evaluate(env); t != Yes {
			f := c.mismatch(env)
			f.Variable = variable
			fail(t, f)
		}
	}
	return m
}

func (s *Statement) matchAction(env *Env) bool {
	return s.actions.match(env) != s.notAction && s.present.has(hasAction)
}

func (s *Statement) matchPrincipal(env *Env) (Names, bool) {
	switch {
	case s.present.has(hasNotPrincipal):
		if env.caller == nil || excepted(s.notPrincipals, env.caller, s.effect) {
			return 0, false
		}
		return NamesEveryone, true
	case s.present.has(hasPrincipal):
		if env.caller == nil {
			return 0, false
		}
		var names Names
		for i := range s.principals {
			names |= s.principals[i].names(env.caller)
		}
		return names, names != 0
	}
	return 0, !env.ResourceBased
}

func (s *Statement) matchResource(env *Env) (t Truth, variable string) {
	if !s.present.has(hasResource) {
		return truth(env.ImpliedResource), ""
	}
	for i := range s.resources {
		u, name := s.resources[i].match(env)
		if u == Yes {
			t, variable = Yes, ""
			break
		}
		t, variable = t.Or(u), first(variable, name)
	}
	if s.notResource {
		t = t.Not()
	}
	return t, variable
}

func (s *Statement) principalMismatch(env *Env) Mismatch {
	m := Mismatch{Element: s.principalElement(), Wanted: principalTexts(s.principals)}
	if m.Element == NotPrincipalElement {
		m.Wanted = principalTexts(s.notPrincipals)
	}
	m.Position = s.at(m.Element)
	if c := env.caller; c != nil {
		for _, name := range [...]string{c.ARN, c.RoleARN, c.Service, c.Federated, c.CanonicalUser} {
			if name != "" {
				m.Saw = append(m.Saw, name)
			}
		}
	}
	return m
}

func principalTexts(list []PrincipalName) []string {
	var texts []string
	for i := range list {
		texts = append(texts, list[i].Name)
	}
	return texts
}

func (s *Statement) actionMismatch(env *Env) Mismatch {
	m := Mismatch{Element: s.actionElement(), Wanted: s.actionList, Saw: []string{env.action}}
	m.Position = s.at(m.Element)
	return m
}

func (s *Statement) resourceMismatch(env *Env) Mismatch {
	m := Mismatch{Element: s.resourceElement(), Wanted: s.resourceList, Saw: []string{env.resource.text}}
	m.Position = s.at(m.Element)
	return m
}

func (c *Condition) mismatch(env *Env) Mismatch {
	values, present, unknown := env.keys.Get(c.lower)
	return Mismatch{
		Element: ConditionElement, Operator: c.Operator, Key: c.Key, Position: c.Position,
		Wanted: c.Values, Saw: append([]string(nil), values...),
		Absent: !unknown && (!present || len(values) == 0),
	}
}
