package kms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// keyOf makes a key of a spec and usage.
func (s *stage) keyOf(spec kmstypes.KeySpec, usage kmstypes.KeyUsageType) *kmstypes.KeyMetadata {
	s.t.Helper()
	return do[kms.CreateKeyOutput](s, root(), "CreateKey", &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage}).KeyMetadata
}

// publicKey gets a key's public key, as Go knows it.
func (s *stage) publicKey(id *string) any {
	s.t.Helper()
	out := do[kms.GetPublicKeyOutput](s, root(), "GetPublicKey", &kms.GetPublicKeyInput{KeyId: id})
	k, err := x509.ParsePKIXPublicKey(out.PublicKey)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// signers are the specs of signing keys; those of RSA are slow to make, and one
// stands for all.
var signers = []kmstypes.KeySpec{
	"RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519",
}

// TestSignatures signs with every algorithm of every kind of key, raw and digest,
// and verifies here and with Go's own packages.
func TestSignatures(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	message := []byte("a message")
	for _, spec := range signers {
		k := s.keyOf(spec, "SIGN_VERIFY")
		if len(k.SigningAlgorithms) == 0 || k.EncryptionAlgorithms != nil || k.CurrentKeyMaterialId != nil {
			t.Errorf("%s: %+v", spec, k)
		}
		for _, a := range k.SigningAlgorithms {
			h := hashOf(a).New()
			h.Write(message)
			digest := h.Sum(nil)
			var signature []byte
			for kind, m := range map[kmstypes.MessageType][]byte{"RAW": message, "DIGEST": digest} {
				if a == "ED25519_SHA_512" && kind == "DIGEST" || a == "ED25519_PH_SHA_512" && kind == "RAW" {
					refused(s, root(), "Sign", &kms.SignInput{KeyId: k.KeyId, MessageType: kind, Message: m, SigningAlgorithm: a}, "ValidationException", "*")
					continue
				}
				signature = do[kms.SignOutput](s, root(), "Sign", &kms.SignInput{KeyId: k.KeyId, MessageType: kind, Message: m, SigningAlgorithm: a}).Signature
				out := do[kms.VerifyOutput](s, root(), "Verify", &kms.VerifyInput{KeyId: k.KeyId, MessageType: kind, Message: m, SigningAlgorithm: a, Signature: signature})
				if !out.SignatureValid || *out.KeyId != *k.Arn {
					t.Errorf("%s %s: %+v", spec, a, out)
				}
				refused(s, root(), "Verify", &kms.VerifyInput{
					KeyId: k.KeyId, MessageType: kind, Message: flipped(m), SigningAlgorithm: a, Signature: signature,
				}, "KMSInvalidSignatureException", "")
				refused(s, root(), "Verify", &kms.VerifyInput{
					KeyId: k.KeyId, MessageType: kind, Message: m, SigningAlgorithm: a, Signature: []byte("no signature"),
				}, "KMSInvalidSignatureException", "")
			}
			if spec != "ECC_SECG_P256K1" && !goVerifies(s.publicKey(k.KeyId), a, message, digest, signature) {
				t.Errorf("%s %s: Go does not verify the signature", spec, a)
			}
		}
	}
}

// negated is a signature of secp256k1's with the other value of s.
func negated(t *testing.T, signature []byte) []byte {
	t.Helper()
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &rs); err != nil {
		t.Fatal(err)
	}
	rs.S.Sub(secp256k1.Params().N, rs.S)
	der, err := asn1.Marshal(rs)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func flipped(b []byte) []byte {
	c := append([]byte(nil), b...)
	c[0] ^= 1
	return c
}

// goVerifies verifies with the standard library alone.
func goVerifies(k any, a kmstypes.SigningAlgorithmSpec, message, digest, signature []byte) bool {
	hash := map[int]crypto.Hash{32: crypto.SHA256, 48: crypto.SHA384, 64: crypto.SHA512}[len(digest)]
	switch k := k.(type) {
	case *rsa.PublicKey:
		if strings.Contains(string(a), "PSS") {
			return rsa.VerifyPSS(k, hash, digest, signature, &rsa.PSSOptions{SaltLength: hash.Size()}) == nil
		}
		return rsa.VerifyPKCS1v15(k, hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, digest, signature)
	case ed25519.PublicKey:
		if a == "ED25519_SHA_512" {
			return ed25519.Verify(k, message, signature)
		}
		sum := sha512.Sum512(message)
		return ed25519.VerifyWithOptions(k, sum[:], signature, &ed25519.Options{Hash: crypto.SHA512}) == nil
	}
	return false
}

func TestSignRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k, usual := s.keyOf("ECC_NIST_P256", "SIGN_VERIFY"), s.key(root())
	sign := func(id *string, a kmstypes.SigningAlgorithmSpec, kind kmstypes.MessageType, message string) *kms.SignInput {
		return &kms.SignInput{KeyId: id, SigningAlgorithm: a, MessageType: kind, Message: []byte(message)}
	}
	refused(s, root(), "Sign", sign(k.KeyId, "ECDSA_SHA_384", "RAW", "x"), "InvalidKeyUsageException",
		"Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256.")
	refused(s, root(), "Sign", sign(k.KeyId, "ECDSA_SHA_256", "DIGEST", "short"), "ValidationException",
		"Digest is invalid length for algorithm ECDSA_SHA_256.")
	refused(s, root(), "Sign", sign(k.KeyId, "ECDSA_SHA_256", "EXTERNAL_MU", "x"), "ValidationException", "*")
	refused(s, root(), "Sign", sign(usual.KeyId, "ECDSA_SHA_256", "RAW", "x"), "InvalidKeyUsageException",
		*usual.Arn+" key usage is ENCRYPT_DECRYPT which is not valid for Sign.")
	refused(s, root(), "GetPublicKey", &kms.GetPublicKeyInput{KeyId: usual.KeyId}, "UnsupportedOperationException", "*")
	do[kms.DisableKeyOutput](s, root(), "DisableKey", &kms.DisableKeyInput{KeyId: k.KeyId})
	refused(s, root(), "Sign", sign(k.KeyId, "ECDSA_SHA_256", "RAW", "x"), "DisabledException", *k.Arn+" is disabled.")
	refused(s, root(), "GetPublicKey", &kms.GetPublicKeyInput{KeyId: k.KeyId}, "DisabledException", *k.Arn+" is disabled.")
}

