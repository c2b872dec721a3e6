package kms

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/api"
)

// TestMessagesHaveTheirOwnKeys: the salt, the nonce and the data all count.
func TestMessagesHaveTheirOwnKeys(t *testing.T) {
	t.Parallel()
	m, err := newMessageKeys(bytes.Repeat([]byte{1}, materialSize))
	if err != nil {
		t.Fatal(err)
	}
	nonce := bytes.Repeat([]byte{7}, nonceSize)
	sealed, err := m.seal(nil, nonce, []byte("secret"), []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	if plaintext, err := m.open(nonce, sealed, []byte("data")); err != nil || string(plaintext) != "secret" {
		t.Errorf("opened %q, %v", plaintext, err)
	}
	for i := range nonceSize {
		other := bytes.Clone(nonce)
		other[i] ^= 1
		if _, err := m.open(other, sealed, []byte("data")); err == nil {
			t.Errorf("byte %d of the nonce does not count", i)
		}
	}
	if _, err := m.open(nonce, sealed, []byte("atad")); err == nil {
		t.Error("the data does not count")
	}
	other, err := newMessageKeys(bytes.Repeat([]byte{2}, materialSize))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.open(nonce, sealed, []byte("data")); err == nil {
		t.Error("another material opens it")
	}
}

func encrypted(s *stage, w who, keyID *string, plaintext string, context map[string]string) []byte {
	s.t.Helper()
	return do[kms.EncryptOutput](s, w, "Encrypt", &kms.EncryptInput{
		KeyId: keyID, Plaintext: []byte(plaintext), EncryptionContext: context,
	}).CiphertextBlob
}

func TestEncryptAndDecrypt(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	do[kms.CreateAliasOutput](s, root(), "CreateAlias", &kms.CreateAliasInput{AliasName: aws.String("alias/example"), TargetKeyId: k.KeyId})
	context := map[string]string{"Department": "Engineering", "Project": "Alpha"}
	names := map[string]string{
		"id": *k.KeyId, "ARN": *k.Arn, "alias": "alias/example",
		"alias ARN": "arn:aws:kms:" + region + ":" + account + ":alias/example",
	}
	var blobs [][]byte
	for name, id := range names {
		blob := encrypted(s, root(), &id, "secret", context)
		blobs = append(blobs, blob)
		for _, by := range []*string{nil, &id} {
			out := do[kms.DecryptOutput](s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context, KeyId: by})
			if string(out.Plaintext) != "secret" || *out.KeyId != *k.Arn || *out.KeyMaterialId != *k.CurrentKeyMaterialId {
				t.Errorf("by %s: got %q of %s", name, out.Plaintext, *out.KeyId)
			}
		}
	}
	for i, blob := range blobs {
		if bytes.Contains(blob, []byte("secret")) {
			t.Error("the ciphertext shows the plaintext")
		}
		for _, again := range blobs[i+1:] {
			if bytes.Equal(blob, again) {
				t.Error("encrypting twice gives the same ciphertext")
			}
		}
	}
}

func TestDecryptRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k, second := s.key(root()), s.key(root())
	context := map[string]string{"a": "1", "b": "2"}
	blob := encrypted(s, root(), k.KeyId, "secret", context)
	changed := func(i int) []byte {
		b := bytes.Clone(blob)
		b[i] ^= 1
		return b
	}
	const incorrect = "The key ID in the request does not identify a CMK that can perform this operation."
	for _, row := range []struct {
		name          string
		in            kms.DecryptInput
		code, message string
	}{
		{"no context", kms.DecryptInput{CiphertextBlob: blob}, "InvalidCiphertextException", ""},
		{"less context", kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: map[string]string{"a": "1"}}, "InvalidCiphertextException", ""},
		{"context in another case", kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: map[string]string{"A": "1", "b": "2"}}, "InvalidCiphertextException", ""},
		{"context with shifted borders", kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: map[string]string{"a1": "", "b": "2"}}, "InvalidCiphertextException", ""},
		{"changed nonce", kms.DecryptInput{CiphertextBlob: changed(headerSize), EncryptionContext: context}, "InvalidCiphertextException", ""},
		{"changed body", kms.DecryptInput{CiphertextBlob: changed(len(blob) - 20), EncryptionContext: context}, "InvalidCiphertextException", ""},
		{"changed tag", kms.DecryptInput{CiphertextBlob: changed(len(blob) - 1), EncryptionContext: context}, "InvalidCiphertextException", ""},
		{"changed material id", kms.DecryptInput{CiphertextBlob: changed(30), EncryptionContext: context}, "InvalidCiphertextException", ""},
		{"changed version", kms.DecryptInput{CiphertextBlob: changed(0), EncryptionContext: context}, "InvalidCiphertextException", ""},
		{"cut short", kms.DecryptInput{CiphertextBlob: blob[:len(blob)-1], EncryptionContext: context}, "InvalidCiphertextException", ""},
		{"no ciphertext of ours", kms.DecryptInput{CiphertextBlob: []byte("x"), KeyId: k.KeyId}, "InvalidCiphertextException", ""},
		{"named key is another", kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context, KeyId: second.Arn}, "IncorrectKeyException", incorrect},
		{
			"named key does not exist",
			kms.DecryptInput{CiphertextBlob: blob, KeyId: aws.String("11111111-2222-3333-4444-555555555555")},
			"NotFoundException",
			"Key 'arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555' does not exist",
		},
		{
			"key of the ciphertext does not exist",
			kms.DecryptInput{CiphertextBlob: changed(12)},
			"AccessDeniedException",
			"User: arn:aws:iam::123456789012:root is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
		},
		{
			"algorithm of another kind of key",
			kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context, EncryptionAlgorithm: kmstypes.EncryptionAlgorithmSpecRsaesOaepSha1},
			"InvalidKeyUsageException", "Algorithm RSAES_OAEP_SHA_1 is incompatible with key spec SYMMETRIC_DEFAULT.",
		},
		{
			"no ciphertext",
			kms.DecryptInput{KeyId: k.KeyId},
			"ValidationException",
			"1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null",
		},
		{"token that is not genuine", kms.DecryptInput{CiphertextBlob: blob, GrantTokens: []string{"AAAA"}}, "InvalidGrantTokenException", "*"},
		{"recipient", kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context, Recipient: &kmstypes.RecipientInfo{}}, "UnsupportedOperationException", "*"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := s.run(root(), "Decrypt", &row.in)
			checkRefused(t, "Decrypt", err, row.code, row.message)
		})
	}
	out := do[kms.DecryptOutput](s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context})
	if string(out.Plaintext) != "secret" {
		t.Errorf("the unchanged ciphertext gives %q", out.Plaintext)
	}
	refused(s, root().in("us-east-1"), "Decrypt", &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context}, "AccessDeniedException", "*")
}

