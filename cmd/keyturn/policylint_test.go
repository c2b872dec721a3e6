package main

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/analyzer"
)

// TestSARIF checks what the schema of SARIF 2.1.0 requires, and what code hosts
// need besides: rules that results point to, with a page, and regions.
func TestSARIF(t *testing.T) {
	t.Parallel()
	files := []policyFile{
		newPolicyFile("a b/été.json", []byte("{\"Version\": \"2012-10-17\", \"Statement\": [{\"Sid\": \"ü\", \"Effect\": \"Allow\",\n\"Action\": [\"kms:ReEncrypt\", \"iam:PassRole\", \"iam:Pass*\"], \"Resource\": \"*\"}]}")),
		newPolicyFile("b.json", []byte("{")),
		newPolicyFile("c.json", []byte("{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"ec2:StartInstances\", \"Resource\": \"*\"}]}")),
	}
	var list []linted
	for _, f := range files {
		list = append(list, lint(f, lintOptions{}))
	}
	var out strings.Builder
	if err := writeLintSARIF(&out, list); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Schema  string `json:"$schema"`
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string
					Rules []struct {
						ID                   string
						ShortDescription     struct{ Text string }
						HelpURI              string
						DefaultConfiguration struct{ Level string }
					}
				}
			}
			ColumnKind string
			Results    []struct {
				RuleID    string
				RuleIndex *int
				Level     string
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           map[string]int
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(out.String()), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || log.Schema == "" || len(log.Runs) != 1 {
		t.Fatalf("log = %s", out.String())
	}
	run := log.Runs[0]
	rules := run.Tool.Driver.Rules
	if run.Tool.Driver.Name != "keyturn" || !slices.Contains([]string{"utf16CodeUnits", "unicodeCodePoints"}, run.ColumnKind) {
		t.Errorf("driver %q, columns in %q", run.Tool.Driver.Name, run.ColumnKind)
	}
	levels := []string{"error", "warning", "note"}
	ids := make(map[string]bool)
	for _, r := range rules {
		if u, err := url.Parse(r.HelpURI); r.ID == "" || ids[r.ID] || r.ShortDescription.Text == "" || err != nil || !u.IsAbs() || !slices.Contains(levels, r.DefaultConfiguration.Level) {
			t.Errorf("rule %+v", r)
		}
		ids[r.ID] = true
	}
	seen := make(map[string]string)
	for _, r := range run.Results {
		if r.RuleIndex == nil || *r.RuleIndex >= len(rules) || rules[*r.RuleIndex].ID != r.RuleID || !slices.Contains(levels, r.Level) || r.Message.Text == "" || len(r.Locations) != 1 {
			t.Errorf("result %+v", r)
			continue
		}
		p := r.Locations[0].PhysicalLocation
		if u, err := url.Parse(p.ArtifactLocation.URI); err != nil || u.IsAbs() {
			t.Errorf("file %q: %v", p.ArtifactLocation.URI, err)
		}
		g := p.Region
		if g["startLine"] < 1 || g["startColumn"] < 1 || g["endLine"] < g["startLine"] || g["endLine"] == g["startLine"] && g["endColumn"] <= g["startColumn"] {
			t.Errorf("%s at %v", r.RuleID, g)
		}
		seen[r.RuleID] = r.Level + " " + p.ArtifactLocation.URI
	}
	want := map[string]string{
		"UNSUPPORTED_SID":                 "error a%20b/%C3%A9t%C3%A9.json",
		"INVALID_ACTION":                  "error a%20b/%C3%A9t%C3%A9.json",
		"PASS_ROLE_WITH_STAR_IN_RESOURCE": "warning a%20b/%C3%A9t%C3%A9.json",
		"REDUNDANT_ACTION":                "note a%20b/%C3%A9t%C3%A9.json",
		"JSON_SYNTAX_ERROR":               "error b.json",
		"MalformedPolicyDocument":         "error b.json",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

func TestColumnsCountCharacters(t *testing.T) {
	t.Parallel()
	l := lint(newPolicyFile("x", []byte(`{"Id": "äöü", "Version": "x", "Statement": []}`)), lintOptions{})
	f := l.report.Findings[slices.IndexFunc(l.report.Findings, func(f analyzer.Finding) bool { return f.Code == "INVALID_VERSION" })]
	if p := f.Position(); p.Column != 29 || l.document.column(p) != 26 {
		t.Errorf("byte %d, character %d", p.Column, l.document.column(p))
	}
}

func TestUnwrapKeepsPlaces(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ rule, file, text, kind string }{
		{"a string with escapes", `{"Policy": "{\"Statement\":\n [\"\u00e9\ud83d\ude00\\\"\"]}"}`, "{\"Statement\":\n [\"é😀\\\"\"]}", ""},
		{"an object", "{\"Role\": {\n \"AssumeRolePolicyDocument\": {\"Statement\": 1}}}", `{"Statement": 1}`, "trust"},
		{"a resource control policy", `{"Policy": {"PolicySummary": {"Type": "RESOURCE_CONTROL_POLICY"}, "Content": "{}"}}`, "{}", "rcp"},
		{"nothing wrapped", `{"Statement": []}`, `{"Statement": []}`, ""},
		{"no JSON", `{`, `{`, ""},
		{"another answer", `{"Policy": {"PolicyName": "x"}}`, `{"Policy": {"PolicyName": "x"}}`, ""},
	} {
		d := unwrap(row.file)
		if d.text != row.text {
			t.Errorf("%s: text = %q", row.rule, d.text)
		}
		if d.wrapping != nil && d.wrapping.tells && kindName(d.kind) != row.kind {
			t.Errorf("%s: kind = %s", row.rule, kindName(d.kind))
		}
		for i := range len(d.text) {
			p := d.inFile(policy.Position{Offset: i, Line: 1, Column: i + 1})
			if c := d.text[i]; c < 0x80 && c != '\n' && !strings.HasPrefix(strings.TrimPrefix(row.file[p.Offset:], `\`), string(c)) {
				t.Errorf("%s: byte %d, %q, is at %q", row.rule, i, c, row.file[p.Offset:])
			}
		}
	}
}

func TestGuessKind(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ want, text string }{
		{"identity", `{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}`},
		{"identity", `{`},
		{"trust", `{"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]}`},
		{"key", `{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "kms:*", "Resource": "*"}]}`},
		{"rcp", `{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": ["s3:*", "sts:*"], "Resource": "*"}]}`},
		{"endpoint", `{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}`},
	} {
		d := unwrap(row.text)
		if got, why := guessKind(&d); kindName(got) != row.want || why == "" {
			t.Errorf("%s: %s, %s", row.text, kindName(got), why)
		}
	}
}

func FuzzUnwrap(f *testing.F) {
	f.Add(`{"Policy": "{\"Statement\":\n [\"\u00e9\ud83d\ude00\\\"\"]}"}`)
	f.Add(`{"Policy": {"Content": "\ud83d\ude00"}}`)
	f.Add(`{"PolicyDocument": {"Statement": []}}`)
	f.Fuzz(func(t *testing.T, file string) {
		d := unwrap(file)
		for i := range len(d.text) + 1 {
			if p := d.inFile(policy.Position{Offset: i, Line: 1, Column: i + 1}); p.Offset > len(file) || p.Column < 1 {
				t.Fatalf("byte %d is at %+v", i, p)
			}
		}
		guessKind(&d)
	})
}
