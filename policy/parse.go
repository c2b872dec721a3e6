package policy

import (
	"fmt"
)

// Parse reads a policy document and compiles it. The error is a *ParseError
// with the place: text that is not JSON, a key that stands twice, an element or
// operator that does not exist, a value of the wrong kind (IAM guide, "Grammar
// of the IAM JSON policy language"). What depends on the kind of policy, such
// as a Principal where none may be, is for Validate.
func Parse(data []byte) (*Policy, error) {
	p := &Policy{text: string(data)}
	p.lines = newLines(p.text)
	r := reader{text: p.text, lines: p.lines}
	root, err := r.document()
	if err != nil {
		return nil, err
	}
	b := builder{policy: p}
	if err := b.document(root); err != nil {
		return nil, err
	}
	p.index = newIndex(p.statements)
	return p, nil
}

// builder makes a policy of a JSON tree.
type builder struct {
	policy *Policy
}

func (b *builder) fail(offset int, format string, args ...any) error {
	return &ParseError{Position: b.policy.lines.position(offset), Reason: fmt.Sprintf(format, args...)}
}

func (b *builder) want(n node, k kind, what string) error {
	if n.kind != k {
		return b.fail(n.start, "%s must be %s, not %s", what, k, n.kind)
	}
	return nil
}

func (b *builder) document(root node) error {
	if err := b.want(root, objectValue, "a policy"); err != nil {
		return err
	}
	var statements *node
	for i := range root.members {
		m := &root.members[i]
		switch m.key {
		case "Version":
			if err := b.want(m.value, stringValue, m.key); err != nil {
				return err
			}
			if v := m.value.text; v != Version2012 && v != Version2008 {
				return b.fail(m.value.start, "the Version is %q or %q, not %q", Version2012, Version2008, v)
			}
			b.policy.version = m.value.text
		case "Id":
			if err := b.want(m.value, stringValue, m.key); err != nil {
				return err
			}
			b.policy.id = m.value.text
		case "Statement":
			statements = &m.value
		default:
			return b.fail(m.start, "a policy has no element %q", m.key)
		}
	}
	if statements == nil {
		return b.fail(root.start, "the policy has no Statement")
	}
	list := []node{*statements}
	if statements.kind == arrayValue {
		list = statements.items
	}
	b.policy.statements = make([]Statement, len(list))
	for i, n := range list {
		if err := b.statement(&b.policy.statements[i], i, n); err != nil {
			return err
		}
	}
	if statements.kind != arrayValue {
		b.policy.statements[0].bare = true
	}
	return nil
}

func (b *builder) statement(s *Statement, index int, n node) error {
	if err := b.want(n, objectValue, "a statement"); err != nil {
		return err
	}
	s.index, s.position, s.end = index, b.policy.lines.position(n.start), b.policy.lines.position(n.end)
	s.elements = make([]elementAt, 0, len(n.members))
	for _, m := range n.members {
		s.elements = append(s.elements, elementAt{Element(m.key), b.policy.lines.position(m.start)})
		if err := b.element(s, m); err != nil {
			return err
		}
	}
	if s.effect == "" {
		return b.fail(n.start, "the statement has no Effect")
	}
	for _, pair := range [...][2]Element{
		{PrincipalElement, NotPrincipalElement}, {ActionElement, NotActionElement}, {ResourceElement, NotResourceElement},
	} {
		_, one := s.ElementPosition(pair[0])
		if other, both := s.ElementPosition(pair[1]); one && both {
			return b.fail(other.Offset, "a statement has %s or %s, not both", pair[0], pair[1])
		}
	}
	return nil
}

