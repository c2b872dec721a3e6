package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/policy"
)

func TestContextKeys(t *testing.T) {
	t.Parallel()
	const statements = `[
  {"Effect":"Allow","Action":"*","Resource":["arn:aws:s3:::b/${aws:username}/${aws:PrincipalTag/team, 'none'}","${*}"],
   "Condition":{"StringLike":{"x:Name":["${AWS:UserName}","${x:Other}*"]},"NumericEquals":{"x:n":"${x:no}"}}},
  {"Effect":"Deny","NotAction":"*","NotResource":"arn:aws:s3:::${x:Late}","Condition":{"Null":{"X:NAME":"true"}}}]`
	for name, c := range map[string]struct {
		version string
		all     []string
		last    []string
	}{
		"conditions and variables, each once": {
			policy.Version2012, []string{"aws:PrincipalTag/team", "aws:username", "x:Late", "x:Name", "x:Other", "x:n"}, []string{"X:NAME", "x:Late"},
		},
		"the old version has no variables": {policy.Version2008, []string{"x:Name", "x:n"}, []string{"X:NAME"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := parse(t, `{"Version":"`+c.version+`","Statement":`+statements+`}`)
			got := p.ContextKeys()
			// AWS:UserName is found first, in the condition.
			for i := range got {
				if strings.EqualFold(got[i], "aws:username") {
					got[i] = "aws:username"
				}
			}
			if diff := cmp.Diff(slices.Sorted(slices.Values(c.all)), slices.Sorted(slices.Values(got))); diff != "" {
				t.Errorf("all (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.last, p.StatementContextKeys(1)); diff != "" {
				t.Errorf("the second statement's (-want +got):\n%s", diff)
			}
		})
	}
	if got := parse(t, `{"Statement":[]}`).ContextKeys(); got == nil || len(got) != 0 {
		t.Errorf("no statements: %#v", got)
	}
}

func TestStatementEnd(t *testing.T) {
	t.Parallel()
	const text = "{\"Statement\":[ {\"Effect\":\"Allow\"},\n {\"Effect\":\n\"Deny\" } ]}"
	p := parse(t, text)
	for i, want := range []policy.Position{
		{Offset: strings.Index(text, ",\n"), Line: 1, Column: 34},
		{Offset: strings.Index(text, " ]}"), Line: 3, Column: 9},
	} {
		got := p.Statement(i).End()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("statement %d ends (-want +got):\n%s", i, diff)
		}
		if diff := cmp.Diff(got, p.Position(got.Offset)); diff != "" {
			t.Errorf("the place of its end (-want +got):\n%s", diff)
		}
	}
}
