package requestset

import (
	"iter"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// referenceCardinality is a key's cardinality by the Service Authorization
// Reference.
func referenceCardinality(key string) Cardinality {
	k, ok := serviceref.LookupKey(key)
	switch {
	case !ok:
		return UnknownCardinality
	case k.Type.Multivalued():
		return Multivalued
	}
	return SingleValued
}

// known narrows a box to requests that the reference knows: an action that
// exists, on a resource of a type that it is checked on, with no key that it
// does not have. nil if there is none.
func (q *question) known(b *box) *box {
	action := q.theory.sides(actionDim, b.action)
	for a := range q.actionsOf(b) {
		if !action.holds(strings.ToLower(a.String())) || !keysFit(b, a) {
			continue
		}
		narrow := b.clone()
		exact := q.compiler.languages.actionLanguage([]string{a.String()})
		if !q.theory.add(narrow, literal{dim: actionDim, lang: exact}) {
			continue
		}
		if types := q.resourcesOf(a); q.theory.add(narrow, literal{dim: resourceDim, lang: types}) {
			return narrow
		}
	}
	return nil
}

// actionsOf yields the actions of the services that a box may be about.
func (q *question) actionsOf(b *box) iter.Seq[*serviceref.Action] {
	return func(yield func(*serviceref.Action) bool) {
		for _, prefix := range serviceref.Prefixes() {
			all := q.compiler.languages.actionLanguage([]string{prefix + ":*"})
			if q.theory.text(actionDim, b.action, literal{dim: actionDim, lang: all}) == policy.No {
				continue
			}
			service, ok := serviceref.Lookup(prefix)
			if !ok {
				continue
			}
			for _, a := range service.Actions {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// keysFit reports whether the box lets all keys be absent that the action does
// not have.
func keysFit(b *box, a *serviceref.Action) bool {
	for name, literals := range b.keys {
		if !a.HasKey(name) && !all(literals, nil) {
			return false
		}
	}
	return true
}

// resourcesOf is the language of the resources that an action is checked on: the
// formats of their ARNs, and "*" where it needs none.
func (q *question) resourcesOf(a *serviceref.Action) *language {
	var patterns []pattern
	required := false
	for _, r := range a.Resources {
		required = required || r.Required
		patterns = append(patterns, formatPattern(r.Type.ARN))
	}
	if !required {
		patterns = append(patterns, pattern{text: "*", elems: literalElems(nil, "*")})
	}
	l := q.compiler.languages.intern(patterns)
	l.shadow = true
	return l
}

// plainNames are the ARN namespaces in which no name holds a colon. Elsewhere one
// may: objects in S3 and topics of IoT do.
var plainNames = []string{"iam", "sts", "kms", "ec2", "cloudtrail", "organizations", "autoscaling"}

// formatPattern reads a format such as "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}".
// In front of the sixth part a variable part may be empty: some ARNs have no
// region, or no account.
func formatPattern(format string) pattern {
	p := pattern{text: format}
	plain := slices.Contains(plainNames, strings.Split(format+":::", ":")[2])
	part := 0
	for format != "" {
		before, rest, found := strings.Cut(format, "${")
		p.elems = literalElems(p.elems, before)
		part += strings.Count(before, ":")
		if !found {
			break
		}
		_, format, _ = strings.Cut(rest, "}")
		switch {
		case part < 5:
			p.elems = append(p.elems, elem{kind: manyInPart})
		case plain:
			p.elems = append(p.elems, elem{kind: oneInPart}, elem{kind: manyInPart})
		default:
			p.elems = append(p.elems, elem{kind: oneAny}, elem{kind: manyAny})
		}
	}
	return p
}
