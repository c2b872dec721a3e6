package kms

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/keyturn/keyturn/internal/store"
)

// known are the principals that exist, for CheckPrincipals.
type known []string

func (k known) ResolvePrincipal(_ store.Tx, arn string) (string, bool) {
	i := slices.Index(k, arn)
	return fmt.Sprintf("AIDA%017d", i), i >= 0
}

func (k known) PrincipalARN(_ store.Tx, id string) (string, bool) {
	for i, arn := range k {
		if id == fmt.Sprintf("AIDA%017d", i) {
			return arn, true
		}
	}
	return "", false
}

const (
	lockedOut         = "The new key policy will not allow you to update the key policy in the future."
	invalidPolicyARN  = "An ARN in the specified key policy is invalid."
	invalidPrincipals = "Policy contains a statement with one or more invalid principals."
)

func statement(principal, action string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"` + action + `","Resource":"*"}]}`
}

func TestPutKeyPolicyChecks(t *testing.T) {
	t.Parallel()
	s := newStage(t, CheckPrincipals(known{"arn:aws:iam::123456789012:user/admin"}))
	admin := user(account, "admin")
	s.allow(admin, allowKMS)
	k := s.key(root())
	const rootStatement = `{"AWS":"arn:aws:iam::123456789012:root"}`
	for _, row := range []struct {
		name, policy  string
		code, message string
	}{
		{"names the caller", statement(`{"AWS":"arn:aws:iam::123456789012:user/admin"}`, "kms:*"), "", ""},
		{"names another user", statement(`{"AWS":"arn:aws:iam::123456789012:user/ghost"}`, "kms:*"), "MalformedPolicyDocumentException", invalidPrincipals},
		{"the root statement", statement(rootStatement, "kms:*"), "", ""},
		{"the root statement without PutKeyPolicy", statement(rootStatement, "kms:Encrypt"), "MalformedPolicyDocumentException", lockedOut},
		{"the account by its number", statement(`{"AWS":"123456789012"}`, "kms:*KeyPolicy"), "", ""},
		{"another account", statement(`{"AWS":"arn:aws:iam::210987654321:root"}`, "kms:*"), "MalformedPolicyDocumentException", lockedOut},
		{"everybody", statement(`"*"`, "kms:*"), "", ""},
		{"a service", statement(`{"Service":"logs.eu-west-1.amazonaws.com"}`, "kms:*"), "MalformedPolicyDocumentException", lockedOut},
		{"a service that is none", statement(`{"Service":"logs"}`, "kms:*"), "MalformedPolicyDocumentException", invalidPrincipals},
		{"a wildcard in an ARN", statement(`{"AWS":"arn:aws:iam::123456789012:user/*"}`, "kms:*"), "InvalidArnException", invalidPolicyARN},
		{"a group", statement(`{"AWS":"arn:aws:iam::123456789012:group/g"}`, "kms:*"), "InvalidArnException", invalidPolicyARN},
		{"a statement without resource", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"kms:*","Resource":"*"},{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"kms:*"}]}`, "", ""},
		{"no principal", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`, "MalformedPolicyDocumentException", "Policy contains a statement with no principal."},
		{"an empty principal", statement(`{"AWS":[]}`, "kms:*"), "MalformedPolicyDocumentException", "Policy contains a statement with no principal."},
		{"everybody but some allowed", strings.Replace(statement(rootStatement, "kms:*"), "Principal", "NotPrincipal", 1), "MalformedPolicyDocumentException", ""},
		{"an action of no service", statement(rootStatement, "everything"), "MalformedPolicyDocumentException", ""},
		{
			"a set operator that is too broad",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"kms:*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"kms:EncryptionContext:a":"b"}}}]}`,
			"MalformedPolicyDocumentException",
			"OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key matches requests without the specified encryption context or with an unspecified encryption context. To fix, remove ForAllValues.",
		},
		{"not JSON", `{`, "MalformedPolicyDocumentException", ""},
		{"no statement", `{"Version":"2012-10-17","Statement":[]}`, "MalformedPolicyDocumentException", "*"},
		{"too long", statement(rootStatement, "kms:"+strings.Repeat("x", 32768)), "LimitExceededException", "*"},
		{
			"a condition that locks out",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"ec2.eu-west-1.amazonaws.com"}}}]}`,
			"MalformedPolicyDocumentException", lockedOut,
		},
		{
			"a denial that locks out",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"kms:PutKeyPolicy","Resource":"*"}]}`,
			"MalformedPolicyDocumentException", lockedOut,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := *s
			s.t = t
			before := *do[kms.GetKeyPolicyOutput](&s, admin, "GetKeyPolicy", &kms.GetKeyPolicyInput{KeyId: k.KeyId}).Policy
			_, err := s.run(admin, "PutKeyPolicy", &kms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: &row.policy})
			want := before
			if row.code == "" {
				// AWS shows an account's number as the ARN that it stands for.
				want = strings.ReplaceAll(row.policy, `"AWS":"123456789012"`, `"AWS":"arn:aws:iam::123456789012:root"`)
				if err != nil {
					t.Fatal(err)
				}
			} else {
				checkRefused(t, "PutKeyPolicy", err, row.code, row.message)
			}
			after := *do[kms.GetKeyPolicyOutput](&s, admin, "GetKeyPolicy", &kms.GetKeyPolicyInput{KeyId: k.KeyId}).Policy
			if after != want {
				t.Errorf("the policy is now %s", after)
			}
			_, err = s.run(admin, "CreateKey", &kms.CreateKeyInput{Policy: &row.policy})
			if row.code == "" && err != nil {
				t.Errorf("CreateKey: %v", err)
			} else if row.code != "" {
				checkRefused(t, "CreateKey", err, row.code, row.message)
			}
		})
	}
	bypassed := statement(rootStatement, "kms:Encrypt")
	do[kms.PutKeyPolicyOutput](s, admin, "PutKeyPolicy", &kms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: &bypassed, BypassPolicyLockoutSafetyCheck: true})
	refused(s, admin, "GetKeyPolicy", &kms.GetKeyPolicyInput{KeyId: k.KeyId}, "AccessDeniedException", "*")
}

