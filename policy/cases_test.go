package policy_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/rulecase"
	"github.com/keyturn/keyturn/policy"
)

// caseFields are the fields of a case in testdata/cases.
//
//	condition: {"Bool": …}     the Condition of a statement that is about everything
//	statement: {"Action": …}   a whole statement; Effect is Allow where it has none
//	document: {"Version": …}   a whole document
//	version: 2008-10-17        of the document; 2012-10-17 where there is none, "none" for none
//	action: kms:Decrypt        what the request does
//	on: arn:aws:…              and on what
//	by: user                   one of caseCallers
//	context: key = a | b       a condition key; "key = ()" is the empty set, "key ?" is not known
//	attached: resource         or trust: the kind of policy that it is
//	kind: key                  Load it as that kind of policy
//	want: applies              or: maybe; not Condition; error TEXT; refused TEXT; valid
//	names: user account        how Principal names the caller
var caseFields = []string{"condition", "statement", "document", "version", "action", "on", "by", "context", "attached", "kind", "want", "names"}

var caseCallers = map[string]policy.Caller{
	"nobody": {},
	"user":   {Account: accountA, ARN: "arn:aws:iam::123456789012:user/test", ID: "AIDACKCEVSQ6C2EXAMPLE"},
	"root":   {Account: accountA, ARN: "arn:aws:iam::123456789012:root", Root: true},
	"session": {
		Account: accountA, ARN: "arn:aws:sts::123456789012:assumed-role/r/s",
		RoleARN: "arn:aws:iam::123456789012:role/path/r", RoleID: "AROACKCEVSQ6C2EXAMPLE",
	},
	"federated": {
		Account: accountA, ARN: "arn:aws:sts::123456789012:federated-user/f", UserARN: "arn:aws:iam::123456789012:user/test",
	},
	"bounded":  {Account: accountA, ARN: "arn:aws:iam::123456789012:user/test", Bounded: true},
	"stranger": {Account: accountB, ARN: "arn:aws:iam::210987654321:user/other", ID: "AIDAOTHEROTHEREXAMPLE"},
	"service":  {Service: "ec2.amazonaws.com"},
	"provider": {Federated: "accounts.example.com"},
	"saml":     {Federated: "arn:aws:iam::123456789012:saml-provider/example"},
	"canonical": {
		Account: accountB, ARN: "arn:aws:iam::210987654321:user/other",
		CanonicalUser: "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be",
	},
}

var caseKinds = map[string]policy.Kind{
	"identity": policy.IdentityPolicy, "managed": policy.ManagedPolicy, "boundary": policy.BoundaryPolicy, "session": policy.SessionPolicy,
	"trust": policy.TrustPolicy, "key": policy.KeyPolicy, "scp": policy.ServiceControlPolicy, "rcp": policy.ResourceControlPolicy,
	"endpoint": policy.EndpointPolicy,
}

var caseNames = map[string]policy.Names{
	"account": policy.NamesAccount, "root": policy.NamesRoot, "user": policy.NamesUser, "role": policy.NamesRole,
	"session": policy.NamesSession, "issuer": policy.NamesIssuer, "service": policy.NamesService,
	"provider": policy.NamesProvider, "canonical": policy.NamesCanonicalUser, "everyone": policy.NamesEveryone,
}

// TestRules runs every case, and wants one for every rule.
func TestRules(t *testing.T) {
	t.Parallel()
	rulecase.Run(t, caseFields, runCase)
}

