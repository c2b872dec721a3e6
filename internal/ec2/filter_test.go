package ec2

import (
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestWildcard(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, pattern, value string
		want                 bool
	}{
		{"plain text is itself", "gp3", "gp3", true},
		{"case counts", "GP3", "gp3", false},
		{"a star is anything", "al2023-ami-*-x86_64", "al2023-ami-2023.9-kernel-6.1-x86_64", true},
		{"a star is nothing as well", "gp3*", "gp3", true},
		{"a star gives back what it took too much of", "*aab", "aaaab", true},
		{"a question mark is one character", "gp?", "gp3", true},
		{"a question mark is not none", "gp3?", "gp3", false},
		{"a question mark is one character, not one byte", "?", "é", true},
		{"an escaped star is a star", `\*a`, "*a", true},
		{"an escaped star is nothing else", `\*a`, "ba", false},
		{"an escaped backslash is one", `a\\b`, `a\b`, true},
		{"a backslash at the end is itself", `a\`, `a\`, true},
		{"the end must be reached", "a*b", "abc", false},
		{"an empty pattern is an empty value", "", "", true},
		{"an empty pattern is nothing else", "", "a", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := wildcard(row.pattern, row.value); got != row.want {
				t.Errorf("wildcard(%q, %q) = %v", row.pattern, row.value, got)
			}
		})
	}
}

// FuzzWildcard compares with a regular expression that says the same.
func FuzzWildcard(f *testing.F) {
	f.Add("al2023-*-x86_6?", "al2023-ami-x86_64")
	f.Add(`a\*b*`, "a*bc")
	f.Add(`\`, `\`)
	f.Fuzz(func(t *testing.T, pattern, value string) {
		if len(pattern) > 40 || len(value) > 200 || pattern != strings.ToValidUTF8(pattern, "") || value != strings.ToValidUTF8(value, "") {
			t.Skip()
		}
		if got, want := wildcard(pattern, value), asRegexp(pattern).MatchString(value); got != want {
			t.Errorf("wildcard(%q, %q) = %v, want %v", pattern, value, got, want)
		}
	})
}

func asRegexp(pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	runes := []rune(pattern)
	for i := 0; i < len(runes); i++ {
		switch {
		case runes[i] == '*':
			b.WriteString(".*")
		case runes[i] == '?':
			b.WriteString(".")
		case runes[i] == '\\' && i+1 < len(runes):
			i++
			b.WriteString(regexp.QuoteMeta(string(runes[i])))
		default:
			b.WriteString(regexp.QuoteMeta(string(runes[i])))
		}
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String())
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	get := func(name string) ([]string, bool) {
		switch name {
		case "status":
			return []string{"available"}, true
		case "kms-key-id":
			return nil, true
		}
		return tagFilter(map[string]string{"Name": "data", "env:x": ""}, name)
	}
	for _, row := range []struct {
		name    string
		filters []types.Filter
		want    bool
		err     string
	}{
		{"no filter lets everything through", nil, true, ""},
		{"any value of one filter is enough", []types.Filter{filter("status", "in-use", "available")}, true, ""},
		{"all filters must let it through", []types.Filter{filter("status", "available"), filter("tag:Name", "root")}, false, ""},
		{"an absent value matches not even a star", []types.Filter{filter("kms-key-id", "*")}, false, ""},
		{"a tag by its key and value", []types.Filter{filter("tag:Name", "d*")}, true, ""},
		{"a tag's key may hold a colon", []types.Filter{filter("tag:env:x", "")}, true, ""},
		{"a tag by its key", []types.Filter{filter("tag-key", "Name")}, true, ""},
		{"a tag that is not there", []types.Filter{filter("tag:Owner", "*")}, false, ""},
		{"an unknown name is a mistake", []types.Filter{filter("colour", "red")}, false, "The filter 'colour' is invalid"},
		{"no name is a mistake", []types.Filter{{Values: []string{"x"}}}, false, "The filter 'null' is invalid"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := matches(row.filters, get)
			if row.err != "" {
				if errorCode(err) != "InvalidParameterValue" || !strings.HasSuffix(err.Error(), row.err) {
					t.Fatalf("error %v, want %q", err, row.err)
				}
				return
			}
			if err != nil || got != row.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
