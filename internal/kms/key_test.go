package kms

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestCreateKey(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	got := do[kms.CreateKeyOutput](s, root(), "CreateKey", &kms.CreateKeyInput{
		Description: aws.String("test"), Tags: []kmstypes.Tag{{TagKey: aws.String("team"), TagValue: aws.String("a")}},
	}).KeyMetadata
	want := &kmstypes.KeyMetadata{
		AWSAccountId: aws.String(account), Arn: aws.String("arn:aws:kms:eu-west-1:123456789012:key/" + *got.KeyId),
		CreationDate: aws.Time(start), CurrentKeyMaterialId: got.CurrentKeyMaterialId, CustomerMasterKeySpec: "SYMMETRIC_DEFAULT",
		Description: aws.String("test"), Enabled: true, EncryptionAlgorithms: []kmstypes.EncryptionAlgorithmSpec{"SYMMETRIC_DEFAULT"},
		KeyId: got.KeyId, KeyManager: "CUSTOMER", KeySpec: "SYMMETRIC_DEFAULT", KeyState: "Enabled", KeyUsage: "ENCRYPT_DECRYPT",
		MultiRegion: aws.Bool(false), Origin: "AWS_KMS",
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(kmstypes.KeyMetadata{})); d != "" {
		t.Errorf("metadata (-want +got):\n%s", d)
	}
	if !isKeyID(*got.KeyId) || len(*got.CurrentKeyMaterialId) != 64 {
		t.Errorf("ids: %s, %s", *got.KeyId, *got.CurrentKeyMaterialId)
	}
	p := do[kms.GetKeyPolicyOutput](s, root(), "GetKeyPolicy", &kms.GetKeyPolicyInput{KeyId: got.KeyId})
	const document = "{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\",\n  \"Statement\" : [ {\n    \"Sid\" : \"Enable IAM User Permissions\",\n    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n      \"AWS\" : \"arn:aws:iam::123456789012:root\"\n    },\n    \"Action\" : \"kms:*\",\n    \"Resource\" : \"*\"\n  } ]\n}"
	if *p.Policy != document || *p.PolicyName != "default" {
		t.Errorf("policy %s: %s", *p.PolicyName, *p.Policy)
	}
}

func TestCreateKeyRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tags := func(keys ...string) (list []kmstypes.Tag) {
		for _, k := range keys {
			list = append(list, kmstypes.Tag{TagKey: aws.String(k), TagValue: aws.String("")})
		}
		return list
	}
	many := make([]string, 51)
	for i := range many {
		many[i] = fmt.Sprint("k", i)
	}
	for _, row := range []struct {
		name          string
		in            kms.CreateKeyInput
		code, message string
	}{
		{"usage of another spec", kms.CreateKeyInput{KeyUsage: "GENERATE_VERIFY_MAC"}, "ValidationException", "KeyUsage GENERATE_VERIFY_MAC is not compatible with KeySpec SYMMETRIC_DEFAULT"},
		{"key agreement on RSA", kms.CreateKeyInput{KeySpec: "RSA_2048", KeyUsage: "KEY_AGREEMENT"}, "ValidationException", "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048"},
		{"no usage for an asymmetric key", kms.CreateKeyInput{KeySpec: "RSA_2048"}, "ValidationException", "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."},
		{"both specs", kms.CreateKeyInput{KeySpec: "SYMMETRIC_DEFAULT", CustomerMasterKeySpec: "SYMMETRIC_DEFAULT"}, "ValidationException", "*"},
		{"spec that is not built", kms.CreateKeyInput{KeySpec: "ML_DSA_44", KeyUsage: "SIGN_VERIFY"}, "UnsupportedOperationException", "KeySpec ML_DSA_44 is not supported in this cloud."},
		{"origin that is not built", kms.CreateKeyInput{Origin: "AWS_CLOUDHSM"}, "UnsupportedOperationException", "Origin AWS_CLOUDHSM is not supported in this cloud."},
		{"custom key store", kms.CreateKeyInput{CustomKeyStoreId: aws.String("cks-1")}, "UnsupportedOperationException", "*"},
		{"duplicate tags", kms.CreateKeyInput{Tags: tags("a", "a")}, "TagException", "Duplicate tag keys"},
		{"too many tags", kms.CreateKeyInput{Tags: tags(many...)}, "TagException", "Too many tags"},
		{"reserved tag", kms.CreateKeyInput{Tags: tags("aws:x")}, "TagException", "Tags beginning with aws: are reserved"},
		{"reserved tag in capitals", kms.CreateKeyInput{Tags: tags("AWS:x")}, "TagException", "Tags beginning with aws: are reserved"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := s.run(root(), "CreateKey", &row.in)
			checkRefused(t, "CreateKey", err, row.code, row.message)
		})
	}
	if out := do[kms.ListKeysOutput](s, root(), "ListKeys", &kms.ListKeysInput{}); len(out.Keys) != 0 {
		t.Errorf("%d keys were made all the same", len(out.Keys))
	}
}

