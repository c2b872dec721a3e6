package kms

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/tink-crypto/tink-go/v2/kwp/subtle"
)

// external makes a key whose material is to be imported.
func (s *stage) external(change ...func(*kms.CreateKeyInput)) *kmstypes.KeyMetadata {
	s.t.Helper()
	in := &kms.CreateKeyInput{Origin: "EXTERNAL"}
	for _, c := range change {
		c(in)
	}
	return do[kms.CreateKeyOutput](s, root(), "CreateKey", in).KeyMetadata
}

// wrapped prepares an import as a customer does.
func (s *stage) wrapped(w who, key string, algorithm kmstypes.AlgorithmSpec, secret []byte) *kms.ImportKeyMaterialInput {
	s.t.Helper()
	p := do[kms.GetParametersForImportOutput](s, w, "GetParametersForImport", &kms.GetParametersForImportInput{
		KeyId: &key, WrappingAlgorithm: algorithm, WrappingKeySpec: "RSA_2048",
	})
	parsed, err := x509.ParsePKIXPublicKey(p.PublicKey)
	if err != nil {
		s.t.Fatal(err)
	}
	seal := func(b []byte) []byte {
		hash := hashOf(algorithm).New()
		out, err := rsa.EncryptOAEP(hash, rand.Reader, parsed.(*rsa.PublicKey), b, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		return out
	}
	in := &kms.ImportKeyMaterialInput{KeyId: &key, ImportToken: p.ImportToken, ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE"}
	if !wrappings[algorithm].twoSteps {
		in.EncryptedKeyMaterial = seal(secret)
		return in
	}
	kek := bytes.Repeat([]byte{7}, 32)
	kwp, err := subtle.NewKWP(kek)
	if err != nil {
		s.t.Fatal(err)
	}
	inner, err := kwp.Wrap(secret)
	if err != nil {
		s.t.Fatal(err)
	}
	in.EncryptedKeyMaterial = append(seal(kek), inner...)
	return in
}

// importKey imports material that does not expire.
func (s *stage) importKey(w who, key string, secret []byte, change ...func(*kms.ImportKeyMaterialInput)) *kms.ImportKeyMaterialOutput {
	s.t.Helper()
	in := s.quickly(s.describe(w, &key), secret)
	for _, c := range change {
		c(in)
	}
	return do[kms.ImportKeyMaterialOutput](s, w, "ImportKeyMaterial", in)
}

func (s *stage) describe(w who, id *string) *kmstypes.KeyMetadata {
	s.t.Helper()
	return do[kms.DescribeKeyOutput](s, w, "DescribeKey", &kms.DescribeKeyInput{KeyId: id}).KeyMetadata
}

func (s *stage) rotations(id *string) []kmstypes.RotationsListEntry {
	s.t.Helper()
	return do[kms.ListKeyRotationsOutput](s, root(), "ListKeyRotations", &kms.ListKeyRotationsInput{KeyId: id, IncludeKeyMaterial: "ALL_KEY_MATERIAL"}).Rotations
}

var (
	one = bytes.Repeat([]byte{1}, 32)
	two = bytes.Repeat([]byte{2}, 32)
)

// asNew says that the material is a new one.
func asNew(in *kms.ImportKeyMaterialInput) { in.ImportType = "NEW_KEY_MATERIAL" }

func TestImportWithEveryWrapping(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for algorithm := range wrappings {
		k := s.external()
		do[kms.ImportKeyMaterialOutput](s, root(), "ImportKeyMaterial", s.wrapped(root(), *k.KeyId, algorithm, one))
		if got := s.describe(root(), k.KeyId); got.KeyState != kmstypes.KeyStateEnabled || got.ExpirationModel != "KEY_MATERIAL_DOES_NOT_EXPIRE" {
			t.Errorf("%s: %+v", algorithm, got)
		}
		in := s.wrapped(root(), *k.KeyId, algorithm, one)
		in.EncryptedKeyMaterial[len(in.EncryptedKeyMaterial)-1] ^= 1
		refused(s, root(), "ImportKeyMaterial", in, "InvalidCiphertextException", "")
		in.EncryptedKeyMaterial = in.EncryptedKeyMaterial[:100]
		refused(s, root(), "ImportKeyMaterial", in, "InvalidCiphertextException", "")
	}
}

// TestImportSameMaterial: only the same material makes the key what it was, and
// then it decrypts what it encrypted.
func TestImportSameMaterial(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.external()
	first := s.importKey(root(), *k.KeyId, one)
	blob := encrypted(s, root(), k.KeyId, "secret", nil)
	out := do[kms.DeleteImportedKeyMaterialOutput](s, root(), "DeleteImportedKeyMaterial", &kms.DeleteImportedKeyMaterialInput{KeyId: k.KeyId})
	if *out.KeyMaterialId != *first.KeyMaterialId || *out.KeyId != *k.Arn {
		t.Errorf("deleted %v of %v", *out.KeyMaterialId, *out.KeyId)
	}
	refused(s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: blob}, "KMSInvalidStateException", *k.Arn+" is pending import.")
	refused(s, root(), "CreateGrant", &kms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: aws.String(user(account, "ada").principal.ARN), Operations: operations{"Decrypt"},
	}, "KMSInvalidStateException", *k.Arn+" is pending import.")
	refused(s, root(), "EnableKey", &kms.EnableKeyInput{KeyId: k.KeyId}, "KMSInvalidStateException", *k.Arn+" is pending import.")
	// Deleting what is not there has no effect.
	do[kms.DeleteImportedKeyMaterialOutput](s, root(), "DeleteImportedKeyMaterial", &kms.DeleteImportedKeyMaterialInput{KeyId: k.KeyId})

	refused(s, root(), "ImportKeyMaterial", s.wrapped(root(), *k.KeyId, "RSAES_OAEP_SHA_256", two), "IncorrectKeyMaterialException", "*")
	refused(s, root(), "ImportKeyMaterial", s.wrapped(root(), *k.KeyId, "RSAES_OAEP_SHA_256", one[:16]), "IncorrectKeyMaterialException", "*")
	in := s.wrapped(root(), *k.KeyId, "RSAES_OAEP_SHA_256", one)
	in.KeyMaterialId = aws.String(hex64("0"))
	refused(s, root(), "ImportKeyMaterial", in, "IncorrectKeyMaterialException", "*")
	if s.describe(root(), k.KeyId).KeyState != kmstypes.KeyStatePendingImport {
		t.Error("the key is not pending import any more")
	}
	if again := s.importKey(root(), *k.KeyId, one); *again.KeyMaterialId != *first.KeyMaterialId {
		t.Error("the same material has another id")
	}
	if out := do[kms.DecryptOutput](s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: blob}); string(out.Plaintext) != "secret" {
		t.Errorf("decrypted %q", out.Plaintext)
	}
}