func TestPolicyNames(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	refused(s, root(), "GetKeyPolicy", &kms.GetKeyPolicyInput{KeyId: k.KeyId, PolicyName: aws.String("other")}, "NotFoundException", "No such policy exists")
	refused(s, root(), "PutKeyPolicy", &kms.PutKeyPolicyInput{KeyId: k.KeyId, PolicyName: aws.String("other"), Policy: aws.String(allowKMS)}, "NotFoundException", "No such policy exists")
	out := do[kms.ListKeyPoliciesOutput](s, root(), "ListKeyPolicies", &kms.ListKeyPoliciesInput{KeyId: k.KeyId})
	if len(out.PolicyNames) != 1 || out.PolicyNames[0] != "default" || out.Truncated {
		t.Errorf("got %v", out.PolicyNames)
	}
}

// TestKeyPolicyDecides: IAM counts only where the key policy lets it.
func TestKeyPolicyDecides(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	u := user(account, "test")
	in := &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")}
	const message = "User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:Encrypt on resource: "
	refused(s, u, "Encrypt", in, "AccessDeniedException", message+*k.Arn+" because no identity-based policy allows the kms:Encrypt action")
	s.allow(u, allowKMS)
	do[kms.EncryptOutput](s, u, "Encrypt", in)
	s.setPolicy(root(), k, statement(`{"AWS":"arn:aws:iam::123456789012:user/other"}`, "kms:*"))
	refused(s, u, "Encrypt", in, "AccessDeniedException", message+*k.Arn+" because no resource-based policy allows the kms:Encrypt action")
}

