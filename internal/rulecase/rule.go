// Package rulecase reads what the tests of policy and access are made of: a
// table of the rules of the guides, and cases that each show one of them. Only
// tests import it.
//
// A table is a file of lines "id<TAB>page<TAB>rule". A case is a section of a
// txtar archive; an archive is about one page of a guide:
//
//	-- operator.StringEquals: the case of letters counts --
//	condition: {"StringEquals": {"x:k": "a"}}
//	context: x:k = A
//	want: not Condition
//
// The section's name is the rule's id and what the case shows of it. The fields
// are the runner's business; a line that starts with white space goes on with
// the field above. A section named "document: NAME" holds a policy that the
// archive's cases may use.
package rulecase

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Rule is one thing that a guide says.
type Rule struct {
	ID string
	// Page is the guide and the page.
	Page string
	Text string
}

// ReadRules reads a table. An id stands once.
func ReadRules(file string) ([]Rule, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var rules []Rule
	seen := make(map[string]bool)
	for i, line := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n") {
		parts := strings.Split(line, "\t")
		if len(parts) != 3 || slices.Contains(parts, "") {
			return nil, fmt.Errorf("%s:%d: a rule is an id, a page and a sentence, with tabs between", file, i+1)
		}
		if seen[parts[0]] {
			return nil, fmt.Errorf("%s:%d: the rule %s stands twice", file, i+1, parts[0])
		}
		seen[parts[0]] = true
		rules = append(rules, Rule{ID: parts[0], Page: parts[1], Text: parts[2]})
	}
	return rules, nil
}

// Case shows one rule.
type Case struct {
	Rule string
	// Title is what the case shows, Name the file and the title.
	Title, Name string
	fields      []field
	documents   map[string]string
}

type field struct{ name, value string }

// ReadCases reads every archive of a directory, in the order of the names. Each
// field of a case is one of those given; with none given, any will do.
func ReadCases(dir string, fields ...string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		return nil, err
	}
	var cases []Case
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			return nil, err
		}
		list, err := readArchive(archive, fields)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		base := strings.TrimSuffix(filepath.Base(file), ".txtar")
		for i := range list {
			list[i].Name = base + "/" + list[i].Rule + ": " + list[i].Title
		}
		cases = append(cases, list...)
	}
	return cases, nil
}

func readArchive(archive *txtar.Archive, fields []string) ([]Case, error) {
	if strings.TrimSpace(string(archive.Comment)) == "" {
		return nil, errors.New("the archive does not say which page it is about")
	}
	var cases []Case
	documents, titles := make(map[string]string), make(map[string]bool)
	for _, f := range archive.Files {
		rule, title, found := strings.Cut(f.Name, ": ")
		switch {
		case !found:
			return nil, fmt.Errorf("%q is no rule with a title", f.Name)
		case titles[f.Name]:
			return nil, fmt.Errorf("%q stands twice", f.Name)
		}
		titles[f.Name] = true
		if rule == "document" {
			documents[title] = string(f.Data)
			continue
		}
		c := Case{Rule: rule, Title: title, documents: documents}
		if err := c.read(string(f.Data), fields); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

func (c *Case) read(text string, fields []string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch name, value, found := strings.Cut(line, ":"); {
		case strings.TrimSpace(line) == "":
		case line[0] == ' ' || line[0] == '\t':
			if len(c.fields) == 0 {
				return fmt.Errorf("%q goes on with nothing", line)
			}
			last := &c.fields[len(c.fields)-1]
			last.value += "\n" + strings.TrimSpace(line)
		case !found || len(fields) > 0 && !slices.Contains(fields, name):
			return fmt.Errorf("%q is none of the fields %s", line, strings.Join(fields, ", "))
		default:
			c.fields = append(c.fields, field{name, strings.TrimPrefix(value, " ")})
		}
	}
	return nil
}

// Get is the first value of a field, or "".
func (c *Case) Get(name string) string {
	value, _ := c.Lookup(name)
	return value
}

// Lookup is Get that tells an empty field from none.
func (c *Case) Lookup(name string) (value string, found bool) {
	for _, f := range c.fields {
		if f.name == name {
			return f.value, true
		}
	}
	return "", false
}

// All are the values of a field that may stand several times.
func (c *Case) All(name string) []string {
	var list []string
	for _, f := range c.fields {
		if f.name == name {
			list = append(list, f.value)
		}
	}
	return list
}

// Document is a policy of the case's archive.
func (c *Case) Document(name string) (string, bool) {
	text, ok := c.documents[name]
	return text, ok
}

// Count says how many cases show each rule. The error names the rules that no
// case shows, and the ids that are no rule's.
func Count(rules []Rule, cases []Case) (map[string]int, error) {
	counts := make(map[string]int, len(rules))
	for _, r := range rules {
		counts[r.ID] = 0
	}
	var wrong []string
	for i := range cases {
		id := cases[i].Rule
		if _, ok := counts[id]; !ok {
			wrong = append(wrong, "no such rule: "+cases[i].Name)
			continue
		}
		counts[id]++
	}
	for _, r := range rules {
		if counts[r.ID] == 0 {
			wrong = append(wrong, "no case shows "+r.ID)
		}
	}
	if len(wrong) > 0 {
		return counts, errors.New(strings.Join(wrong, "\n"))
	}
	return counts, nil
}

// Run runs every case of the package under test, whose table and cases are in its
// testdata, and wants a case for every rule. fields are those that a case may have.
func Run(t *testing.T, fields []string, check func(*testing.T, *Case)) {
	t.Helper()
	rules, err := ReadRules("testdata/rules.tsv")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := ReadCases("testdata/cases", fields...)
	if err != nil {
		t.Fatal(err)
	}
	counts, err := Count(rules, cases)
	if err != nil {
		t.Error(err)
	}
	for _, r := range rules {
		t.Logf("%-40s %3d", r.ID, counts[r.ID])
	}
	t.Logf("%d rules, %d cases", len(rules), len(cases))
	for i := range cases {
		c := &cases[i]
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			check(t, c)
		})
	}
}
