package audit

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/phrase"
)

// contract is the page that the JSON form keeps to.
const contract = "../../docs/audit-json.md"

// TestDocumentedFields holds docs/audit-json.md against the types, both ways.
func TestDocumentedFields(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(contract)
	if err != nil {
		t.Fatal(err)
	}
	for head, typ := range map[string]reflect.Type{
		"| field |": reflect.TypeFor[Report](), "| field of a group |": reflect.TypeFor[Group](),
	} {
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
			t.Errorf("%s: fields (true: optional), - in Go, + in %s:\n%s", head, contract, diff)
		}
	}
}

// apart are the types that have a table of their own, or are texts.
var apart = []reflect.Type{reflect.TypeFor[Group](), reflect.TypeFor[diagnose.Fix](), reflect.TypeFor[diagnose.Statement](), reflect.TypeFor[time.Time](), reflect.TypeFor[phrase.Text]()}

// walk lists the JSON fields of a type, and whether they may be left out.
func walk(typ reflect.Type, prefix string, fields map[string]bool) {
	for f := range typ.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			walk(f.Type, prefix, fields)
			continue
		}
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
	values := []string{string(DirectGrant), string(OpenKey)}
	for _, k := range kinds {
		values = append(values, string(k))
	}
	for _, o := range operations {
		values = append(values, string(o))
	}
	for _, v := range values {
		if !bytes.Contains(doc, []byte("`"+v+"`")) {
			t.Errorf("%s is not in %s", v, contract)
		}
	}
}

// TestListsAreNeverNull: readers of the JSON form may range over every list.
func TestListsAreNeverNull(t *testing.T) {
	t.Parallel()
	for _, in := range []*Inventory{{}, exampleInventory()} {
		b, err := json.Marshal(Run(in))
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.Index(b, []byte(":null")); i >= 0 && !bytes.HasSuffix(b[:i], []byte(`"fix"`)) {
			t.Errorf("null at …%s", b[max(0, i-40):i+5])
		}
	}
}
