package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/policy"
)

// conditionKeys is a request's context in one line a key.
type conditionKeys map[string][]string

const unknownValue = "\x00unknown"

func (k conditionKeys) Get(key string) (values []string, present, unknown bool) {
	values, present = k[key]
	if len(values) == 1 && values[0] == unknownValue {
		return nil, false, true
	}
	return values, present, false
}

// one evaluates a statement with a single Condition block.
func one(t *testing.T, version, condition string, keys conditionKeys) policy.Match {
	t.Helper()
	p := parse(t, fmt.Sprintf(`{"Version":%q,"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":%s}}`, version, condition))
	env := policy.NewEnv("kms:Decrypt", "*", nil, keys)
	m := p.Statement(0).Match(&env)
	if x := p.Statement(0).Explain(&env); x.Applies != m.Applies {
		t.Errorf("Explain says %v, Match %v", x.Applies, m.Applies)
	}
	return m
}

// TestConditionOperators has the rules of the IAM guide, "IAM JSON policy
// elements: Condition operators". seen is the value of k:k; "-" is none, values
// are separated by commas, "()" is the empty set.
func TestConditionOperators(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule, operator, wanted, seen string
		want                         bool
	}{
		{"StringEquals compares case", "StringEquals", `"a"`, "a", true},
		{"StringEquals compares case", "StringEquals", `"a"`, "A", false},
		{"StringEquals knows no wildcard", "StringEquals", `"a*"`, "ab", false},
		{"StringEquals takes an asterisk as itself", "StringEquals", `"a*"`, "a*", true},
		{"values of a condition are alternatives", "StringEquals", `["a","b"]`, "b", true},
		{"no value at all is no alternative", "StringEquals", `[]`, "b", false},
		{"StringNotEquals differs from every value", "StringNotEquals", `["a","b"]`, "b", false},
		{"StringNotEquals differs from every value", "StringNotEquals", `["a","b"]`, "c", true},
		{"StringEqualsIgnoreCase", "StringEqualsIgnoreCase", `"ÄRGER"`, "ärger", true},
		{"StringNotEqualsIgnoreCase", "StringNotEqualsIgnoreCase", `"A"`, "a", false},
		{"StringLike: an asterisk covers anything", "StringLike", `"ec2.*.amazonaws.com"`, "ec2.eu-west-1.amazonaws.com", true},
		{"StringLike: a question mark covers one", "StringLike", `"?"`, "", false},
		{"StringLike compares case", "StringLike", `"EC2*"`, "ec2", false},
		{"StringNotLike", "StringNotLike", `"ec2.*"`, "ec2.eu-west-1.amazonaws.com", false},
		{"numbers compare by value", "NumericEquals", `"1.0"`, "01", true},
		{"numbers may be JSON numbers", "NumericLessThanEquals", `3600`, "3600", true},
		{"ten is more than nine", "NumericGreaterThan", `"9.99"`, "10", true},
		{"minus ten is less than minus nine", "NumericLessThan", `"-9.99"`, "-10", true},
		{"numbers are exact", "NumericLessThan", `"9007199254740993"`, "9007199254740992", true},
		{"negative numbers", "NumericGreaterThan", `"-2"`, "-1.5", true},
		{"text is no number", "NumericEquals", `"1"`, "one", false},
		{"text differs from a number", "NumericNotEquals", `"1"`, "one", true},
		{"dates compare across zones", "DateEquals", `"2026-11-23T10:00:00Z"`, "2026-11-23T11:00:00+01:00", true},
		{"dates may be epoch seconds", "DateLessThan", `"2026-11-23T10:00:00Z"`, "1700000000", true},
		{"dates may be days", "DateGreaterThanEquals", `"2026-11-23"`, "2026-11-23T00:00:00Z", true},
		{"four digits are a year", "DateGreaterThan", `"2026"`, "2026-06-01", true},
		{"Bool takes JSON booleans", "Bool", `true`, "true", true},
		{"Bool has no case", "Bool", `"true"`, "True", true},
		{"Bool of another text", "Bool", `"false"`, "no", false},
		{"binary compares bytes", "BinaryEquals", `"QmFzZTY0"`, "QmFzZTY0", true},
		{"binary that is not base64", "BinaryEquals", `"QmFzZTY0"`, "Base64", false},
		{"an address in a block", "IpAddress", `"203.0.113.0/24"`, "203.0.113.9", true},
		{"an address is a block of one", "IpAddress", `"203.0.113.9"`, "203.0.113.9", true},
		{"a block with bits behind its mask", "IpAddress", `"203.0.113.77/24"`, "203.0.113.9", true},
		{"IPv6", "IpAddress", `"2001:db8::/32"`, "2001:db8:1::1", true},
		{"IPv4 in IPv6 dress", "IpAddress", `"203.0.113.0/24"`, "::ffff:203.0.113.9", true},
		{"NotIpAddress", "NotIpAddress", `["203.0.113.0/24","198.51.100.0/24"]`, "198.51.100.1", false},
		{"a service's name is no address", "IpAddress", `"0.0.0.0/0"`, "ec2-frontend-api.amazonaws.com", false},
		{"ArnLike compares part by part", "ArnLike", `"arn:aws:iam::*:role/*"`, "arn:aws:iam::123456789012:role/a/b", true},
		{"ArnLike: a wildcard stays in its part", "ArnLike", `"arn:aws:*:role/a"`, "arn:aws:iam::123456789012:role/a", false},
		{"ArnEquals is ArnLike", "ArnEquals", `"arn:aws:iam::123456789012:role/*"`, "arn:aws:iam::123456789012:role/a", true},
		{"ArnNotEquals is ArnNotLike", "ArnNotEquals", `"arn:aws:iam::123456789012:role/*"`, "arn:aws:iam::123456789012:role/a", false},
		{"Null true wants no key", "Null", `true`, "-", true},
		{"Null true with the key", "Null", `"true"`, "a", false},
		{"Null false wants the key", "Null", `false`, "a", true},
		{"Null false without the key", "Null", `"false"`, "-", false},

		{"a missing key fits nothing", "StringEquals", `"a"`, "-", false},
		{"a missing key differs from everything", "StringNotEquals", `"a"`, "-", true},
		{"a missing key is no address outside", "NotIpAddress", `"10.0.0.0/8"`, "-", true},
		{"IfExists lets a missing key pass", "StringEqualsIfExists", `"a"`, "-", true},
		{"IfExists compares a key that is there", "StringEqualsIfExists", `"a"`, "b", false},
		{"IfExists with a negation", "StringNotEqualsIfExists", `"a"`, "-", true},

		{"ForAllValues: all fit", "ForAllValues:StringEquals", `["a","b","c"]`, "a,b", true},
		{"ForAllValues: one does not", "ForAllValues:StringEquals", `["a","b"]`, "a,c", false},
		{"ForAllValues: none is there", "ForAllValues:StringEquals", `["a"]`, "-", true},
		{"ForAllValues: the empty set", "ForAllValues:StringEquals", `["a"]`, "()", true},
		{"ForAllValues: the empty text", "ForAllValues:StringEquals", `["a"]`, "", true},
		{"ForAllValues with a negation: one fits", "ForAllValues:StringNotEquals", `["a"]`, "a,b", false},
		{"ForAnyValue: one fits", "ForAnyValue:StringEquals", `["a"]`, "a,b", true},
		{"ForAnyValue: none fits", "ForAnyValue:StringEquals", `["a"]`, "b,c", false},
		{"ForAnyValue: none is there", "ForAnyValue:StringLike", `["*"]`, "-", false},
		{"ForAnyValue with a negation: one differs", "ForAnyValue:StringNotEquals", `["a"]`, "a,b", true},
		{"ForAnyValue with a negation: none differs", "ForAnyValue:StringNotEquals", `["a"]`, "a", false},
		{"ForAnyValue with a negation: none is there", "ForAnyValue:StringNotEquals", `["a"]`, "-", false},
		{"ForAnyValue with IfExists", "ForAnyValue:StringEqualsIfExists", `["a"]`, "-", true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			keys := conditionKeys{}
			switch c.seen {
			case "-":
			case "()":
				keys["k:k"] = []string{}
			default:
				keys["k:k"] = strings.Split(c.seen, ",")
			}
			m := one(t, policy.Version2012, fmt.Sprintf(`{%q: {"K:k": %s}}`, c.operator, c.wanted), keys)
			if got := m.Applies == policy.Yes; got != c.want {
				t.Errorf("%s %s with %q: %v", c.operator, c.wanted, c.seen, m.Applies)
			}
		})
	}
}

