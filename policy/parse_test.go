package policy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/iam/managed"
	"github.com/keyturn/keyturn/policy"
)

func parse(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParseKeepsEverythingAndItsPlace(t *testing.T) {
	t.Parallel()
	const text = `{
  "Version": "2012-10-17",
  "Id": "key-default-1",
  "Statement": [
    {
      "Sid": "Enable IAM User Permissions",
      "Effect": "Allow",
      "Principal": {"AWS": ["arn:aws:iam::123456789012:root", "AIDACKCEVSQ6C2EXAMPLE"], "Service": "ec2.amazonaws.com"},
      "NotAction": ["kms:Delete*"],
      "NotResource": "arn:aws:kms:*:*:key/caf\u00e9",
      "Condition": {
        "Bool": {"aws:SecureTransport": true},
        "NumericLessThan": {"aws:MultiFactorAuthAge": 3600}
      }
    },
    {"Effect": "Deny", "NotPrincipal": "*", "Action": "kms:*", "Resource": []}
  ]
}`
	p := parse(t, text)
	if p.Text() != text {
		t.Error("the text was changed")
	}
	if p.Version() != policy.Version2012 || p.ID() != "key-default-1" || p.Len() != 2 {
		t.Errorf("version %q, id %q, %d statements", p.Version(), p.ID(), p.Len())
	}
	s := p.Statement(0)
	if s.Sid() != "Enable IAM User Permissions" || s.Effect() != policy.Allow {
		t.Errorf("sid %q, effect %q", s.Sid(), s.Effect())
	}
	if diff := cmp.Diff(policy.Position{Offset: strings.Index(text, "{\n      \"Sid\""), Line: 5, Column: 5}, s.Position()); diff != "" {
		t.Error("statement", diff)
	}
	var names []string
	for _, n := range s.Principals() {
		quoted := text[n.Position.Offset : n.Position.Offset+n.Length]
		if quoted != `"`+n.Name+`"` {
			t.Errorf("principal %s stands at %s", n.Name, quoted)
		}
		names = append(names, n.Type+" "+n.Name)
	}
	if diff := cmp.Diff([]string{"AWS arn:aws:iam::123456789012:root", "AWS AIDACKCEVSQ6C2EXAMPLE", "Service ec2.amazonaws.com"}, names); diff != "" {
		t.Error("principals", diff)
	}
	if diff := cmp.Diff([]string{"kms:Delete*"}, s.NotActions()); diff != "" || s.Actions() != nil {
		t.Error("actions", diff)
	}
	if diff := cmp.Diff([]string{"arn:aws:kms:*:*:key/café"}, s.NotResources()); diff != "" || s.Resources() != nil {
		t.Error("resources", diff)
	}
	for i, want := range []struct {
		operator, key, value string
		line, column         int
	}{{"Bool", "aws:SecureTransport", "true", 12, 18}, {"NumericLessThan", "aws:MultiFactorAuthAge", "3600", 13, 29}} {
		c := s.Conditions()[i]
		if c.Operator != want.operator || c.Key != want.key || c.Values[0] != want.value {
			t.Errorf("condition %d is %+v", i, c)
		}
		if c.Position.Line != want.line || c.Position.Column != want.column {
			t.Errorf("condition %d stands at %s", i, c.Position)
		}
	}
	if at, ok := s.ElementPosition(policy.NotResourceElement); !ok || at.Line != 10 || at.Column != 7 {
		t.Errorf("NotResource stands at %s", at)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                     {"", "line 1, column 1: the text ends where a value must stand"},
		"no JSON":                     {"hello", "line 1, column 1: 'h' cannot start a value"},
		"a list":                      {"[]", "line 1, column 1: a policy must be an object, not a list"},
		"no statement":                {"{}", "line 1, column 1: the policy has no Statement"},
		"text after the end":          {`{"Statement":[]} x`, "line 1, column 18: text after the end of the policy"},
		"a comma before the end":      {"{\"Statement\":[],\n}", "line 2, column 1: a key in double quotes must stand here"},
		"a key that stands twice":     {"{\"Statement\":[],\n \"Statement\":[]}", `line 2, column 2: the key "Statement" stands twice in the same object`},
		"a key twice by escape":       {`{"Id":"a","\u0049d":"b","Statement":[]}`, `line 1, column 11: the key "Id" stands twice in the same object`},
		"an element of another world": {`{"Statement":[{"Effect":"Allow","Actions":"*"}]}`, `line 1, column 33: a statement has no element "Actions"`},
		"an element without its case": {`{"Statement":[{"effect":"Allow"}]}`, `line 1, column 16: a statement has no element "effect"`},
		"no effect":                   {`{"Statement":[{"Action":"*"}]}`, "line 1, column 15: the statement has no Effect"},
		"an effect without its case":  {`{"Statement":[{"Effect":"allow"}]}`, `line 1, column 25: the Effect is "Allow" or "Deny", not "allow"`},
		"an unknown version":          {`{"Version":"2012-10-18","Statement":[]}`, `line 1, column 12: the Version is "2012-10-17" or "2008-10-17", not "2012-10-18"`},
		"an action that is no string": {`{"Statement":[{"Effect":"Allow","Action":[1]}]}`, "line 1, column 43: each value of Action must be a string, not a number"},
		"both action and NotAction":   {`{"Statement":[{"Effect":"Allow","Action":"*","NotAction":"*"}]}`, "line 1, column 46: a statement has Action or NotAction, not both"},
		"an operator nobody knows":    {`{"Statement":[{"Effect":"Allow","Condition":{"StringIs":{}}}]}`, `line 1, column 46: there is no condition operator "StringIs"`},
		"NullIfExists":                {`{"Statement":[{"Effect":"Allow","Condition":{"NullIfExists":{}}}]}`, `line 1, column 46: there is no condition operator "NullIfExists"`},
		"a condition value of null":   {`{"Statement":[{"Effect":"Allow","Condition":{"Bool":{"a:b":null}}}]}`, "line 1, column 60: a value of a:b must be a string, a number, or true or false, not null"},
		"a bare principal":            {`{"Statement":[{"Effect":"Allow","Principal":"123456789012"}]}`, `line 1, column 45: a Principal that is a string is "*"; others have a type, as in {"AWS": "123456789012"}`},
		"a principal of no type":      {`{"Statement":[{"Effect":"Allow","Principal":{"Aws":"*"}}]}`, `line 1, column 46: a principal is of type AWS, Service, Federated or CanonicalUser, not "Aws"`},
		"the last of many keys twice": {`{"Statement":[],"Id":{` + many(40) + `,"key39":1}}`, `line 1, column 423: the key "key39" stands twice in the same object`},
		"the 16th key twice":          {`{"Statement":[],"Id":{` + many(16) + `,"key15":1}}`, `line 1, column 183: the key "key15" stands twice in the same object`},
		"half a surrogate":            {`{"Id":"\ud800","Statement":[]}`, "line 1, column 8: half of a surrogate pair is missing"},
		"a raw control character":     {"{\"Id\":\"\n\",\"Statement\":[]}", "line 1, column 8: a control character must be escaped in a string"},
		"bytes that are no UTF-8":     {"{\"Id\":\"\xff\",\"Statement\":[]}", "line 1, column 7: the string is not valid UTF-8"},
		"a number with a zero first":  {`{"Id":01}`, `line 1, column 8: a comma or '}' must stand here`},
		"an object left open":         {`{"Statement":[{"Effect":"Allow"`, `line 1, column 15: the '}' that belongs here is missing`},
		"nesting without end":         {strings.Repeat("[", 5000), "line 1, column 34: nested more than 32 levels deep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Parse([]byte(c.text))
			if _, ok := errors.AsType[*policy.ParseError](err); !ok {
				t.Fatalf("got %v, want a ParseError", err)
			}
			if err.Error() != c.want {
				t.Errorf("\n got %s\nwant %s", err, c.want)
			}
		})
	}
}

