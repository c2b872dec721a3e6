package policy

import (
	"strconv"
	"strings"
)

// Statement is one statement of a policy, read-only. The slices that its
// methods return must not be changed.
type Statement struct {
	index    int
	bare     bool // the document's only one, without brackets
	sid      string
	effect   Effect
	position Position
	end      Position

	principals    []PrincipalName
	notPrincipals []PrincipalName
	actionList    []string
	actions       actions
	notAction     bool
	resourceList  []string
	resources     []resourceMatcher
	notResource   bool
	conditions    []Condition
	elements      []elementAt
	present       presence
}

// elementAt is an element's place.
type elementAt struct {
	element Element
	at      Position
}

// at is an element's place, or the zero Position.
func (s *Statement) at(e Element) Position {
	p, _ := s.ElementPosition(e)
	return p
}

// presence tells the elements that a statement has.
type presence uint8

const (
	hasPrincipal presence = 1 << iota
	hasNotPrincipal
	hasAction
	hasResource
	hasCondition
	hasSid
)

func (p presence) has(q presence) bool { return p&q != 0 }

// resourceMatcher is one value of a Resource element: a pattern, or a template
// for one.
type resourceMatcher struct {
	pattern  resourcePattern
	template *template
}

func newResourceMatcher(text, version string) resourceMatcher {
	if version != Version2012 {
		return resourceMatcher{pattern: newResourcePattern(encodeWildcards.Replace(text))}
	}
	// Variables stand behind the fifth colon only (IAM guide, "IAM policy
	// elements: Variables and tags"); before it they are plain text.
	front := 0
	for range 5 {
		i := strings.IndexByte(text[front:], ':')
		if i < 0 {
			return resourceMatcher{pattern: newResourcePattern(encodeWildcards.Replace(text))}
		}
		front += i + 1
	}
	encoded, t := compileTemplate(text[front:])
	head := encodeWildcards.Replace(text[:front])
	if t == nil {
		return resourceMatcher{pattern: newResourcePattern(head + encoded)}
	}
	t.literals[0] = head + t.literals[0]
	return resourceMatcher{template: t}
}

func (m *resourceMatcher) match(env *Env) (Truth, string) {
	if m.template == nil {
		return truth(m.pattern.match(&env.resource)), ""
	}
	t, name := m.template.resolve(env, len(env.resource.text))
	if t != Yes {
		return t, name
	}
	return truth(env.resource.matchOnce(env.resolved)), ""
}

// Index is the statement's place in its policy, from 0.
func (s *Statement) Index() int { return s.index }

// Path is the statement's place as a JSON path from the document's root:
// "Statement[0]", or "Statement" where it stands without brackets.
func (s *Statement) Path() string {
	if s.bare {
		return "Statement"
	}
	return "Statement[" + strconv.Itoa(s.index) + "]"
}

// Sid is the statement's id, often empty.
func (s *Statement) Sid() string { return s.sid }

// Effect is Allow or Deny.
func (s *Statement) Effect() Effect { return s.effect }

// Position is where the statement's opening brace stands.
func (s *Statement) Position() Position { return s.position }

// End is the place just behind the statement's closing brace.
func (s *Statement) End() Position { return s.end }

// ElementPosition is where an element's key stands, if the statement has it.
func (s *Statement) ElementPosition(e Element) (Position, bool) {
	for i := range s.elements {
		if s.elements[i].element == e {
			return s.elements[i].at, true
		}
	}
	return Position{}, false
}

// Principals are the values of the Principal element.
func (s *Statement) Principals() []PrincipalName { return s.principals }

// NotPrincipals are the values of the NotPrincipal element.
func (s *Statement) NotPrincipals() []PrincipalName { return s.notPrincipals }

// Actions are the values of the Action element, as written.
func (s *Statement) Actions() []string {
	if s.notAction {
		return nil
	}
	return s.actionList
}

// NotActions are the values of the NotAction element, as written.
func (s *Statement) NotActions() []string {
	if !s.notAction {
		return nil
	}
	return s.actionList
}

// Resources are the values of the Resource element, as written.
func (s *Statement) Resources() []string {
	if s.notResource {
		return nil
	}
	return s.resourceList
}

// NotResources are the values of the NotResource element, as written.
func (s *Statement) NotResources() []string {
	if !s.notResource {
		return nil
	}
	return s.resourceList
}

// Conditions are the lines of the Condition element, in the order of the text.
// All of them must hold.
func (s *Statement) Conditions() []Condition { return s.conditions }

// general tells whether the statement may match actions of services that it
// does not name.
func (s *Statement) general() bool {
	return s.notAction || s.actions.all || len(s.actions.anywhere) > 0
}

// keyCount is how many entries the statement has in its policy's index.
func (s *Statement) keyCount() int {
	n := len(s.actions.prefixes)
	if !s.general() {
		n += len(s.actions.exact) + len(s.actions.patterns)
	}
	return n
}