func hex64(digit string) string { return string(bytes.Repeat([]byte(digit), 64)) }

func TestImportRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k, second, usual := s.external(), s.external(), s.key(root())
	message := *usual.Arn + " origin is AWS_KMS which is not valid for this operation."
	refused(s, root(), "GetParametersForImport", &kms.GetParametersForImportInput{KeyId: usual.KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_2048"}, "UnsupportedOperationException", message)
	refused(s, root(), "DeleteImportedKeyMaterial", &kms.DeleteImportedKeyMaterialInput{KeyId: usual.KeyId}, "UnsupportedOperationException", message)
	refused(s, root(), "GetParametersForImport", &kms.GetParametersForImportInput{KeyId: k.KeyId, WrappingAlgorithm: "RSAES_PKCS1_V1_5", WrappingKeySpec: "RSA_2048"}, "UnsupportedOperationException", "*")
	refused(s, root(), "EnableKeyRotation", &kms.EnableKeyRotationInput{KeyId: k.KeyId}, "UnsupportedOperationException", *k.Arn+" origin is EXTERNAL which is not valid for this operation.")

	in := s.wrapped(root(), *k.KeyId, "RSAES_OAEP_SHA_256", one)
	for name, change := range map[string]func(*kms.ImportKeyMaterialInput){
		"no date":            func(in *kms.ImportKeyMaterialInput) { in.ExpirationModel = "" },
		"a date for nothing": func(in *kms.ImportKeyMaterialInput) { in.ValidTo = aws.Time(s.now.Add(time.Hour)) },
		"the past": func(in *kms.ImportKeyMaterialInput) {
			in.ExpirationModel, in.ValidTo = "KEY_MATERIAL_EXPIRES", aws.Time(s.now)
		},
		"too far": func(in *kms.ImportKeyMaterialInput) {
			in.ExpirationModel, in.ValidTo = "KEY_MATERIAL_EXPIRES", aws.Time(s.now.Add(366*day))
		},
		"an id of new material": func(in *kms.ImportKeyMaterialInput) {
			in.ImportType, in.KeyMaterialId = "NEW_KEY_MATERIAL", aws.String(hex64("0"))
		},
	} {
		changed := *in
		change(&changed)
		if _, err := s.run(root(), "ImportKeyMaterial", &changed); err == nil {
			t.Errorf("%s: imported", name)
		} else {
			checkRefused(t, name, err, "ValidationException", "*")
		}
	}
	stolen := *in
	stolen.KeyId = second.KeyId
	refused(s, root(), "ImportKeyMaterial", &stolen, "InvalidImportTokenException", "")
	bad := *in
	bad.ImportToken = []byte("token")
	refused(s, root(), "ImportKeyMaterial", &bad, "InvalidImportTokenException", "")
	s.now = s.now.Add(importTime)
	refused(s, root(), "ImportKeyMaterial", in, "ExpiredImportTokenException", "")
	do[kms.ScheduleKeyDeletionOutput](s, root(), "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId})
	refused(s, root(), "GetParametersForImport", &kms.GetParametersForImportInput{KeyId: k.KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_2048"}, "KMSInvalidStateException", *k.Arn+" is pending deletion.")
	do[kms.CancelKeyDeletionOutput](s, root(), "CancelKeyDeletion", &kms.CancelKeyDeletionInput{KeyId: k.KeyId})
	if got := s.describe(root(), k.KeyId).KeyState; got != kmstypes.KeyStatePendingImport {
		t.Errorf("a key without material is %s after its deletion was cancelled", got)
	}
}

// TestMaterialExpires: the material goes at its time, and KMS says so in an event
// of its own; a later import moves the time.
func TestMaterialExpires(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.external()
	until := func(d time.Duration) func(*kms.ImportKeyMaterialInput) {
		return func(in *kms.ImportKeyMaterialInput) {
			in.ExpirationModel, in.ValidTo = "KEY_MATERIAL_EXPIRES", aws.Time(s.now.Add(d))
		}
	}
	s.importKey(root(), *k.KeyId, one, until(time.Hour))
	if p := s.last.RequestParameters; p["validTo"] != "Mar 1, 2026, 1:00:00 PM" || p["importToken"] != nil || p["encryptedKeyMaterial"] != nil {
		t.Errorf("the event has %v", p)
	}
	s.importKey(root(), *k.KeyId, one, until(2*time.Hour))
	if got := s.describe(root(), k.KeyId); got.ValidTo == nil || !got.ValidTo.Equal(start.Add(2*time.Hour)) || got.ExpirationModel != "KEY_MATERIAL_EXPIRES" {
		t.Errorf("the key is %+v", got)
	}
	s.advance(time.Hour)
	if got := s.describe(root(), k.KeyId).KeyState; got != kmstypes.KeyStateEnabled {
		t.Errorf("the key is %s before its time", got)
	}
	s.advance(time.Hour)
	if got := s.describe(root(), k.KeyId); got.KeyState != kmstypes.KeyStatePendingImport || got.ValidTo != nil || got.ExpirationModel != "" {
		t.Errorf("the key is %+v", got)
	}
	if len(s.own) != 1 || s.own[0].Name != "DeleteExpiredKeyMaterial" || s.own[0].ByCaller || s.own[0].Details["keyId"] != *k.KeyId {
		t.Errorf("KMS's own events are %+v", s.own)
	}
	// Material without an end of its own stays.
	s.importKey(root(), *k.KeyId, one)
	s.advance(366 * day)
	if got := s.describe(root(), k.KeyId).KeyState; got != kmstypes.KeyStateEnabled {
		t.Errorf("the key is %s", got)
	}
}

// TestRotateImported: a key rotates to material that was imported for it, and
// needs all that it ever had.
func TestRotateImported(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.external()
	first := s.importKey(root(), *k.KeyId, one)
	blob := encrypted(s, root(), k.KeyId, "secret", nil)
	refused(s, root(), "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: k.KeyId}, "KMSInvalidStateException", "*")
	refused(s, root(), "ImportKeyMaterial", func() any {
		in := s.wrapped(root(), *k.KeyId, "RSAES_OAEP_SHA_256", one)
		asNew(in)
		return in
	}(), "IncorrectKeyMaterialException", "*")
	second := s.importKey(root(), *k.KeyId, two, asNew, func(in *kms.ImportKeyMaterialInput) { in.KeyMaterialDescription = aws.String("the second") })
	if got := s.describe(root(), k.KeyId); *got.CurrentKeyMaterialId != *first.KeyMaterialId {
		t.Error("the key rotated by itself")
	}
	if list := s.rotations(k.KeyId); len(list) != 2 || list[0].KeyMaterialState != "CURRENT" || list[1].KeyMaterialState != "PENDING_ROTATION" ||
		list[1].ImportState != "IMPORTED" || aws.ToString(list[1].KeyMaterialDescription) != "the second" || list[1].RotationDate != nil {
		t.Errorf("the materials are %+v", list)
	}
	s.now = s.now.Add(time.Hour)
	do[kms.RotateKeyOnDemandOutput](s, root(), "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	if got := s.describe(root(), k.KeyId); *got.CurrentKeyMaterialId != *second.KeyMaterialId {
		t.Error("the key did not rotate")
	}
	if list := s.rotations(k.KeyId); len(list) != 2 || list[1].KeyMaterialState != "CURRENT" || list[0].KeyMaterialState != "NON_CURRENT" || list[1].RotationType != "ON_DEMAND" {
		t.Errorf("the materials are %+v", list)
	}
	if out := do[kms.DecryptOutput](s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: blob}); *out.KeyMaterialId != *first.KeyMaterialId {
		t.Errorf("decrypted with %s", *out.KeyMaterialId)
	}
	// Without an old material the key is of no use, and with one of two neither.
	remove := func(id *string) {
		do[kms.DeleteImportedKeyMaterialOutput](s, root(), "DeleteImportedKeyMaterial", &kms.DeleteImportedKeyMaterialInput{KeyId: k.KeyId, KeyMaterialId: id})
	}
	remove(first.KeyMaterialId)
	remove(second.KeyMaterialId)
	s.importKey(root(), *k.KeyId, one)
	if got := s.describe(root(), k.KeyId).KeyState; got != kmstypes.KeyStatePendingImport {
		t.Errorf("with one of two materials the key is %s", got)
	}
	s.importKey(root(), *k.KeyId, two)
	if got := s.describe(root(), k.KeyId).KeyState; got != kmstypes.KeyStateEnabled {
		t.Errorf("with both materials the key is %s", got)
	}
	// One that waits for a rotation can go, and leaves nothing.
	three := s.importKey(root(), *k.KeyId, bytes.Repeat([]byte{3}, 32), asNew)
	remove(three.KeyMaterialId)
	if got := s.describe(root(), k.KeyId).KeyState; got != kmstypes.KeyStateEnabled || len(s.rotations(k.KeyId)) != 2 {
		t.Errorf("the key is %s with %d materials", got, len(s.rotations(k.KeyId)))
	}
}

// TestImportPairsAndHMAC: private keys and HMAC keys can be imported, of the
// key's own spec, and the same again only.
func TestImportPairsAndHMAC(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	private := func(spec kmstypes.KeySpec) []byte {
		pair, err := newKeyPair(spec)
		if err != nil {
			t.Fatal(err)
		}
		return pair.private
	}
	for _, row := range []struct {
		spec       kmstypes.KeySpec
		usage      kmstypes.KeyUsageType
		own, other []byte
	}{
		{"RSA_2048", "SIGN_VERIFY", private("RSA_2048"), private("RSA_2048")},
		{"ECC_NIST_P384", "SIGN_VERIFY", private("ECC_NIST_P384"), private("ECC_NIST_P384")},
		{"ECC_SECG_P256K1", "SIGN_VERIFY", private("ECC_SECG_P256K1"), private("ECC_SECG_P256K1")},
		{"ECC_NIST_EDWARDS25519", "SIGN_VERIFY", private("ECC_NIST_EDWARDS25519"), private("ECC_NIST_EDWARDS25519")},
		{"HMAC_512", "GENERATE_VERIFY_MAC", bytes.Repeat([]byte{1}, 64), bytes.Repeat([]byte{2}, 64)},
	} {
		k := s.external(func(in *kms.CreateKeyInput) { in.KeySpec, in.KeyUsage = row.spec, row.usage })
		wrap := func(secret []byte) *kms.ImportKeyMaterialInput {
			return s.wrapped(root(), *k.KeyId, "RSA_AES_KEY_WRAP_SHA_256", secret)
		}
		refused(s, root(), "ImportKeyMaterial", wrap(private("ECC_NIST_P256")), "IncorrectKeyMaterialException", "*")
		named := wrap(row.own)
		asNew(named)
		refused(s, root(), "ImportKeyMaterial", named, "ValidationException", "*")
		if out := do[kms.ImportKeyMaterialOutput](s, root(), "ImportKeyMaterial", wrap(row.own)); out.KeyMaterialId != nil {
			t.Errorf("%s: the material has an id", row.spec)
		}
		refused(s, root(), "ImportKeyMaterial", wrap(row.other), "IncorrectKeyMaterialException", "*")
		do[kms.DeleteImportedKeyMaterialOutput](s, root(), "DeleteImportedKeyMaterial", &kms.DeleteImportedKeyMaterialInput{KeyId: k.KeyId})
		refused(s, root(), "ImportKeyMaterial", wrap(row.other), "IncorrectKeyMaterialException", "*")
		do[kms.ImportKeyMaterialOutput](s, root(), "ImportKeyMaterial", wrap(row.own))
		if row.usage == "SIGN_VERIFY" {
			a := k.SigningAlgorithms[0]
			signature := do[kms.SignOutput](s, root(), "Sign", &kms.SignInput{KeyId: k.KeyId, Message: []byte("x"), SigningAlgorithm: a}).Signature
			do[kms.VerifyOutput](s, root(), "Verify", &kms.VerifyInput{KeyId: k.KeyId, Message: []byte("x"), SigningAlgorithm: a, Signature: signature})
		}
	}
	// OAEP alone takes no RSA key.
	k := s.external(func(in *kms.CreateKeyInput) { in.KeySpec, in.KeyUsage = "RSA_2048", "SIGN_VERIFY" })
	refused(s, root(), "GetParametersForImport", &kms.GetParametersForImportInput{KeyId: k.KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_4096"}, "UnsupportedOperationException", "*")
}

// TestImportConditions: policies can demand an end, and a way of wrapping.
func TestImportConditions(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k, ada := s.external(), user(account, "ada")
	s.allow(ada, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"kms:GetParametersForImport","Resource":"*","Condition":{"StringEquals":{"kms:WrappingAlgorithm":"RSAES_OAEP_SHA_256","kms:WrappingKeySpec":"RSA_2048","kms:KeyOrigin":"EXTERNAL"}}},
		{"Effect":"Allow","Action":"kms:ImportKeyMaterial","Resource":"*","Condition":{"StringEquals":{"kms:ExpirationModel":"KEY_MATERIAL_EXPIRES"},
			"NumericLessThanEquals":{"kms:ValidTo":"1772370000.0"},"DateLessThanEquals":{"kms:ValidTo":"2026-03-01T13:00:00Z"}}}]}`)
	refused(s, ada, "GetParametersForImport", &kms.GetParametersForImportInput{KeyId: k.KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_1", WrappingKeySpec: "RSA_2048"}, "AccessDeniedException", "*")
	in := s.wrapped(ada, *k.KeyId, "RSAES_OAEP_SHA_256", one)
	refused(s, ada, "ImportKeyMaterial", in, "AccessDeniedException", "*")
	in.ExpirationModel, in.ValidTo = "KEY_MATERIAL_EXPIRES", aws.Time(start.Add(time.Hour+time.Second))
	refused(s, ada, "ImportKeyMaterial", in, "AccessDeniedException", "*")
	in.ValidTo = aws.Time(start.Add(time.Hour))
	do[kms.ImportKeyMaterialOutput](s, ada, "ImportKeyMaterial", in)
}

// FuzzImportedPair: whatever is imported as a private key is refused, or is one
// of the spec that signs and is verified.
func FuzzImportedPair(f *testing.F) {
	for _, spec := range []kmstypes.KeySpec{"ECC_NIST_P256", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519", "RSA_2048"} {
		pair, err := newKeyPair(spec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(spec), pair.private)
	}
	f.Fuzz(func(t *testing.T, spec string, der []byte) {
		d, known := kinds[kmstypes.KeySpec(spec)]
		if !known || !d.pair() {
			return
		}
		pair, err := parsePair(kmstypes.KeySpec(spec), der)
		if err != nil {
			return
		}
		m := signed{algorithm: d.signing[0], message: []byte("x")}
		signature, err := m.sign(kmstypes.KeySpec(spec), pair.private)
		if err != nil {
			t.Fatal(err)
		}
		if good, err := m.verify(kmstypes.KeySpec(spec), pair.public, signature); err != nil || !good {
			t.Errorf("%s: %v, %v", spec, good, err)
		}
	})
}

// FuzzUnwrap: wrapped material that nobody wrapped is refused.
func FuzzUnwrap(f *testing.F) {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("RSAES_OAEP_SHA_256", make([]byte, 256))
	f.Add("RSA_AES_KEY_WRAP_SHA_256", make([]byte, 296))
	f.Fuzz(func(t *testing.T, algorithm string, wrapped []byte) {
		w, known := wrappings[kmstypes.AlgorithmSpec(algorithm)]
		if !known {
			return
		}
		if secret, err := w.unwrap(k, wrapped); err == nil {
			t.Errorf("unwrapped %d bytes", len(secret))
		}
	})
}
