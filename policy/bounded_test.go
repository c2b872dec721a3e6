package policy_test

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/policy"
)

// hang is longer than the tests of hostile input take anywhere, with the race
// detector on a busy machine too, and shorter than the square of its length.
const hang = time.Minute

// TestMatchTakesBoundedTime matches what nobody writes but to keep a machine
// busy. Each would take minutes to hours at the square of its length.
func TestMatchTakesBoundedTime(t *testing.T) {
	t.Parallel()
	const million = 1000 * 1000
	as, colons := strings.Repeat("a", million), strings.Repeat(":", million)
	numbers := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = strconv.Itoa(i)
		}
		return list
	}
	for _, c := range []struct {
		name     string
		element  string // Action, Resource, or a condition operator
		values   []string
		action   string
		resource string
		seen     []string
		want     bool
	}{
		{name: "asterisks in an action", element: "Action", values: []string{"a:" + strings.Repeat("*a", million/10) + "b"}, action: "a:" + as},
		{name: "one long segment in an action", element: "Action", values: []string{"a:*" + as[:million/10] + "b"}, action: "a:" + as},
		{name: "an action of a million characters", element: "Action", values: []string{"a:*b"}, action: "a:" + as + "b", want: true},
		{name: "question marks in an action", element: "Action", values: []string{"a:*" + strings.Repeat("?", million/10) + "b"}, action: "a:" + as},
		{name: "asterisks in a resource", element: "Resource", values: []string{"arn:aws:a:::" + strings.Repeat("*a", million/10) + "b"}, resource: "arn:aws:a:::" + as},
		{name: "question marks behind an asterisk", element: "Resource", values: []string{"arn:aws:a:::*" + strings.Repeat("?", million/10) + "b*"}, resource: "arn:aws:a:::" + as},
		{name: "question marks among letters", element: "Resource", values: []string{"arn:aws:a:::*" + strings.Repeat("a?", 3000) + "b*"}, resource: "arn:aws:a:::" + as[:million/4]},
		{name: "an ARN of a million colons", element: "Resource", values: []string{"arn:*:x", "arn:aws:a:b*:*::x"}, resource: "arn:aws:a:b" + colons},
		{name: "an asterisk for each of many colons", element: "Resource", values: []string{"arn:*:" + strings.Repeat("*:", 1000) + "x"}, resource: "arn:aws:a" + colons[:million/10]},
		{name: "asterisks in a row", element: "Resource", values: []string{"arn:aws:" + strings.Repeat("*", million/10) + ":a:*:" + strings.Repeat("*", million/10) + "x"}, resource: "arn:aws:a" + colons[:million/10]},
		{name: "a long end behind many colons", element: "Resource", values: []string{"arn:*:a:*:b*:" + strings.Repeat("a", 1000) + "*" + strings.Repeat("a", 1000) + "b"}, resource: "arn:a" + strings.Repeat(":a:b"+as[:10000], 100)},
		{name: "no ARN", element: "Resource", values: []string{strings.Repeat("*a", 1000) + "*"}, resource: strings.Repeat("b", million)},
		{name: "asterisks in a value", element: "StringLike", values: []string{strings.Repeat("*a", million/10) + "b"}, seen: []string{as}},
		{name: "segments of question marks in a value", element: "StringLike", values: []string{strings.Repeat("*a?", 1000) + "b"}, seen: []string{as}},
		{name: "colons in an ARN's value", element: "ArnLike", values: []string{"arn:*:*:*:*:" + strings.Repeat("*:", million/10) + "x"}, seen: []string{"arn:a:b:c:d:" + colons}},
		{name: "many values on both sides", element: "StringEquals", values: numbers(million / 10), seen: append(numbers(0), strings.Split(strings.Repeat("x ", million/10), " ")...)},
		{name: "many numbers on both sides", element: "NumericEquals", values: numbers(3000), seen: strings.Split(strings.Repeat("-1 ", 3000)+"-1", " ")},
		{name: "many dates on both sides", element: "DateEquals", values: numbers(900), seen: strings.Split(strings.Repeat("2026-11-24T00:00Z ", 5000)+"2026-11-24T00:00Z", " ")},
		{name: "a number of a million digits", element: "NumericLessThan", values: append(numbers(1000), strings.Repeat("9", million)), seen: []string{strings.Repeat("9", million) + ".1"}},
		{name: "a number with an exponent", element: "NumericEquals", values: []string{"1e999999999", "1e-999999999"}, seen: []string{"1e999999999"}},
		{name: "a date of a million digits", element: "DateEquals", values: []string{"2026-11-24T00:00:00Z"}, seen: []string{strings.Repeat("1", million), "2026-11-24T00:00:00." + strings.Repeat("1", million) + "Z"}},
		{name: "an address of a million digits", element: "IpAddress", values: append([]string{"10.0.0.0/8"}, numbers(1000)...), seen: []string{strings.Repeat("1", million), strings.Repeat("1:", million)}},
		{name: "bytes without end", element: "BinaryEquals", values: numbers(1000), seen: []string{strings.Repeat("QUJD", million/4)}},
		{name: "a long value in the place of many variables", element: "StringEquals", values: []string{strings.Repeat("${x:Long}", 5000)}, seen: []string{"short"}},
		{name: "a long value in a pattern", element: "StringLike", values: []string{"*${x:Long}b*${x:Long}*"}, seen: []string{as + as + as}},
		{name: "a long value in a resource", element: "Resource", values: []string{"arn:aws:a:::*${x:Long}b*"}, resource: "arn:aws:a:::" + as + as},
		{name: "variables that are never closed", element: "StringLike", values: []string{strings.Repeat("${", million/2)}, seen: []string{as}},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			s := map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*"}
			r := request{action: c.action, resource: c.resource, context: map[string][]string{"x:long": {as}}}
			switch c.element {
			case "Action", "Resource":
				s[c.element] = c.values
			default:
				s["Condition"] = map[string]any{c.element: map[string]any{"x:Seen": c.values}}
				r.context["x:seen"] = c.seen
			}
			text, err := json.Marshal(map[string]any{"Version": policy.Version2012, "Statement": s})
			if err != nil {
				t.Fatal(err)
			}
			p := parse(t, string(text))
			env := policy.NewEnv(r.action, r.resource, nil, r)
			m := p.Statement(0).Match(&env)
			if got := m.Applies == policy.Yes; got != c.want {
				t.Errorf("applies: %v", got)
			}
			if f := p.Statement(0).Fit(&env); f.Applies != m.Applies {
				t.Errorf("Fit says %v, Match %v", f.Applies, m.Applies)
			}
			if took := time.Since(start); took > hang {
				t.Errorf("took %v", took)
			} else if testing.Verbose() {
				t.Log(took)
			}
		})
	}
}