// TestSigningConditions: policies can tell the algorithm and the type of message.
func TestSigningConditions(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.keyOf("ECC_NIST_P256", "SIGN_VERIFY")
	ada := user(account, "ada")
	s.allow(ada, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Sign","Resource":"*","Condition":{"StringEquals":{
		"kms:SigningAlgorithm":"ECDSA_SHA_256","kms:MessageType":"RAW","kms:KeySpec":"ECC_NIST_P256","kms:KeyUsage":"SIGN_VERIFY","kms:KeyOrigin":"AWS_KMS"},"Bool":{"kms:MultiRegion":"false"}}}}`)
	in := &kms.SignInput{KeyId: k.KeyId, SigningAlgorithm: "ECDSA_SHA_256", Message: []byte("x")}
	do[kms.SignOutput](s, ada, "Sign", in)
	if p := s.last.RequestParameters; p["messageType"] != "RAW" || p["signingAlgorithm"] != "ECDSA_SHA_256" || p["message"] != nil {
		t.Errorf("the event has %v", p)
	}
	in.MessageType = "DIGEST"
	refused(s, ada, "Sign", in, "AccessDeniedException", "*")
}

// TestAsymmetricEncryption encrypts outside with the public key, and in KMS.
func TestAsymmetricEncryption(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.keyOf("RSA_2048", "ENCRYPT_DECRYPT")
	public := s.publicKey(k.KeyId).(*rsa.PublicKey)
	outside, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, public, []byte("outside"), nil)
	if err != nil {
		t.Fatal(err)
	}
	in := &kms.DecryptInput{KeyId: k.KeyId, CiphertextBlob: outside, EncryptionAlgorithm: "RSAES_OAEP_SHA_1"}
	if out := do[kms.DecryptOutput](s, root(), "Decrypt", in); string(out.Plaintext) != "outside" || out.KeyMaterialId != nil || out.EncryptionAlgorithm != "RSAES_OAEP_SHA_1" {
		t.Errorf("decrypted %+v", out)
	}
	in.EncryptionAlgorithm = "RSAES_OAEP_SHA_256"
	refused(s, root(), "Decrypt", in, "InvalidCiphertextException", "")
	in.EncryptionAlgorithm = ""
	refused(s, root(), "Decrypt", in, "InvalidKeyUsageException", "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.")
	encrypt := &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionAlgorithm: "RSAES_OAEP_SHA_256"}
	blob := do[kms.EncryptOutput](s, root(), "Encrypt", encrypt).CiphertextBlob
	encrypt.EncryptionContext = map[string]string{"a": "b"}
	refused(s, root(), "Encrypt", encrypt, "ValidationException", "*")

	// From one kind of key to the other, and back.
	usual := s.key(root())
	out := do[kms.ReEncryptOutput](s, root(), "ReEncrypt", &kms.ReEncryptInput{
		CiphertextBlob: blob, SourceKeyId: k.KeyId, SourceEncryptionAlgorithm: "RSAES_OAEP_SHA_256", DestinationKeyId: usual.KeyId,
	})
	if out.SourceKeyMaterialId != nil || *out.DestinationKeyMaterialId != *usual.CurrentKeyMaterialId || out.DestinationEncryptionAlgorithm != "SYMMETRIC_DEFAULT" {
		t.Errorf("re-encrypted: %+v", out)
	}
	back := do[kms.ReEncryptOutput](s, root(), "ReEncrypt", &kms.ReEncryptInput{
		CiphertextBlob: out.CiphertextBlob, DestinationKeyId: k.KeyId, DestinationEncryptionAlgorithm: "RSAES_OAEP_SHA_1",
	})
	plain := do[kms.DecryptOutput](s, root(), "Decrypt", &kms.DecryptInput{KeyId: k.KeyId, CiphertextBlob: back.CiphertextBlob, EncryptionAlgorithm: "RSAES_OAEP_SHA_1"})
	if string(plain.Plaintext) != "x" {
		t.Errorf("there and back: %q", plain.Plaintext)
	}
}

// TestDataKeysNeedASymmetricKey: what EBS asks of a key that is none.
func TestDataKeysNeedASymmetricKey(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	hmac, pair := s.keyOf("HMAC_256", "GENERATE_VERIFY_MAC"), s.keyOf("RSA_2048", "ENCRYPT_DECRYPT")
	for _, operation := range []string{"GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"} {
		in := func(id *string) any {
			switch operation {
			case "GenerateDataKey":
				return &kms.GenerateDataKeyInput{KeyId: id, NumberOfBytes: aws.Int32(64)}
			case "GenerateDataKeyWithoutPlaintext":
				return &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: id, NumberOfBytes: aws.Int32(64)}
			case "GenerateDataKeyPair":
				return &kms.GenerateDataKeyPairInput{KeyId: id, KeyPairSpec: "ECC_NIST_P256"}
			}
			return &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: id, KeyPairSpec: "ECC_NIST_P256"}
		}
		refused(s, root(), operation, in(hmac.KeyId), "InvalidKeyUsageException", *hmac.Arn+" key usage is GENERATE_VERIFY_MAC which is not valid for "+operation+".")
		refused(s, root(), operation, in(pair.KeyId), "InvalidKeyUsageException", "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.")
	}
}

func TestDataKeyPairs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	for _, spec := range []kmstypes.DataKeyPairSpec{"RSA_2048", "ECC_NIST_P384", "ECC_NIST_EDWARDS25519", "ECC_SECG_P256K1"} {
		out := do[kms.GenerateDataKeyPairOutput](s, root(), "GenerateDataKeyPair", &kms.GenerateDataKeyPairInput{KeyId: k.KeyId, KeyPairSpec: spec})
		plain := do[kms.DecryptOutput](s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: out.PrivateKeyCiphertextBlob}).Plaintext
		if string(plain) != string(out.PrivateKeyPlaintext) {
			t.Errorf("%s: the encrypted private key is another one", spec)
		}
		pair, err := parsePair(kmstypes.KeySpec(spec), plain)
		if err != nil || string(pair.public) != string(out.PublicKey) {
			t.Errorf("%s: the keys do not belong together: %v", spec, err)
		}
		bare := do[kms.GenerateDataKeyPairWithoutPlaintextOutput](s, root(), "GenerateDataKeyPairWithoutPlaintext", &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: k.KeyId, KeyPairSpec: spec})
		plain = do[kms.DecryptOutput](s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: bare.PrivateKeyCiphertextBlob}).Plaintext
		if pair, err = parsePair(kmstypes.KeySpec(spec), plain); err != nil || string(pair.public) != string(bare.PublicKey) {
			t.Errorf("%s without plaintext: the keys do not belong together: %v", spec, err)
		}
	}
	refused(s, root(), "GenerateDataKeyPair", &kms.GenerateDataKeyPairInput{KeyId: k.KeyId, KeyPairSpec: "SM2"}, "UnsupportedOperationException", "*")
}

// TestKoblitzSignatures: signatures with either of the two values of s are good,
// as they are to AWS, and no other key's.
func TestKoblitzSignatures(t *testing.T) {
	t.Parallel()
	a, err := newKeyPair("ECC_SECG_P256K1")
	if err != nil {
		t.Fatal(err)
	}
	b, err := newKeyPair("ECC_SECG_P256K1")
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("x"))
	signature, err := signKoblitz(a.private, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		public, signature []byte
		good              bool
	}{
		"own": {a.public, signature, true}, "the other s": {a.public, negated(t, signature), true},
		"another key's": {b.public, signature, false},
	} {
		if good, err := verifyKoblitz(row.public, digest[:], row.signature); err != nil || good != row.good {
			t.Errorf("%s: %v, %v", name, good, err)
		}
	}
}

func TestGrantsByKindOfKey(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, row := range []struct {
		spec    kmstypes.KeySpec
		usage   kmstypes.KeyUsageType
		allowed operations
	}{
		{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", operations{
			"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
			"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "CreateGrant", "RetireGrant", "DescribeKey",
		}},
		{"RSA_2048", "ENCRYPT_DECRYPT", operations{"Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo", "GetPublicKey", "CreateGrant", "RetireGrant", "DescribeKey"}},
		{"ECC_NIST_P256", "SIGN_VERIFY", operations{"Sign", "Verify", "GetPublicKey", "CreateGrant", "RetireGrant", "DescribeKey"}},
		{"ECC_NIST_P256", "KEY_AGREEMENT", operations{"DeriveSharedSecret", "GetPublicKey", "CreateGrant", "RetireGrant", "DescribeKey"}},
		{"HMAC_256", "GENERATE_VERIFY_MAC", operations{"GenerateMac", "VerifyMac", "CreateGrant", "RetireGrant", "DescribeKey"}},
	} {
		k := s.keyOf(row.spec, row.usage)
		ada := user(account, "ada")
		for _, o := range kmstypes.GrantOperation("").Values() {
			_, err := s.run(root(), "CreateGrant", &kms.CreateGrantInput{KeyId: k.KeyId, GranteePrincipal: aws.String(ada.principal.ARN), Operations: operations{o}})
			if want := slices.Contains(row.allowed, o); (err == nil) != want {
				t.Errorf("%s %s: a grant of %s: %v", row.spec, row.usage, o, err)
			}
		}
	}
	k := s.keyOf("ECC_NIST_P256", "SIGN_VERIFY")
	ada := user(account, "ada")
	in := &kms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: aws.String(ada.principal.ARN), Operations: operations{"Sign"},
		Constraints: &kmstypes.GrantConstraints{EncryptionContextSubset: map[string]string{"a": "b"}},
	}
	refused(s, root(), "CreateGrant", in, "ValidationException", "*")
	sign := &kms.SignInput{KeyId: k.KeyId, SigningAlgorithm: "ECDSA_SHA_256", Message: []byte("x")}
	refused(s, ada, "Sign", sign, "AccessDeniedException", "*")
	in.Constraints = nil
	do[kms.CreateGrantOutput](s, root(), "CreateGrant", in)
	do[kms.SignOutput](s, ada, "Sign", sign)
}
