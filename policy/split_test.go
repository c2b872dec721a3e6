package policy_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/policy"
)

// unknownBut knows nothing of the keys but what it is given.
type unknownBut map[string][]string

func (k unknownBut) Get(key string) (values []string, present, unknown bool) {
	values, known := k[key]
	return values, known && values != nil, !known
}

// statementsOf parses conditions, a statement each.
func statementsOf(t testing.TB, conditions ...string) []*policy.Statement {
	t.Helper()
	var list []*policy.Statement
	for _, c := range conditions {
		p := parse(t, fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":%s}}`, c))
		list = append(list, p.Statement(0))
	}
	return list
}

func choiceTexts(choices []policy.Choice) []string {
	var list []string
	for _, c := range choices {
		s := strings.Join(c.Values, "|")
		if c.Absent {
			s = "absent"
		}
		if c.Example {
			s += " e.g."
		}
		list = append(list, s)
	}
	return list
}

// TestSplit: the choices are what the statements tell apart, and no more.
func TestSplit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule       string
		conditions []string
		ask        policy.Ask
		known      unknownBut
		want       []string
		related    []string
		exact      bool
	}{
		{rule: "nothing is asked", want: []string{"absent", "x e.g."}, exact: true},
		{rule: "a text", conditions: []string{`{"StringEquals":{"x:k":"a"}}`}, want: []string{"absent", "a", "x e.g."}, exact: true},
		{rule: "the same text negated", conditions: []string{`{"StringEquals":{"x:k":"a"}}`, `{"StringNotEquals":{"X:K":"a"}}`}, want: []string{"absent", "a", "x e.g."}, exact: true},
		{rule: "a text of any case", conditions: []string{`{"StringEqualsIgnoreCase":{"x:k":"a"}}`, `{"StringEquals":{"x:k":"a"}}`}, want: []string{"absent", "a", "A e.g.", "x e.g."}, exact: true},
		{rule: "patterns that overlap", conditions: []string{`{"StringLike":{"x:k":"a*"}}`, `{"StringLike":{"x:k":"*b"}}`}, want: []string{"absent", "a e.g.", "b e.g.", "x e.g.", "ab e.g."}, exact: true},
		{rule: "a pattern within another", conditions: []string{`{"StringLike":{"x:k":["a*","ab*"]}}`, `{"StringLike":{"x:k":"ab*"}}`}, want: []string{"absent", "a e.g.", "x e.g.", "ab e.g."}, exact: true},
		{rule: "everything", conditions: []string{`{"StringLike":{"x:k":"*"}}`}, want: []string{"absent", "x e.g."}, exact: true},
		{rule: "an ARN's wildcard covers no colon", conditions: []string{`{"ArnLike":{"x:k":"a:*:::::"}}`}, want: []string{"absent", "x e.g.", "a:::::: e.g."}, exact: true},
		{rule: "numbers", conditions: []string{`{"NumericLessThan":{"x:k":"10"}}`, `{"NumericEquals":{"x:k":"10.5"}}`}, want: []string{"absent", "10", "10.5", "9 e.g.", "10.25 e.g.", "11.5 e.g.", "? e.g."}, exact: true},
		{rule: "dates", conditions: []string{`{"DateLessThan":{"x:k":"2026-01-01T00:00:00Z"}}`}, want: []string{"absent", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z e.g.", "2026-01-01T00:00:01Z e.g.", "? e.g."}, exact: true},
		{rule: "addresses", conditions: []string{`{"IpAddress":{"x:k":"10.0.0.0/8"}}`}, want: []string{"absent", "0.0.0.0 e.g.", "10.0.0.0 e.g.", "11.0.0.0 e.g.", ":: e.g.", "? e.g."}, exact: true},
		{rule: "bytes", conditions: []string{`{"BinaryEquals":{"x:k":"QUFB"}}`}, want: []string{"absent", "QUFB", "? e.g."}, exact: true},
		{rule: "a boolean", conditions: []string{`{"Bool":{"x:k":"true"}}`}, ask: policy.Ask{Boolean: true}, want: []string{"absent", "true", "false"}, exact: true},
		{rule: "a boolean that is always there", conditions: []string{`{"Bool":{"x:k":"true"}}`}, ask: policy.Ask{Boolean: true, Present: true}, want: []string{"true", "false"}, exact: true},
		{rule: "sets", conditions: []string{`{"ForAnyValue:StringEquals":{"x:k":"a"}}`}, want: []string{"absent", "a", "x e.g.", "x|a e.g.", " e.g."}, exact: true},
		{rule: "what a grant asks", ask: policy.Ask{Literals: []string{"Decrypt"}}, want: []string{"absent", "Decrypt", "x e.g."}, exact: true},
		{rule: "a variable that is known", conditions: []string{`{"StringEquals":{"x:k":"${x:v}"}}`}, known: unknownBut{"x:v": {"red"}}, want: []string{"absent", "red", "x e.g."}, exact: true},
		{rule: "a variable without value", conditions: []string{`{"StringEquals":{"x:k":"${x:v}"}}`}, known: unknownBut{"x:v": nil}, want: []string{"absent", "x e.g."}, exact: true},
		{rule: "a variable that is not known", conditions: []string{`{"StringEquals":{"x:k":"${x:v}"}}`}, want: []string{"absent", "x e.g."}, related: []string{"x:v"}, exact: true},
		{rule: "a key that is a variable", conditions: []string{`{"StringEquals":{"x:w":"team-${x:k}"}}`}, known: unknownBut{"x:w": {"team-red"}}, want: []string{"absent", "red", "x e.g."}, exact: true},
		{rule: "a key that is a variable among wildcards", conditions: []string{`{"StringLike":{"x:w":"*-${x:k}"}}`}, known: unknownBut{"x:w": {"a-b"}}, want: []string{"absent", "b", "x e.g."}, exact: true},
		{rule: "a key that is a variable for an unknown one", conditions: []string{`{"StringEquals":{"x:w":["${x:k}","a"]}}`}, want: []string{"absent", "a", "x e.g."}, exact: true},
		{rule: "two unknown variables in one text", conditions: []string{`{"StringEquals":{"x:k":"${x:v}-${x:w}"}}`}},
		{rule: "a text with an unknown variable", conditions: []string{`{"StringEquals":{"x:k":"a${x:v}"}}`}},
		{rule: "questions of two types", conditions: []string{`{"StringLike":{"x:k":"1*"}}`, `{"NumericLessThan":{"x:k":"10"}}`}},
		{rule: "a key compared with itself", conditions: []string{`{"StringEquals":{"x:k":"${x:k}"}}`}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			known := c.known
			if known == nil {
				known = unknownBut{}
			}
			env := policy.NewEnv("s3:GetObject", "*", nil, known)
			choices, related, exact := policy.Split("x:K", statementsOf(t, c.conditions...), &env, c.ask)
			if exact != c.exact {
				t.Fatalf("exact: %v", exact)
			}
			if !exact {
				return
			}
			got, want := choiceTexts(choices), slices.Clone(c.want)
			slices.SortFunc(got, strings.Compare)
			slices.SortFunc(want, strings.Compare)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.related, related); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSplitIsWhole: whatever a key turns out to be, all statements answer as
// they do for one of the choices.
func TestSplitIsWhole(tb *testing.T) {
	tb.Parallel()
	families := map[string][]string{
		"String":  {"a", "A", "ab", "a*", "*b", "?", "a?b", "", "*", "*a*b*", "ä", "${x:v}", "${x:none, 'ab'}", "${*}"},
		"Numeric": {"1", "1.5", "-2", "10", "1.25", "x"},
		"Date":    {"2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2025", "1700000000"},
		"Ip":      {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "11.0.0.0/8", "2001:db8::/32", "2001:db8::1"},
		"Arn":     {"arn:aws:iam::*:role/a", "arn:aws:*::1:*", "arn:aws:iam::?:role/*"},
		"Bool":    {"true", "false"},
	}
	seen := map[string][]string{
		"String":  {"a", "A", "b", "ab", "axb", "aab", "", "*", "ä", "Ä", "zz", "ba"},
		"Numeric": {"1", "1.0", "1.1", "1.5", "-3", "-2", "0", "100", "9.99", "one"},
		"Date":    {"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-01-01T01:00:01+01:00", "2025-06-01", "0", "1700000000", "now"},
		"Ip":      {"10.1.2.3", "10.1.9.9", "10.9.9.9", "11.1.1.1", "12.0.0.1", "2001:db8::1", "2001:db8::2", "::1", "::ffff:10.1.2.3", "ec2.amazonaws.com"},
		"Arn":     {"arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b", "arn:aws:x::1:y:z", "arn:aws:iam::12:role/a", "a"},
		"Bool":    {"true", "TRUE", "false", "no"},
	}
	rapid.Check(tb, func(t *rapid.T) {
		family := rapid.SampledFrom([]string{"String", "String", "String", "Numeric", "Date", "Ip", "Arn", "Bool"}).Draw(t, "family")
		var operators []string
		for _, o := range baseOperators {
			if strings.HasPrefix(o, family) || family == "Ip" && strings.HasSuffix(o, "IpAddress") {
				operators = append(operators, o)
			}
		}
		sets := rapid.SampledFrom([][]string{{""}, {"", "ForAllValues:", "ForAnyValue:"}}).Draw(t, "set operators")
		var conditions []string
		for range rapid.IntRange(1, 3).Draw(t, "statements") {
			operator := rapid.SampledFrom(sets).Draw(t, "set") + rapid.SampledFrom(operators).Draw(t, "operator") + rapid.SampledFrom([]string{"", "IfExists"}).Draw(t, "if")
			block := map[string]any{operator: map[string]any{"x:k": rapid.SliceOfN(rapid.SampledFrom(families[family]), 0, 2).Draw(t, "values")}}
			if rapid.IntRange(0, 4).Draw(t, "null") == 0 {
				block["Null"] = map[string]any{"x:k": rapid.Bool().Draw(t, "absent")}
			}
			text, err := json.Marshal(block)
			if err != nil {
				t.Fatal(err)
			}
			conditions = append(conditions, string(text))
		}
		statements := statementsOf(tb, conditions...)
		known := unknownBut{"x:v": {"ab"}, "x:none": nil}
		env := policy.NewEnv("s3:GetObject", "*", nil, known)
		choices, related, exact := policy.Split("x:k", statements, &env, policy.Ask{})
		if len(related) > 0 {
			t.Fatalf("related to %v", related)
		}
		if !exact {
			if len(sets) == 1 {
				t.Fatalf("gave up on %v", conditions)
			}
			return
		}
		answer := func(values []string) string {
			known := unknownBut{"x:v": {"ab"}, "x:none": nil, "x:k": values}
			env := policy.NewEnv("s3:GetObject", "*", nil, known)
			var b strings.Builder
			for _, s := range statements {
				b.WriteString(s.Match(&env).Applies.String() + " ")
			}
			return b.String()
		}
		var answers []string
		for _, c := range choices {
			answers = append(answers, answer(c.Values))
		}
		values := rapid.SliceOfN(rapid.SampledFrom(seen[family]), 0, 3).Draw(t, "seen")
		if !strings.Contains(strings.Join(conditions, " "), "For") {
			// Without set operators a key has one value.
			values = values[:min(1, len(values))]
		}
		if a := answer(values); !slices.Contains(answers, a) {
			t.Fatalf("%v answer %s for %q, and %v for %v", conditions, a, values, answers, choiceTexts(choices))
		}
	})
}