func TestCreateKeyWithTagsNeedsTagResource(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	u := user(account, "test")
	s.allow(u, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"}]}`)
	in := &kms.CreateKeyInput{Tags: []kmstypes.Tag{{TagKey: aws.String("team"), TagValue: aws.String("a")}}}
	refused(s, u, "CreateKey", in, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:TagResource on resource: arn:aws:kms:eu-west-1:123456789012:key/* because no identity-based policy allows the kms:TagResource action")
	s.allow(u, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:TagResource","Resource":"arn:aws:kms:*:123456789012:key/*","Condition":{"StringEquals":{"aws:RequestTag/team":"a"}}}]}`)
	do[kms.CreateKeyOutput](s, u, "CreateKey", in)
}

// TestReferences tells how each operation lets its key be named.
func TestReferences(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	do[kms.CreateAliasOutput](s, root(), "CreateAlias", &kms.CreateAliasInput{AliasName: aws.String("alias/example"), TargetKeyId: k.Arn})
	const prefix = "arn:aws:kms:eu-west-1:123456789012:"
	const absent = "11111111-2222-3333-4444-555555555555"
	for _, row := range []struct{ name, ref, code, message string }{
		{"id", *k.KeyId, "", ""},
		{"ARN", *k.Arn, "", ""},
		{"alias", "alias/example", "", ""},
		{"alias ARN", prefix + "alias/example", "", ""},
		{"no such key", absent, "NotFoundException", "Key '" + prefix + "key/" + absent + "' does not exist"},
		{"no such key by ARN", prefix + "key/" + absent, "NotFoundException", "Key '" + prefix + "key/" + absent + "' does not exist"},
		{"no such alias", "alias/other", "NotFoundException", "Alias " + prefix + "alias/other is not found."},
		{"no such alias by ARN", prefix + "alias/other", "NotFoundException", "Alias " + prefix + "alias/other is not found."},
		{"not an id", "fake-key-id", "NotFoundException", "Invalid keyId 'fake-key-id'"},
		{"id without hyphens", "134f2428cec14b25a1ae9048164dba47", "NotFoundException", "Invalid keyId '134f2428cec14b25a1ae9048164dba47'"},
		{"not a multi-Region id", "mrk-fake-key-id", "NotFoundException", "Invalid keyId 'mrk-fake-key-id'"},
		{"another region", strings.Replace(*k.Arn, "eu-west-1", "us-east-1", 1), "NotFoundException", "Invalid arn us-east-1"},
		{"another service", strings.Replace(*k.Arn, ":kms:", ":s3:", 1), "InvalidArnException", "*"},
		{"another partition", strings.Replace(*k.Arn, "arn:aws:", "arn:aws-cn:", 1), "InvalidArnException", "*"},
		{"not an ARN", "arn:x", "InvalidArnException", "*"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, operation := range []string{"DescribeKey", "Encrypt", "GenerateDataKey"} {
				ins := map[string]any{
					"DescribeKey":     &kms.DescribeKeyInput{KeyId: aws.String(row.ref)},
					"Encrypt":         &kms.EncryptInput{KeyId: aws.String(row.ref), Plaintext: []byte("x")},
					"GenerateDataKey": &kms.GenerateDataKeyInput{KeyId: aws.String(row.ref), NumberOfBytes: aws.Int32(1)},
				}
				_, err := s.run(root(), operation, ins[operation])
				if row.code == "" {
					if err != nil {
						t.Errorf("%s: %v", operation, err)
					}
					continue
				}
				checkRefused(t, operation, err, row.code, row.message)
			}
			_, err := s.run(root(), "EnableKey", &kms.EnableKeyInput{KeyId: aws.String(row.ref)})
			switch {
			case strings.Contains(row.ref, "alias"):
				checkRefused(t, "EnableKey", err, "InvalidArnException", "Key Aliases are not supported for this operation.")
			case row.code == "" && err != nil:
				t.Errorf("EnableKey: %v", err)
			case row.code != "":
				checkRefused(t, "EnableKey", err, row.code, row.message)
			}
		})
	}
}

func TestCrossAccount(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	u := user(other, "guest")
	const hidden = " on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
	const who = "User: arn:aws:iam::210987654321:user/guest is not authorized to perform: kms:"
	encrypt := &kms.EncryptInput{KeyId: k.Arn, Plaintext: []byte("x")}
	absent := &kms.EncryptInput{KeyId: aws.String(strings.Replace(*k.Arn, *k.KeyId, "11111111-2222-3333-4444-555555555555", 1)), Plaintext: []byte("x")}
	s.allow(u, allowKMS)
	refused(s, u, "Encrypt", encrypt, "AccessDeniedException", who+"Encrypt"+hidden)
	refused(s, u, "Encrypt", absent, "AccessDeniedException", who+"Encrypt"+hidden)
	refused(s, u, "DisableKey", &kms.DisableKeyInput{KeyId: k.Arn}, "AccessDeniedException", who+"DisableKey"+hidden)

	s.setPolicy(root(), k, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":"kms:*","Resource":"*"}]}`)
	blob := do[kms.EncryptOutput](s, u, "Encrypt", encrypt).CiphertextBlob
	if got := s.last.SharedWith; len(got) != 1 || got[0] != account {
		t.Errorf("the event is shared with %v, not the key's account", got)
	}
	do[kms.DecryptOutput](s, u, "Decrypt", &kms.DecryptInput{CiphertextBlob: blob})
	do[kms.DescribeKeyOutput](s, u, "DescribeKey", &kms.DescribeKeyInput{KeyId: k.Arn})
	do[kms.GetKeyRotationStatusOutput](s, u, "GetKeyRotationStatus", &kms.GetKeyRotationStatusInput{KeyId: k.Arn})
	// Whatever the policy says, other accounts can only use a key, not manage it.
	refused(s, u, "DisableKey", &kms.DisableKeyInput{KeyId: k.Arn}, "AccessDeniedException", who+"DisableKey"+hidden)
	refused(s, u, "Encrypt", absent, "AccessDeniedException", who+"Encrypt"+hidden)
	refused(s, user(other, "nobody"), "Encrypt", encrypt, "AccessDeniedException", "*")
}

func TestListKeysPages(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	want := make(map[string]bool)
	for range 7 {
		want[*s.key(root()).Arn] = true
	}
	s.key(rootOf(other))
	pages := 0
	for in := (&kms.ListKeysInput{Limit: aws.Int32(3)}); ; pages++ {
		out := do[kms.ListKeysOutput](s, root(), "ListKeys", in)
		for _, k := range out.Keys {
			if !want[*k.KeyArn] {
				t.Errorf("%s is not ours, or there twice", *k.KeyArn)
			}
			delete(want, *k.KeyArn)
		}
		if out.Truncated != (out.NextMarker != nil) {
			t.Errorf("Truncated %v with marker %v", out.Truncated, out.NextMarker)
		}
		if !out.Truncated {
			break
		}
		in.Marker = out.NextMarker
	}
	if len(want) != 0 || pages != 2 {
		t.Errorf("%d keys are missing after %d full pages", len(want), pages)
	}
	refused(s, root(), "ListKeys", &kms.ListKeysInput{Marker: aws.String("?")}, "InvalidMarkerException", "*")
	refused(s, root(), "ListKeys", &kms.ListKeysInput{Marker: aws.String("zzzz")}, "InvalidMarkerException", "*")
}

// TestKeyStates is the table of the KMS guide's "Key states of AWS KMS keys",
// for the states that are built.
func TestKeyStates(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	grantee := aws.String("arn:aws:iam::123456789012:user/test")
	type state struct {
		key  *kmstypes.KeyMetadata
		blob []byte
		// grant is what RetireGrant and RevokeGrant may end.
		grants []string
	}
	prepare := func(name string) state {
		k := s.key(root())
		st := state{key: k, blob: encrypted(s, root(), k.KeyId, "x", nil)}
		for range 2 {
			st.grants = append(st.grants, *do[kms.CreateGrantOutput](s, root(), "CreateGrant", &kms.CreateGrantInput{
				KeyId: k.KeyId, GranteePrincipal: grantee, Operations: []kmstypes.GrantOperation{"Decrypt"},
			}).GrantId)
		}
		do[kms.CreateAliasOutput](s, root(), "CreateAlias", &kms.CreateAliasInput{AliasName: aws.String("alias/" + name), TargetKeyId: k.KeyId})
		switch name {
		case "Disabled":
			do[kms.DisableKeyOutput](s, root(), "DisableKey", &kms.DisableKeyInput{KeyId: k.KeyId})
		case "PendingDeletion":
			do[kms.ScheduleKeyDeletionOutput](s, root(), "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId})
		}
		return st
	}
	const ok, disabled, pending, notPending = "", "DisabledException: %s is disabled.", "KMSInvalidStateException: %s is pending deletion.", "KMSInvalidStateException: %s is not pending deletion."
	policy := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"kms:*","Resource":"*"}]}`)
	target := s.key(root())
	// The order matters: what changes the state comes last.
	for _, row := range []struct {
		operation          string
		in                 func(name string, st state) any
		whenEnabled        string
		whenDisabled, when string
	}{
		{"Encrypt", func(_ string, st state) any { return &kms.EncryptInput{KeyId: st.key.KeyId, Plaintext: []byte("x")} }, ok, disabled, pending},
		{"Decrypt", func(_ string, st state) any { return &kms.DecryptInput{CiphertextBlob: st.blob} }, ok, disabled, pending},
		{"ReEncrypt", func(_ string, st state) any {
			return &kms.ReEncryptInput{CiphertextBlob: st.blob, DestinationKeyId: target.KeyId}
		}, ok, disabled, pending},
		{"GenerateDataKey", func(_ string, st state) any {
			return &kms.GenerateDataKeyInput{KeyId: st.key.KeyId, NumberOfBytes: aws.Int32(1)}
		}, ok, disabled, pending},
		{"GenerateDataKeyWithoutPlaintext", func(_ string, st state) any {
			return &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: st.key.KeyId, NumberOfBytes: aws.Int32(1)}
		}, ok, disabled, pending},
		{"CreateGrant", func(_ string, st state) any {
			return &kms.CreateGrantInput{KeyId: st.key.KeyId, GranteePrincipal: grantee, Operations: []kmstypes.GrantOperation{"Decrypt"}}
		}, ok, disabled, pending},
		{"ListGrants", func(_ string, st state) any { return &kms.ListGrantsInput{KeyId: st.key.KeyId} }, ok, ok, ok},
		{"RetireGrant", func(_ string, st state) any {
			return &kms.RetireGrantInput{KeyId: st.key.Arn, GrantId: &st.grants[0]}
		}, ok, ok, ok},
		{"RevokeGrant", func(_ string, st state) any {
			return &kms.RevokeGrantInput{KeyId: st.key.KeyId, GrantId: &st.grants[1]}
		}, ok, ok, ok},
		{"DescribeKey", func(_ string, st state) any { return &kms.DescribeKeyInput{KeyId: st.key.KeyId} }, ok, ok, ok},
		{"GetKeyPolicy", func(_ string, st state) any { return &kms.GetKeyPolicyInput{KeyId: st.key.KeyId} }, ok, ok, ok},
		{"ListKeyPolicies", func(_ string, st state) any { return &kms.ListKeyPoliciesInput{KeyId: st.key.KeyId} }, ok, ok, ok},
		{"PutKeyPolicy", func(_ string, st state) any { return &kms.PutKeyPolicyInput{KeyId: st.key.KeyId, Policy: policy} }, ok, ok, ok},
		{"CreateAlias", func(name string, st state) any {
			return &kms.CreateAliasInput{AliasName: aws.String("alias/second-" + name), TargetKeyId: st.key.KeyId}
		}, ok, ok, pending},
		{"UpdateAlias", func(name string, st state) any {
			return &kms.UpdateAliasInput{AliasName: aws.String("alias/" + name), TargetKeyId: st.key.KeyId}
		}, ok, ok, pending},
		{"DeleteAlias", func(name string, _ state) any { return &kms.DeleteAliasInput{AliasName: aws.String("alias/" + name)} }, ok, ok, ok},
		{"ListAliases", func(_ string, st state) any { return &kms.ListAliasesInput{KeyId: st.key.KeyId} }, ok, ok, ok},
		{"TagResource", func(_ string, st state) any {
			return &kms.TagResourceInput{KeyId: st.key.KeyId, Tags: []kmstypes.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}}
		}, ok, ok, pending},
		{"UntagResource", func(_ string, st state) any {
			return &kms.UntagResourceInput{KeyId: st.key.KeyId, TagKeys: []string{"a"}}
		}, ok, ok, pending},
		{"ListResourceTags", func(_ string, st state) any { return &kms.ListResourceTagsInput{KeyId: st.key.KeyId} }, ok, ok, ok},
		{"UpdateKeyDescription", func(_ string, st state) any {
			return &kms.UpdateKeyDescriptionInput{KeyId: st.key.KeyId, Description: aws.String("new")}
		}, ok, ok, pending},
		{"EnableKeyRotation", func(_ string, st state) any { return &kms.EnableKeyRotationInput{KeyId: st.key.KeyId} }, ok, disabled, pending},
		{"DisableKeyRotation", func(_ string, st state) any { return &kms.DisableKeyRotationInput{KeyId: st.key.KeyId} }, ok, disabled, pending},
		{"GetKeyRotationStatus", func(_ string, st state) any { return &kms.GetKeyRotationStatusInput{KeyId: st.key.KeyId} }, ok, ok, ok},
		{"RotateKeyOnDemand", func(_ string, st state) any { return &kms.RotateKeyOnDemandInput{KeyId: st.key.KeyId} }, ok, disabled, pending},
		{"ListKeyRotations", func(_ string, st state) any { return &kms.ListKeyRotationsInput{KeyId: st.key.KeyId} }, ok, ok, ok},
		{"CancelKeyDeletion", func(_ string, st state) any { return &kms.CancelKeyDeletionInput{KeyId: st.key.KeyId} }, notPending, notPending, ok},
		{"EnableKey", func(_ string, st state) any { return &kms.EnableKeyInput{KeyId: st.key.KeyId} }, ok, ok, pending},
		{"DisableKey", func(_ string, st state) any { return &kms.DisableKeyInput{KeyId: st.key.KeyId} }, ok, ok, pending},
		{"ScheduleKeyDeletion", func(_ string, st state) any { return &kms.ScheduleKeyDeletionInput{KeyId: st.key.KeyId} }, ok, ok, pending},
	} {
		for name, want := range map[string]string{"Enabled": row.whenEnabled, "Disabled": row.whenDisabled, "PendingDeletion": row.when} {
			t.Run(row.operation+"/"+name, func(t *testing.T) {
				s := *s
				s.t = t
				st := prepare(name)
				defer func() {
					for _, a := range []string{"alias/" + name, "alias/second-" + name} {
						_, _ = s.run(root(), "DeleteAlias", &kms.DeleteAliasInput{AliasName: &a})
					}
				}()
				_, err := s.run(root(), row.operation, row.in(name, st))
				if want == ok {
					if err != nil {
						t.Errorf("got %v", err)
					}
					return
				}
				code, message, _ := strings.Cut(fmt.Sprintf(want, *st.key.Arn), ": ")
				checkRefused(t, row.operation, err, code, message)
				// Who may not do it is told that first, whatever the state.
				_, err = s.run(user(account, "nobody"), row.operation, row.in(name, st))
				checkRefused(t, row.operation, err, "AccessDeniedException", "*")
			})
		}
	}
}

func TestDeletion(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	blob := encrypted(s, root(), k.KeyId, "x", nil)
	do[kms.CreateAliasOutput](s, root(), "CreateAlias", &kms.CreateAliasInput{AliasName: aws.String("alias/example"), TargetKeyId: k.KeyId})
	do[kms.CreateGrantOutput](s, root(), "CreateGrant", &kms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/test"), Operations: []kmstypes.GrantOperation{"Decrypt"},
		RetiringPrincipal: aws.String("arn:aws:iam::123456789012:user/test"),
	})
	const bounds = "PendingWindowInDays must be between 7 and 30 (inclusive)"
	for _, days := range []int32{6, 31} {
		refused(s, root(), "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: &days}, "ValidationException", bounds)
	}
	out := do[kms.ScheduleKeyDeletionOutput](s, root(), "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: aws.Int32(7)})
	if !out.DeletionDate.Equal(start.Add(7*24*time.Hour)) || out.KeyState != "PendingDeletion" || *out.KeyId != *k.Arn || *out.PendingWindowInDays != 7 {
		t.Errorf("got %v %v %v", out.DeletionDate, out.KeyState, *out.KeyId)
	}
	// Cancelled, and scheduled anew for longer: the first time must not count.
	do[kms.CancelKeyDeletionOutput](s, root(), "CancelKeyDeletion", &kms.CancelKeyDeletionInput{KeyId: k.KeyId})
	m := do[kms.DescribeKeyOutput](s, root(), "DescribeKey", &kms.DescribeKeyInput{KeyId: k.KeyId}).KeyMetadata
	if m.KeyState != "Disabled" || m.DeletionDate != nil {
		t.Errorf("after the cancellation: %s, %v", m.KeyState, m.DeletionDate)
	}
	s.advance(24 * time.Hour)
	do[kms.ScheduleKeyDeletionOutput](s, root(), "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId})
	s.advance(29 * 24 * time.Hour)
	do[kms.DescribeKeyOutput](s, root(), "DescribeKey", &kms.DescribeKeyInput{KeyId: k.KeyId})
	s.advance(24 * time.Hour)
	refused(s, root(), "DescribeKey", &kms.DescribeKeyInput{KeyId: k.KeyId}, "NotFoundException", "Key '"+*k.Arn+"' does not exist")
	refused(s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: blob}, "AccessDeniedException", "*")
	refused(s, root(), "DescribeKey", &kms.DescribeKeyInput{KeyId: aws.String("alias/example")}, "NotFoundException", "*")
	s.empty()
	if n := len(s.kms.ciphers.entries); n != 0 {
		t.Errorf("%d ciphers are left in memory", n)
	}
}

// empty checks that nothing of KMS is left in the store.
func (s *stage) empty() {
	s.t.Helper()
	for _, key := range s.rows() {
		if strings.Contains(key, "/kms.") {
			s.t.Errorf("%s is left", key)
		}
	}
}