func (b *builder) element(s *Statement, m member) (err error) {
	switch Element(m.key) {
	case "Sid":
		s.sid, s.present = m.value.text, s.present|hasSid
		return b.want(m.value, stringValue, m.key)
	case "Effect":
		if err := b.want(m.value, stringValue, m.key); err != nil {
			return err
		}
		s.effect = Effect(m.value.text)
		if s.effect != Allow && s.effect != Deny {
			return b.fail(m.value.start, "the Effect is %q or %q, not %q", Allow, Deny, s.effect)
		}
	case PrincipalElement:
		s.present |= hasPrincipal
		s.principals, err = b.principals(m)
	case NotPrincipalElement:
		s.present |= hasNotPrincipal
		s.notPrincipals, err = b.principals(m)
	case ActionElement, NotActionElement:
		s.notAction = Element(m.key) == NotActionElement
		s.actionList, err = b.strings(m.value, m.key)
		s.actions = newActions(s.actionList)
		s.present |= presentIf(hasAction, s.actionList)
	case ResourceElement, NotResourceElement:
		s.notResource = Element(m.key) == NotResourceElement
		s.resourceList, err = b.strings(m.value, m.key)
		s.present |= presentIf(hasResource, s.resourceList)
		s.resources = make([]resourceMatcher, 0, len(s.resourceList))
		for _, r := range s.resourceList {
			s.resources = append(s.resources, newResourceMatcher(r, b.policy.version))
		}
	case ConditionElement:
		s.present |= hasCondition
		s.conditions, err = b.conditions(m.value)
	default:
		return b.fail(m.start, "a statement has no element %q", m.key)
	}
	return err
}

// presentIf counts an empty list as no list, so that an empty NotAction is not
// everything.
func presentIf(p presence, list []string) presence {
	if len(list) == 0 {
		return 0
	}
	return p
}

// strings reads a string or a list of strings.
func (b *builder) strings(n node, what string) ([]string, error) {
	if n.kind != arrayValue {
		if err := b.want(n, stringValue, what); err != nil {
			return nil, err
		}
		return []string{n.text}, nil
	}
	list := make([]string, len(n.items))
	for i, item := range n.items {
		if err := b.want(item, stringValue, "each value of "+what); err != nil {
			return nil, err
		}
		list[i] = item.text
	}
	return list, nil
}

func (b *builder) principals(m member) ([]PrincipalName, error) {
	n := m.value
	if n.kind == stringValue {
		if n.text != "*" {
			return nil, b.fail(n.start, `a %s that is a string is "*"; others have a type, as in {"AWS": %q}`, m.key, n.text)
		}
		return []PrincipalName{b.principal("", n)}, nil
	}
	if err := b.want(n, objectValue, m.key); err != nil {
		return nil, err
	}
	var list []PrincipalName
	for _, t := range n.members {
		switch t.key {
		case AWSPrincipal, ServicePrincipal, FederatedPrincipal, CanonicalUserPrincipal:
		default:
			return nil, b.fail(t.start, "a principal is of type AWS, Service, Federated or CanonicalUser, not %q", t.key)
		}
		values := []node{t.value}
		if t.value.kind == arrayValue {
			values = t.value.items
		}
		for _, v := range values {
			if err := b.want(v, stringValue, "a principal"); err != nil {
				return nil, err
			}
			list = append(list, b.principal(t.key, v))
		}
	}
	return list, nil
}

func (b *builder) principal(kind string, n node) PrincipalName {
	p := newPrincipalName(kind, n.text)
	p.Position, p.Length = b.policy.lines.position(n.start), n.end-n.start
	return p
}

func (b *builder) conditions(n node) ([]Condition, error) {
	if err := b.want(n, objectValue, "Condition"); err != nil {
		return nil, err
	}
	var list []Condition
	for _, op := range n.members {
		if err := b.want(op.value, objectValue, op.key); err != nil {
			return nil, err
		}
		if _, ok := newCondition(op.key, "", nil, ""); !ok {
			return nil, b.fail(op.start, "there is no condition operator %q", op.key)
		}
		for _, key := range op.value.members {
			values, err := b.values(key)
			if err != nil {
				return nil, err
			}
			c, _ := newCondition(op.key, key.key, values, b.policy.version)
			c.Position = b.policy.lines.position(key.start)
			list = append(list, c)
		}
	}
	return list, nil
}

// values reads the values of a condition: strings, numbers, booleans, or a list.
func (b *builder) values(m member) ([]string, error) {
	items := []node{m.value}
	if m.value.kind == arrayValue {
		items = m.value.items
	}
	list := make([]string, len(items))
	for i, item := range items {
		switch item.kind {
		case stringValue, numberValue, boolValue:
			list[i] = item.text
		default:
			return nil, b.fail(item.start, "a value of %s must be a string, a number, or true or false, not %s", m.key, item.kind)
		}
	}
	return list, nil
}