// TestLongSegments compares long segments with question marks, which are
// searched sixty-four characters at a time, with a regular expression.
func TestLongSegments(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(letters string, n int) string {
		list := []rune(letters)
		out := make([]rune, n)
		for i := range out {
			out[i] = list[random.IntN(len(list))]
		}
		return string(out)
	}
	matched := 0
	for range 3000 {
		// A segment out of a text, some of its letters made question marks, and
		// sometimes one of them wrong. The letters ā and ȁ share their last byte
		// with others.
		text := []rune(pick("aaab\u0101\u0201é", 70+random.IntN(300)))
		from := random.IntN(len(text) - 66)
		segment := []rune(string(text[from : from+66+random.IntN(len(text)-from-65)]))
		for range 1 + random.IntN(20) {
			segment[random.IntN(len(segment))] = '?'
		}
		if random.IntN(2) == 0 {
			segment[random.IntN(len(segment))] = []rune("ab\u0101")[random.IntN(3)]
		}
		pattern := "*" + string(segment) + pick("*a?", random.IntN(3)) + "*"
		got, want := policy.MatchGlob(pattern, string(text)), wildcard(pattern, false, false).MatchString(string(text))
		if got != want {
			t.Fatalf("%q %q: %v", pattern, string(text), got)
		}
		if got {
			matched++
		}
	}
	if matched < 500 || matched > 2800 {
		t.Errorf("%d of 3000 match: the test does not test both", matched)
	}
}
