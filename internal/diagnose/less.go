package diagnose

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/internal/phrase"
)

// parts is a statement taken to pieces: lists where the language allows a lone
// value, so that an element is a value of a list.
type parts struct {
	sid, effect string
	lists       map[string][]string            // of listElements
	principals  map[string][]string            // by type
	not         bool                           // the principals are those of NotPrincipal
	conditions  map[string]map[string][]string // by operator and key
}

// listElements are the elements of a statement that are lists of names.
var listElements = [...]string{"Action", "NotAction", "Resource", "NotResource"}

// less are the document's stricter neighbours: what was there before, with all
// that the change lets through but for one element. An element is a statement; an
// action, a resource or a principal of one; a value of a condition that lets
// through what has it; a condition that exempts from a Deny statement; and what
// the change took away from what was there before.
func (c *change) less() []lesser {
	is, err := readDocument(c.is)
	if err != nil {
		return nil
	}
	was := document{}
	if c.was != "" {
		if was, err = readDocument(c.was); err != nil {
			return nil
		}
	}
	var all []lesser
	add := func(without phrase.Text, statements []json.RawMessage) {
		l := lesser{without: without}
		if len(statements) > 0 {
			text := render(document{Version: is.Version, ID: is.ID, Statement: statements})
			l.in = func(e *Evidence) { c.put(e, text) }
		}
		all = append(all, l)
	}
	for i, raw := range is.Statement {
		if slices.ContainsFunc(was.Statement, func(o json.RawMessage) bool { return sameJSON(raw, o) }) {
			continue
		}
		var before json.RawMessage
		if len(was.Statement) > i && !slices.ContainsFunc(is.Statement, func(o json.RawMessage) bool { return sameJSON(was.Statement[i], o) }) {
			before = was.Statement[i]
		}
		rest := slices.Delete(slices.Clone(is.Statement), i, i+1)
		switch {
		case before != nil:
			add(phrase.Say("the change of statement %d of %s", i+1, documentWords(c.name)), slices.Insert(rest, i, before))
		default:
			add(phrase.Say("statement %d of %s", i+1, documentWords(c.name)), rest)
		}
		for _, s := range stricter(before, raw) {
			add(phrase.Say("%s in statement %d of %s", s.element, i+1, documentWords(c.name)), slices.Insert(slices.Clone(rest), i, s.statement))
		}
	}
	for i, raw := range was.Statement {
		gone := !slices.ContainsFunc(is.Statement, func(o json.RawMessage) bool { return sameJSON(raw, o) })
		if gone && i >= len(is.Statement) {
			add(phrase.Say("that statement %d of %s goes", i+1, documentWords(c.name)), append(slices.Clone(is.Statement), raw))
		}
	}
	return all
}

// stricterStatement is a statement that lets less through by one element.
type stricterStatement struct {
	element   string
	statement json.RawMessage
}

