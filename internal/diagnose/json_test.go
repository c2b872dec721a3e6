package diagnose

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/phrase"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file under testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s:\n%s", path, diff)
	}
}

func TestArticleText(t *testing.T) {
	t.Parallel()
	var plain, colored bytes.Buffer
	r := Judge(article())
	if err := r.WriteText(&plain, Style{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "article.txt", plain.Bytes())
	if n := bytes.Count(plain.Bytes(), []byte("\n")); n > 40 {
		t.Errorf("the article takes %d lines", n)
	}
	for name, style := range map[string]Style{
		"article-verbose.txt": {Verbose: true}, "article.es.txt": {Language: phrase.Spanish}, "article-verbose.es.txt": {Language: phrase.Spanish, Verbose: true},
	} {
		var b bytes.Buffer
		if err := r.WriteText(&b, style); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
	if err := r.WriteText(&colored, Style{Color: true}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(colored.Bytes(), []byte("\x1b[1;31mCAUSE FOUND\x1b[0m")) {
		t.Error("no colour with Style.Color")
	}
	stripped := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAll(colored.Bytes(), nil)
	if diff := cmp.Diff(plain.String(), string(stripped)); diff != "" {
		t.Errorf("colour changes more than colour:\n%s", diff)
	}
}

func TestArticleJSON(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Judge(article()).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "article.json", b.Bytes())
}

// TestLinesAreShort: lines of any report fit a terminal, but for JSON arguments,
// which must be copied whole.
func TestLinesAreShort(t *testing.T) {
	t.Parallel()
	for _, row := range causeRows {
		var b bytes.Buffer
		if err := Judge(row.evidence()).WriteText(&b, Style{}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 110 && !strings.Contains(line, "'{") && !strings.Contains(line, "arn:") {
				t.Errorf("%s: %d columns: %s", row.name, n, line)
			}
		}
	}
}

// TestListsAreNeverNull: readers of the JSON form may range over every list.
func TestListsAreNeverNull(t *testing.T) {
	t.Parallel()
	for _, row := range causeRows {
		b, err := json.Marshal(Judge(row.evidence()))
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range []string{"volumes", "keys", "unread", "further", "fixes", "steps", "others", "opened", "requests", "policies", "commands"} {
			if bytes.Contains(b, []byte(`"`+list+`":null`)) {
				t.Errorf("%s: %s is null", row.name, list)
			}
		}
	}
}

// contract is the page that the JSON form keeps to.
const contract = "../../docs/diagnose-json.md"

// TestDocumentedFields holds docs/diagnose-json.md against the types, both ways.
func TestDocumentedFields(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(contract)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]reflect.Type{
		"| field |":             reflect.TypeFor[Report](),
		"| field of an event |": reflect.TypeFor[Event](),
		"| field of a cause |":  reflect.TypeFor[Cause](),
		"| field of a check |":  reflect.TypeFor[Check](),
	}
	for head, typ := range tables {
		_, rest, found := strings.Cut(string(doc), head)
		if !found {
			t.Errorf("no table %q", head)
			continue
		}
		table, _, _ := strings.Cut(rest, "\n\n")
		documented := make(map[string]bool)
		for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+)").FindAllStringSubmatch(table, -1) {
			documented[m[1]] = strings.Contains(m[2], "optional")
		}
		fields := make(map[string]bool)
		walk(typ, "", fields)
		if diff := cmp.Diff(fields, documented); diff != "" {
			t.Errorf("%s: fields (true: optional) of %s, - in Go, + in %s:\n%s", head, typ, contract, diff)
		}
	}
}

// apart are the types that have a table of their own.
var apart = []reflect.Type{reflect.TypeFor[Event](), reflect.TypeFor[Cause](), reflect.TypeFor[Check](), reflect.TypeFor[time.Time]()}

// walk lists the JSON fields of a type, and whether they may be left out.
func walk(typ reflect.Type, prefix string, fields map[string]bool) {
	for f := range typ.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		path := prefix + name
		fields[path] = strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		t := f.Type
		if t.Kind() == reflect.Slice {
			t, path = t.Elem(), path+"[]"
		}
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() == reflect.Struct && !slices.Contains(apart, t) {
			walk(t, path+".", fields)
		}
	}
}

// TestDocumentedValues holds the constants against the page.
func TestDocumentedValues(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(contract)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range []string{"cause.go", "report.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok || spec.Type == nil || len(spec.Values) != 1 {
				return true
			}
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			n++
			if !bytes.Contains(doc, []byte("`"+value+"`")) {
				t.Errorf("%s is not in %s", value, contract)
			}
			return true
		})
	}
	if n < 30 {
		t.Errorf("found %d constants, expected all kinds", n)
	}
}
