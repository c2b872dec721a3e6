package kms

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// TestManagedKey: alias/aws/ebs is there when somebody first names it, for
// whatever.
func TestManagedKeyComesOnFirstUse(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(s *stage){
		"described": func(s *stage) {
			do[kms.DescribeKeyOutput](s, root(), "DescribeKey", &kms.DescribeKeyInput{KeyId: aws.String(ebsAlias)})
		},
		"described by ARN": func(s *stage) {
			do[kms.DescribeKeyOutput](s, root(), "DescribeKey", &kms.DescribeKeyInput{KeyId: aws.String("arn:aws:kms:eu-west-1:123456789012:alias/aws/ebs")})
		},
		"used by EC2 for a user": func(s *stage) {
			do[kms.GenerateDataKeyWithoutPlaintextOutput](s, user(account, "test").viaEC2(), "GenerateDataKeyWithoutPlaintext",
				&kms.GenerateDataKeyWithoutPlaintextInput{KeyId: aws.String(ebsAlias), NumberOfBytes: aws.Int32(64)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			if out := do[kms.ListAliasesOutput](s, root(), "ListAliases", &kms.ListAliasesInput{}); len(out.Aliases) != 0 {
				t.Fatal("it is there before")
			}
			first(s)
			m := do[kms.DescribeKeyOutput](s, root(), "DescribeKey", &kms.DescribeKeyInput{KeyId: aws.String(ebsAlias)}).KeyMetadata
			if m.KeyManager != "AWS" || *m.Description != ebsDescription || m.KeyState != "Enabled" {
				t.Errorf("got %s, %q, %s", m.KeyManager, *m.Description, m.KeyState)
			}
			out := do[kms.ListAliasesOutput](s, root(), "ListAliases", &kms.ListAliasesInput{})
			if len(out.Aliases) != 1 || *out.Aliases[0].TargetKeyId != *m.KeyId {
				t.Errorf("aliases: %v", out.Aliases)
			}
		})
	}
}

func TestManagedKeyIsForEC2Only(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	m := do[kms.DescribeKeyOutput](s, root(), "DescribeKey", &kms.DescribeKeyInput{KeyId: aws.String(ebsAlias)}).KeyMetadata
	u := user(account, "test")
	in := &kms.CreateGrantInput{
		KeyId: m.Arn, GranteePrincipal: aws.String("arn:aws:sts::123456789012:assumed-role/aws:ec2-infrastructure/i-1"), Operations: operations{"Decrypt"},
	}
	const denied = "User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:CreateGrant on resource: "
	s.allow(u, allowKMS)
	refused(s, u, "CreateGrant", in, "AccessDeniedException", denied+*m.Arn+" because no resource-based policy allows the kms:CreateGrant action")
	// Through EC2 nobody needs a KMS permission of its own.
	do[kms.CreateGrantOutput](s, user(account, "nobody").viaEC2(), "CreateGrant", in)
	guest := user(other, "guest")
	s.allow(guest, allowKMS)
	refused(s, guest.viaEC2(), "CreateGrant", in, "AccessDeniedException", "*")
	s.allow(user(account, "denied"), strings.Replace(allowKMS, "Allow", "Deny", 1))
	refused(s, user(account, "denied").viaEC2(), "CreateGrant", in, "AccessDeniedException", "*")
}

// TestManagedKeyCannotBeChanged: AWS's key policy lets nobody, and if it did,
// the operations would refuse all the same.
func TestManagedKeyCannotBeChanged(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	m := do[kms.DescribeKeyOutput](s, root(), "DescribeKey", &kms.DescribeKeyInput{KeyId: aws.String(ebsAlias)}).KeyMetadata
	id := m.KeyId
	changes := map[string]any{
		"DisableKey":           &kms.DisableKeyInput{KeyId: id},
		"EnableKey":            &kms.EnableKeyInput{KeyId: id},
		"ScheduleKeyDeletion":  &kms.ScheduleKeyDeletionInput{KeyId: id},
		"CancelKeyDeletion":    &kms.CancelKeyDeletionInput{KeyId: id},
		"PutKeyPolicy":         &kms.PutKeyPolicyInput{KeyId: id, Policy: aws.String(statement(`"*"`, "kms:*"))},
		"UpdateKeyDescription": &kms.UpdateKeyDescriptionInput{KeyId: id, Description: aws.String("mine")},
		"TagResource":          &kms.TagResourceInput{KeyId: id, Tags: tagList("a", "b")},
		"UntagResource":        &kms.UntagResourceInput{KeyId: id, TagKeys: []string{"a"}},
		"EnableKeyRotation":    &kms.EnableKeyRotationInput{KeyId: id},
		"DisableKeyRotation":   &kms.DisableKeyRotationInput{KeyId: id},
		"RotateKeyOnDemand":    &kms.RotateKeyOnDemandInput{KeyId: id},
		"CreateAlias":          &kms.CreateAliasInput{AliasName: aws.String("alias/mine"), TargetKeyId: id},
	}
	for operation, in := range changes {
		refused(s, root(), operation, in, "AccessDeniedException", "*")
	}
	for operation, in := range map[string]any{
		"DeleteAlias": &kms.DeleteAliasInput{AliasName: aws.String(ebsAlias)},
		"UpdateAlias": &kms.UpdateAliasInput{AliasName: aws.String(ebsAlias), TargetKeyId: s.key(root()).KeyId},
		"CreateAlias": &kms.CreateAliasInput{AliasName: aws.String("alias/aws/mine"), TargetKeyId: s.key(root()).KeyId},
	} {
		refused(s, root(), operation, in, "NotAuthorizedException", "")
	}
	s.forcePolicy(*id, statement(`"*"`, "kms:*"))
	for operation, in := range changes {
		refused(s, root(), operation, in, "UnsupportedOperationException", "*")
	}
	status := do[kms.GetKeyRotationStatusOutput](s, root(), "GetKeyRotationStatus", &kms.GetKeyRotationStatusInput{KeyId: id})
	if !status.KeyRotationEnabled || *status.RotationPeriodInDays != 365 {
		t.Errorf("rotation %v", status.KeyRotationEnabled)
	}
}

// TestManagedKeyInADryRun leaves nothing behind.
func TestManagedKeyInADryRun(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	do[kms.GenerateDataKeyOutput](s, root().viaEC2().dry(), "GenerateDataKey", &kms.GenerateDataKeyInput{KeyId: aws.String(ebsAlias), NumberOfBytes: aws.Int32(1)})
	s.empty()
	if len(s.tasks) != 0 {
		t.Errorf("%d tasks", len(s.tasks))
	}
}
