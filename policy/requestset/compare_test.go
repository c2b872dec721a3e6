package requestset_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

func TestUnneeded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		statements []string
		want       []string // index, defect, statements that make it so
	}{
		{"nothing is unneeded", []string{st("Allow", "kms:*", "*"), st("Allow", "ec2:*", "*"), st("Deny", "kms:Decrypt", "*")}, nil},
		{"one that stands twice goes once", []string{st("Allow", "kms:*", "*"), st("Allow", "KMS:*", "*")}, []string{"1 redundant [0]"}},
		{"one within another", []string{st("Allow", "kms:CreateGrant", keyARN), st("Allow", "kms:Create*", "*")}, []string{"0 redundant [1]"}},
		{"one that goes is no reason for another", []string{st("Allow", "kms:De*", "*"), st("Allow", "kms:Decrypt", "*"), st("Allow", "kms:*", "*")}, []string{"0 redundant [2]", "1 redundant [2]"}},
		{"one within two others", []string{st("Allow", "kms:*", "*"), st("Allow", "ec2:*", "*"), st("Allow", "kms:Decrypt ec2:RunInstances", "*")}, []string{"2 redundant []"}},
		{"all of it is denied", []string{st("Allow", "kms:Decrypt", "*"), st("Deny", "kms:*", "*")}, []string{"0 overridden [1]"}},
		{"a Deny within a Deny", []string{st("Allow", "*", "*"), st("Deny", "kms:Decrypt", keyARN), st("Deny", "kms:*", "*")}, []string{"1 redundant [2]"}},
		{"a Deny that denies nothing allowed here stays", []string{st("Allow", "ec2:*", "*"), st("Deny", "kms:*", "*")}, nil},
		{"conditions that exclude each other", []string{st("Allow", "kms:*", "*", `"StringEquals":{"aws:username":"a"}`, `"StringLike":{"aws:username":"b*"}`)}, []string{"0 dead []"}},
		{"a number that is less and more", []string{st("Allow", "kms:*", "*", `"NumericLessThan":{"x:n":"3"}`, `"NumericGreaterThan":{"x:n":"3"}`)}, []string{"0 dead []"}},
		{"a key that is absent and has a value", []string{st("Allow", "kms:*", "*", `"Null":{"x:n":"true"}`, `"StringEquals":{"x:n":"3"}`)}, []string{"0 dead []"}},
		{"an action that is none", []string{st("Allow", "nothing", "*")}, []string{"0 dead []"}},
		{"a value that the operator cannot read", []string{st("Allow", "kms:*", "*", `"IpAddress":{"aws:SourceIp":"here"}`)}, []string{"0 dead []"}},
		{"a condition that always holds", []string{st("Allow", "kms:*", "*"), st("Allow", "kms:*", "*", `"StringLikeIfExists":{"aws:username":"*"}`)}, []string{"1 redundant [0]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			single := requestset.Options{Cardinality: func(string) requestset.Cardinality { return requestset.SingleValued }}
			var got []string
			for _, f := range requestset.Unneeded(requestset.Attachment{}, single, doc(t, c.statements...)) {
				by := []int{}
				for _, r := range f.By {
					by = append(by, r.Index)
				}
				got = append(got, fmt.Sprint(f.Statement.Index, " ", f.Defect, " ", by))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func keyDoc(t testing.TB, statements ...string) []requestset.Document {
	t.Helper()
	return []requestset.Document{doc(t, statements...)}
}

func to(principal, actions string, condition ...string) string {
	return `"Principal":` + principal + `,` + st("Allow", actions, "*", condition...)
}

func TestNewAccessTo(t *testing.T) {
	t.Parallel()
	const (
		root = `{"AWS":"arn:aws:iam::123456789012:root"}`
		user = `{"AWS":"arn:aws:iam::123456789012:user/test"}`
		role = `{"AWS":"arn:aws:iam::210987654321:role/other"}`
	)
	rootAlone := to(root, "kms:*")
	for _, c := range []struct {
		name              string
		existing, updated []string
		want              string
	}{
		{"the same", []string{rootAlone}, []string{rootAlone}, ""},
		{
			"a user who is named needs no policy of their own",
			[]string{rootAlone},
			[]string{rootAlone, to(user, "kms:CreateGrant")},
			"the user arn:aws:iam::123456789012:user/test: kms:CreateGrant on every resource",
		},
		{
			"the account is let in, not its users",
			[]string{to(user, "kms:*")},
			[]string{to(user, "kms:*"), rootAlone},
			"the root user of account 123456789012: kms:* on every resource\n" +
				"the other users of account 123456789012, the other roles of account 123456789012 (if their account allows): kms:* on every resource",
		},
		{
			"another account's role",
			[]string{rootAlone},
			[]string{rootAlone, to(role, "kms:Decrypt")},
			"the role arn:aws:iam::210987654321:role/other: kms:Decrypt on every resource",
		},
		{
			"everybody, through EC2",
			[]string{rootAlone},
			[]string{rootAlone, to(`"*"`, "kms:Decrypt", `"StringEquals":{"kms:ViaService":"ec2.eu-west-1.amazonaws.com"}`)},
			"the other users of account 123456789012, the other roles of account 123456789012, everybody else with an account, anonymous callers: " +
				"kms:Decrypt on every resource where StringEquals kms:ViaService ec2.eu-west-1.amazonaws.com",
		},
		{
			"another account, through EC2",
			[]string{rootAlone},
			[]string{rootAlone, to(`"*"`, "kms:Decrypt", `"StringEquals":{"kms:CallerAccount":"210987654321"}`)},
			"the root user of account 210987654321, the other users of account 210987654321, the other roles of account 210987654321: " +
				"kms:Decrypt on every resource where StringEquals kms:CallerAccount 210987654321",
		},
		{
			"a role by its ARN as a condition",
			[]string{rootAlone},
			[]string{rootAlone, to(`"*"`, "kms:Decrypt", `"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::210987654321:role/other"}`), to(role, "kms:Encrypt")},
			"the role arn:aws:iam::210987654321:role/other: kms:Decrypt on every resource\n" +
				"the role arn:aws:iam::210987654321:role/other: kms:Encrypt on every resource",
		},
		{"less than before", []string{rootAlone, to(user, "kms:CreateGrant")}, []string{rootAlone}, ""},
		{"a Deny more", []string{rootAlone}, []string{rootAlone, `"Principal":"*",` + st("Deny", "kms:*", "*")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, a := range requestset.NewAccessTo(keyDoc(t, c.existing...), keyDoc(t, c.updated...), requestset.Options{}) {
				who := strings.Join(a.Callers, ", ")
				if a.Delegated {
					who += " (if their account allows)"
				}
				if a.Answer.Any != policy.Yes || !a.Answer.Complete {
					t.Errorf("%s: %v, whole: %v", who, a.Answer.Any, a.Answer.Complete)
				}
				for _, r := range a.Answer.Regions {
					got = append(got, who+": "+r.String())
				}
			}
			if d := cmp.Diff(c.want, strings.Join(got, "\n")); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestLayers: layers that must all allow are sets joined by And.
func TestLayers(t *testing.T) {
	t.Parallel()
	identity := requestset.Allowed(doc(t, st("Allow", "kms:* ec2:*", "*")))
	boundary := requestset.Allowed(doc(t, st("Allow", "kms:* s3:*", "*"), st("Deny", "kms:Decrypt", "*")))
	a := identity.And(boundary).Find(requestset.Options{})
	if a.Any != policy.Yes || !a.Complete || len(a.Regions) != 1 || a.Regions[0].String() != "kms:* except kms:Decrypt on every resource" {
		t.Errorf("%v %v %v", a.Any, a.Complete, a.Regions)
	}
}

func TestUnknownCardinality(t *testing.T) {
	t.Parallel()
	// With one value the two exclude each other, with several they need not.
	d := doc(t, st("Allow", "kms:*", "*", `"StringEquals":{"x:k":"a"}`, `"StringEqualsIgnoreCase":{"x:k":"b"}`))
	for c, want := range map[requestset.Cardinality]policy.Truth{
		requestset.SingleValued: policy.No, requestset.Multivalued: policy.Yes, requestset.UnknownCardinality: policy.Maybe,
	} {
		a := requestset.Allowed(d).Find(requestset.Options{Cardinality: func(string) requestset.Cardinality { return c }})
		if a.Any != want || (want == policy.Maybe) != (len(a.Doubt) > 0) {
			t.Errorf("cardinality %d: %v %v, want %v", c, a.Any, a.Doubt, want)
		}
	}
}
