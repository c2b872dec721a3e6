package policy_test

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/policy"
)

// The reference reads a statement the plain way: JSON into maps, wildcards into
// regular expressions, numbers into fractions, one element after the other. It
// shares no code with the package and is as slow as it is obvious.

type request struct {
	action, resource string
	caller           policy.Caller
	context          map[string][]string // lower-case names
}

func (r request) Get(key string) (values []string, present, unknown bool) {
	values, present = r.context[key]
	return values, present, false
}

// referenceMatch reads one statement of a document of the given version.
func referenceMatch(version string, statement map[string]any, r request, resourceBased bool) bool {
	return referencePrincipal(statement, r, resourceBased) &&
		referenceAction(statement, r) &&
		referenceResource(version, statement, r) &&
		referenceConditions(version, statement, r)
}

func list(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, list(e)...)
		}
		return out
	case bool:
		return []string{strconv.FormatBool(v)}
	case json.Number:
		return []string{v.String()}
	}
	return []string{v.(string)}
}

func wildcard(pattern string, fold, segment bool) *regexp.Regexp {
	any, one := "[\\s\\S]*", "[\\s\\S]"
	if segment {
		any, one = "[^:]*", "[^:]"
	}
	var b strings.Builder
	for _, c := range pattern {
		switch c {
		case '*':
			b.WriteString(any)
		case '?':
			b.WriteString(one)
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	flags := ""
	if fold {
		flags = "(?i)"
	}
	return regexp.MustCompile("^" + flags + b.String() + "$")
}

func referenceAction(s map[string]any, r request) bool {
	one := func(p string) bool { return wildcard(p, true, false).MatchString(r.action) }
	if v, ok := s["Action"]; ok {
		return anyOf(list(v), one)
	}
	if v := list(s["NotAction"]); len(v) > 0 {
		return !anyOf(v, one)
	}
	return false
}

func anyOf(values []string, f func(string) bool) bool {
	return slices.ContainsFunc(values, f)
}

// literal marks characters of a pattern that come out of a variable or an
// escape: private-use characters that no test uses otherwise.
var (
	hide = strings.NewReplacer("*", "\ue000", "?", "\ue001", "$", "\ue002")
	show = strings.NewReplacer("\ue000", "*", "\ue001", "?", "\ue002", "$")
)

var variablePattern = regexp.MustCompile(`\$\{([^}]*)\}`)

func substitute(version, text string, r request) (string, bool) {
	if version != policy.Version2012 {
		return text, true
	}
	ok := true
	out := variablePattern.ReplaceAllStringFunc(text, func(m string) string {
		inside := m[2 : len(m)-1]
		if inside == "*" || inside == "?" || inside == "$" {
			return hide.Replace(inside)
		}
		name, fallback, found := strings.Cut(inside, ",")
		values, present := r.context[strings.ToLower(strings.TrimSpace(name))]
		fallback = strings.TrimSpace(fallback)
		switch {
		case present && len(values) == 1:
			return hide.Replace(values[0])
		case !present && found && strings.HasPrefix(fallback, "'") && strings.HasSuffix(fallback, "'") && len(fallback) > 1:
			return hide.Replace(fallback[1 : len(fallback)-1])
		}
		ok = false
		return ""
	})
	return out, ok
}

func referenceResource(version string, s map[string]any, r request) bool {
	one := func(p string) bool {
		parts := strings.SplitN(p, ":", 6)
		if len(parts) == 6 {
			last, ok := substitute(version, parts[5], r)
			if !ok {
				return false
			}
			p = strings.Join(parts[:5], ":") + ":" + last
		}
		return referenceARN(p, hide.Replace(r.resource))
	}
	if v, ok := s["Resource"]; ok {
		return anyOf(list(v), one)
	}
	if v := list(s["NotResource"]); len(v) > 0 {
		return !anyOf(v, one)
	}
	return false
}

// referenceARN: in the first five parts a wildcard stays within its part, but
// an asterisk at a part's end goes on beyond the colon.
func referenceARN(pattern, text string) bool {
	var b strings.Builder
	parts := strings.SplitN(pattern, ":", 6)
	for i, part := range parts {
		if i > 0 {
			b.WriteString(":")
		}
		for j, c := range part {
			switch {
			case c == '*' && (i == 5 || j == len(part)-1):
				b.WriteString("[\\s\\S]*")
			case c == '*':
				b.WriteString("[^:]*")
			case c == '?' && i == 5:
				b.WriteString("[\\s\\S]")
			case c == '?':
				b.WriteString("[^:]")
			default:
				b.WriteString(regexp.QuoteMeta(string(c)))
			}
		}
	}
	return regexp.MustCompile("^" + b.String() + "$").MatchString(text)
}

func referencePrincipal(s map[string]any, r request, resourceBased bool) bool {
	if v, ok := s["Principal"]; ok {
		return len(named(v, r.caller)) > 0
	}
	if v, ok := s["NotPrincipal"]; ok {
		got := named(v, r.caller)
		for _, want := range identities(r.caller) {
			if !got[want] && !got["*"] {
				return true
			}
		}
		return len(identities(r.caller)) == 0 && !got["*"]
	}
	return !resourceBased
}

// identities are all the names a caller goes by.
func identities(c policy.Caller) []string {
	var out []string
	for _, n := range []string{c.ARN, c.RoleARN, c.Service} {
		if n != "" {
			out = append(out, n)
		}
	}
	if c.Account != "" && !c.Root {
		out = append(out, c.Account)
	}
	return out
}

func named(v any, c policy.Caller) map[string]bool {
	got := map[string]bool{}
	if v == "*" {
		got["*"] = true
		return got
	}
	for kind, values := range v.(map[string]any) {
		for _, p := range list(values) {
			switch {
			case kind == "AWS" && p == "*":
				got["*"] = true
			case kind == "AWS" && c.Account != "" && (p == c.Account || p == "arn:aws:iam::"+c.Account+":root"):
				got[c.Account] = true
				if c.Root {
					got[c.ARN] = true
				}
			case kind == "AWS" && p != "" && p == c.ARN, kind == "AWS" && p != "" && p == c.ID:
				got[c.ARN] = true
			case kind == "AWS" && p != "" && p == c.RoleARN, kind == "AWS" && p != "" && p == c.RoleID:
				got[c.RoleARN] = true
			case kind == "Service" && p != "" && p == c.Service:
				got[p] = true
			}
		}
	}
	return got
}

func referenceConditions(version string, s map[string]any, r request) bool {
	block, _ := s["Condition"].(map[string]any)
	for operator, keys := range block {
		for key, values := range keys.(map[string]any) {
			if !referenceCondition(version, operator, strings.ToLower(key), list(values), r) {
				return false
			}
		}
	}
	return true
}

func referenceCondition(version, operator, key string, wanted []string, r request) bool {
	saw := r.context[key]
	absent := len(saw) == 0
	if operator == "Null" {
		return anyOf(wanted, func(w string) bool { return w == "true" && absent || w == "false" && !absent })
	}
	base, ifExists := strings.CutSuffix(operator, "IfExists")
	all, isAll := strings.CutPrefix(base, "ForAllValues:")
	some, isAny := strings.CutPrefix(all, "ForAnyValue:")
	positive := strings.Replace(some, "Not", "", 1)
	negated := positive != some
	if absent {
		return ifExists || isAll || negated && !isAny
	}
	if isAll && len(saw) == 1 && saw[0] == "" {
		return true
	}
	fits := func(v string) bool {
		return anyOf(wanted, func(w string) bool { return referenceOperator(version, positive, w, v, r) })
	}
	switch {
	case isAll:
		return !anyOf(saw, func(v string) bool { return fits(v) == negated })
	case isAny:
		return anyOf(saw, func(v string) bool { return fits(v) != negated })
	}
	return anyOf(saw, fits) != negated
}

func referenceOperator(version, operator, want, saw string, r request) bool {
	switch {
	case strings.HasPrefix(operator, "String"), strings.HasPrefix(operator, "Arn"), operator == "Bool":
		var ok bool
		if want, ok = substitute(version, want, r); !ok {
			return false
		}
	}
	switch operator {
	case "StringEquals":
		return show.Replace(want) == saw
	case "StringEqualsIgnoreCase":
		return strings.EqualFold(show.Replace(want), saw)
	case "StringLike":
		return wildcard(want, false, false).MatchString(hide.Replace(saw))
	case "Bool":
		want = strings.ToLower(want)
		return (want == "true" || want == "false") && strings.ToLower(saw) == want
	case "ArnEquals", "ArnLike":
		w, s := strings.SplitN(want, ":", 6), strings.SplitN(hide.Replace(saw), ":", 6)
		if len(w) != 6 || len(s) != 6 {
			return false
		}
		for i := range w {
			if !wildcard(w[i], false, false).MatchString(s[i]) {
				return false
			}
		}
		return true
	case "IpAddress":
		if !strings.Contains(want, "/") {
			a, err := netip.ParseAddr(want)
			b, err2 := netip.ParseAddr(saw)
			return err == nil && err2 == nil && a == b
		}
		n, err := netip.ParsePrefix(want)
		a, err2 := netip.ParseAddr(saw)
		return err == nil && err2 == nil && n.Contains(a)
	}
	if c, ok := strings.CutPrefix(operator, "Numeric"); ok {
		w, ok1 := new(big.Rat).SetString(want)
		s, ok2 := new(big.Rat).SetString(saw)
		return ok1 && ok2 && ordered(c, s.Cmp(w))
	}
	if c, ok := strings.CutPrefix(operator, "Date"); ok {
		w, err := time.Parse(time.RFC3339, want)
		s, err2 := time.Parse(time.RFC3339, saw)
		if n, err := strconv.ParseInt(saw, 10, 64); err == nil && n >= 0 {
			s, err2 = time.Unix(n, 0), nil
		}
		return err == nil && err2 == nil && ordered(c, s.Compare(w))
	}
	panic("no reference for " + operator)
}

func ordered(comparison string, c int) bool {
	return map[string]bool{
		"Equals": c == 0, "LessThan": c < 0, "LessThanEquals": c <= 0, "GreaterThan": c > 0, "GreaterThanEquals": c >= 0,
	}[comparison]
}
