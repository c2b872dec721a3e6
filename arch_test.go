// Package keyturn holds no code, only the rules that hold for all of it.
package keyturn

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/keyturn/keyturn"

// rule says what a package of ours may import of ours, and what it must not
// reach by any path. An arrow never points up: see ARCHITECTURE.md.
type rule struct {
	allow []string
	deny  []string
	why   string
}

const sdk = "github.com/aws/aws-sdk-go-v2"

// services are the packages that hold one AWS service each.
var services = []string{"internal/autoscaling", "internal/cloudtrail", "internal/ec2", "internal/iam", "internal/kms", "internal/organizations", "internal/sts"}

var rules = map[string]rule{
	"policy":                 {deny: []string{"net/http", "database/sql", sdk, "github.com/aws/smithy-go"}, why: "the language stands on the standard library alone"},
	"policy/requestset":      {allow: []string{"policy", "policy/serviceref"}, deny: []string{"net/http", "database/sql", sdk, "github.com/aws/smithy-go"}, why: "reasoning about documents is pure"},
	"policy/analyzer":        {allow: []string{"policy", "policy/serviceref"}, deny: []string{"net/http", "database/sql", sdk, "github.com/aws/smithy-go"}, why: "it examines documents, with the language and the reference"},
	"policy/serviceref":      {allow: []string{"policy"}, deny: []string{"net/http", "database/sql", sdk, "github.com/aws/smithy-go"}, why: "tables, on the standard library alone"},
	"access":                 {allow: []string{"policy", "policy/serviceref"}, deny: []string{"net/http", "database/sql", sdk, "github.com/aws/smithy-go"}, why: "a decision is pure"},
	"access/reach":           {allow: []string{"access", "policy", "policy/requestset"}, deny: []string{"net/http", "database/sql", sdk, "github.com/aws/smithy-go"}, why: "what is in reach is pure"},
	"internal/launch":        {allow: []string{"access", "policy"}, deny: []string{"net/http", "database/sql", sdk}, why: "it states what a launch asks; others ask it"},
	"internal/phrase":        {deny: []string{"net/http", "database/sql", sdk}, why: "words, whatever they are about"},
	"internal/store":         {deny: []string{sdk, "net/http"}, why: "rows and records, whatever is in them"},
	"internal/rootkey":       {deny: []string{sdk, "database/sql"}, why: "the root key lives outside the database"},
	"internal/api":           {allow: []string{"access", "internal/store", "policy"}, deny: []string{"net/http"}, why: "services and cloud agree on it; it knows neither"},
	"internal/wire":          {allow: []string{"internal/api", "internal/wire/model", "internal/wire/sigv4"}, deny: []string{"database/sql"}, why: "bytes to types and back"},
	"internal/autoscaling":   serviceRule(),
	"internal/bucket":        {allow: []string{"internal/api"}, why: "it keeps objects, whatever is in them"},
	"internal/cloudtrail":    serviceRule(),
	"internal/ec2":           serviceRule("internal/launch"),
	"internal/evaluation":    {allow: []string{"access", "policy"}, deny: []string{"net/http", "database/sql", sdk}, why: "decisions in the form of AWS's simulator: of the API's and of the command's"},
	"internal/iam":           serviceRule("internal/evaluation", "internal/iam/managed", "policy/serviceref"),
	"internal/idp":           {allow: []string{"access", "internal/api", "internal/store", "policy"}, why: "it asks identity providers for keys, and judges nothing"},
	"internal/kms":           serviceRule(),
	"internal/lake":          {allow: []string{"internal/api"}, why: "it runs SQL over events, whoever asks"},
	"internal/organizations": serviceRule(),
	"internal/sts":           serviceRule("policy/serviceref"),
	"internal/diagnose":      {allow: []string{"access", "access/reach", "internal/launch", "internal/phrase", "internal/trailfile", "policy", "policy/requestset", "policy/serviceref"}, deny: []string{"database/sql"}, why: "the doctor works on any endpoint"},
	"internal/audit":         {allow: []string{"access", "internal/diagnose", "internal/launch", "internal/phrase", "policy", "policy/serviceref"}, deny: []string{"database/sql"}, why: "it asks often what the doctor asks once, of any endpoint"},
	"internal/simulate":      {allow: []string{"access", "internal/diagnose", "internal/evaluation", "internal/launch", "policy", "policy/serviceref"}, deny: []string{"database/sql"}, why: "requests that are described, decided; it reads accounts with the doctor's readers"},
	"internal/trailfile":     {deny: []string{"net/http", "database/sql", sdk, "github.com/aws/smithy-go"}, why: "it reads files; what the events in them mean is others' to say"},
	"internal/wire/model":    {why: "tables"},
	"internal/wire/sigv4":    {deny: []string{"database/sql"}, why: "signatures only"},
	"internal/iam/managed":   {why: "tables"},
}

func serviceRule(more ...string) rule {
	return rule{
		allow: append([]string{"access", "internal/api", "internal/store", "policy"}, more...),
		deny:  []string{"net/http/httptest"},
		why:   "a service knows no other service, no HTTP and no SQL: it reaches others through the door",
	}
}

// domainImports are what domain code must not import itself.
var domainImports = []string{"net/http", "database/sql", "encoding/xml"}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestImports(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p goPackage
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		r, ok := rules[name]
		if !ok {
			continue
		}
		seen++
		for _, i := range p.Imports {
			if ours, ok := strings.CutPrefix(i, module+"/"); ok && !slices.Contains(r.allow, ours) {
				t.Errorf("%s imports %s: %s", name, ours, r.why)
			}
			if slices.Contains(services, name) && slices.Contains(domainImports, i) {
				t.Errorf("%s imports %s: %s", name, i, r.why)
			}
		}
		for _, d := range p.Deps {
			for _, bad := range r.deny {
				if d == bad || strings.HasPrefix(d, bad+"/") {
					t.Errorf("%s reaches %s: %s", name, d, r.why)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("checked %d packages, expected all of the table", seen)
	}
}

// TestPackageComments checks that every package says what it is.
func TestPackageComments(t *testing.T) {
	t.Parallel()
	documented := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir := filepath.Dir(path)
		documented[dir] = documented[dir] || hasComment(f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package in %s has no comment", dir)
		}
	}
}

func hasComment(f *ast.File) bool { return f.Doc != nil && strings.TrimSpace(f.Doc.Text()) != "" }
