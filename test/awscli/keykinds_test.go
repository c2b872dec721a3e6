//go:build awscli

package awscli

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"
)

// bytesOf runs a line that prints base64.
func (p *person) bytesOf(line string) []byte {
	p.s.t.Helper()
	b, err := base64.StdEncoding.DecodeString(p.does(line))
	if err != nil {
		p.s.t.Fatalf("%s prints no base64: %v", line, err)
	}
	return b
}

// file writes a file for a command to read.
func file(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return "fileb://" + path
}

// TestImportedKey gives a key its material with the CLI, wrapped by Go, and takes
// it away again: an instance starts and does not.
func TestImportedKey(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	root := s.root()
	key := root.does("aws kms create-key --origin EXTERNAL --query KeyMetadata.Arn --output text")
	material := make([]byte, 32)
	if _, err := rand.Read(material); err != nil {
		t.Fatal(err)
	}
	load := func() {
		t.Helper()
		var p struct{ PublicKey, ImportToken []byte }
		root.reads("aws kms get-parameters-for-import --key-id "+key+" --wrapping-algorithm RSAES_OAEP_SHA_256 --wrapping-key-spec RSA_2048", &p)
		public, err := x509.ParsePKIXPublicKey(p.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), material, nil)
		if err != nil {
			t.Fatal(err)
		}
		root.does("aws kms import-key-material --key-id " + key + " --import-token " + file(t, p.ImportToken) + " --encrypted-key-material " + file(t, wrapped) + " --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE")
	}
	load()
	id := root.stopped(encrypted(key))
	root.does("aws kms delete-imported-key-material --key-id " + key)
	if got := root.does("aws kms describe-key --key-id " + key + " --query KeyMetadata.KeyState --output text"); got != "PendingImport" {
		t.Errorf("the key is %s", got)
	}
	root.starts(id, "stopped", root)
	root.fails("aws kms enable-key --key-id "+key, "KMSInvalidStateException")
	load()
	root.starts(id, "running", root)
}

// TestSignaturesByCLI verifies with Go what the CLI had signed, under the public
// key that the CLI got.
func TestSignaturesByCLI(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	root := s.root()
	message := []byte("a message")
	key := root.does("aws kms create-key --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY --query KeyMetadata.KeyId --output text")
	public, err := x509.ParsePKIXPublicKey(root.bytesOf("aws kms get-public-key --key-id " + key + " --query PublicKey --output text"))
	if err != nil {
		t.Fatal(err)
	}
	signature := root.bytesOf("aws kms sign --key-id " + key + " --message " + file(t, message) + " --signing-algorithm ECDSA_SHA_256 --query Signature --output text")
	digest := sha256.Sum256(message)
	if !ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], signature) {
		t.Error("the signature is not good")
	}
	verify := "aws kms verify --key-id " + key + " --signing-algorithm ECDSA_SHA_256 --signature " + file(t, signature) + " --message "
	if got := root.does(verify + file(t, message) + " --query SignatureValid"); got != "true" {
		t.Errorf("verify prints %s", got)
	}
	root.fails(verify+file(t, []byte("another")), "KMSInvalidSignatureException")
}