// stricter takes each element that is new in a statement away. before is the
// statement that it was, nil if it is new.
func stricter(before, raw json.RawMessage) []stricterStatement {
	is, ok := takeApart(raw)
	if !ok {
		return nil
	}
	was, had := takeApart(before)
	var all []stricterStatement
	add := func(element string, p parts) {
		all = append(all, stricterStatement{element, json.RawMessage(render(p.join()))})
	}
	if is.effect == "Allow" {
		for _, name := range [...]string{"Action", "Resource"} {
			values := is.lists[name]
			for _, v := range values {
				if len(values) > 1 && !(had && slices.Contains(was.lists[name], v)) {
					p := is.clone()
					p.lists[name] = without(values, v)
					add(name+" "+v, p)
				}
			}
		}
		for kind, values := range is.principals {
			for _, v := range values {
				if !is.not && (len(values) > 1 || len(is.principals) > 1) && !(had && slices.Contains(was.principals[kind], v)) {
					p := is.clone()
					if p.principals[kind] = without(values, v); len(values) == 1 {
						delete(p.principals, kind)
					}
					add("Principal "+v, p)
				}
			}
		}
	}
	negated := is.effect == "Deny"
	for operator, keys := range is.conditions {
		for key, values := range keys {
			old := was.conditions[operator][key]
			if negated && old == nil { // a condition that exempts
				p := is.clone()
				delete(p.conditions[operator], key)
				add("Condition "+operator+" "+key, p)
			}
			if len(values) < 2 || strings.Contains(operator, "Not") != negated || operator == "Null" {
				continue
			}
			for _, v := range values {
				if !slices.Contains(old, v) {
					p := is.clone()
					p.conditions[operator][key] = without(values, v)
					add("Condition "+operator+" "+key+" "+v, p)
				}
			}
		}
	}
	// What was there before and restricted it more.
	for operator, keys := range was.conditions {
		for key, values := range keys {
			if _, kept := is.conditions[operator][key]; had && !kept && was.effect == "Allow" {
				p := is.clone()
				if p.conditions[operator] == nil {
					p.conditions[operator] = map[string][]string{}
				}
				p.conditions[operator][key] = values
				add("that Condition "+operator+" "+key+" goes", p)
			}
		}
	}
	if had && was.effect == "Deny" {
		for _, name := range [...]string{"Action", "Resource"} {
			for _, v := range was.lists[name] {
				if !slices.Contains(is.lists[name], v) {
					p := is.clone()
					p.lists[name] = append(slices.Clone(p.lists[name]), v)
					add("that "+name+" "+v+" goes", p)
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b stricterStatement) int { return strings.Compare(a.element, b.element) })
	return all
}

func without(values []string, v string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(o string) bool { return o == v })
}

// takeApart reads a statement.
func takeApart(raw json.RawMessage) (parts, bool) {
	var s map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return parts{}, false
	}
	p := parts{lists: map[string][]string{}}
	_ = json.Unmarshal(s["Sid"], &p.sid)
	_ = json.Unmarshal(s["Effect"], &p.effect)
	for _, name := range listElements {
		if v, ok := s[name]; ok {
			p.lists[name] = values(v)
		}
	}
	for _, name := range [...]string{"Principal", "NotPrincipal"} {
		v, ok := s[name]
		if !ok {
			continue
		}
		p.not = name == "NotPrincipal"
		var byType map[string]json.RawMessage
		if json.Unmarshal(v, &byType) != nil {
			p.principals = map[string][]string{"*": values(v)}
			continue
		}
		p.principals = make(map[string][]string)
		for kind, names := range byType {
			p.principals[kind] = values(names)
		}
	}
	var conditions map[string]map[string]json.RawMessage
	_ = json.Unmarshal(s["Condition"], &conditions)
	p.conditions = make(map[string]map[string][]string)
	for operator, keys := range conditions {
		p.conditions[operator] = make(map[string][]string)
		for key, v := range keys {
			p.conditions[operator][key] = values(v)
		}
	}
	return p, true
}

// values is a list, or a lone value as a list. What is no text is written as one:
// IAM takes true for "true".
func values(raw json.RawMessage) []string {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	all := make([]string, len(list))
	for i, v := range list {
		if json.Unmarshal(v, &all[i]) != nil {
			all[i] = string(v)
		}
	}
	return all
}

// clone copies what stricter changes.
func (p parts) clone() parts {
	p.lists, p.principals = maps.Clone(p.lists), maps.Clone(p.principals)
	conditions := make(map[string]map[string][]string, len(p.conditions))
	for operator, keys := range p.conditions {
		conditions[operator] = maps.Clone(keys)
	}
	p.conditions = conditions
	return p
}

// join is the statement that the parts make.
func (p parts) join() map[string]any {
	s := map[string]any{"Effect": p.effect}
	if p.sid != "" {
		s["Sid"] = p.sid
	}
	for name, v := range p.lists {
		s[name] = v
	}
	if p.principals != nil {
		name := "Principal"
		if p.not {
			name = "NotPrincipal"
		}
		s[name] = p.principals
		if all, ok := p.principals["*"]; ok {
			s[name] = all[0]
		}
	}
	conditions := make(map[string]map[string][]string)
	for operator, keys := range p.conditions {
		if len(keys) > 0 {
			conditions[operator] = keys
		}
	}
	if len(conditions) > 0 {
		s["Condition"] = conditions
	}
	return s
}

// sameJSON tells whether two texts are the same value.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && render(x) == render(y)
}