func TestReEncrypt(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	from, to := s.key(root()), s.key(root())
	blob := encrypted(s, root(), from.KeyId, "secret", map[string]string{"a": "1"})
	out := do[kms.ReEncryptOutput](s, root(), "ReEncrypt", &kms.ReEncryptInput{
		CiphertextBlob: blob, SourceEncryptionContext: map[string]string{"a": "1"},
		DestinationKeyId: to.Arn, DestinationEncryptionContext: map[string]string{"b": "2"},
	})
	want := api.Event{
		Resources: []api.EventResource{
			{ARN: *from.Arn, Account: account, Type: "AWS::KMS::Key"}, {ARN: *to.Arn, Account: account, Type: "AWS::KMS::Key"},
		},
		RequestParameters: map[string]any{
			"sourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT", "sourceEncryptionContext": map[string]any{"a": "1"},
			"destinationKeyId": *to.Arn, "destinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
			"destinationEncryptionContext": map[string]any{"b": "2"},
		},
		Additional: map[string]any{
			"sourceKeyMaterialId": *from.CurrentKeyMaterialId, "destinationKeyMaterialId": *to.CurrentKeyMaterialId,
		},
	}
	if d := cmp.Diff(want, s.last); d != "" {
		t.Errorf("event (-want +got):\n%s", d)
	}
	if *out.SourceKeyId != *from.Arn || *out.KeyId != *to.Arn {
		t.Errorf("keys: from %s to %s", *out.SourceKeyId, *out.KeyId)
	}
	plain := do[kms.DecryptOutput](s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: map[string]string{"b": "2"}})
	if string(plain.Plaintext) != "secret" {
		t.Errorf("got %q", plain.Plaintext)
	}
	refused(s, root(), "ReEncrypt", &kms.ReEncryptInput{CiphertextBlob: blob, SourceKeyId: to.KeyId, DestinationKeyId: to.KeyId},
		"IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
	refused(s, root(), "ReEncrypt", &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: to.KeyId}, "InvalidCiphertextException", "")
}

func TestReEncryptNeedsBothPermissions(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	from, to := s.key(root()), s.key(root())
	blob := encrypted(s, root(), from.KeyId, "secret", nil)
	u := user(account, "test")
	in := &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: to.Arn}
	refused(s, u, "ReEncrypt", in, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:ReEncryptFrom on resource: "+*from.Arn+" because no identity-based policy allows the kms:ReEncryptFrom action")
	s.allow(u, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ReEncryptFrom","Resource":"`+*from.Arn+`"}]}`)
	refused(s, u, "ReEncrypt", in, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:ReEncryptTo on resource: "+*to.Arn+" because no identity-based policy allows the kms:ReEncryptTo action")
	s.allow(u, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ReEncryptTo","Resource":"`+*to.Arn+`"}]}`)
	do[kms.ReEncryptOutput](s, u, "ReEncrypt", in)
}

func TestDataKeys(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	context := map[string]string{"aws:ebs:id": "vol-0123456789abcdef0"}
	for _, row := range []struct {
		name  string
		spec  kmstypes.DataKeySpec
		bytes *int32
		size  int
	}{
		{"AES_256", kmstypes.DataKeySpecAes256, nil, 32},
		{"AES_128", kmstypes.DataKeySpecAes128, nil, 16},
		{"64 bytes", "", aws.Int32(64), 64},
		{"1024 bytes", "", aws.Int32(1024), 1024},
	} {
		out := do[kms.GenerateDataKeyOutput](s, root(), "GenerateDataKey", &kms.GenerateDataKeyInput{
			KeyId: k.KeyId, KeySpec: row.spec, NumberOfBytes: row.bytes, EncryptionContext: context,
		})
		plain := do[kms.DecryptOutput](s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: context})
		if len(out.Plaintext) != row.size || !bytes.Equal(out.Plaintext, plain.Plaintext) {
			t.Errorf("%s: %d bytes, decrypted %d", row.name, len(out.Plaintext), len(plain.Plaintext))
		}
		without := do[kms.GenerateDataKeyWithoutPlaintextOutput](s, root(), "GenerateDataKeyWithoutPlaintext", &kms.GenerateDataKeyWithoutPlaintextInput{
			KeyId: k.KeyId, KeySpec: row.spec, NumberOfBytes: row.bytes, EncryptionContext: context,
		})
		plain = do[kms.DecryptOutput](s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: without.CiphertextBlob, EncryptionContext: context})
		if len(plain.Plaintext) != row.size || bytes.Equal(plain.Plaintext, make([]byte, row.size)) {
			t.Errorf("%s without plaintext: decrypts to %d bytes, all zero: %v", row.name, len(plain.Plaintext), bytes.Equal(plain.Plaintext, make([]byte, row.size)))
		}
	}
	const either = "Please specify either number of bytes or key spec."
	refused(s, root(), "GenerateDataKey", &kms.GenerateDataKeyInput{KeyId: k.KeyId}, "ValidationException", either)
	refused(s, root(), "GenerateDataKeyWithoutPlaintext", &kms.GenerateDataKeyWithoutPlaintextInput{
		KeyId: k.KeyId, KeySpec: kmstypes.DataKeySpecAes256, NumberOfBytes: aws.Int32(1),
	}, "ValidationException", either)
	refused(s, root(), "GenerateDataKey", &kms.GenerateDataKeyInput{
		KeyId: k.KeyId, NumberOfBytes: aws.Int32(1), Recipient: &kmstypes.RecipientInfo{},
	}, "UnsupportedOperationException", "*")
}

func TestGenerateRandom(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	out := do[kms.GenerateRandomOutput](s, root(), "GenerateRandom", &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(32)})
	again := do[kms.GenerateRandomOutput](s, root(), "GenerateRandom", &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(32)})
	if len(out.Plaintext) != 32 || bytes.Equal(out.Plaintext, again.Plaintext) {
		t.Errorf("%d bytes; twice the same: %v", len(out.Plaintext), bytes.Equal(out.Plaintext, again.Plaintext))
	}
	refused(s, root(), "GenerateRandom", &kms.GenerateRandomInput{}, "ValidationException", "NumberOfBytes is required.")
}

