package requestset_test

import (
	"encoding/json"
	"maps"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

// The vocabulary is small, so that statements often overlap and requests often
// fall on either side of a border.
var (
	actionPatterns   = []string{"*", "kms:*", "kms:Create*", "kms:CreateGrant", "kms:Decrypt", "KMS:decrypt", "k?s:*Grant", "ec2:*", "*:Decrypt", "nothing"}
	resourcePatterns = []string{
		"*", "arn:aws:kms:*", "arn:aws:kms:*:*:key/*", "arn:aws:kms:eu-*-1:*:key/a", "arn:aws:kms:eu-west-1:123456789012:key/a",
		"arn:aws:kms:*:123456789012:key/?", "arn:*:key/a", "arn:aws:kms:*:123456789012:*/a", "arn:aws:kms:*:*:key/${aws:username}",
		"arn:aws:kms:*:*:key/${x:tag, 'a'}", "arn:aws:kms:*:*:key/a${*}",
	}
	actionNames   = []string{"kms:CreateGrant", "kms:Decrypt", "kms:RevokeGrant", "ec2:RunInstances", "s3:Decrypt"}
	resourceNames = []string{
		"*", "arn:aws:kms:eu-west-1:123456789012:key/a", "arn:aws:kms:us-east-1:123456789012:key/a", "arn:aws:kms:eu-west-1:210987654321:key/ab",
		"arn:aws:kms:eu-west-1:123456789012:key/b", "arn:aws:kms:eu-west-1:123456789012:alias/a", "arn:aws:ec2:eu-west-1:123456789012:key/a:b",
		"arn:aws:kms:eu-west-1:123456789012:key/a*", "arn:aws:kms::::a", "arn:aws:kms:eu-x:y-1:123456789012:key/a",
	}
	// kinds are condition keys, each with the operators and values that go with it.
	kinds = []struct {
		key       string
		operators []string
		values    []string
		seen      []string
	}{
		{
			"aws:username",
			[]string{"StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"},
			[]string{"a", "A", "b", "a*", "*", "?", "", "${x:tag}", "a${*}"},
			[]string{"a", "A", "b", "ab", "", "a*", "c"},
		},
		{
			"x:number",
			[]string{"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"},
			[]string{"1", "01.0", "2", "-3", "1.5", "no"},
			[]string{"1", "2", "0", "1.25", "1.5", "-3", "-4", "9", "x", ""},
		},
		{
			"x:date",
			[]string{"DateEquals", "DateNotEquals", "DateLessThan", "DateGreaterThanEquals"},
			[]string{"2026-11-23T10:00:00Z", "2026-11-23T11:00:00+01:00", "2026-11-24", "1700000000"},
			[]string{"2026-11-23T10:00:00Z", "2026-11-23T12:00:00Z", "2026-11-24T00:00:00Z", "2027-01-01", "1600000000", "x"},
		},
		{
			"aws:SourceIp",
			[]string{"IpAddress", "NotIpAddress"},
			[]string{"10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9", "10.1.2.3", "2001:db8::/32", "::/0", "0.0.0.0/0"},
			[]string{"10.1.2.3", "10.1.2.4", "10.200.0.1", "192.0.2.1", "2001:db8::1", "x"},
		},
		{"x:flag", []string{"Bool"}, []string{"true", "false", "TRUE"}, []string{"true", "false", "True", "x"}},
		{
			"x:arn",
			[]string{"ArnLike", "ArnEquals", "ArnNotLike"},
			[]string{"arn:aws:iam::*:user/a", "arn:*:*:*:*:*", "arn:aws:iam::123456789012:*", "x"},
			[]string{"arn:aws:iam::123456789012:user/a", "arn:aws:iam::1:user/a", "arn:aws:iam::123456789012:role/b", "a:b", "arn:aws:iam::1:2:user/a"},
		},
		{
			"x:tag",
			[]string{"StringEquals", "StringLike", "BinaryEquals", "Bool", "NumericLessThan"},
			[]string{"a", "b", "YQ==", "true", "5"},
			[]string{"a", "b", "YQ==", "true", "4", "c"},
		},
	}
)

func drawStatement(t *rapid.T) string {
	s := map[string]any{"Effect": rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(t, "effect")}
	s[rapid.SampledFrom([]string{"Action", "Action", "Action", "NotAction"}).Draw(t, "action element")] = rapid.SliceOfN(rapid.SampledFrom(actionPatterns), 1, 3).Draw(t, "actions")
	s[rapid.SampledFrom([]string{"Resource", "Resource", "Resource", "NotResource"}).Draw(t, "resource element")] = rapid.SliceOfN(rapid.SampledFrom(resourcePatterns), 1, 2).Draw(t, "resources")
	block := map[string]map[string]any{}
	for range rapid.IntRange(0, 2).Draw(t, "conditions") {
		k := rapid.SampledFrom(kinds).Draw(t, "key")
		operator := rapid.SampledFrom(k.operators).Draw(t, "operator")
		if rapid.IntRange(0, 7).Draw(t, "null") == 0 {
			block["Null"] = map[string]any{k.key: rapid.SampledFrom([]string{"true", "false"}).Draw(t, "null value")}
			continue
		}
		operator = rapid.SampledFrom([]string{"", "", "", "ForAllValues:", "ForAnyValue:"}).Draw(t, "set") + operator +
			rapid.SampledFrom([]string{"", "", "IfExists"}).Draw(t, "if")
		if block[operator] == nil {
			block[operator] = map[string]any{}
		}
		block[operator][k.key] = rapid.SliceOfN(rapid.SampledFrom(k.values), 1, 3).Draw(t, "values")
	}
	if len(block) > 0 {
		s["Condition"] = block
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func drawDocument(t *rapid.T, name string) requestset.Document {
	version := policy.Version2012
	statements := rapid.SliceOfN(rapid.Custom(drawStatement), 1, 4).Draw(t, name)
	text := `{"Version":"` + version + `","Statement":[` + strings.Join(statements, ",") + `]}`
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return requestset.Document{Name: name, Policy: p}
}

// context is what a request has for its keys, by names in lower case.
type context map[string][]string

func (c context) Get(key string) (values []string, present, unknown bool) {
	values, present = c[key]
	return values, present, false
}

func drawContext(t *rapid.T, most int) context {
	c := context{}
	for _, k := range kinds {
		if values := rapid.SliceOfN(rapid.SampledFrom(k.seen), 0, most).Draw(t, k.key); len(values) > 0 {
			c[strings.ToLower(k.key)] = values
		}
	}
	return c
}

// allows is the plain reading: some Allow applies and no Deny.
func allows(p *policy.Policy, action, resource string, c context) bool {
	env := policy.NewEnv(action, resource, &policy.Caller{}, c)
	allowed := false
	for i := range p.Len() {
		s := p.Statement(i)
		if s.Match(&env).Applies != policy.Yes {
			continue
		}
		if s.Effect() == policy.Deny {
			return false
		}
		allowed = true
	}
	return allowed
}

// TestSetsAgreeWithSampling: what is claimed of all requests holds for each
// that is tried, an example is one, and the regions together are the set.
func TestSetsAgreeWithSampling(t *testing.T) {
	t.Parallel()
	var questions, open, yes, no, whole atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		existing, updated := drawDocument(t, "existing"), drawDocument(t, "updated")
		many := rapid.Bool().Draw(t, "several values")
		most, cardinality := 1, requestset.SingleValued
		if many {
			most, cardinality = 2, requestset.Multivalued
		}
		a := requestset.Allowed(updated).Minus(requestset.Allowed(existing)).Find(requestset.Options{
			Cardinality: func(string) requestset.Cardinality { return cardinality }, Regions: 40,
		})
		questions.Add(1)
		show := func() string {
			return existing.Policy.Text() + "\n" + updated.Policy.Text() + "\n" + regionsText(a)
		}
		switch a.Any {
		case policy.Maybe:
			open.Add(1)
			if len(a.Doubt) == 0 {
				t.Fatalf("no reason for the doubt\n%s", show())
			}
		case policy.No:
			no.Add(1)
			if len(a.Regions) > 0 || !a.Complete {
				t.Fatalf("nothing, but regions\n%s", show())
			}
		case policy.Yes:
			yes.Add(1)
			example := false
			for _, r := range a.Regions {
				if e := r.Example; e != nil {
					example = true
					if !allows(updated.Policy, e.Action, e.Resource, e.Keys) || allows(existing.Policy, e.Action, e.Resource, e.Keys) {
						t.Fatalf("%+v is no example\n%s", e, show())
					}
					if !inRegion(t, r, e.Action, e.Resource, e.Keys) {
						t.Fatalf("%+v is not in its own region %s\n%s", e, r, show())
					}
				}
			}
			if !example {
				t.Fatalf("no example\n%s", show())
			}
		}
		if a.Complete {
			whole.Add(1)
		}
		for range 12 {
			action, resource := rapid.SampledFrom(actionNames).Draw(t, "action"), rapid.SampledFrom(resourceNames).Draw(t, "resource")
			c := drawContext(t, most)
			in := allows(updated.Policy, action, resource, c) && !allows(existing.Policy, action, resource, c)
			if in && a.Any == policy.No {
				t.Fatalf("%s on %s with %v is in the set\n%s", action, resource, c, show())
			}
			if !a.Complete {
				continue
			}
			covered := false
			for _, r := range a.Regions {
				covered = covered || inRegion(t, r, action, resource, c)
			}
			if covered != in {
				t.Fatalf("%s on %s with %v: in the set %v, in a region %v\n%s", action, resource, c, in, covered, show())
			}
		}
	})
	t.Logf("%d questions: %d yes, %d no, %d open; %d answers are whole", questions.Load(), yes.Load(), no.Load(), open.Load(), whole.Load())
	if open.Load()*10 > questions.Load() {
		t.Errorf("%d of %d questions are open", open.Load(), questions.Load())
	}
}

func regionsText(a requestset.Answer) string {
	var b strings.Builder
	b.WriteString(a.Any.String() + "\n")
	for _, r := range a.Regions {
		b.WriteString("  " + r.String() + "\n")
	}
	return b.String()
}

// inRegion asks the matcher about each part of a region.
func inRegion(t *rapid.T, r requestset.Region, action, resource string, c context) bool {
	applies := func(version string, s map[string]any) bool {
		full := map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*"}
		maps.Copy(full, s)
		text, err := json.Marshal(map[string]any{"Version": version, "Statement": full})
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.Parse(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		env := policy.NewEnv(action, resource, &policy.Caller{}, c)
		return p.Statement(0).Match(&env).Applies == policy.Yes
	}
	for _, in := range r.Actions.In {
		if !applies(policy.Version2012, map[string]any{"Action": in}) {
			return false
		}
	}
	if len(r.Actions.NotIn) > 0 && applies(policy.Version2012, map[string]any{"Action": r.Actions.NotIn}) {
		return false
	}
	for _, in := range r.Resources.In {
		if !applies(policy.Version2012, map[string]any{"Resource": in}) {
			return false
		}
	}
	if len(r.Resources.NotIn) > 0 && applies(policy.Version2012, map[string]any{"Resource": r.Resources.NotIn}) {
		return false
	}
	for _, k := range r.Conditions {
		if applies(policy.Version2012, map[string]any{"Condition": map[string]any{k.Operator: map[string]any{k.Key: k.Values}}}) == k.Not {
			return false
		}
	}
	return true
}
