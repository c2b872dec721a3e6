// Package jsonpage holds a page that documents a JSON form against the types that
// are written in it. Only tests import it.
package jsonpage

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+)")

// Compare fails the test where a table of the page lacks a field of its type, has
// one that there is not, or says optional of one that is always there. The tables
// are told by the beginning of their heads: "| field |". The types of apart have a
// table of their own, or are texts: their fields are not looked for.
func Compare(t testing.TB, page string, tables map[string]reflect.Type, apart ...reflect.Type) {
	t.Helper()
	doc, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for head, typ := range tables {
		_, rest, found := strings.Cut(string(doc), head)
		if !found {
			t.Errorf("no table %q", head)
			continue
		}
		table, _, _ := strings.Cut(rest, "\n\n")
		documented := make(map[string]bool)
		for _, m := range row.FindAllStringSubmatch(table, -1) {
			documented[m[1]] = strings.Contains(m[2], "optional")
		}
		fields := make(map[string]bool)
		walk(typ, "", apart, fields)
		if diff := cmp.Diff(fields, documented); diff != "" {
			t.Errorf("%s: fields (true: optional) of %s, - in Go, + in %s:\n%s", head, typ, page, diff)
		}
	}
}

// walk lists the JSON fields of a type, and whether they may be left out.
func walk(typ reflect.Type, prefix string, apart []reflect.Type, fields map[string]bool) {
	for f := range typ.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			walk(f.Type, prefix, apart, fields)
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
			walk(t, path+".", apart, fields)
		}
	}
}
