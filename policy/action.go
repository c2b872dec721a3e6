package policy

import (
	"slices"
	"strings"
)

// actions is a compiled Action or NotAction element. Actions have no case (IAM
// guide, "IAM JSON policy elements: Action").
type actions struct {
	all      bool
	exact    []string // in lower case, without wildcards, sorted
	patterns []string // in lower case, with wildcards in the name only
	anywhere []string // in lower case, with wildcards in the service prefix
	prefixes []string // service prefixes of exact and patterns, sorted
}

func newActions(list []string) actions {
	var a actions
	literal := 0
	for _, s := range list {
		if !hasWildcard(s) {
			literal++
		}
	}
	a.exact = make([]string, 0, literal)
	for _, s := range list {
		s = strings.ToLower(s)
		service, _, found := strings.Cut(s, ":")
		switch {
		case s == "*":
			a.all = true
			continue
		case !found:
			continue // names no action; Validate tells
		case hasWildcard(service):
			a.anywhere = append(a.anywhere, s)
			continue
		case hasWildcard(s):
			a.patterns = append(a.patterns, s)
		default:
			a.exact = append(a.exact, s)
		}
		if n := len(a.prefixes); n == 0 || a.prefixes[n-1] != service {
			a.prefixes = append(a.prefixes, service)
		}
	}
	slices.Sort(a.exact)
	slices.Sort(a.prefixes)
	a.prefixes = slices.Compact(a.prefixes)
	return a
}

// fewActions is how many names are compared one by one, without a look at
// their services first.
const fewActions = 4

func (a *actions) match(env *Env) bool {
	if a.all {
		return true
	}
	if len(a.exact)+len(a.patterns) <= fewActions || a.names(env.service) {
		if _, ok := slices.BinarySearchFunc(a.exact, env.action, compareFold); ok {
			return true
		}
		for _, s := range a.patterns {
			if MatchAction(s, env.action) {
				return true
			}
		}
	}
	for _, s := range a.anywhere {
		if MatchAction(s, env.action) {
			return true
		}
	}
	return false
}

// names tells whether a name without wildcards before its colon is of the service.
func (a *actions) names(service string) bool {
	_, ok := slices.BinarySearchFunc(a.prefixes, service, compareFold)
	return ok
}

// compareFold orders a text in lower case and one of any case.
func compareFold(lowered, text string) int {
	for i := range min(len(lowered), len(text)) {
		if c := int(lowered[i]) - int(lower(text[i])); c != 0 {
			return c
		}
	}
	return len(lowered) - len(text)
}
