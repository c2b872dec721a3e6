package analyzer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// actions checks that the actions exist.
func (a *analysis) actions(s *statement) {
	for _, v := range s.actions {
		if a.noVariables(v) {
			a.action(v)
		}
		if a.Kind == policy.ServiceControlPolicy {
			a.endWildcard(v)
		}
	}
	a.redundant("REDUNDANT_ACTION", s.actions, foldedText, func(n int, example string) string {
		return fmt.Sprintf("The %d action(s) are redundant because they provide similar permissions. Update the policy to remove the redundant action such as: %s.", n, example)
	})
}

func (a *analysis) action(v value) {
	text := v.node.Text
	if text == "*" {
		return
	}
	service, name, found := strings.Cut(text, ":")
	if !found {
		a.unknownAction(v, "")
		return
	}
	if hasWildcard(service) {
		a.wildcardService(v)
		return
	}
	s, ok := serviceref.Lookup(service)
	if !ok {
		hint := a.didYouMean(service, serviceref.Prefixes(), "")
		a.add("INVALID_SERVICE_IN_ACTION", []Location{v.location()}, hint, fmt.Sprintf("The service %s specified in the action does not exist.%s", service, sentence(hint)))
		return
	}
	for range serviceref.Actions(text) {
		return
	}
	a.unknownAction(v, a.suggestAction(s, name))
}

func (a *analysis) unknownAction(v value, hint string) {
	a.add("INVALID_ACTION", []Location{v.location()}, hint, fmt.Sprintf("The action %s does not exist.%s", v.node.Text, sentence(hint)))
}

// sentence makes a hint's question part of a text, as ValidatePolicy does.
func sentence(hint string) string {
	if !strings.HasPrefix(hint, "did you mean") {
		return ""
	}
	return " D" + hint[1:]
}

// renamed are operations of an API that are authorized as other actions (the
// services' guides).
var renamed = map[string][]string{
	"kms:reencrypt":             {"kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:ReEncrypt*"},
	"s3:listbuckets":            {"s3:ListAllMyBuckets"},
	"s3:listobjects":            {"s3:ListBucket"},
	"s3:listobjectsv2":          {"s3:ListBucket"},
	"s3:headobject":             {"s3:GetObject"},
	"s3:headbucket":             {"s3:ListBucket"},
	"s3:deleteobjects":          {"s3:DeleteObject"},
	"s3:copyobject":             {"s3:PutObject", "s3:GetObject"},
	"s3:createmultipartupload":  {"s3:PutObject"},
	"sqs:sendmessagebatch":      {"sqs:SendMessage"},
	"sqs:deletemessagebatch":    {"sqs:DeleteMessage"},
	"lambda:invoke":             {"lambda:InvokeFunction"},
	"dynamodb:transactgetitems": {"dynamodb:GetItem"},
}

func (a *analysis) suggestAction(s *serviceref.Service, name string) string {
	if list := renamed[s.Prefix+":"+strings.ToLower(name)]; list != nil {
		return question(list, "")
	}
	names := make([]string, len(s.Actions))
	for i, action := range s.Actions {
		names[i] = action.Name
	}
	return a.didYouMean(name, names, s.Prefix+":")
}

func (a *analysis) wildcardService(v value) {
	a.at("WILDCARD_IN_SERVICE_NAME", v.location(), "Avoid using wildcards (*, ?) in the service name because it might grant unintended access to other AWS services with similar names.")
}

// endWildcard: the guide has this check still, though Organizations takes
// wildcards anywhere since September 2025.
func (a *analysis) endWildcard(v value) {
	text := v.node.Text
	if i := strings.IndexAny(text, "*?"); i < 0 || i == len(text)-1 && text[i] == '*' {
		return
	}
	a.add("SCP_SYNTAX_ERROR_ACTION_WILDCARD", []Location{v.location()}, "Organizations has taken wildcards anywhere in an action since September 2025; the check stands in the guide still",
		fmt.Sprintf("SCP actions can include wildcards (*) only at the end of a string. Update %s.", text))
}

// maxCompared bounds the work of comparing values for redundancy: the length of
// all patterns, times that of all values.
const maxCompared = 1 << 30

func foldedText(v value) string { return strings.ToLower(v.node.Text) }
func plainText(v value) string  { return v.node.Text }

// redundant finds values that another of the list covers: all that they match,
// it matches.
func (a *analysis) redundant(code Code, list []value, text func(value) string, details func(int, string) string) {
	seen := make(map[string]bool)
	var patterns []string
	wild, all := 0, 0
	for _, v := range list {
		t := text(v)
		all += len(t)
		if hasWildcard(t) && !seen[t] {
			seen[t] = true
			patterns = append(patterns, t)
			wild += len(t)
		}
	}
	if wild*all > maxCompared {
		return
	}
	clear(seen)
	var at []Location
	example := ""
	for _, v := range list {
		t := text(v)
		if covered := seen[t] || slices.ContainsFunc(patterns, func(p string) bool { return p != t && covers(p, t) }); covered {
			at = append(at, v.location())
			if example == "" {
				example = v.node.Text
			}
		}
		seen[t] = true
	}
	if len(at) > 0 {
		a.add(code, at, "", details(len(at), example))
	}
}

// covers reports whether a pattern matches all that another matches. It may miss
// some that do: what an asterisk of the other stands for, an asterisk must match.
func covers(pattern, other string) bool {
	star, mark := -1, 0
	p, t := 0, 0
	for t < len(other) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == other[t] || pattern[p] == '?' && other[t] != '*'):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
