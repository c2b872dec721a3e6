package rulecase_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/rulecase"
)

var update = flag.Bool("update", false, "write docs/rules.md anew")

// tables are the packages that have rules.
var tables = []struct{ dir, title string }{
	{"policy", "The language"},
	{"access", "The layers and their order"},
}

// TestRulesTable holds docs/rules.md to the tables and the cases. To write it
// anew: go test ./internal/rulecase -update.
func TestRulesTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# Rules and the cases that show them\n\n" +
		"Made by `go test ./internal/rulecase -update` from `rules.tsv` and `cases` in `policy/testdata` and `access/testdata`; do not edit.\n" +
		"A test fails where a rule has no case.\n")
	for _, table := range tables {
		dir := filepath.Join("..", "..", table.dir, "testdata")
		rules, err := rulecase.ReadRules(filepath.Join(dir, "rules.tsv"))
		if err != nil {
			t.Fatal(err)
		}
		cases, err := rulecase.ReadCases(filepath.Join(dir, "cases"))
		if err != nil {
			t.Fatal(err)
		}
		counts, err := rulecase.Count(rules, cases)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(&b, "\n## %s (`%s`): %d rules, %d cases\n\n| rule | what it says | page | cases |\n| --- | --- | --- | --- |\n", table.title, table.dir, len(rules), len(cases))
		for _, r := range rules {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %d |\n", r.ID, r.Text, r.Page, counts[r.ID])
		}
	}
	const file = "../../docs/rules.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("docs/rules.md is not current; run go test ./internal/rulecase -update\n%s", diff)
	}
}