func runCase(t *testing.T, c *rulecase.Case) {
	t.Helper()
	text := caseDocument(t, c)
	want, detail, _ := strings.Cut(c.Get("want"), " ")
	if kind, ok := c.Lookup("kind"); ok {
		loadCase(t, text, kind, want, detail)
		return
	}
	p, err := policy.Parse([]byte(text))
	if want == "error" {
		var e *policy.ParseError
		if !errors.As(err, &e) || !strings.Contains(e.Reason, detail) || detail == "" {
			t.Errorf("got error %v, want %q", err, detail)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	env := caseEnv(t, c)
	s := p.Statement(0)
	m, x := s.Match(env), s.Explain(env)
	if x.Applies != m.Applies {
		t.Errorf("Explain says %v, Match %v", x.Applies, m.Applies)
	}
	got := m.Applies.String()
	switch m.Applies {
	case policy.Yes:
		got = "applies"
	case policy.No:
		got = "not " + string(x.Failed[0].Element)
	}
	if got != c.Get("want") {
		t.Errorf("got %q, want %q; failed: %v\n%s", got, c.Get("want"), x.Failed, text)
	}
	if names, ok := c.Lookup("names"); ok {
		var want policy.Names
		for n := range strings.FieldsSeq(names) {
			if caseNames[n] == 0 {
				t.Fatalf("no such way to be named: %q", n)
			}
			want |= caseNames[n]
		}
		if m.Names != want {
			t.Errorf("named by %b, want %b", m.Names, want)
		}
	}
}

func loadCase(t *testing.T, text, kind, want, detail string) {
	t.Helper()
	k, ok := caseKinds[kind]
	if !ok {
		t.Fatalf("no such kind of policy: %q", kind)
	}
	_, err := policy.Load([]byte(text), k)
	switch {
	case want == "valid" && err == nil:
	case want == "refused" && err != nil && detail != "" && strings.Contains(err.Error(), detail):
	default:
		t.Errorf("got %v, want %s %s\n%s", err, want, detail, text)
	}
}

// caseDocument writes the case's document.
func caseDocument(t *testing.T, c *rulecase.Case) string {
	t.Helper()
	if text, ok := c.Lookup("document"); ok {
		return text
	}
	statement := map[string]json.RawMessage{}
	if text, ok := c.Lookup("statement"); ok {
		if err := json.Unmarshal([]byte(text), &statement); err != nil {
			t.Fatalf("statement: %v", err)
		}
	}
	if text, ok := c.Lookup("condition"); ok {
		statement["Condition"] = json.RawMessage(text)
		statement["Action"], statement["Resource"] = json.RawMessage(`"*"`), json.RawMessage(`"*"`)
	}
	if _, ok := statement["Effect"]; !ok {
		statement["Effect"] = json.RawMessage(`"Allow"`)
	}
	document := map[string]any{"Statement": statement}
	switch version := c.Get("version"); version {
	case "":
		document["Version"] = policy.Version2012
	case "none":
	default:
		document["Version"] = version
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// caseEnv makes the case's request.
func caseEnv(t *testing.T, c *rulecase.Case) *policy.Env {
	t.Helper()
	keys := conditionKeys{}
	for _, line := range c.All("context") {
		for line := range strings.Lines(line) {
			name, value, known := strings.Cut(strings.TrimRight(line, "\n"), " =")
			value = strings.TrimPrefix(value, " ")
			switch {
			case !known && strings.HasSuffix(name, " ?"):
				keys[strings.ToLower(strings.TrimSuffix(name, " ?"))] = []string{unknownValue}
			case !known:
				t.Fatalf("context: %q", line)
			case value == "()":
				keys[strings.ToLower(name)] = []string{}
			default:
				keys[strings.ToLower(name)] = strings.Split(value, " | ")
			}
		}
	}
	action, resource := c.Get("action"), c.Get("on")
	if action == "" {
		action = "kms:Decrypt"
	}
	if resource == "" {
		resource = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	}
	by, ok := c.Lookup("by")
	if !ok {
		by = "user"
	}
	caller, ok := caseCallers[by]
	if !ok {
		t.Fatalf("no such caller: %q", by)
	}
	env := policy.NewEnv(action, resource, &caller, keys)
	switch attached := c.Get("attached"); attached {
	case "":
	case "resource", "trust":
		env.ResourceBased, env.ImpliedResource = true, attached == "trust"
	default:
		t.Fatalf("attached: %q", attached)
	}
	return &env
}

// TestCaseFields: a case says what it wants, and wants something that can be.
func TestCaseFields(t *testing.T) {
	t.Parallel()
	cases, err := rulecase.ReadCases("testdata/cases", caseFields...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		word, _, _ := strings.Cut(cases[i].Get("want"), " ")
		if !slices.Contains([]string{"applies", "maybe", "not", "error", "refused", "valid"}, word) {
			t.Errorf("%s wants %q", cases[i].Name, cases[i].Get("want"))
		}
	}
}
