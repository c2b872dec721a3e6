package diagnose

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

// What the catalogue says in English is what the engine says.
func TestEngineWords(t *testing.T) {
	t.Parallel()
	for _, m := range []policy.Mismatch{
		{Element: policy.ConditionElement, Operator: "Bool", Key: "kms:GrantIsForAWSResource", Wanted: []string{"true"}, Saw: []string{"false"}},
		{Element: policy.ConditionElement, Operator: "StringNotEquals", Key: "k", Wanted: []string{"a", "b", "c"}, Absent: true},
		{Element: policy.ResourceElement, Wanted: []string{"1", "2", "3", "4", "5"}, Saw: []string{"100%s"}},
		{Element: policy.NotActionElement, Wanted: []string{"kms:*"}, Saw: []string{"kms:Decrypt"}},
		{Element: policy.ConditionElement, Operator: "StringLike", Key: "k", Unknown: true},
		{Element: policy.ConditionElement, Operator: "StringLike", Key: "k", Wanted: []string{"a"}, Variable: "aws:username"},
		{Element: policy.ConditionElement, Operator: "StringLike", Key: "k", Wanted: []string{"a"}, Variable: "aws:username", Unknown: true},
	} {
		if got := mismatchWords(&m).String(); got != m.String() {
			t.Errorf("got  %s\nwant %s", got, m.String())
		}
	}
	for _, l := range []access.Layer{
		access.IdentityLayer, access.ResourceLayer, access.BoundaryLayer, access.SessionLayer, access.ServiceControlLayer,
		access.ResourceControlLayer, access.EndpointLayer, access.TrustLayer, access.GrantLayer, "another",
	} {
		if got := layerWords(l).String(); got != string(l) {
			t.Errorf("got %s, want %s", got, l)
		}
	}
	for _, name := range []string{"key policy of 1", "session policy of s", "inline policy p of user u", "inline policy p of group g", "inline policy p of role r", "AmazonEC2FullAccess"} {
		if got := documentWords(name).String(); got != name {
			t.Errorf("got %s, want %s", got, name)
		}
	}
}

// TestRegionWords: what the catalogue says of sets of requests is what the engine
// says.
func TestRegionWords(t *testing.T) {
	t.Parallel()
	for _, r := range []requestset.Region{
		{},
		{Actions: requestset.Range{In: [][]string{{"*"}}}, Resources: requestset.Range{In: [][]string{{"a", "b"}}}},
		{Actions: requestset.Range{In: [][]string{{"kms:*"}, {"*Grant"}}, NotIn: []string{"kms:RetireGrant"}}, Resources: requestset.Range{NotIn: []string{"x", "y"}}},
		{Conditions: []requestset.Constraint{
			{Operator: "Bool", Key: "k", Values: []string{"true"}},
			{Operator: "StringEquals", Key: "l", Values: []string{"a", "b", "c%s"}, Not: true},
			{Operator: "Null", Key: "m", Values: []string{"true"}},
			{Operator: "Null", Key: "n", Values: []string{"false"}},
			{Operator: "Null", Key: "o", Values: []string{"true"}, Not: true},
		}},
	} {
		if got := regionWords(&r).String(); got != r.String() {
			t.Errorf("got  %s\nwant %s", got, r.String())
		}
	}
}

// TestUnreadForms: whatever the sources name that could not be read has a form, so
// that it can be said in any language.
func TestUnreadForms(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what ast.Expr) {
			words := literalWords(what)
			if words == "" {
				return // made elsewhere
			}
			n++
			if unreadWords(words).In(phrase.Spanish) == words {
				t.Errorf("%s: %q has no form", file, words)
			}
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.CallExpr:
				if f, ok := node.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "unread" && len(node.Args) == 5 {
					check(node.Args[1])
				}
			case *ast.KeyValueExpr:
				if k, ok := node.Key.(*ast.Ident); ok && k.Name == "What" {
					check(node.Value)
				}
			}
			return true
		})
	}
	if n < 20 {
		t.Errorf("only %d names were found", n)
	}
}

// literalWords is an expression of texts and names, with "user x" for a name; empty
// where it does not begin with a text.
func literalWords(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.BinaryExpr:
		if left := literalWords(e.X); left != "" {
			return left + cmp.Or(literalWords(e.Y), "user x")
		}
	}
	return ""
}

// TestCallerWords: those whom requestset tells apart have a form.
func TestCallerWords(t *testing.T) {
	t.Parallel()
	was := must("was", "", `{"Version": "2012-10-17", "Statement": []}`)
	is := must("is", "", `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"},
		{"Effect": "Allow", "Principal": {
			"AWS": ["123456789012", "arn:aws:iam::123456789012:user/u", "arn:aws:iam::123456789012:role/r", "arn:aws:sts::123456789012:assumed-role/r/s", "AIDAEXAMPLEEXAMPLE", "AROAEXAMPLEEXAMPLE"],
			"Service": "ec2.amazonaws.com", "Federated": "accounts.google.com"
		}, "Action": "kms:Encrypt", "Resource": "*"}]}`)
	n := 0
	for _, a := range requestset.NewAccessTo(named(was), named(is), requestset.Options{Resource: testKey}) {
		for _, name := range a.Callers {
			n++
			if callerWords(name).In(phrase.Spanish) == name {
				t.Errorf("%q has no form", name)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d callers were told apart", n)
	}
}