// TestConditionsAreAnded: IAM guide, "Conditions with multiple context keys or values".
func TestConditionsAreAnded(t *testing.T) {
	t.Parallel()
	const condition = `{"StringEquals": {"a:a": "1", "b:b": "2"}, "Bool": {"c:c": true}}`
	all := conditionKeys{"a:a": {"1"}, "b:b": {"2"}, "c:c": {"true"}}
	if m := one(t, policy.Version2012, condition, all); m.Applies != policy.Yes {
		t.Error("all hold, and the statement does not apply")
	}
	for key := range all {
		less := conditionKeys{"a:a": {"1"}, "b:b": {"2"}, "c:c": {"true"}}
		delete(less, key)
		if m := one(t, policy.Version2012, condition, less); m.Applies != policy.No {
			t.Errorf("applies without %s", key)
		}
	}
}

// TestVariables: IAM guide, "IAM policy elements: Variables and tags".
func TestVariables(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule, version, operator, wanted, seen string
		want                                  policy.Truth
	}{
		{"a variable has the request's value", policy.Version2012, "StringEquals", "${aws:username}", "test", policy.Yes},
		{"its name has no case", policy.Version2012, "StringEquals", "${AWS:UserName}", "test", policy.Yes},
		{"the old version knows none", policy.Version2008, "StringEquals", "${aws:username}", "test", policy.No},
		{"the old version takes the text", policy.Version2008, "StringEquals", "${aws:username}", "${aws:username}", policy.Yes},
		{"text around it", policy.Version2012, "StringLike", "home/${aws:username}/*", "home/test/a", policy.Yes},
		{"an asterisk in a value is no wildcard", policy.Version2012, "StringLike", "${x:star}", "anything", policy.No},
		{"an asterisk in a value is itself", policy.Version2012, "StringLike", "${x:star}", "*", policy.Yes},
		{"a value that is no text is no wildcard either", policy.Version2012, "StringLike", "${x:bytes}", "anything", policy.No},
		{"no value fits nothing", policy.Version2012, "StringEquals", "${x:none}", "", policy.No},
		{"no value differs from everything", policy.Version2012, "StringNotEquals", "${x:none}", "test", policy.Yes},
		{"a default stands in", policy.Version2012, "StringEquals", "${x:none, 'test'}", "test", policy.Yes},
		{"a default does not replace a value", policy.Version2012, "StringEquals", "${aws:username, 'other'}", "other", policy.No},
		{"several values are no value", policy.Version2012, "StringEquals", "${x:many}", "a", policy.No},
		{"an escaped asterisk is no wildcard", policy.Version2012, "StringLike", "a${*}", "ab", policy.No},
		{"an escaped asterisk is itself", policy.Version2012, "StringLike", "a${*}", "a*", policy.Yes},
		{"an escaped question mark", policy.Version2012, "StringLike", "a${?}", "ab", policy.No},
		{"an escaped dollar sign", policy.Version2012, "StringEquals", "${$}{aws:username}", "${aws:username}", policy.Yes},
		{"ARN operators have them", policy.Version2012, "ArnLike", "arn:aws:iam::123456789012:user/${aws:username}", "arn:aws:iam::123456789012:user/test", policy.Yes},
		{"Bool has them", policy.Version2012, "Bool", "${x:true}", "true", policy.Yes},
		{"numbers have none", policy.Version2012, "NumericEquals", "${x:one}", "1", policy.No},
		{"a variable left open is text", policy.Version2012, "StringEquals", "${aws:username", "${aws:username", policy.Yes},
		{"an unknown variable leaves it open", policy.Version2012, "StringEquals", "${x:unknown}", "a", policy.Maybe},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			keys := conditionKeys{
				"aws:username": {"test"}, "x:star": {"*"}, "x:bytes": {"\xff"}, "x:many": {"a", "b"}, "x:true": {"true"}, "x:one": {"1"},
				"x:unknown": {unknownValue}, "k:k": {c.seen},
			}
			m := one(t, c.version, fmt.Sprintf(`{%q: {"k:k": %q}}`, c.operator, c.wanted), keys)
			if m.Applies != c.want {
				t.Errorf("%s %q with %q: %v, want %v", c.operator, c.wanted, c.seen, m.Applies, c.want)
			}
		})
	}
}

