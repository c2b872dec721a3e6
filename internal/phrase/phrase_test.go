package phrase

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// said are the formats that the sources give to Say, with where.
func said(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, root := range []string{"../../internal", "../../cmd"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) == 0 || !isSay(call.Fun, file.Name.Name) {
					return true
				}
				where := set.Position(call.Pos()).String()
				format, ok := constant(call.Args[0])
				if !ok {
					t.Errorf("%s: the format of Say is not a constant: the catalogue cannot be checked", where)
					return true
				}
				all[format] = where
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func isSay(fun ast.Expr, pkg string) bool {
	if id, ok := fun.(*ast.Ident); ok {
		return pkg == "phrase" && id.Name == "Say"
	}
	s, ok := fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "Say" {
		return false
	}
	id, ok := s.X.(*ast.Ident)
	return ok && id.Name == "phrase"
}

// constant is the value of a string literal, or of several joined by +.
func constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		left, ok := constant(e.X)
		right, also := constant(e.Y)
		return left + right, ok && also
	}
	return "", false
}

var verb = regexp.MustCompile(`%(\[(\d+)\])?[-+# 0]*\d*([a-zA-Z%])`)

// verbs are what a format does with each of its arguments.
func verbs(format string) []string {
	var list []string
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[3] == "%" {
			continue
		}
		if m[2] != "" {
			next, _ = strconv.Atoi(m[2])
		}
		list = append(list, strconv.Itoa(next)+m[3])
		next++
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func TestCatalogueIsWhole(t *testing.T) {
	t.Parallel()
	all := said(t)
	if len(all) < 50 {
		t.Fatalf("only %d texts were found in the sources", len(all))
	}
	for format, where := range all {
		words, ok := catalogue[Spanish][format]
		switch {
		case !ok:
			t.Errorf("%s: no Spanish for %q", where, format)
		case !slices.Equal(verbs(words), verbs(format)):
			t.Errorf("%s: %q has the verbs %v, its Spanish %v", where, format, verbs(format), verbs(words))
		}
	}
	for format := range catalogue[Spanish] {
		if _, ok := all[format]; !ok {
			t.Errorf("nobody says %q any more: take it out of the catalogue", format)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	list := List(Plain("a"), Plain("b%s"), Plain("c"))
	if got := list.In(English); got != "a, b%s and c" {
		t.Errorf("English: %q", got)
	}
	if got := list.In(Spanish); got != "a, b%s y c" {
		t.Errorf("Spanish: %q", got)
	}
	raw, err := json.Marshal(struct {
		A Text `json:"a"`
		B Text `json:"b,omitzero"`
	}{A: list})
	if err != nil || string(raw) != `{"a":"a, b%s and c"}` {
		t.Errorf("JSON: %s, %v", raw, err)
	}
	var back Text
	if err := json.Unmarshal([]byte(`"100%s"`), &back); err != nil || back.In(Spanish) != "100%s" {
		t.Errorf("read back: %q, %v", back, err)
	}
}

// TestAgree: Spanish texts agree with what is put into them.
func TestAgree(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"⟨Ninguna|Ningún⟩ límite de permisos de el usuario test": "Ningún límite de permisos del usuario test",
		"⟨Ninguna|Ningún⟩ política de sesión de el rol r":        "Ninguna política de sesión del rol r",
		"deniega a el usuario raíz":                              "deniega al usuario raíz",
		"La instrucción ⟨de la|del⟩ política":                    "La instrucción de la política",
		"de ella, de él": "de ella, de él",
	} {
		if got := agree(words); got != want {
			t.Errorf("%q became %q, want %q", words, got, want)
		}
	}
	for format, words := range catalogue[Spanish] {
		if strings.Contains(words, "⟨") != strings.Contains(words, "⟩ %") {
			t.Errorf("%q: the forms of %q stand before no word", format, words)
		}
	}
}

// TestError: an error is said in the language as far as it is of the catalogue.
func TestError(t *testing.T) {
	t.Parallel()
	cause := errors.New("no such file")
	err := NewError(Say("%s and %s", NewError(List(Plain("a"), Plain("b")), nil), cause), cause)
	if got := Of(err, Spanish); got != "a y b y no such file" {
		t.Errorf("in Spanish: %s", got)
	}
	if err.Error() != "a and b and no such file" || !errors.Is(err, cause) {
		t.Errorf("as an error: %v", err)
	}
	if got := Of(cause, Spanish); got != "no such file" {
		t.Errorf("another error: %s", got)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, lcAll, lang string
		want              Language
		fails             bool
	}{
		{want: English},
		{name: "es", lang: "en_US.UTF-8", want: Spanish},
		{name: "es-MX", want: Spanish},
		{name: "fr", want: English, fails: true},
		{lang: "es_ES.UTF-8", want: Spanish},
		{lcAll: "C", lang: "es_ES.UTF-8", want: English},
		{lang: "de_DE.UTF-8", want: English},
		{lang: "est", want: English},
	} {
		env := map[string]string{"LC_ALL": c.lcAll, "LANG": c.lang}
		got, err := Choose(c.name, func(k string) string { return env[k] })
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%+v: %s, %v", c, got, err)
		}
	}
}
