package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/wire/model"
)

// TestPatternsCompile: no pattern of any model goes unchecked.
func TestPatternsCompile(t *testing.T) {
	t.Parallel()
	patterns := make(map[string]bool)
	for _, service := range []string{"autoscaling", "cloudtrail", "ebs", "ec2", "iam", "kms", "organizations", "sts"} {
		table, ok := model.Load(service)
		if !ok {
			t.Fatalf("no table of %s", service)
		}
		for name := range table.Shapes() {
			if p := table.Shape(name).Pattern; p != "" {
				patterns[p] = true
			}
		}
	}
	if len(patterns) < 80 {
		t.Errorf("only %d patterns: the tables have lost some", len(patterns))
	}
	for p := range patterns {
		compilePattern(p) // panics
	}
	for p := range lookaheads {
		if !patterns[p] {
			t.Errorf("no model has the pattern %s any more", p)
		}
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	const (
		secret = `^(?=.{20,2048}$)arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[a-zA-Z0-9/_+=.@-]+`
		alias  = `^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`
		tag    = `[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*`
	)
	for _, v := range []struct {
		rule, pattern, value string
		want                 bool
	}{
		{"the whole value must match", `[\w]+`, "abc", true},
		{"a part that matches is not enough", `[\w]+`, "abc def", false},
		{"nor is one before a newline", `[\w]+`, "abc\n", false},
		{"all alternatives are anchored", `a|b`, "ab", false},
		{"Java's escapes are characters", `[\u0009\u000A\u000D\u0020-\u00FF]+`, "ÿ\t", true},
		{"and nothing above them", `[\u0009\u000A\u000D\u0020-\u00FF]+`, "Ā", false},
		{"a slash written as an escape", `(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, "/a/", true},
		{"a path that does not end in one", `(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, "/a", false},
		{"a pair of surrogates is one character", tag, "🔑", true},
		{"U+FFFE is none", tag, "\ufffe", false},
		{"look-ahead: no two hyphens", alias, "a--b", false},
		{"look-ahead: one hyphen", alias, "a-b", true},
		{"look-ahead: not at the end", alias, "ab-", false},
		{"look-ahead: length", secret, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a", true},
		{"look-ahead: too long", secret, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + strings.Repeat("a", 2048), false},
	} {
		t.Run(v.rule, func(t *testing.T) {
			t.Parallel()
			if got := compilePattern(v.pattern).MatchString(v.value); got != v.want {
				t.Errorf("%s matches %q: %v", v.pattern, v.value, got)
			}
		})
	}
}

// TestHashOrder: these sets are as AWS's services answered with them.
func TestHashOrder(t *testing.T) {
	t.Parallel()
	for _, v := range []struct{ given, want string }{
		{"HMAC_SHA_224 HMAC_SHA_256 HMAC_SHA_384 HMAC_SHA_512", "HMAC_SHA_384 HMAC_SHA_256 HMAC_SHA_224 HMAC_SHA_512"},
		{"ECDH", "ECDH"},
		{"AES_256 AES_128", "AES_256 AES_128"},
		{"ON OFF OPTIONAL", "OPTIONAL OFF ON"},
	} {
		if d := cmp.Diff(v.want, strings.Join(hashOrder(strings.Fields(v.given)), " ")); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}