// many writes n members.
func many(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`"key%02d":1`, i)
	}
	return strings.Join(list, ",")
}

// TestParseTakesTimeInProportion feeds documents at which a careless reader,
// index or matcher would take the square of their length.
func TestParseTakesTimeInProportion(t *testing.T) {
	t.Parallel()
	var actions, statements []string
	for i := range 20000 {
		letters := strings.Map(func(r rune) rune { return 'a' + r - '0' }, strings.Repeat(string(rune('0'+i%10)), 1+i/1000)+time.Duration(i).String()[:1])
		actions = append(actions, `"`+letters+string(rune('a'+i%26))+`:Get*"`)
		statements = append(statements, `{"Effect":"Allow","Action":["svc`+letters+`:*","*:x"],"Resource":"*"}`)
	}
	for name, text := range map[string]string{
		"many services in a statement": `{"Statement":{"Effect":"Allow","Resource":"*","Action":[` + strings.Join(actions, ",") + `]}}`,
		"many statements":              `{"Statement":[` + strings.Join(statements, ",") + `]}`,
		"asterisks":                    `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::` + strings.Repeat("*a?", 100000) + `b"}}`,
		"asterisks across parts":       `{"Statement":{"Effect":"Allow","Action":"*","Resource":"` + strings.Repeat("*a", 1000) + `b*"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			p := parse(t, text)
			env := policy.NewEnv("svc:Get", "arn:aws:s3:::"+strings.Repeat("a", 2000), nil, keys{})
			for i := range p.Len() {
				p.Statement(i).Match(&env)
			}
			if took := time.Since(start); took > hang {
				t.Errorf("took %v for %d bytes", took, len(text))
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"Statement":[]}`, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
		`{"Statement":[{"Effect":"Deny","Principal":{"AWS":["*","123456789012"]},"NotAction":"a:b","Condition":{"ForAllValues:StringLikeIfExists":{"a:b":["${a:b, 'c'}*","${*}"]}}}]}`,
		`{"Statement":[{"Effect":"Allow","Condition":{"IpAddress":{"a:b":"::/0"},"DateLessThan":{"a:b":"2020"},"NumericEquals":{"a:b":1e5}}}]}`,
		`{"Id":"\ud83d\ude00\u0041\n","Statement":[{"Effect":"Allow","Resource":"arn:*:${a}:::*"}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := policy.Parse(data)
		if err != nil {
			return
		}
		// Whatever we take, a plain JSON reader takes, too.
		if !json.Valid(data) {
			t.Fatalf("took what is no JSON: %q", data)
		}
		env := policy.NewEnv("kms:CreateGrant", "arn:aws:kms:eu-west-1:123456789012:key/a", &policy.Caller{Account: "123456789012"}, keys{"a:b": "c"})
		for i := range p.Len() {
			s := p.Statement(i)
			if m, x := s.Match(&env), s.Explain(&env); m.Applies != x.Applies {
				t.Fatalf("Match says %v, Explain %v: %q", m.Applies, x.Applies, data)
			}
		}
		for kind := policy.IdentityPolicy; kind <= policy.EndpointPolicy; kind++ {
			policy.Validate(p, kind)
		}
	})
}

// TestParseAWSManagedPolicies reads every policy that AWS publishes: what AWS
// writes itself must pass.
func TestParseAWSManagedPolicies(t *testing.T) {
	t.Parallel()
	n := 0
	for m := range managed.All() {
		v, ok := m.Version(m.Default)
		if !ok {
			t.Errorf("%s has no default version", m.Name)
			continue
		}
		n++
		p, err := policy.Load([]byte(v.Document()), policy.ManagedPolicy)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		env := policy.NewEnv("kms:CreateGrant", "arn:aws:kms:eu-west-1:123456789012:key/a", nil, keys{})
		for i := range p.Len() {
			p.Statement(i).Match(&env)
		}
	}
	if n < 1000 {
		t.Errorf("read %d policies, want over a thousand", n)
	}
}
