package policy_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/internal/iam/managed"
	"github.com/keyturn/keyturn/policy"
)

// read is a statement by its public accessors, without its places.
type read struct {
	Index                               int
	Sid                                 string
	Effect                              policy.Effect
	Principals, NotPrincipals           []policy.PrincipalName
	Actions, NotActions                 []string
	Resources, NotResources             []string
	Conditions                          []policy.Condition
	HasPrincipal, HasAction, HasContext bool
}

type readPolicy struct {
	Version, ID string
	Statements  []read
}

func readOf(p *policy.Policy) readPolicy {
	all := readPolicy{Version: p.Version(), ID: p.ID()}
	for i := range p.Len() {
		s := p.Statement(i)
		r := read{
			Index: s.Index(), Sid: s.Sid(), Effect: s.Effect(), Principals: s.Principals(), NotPrincipals: s.NotPrincipals(),
			Actions: s.Actions(), NotActions: s.NotActions(), Resources: s.Resources(), NotResources: s.NotResources(),
			Conditions: s.Conditions(),
		}
		_, r.HasPrincipal = s.ElementPosition(policy.PrincipalElement)
		_, r.HasAction = s.ElementPosition(policy.ActionElement)
		_, r.HasContext = s.ElementPosition(policy.ConditionElement)
		all.Statements = append(all.Statements, r)
	}
	return all
}

// sameReading compares two policies but for the places of things.
func sameReading(a, b *policy.Policy) string {
	return cmp.Diff(readOf(a), readOf(b),
		cmpopts.IgnoreFields(policy.PrincipalName{}, "Position", "Length"), cmpopts.IgnoreUnexported(policy.PrincipalName{}),
		cmpopts.IgnoreFields(policy.Condition{}, "Position"), cmpopts.IgnoreUnexported(policy.Condition{}))
}

