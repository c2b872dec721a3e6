package requestset_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

const keyARN = "arn:aws:kms:eu-west-1:123456789012:key/8e3426b8-87b4-434c-ae74-8e63dadf354a"

// doc makes a document of statements, each the members of a JSON object without
// braces.
func doc(t testing.TB, statements ...string) requestset.Document {
	t.Helper()
	text := `{"Version":"2012-10-17","Statement":[{` + strings.Join(statements, "},{") + `}]}`
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return requestset.Document{Name: "test", Policy: p}
}

func st(effect, actions, resources string, condition ...string) string {
	list := func(s string) string {
		b, _ := json.Marshal(strings.Fields(s))
		return string(b)
	}
	s := fmt.Sprintf(`"Effect":%q,"Action":%s,"Resource":%s`, effect, list(actions), list(resources))
	if len(condition) > 0 {
		s += `,"Condition":{` + strings.Join(condition, ",") + `}`
	}
	return s
}

func TestNewAccess(t *testing.T) {
	t.Parallel()
	const forAWS = `"Bool":{"kms:GrantIsForAWSResource":"true"}`
	single := func(string) requestset.Cardinality { return requestset.SingleValued }
	for _, c := range []struct {
		name            string
		existing, after []string
		want            policy.Truth
		regions         []string
	}{
		{"the same", []string{st("Allow", "kms:*", "*")}, []string{st("Allow", "kms:*", "*")}, policy.No, nil},
		{"actions have no case", []string{st("Allow", "KMS:decrypt", "*")}, []string{st("Allow", "kms:Decrypt", "*")}, policy.No, nil},
		{"a pattern covers a name", []string{st("Allow", "kms:Create*", "*")}, []string{st("Allow", "kms:CreateGrant", keyARN)}, policy.No, nil},
		{
			"two statements cover together what neither does alone",
			[]string{st("Allow", "kms:Create*", "*"), st("Allow", "kms:De*", "*")},
			[]string{st("Allow", "kms:CreateGrant kms:Decrypt", "*")},
			policy.No, nil,
		},
		{
			"two conditions cover together",
			[]string{st("Allow", "kms:Decrypt", "*", `"StringEquals":{"aws:username":"a"}`), st("Allow", "kms:Decrypt", "*", `"StringNotEquals":{"aws:username":"a"}`)},
			[]string{st("Allow", "kms:Decrypt", "*")},
			policy.No, nil,
		},
		{
			"a gap in numbers is found",
			[]string{st("Allow", "kms:Decrypt", "*", `"NumericLessThan":{"x:n":"10"}`), st("Allow", "kms:Decrypt", "*", `"NumericGreaterThan":{"x:n":"10"}`)},
			[]string{st("Allow", "kms:Decrypt", "*", `"NumericGreaterThan":{"x:n":"0"}`)},
			policy.Yes,
			[]string{`kms:Decrypt on every resource where NumericGreaterThan x:n 0 and not (NumericGreaterThan x:n 10) and not (NumericLessThan x:n 10)`},
		},
		{
			"no gap in numbers",
			[]string{st("Allow", "kms:Decrypt", "*", `"NumericLessThanEquals":{"x:n":"10"}`), st("Allow", "kms:Decrypt", "*", `"NumericGreaterThan":{"x:n":"10.0"}`)},
			[]string{st("Allow", "kms:Decrypt", "*", `"NumericGreaterThan":{"x:n":"0"}`)},
			policy.No, nil,
		},
		{
			"address blocks cover a block",
			[]string{st("Allow", "s3:*", "*", `"IpAddress":{"aws:SourceIp":["10.0.0.0/9","10.128.0.0/9"]}`)},
			[]string{st("Allow", "s3:*", "*", `"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`)},
			policy.No, nil,
		},
		{
			"address blocks leave a gap",
			[]string{st("Allow", "s3:*", "*", `"IpAddress":{"aws:SourceIp":["10.0.0.0/9","10.128.0.0/10"]}`)},
			[]string{st("Allow", "s3:*", "*", `"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`)},
			policy.Yes, nil,
		},
		{
			"dates in two zones",
			[]string{st("Allow", "s3:*", "*", `"DateGreaterThan":{"aws:CurrentTime":"2026-11-23T10:00:00Z"}`)},
			[]string{st("Allow", "s3:*", "*", `"DateGreaterThan":{"aws:CurrentTime":"2026-11-23T11:00:00+01:00"}`)},
			policy.No, nil,
		},
		{
			"the article's fix adds one thing",
			[]string{st("Allow", "ec2:*", "*"), st("Allow", "autoscaling:*", "*")},
			[]string{st("Allow", "ec2:*", "*"), st("Allow", "autoscaling:*", "*"), st("Allow", "kms:CreateGrant", keyARN, forAWS)},
			policy.Yes,
			[]string{"kms:CreateGrant on " + keyARN + " where Bool kms:GrantIsForAWSResource true"},
		},
		{
			"a denied permission adds nothing",
			[]string{st("Deny", "kms:*", "*")},
			[]string{st("Deny", "kms:*", "*"), st("Allow", "kms:CreateGrant", keyARN)},
			policy.No, nil,
		},
		{
			"an Allow without its condition adds the rest",
			[]string{st("Allow", "kms:CreateGrant", keyARN, forAWS)},
			[]string{st("Allow", "kms:CreateGrant", keyARN)},
			policy.Yes,
			[]string{"kms:CreateGrant on " + keyARN + " where not (Bool kms:GrantIsForAWSResource true)"},
		},
		{
			"dropping a Deny adds what it denied",
			[]string{st("Allow", "kms:*", "*"), st("Deny", "kms:Decrypt kms:Encrypt", "*")},
			[]string{st("Allow", "kms:*", "*"), st("Deny", "kms:Encrypt", "*")},
			policy.Yes,
			[]string{"kms:Decrypt on every resource"},
		},
		{
			"a wildcard stays in its part",
			[]string{st("Allow", "kms:Decrypt", "arn:aws:kms:*:123456789012:key/*")},
			[]string{st("Allow", "kms:Decrypt", "arn:aws:kms:eu-*-1:123456789012:key/a")},
			policy.No, nil,
		},
		{
			"an asterisk at the end of a part goes on",
			[]string{st("Allow", "kms:Decrypt", "arn:aws:kms:*")},
			[]string{st("Allow", "kms:Decrypt", "arn:aws:kms:eu-west-1:*:key/a")},
			policy.No, nil,
		},
		{
			"the same variable",
			[]string{st("Allow", "iam:*", "arn:aws:iam::123456789012:user/${aws:username}")},
			[]string{st("Allow", "iam:Get*", "arn:aws:iam::123456789012:user/${aws:username}")},
			policy.No, nil,
		},
		{
			"any user instead of oneself",
			[]string{st("Allow", "iam:*", "arn:aws:iam::123456789012:user/${aws:username}")},
			[]string{st("Allow", "iam:*", "arn:aws:iam::123456789012:user/*")},
			policy.Yes, nil,
		},
		{
			"oneself among all users",
			[]string{st("Allow", "iam:*", "arn:aws:iam::123456789012:user/*")},
			[]string{st("Allow", "iam:*", "arn:aws:iam::123456789012:user/${aws:username}")},
			policy.No, nil,
		},
		{
			"a tag compared with a tag",
			[]string{st("Allow", "ec2:*", "*", `"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}`)},
			[]string{st("Allow", "ec2:*", "*")},
			policy.Yes, nil,
		},
		{"NotAction covers", []string{`"Effect":"Allow","NotAction":"iam:*","Resource":"*"`}, []string{st("Allow", "kms:* ec2:*", "*")}, policy.No, nil},
		{"NotAction leaves out", []string{`"Effect":"Allow","NotAction":"iam:*","Resource":"*"`}, []string{st("Allow", "*", "*")}, policy.Yes, []string{"iam:* on every resource"}},
		{
			"what IfExists lets through",
			[]string{st("Allow", "kms:*", "*", `"StringEquals":{"kms:ViaService":"ec2.eu-west-1.amazonaws.com"}`)},
			[]string{st("Allow", "kms:*", "*", `"StringEqualsIfExists":{"kms:ViaService":"ec2.eu-west-1.amazonaws.com"}`)},
			policy.Yes,
			[]string{"kms:* on every resource where kms:ViaService is absent"},
		},
		{
			"absent or not",
			[]string{st("Allow", "kms:*", "*", `"Null":{"aws:SourceVpc":"true"}`), st("Allow", "kms:*", "*", `"Null":{"aws:SourceVpc":"false"}`)},
			[]string{st("Allow", "kms:*", "*")},
			policy.No, nil,
		},
		{"an asterisk for the asterisk only", []string{st("Allow", "kms:ListKeys", "arn:*")}, []string{st("Allow", "kms:ListKeys", "*")}, policy.Yes, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			existing, after := requestset.Allowed(doc(t, c.existing...)), requestset.Allowed(doc(t, c.after...))
			a := after.Minus(existing).Find(requestset.Options{Cardinality: single})
			if a.Any != c.want {
				t.Fatalf("any = %v, want %v: %v %v", a.Any, c.want, a.Regions, a.Doubt)
			}
			if c.regions != nil {
				var got []string
				for _, r := range a.Regions {
					got = append(got, r.String())
				}
				if strings.Join(got, "\n") != strings.Join(c.regions, "\n") {
					t.Errorf("regions\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(c.regions, "\n     "))
				}
			}
			for _, r := range a.Regions {
				t.Logf("%s\n  e.g. %+v", r, r.Example)
			}
		})
	}
}

