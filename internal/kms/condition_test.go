package kms

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// TestConditionsOfKinds: each operation has the condition keys of its own, with
// the request's values (KMS guide, "AWS KMS condition keys").
func TestConditionsOfKinds(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	hmac, curve, usual := s.keyOf("HMAC_256", "GENERATE_VERIFY_MAC"), s.keyOf("ECC_NIST_P256", "KEY_AGREEMENT"), s.key(root())
	peer, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(peer.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	primary := s.primary()
	s.replicate(primary, abroad)
	for _, row := range []struct {
		operation, key, value, other string
		in                           any
	}{
		{"GenerateMac", "kms:MacAlgorithm", "HMAC_SHA_256", "HMAC_SHA_512", &kms.GenerateMacInput{KeyId: hmac.KeyId, MacAlgorithm: "HMAC_SHA_256", Message: []byte("x")}},
		{"GenerateMac", "kms:KeyUsage", "GENERATE_VERIFY_MAC", "SIGN_VERIFY", &kms.GenerateMacInput{KeyId: hmac.KeyId, MacAlgorithm: "HMAC_SHA_256", Message: []byte("x")}},
		{"DeriveSharedSecret", "kms:KeyAgreementAlgorithm", "ECDH", "other", &kms.DeriveSharedSecretInput{KeyId: curve.KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey: public}},
		{"GenerateDataKeyPair", "kms:DataKeyPairSpec", "ECC_NIST_P256", "RSA_2048", &kms.GenerateDataKeyPairInput{KeyId: usual.KeyId, KeyPairSpec: "ECC_NIST_P256"}},
		{"GenerateDataKeyPairWithoutPlaintext", "kms:DataKeyPairSpec", "ECC_NIST_P256", "RSA_2048", &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: usual.KeyId, KeyPairSpec: "ECC_NIST_P256"}},
		{"GetPublicKey", "kms:KeySpec", "ECC_NIST_P256", "RSA_2048", &kms.GetPublicKeyInput{KeyId: curve.KeyId}},
		{"DescribeKey", "kms:MultiRegionKeyType", "PRIMARY", "REPLICA", &kms.DescribeKeyInput{KeyId: primary.KeyId}},
		{"UpdatePrimaryRegion", "kms:PrimaryRegion", abroad, further, &kms.UpdatePrimaryRegionInput{KeyId: primary.KeyId, PrimaryRegion: aws.String(abroad)}},
	} {
		ada := user(account, row.operation+row.key)
		condition := func(value string) string {
			return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:` + row.operation + `","Resource":"*","Condition":{"StringEquals":{"` + row.key + `":"` + value + `"}}}}`
		}
		s.allow(ada, condition(row.other))
		refused(s, ada, row.operation, row.in, "AccessDeniedException", "*")
		s.allow(ada, condition(row.value))
		if _, err := s.run(ada, row.operation, row.in); err != nil {
			t.Errorf("%s with %s: %v", row.operation, row.key, err)
		}
	}
}