func TestVariablesInResource(t *testing.T) {
	t.Parallel()
	const object = "arn:aws:s3:::example/test/a"
	for _, c := range []struct {
		rule, element, resource string
		want                    policy.Truth
	}{
		{"behind the fifth colon", "Resource", "arn:aws:s3:::example/${aws:username}/*", policy.Yes},
		{"before the fifth colon it is text", "Resource", "arn:aws:${x:service}:::example/*", policy.No},
		{"without a value the resource is none", "Resource", "arn:aws:s3:::example/${x:none}/*", policy.No},
		{"without a value nothing is excluded", "NotResource", "arn:aws:s3:::example/${x:none}/*", policy.Yes},
		{"a value that is not known", "Resource", "arn:aws:s3:::example/${x:unknown}/*", policy.Maybe},
		{"an asterisk in a value", "Resource", "arn:aws:s3:::example/${x:star}/a", policy.No},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			p := parse(t, fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*",%q:%q}}`, c.element, c.resource))
			env := policy.NewEnv("s3:GetObject", object, nil, conditionKeys{
				"aws:username": {"test"}, "x:service": {"s3"}, "x:star": {"*"}, "x:unknown": {unknownValue},
			})
			if m := p.Statement(0).Match(&env); m.Applies != c.want {
				t.Errorf("%v, want %v", m.Applies, c.want)
			}
		})
	}
}

// TestUnknownKeys: a condition on a key that nobody knows is neither true nor
// false, whatever the operator.
func TestUnknownKeys(t *testing.T) {
	t.Parallel()
	for _, operator := range []string{
		"StringEquals", "StringNotEquals", "StringEqualsIfExists", "ForAllValues:StringLike", "ForAnyValue:StringLike", "Bool", "Null", "IpAddress",
	} {
		m := one(t, policy.Version2012, fmt.Sprintf(`{%q: {"k:k": "true"}}`, operator), conditionKeys{"k:k": {unknownValue}})
		if m.Applies != policy.Maybe {
			t.Errorf("%s: %v", operator, m.Applies)
		}
	}
	m := one(t, policy.Version2012, `{"Bool": {"k:k": true, "k:l": true}}`, conditionKeys{"k:k": {unknownValue}, "k:l": {"false"}})
	if m.Applies != policy.No {
		t.Errorf("a condition that fails settles it: %v", m.Applies)
	}
}
