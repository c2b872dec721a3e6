package kms

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keyturn/keyturn/internal/api"
)

func TestAliasLife(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first, second := s.key(root()), s.key(root())
	name := aws.String("alias/example")
	do[kms.CreateAliasOutput](s, root(), "CreateAlias", &kms.CreateAliasInput{AliasName: name, TargetKeyId: first.KeyId})
	const arn = "arn:aws:kms:eu-west-1:123456789012:alias/example"
	want := api.Event{
		Resources: []api.EventResource{
			{ARN: arn, Account: account, Type: "AWS::KMS::Alias"}, {ARN: *first.Arn, Account: account, Type: "AWS::KMS::Key"},
		},
		ResponseElements: map[string]any{"keyId": *first.Arn},
	}
	if d := cmp.Diff(want, s.last); d != "" {
		t.Errorf("event (-want +got):\n%s", d)
	}
	refused(s, root(), "CreateAlias", &kms.CreateAliasInput{AliasName: name, TargetKeyId: second.KeyId}, "AlreadyExistsException", "An alias with the name "+arn+" already exists")
	s.now = s.now.Add(time.Hour)
	do[kms.UpdateAliasOutput](s, root(), "UpdateAlias", &kms.UpdateAliasInput{AliasName: name, TargetKeyId: second.Arn})
	entry := do[kms.ListAliasesOutput](s, root(), "ListAliases", &kms.ListAliasesInput{KeyId: second.KeyId}).Aliases
	wantEntry := []kmstypes.AliasListEntry{{
		AliasName: name, AliasArn: aws.String(arn), TargetKeyId: second.KeyId, CreationDate: aws.Time(start), LastUpdatedDate: aws.Time(start.Add(time.Hour)),
	}}
	if d := cmp.Diff(wantEntry, entry, cmpopts.IgnoreUnexported(kmstypes.AliasListEntry{})); d != "" {
		t.Errorf("entry (-want +got):\n%s", d)
	}
	if left := do[kms.ListAliasesOutput](s, root(), "ListAliases", &kms.ListAliasesInput{KeyId: first.Arn}).Aliases; len(left) != 0 {
		t.Errorf("the first key still has %v", left)
	}
	blob := encrypted(s, root(), name, "x", nil)
	if out := do[kms.DecryptOutput](s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: blob}); *out.KeyId != *second.Arn {
		t.Errorf("the alias encrypts under %s", *out.KeyId)
	}
	do[kms.DeleteAliasOutput](s, root(), "DeleteAlias", &kms.DeleteAliasInput{AliasName: name})
	refused(s, root(), "DeleteAlias", &kms.DeleteAliasInput{AliasName: name}, "NotFoundException", "Alias "+arn+" is not found.")
	refused(s, root(), "UpdateAlias", &kms.UpdateAliasInput{AliasName: name, TargetKeyId: first.KeyId}, "NotFoundException", "Alias "+arn+" is not found.")
}

func TestAliasRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	const prefix = `Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`
	for _, row := range []struct{ name, target, code, message string }{
		{"example", *k.KeyId, "ValidationException", prefix},
		{"alias/", *k.KeyId, "InvalidAliasNameException", "*"},
		{"alias/a:b", *k.KeyId, "InvalidAliasNameException", "*"},
		{"alias/aws/example", *k.KeyId, "NotAuthorizedException", ""},
		{"alias/example", "alias/second", "ValidationException", "Aliases must refer to keys. Not aliases"},
		{"alias/example", "arn:aws:kms:eu-west-1:123456789012:alias/second", "ValidationException", "Aliases must refer to keys. Not aliases"},
		{"alias/example", "x", "NotFoundException", "Invalid keyId 'x'"},
	} {
		t.Run(row.name+" of "+row.target, func(t *testing.T) {
			_, err := s.run(root(), "CreateAlias", &kms.CreateAliasInput{AliasName: &row.name, TargetKeyId: &row.target})
			checkRefused(t, "CreateAlias", err, row.code, row.message)
		})
	}
	for i := range maxAliases {
		do[kms.CreateAliasOutput](s, root(), "CreateAlias", &kms.CreateAliasInput{AliasName: aws.String(fmt.Sprint("alias/a", i)), TargetKeyId: k.KeyId})
	}
	refused(s, root(), "CreateAlias", &kms.CreateAliasInput{AliasName: aws.String("alias/one-more"), TargetKeyId: k.KeyId}, "LimitExceededException", "*")
	seen := 0
	for in := (&kms.ListAliasesInput{Limit: aws.Int32(20)}); ; {
		out := do[kms.ListAliasesOutput](s, root(), "ListAliases", in)
		seen += len(out.Aliases)
		if !out.Truncated {
			break
		}
		in.Marker = out.NextMarker
	}
	if seen != maxAliases {
		t.Errorf("%d aliases are listed", seen)
	}
}

// TestAliasPermissions: an alias takes permission on itself and on its keys.
func TestAliasPermissions(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k, second := s.key(root()), s.key(root())
	u := user(account, "test")
	in := &kms.CreateAliasInput{AliasName: aws.String("alias/example"), TargetKeyId: k.KeyId}
	const message = "User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:%s on resource: %s because no identity-based policy allows the kms:%[1]s action"
	const alias = "arn:aws:kms:eu-west-1:123456789012:alias/example"
	give := func(resource string) {
		s.allow(u, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*Alias","Resource":"`+resource+`"}]}`)
	}
	refused(s, u, "CreateAlias", in, "AccessDeniedException", fmt.Sprintf(message, "CreateAlias", alias))
	give(alias)
	refused(s, u, "CreateAlias", in, "AccessDeniedException", fmt.Sprintf(message, "CreateAlias", *k.Arn))
	give(*k.Arn)
	do[kms.CreateAliasOutput](s, u, "CreateAlias", in)
	update := &kms.UpdateAliasInput{AliasName: in.AliasName, TargetKeyId: second.KeyId}
	refused(s, u, "UpdateAlias", update, "AccessDeniedException", fmt.Sprintf(message, "UpdateAlias", *second.Arn))
	give(*second.Arn)
	do[kms.UpdateAliasOutput](s, u, "UpdateAlias", update)
	do[kms.DeleteAliasOutput](s, u, "DeleteAlias", &kms.DeleteAliasInput{AliasName: in.AliasName})
}
