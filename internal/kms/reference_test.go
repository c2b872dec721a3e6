package kms

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/rootkey"
	"github.com/keyturn/keyturn/internal/store"
)

func TestKeyIDForms(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"1234abcd-12ab-34cd-56ef-1234567890ab":  true,
		"mrk-1234abcd12ab34cd56ef1234567890ab":  true,
		"1234abcd-12ab-34cd-56ef-1234567890aG":  false,
		"1234abcd-12ab-34cd-56ef_1234567890ab":  false,
		"1234abcd-12ab-34cd-56ef-1234567890abc": false,
		"mrk-1234abcd-12ab-34cd-56ef-123456789": false,
		"mrk-":                                  false,
		"":                                      false,
	} {
		if got := isKeyID(id); got != want {
			t.Errorf("%q: %v, want %v", id, got, want)
		}
	}
}

// FuzzFind gives any text as a key's name: it names a key, or the answer is an
// error of AWS's.
func FuzzFind(f *testing.F) {
	for _, seed := range []string{
		"", "alias/", "alias/aws/ebs", "alias/example", "1234abcd-12ab-34cd-56ef-1234567890ab", "arn:", "arn:aws:kms:eu-west-1:123456789012:key/",
		"arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", "arn:aws:kms:eu-west-1:123456789012:alias/x",
		"arn:aws:kms:us-east-1:123456789012:key/x", "arn:aws:kms:eu-west-1:1:key/x", "mrk-1234abcd12ab34cd56ef1234567890ab",
	} {
		f.Add(seed)
	}
	s := newStage(f)
	f.Fuzz(func(t *testing.T, ref string) {
		err := s.store.View(context.Background(), func(tx store.Tx) error {
			for _, forms := range []forms{byID, byAlias | crossAccount} {
				found, err := s.kms.find(s.call(root(), "DescribeKey", tx), ref, forms)
				if errors.Is(err, store.ErrReadOnly) && strings.HasSuffix(ref, ebsAlias) {
					continue
				}
				var answer smithy.APIError
				if err != nil && !errors.As(err, &answer) {
					return err
				}
				if err == nil && (found.found || !strings.HasPrefix(found.arn, "arn:aws:kms:eu-west-1:")) {
					t.Errorf("%q names %+v in an empty cloud", ref, found)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzReadToken gives any text as a grant token: none but the service's own is one.
func FuzzReadToken(f *testing.F) {
	root, err := rootkey.New(rand.NewChaCha8([32]byte{1}))
	if err != nil {
		f.Fatal(err)
	}
	s := New(root)
	own := s.grantToken(target{scope: store.Scope{Account: account, Region: region}, id: "key"}, "grant")
	scope, keyID, grantID, err := s.readToken(own)
	if err != nil || scope.Account != account || scope.Region != region || keyID != "key" || grantID != "grant" {
		f.Fatalf("the token reads %v %s %s: %v", scope, keyID, grantID, err)
	}
	f.Add("")
	f.Add("AAAA")
	f.Add(own[:len(own)-4])
	f.Fuzz(func(t *testing.T, token string) {
		if _, _, _, err := s.readToken(token); err == nil {
			t.Errorf("%q is taken for a token", token)
		}
	})
}

func TestDryRuns(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	ignore := []kmstypes.DryRunModifierType{kmstypes.DryRunModifierTypeIgnoreCiphertext}
	do[kms.DecryptOutput](s, root().dry(), "Decrypt", &kms.DecryptInput{KeyId: k.KeyId, DryRun: aws.Bool(true), DryRunModifiers: ignore})
	if s.last.RequestParameters["dryRun"] != true {
		t.Errorf("the event does not tell: %v", s.last.RequestParameters)
	}
	do[kms.ReEncryptOutput](s, root().dry(), "ReEncrypt", &kms.ReEncryptInput{
		SourceKeyId: k.KeyId, DestinationKeyId: k.KeyId, DryRun: aws.Bool(true), DryRunModifiers: ignore,
	})
	for name, in := range map[string]*kms.DecryptInput{
		"no key":        {DryRun: aws.Bool(true), DryRunModifiers: ignore},
		"no dry run":    {KeyId: k.KeyId, DryRunModifiers: ignore},
		"no ciphertext": {KeyId: k.KeyId, DryRun: aws.Bool(true)},
	} {
		_, err := s.run(root(), "Decrypt", in)
		checkRefused(t, name, err, "ValidationException", "*")
	}
	refused(s, user(account, "nobody").dry(), "Decrypt", &kms.DecryptInput{KeyId: k.KeyId, DryRun: aws.Bool(true), DryRunModifiers: ignore}, "AccessDeniedException", "*")
	g := &kms.CreateGrantInput{KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/u"), Operations: operations{"Decrypt"}, DryRun: aws.Bool(true)}
	do[kms.CreateGrantOutput](s, root().dry(), "CreateGrant", g)
	if out := do[kms.ListGrantsOutput](s, root(), "ListGrants", &kms.ListGrantsInput{KeyId: k.KeyId}); len(out.Grants) != 0 {
		t.Errorf("the dry run left %d grants", len(out.Grants))
	}
}

// TestServicePrincipalGrant: a grant for a service with a source ARN is listed,
// and lets nobody in who does not act for that resource.
func TestServicePrincipalGrant(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	s.grant(root(), kms.CreateGrantInput{
		KeyId: k.KeyId, GranteeServicePrincipal: aws.String("ec2.eu-west-1.amazonaws.com"), RetiringServicePrincipal: aws.String("ec2.eu-west-1.amazonaws.com"),
		Operations: operations{"Encrypt"}, Constraints: &kmstypes.GrantConstraints{SourceArn: aws.String("arn:aws:ec2:eu-west-1:123456789012:volume/vol-1")},
	})
	in := &kms.ListGrantsInput{KeyId: k.KeyId, GranteeServicePrincipal: aws.String("ec2.eu-west-1.amazonaws.com")}
	out := do[kms.ListGrantsOutput](s, root(), "ListGrants", in)
	if len(out.Grants) != 1 || out.Grants[0].GranteePrincipal != nil || *out.Grants[0].Constraints.SourceArn != "arn:aws:ec2:eu-west-1:123456789012:volume/vol-1" {
		t.Errorf("listed %+v", out.Grants)
	}
	refused(s, service("ec2.eu-west-1.amazonaws.com"), "Encrypt", &kms.EncryptInput{KeyId: k.Arn, Plaintext: []byte("x")}, "AccessDeniedException", "*")
	list := do[kms.ListRetirableGrantsOutput](s, root(), "ListRetirableGrants", &kms.ListRetirableGrantsInput{RetiringServicePrincipal: in.GranteeServicePrincipal})
	if len(list.Grants) != 1 {
		t.Errorf("%d retirable grants", len(list.Grants))
	}
}

// TestCachesAreBounded fills the caches beyond their limits.
func TestCachesAreBounded(t *testing.T) {
	t.Parallel()
	cc, pc := newCipherCache(), newPolicyCache()
	for i := range maxCiphers + 10 {
		cc.put([]byte{byte(i), byte(i >> 8)}, &messageKeys{})
	}
	for i := range maxPolicies + 10 {
		text := statement(`"*"`, "kms:a"+strings.Repeat("b", i))
		first, err := pc.compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := pc.compile(text); err != nil || again != first {
			t.Fatalf("compiled twice: %v", err)
		}
	}
	if len(cc.entries) != maxCiphers || len(pc.entries) != maxPolicies {
		t.Errorf("%d ciphers and %d policies", len(cc.entries), len(pc.entries))
	}
}
