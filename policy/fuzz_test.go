package policy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/keyturn/keyturn/policy"
)

// FuzzARN compares the ARN operators and Resource with the reference.
func FuzzARN(f *testing.F) {
	for _, s := range [][2]string{
		{"arn:aws:iam::123456789012:user/*", "arn:aws:iam::123456789012:user/test"},
		{"arn:*:a*b:?:*:*", "arn:aws:ab:::x:y"},
		{"arn:aws:kms:*", "arn:aws:kms:::"},
		{":::::", ":::::"},
		{"a*:*b:*:c?:*:*d*", "ab:b:b:c:c:c:d:e"},
		{"arn", ""},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(text) || len(pattern) > 80 || len(text) > 200 || strings.Contains(pattern, "${") {
			return
		}
		s := map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": map[string]any{"ArnLike": map[string]any{"a:b": pattern}}}
		r := request{context: map[string][]string{"a:b": {text}}}
		if got, want := applies(t, policy.Version2012, s, r), referenceOperator(policy.Version2012, "ArnLike", pattern, text, r); got != want {
			t.Errorf("ArnLike %q %q: %v, want %v", pattern, text, got, want)
		}
		if got, want := policy.MatchResource(pattern, text), referenceARN(pattern, text); got != want {
			t.Errorf("Resource %q %q: %v, want %v", pattern, text, got, want)
		}
	})
}

// applies matches one statement with a request.
func applies(t *testing.T, version string, statement map[string]any, r request) bool {
	t.Helper()
	text, err := json.Marshal(map[string]any{"Version": version, "Statement": statement})
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, string(text))
	env := policy.NewEnv(r.action, r.resource, &r.caller, r)
	m := p.Statement(0).Match(&env)
	if f := p.Statement(0).Fit(&env); f.Applies != m.Applies {
		t.Fatalf("Fit says %v, Match %v: %s", f.Applies, m.Applies, text)
	}
	return m.Applies == policy.Yes
}

// FuzzVariable puts a value in the place of the variables of a text, which must
// come to the same as if the text had been written with the value in it.
func FuzzVariable(f *testing.F) {
	for _, s := range [][3]string{
		{"home/${a:v}/*", "test", "home/test/file"},
		{"${a:v}${a:v}", "x", "xx"},
		{"${*}${?}${$}${a:v}*?", "*", "*?$*é!"},
		{"${a:none, 'there'}", "", "there"},
		{"${a:none}", "", ""},
		{"${A:V}", "K", "\u212a"},
		{"*:${a:v}:*:?", "b:b", "a:b:b:c:d"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, text, value, saw string) {
		for _, s := range []string{text, value, saw} {
			// The reference hides characters in those of private use.
			if !utf8.ValidString(s) || len(s) > 100 || strings.ContainsAny(s, "\ue000\ue001\ue002") {
				return
			}
		}
		if strings.Contains(variablePattern.ReplaceAllString(text, ""), "$") {
			return // which the reference cannot tell from an escaped one
		}
		r := request{action: "a:b", resource: "arn:aws:s3:::" + saw, context: map[string][]string{"a:v": {value}, "a:saw": {saw}}}
		for _, operator := range []string{"StringEquals", "StringNotEquals", "StringLike", "StringEqualsIgnoreCase", "ArnLike", "Bool"} {
			s := map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": map[string]any{operator: map[string]any{"a:saw": text}}}
			if operator == "Bool" && strings.ToLower(saw) != saw {
				continue // the reference folds case as a whole language does
			}
			if got, want := applies(t, policy.Version2012, s, r), referenceConditions(policy.Version2012, s, r); got != want {
				t.Errorf("%s %q, with %q, %q: %v, want %v", operator, text, value, saw, got, want)
			}
		}
		s := map[string]any{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::" + text}
		if got, want := applies(t, policy.Version2012, s, r), referenceResource(policy.Version2012, s, r); got != want {
			t.Errorf("Resource %q, with %q, %q: %v, want %v", text, value, saw, got, want)
		}
	})
}

// FuzzCondition gives every operator any value, on both sides. What no operator
// can read fits nothing; a negated operator says the opposite.
func FuzzCondition(f *testing.F) {
	for _, s := range [][2]string{
		{"1", "01.0"},
		{"-0", "0"},
		{"1e400", "1E400"},
		{"2026-11-24T00:00:00Z", "1795478400"},
		{"2026", "2026-01"},
		{"10.0.0.0/8", "10.1.2.3"},
		{"::ffff:10.0.0.0/104", "10.1.2.3"},
		{"fe80::1%eth0", "fe80::1"},
		{"QUJD", "QUJD\n"},
		{"TRUE", "true"},
		{"arn:aws:iam::*:user/a", "arn:aws:iam::1:user/a"},
		{"a*?", "abc"},
	} {
		f.Add(s[0], s[1])
	}
	operators := append(slices.Clone(baseOperators), "BinaryEquals", "Null")
	f.Fuzz(func(t *testing.T, wanted, saw string) {
		if !utf8.ValidString(wanted) || strings.Contains(wanted, "${") {
			return
		}
		r := request{action: "a:b", resource: "*", context: map[string][]string{"a:saw": {saw}}}
		result := map[string]bool{}
		for _, operator := range operators {
			s := map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": map[string]any{operator: map[string]any{"a:saw": wanted}}}
			result[operator] = applies(t, policy.Version2012, s, r)
			// A list of one value twice is that value; so is one of many.
			s["Condition"] = map[string]any{operator: map[string]any{"a:saw": slices.Repeat([]string{wanted}, 20)}}
			if applies(t, policy.Version2012, s, r) != result[operator] {
				t.Errorf("%s %q %q: one value %v, the same twenty times not", operator, wanted, saw, result[operator])
			}
		}
		for _, operator := range operators {
			positive := strings.Replace(operator, "Not", "", 1)
			if positive != operator && result[positive] == result[operator] {
				t.Errorf("%s and %s of %q both say %v for %q", positive, operator, wanted, result[operator], saw)
			}
		}
		for _, kind := range []string{"Numeric", "Date"} {
			less, equal, greater := result[kind+"LessThan"], result[kind+"Equals"], result[kind+"GreaterThan"]
			if less && equal || equal && greater || less && greater ||
				result[kind+"LessThanEquals"] != (less || equal) || result[kind+"GreaterThanEquals"] != (greater || equal) {
				t.Errorf("%s %q %q: less %v, equal %v, greater %v", kind, wanted, saw, less, equal, greater)
			}
		}
	})
}
