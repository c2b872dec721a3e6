package diagnose

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/golden"
	"github.com/keyturn/keyturn/internal/jsonpage"
	"github.com/keyturn/keyturn/internal/phrase"
)

func TestArticleText(t *testing.T) {
	t.Parallel()
	var plain, colored bytes.Buffer
	r := Judge(article())
	if err := r.WriteText(&plain, Style{}); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "article.txt", plain.Bytes())
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
		golden.Compare(t, name, b.Bytes())
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
	golden.Compare(t, "article.json", b.Bytes())
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
	jsonpage.Compare(t, contract, map[string]reflect.Type{
		"| field |":             reflect.TypeFor[Report](),
		"| field of an event |": reflect.TypeFor[Event](),
		"| field of a cause |":  reflect.TypeFor[Cause](),
		"| field of a check |":  reflect.TypeFor[Check](),
	}, reflect.TypeFor[Event](), reflect.TypeFor[Cause](), reflect.TypeFor[Check](), reflect.TypeFor[time.Time]())
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
