package policy_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/keyturn/keyturn/policy"
)

func FuzzWildcard(f *testing.F) {
	for _, s := range [][2]string{
		{"*", ""},
		{"a*b", "ab"},
		{"a*b*a", "aba"},
		{"?", "é"},
		{"*?*", "x"},
		{"a?*?b", "a12b"},
		{"*ab", "aab"},
		{"??*", "é"},
		{"arn:aws:kms:*", "arn:aws:kms:a:b:c"},
		{"arn:*:kms:?:b:*", "arn:x:y:kms:a:b:c:d"},
		{"kms:Create*", "KMS:createGrant"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(text) || len(pattern) > 60 || len(text) > 200 {
			return
		}
		if got, want := policy.MatchGlob(pattern, text), wildcard(pattern, false, false).MatchString(text); got != want {
			t.Errorf("StringLike %q %q: %v, want %v", pattern, text, got, want)
		}
		if got, want := policy.MatchResource(pattern, text), referenceARN(pattern, text); got != want {
			t.Errorf("Resource %q %q: %v, want %v", pattern, text, got, want)
		}
		if !ascii(pattern) || !ascii(text) || !strings.Contains(pattern, ":") && pattern != "*" {
			return
		}
		if got, want := policy.MatchActionElement(pattern, text), wildcard(pattern, true, false).MatchString(text); got != want {
			t.Errorf("Action %q %q: %v, want %v", pattern, text, got, want)
		}
	})
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// TestResourceWildcards are the rules of the IAM guide, "IAM JSON policy
// elements: Resource", section "Using wildcards in resource ARNs".
func TestResourceWildcards(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pattern, text string
		want          bool
	}{
		"a lone asterisk is everything":                   {"*", "arn:aws:kms:eu-west-1:123456789012:key/a", true},
		"a lone asterisk is also the action without any":  {"*", "*", true},
		"an asterisk covers slashes":                      {"arn:aws:s3:::example/*/test/*", "arn:aws:s3:::example/1/2/test/3/object.jpg", true},
		"an asterisk covers nothing":                      {"arn:aws:s3:::example/*/test/*", "arn:aws:s3:::example//test/", true},
		"a slash of the pattern must be there":            {"arn:aws:s3:::example/*/test/*", "arn:aws:s3:::example/1-test/object.jpg", false},
		"a question mark is one character":                {"arn:aws:s3:::example/?", "arn:aws:s3:::example/é", true},
		"a question mark is not none":                     {"arn:aws:s3:::example/?", "arn:aws:s3:::example/", false},
		"resources have case":                             {"arn:aws:iam::123456789012:user/Bob", "arn:aws:iam::123456789012:user/bob", false},
		"an asterisk that ends a part goes beyond":        {"arn:aws:kms:*", "arn:aws:kms:eu-west-1:123456789012:key/a", true},
		"an asterisk within a part stays there":           {"arn:aws:kms:e*t-1:123456789012:key/a", "arn:aws:kms:eu:west-1:123456789012:key/a", false},
		"an asterisk for a part is that part":             {"arn:aws:kms:*:123456789012:key/a", "arn:aws:kms::123456789012:key/a", true},
		"an account is compared":                          {"arn:aws:kms:*:123456789012:key/*", "arn:aws:kms:eu-west-1:210987654321:key/a", false},
		"a key's alias is not the key":                    {"arn:aws:kms:*:123456789012:alias/*", "arn:aws:kms:eu-west-1:123456789012:key/a", false},
		"a pattern for ARNs does not match the lone star": {"arn:aws:kms:*:*:*", "*", false},
		"a colon in the name is part of it":               {"arn:aws:logs:*:*:log-group:*", "arn:aws:logs:eu-west-1:123456789012:log-group:a:b", true},
		"a pattern that is a prefix of the text":          {"arn:aws:kms:eu-west-1:123456789012:key/a", "arn:aws:kms:eu-west-1:123456789012:key/ab", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := policy.MatchResource(c.pattern, c.text); got != c.want {
				t.Errorf("%s on %s: %v", c.pattern, c.text, got)
			}
		})
	}
}

func TestWildcardsTakeBoundedTime(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a", 50000)
	start := time.Now()
	for _, p := range []string{strings.Repeat("*a", 2000) + "b", strings.Repeat("a*", 2000) + "b", strings.Repeat("*a?", 100) + "b"} {
		if policy.MatchGlob(p, text) {
			t.Errorf("%s… matches", p[:20])
		}
	}
	if took := time.Since(start); took > hang {
		t.Errorf("took %v", took)
	}
}

// TestWildcardsEqualReference matches short patterns over few letters, which
// meet in many more ways than those of a fuzzer.
func TestWildcardsEqualReference(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(letters string, most int) string {
		list := []rune(letters)
		out := make([]rune, random.IntN(most))
		for i := range out {
			out[i] = list[random.IntN(len(list))]
		}
		return string(out)
	}
	matched := 0
	for i := range 20000 {
		pattern, text := pick("ab:*?é*?:", 14), pick("ab:é:", 14)
		if i%2 == 0 {
			pattern, text = "a*:b?:*:?:a:"+pattern, "ab:bb:a:b:a:"+text
		}
		if got, want := policy.MatchGlob(pattern, text), wildcard(pattern, false, false).MatchString(text); got != want {
			t.Fatalf("StringLike %q %q: %v", pattern, text, got)
		}
		want := referenceARN(pattern, text)
		if got := policy.MatchResource(pattern, text); got != want {
			t.Fatalf("Resource %q %q: %v", pattern, text, got)
		}
		if want {
			matched++
		}
	}
	if matched < 500 {
		t.Errorf("only %d match", matched)
	}
}