// TestKnown: what nobody can ask for is no access.
func TestKnown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		statement string
		want      policy.Truth
	}{
		{"an action that exists", st("Allow", "kms:Create*", "*"), policy.Yes},
		{"a misspelt action", st("Allow", "kms:ReEncrypt", "*"), policy.No},
		{"a key on a bucket", st("Allow", "kms:Decrypt", "arn:aws:s3:::example"), policy.No},
		{"a key used by its alias", st("Allow", "kms:Decrypt", "arn:aws:kms:*:123456789012:alias/example"), policy.No},
		{"an alias deleted by its alias", st("Allow", "kms:DeleteAlias", "arn:aws:kms:*:123456789012:alias/example"), policy.Yes},
		{"a key that the action does not have", st("Allow", "ec2:StartInstances", "*", `"StringEquals":{"kms:ViaService":"ec2.eu-west-1.amazonaws.com"}`), policy.No},
		{"a key that the action does not have, if it exists", st("Allow", "ec2:StartInstances", "*", `"StringEqualsIfExists":{"kms:ViaService":"x"}`), policy.Yes},
		{"an action without resource types", st("Allow", "kms:ListKeys", "*"), policy.Yes},
		{"an action without resource types on one", st("Allow", "kms:ListKeys", keyARN), policy.No},
		{"everything", st("Allow", "*", "*"), policy.Yes},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := requestset.Allowed(doc(t, c.statement)).Find(requestset.Options{Known: true})
			if a.Any != c.want {
				t.Errorf("any = %v, want %v: %v", a.Any, c.want, a.Regions)
			}
		})
	}
}
