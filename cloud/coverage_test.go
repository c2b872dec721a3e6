package cloud

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/wire"
)

var update = flag.Bool("update", false, "write docs/coverage.md anew")

// covered are the signing names of the eight services.
var covered = []string{"autoscaling", "cloudtrail", "ebs", "ec2", "iam", "kms", "organizations", "sts"}

// TestCoverageTable holds docs/coverage.md to what is registered. To write it
// anew: go test ./cloud -run TestCoverageTable -update.
func TestCoverageTable(t *testing.T) {
	t.Parallel()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for service := range c.operations {
		if !strings.Contains(strings.Join(covered, " "), service) {
			t.Errorf("service %s is missing from the table", service)
		}
	}
	got, err := os.ReadFile("../docs/coverage.md")
	if err != nil && !*update {
		t.Fatal(err)
	}
	want := coverage(t, c)
	if *update {
		if err := os.WriteFile("../docs/coverage.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("docs/coverage.md is not current; run go test ./cloud -run TestCoverageTable -update\n%s", diff)
	}
}

func coverage(t *testing.T, c *Cloud) string {
	t.Helper()
	var summary, tables strings.Builder
	all, allBuilt := 0, 0
	for _, name := range covered {
		model, ok := wire.Lookup(name)
		if !ok {
			t.Fatalf("no model of %s", name)
		}
		built := 0
		var rows strings.Builder
		for _, operation := range model.Operations() {
			answer := "built"
			if _, ok := c.lookup(name, operation); ok {
				built++
			} else {
				answer = refusal(t, model, operation)
			}
			fmt.Fprintf(&rows, "| %s | %s |\n", operation, answer)
		}
		n := len(model.Operations())
		all, allBuilt = all+n, allBuilt+built
		fmt.Fprintf(&summary, "| [%s](#%s) | %d | %d |\n", name, name, built, n)
		fmt.Fprintf(&tables, "\n## %s\n\n| operation | answer |\n| --- | --- |\n%s", name, rows.String())
	}
	return "# Every operation of the eight services\n\n" +
		"Made by `go test ./cloud -run TestCoverageTable -update` from what is registered; do not edit.\n" +
		"An operation that is not built answers the error in its row and changes nothing.\n\n" +
		"| service | built | in AWS's model |\n| --- | --- | --- |\n" + summary.String() +
		fmt.Sprintf("| all | %d | %d |\n", allBuilt, all) + tables.String()
}

// refusal is the code with which an operation that is not built answers.
func refusal(t *testing.T, model *wire.Service, operation string) string {
	t.Helper()
	err := notBuilt(model, operation)
	e, ok := errors.AsType[*statusError](err)
	if !ok || e.HTTPStatus() != http.StatusBadRequest {
		t.Fatalf("%s: %v is no refusal", operation, err)
	}
	return "`" + e.ErrorCode() + "`"
}
