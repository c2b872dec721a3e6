package analyzer

import (
	"regexp"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// variable is a policy variable; ${*}, ${?} and ${$} are escapes (IAM guide, "IAM
// policy elements: Variables and tags").
var variable = regexp.MustCompile(`\$\{[^}]*\}`)

// variables checks the policy variables of a value of Resource (family is empty)
// or of a condition, and reports whether it has any.
func (a *analysis) variables(v value, family string) bool {
	text, at := v.node.Text, v.location()
	if !strings.Contains(text, "${") {
		return false
	}
	if a.version != policy.Version2012 {
		a.at("VARIABLE_UNSUPPORTED_IN_VERSION", at, "To include variables in your policy, use the policy version 2012-10-17 or later.")
		return true
	}
	named := false
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "${")
		if !found {
			break
		}
		inside, behind, closed := strings.Cut(after, "}")
		if !closed {
			a.at("MISSING_BRACE_IN_VARIABLE", at, "The policy variable is missing a closing curly brace. Add } after the variable text.")
			break
		}
		rest = behind
		switch inside {
		case "*", "?", "$":
			continue
		}
		named = true
		a.variableName(inside, at)
	}
	// The operators' page lets Bool have variables, the checks' page does not:
	// doubt is resolved against an error.
	switch family {
	case "", "String", "ARN", "Bool":
	default:
		if named {
			a.at("INVALID_VARIABLE_FOR_OPERATOR", at, "Policy variables can only be used with String and ARN operators.")
		}
	}
	return true
}

func (a *analysis) variableName(inside string, at Location) {
	name, fallback, hasDefault := strings.Cut(inside, ",")
	if strings.TrimSpace(inside) == "" {
		a.at("EMPTY_VARIABLE", at, "Empty policy variable. Remove the ${ } variable structure or provide a variable within the structure.")
		return
	}
	// Tag keys can have spaces.
	if service, _, isTag := strings.Cut(name, "/"); strings.Contains(service, " ") || !isTag && strings.Contains(name, " ") {
		a.at("UNSUPPORTED_SPACE_IN_VARIABLE", at, "A space is not supported within the policy variable text. Remove the space.")
	}
	fallback = strings.TrimSpace(fallback)
	if hasDefault && (len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\'') {
		a.at("MISSING_QUOTE_IN_VARIABLE", at, "The policy variable default value must begin and end with a single quote. Add the missing quote.")
	}
}

// noVariables is for elements that have none.
func (a *analysis) noVariables(v value) bool {
	found := variable.FindString(v.node.Text)
	if found == "" {
		return true
	}
	a.at("VARIABLE_UNSUPPORTED_IN_ELEMENT", v.location(), "Policy variables are supported in the Resource and Condition elements. Remove the policy variable %s from this element.", found)
	return false
}