// formatted checks what holds for every form: it reads as the document did, and
// its own form is itself.
func formatted(t interface {
	Helper()
	Fatalf(string, ...any)
}, text []byte,
) []byte {
	t.Helper()
	before, err := policy.Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	form, err := policy.Format(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	after, err := policy.Parse(form)
	if err != nil {
		t.Fatalf("the form is no policy: %v\n%s", err, form)
	}
	if diff := sameReading(before, after); diff != "" {
		t.Fatalf("the form reads otherwise:\n%s\n%s\n%s", diff, text, form)
	}
	again, err := policy.Format(form)
	if err != nil || !bytes.Equal(again, form) {
		t.Fatalf("the form of the form is another (%v)\n%s\n%s", err, form, again)
	}
	return form
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"elements in the order of the guide": {
			`{"Statement":{"Condition":{"Bool":{"aws:SecureTransport":true}},"NotResource":"*","NotAction":"kms:*","NotPrincipal":{"AWS":"123456789012"},"Effect":"Deny","Sid":"a"},"Id":"b","Version":"2012-10-17"}`,
			`{
    "Version": "2012-10-17",
    "Id": "b",
    "Statement": {
        "Sid": "a",
        "Effect": "Deny",
        "NotPrincipal": {
            "AWS": "123456789012"
        },
        "NotAction": "kms:*",
        "NotResource": "*",
        "Condition": {
            "Bool": {
                "aws:SecureTransport": true
            }
        }
    }
}
`,
		},
		"a list stays a list, and its values keep their order": {
			`{"Statement":[{"Resource":["*"],"Action":["kms:Decrypt","kms:CreateGrant","kms:Decrypt"],"Effect":"Allow"}]}`,
			`{
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "kms:Decrypt",
                "kms:CreateGrant",
                "kms:Decrypt"
            ],
            "Resource": [
                "*"
            ]
        }
    ]
}
`,
		},
		"what is empty stays short": {
			`{"Statement":[{"Effect":"Allow","Principal":{ },"Action":[ ],"Condition":{"Bool":{}}}, {"Effect":"Deny"}]}`,
			`{
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {},
            "Action": [],
            "Condition": {
                "Bool": {}
            }
        },
        {
            "Effect": "Deny"
        }
    ]
}
`,
		},
		"no statements": {`{"Statement":[]}`, "{\n    \"Statement\": []\n}\n"},
		"numbers as written": {
			`{"Statement":{"Effect":"Allow","Condition":{"NumericLessThan":{"x:n":[1.50,1e3,"2",-0]}}}}`,
			`{
    "Statement": {
        "Effect": "Allow",
        "Condition": {
            "NumericLessThan": {
                "x:n": [
                    1.50,
                    1e3,
                    "2",
                    -0
                ]
            }
        }
    }
}
`,
		},
		"no escape that is not needed": {
			`{"Id":"caf\u00e9 \u003ca\u003e \/ \u0022 \u005c \u0009 \u000a \u000d \u0008 \u000c \u001f \ud83d\ude00","Statement":[]}`,
			"{\n    \"Id\": \"café <a> / \\\" \\\\ \\t \\n \\r \\b \\f \\u001f 😀\",\n    \"Statement\": []\n}\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, string(formatted(t, []byte(c.text)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFormatRefusesWhatParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", `{"Statement":[{"Effect":"Allow","Actions":"*"}]}`, `{"Statement":[],"Statement":[]}`} {
		_, parse := policy.Parse([]byte(text))
		form, err := policy.Format([]byte(text))
		if err == nil || form != nil || parse == nil || err.Error() != parse.Error() {
			t.Errorf("%s: got %q with %v, want %v", text, form, err, parse)
		}
	}
}

// TestFormatChangesNoDecision asks the document and its form the same requests.
func TestFormatChangesNoDecision(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		document := map[string]any{
			"Version":   rapid.SampledFrom([]string{policy.Version2012, policy.Version2008}).Draw(t, "version"),
			"Statement": rapid.SliceOfN(rapid.Custom(drawStatement), 1, 4).Draw(t, "statements"),
		}
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		before, err := policy.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		after, err := policy.Parse(formatted(t, text))
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			r := drawRequest(t)
			env := policy.NewEnv(r.action, r.resource, &r.caller, r)
			env.ResourceBased = rapid.Bool().Draw(t, "resource based")
			for i := range before.Len() {
				a, b := before.Statement(i).Match(&env), after.Statement(i).Match(&env)
				if diff := cmp.Diff(a, b); diff != "" {
					t.Fatalf("statement %d: %s\n%s", i, diff, text)
				}
			}
		}
	})
}

// TestFormatAWSManagedPolicies: what AWS writes keeps its meaning, too.
func TestFormatAWSManagedPolicies(t *testing.T) {
	t.Parallel()
	n := 0
	for m := range managed.All() {
		v, ok := m.Version(m.Default)
		if !ok {
			continue
		}
		n++
		form := formatted(t, []byte(v.Document()))
		if !strings.HasPrefix(string(form), "{\n    \"Version\": \"2012-10-17\",\n    \"Statement\": ") {
			t.Errorf("%s starts %.60q", m.Name, form)
		}
	}
	if n < 1000 {
		t.Errorf("formatted %d policies, want over a thousand", n)
	}
}

func FuzzFormat(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"},"Version":"2012-10-17"}`,
		`{"Statement":[{"Condition":{"ForAllValues:StringLikeIfExists":{"a:b":["${a:b, 'c'}*",1e5,true]}},"NotAction":["a:b"],"Principal":{"AWS":["*"]},"Effect":"Deny"}]}`,
		`{"Id":"\ud83d\ude00\u0041\n\u007f\u2028","Statement":[]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := policy.Parse(data); err != nil {
			if form, err := policy.Format(data); err == nil {
				t.Fatalf("formatted what is no policy: %q to %q", data, form)
			}
			return
		}
		formatted(t, data)
	})
}
