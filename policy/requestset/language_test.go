package requestset

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/policy"
)

// parse makes a one-statement policy.
func parse(t interface{ Fatalf(string, ...any) }, version string, members map[string]any) *policy.Policy {
	s := map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*"}
	maps.Copy(s, members)
	text, err := json.Marshal(map[string]any{"Version": version, "Statement": s})
	if err != nil {
		t.Fatalf("%v", err)
	}
	p, err := policy.Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

// checkLanguages compares what the languages hold with what the matcher says,
// for one value of each element and one text.
func checkLanguages(t interface{ Fatalf(string, ...any) }, version, value, text string) {
	var l languages
	match := func(p *policy.Policy, action, resource string, k keys) bool {
		env := policy.NewEnv(action, resource, &policy.Caller{}, k)
		return p.Statement(0).Match(&env).Applies == policy.Yes
	}
	action := "s:" + strings.ReplaceAll(text, ":", "x")
	if ascii(value) && ascii(action) {
		got := l.actionLanguage([]string{value}).has(strings.ToLower(action))
		if want := match(parse(t, version, map[string]any{"Action": value}), action, "*", nil); got != want {
			t.Fatalf("action %q in %q: %v, the matcher says %v", action, value, got, want)
		}
	}
	if p, variables := resourcePattern(value, version); !variables {
		got := p.matches(text)
		if want := match(parse(t, version, map[string]any{"Resource": value}), "a:a", text, nil); got != want {
			t.Fatalf("resource %q in %q (%s): %v, the matcher says %v", text, value, version, got, want)
		}
	}
	for _, operator := range []string{"StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnLike", "ArnEquals", "Bool"} {
		p := parse(t, version, map[string]any{"Condition": map[string]any{operator: map[string]any{"x:k": value}}})
		c := &p.Statement(0).Conditions()[0]
		if len(c.Variables()) > 0 {
			continue
		}
		lang := l.textLanguage(operator, []string{value}, version)
		if got, want := lang.has(text), c.Fits(text); got != want {
			t.Fatalf("%q under %s %q (%s): %v, the matcher says %v", text, operator, value, version, got, want)
		}
	}
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 || r < 32 })
}

func TestLanguagesAreTheMatchers(t *testing.T) {
	t.Parallel()
	pieces := []string{"a", "b", "A", ":", ":", "*", "?", "/", "${*}", "${$}", "${?}", "arn:aws:kms:", "true", "K", "ß", "$", "{"}
	texts := []string{"a", "b", "A", ":", ":", "*", "?", "/", "$", "arn:aws:kms:", "TRUE", "k", "\u212a", "ß", "{*}"}
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.SampledFrom([]string{policy.Version2012, policy.Version2008}).Draw(t, "version")
		value := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 9).Draw(t, "value"), "")
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(texts), 0, 9).Draw(t, "text"), "")
		checkLanguages(t, version, value, text)
	})
}

func FuzzLanguages(f *testing.F) {
	f.Add(policy.Version2012, "arn:aws:kms:*:123456789012:key/${*}?", "arn:aws:kms:eu-west-1:123456789012:key/*a")
	f.Add("", "a*b?${", "ab:")
	f.Fuzz(func(t *testing.T, version, value, text string) {
		if version != policy.Version2012 {
			version = policy.Version2008
		}
		value, text = strings.ToValidUTF8(value, "x"), strings.ToValidUTF8(text, "x")
		if len(value) > 200 || len(text) > 200 {
			t.Skip("too long to be of use")
		}
		checkLanguages(t, version, value, text)
	})
}

// TestSearchFindsWhatThereIs compares with trying all short texts.
func TestSearchFindsWhatThereIs(t *testing.T) {
	t.Parallel()
	var short []string
	for length, from := 0, []string{""}; length <= 5; length++ {
		short = append(short, from...)
		var next []string
		for _, s := range from {
			for _, c := range "ab:" {
				next = append(next, s+string(c))
			}
		}
		from = next
	}
	elems := []elem{
		{kind: oneLiteral, char: 'a'},
		{kind: oneLiteral, char: 'b'},
		{kind: oneFolded, char: 'A'},
		{kind: oneAny},
		{kind: oneInPart},
		{kind: manyAny},
		{kind: manyInPart},
		{kind: oneLiteral, char: ':'},
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) *language {
			l := &language{}
			for range rapid.IntRange(0, 3).Draw(t, name) {
				l.patterns = append(l.patterns, pattern{elems: rapid.SliceOfN(rapid.SampledFrom(elems), 0, 4).Draw(t, name+" pattern")})
			}
			return l
		}
		var s sides
		for range rapid.IntRange(0, 3).Draw(t, "in") {
			s.in = append(s.in, draw("in"))
		}
		for range rapid.IntRange(0, 3).Draw(t, "out") {
			s.out = append(s.out, draw("out"))
		}
		f := search(s)
		if f.gaveUp {
			t.Fatalf("gave up on little")
		}
		if f.ok && !s.holds(f.text) {
			t.Fatalf("%q is not in it", f.text)
		}
		for _, text := range short {
			if !f.ok && s.holds(text) {
				t.Fatalf("found none, but %q is one", text)
			}
		}
	})
}

// TestSearchIsBounded: patterns that would take an automaton of astronomic size
// end in an honest answer.
func TestSearchIsBounded(t *testing.T) {
	t.Parallel()
	var l languages
	hard := func(c string) *language {
		return l.actionLanguage([]string{"*" + c + strings.Repeat("?", 60) + ":*"})
	}
	f := search(sides{in: []*language{hard("a"), hard("b"), hard("c"), l.actionUniverse()}, out: []*language{hard("d"), l.actionLanguage([]string{"*a*:*"})}})
	if f.ok {
		t.Errorf("found %q in the empty set", f.text)
	}
}