// TestContextKeys sends requests that only fitting condition keys let through.
func TestContextKeys(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, action, condition string
		via                     bool
		do                      func(s *stage, w who, key *string) error
		allowed                 bool
	}{
		{"encryption context", "Encrypt", `"StringEquals":{"kms:EncryptionContext:Department":"IT"}`, false, encryptWith("Department", "IT"), true},
		{"another encryption context", "Encrypt", `"StringEquals":{"kms:EncryptionContext:Department":"IT"}`, false, encryptWith("Department", "HR"), false},
		{"context keys", "Encrypt", `"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["a","b"]},"Null":{"kms:EncryptionContextKeys":"false"}`, false, encryptWith("a", "1"), true},
		{"a context key too many", "Encrypt", `"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["a","b"]}`, false, encryptWith("a", "1", "c", "1"), false},
		{"algorithm", "Encrypt", `"StringEquals":{"kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, false, encryptWith(), true},
		{"spec, usage, origin, regions", "Encrypt", `"StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT","kms:KeyUsage":"ENCRYPT_DECRYPT","kms:KeyOrigin":"AWS_KMS"},"Bool":{"kms:MultiRegion":"false"}`, false, encryptWith(), true},
		{"caller's account", "Encrypt", `"StringEquals":{"kms:CallerAccount":"123456789012"}`, false, encryptWith(), true},
		{"through EC2", "Encrypt", `"StringEquals":{"kms:ViaService":"ec2.eu-west-1.amazonaws.com"}`, true, encryptWith(), true},
		{"not through EC2", "Encrypt", `"StringEquals":{"kms:ViaService":"ec2.eu-west-1.amazonaws.com"}`, false, encryptWith(), false},
		{"resource tag", "Encrypt", `"StringEquals":{"aws:ResourceTag/team":"a"}`, false, encryptWith(), true},
		{"another resource tag", "Encrypt", `"StringEquals":{"aws:ResourceTag/team":"b"}`, false, encryptWith(), false},
		{"one of the key's aliases", "Encrypt", `"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/second"}`, false, encryptWith(), true},
		{"alias in the request", "Encrypt", `"StringEquals":{"kms:RequestAlias":"alias/first"}`, false, encryptAs("alias/first"), true},
		{"another alias in the request", "Encrypt", `"StringEquals":{"kms:RequestAlias":"alias/first"}`, false, encryptAs("alias/second"), false},
		{"no alias in the request", "Encrypt", `"StringEquals":{"kms:RequestAlias":"alias/first"}`, false, encryptWith(), false},
		{"days of waiting", "ScheduleKeyDeletion", `"NumericGreaterThanEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":"14"}`, false, schedule(14), true},
		{"too few days of waiting", "ScheduleKeyDeletion", `"NumericGreaterThanEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":"14"}`, false, schedule(13), false},
		{"the same key", "ReEncrypt*", `"Bool":{"kms:ReEncryptOnSameKey":"true"}`, false, reEncryptHere, true},
		{"not the same key", "ReEncrypt*", `"Bool":{"kms:ReEncryptOnSameKey":"false"}`, false, reEncryptHere, false},
		{"no bypass", "PutKeyPolicy", `"Bool":{"kms:BypassPolicyLockoutSafetyCheck":"false"}`, false, bypass(false), true},
		{"bypass", "PutKeyPolicy", `"Bool":{"kms:BypassPolicyLockoutSafetyCheck":"false"}`, false, bypass(true), false},
		{"tag keys", "UntagResource", `"ForAllValues:StringEquals":{"aws:TagKeys":"team"}`, false, untag("team"), true},
		{"other tag keys", "UntagResource", `"ForAllValues:StringEquals":{"aws:TagKeys":"team"}`, false, untag("cost"), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			k := s.key(root())
			do[kms.TagResourceOutput](s, root(), "TagResource", &kms.TagResourceInput{KeyId: k.KeyId, Tags: tagList("team", "a")})
			for _, a := range []string{"alias/first", "alias/second"} {
				do[kms.CreateAliasOutput](s, root(), "CreateAlias", &kms.CreateAliasInput{AliasName: &a, TargetKeyId: k.KeyId})
			}
			u := user(account, "test")
			s.allow(u, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:`+row.action+`","Resource":"*","Condition":{`+row.condition+`}}]}`)
			if row.via {
				u = u.viaEC2()
			}
			err := row.do(s, u, k.KeyId)
			if row.allowed {
				if err != nil {
					t.Error(err)
				}
				return
			}
			checkRefused(t, row.action, err, "AccessDeniedException", "*")
		})
	}
}

func encryptWith(pairs ...string) func(*stage, who, *string) error {
	return func(s *stage, w who, key *string) error {
		_, err := s.run(w, "Encrypt", &kms.EncryptInput{KeyId: key, Plaintext: []byte("x"), EncryptionContext: contextOf(pairs...)})
		return err
	}
}

func encryptAs(alias string) func(*stage, who, *string) error {
	return func(s *stage, w who, _ *string) error { return encryptWith()(s, w, &alias) }
}

func schedule(days int32) func(*stage, who, *string) error {
	return func(s *stage, w who, key *string) error {
		_, err := s.run(w, "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionInput{KeyId: key, PendingWindowInDays: &days})
		return err
	}
}

func reEncryptHere(s *stage, w who, key *string) error {
	_, err := s.run(w, "ReEncrypt", &kms.ReEncryptInput{CiphertextBlob: encrypted(s, root(), key, "x", nil), DestinationKeyId: key})
	return err
}

func bypass(on bool) func(*stage, who, *string) error {
	return func(s *stage, w who, key *string) error {
		_, err := s.run(w, "PutKeyPolicy", &kms.PutKeyPolicyInput{
			KeyId: key, Policy: aws.String(statement(`{"AWS":"123456789012"}`, "kms:*")), BypassPolicyLockoutSafetyCheck: on,
		})
		return err
	}
}

func untag(key string) func(*stage, who, *string) error {
	return func(s *stage, w who, id *string) error {
		_, err := s.run(w, "UntagResource", &kms.UntagResourceInput{KeyId: id, TagKeys: []string{key}})
		return err
	}
}
