package simulate_test

import (
	"bytes"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/golden"
	"github.com/keyturn/keyturn/internal/simulate"
)

// example is the scenario of testdata, decided.
func example(t *testing.T) *simulate.Report {
	t.Helper()
	data, err := os.ReadFile("testdata/scenario.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := simulate.ReadScenario(data)
	if err != nil {
		t.Fatal(err)
	}
	s.Relative("testdata")
	p, err := simulate.Prepare(s, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return p.Run()
}

func TestText(t *testing.T) {
	t.Parallel()
	r := example(t)
	for file, style := range map[string]simulate.Style{"scenario.txt": {}, "scenario-verbose.txt": {Verbose: true}} {
		var plain, colored bytes.Buffer
		if err := r.WriteText(&plain, style); err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, file, plain.Bytes())
		style.Color = true
		if err := r.WriteText(&colored, style); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(colored.Bytes(), []byte("\x1b[1;31mDENIED\x1b[0m")) {
			t.Error("no colour with Style.Color")
		}
		stripped := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAll(colored.Bytes(), nil)
		if diff := cmp.Diff(plain.String(), string(stripped)); diff != "" {
			t.Errorf("colour changes more than colour:\n%s", diff)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := example(t).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "report.json", b.Bytes())
}

func TestAWS(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := example(t).WriteAWS(&b); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "aws.json", b.Bytes())
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	result := func(o, expect access.Outcome) simulate.Result {
		return simulate.Result{Decision: access.Decision{Outcome: o}, Expect: expect}
	}
	for name, c := range map[string]struct {
		results []simulate.Result
		want    int
	}{
		"all is allowed":                     {[]simulate.Result{result(access.Allowed, "")}, 0},
		"something is denied":                {[]simulate.Result{result(access.Depends, ""), result(access.ImplicitDeny, "")}, 1},
		"something is open":                  {[]simulate.Result{result(access.Allowed, ""), result(access.Depends, "")}, 2},
		"a denial is expected":               {[]simulate.Result{result(access.ExplicitDeny, access.ExplicitDeny)}, 0},
		"a denial is expected of that kind":  {[]simulate.Result{result(access.ImplicitDeny, access.ExplicitDeny)}, 1},
		"what is expected to be open":        {[]simulate.Result{result(access.Depends, access.Depends)}, 0},
		"it is open and should be allowed":   {[]simulate.Result{result(access.Depends, access.Allowed)}, 1},
		"it is allowed and should be denied": {[]simulate.Result{result(access.Allowed, access.ImplicitDeny)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := (&simulate.Report{Results: c.results}).ExitCode(); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// TestEveryFieldIsDocumented: docs/simulate-json.md names every field of a
// scenario file.
func TestEveryFieldIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/simulate-json.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var check func(prefix string, typ reflect.Type)
	check = func(prefix string, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			if typ.Kind() == reflect.Slice && typ.Elem().Kind() != reflect.String && typ.Elem().Kind() != reflect.Slice {
				prefix = strings.TrimSuffix(prefix, ".") + "[]."
			}
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		for field := range typ.Fields() {
			name := field.Tag.Get("json")
			if name == "" {
				continue
			}
			n++
			if !bytes.Contains(page, []byte("`"+prefix+name+"`")) {
				t.Errorf("the page does not name `%s%s`", prefix, name)
			}
			if name != "principal" { // documented with principals
				check(prefix+name+".", field.Type)
			}
		}
	}
	check("", reflect.TypeFor[simulate.Scenario]())
	if n < 40 {
		t.Errorf("checked %d fields only", n)
	}
}