// TestEventsHoldNoSecrets looks for plaintext, ciphertext and tokens in all that
// the cryptographic operations add to events.
func TestEventsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	grant := do[kms.CreateGrantOutput](s, root(), "CreateGrant", &kms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/test"), Operations: []kmstypes.GrantOperation{"Decrypt"},
	})
	tokens := []string{*grant.GrantToken}
	blob := do[kms.EncryptOutput](s, root(), "Encrypt", &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("secret"), GrantTokens: tokens}).CiphertextBlob
	check := func(operation string) {
		t.Helper()
		text := strings.ToLower(cmp.Diff(api.Event{}, s.last))
		for _, bad := range []string{"secret", "plaintext\"", "ciphertext", "token", strings.ToLower(tokens[0])} {
			if strings.Contains(text, bad) {
				t.Errorf("%s: the event has %s", operation, bad)
			}
		}
		if s.last.Additional["keyMaterialId"] != *k.CurrentKeyMaterialId {
			t.Errorf("%s: the event does not name the key material: %v", operation, s.last.Additional)
		}
	}
	check("Encrypt")
	do[kms.DecryptOutput](s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: blob, GrantTokens: tokens})
	check("Decrypt")
	do[kms.GenerateDataKeyOutput](s, root(), "GenerateDataKey", &kms.GenerateDataKeyInput{KeyId: k.KeyId, NumberOfBytes: aws.Int32(6), GrantTokens: tokens})
	check("GenerateDataKey")
}

func FuzzParseCiphertext(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{1}, minCiphertext))
	h := header{account: account, keyID: "1234abcd-12ab-34cd-56ef-1234567890ab", materialID: strings.Repeat("0f", 32)}
	f.Add(append(h.append(nil), make([]byte, 64)...))
	h.keyID = "mrk-1234abcd12ab34cd56ef1234567890ab"
	f.Add(append(h.append(nil), make([]byte, 64)...))
	f.Fuzz(func(t *testing.T, blob []byte) {
		h, head, body, ok := parseCiphertext(blob)
		if !ok {
			return
		}
		if !isKeyID(h.keyID) || !isAccount(h.account) || len(h.materialID) != 64 {
			t.Fatalf("parsed %+v", h)
		}
		if !bytes.Equal(h.append(nil), head) || !bytes.Equal(append(bytes.Clone(head), body...), blob) {
			t.Fatal("what was parsed is not what was there")
		}
	})
}
