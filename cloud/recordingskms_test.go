package cloud_test

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/tink-crypto/tink-go/v2/kwp/subtle"
)

// kmsReplays are the recorded tests of kinds of keys other than the usual one.
var kmsReplays = map[string]func(r *player){
	"test_hmac_create_key": func(r *player) {
		k := r.keyOf("HMAC_256", "GENERATE_VERIFY_MAC")
		r.step("create-hmac-key", k, nil)
		out, err := r.root.kms.DescribeKey(r.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
		r.must(err)
		r.step("describe-key", out.KeyMetadata, nil)
	},
	"test_error_messaging_for_invalid_keys": func(r *player) {
		hmac, sign, usual := r.keyOf("HMAC_224", "GENERATE_VERIFY_MAC"), r.keyOf("RSA_2048", "SIGN_VERIFY"), r.newKey()
		for _, k := range []*kmstypes.KeyMetadata{hmac, sign, usual} {
			r.names = append(r.names, *k.Arn, "<key-arn>")
		}
		message := []byte("some important message")
		_, err := r.root.kms.GenerateMac(r.Context(), &kms.GenerateMacInput{KeyId: usual.KeyId, MacAlgorithm: "HMAC_SHA_256", Message: message})
		r.step("generate-mac-invalid-key-id", nil, err)
		_, err = r.root.kms.Sign(r.Context(), &kms.SignInput{KeyId: hmac.KeyId, MessageType: "RAW", Message: message, SigningAlgorithm: "RSASSA_PSS_SHA_256"})
		r.step("sign-invalid-key-id", nil, err)
		_, err = r.root.kms.Verify(r.Context(), &kms.VerifyInput{
			KeyId: usual.KeyId, MessageType: "RAW", Message: message, Signature: []byte("random"), SigningAlgorithm: "RSASSA_PSS_SHA_256",
		})
		r.step("verify-invalid-key-id", nil, err)
		_, err = r.root.kms.Encrypt(r.Context(), &kms.EncryptInput{KeyId: sign.KeyId, Plaintext: message})
		r.step("encrypt-invalid-key-id", nil, err)
		_, err = r.root.kms.Decrypt(r.Context(), &kms.DecryptInput{CiphertextBlob: r.sealed(usual.KeyId), KeyId: hmac.KeyId})
		r.step("decrypt-invalid-key-id", nil, err)
	},
	"test_derive_shared_secret":                 (*player).agreement,
	"test_derive_shared_secret_matches_openssl": func(r *player) { r.agrees(r.keyOf("ECC_NIST_P256", "KEY_AGREEMENT"), "derived-shared-key-resp") },
	"test_generate_data_key_pair": func(r *player) {
		out, err := r.root.kms.GenerateDataKeyPair(r.Context(), &kms.GenerateDataKeyPairInput{KeyId: r.newKey().KeyId, KeyPairSpec: "RSA_2048"})
		r.must(err)
		// AWS shows the id of the key material since June 2025; the recording is older.
		out.KeyMaterialId = nil
		r.step("generate-data-key-pair", out, nil)
	},
	"test_generate_data_key_pair_without_plaintext": func(r *player) {
		out, err := r.root.kms.GenerateDataKeyPairWithoutPlaintext(r.Context(), &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: r.newKey().KeyId, KeyPairSpec: "RSA_2048"})
		r.must(err)
		out.KeyMaterialId = nil
		r.step("generate-data-key-pair-without-plaintext", out, nil)
	},
	"test_encryption_context_generate_data_key_pair": func(r *player) {
		k := r.newKey().KeyId
		out, err := r.root.kms.GenerateDataKeyPair(r.Context(), &kms.GenerateDataKeyPairInput{
			KeyId: k, KeyPairSpec: "RSA_2048", EncryptionContext: map[string]string{"context-key": "context-value"},
		})
		r.must(err)
		_, err = r.root.kms.Decrypt(r.Context(), &kms.DecryptInput{KeyId: k, CiphertextBlob: out.PrivateKeyCiphertextBlob})
		r.step("decrypt-without-encryption-context", nil, err)
	},
	"test_rotate_key_on_demand_raises_error_given_non_symmetric_key": func(r *player) {
		r.rotate(r.keyOf("ECC_NIST_P256", "SIGN_VERIFY").KeyId, "error-response")
	},
	"test_get_parameters_for_import_raises_for_non_external_kms_keys": func(r *player) {
		k := r.newKey()
		r.names = append(r.names, *k.Arn, "<key-arn>")
		_, err := r.root.kms.GetParametersForImport(r.Context(), &kms.GetParametersForImportInput{KeyId: k.KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_2048"})
		r.step("get-import-parameters-error", nil, err)
	},
	"test_import_key_symmetric":  (*player).importSymmetric,
	"test_import_key_asymmetric": (*player).importAsymmetric,
	"test_import_key_rsa_aes_wrap_sha256": func(r *player) {
		k := r.external("RSA_4096", "ENCRYPT_DECRYPT")
		r.described(k, "describe-before-import")
		private, err := rsa.GenerateKey(rand.Reader, 4096)
		r.must(err)
		_, err = r.importMaterial(k, "RSA_AES_KEY_WRAP_SHA_256", pkcs8(private))
		r.must(err)
		r.described(k, "import-key-material-response")
		r.unimport(k)
		r.described(k, "describe-key-after-deleted-import")
	},
	"test_rotate_key_on_demand_on_external_key_with_no_key_material[SYMMETRIC_DEFAULT]": func(r *player) {
		r.rotateEmpty("rotate-key-on-demand-error-response-SYMMETRIC_DEFAULT")
	},
	"test_rotate_key_on_demand_on_external_key_with_no_key_material[RSA_4096]": func(r *player) {
		r.rotateEmpty("rotate-key-on-demand-error-response-RSA_4096")
	},
	"test_rotate_key_on_demand_for_external_keys_decrypts_with_previous_material": func(r *player) {
		k := r.external("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
		r.step("create-kms-external-key", k, nil)
		out, err := r.importMaterial(k, "RSAES_OAEP_SHA_256", secret(32))
		r.step("import-key-material-response", out, err)
		blob, err := r.root.kms.Encrypt(r.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("before")})
		r.step("kms-encrypt-initial-response", blob, err)
		_, err = r.importMaterial(k, "RSAES_OAEP_SHA_256", secret(32), func(in *kms.ImportKeyMaterialInput) { in.ImportType = "NEW_KEY_MATERIAL" })
		r.must(err)
		rotated, err := r.root.kms.RotateKeyOnDemand(r.Context(), &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
		r.step("rotate-key-on-demand-response", rotated, err)
		plain, err := r.root.kms.Decrypt(r.Context(), &kms.DecryptInput{CiphertextBlob: blob.CiphertextBlob})
		r.must(err)
		if string(plain.Plaintext) != "before" {
			r.Errorf("the old material decrypted %q", plain.Plaintext)
		}
	},
	"test_replicate_key": func(r *player) {
		out, err := r.root.kms.CreateKey(r.Context(), &kms.CreateKeyInput{MultiRegion: aws.Bool(true), Description: aws.String("test replicated key")})
		r.must(err)
		k, there := out.KeyMetadata, r.abroad("ap-southeast-1")
		r.names = append(r.names, *k.KeyId, "<key-id:1>")
		_, err = there.DescribeKey(r.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
		r.step("describe-key-from-different-region", nil, err)
		replica, err := r.root.kms.ReplicateKey(r.Context(), &kms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: aws.String("ap-southeast-1")})
		r.step("replicate-key", replica, err)
		r.awaitKey(there, *k.KeyId, kmstypes.KeyStateEnabled)
		here, err := r.root.kms.DescribeKey(r.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
		r.step("describe-key-from-region", here, err)
		described, err := there.DescribeKey(r.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
		r.step("describe-replicated-key", described, err)
	},
	"test_replicate_replica_key_should_fail": func(r *player) {
		out, err := r.root.kms.CreateKey(r.Context(), &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
		r.must(err)
		replica, err := r.root.kms.ReplicateKey(r.Context(), &kms.ReplicateKeyInput{KeyId: out.KeyMetadata.KeyId, ReplicaRegion: aws.String("us-west-2")})
		r.must(err)
		r.names = append(r.names, *replica.ReplicaKeyMetadata.Arn, "<mrk-key-arn>")
		_, err = r.abroad("us-west-2").ReplicateKey(r.Context(), &kms.ReplicateKeyInput{KeyId: out.KeyMetadata.KeyId, ReplicaRegion: aws.String("eu-central-1")})
		r.step("fail-replicate-non-primary-key", nil, err)
	},
}

var (
	sizePerType = regexp.MustCompile(`^test_encrypt_validate_plaintext_size_per_key_type\[(\w+)-(RSAES_\w+)\]$`)
	macsOfKey   = regexp.MustCompile(`^test_generate_and_verify_mac\[(\w+)-(\w+)\]$`)
	invalidMac  = regexp.MustCompile(`^test_invalid_generate_mac\[(\w+)-(\w+)\]$`)
)

// kmsReplay finds what plays a recorded test of KMS.
func kmsReplay(test string) func(r *player) {
	if m := sizePerType.FindStringSubmatch(test); m != nil {
		return func(r *player) {
			_, err := r.root.kms.Encrypt(r.Context(), &kms.EncryptInput{
				KeyId: r.keyOf(m[1], "ENCRYPT_DECRYPT").KeyId, EncryptionAlgorithm: kmstypes.EncryptionAlgorithmSpec(m[2]), Plaintext: make([]byte, 471),
			})
			r.step("generate-random-exc", nil, err)
		}
	}
	if m := macsOfKey.FindStringSubmatch(test); m != nil {
		return func(r *player) { r.macs(m[1], m[2]) }
	}
	if m := invalidMac.FindStringSubmatch(test); m != nil {
		return func(r *player) {
			k := r.keyOf(m[1], "GENERATE_VERIFY_MAC")
			_, err := r.root.kms.GenerateMac(r.Context(), &kms.GenerateMacInput{KeyId: k.KeyId, MacAlgorithm: kmstypes.MacAlgorithmSpec(m[2]), Message: []byte("x")})
			r.step("generate-mac", nil, err)
		}
	}
	return kmsReplays[test]
}

func (r *player) keyOf(spec, usage string) *kmstypes.KeyMetadata {
	r.Helper()
	out, err := r.root.kms.CreateKey(r.Context(), &kms.CreateKeyInput{
		KeySpec: kmstypes.KeySpec(spec), KeyUsage: kmstypes.KeyUsageType(usage), Description: aws.String("test key"),
	})
	r.must(err)
	return out.KeyMetadata
}

func (r *player) external(spec, usage string) *kmstypes.KeyMetadata {
	r.Helper()
	out, err := r.root.kms.CreateKey(r.Context(), &kms.CreateKeyInput{
		KeySpec: kmstypes.KeySpec(spec), KeyUsage: kmstypes.KeyUsageType(usage), Description: aws.String("test-key"), Origin: "EXTERNAL",
	})
	r.must(err)
	return out.KeyMetadata
}

func (r *player) abroad(region string) *kms.Client {
	id, secret := r.cloud.RootCredentials()
	return r.in(region, id, secret, "").kms
}

func (r *player) described(k *kmstypes.KeyMetadata, step string) {
	r.Helper()
	out, err := r.root.kms.DescribeKey(r.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
	r.step(step, out, err)
}

// awaitKey moves the cloud's time on until a key is in a state.
func (s *stage) awaitKey(by *kms.Client, id string, want kmstypes.KeyState) *kmstypes.KeyMetadata {
	s.Helper()
	var got kmstypes.KeyState
	for range 200 {
		out, err := by.DescribeKey(s.Context(), &kms.DescribeKeyInput{KeyId: &id})
		if err != nil {
			s.Fatal(err)
		}
		if got = out.KeyMetadata.KeyState; got == want {
			return out.KeyMetadata
		}
		s.cloud.Advance(time.Second)
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatalf("%s is %s, want %s", id, got, want)
	return nil
}

func secret(n int) []byte {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	return b
}

func pkcs8(k any) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		panic(err)
	}
	return der
}

// importMaterial wraps key material as a customer does, and imports it.
func (s *stage) importMaterial(k *kmstypes.KeyMetadata, algorithm kmstypes.AlgorithmSpec, material []byte, change ...func(*kms.ImportKeyMaterialInput)) (*kms.ImportKeyMaterialOutput, error) {
	return s.importInto(s.root.kms, *k.Arn, algorithm, material, change...)
}

func (s *stage) importInto(client *kms.Client, key string, algorithm kmstypes.AlgorithmSpec, material []byte, change ...func(*kms.ImportKeyMaterialInput)) (*kms.ImportKeyMaterialOutput, error) {
	s.Helper()
	p, err := client.GetParametersForImport(s.Context(), &kms.GetParametersForImportInput{KeyId: &key, WrappingAlgorithm: algorithm, WrappingKeySpec: "RSA_2048"})
	if err != nil {
		return nil, err
	}
	public, err := x509.ParsePKIXPublicKey(p.PublicKey)
	if err != nil {
		return nil, err
	}
	var tail []byte
	if algorithm == "RSA_AES_KEY_WRAP_SHA_256" {
		wrapping := secret(32)
		kwp, err := subtle.NewKWP(wrapping)
		if err != nil {
			return nil, err
		}
		if tail, err = kwp.Wrap(material); err != nil {
			return nil, err
		}
		material = wrapping
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), material, nil)
	if err != nil {
		return nil, err
	}
	in := &kms.ImportKeyMaterialInput{KeyId: &key, ImportToken: p.ImportToken, EncryptedKeyMaterial: append(wrapped, tail...), ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE"}
	for _, c := range change {
		c(in)
	}
	return client.ImportKeyMaterial(s.Context(), in)
}

func (r *player) unimport(k *kmstypes.KeyMetadata) {
	r.Helper()
	_, err := r.root.kms.DeleteImportedKeyMaterial(r.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: k.KeyId})
	r.must(err)
}

func (r *player) importSymmetric() {
	k := r.external("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
	r.names = append(r.names, *k.KeyId, "<key-id:1>")
	r.step("created-key", k, nil)
	r.described(k, "describe-key-before-import")
	encrypt := func(step string) {
		_, err := r.root.kms.Encrypt(r.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
		r.step(step, nil, err)
	}
	encrypt("encrypt-before-import-error")
	_, err := r.importMaterial(k, "RSAES_OAEP_SHA_256", secret(32), func(in *kms.ImportKeyMaterialInput) { in.ExpirationModel = "KEY_MATERIAL_EXPIRES" })
	r.step("import-expiring-key-without-valid-to", nil, err)
	_, err = r.importMaterial(k, "RSAES_OAEP_SHA_256", secret(32))
	r.must(err)
	r.described(k, "describe-key-after-import")
	r.unimport(k)
	r.described(k, "describe-key-after-deleted-import")
	encrypt("encrypt-after-delete-error")
}

func (r *player) importAsymmetric() {
	k := r.external("ECC_NIST_P256", "SIGN_VERIFY")
	r.step("created-key", k, nil)
	r.described(k, "describe-key-before-import")
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r.must(err)
	_, err = r.importMaterial(k, "RSAES_OAEP_SHA_256", pkcs8(private))
	r.must(err)
	r.described(k, "describe-key-after-import")
	out, err := r.root.kms.GetPublicKey(r.Context(), &kms.GetPublicKeyInput{KeyId: k.KeyId})
	r.must(err)
	if public, err := x509.ParsePKIXPublicKey(out.PublicKey); err != nil || !private.PublicKey.Equal(public) {
		r.Errorf("the public key is another one: %v", err)
	}
	r.unimport(k)
	r.described(k, "describe-key-after-deleted-import")
}

func (r *player) rotateEmpty(step string) {
	k := r.external("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
	r.names = append(r.names, *k.KeyId, "<key-id:1>")
	r.step("create-kms-external-key", k, nil)
	r.rotate(k.KeyId, step)
}

func (r *player) macs(spec, algorithm string) {
	k, message := r.keyOf(spec, "GENERATE_VERIFY_MAC"), []byte("some important message")
	a := kmstypes.MacAlgorithmSpec(algorithm)
	out, err := r.root.kms.GenerateMac(r.Context(), &kms.GenerateMacInput{KeyId: k.KeyId, MacAlgorithm: a, Message: message})
	r.step("generate-mac", out, err)
	r.must(err)
	good, err := r.root.kms.VerifyMac(r.Context(), &kms.VerifyMacInput{KeyId: k.KeyId, MacAlgorithm: a, Message: message, Mac: out.Mac})
	r.step("verify-mac", good, err)
	_, err = r.root.kms.GenerateMac(r.Context(), &kms.GenerateMacInput{KeyId: aws.String("key_id"), MacAlgorithm: a, Message: message})
	r.step("generate-mac-invalid-key-id", nil, err)
	_, err = r.root.kms.VerifyMac(r.Context(), &kms.VerifyMacInput{KeyId: aws.String("key_id"), MacAlgorithm: a, Message: message, Mac: out.Mac})
	r.step("verify-mac-invalid-key-id", nil, err)
}

// agrees derives a secret on both sides.
func (r *player) agrees(k *kmstypes.KeyMetadata, step string) {
	r.Helper()
	peer, err := ecdh.P256().GenerateKey(rand.Reader)
	r.must(err)
	der, err := x509.MarshalPKIXPublicKey(peer.PublicKey())
	r.must(err)
	out, err := r.root.kms.DeriveSharedSecret(r.Context(), &kms.DeriveSharedSecretInput{KeyId: k.KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey: der})
	r.step(step, out, err)
	r.must(err)
	public, err := r.root.kms.GetPublicKey(r.Context(), &kms.GetPublicKeyInput{KeyId: k.KeyId})
	r.must(err)
	parsed, err := x509.ParsePKIXPublicKey(public.PublicKey)
	r.must(err)
	theirs, err := parsed.(*ecdsa.PublicKey).ECDH()
	r.must(err)
	want, err := peer.ECDH(theirs)
	r.must(err)
	if string(want) != string(out.SharedSecret) {
		r.Error("the two sides have different secrets")
	}
}

func (r *player) agreement() {
	k := r.keyOf("ECC_NIST_P256", "KEY_AGREEMENT")
	r.agrees(k, "response")
	public, err := r.root.kms.GetPublicKey(r.Context(), &kms.GetPublicKeyInput{KeyId: k.KeyId})
	r.must(err)
	derive := func(step string, k *kmstypes.KeyMetadata, algorithm string, peer []byte) {
		r.names = append(r.names, *k.Arn, "<key-arn>")
		_, err := r.root.kms.DeriveSharedSecret(r.Context(), &kms.DeriveSharedSecretInput{
			KeyId: k.KeyId, KeyAgreementAlgorithm: kmstypes.KeyAgreementAlgorithmSpec(algorithm), PublicKey: peer,
		})
		r.step(step, nil, err)
	}
	derive("response-invalid-key", r.newKey(), "ECDH", public.PublicKey)
	derive("response-invalid-key-usage", r.keyOf("ECC_NIST_P256", "SIGN_VERIFY"), "ECDH", public.PublicKey)
	derive("response-invalid-key-agreement-algo", k, "INVALID", public.PublicKey)
	derive("response-invalid-public-key", k, "ECDH", []byte("InvalidPublicKey"))
	_, err = r.root.kms.CreateKey(r.Context(), &kms.CreateKeyInput{KeySpec: "RSA_2048", KeyUsage: "KEY_AGREEMENT"})
	r.step("response-invalid-key-spec", nil, err)
}
