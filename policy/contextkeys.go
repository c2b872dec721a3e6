package policy

import (
	"slices"
	"strings"
)

// ContextKeys are the condition keys that the policy's statements ask for, in
// their conditions and in their variables: each once, as first written, sorted
// (IAM API reference, "GetContextKeysForCustomPolicy").
func (p *Policy) ContextKeys() []string {
	var all []string
	for i := range p.statements {
		all = append(all, p.statements[i].contextKeys(p.version)...)
	}
	return distinctKeys(all)
}

// StatementContextKeys are those of the i-th statement.
func (p *Policy) StatementContextKeys(i int) []string {
	return distinctKeys(p.statements[i].contextKeys(p.version))
}

func (s *Statement) contextKeys(version string) []string {
	var all []string
	variables := func(text string) {
		if version != Version2012 {
			return
		}
		if _, t := compileTemplate(text); t != nil {
			for i := range t.variables {
				all = append(all, t.variables[i].name)
			}
		}
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		all = append(append(all, c.Key), c.Variables()...)
	}
	for _, r := range s.resourceList {
		variables(r)
	}
	return all
}

// distinctKeys keeps the first of each key: names have no case.
func distinctKeys(keys []string) []string {
	seen := make(map[string]bool, len(keys))
	all := []string{}
	for _, k := range keys {
		if lower := strings.ToLower(k); k != "" && !seen[lower] {
			seen[lower] = true
			all = append(all, k)
		}
	}
	slices.Sort(all)
	return all
}
