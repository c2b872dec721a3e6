package ec2

import (
	"crypto/ed25519"
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/crypto/ssh"

	"github.com/keyturn/keyturn/internal/api"
)

// keyMaterial is a new key pair, or an imported one without its private key.
type keyMaterial struct {
	kind        types.KeyType
	private     string // PEM; must not outlive the request
	public      string // in OpenSSH's form, without a comment
	fingerprint string
}

const rsaBits = 2048

// newKeyMaterial makes a key pair in AWS's forms: RSA keys in PKCS #1, ED25519
// keys in OpenSSH's (EC2 guide, "Create a key pair").
func newKeyMaterial(kind types.KeyType, random io.Reader) (keyMaterial, error) {
	switch kind {
	case types.KeyTypeRsa:
		key, err := rsa.GenerateKey(random, rsaBits)
		if err != nil {
			return keyMaterial{}, fmt.Errorf("ec2: no RSA key: %w", err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return keyMaterial{}, fmt.Errorf("ec2: RSA key: %w", err)
		}
		sum := sha1.Sum(der)
		block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
		return finishMaterial(kind, block, key.Public(), colons(sum[:]))
	case types.KeyTypeEd25519:
		_, key, err := ed25519.GenerateKey(random)
		if err != nil {
			return keyMaterial{}, fmt.Errorf("ec2: no ED25519 key: %w", err)
		}
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			return keyMaterial{}, fmt.Errorf("ec2: ED25519 key: %w", err)
		}
		return finishMaterial(kind, block, key.Public(), "")
	default:
		return keyMaterial{}, invalidValue("Invalid value '%s' for keyType.", kind)
	}
}

// finishMaterial adds the public half. ED25519 keys have the fingerprint of
// their public key; that of an RSA key is of the private one and must be given.
func finishMaterial(kind types.KeyType, private *pem.Block, public any, fingerprint string) (keyMaterial, error) {
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return keyMaterial{}, fmt.Errorf("ec2: public key: %w", err)
	}
	if fingerprint == "" {
		fingerprint = sha256Fingerprint(key)
	}
	return keyMaterial{
		kind: kind, private: strings.TrimSuffix(string(pem.EncodeToMemory(private)), "\n"),
		public: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), fingerprint: fingerprint,
	}, nil
}

// readPublicKey takes a public key in one of the forms that ImportKeyPair
// allows: OpenSSH's, DER in base64, or RFC 4716's (EC2 guide, "Create a key pair
// using a third-party tool").
func readPublicKey(raw []byte) (keyMaterial, error) {
	key, err := parsePublicKey(raw)
	if err != nil {
		return keyMaterial{}, api.Error("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
	}
	m := keyMaterial{public: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))}
	public, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return keyMaterial{}, api.Error("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
	}
	switch public := public.CryptoPublicKey().(type) {
	case *rsa.PublicKey:
		if n := public.N.BitLen(); n != 1024 && n != 2048 && n != 4096 {
			return keyMaterial{}, api.Error("InvalidKeyPair.Format", fmt.Sprintf("Invalid DER encoded key material: RSA keys have 1024, 2048 or 4096 bits, not %d", n))
		}
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return keyMaterial{}, api.Error("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
		}
		sum := md5.Sum(der)
		m.kind, m.fingerprint = types.KeyTypeRsa, colons(sum[:])
	case ed25519.PublicKey:
		m.kind, m.fingerprint = types.KeyTypeEd25519, sha256Fingerprint(key)
	default:
		return keyMaterial{}, api.Error("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
	}
	return m, nil
}

func parsePublicKey(raw []byte) (ssh.PublicKey, error) {
	body := strings.TrimSpace(string(raw))
	if key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(body)); err == nil {
		return key, nil
	}
	blob, err := base64.StdEncoding.DecodeString(armored(body))
	if err != nil {
		return nil, err
	}
	if key, err := ssh.ParsePublicKey(blob); err == nil {
		return key, nil
	}
	public, err := x509.ParsePKIXPublicKey(blob)
	if err != nil {
		return nil, errors.New("ec2: not a public key")
	}
	return ssh.NewPublicKey(public)
}

// armored is the base64 of a key between its begin and end lines, without
// headers, which have a colon and may go on after a backslash (RFC 4716, 3.3).
func armored(body string) string {
	var b strings.Builder
	continued := false
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		header := continued || strings.Contains(line, ":")
		continued = header && strings.HasSuffix(line, `\`)
		if !header && !strings.HasPrefix(line, "----") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func sha256Fingerprint(key ssh.PublicKey) string {
	sum := sha256.Sum256(key.Marshal())
	return base64.StdEncoding.EncodeToString(sum[:])
}

// colons writes a digest as pairs of hex digits: 1f:51:ae:….
func colons(sum []byte) string {
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(pairs, ":")
}
