package policy_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/policy"
)

const (
	accountA = "123456789012"
	accountB = "210987654321"
)

var (
	someActions = []string{"kms:CreateGrant", "kms:Decrypt", "ec2:StartInstances", "KMS:decrypt", "iam:PassRole", "s3:GetObject"}
	someKeys    = []string{
		"arn:aws:kms:eu-west-1:123456789012:key/a", "arn:aws:kms:eu-west-1:123456789012:alias/a", "arn:aws:kms:us-east-1:210987654321:key/a*b",
		"arn:aws:s3:::example/test/a:b", "*", "arn:aws:iam::123456789012:user/test",
	}
	somePatterns = []string{
		"*", "arn:aws:kms:*:123456789012:key/*", "arn:aws:kms:*", "arn:aws:kms:eu-west-1:*:key/?", "arn:aws:*:key/a",
		"arn:aws:kms:eu-*-1:123456789012:*/a", "arn:aws:s3:::example/*/a*", "arn:aws:iam::123456789012:user/${aws:username}",
		"arn:aws:kms:us-east-1:210987654321:key/a${*}b", "arn:aws:kms:*:*:key/${aws:PrincipalTag/key, 'a'}", "arn:aws:k?s:*:*:key/a",
	}
	someCallers = []policy.Caller{
		{Account: accountA, ARN: "arn:aws:iam::123456789012:user/test", ID: "AIDACKCEVSQ6C2EXAMPLE"},
		{Account: accountA, ARN: "arn:aws:iam::123456789012:root", Root: true},
		{
			Account: accountA, ARN: "arn:aws:sts::123456789012:assumed-role/r/s",
			RoleARN: "arn:aws:iam::123456789012:role/r", RoleID: "AROACKCEVSQ6C2EXAMPLE",
		},
		{Account: accountB, ARN: "arn:aws:iam::210987654321:user/other", ID: "AIDAOTHEROTHEREXAMPLE"},
		{Service: "ec2.amazonaws.com"},
		{},
	}
	somePrincipals = []any{
		"*",
		map[string]any{"AWS": "*"},
		map[string]any{"AWS": accountA},
		map[string]any{"AWS": "arn:aws:iam::123456789012:root"},
		map[string]any{"AWS": []any{"arn:aws:iam::123456789012:user/test", accountB}},
		map[string]any{"AWS": []any{"arn:aws:iam::123456789012:user/test", accountA}},
		map[string]any{"AWS": []any{"arn:aws:iam::123456789012:role/r", accountA, "arn:aws:sts::123456789012:assumed-role/r/s"}},
		map[string]any{"AWS": "arn:aws:iam::123456789012:role/r"},
		map[string]any{"AWS": "AROACKCEVSQ6C2EXAMPLE"},
		map[string]any{"AWS": "arn:aws:sts::123456789012:assumed-role/r/s"},
		map[string]any{"AWS": "AIDACKCEVSQ6C2EXAMPLE"},
		map[string]any{"Service": []any{"ec2.amazonaws.com", "ebs.amazonaws.com"}},
		map[string]any{},
	}
	someNames  = []string{"aws:username", "aws:PrincipalTag/key", "kms:ViaService", "aws:SourceIp", "aws:CurrentTime", "x:Number", "x:List", "x:ARN"}
	someValues = map[string][]string{
		"String":  {"test", "Test", "t*", "te?t", "", "ec2.*.amazonaws.com", "${aws:username}", "${aws:username}*", "${x:None, 'test'}", "${x:None}", "${$}${*}", "a*b"},
		"Numeric": {"1", "01.0", "-2", "10", "9.99", "340282366920938463463374607431768211456", "one"},
		"Date":    {"2026-11-23T10:00:00Z", "2026-11-23T11:00:00+01:00", "2026-11-24T00:00:00.5Z"},
		"Bool":    {"true", "false", "TRUE"},
		"Ip":      {"10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "2001:db8::1", "10.1.2.0/24"},
		"Arn":     {"arn:aws:iam::*:user/test", "arn:aws:iam::123456789012:user/${aws:username}", "arn:*", "arn:aws:*:*:*:*", "arn:aws:iam::*"},
	}
	someSeen = []string{
		"test", "Test", "t*", "", "ec2.eu-west-1.amazonaws.com", "a*b", "$*", "1", "-2", "10", "9.99", "true", "False",
		"10.1.2.3", "2001:db8::1", "2026-11-23T10:00:00Z", "2026-11-24T00:00:00.5Z", "arn:aws:iam::123456789012:user/test", "arn:aws:iam::1:user/*",
	}
	baseOperators = []string{
		"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
		"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
		"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals",
		"Bool", "IpAddress", "NotIpAddress", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike",
	}
)

func drawConditions(t *rapid.T) map[string]any {
	block := map[string]any{}
	for range rapid.IntRange(0, 3).Draw(t, "operators") {
		if rapid.IntRange(0, 9).Draw(t, "null") == 0 {
			block["Null"] = map[string]any{rapid.SampledFrom(someNames).Draw(t, "key"): rapid.SampledFrom([]any{"true", false}).Draw(t, "null value")}
			continue
		}
		base := rapid.SampledFrom(baseOperators).Draw(t, "operator")
		values := someValues["Ip"]
		for kind, list := range someValues {
			if strings.HasPrefix(base, kind) {
				values = list
			}
		}
		operator := rapid.SampledFrom([]string{"", "ForAllValues:", "ForAnyValue:"}).Draw(t, "set") + base +
			rapid.SampledFrom([]string{"", "IfExists"}).Draw(t, "if")
		keys := map[string]any{}
		for range rapid.IntRange(1, 2).Draw(t, "keys") {
			keys[rapid.SampledFrom(someNames).Draw(t, "key")] = rapid.SliceOfN(rapid.SampledFrom(values), 0, 3).Draw(t, "values")
		}
		block[operator] = keys
	}
	return block
}

func drawStatement(t *rapid.T) map[string]any {
	s := map[string]any{"Effect": rapid.SampledFrom([]string{"Allow", "Deny"}).Draw(t, "effect")}
	patterns := append([]string{"*", "kms:*", "kms:Create*", "k*:Decrypt", "EC2:Start?nstances", "*:*Grant"}, someActions...)
	if e := rapid.SampledFrom([]string{"Action", "Action", "Action", "NotAction", ""}).Draw(t, "action element"); e != "" {
		s[e] = rapid.SliceOfN(rapid.SampledFrom(patterns), 0, 3).Draw(t, "actions")
	}
	if e := rapid.SampledFrom([]string{"Resource", "Resource", "Resource", "NotResource", ""}).Draw(t, "resource element"); e != "" {
		s[e] = rapid.SliceOfN(rapid.SampledFrom(append(somePatterns, someKeys...)), 0, 3).Draw(t, "resources")
	}
	if e := rapid.SampledFrom([]string{"", "", "Principal", "NotPrincipal"}).Draw(t, "principal element"); e != "" {
		s[e] = rapid.SampledFrom(somePrincipals).Draw(t, "principal")
	}
	if c := drawConditions(t); len(c) > 0 {
		s["Condition"] = c
	}
	return s
}

func drawRequest(t *rapid.T) request {
	r := request{
		action:   rapid.SampledFrom(someActions).Draw(t, "action"),
		resource: rapid.SampledFrom(someKeys).Draw(t, "resource"),
		caller:   rapid.SampledFrom(someCallers).Draw(t, "caller"),
		context:  map[string][]string{},
	}
	for _, name := range someNames {
		if rapid.Bool().Draw(t, name) {
			r.context[strings.ToLower(name)] = rapid.SliceOfN(rapid.SampledFrom(someSeen), 0, 2).Draw(t, name+" values")
		}
	}
	return r
}

// plain decodes JSON as the reference wants it.
func plain(t *rapid.T, text []byte) map[string]any {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCompiledEqualsReference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.SampledFrom([]string{policy.Version2012, policy.Version2012, policy.Version2008}).Draw(t, "version")
		statements := rapid.SliceOfN(rapid.Custom(drawStatement), 1, 4).Draw(t, "statements")
		text, err := json.MarshalIndent(map[string]any{"Version": version, "Statement": statements}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.Parse(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		document := plain(t, text)
		for range 8 {
			r := drawRequest(t)
			resourceBased := rapid.Bool().Draw(t, "resource based")
			env := policy.NewEnv(r.action, r.resource, &r.caller, r)
			env.ResourceBased = resourceBased
			candidates := p.Candidates(&env, nil)
			for i, s := range document["Statement"].([]any) {
				want := referenceMatch(version, s.(map[string]any), r, resourceBased)
				m := p.Statement(i).Match(&env)
				if got := m.Applies == policy.Yes; got != want {
					t.Fatalf("statement %d applies: %v, the reference says %v\n%s\n%+v", i, got, want, text, r)
				}
				if want && !slices.Contains(candidates, int32(i)) {
					t.Fatalf("the index leaves out statement %d of\n%s\n%+v", i, text, r)
				}
				x := p.Statement(i).Explain(&env)
				checkFit(t, p.Statement(i), &env, x)
				if x.Applies != m.Applies || (len(x.Failed) == 0) != want {
					t.Fatalf("statement %d: Explain says %v with %v, Match %v\n%s\n%+v", i, x.Applies, x.Failed, m.Applies, text, r)
				}
			}
		}
	})
}

// checkFit: a Fit says the same as Explain, in short.
func checkFit(t *rapid.T, s *policy.Statement, env *policy.Env, x policy.Match) {
	f := s.Fit(env)
	switch {
	case f.Applies != x.Applies, f.Action != x.Action, f.Action && (f.Names != x.Names || int(f.Misses) != len(x.Failed)):
		t.Fatalf("Fit says %+v, Explain %+v", f, x)
	case !f.Action && s.FitsButAction(env) != (len(x.Failed) == 1):
		t.Fatalf("action apart it fits: %v, Explain says %+v", s.FitsButAction(env), x)
	case f.Misses > 0:
		if got := s.Mismatch(env, &f); !slices.ContainsFunc(x.Failed, func(m policy.Mismatch) bool { return reflect.DeepEqual(m, got) }) {
			t.Fatalf("the mismatch %+v is none of %+v", got, x.Failed)
		}
	}
}
