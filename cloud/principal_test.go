package cloud_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// remove deletes a user whom stage.user made, with all that must go before.
func (s *stage) remove(name string) {
	s.Helper()
	ctx := s.Context()
	list, err := s.root.iam.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &name})
	s.must(err)
	for _, k := range list.AccessKeyMetadata {
		_, err := s.root.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: k.AccessKeyId})
		s.must(err)
	}
	_, err = s.root.iam.DeleteUser(ctx, &iam.DeleteUserInput{UserName: &name})
	s.must(err)
}

// TestKeyPolicyKnowsWhomItMeant: a key policy keeps the user's unique id. One
// that is renamed is still meant, one that is made anew under the old name is
// not (IAM guide, "AWS JSON policy elements: Principal").
func TestKeyPolicyKnowsWhomItMeant(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx, key := t.Context(), s.key()
	const ada = "arn:aws:iam::123456789012:user/ada"
	document := func(name string) string {
		return fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"},
			{"Effect": "Allow", "Principal": {"AWS": [%q]}, "Action": "kms:Encrypt", "Resource": "*", "Condition": {"StringNotEquals": {"aws:userid": %[1]q}}}]}`, name)
	}
	_, err := s.root.kms.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &key, Policy: aws.String(document(ada))})
	wantCode(t, err, "MalformedPolicyDocumentException") // not yet there
	clients := s.user("ada")
	s.putKeyPolicy(key, document(ada))
	encrypt := func(by *kms.Client) error {
		_, err := by.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x")})
		return err
	}
	shows := func(want string) {
		t.Helper()
		out, err := s.root.kms.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &key})
		s.must(err)
		if *out.Policy != want {
			t.Errorf("the policy is shown as %s\nwant %s", *out.Policy, want)
		}
	}
	s.must(encrypt(clients.kms))
	shows(document(ada))

	_, err = s.root.iam.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("ada"), NewUserName: aws.String("eve")})
	s.must(err)
	s.must(encrypt(clients.kms))
	user, err := s.root.iam.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("eve")})
	s.must(err)
	shows(strings.Replace(document(ada), "user/ada", "user/eve", 1))

	s.remove("eve")
	for _, name := range []string{"ada", "eve"} {
		wantCode(t, encrypt(s.user(name).kms), "AccessDeniedException")
	}
	shows(strings.Replace(document(ada), ada, *user.User.UserId, 1))
}

// TestGrantKnowsWhomItMeant: the same of a grant's grantee and of who may retire it.
func TestGrantKnowsWhomItMeant(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx, key := t.Context(), s.key()
	const ada, bob = "arn:aws:iam::123456789012:user/ada", "arn:aws:iam::123456789012:user/bob"
	in := &kms.CreateGrantInput{
		KeyId: &key, Name: aws.String("n"), GranteePrincipal: aws.String(ada), RetiringPrincipal: aws.String(bob),
		Operations: []kmstypes.GrantOperation{"Encrypt"},
	}
	_, err := s.root.kms.CreateGrant(ctx, in)
	wantCode(t, err, "InvalidArnException") // neither is there
	clients := s.user("ada")
	s.user("bob")
	grant, err := s.root.kms.CreateGrant(ctx, in)
	s.must(err)
	again, err := s.root.kms.CreateGrant(ctx, in)
	s.must(err)
	if *again.GrantId != *grant.GrantId {
		t.Error("the same grant of that name was made twice")
	}
	encrypt := func(by *kms.Client) error {
		_, err := by.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x")})
		return err
	}
	lists := func(grantee, retiring string) {
		t.Helper()
		byGrantee, err := s.root.kms.ListGrants(ctx, &kms.ListGrantsInput{KeyId: &key, GranteePrincipal: &grantee})
		s.must(err)
		byRetiring, err := s.root.kms.ListRetirableGrants(ctx, &kms.ListRetirableGrantsInput{RetiringPrincipal: &retiring})
		s.must(err)
		for _, list := range [][]kmstypes.GrantListEntry{byGrantee.Grants, byRetiring.Grants} {
			if len(list) != 1 || *list[0].GranteePrincipal != grantee || *list[0].RetiringPrincipal != retiring {
				t.Errorf("listed for %s and %s: %+v", grantee, retiring, list)
			}
		}
	}
	s.must(encrypt(clients.kms))
	lists(ada, bob)
	_, err = s.root.iam.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("bob"), NewUserName: aws.String("rob")})
	s.must(err)
	lists(ada, strings.Replace(bob, "bob", "rob", 1))

	_, err = s.root.iam.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("rob"), NewUserName: aws.String("bob")})
	s.must(err)
	user, err := s.root.iam.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("ada")})
	s.must(err)
	s.remove("ada")
	s.remove("bob")
	wantCode(t, encrypt(s.user("ada").kms), "AccessDeniedException")
	_, err = s.user("bob").kms.RetireGrant(ctx, &kms.RetireGrantInput{KeyId: &key, GrantId: grant.GrantId})
	wantCode(t, err, "AccessDeniedException")
	all, err := s.root.kms.ListGrants(ctx, &kms.ListGrantsInput{KeyId: &key})
	s.must(err)
	if len(all.Grants) != 1 || *all.Grants[0].GranteePrincipal != *user.User.UserId {
		t.Fatalf("after the deletion: %+v", all.Grants)
	}
	// It can still be ended, with all that finds it.
	_, err = s.root.kms.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: &key, GrantId: grant.GrantId})
	s.must(err)
	left, err := s.root.kms.ListRetirableGrants(ctx, &kms.ListRetirableGrantsInput{RetiringPrincipal: all.Grants[0].RetiringPrincipal})
	if err == nil && len(left.Grants) != 0 {
		t.Errorf("left: %+v", left.Grants)
	}
}
