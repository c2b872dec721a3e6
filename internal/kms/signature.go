package kms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// signed is what a signature is of: what Sign and Verify are given.
type signed struct {
	algorithm kmstypes.SigningAlgorithmSpec
	kind      kmstypes.MessageType
	message   []byte
}

// check refuses messages that the algorithm cannot take (KMS API reference,
// "Sign", Message and MessageType).
func (m signed) check() error {
	switch {
	case m.kind == kmstypes.MessageTypeExternalMu,
		m.algorithm == kmstypes.SigningAlgorithmSpecEd25519Sha512 && m.kind == kmstypes.MessageTypeDigest,
		m.algorithm == kmstypes.SigningAlgorithmSpecEd25519PhSha512 && m.kind != kmstypes.MessageTypeDigest:
		return validation("MessageType %s is not supported for algorithm %s.", m.messageType(), m.algorithm)
	case m.kind == kmstypes.MessageTypeDigest && len(m.message) != hashOf(m.algorithm).Size():
		return validation("Digest is invalid length for algorithm %s.", m.algorithm)
	}
	return nil
}

// messageType is RAW unless the request says otherwise.
func (m signed) messageType() kmstypes.MessageType {
	if m.kind == "" {
		return kmstypes.MessageTypeRaw
	}
	return m.kind
}

// digest is what goes through the signature's arithmetic. Ed25519 hashes the
// message in its own way.
func (m signed) digest() []byte {
	if m.messageType() != kmstypes.MessageTypeRaw || m.algorithm == kmstypes.SigningAlgorithmSpecEd25519Sha512 {
		return m.message
	}
	h := hashOf(m.algorithm).New()
	h.Write(m.message)
	return h.Sum(nil)
}

// options are those of Go's signers.
func (m signed) options() crypto.SignerOpts {
	hash := hashOf(m.algorithm)
	switch {
	case m.algorithm == kmstypes.SigningAlgorithmSpecEd25519Sha512:
		return crypto.Hash(0)
	case strings.HasPrefix(string(m.algorithm), "RSASSA_PSS_"):
		// The salt is as long as the digest (KMS guide, "RSA key specs").
		return &rsa.PSSOptions{Hash: hash, SaltLength: rsa.PSSSaltLengthEqualsHash}
	default:
		return hash
	}
}

// sign makes a signature with a private key in PKCS #8.
func (m signed) sign(spec kmstypes.KeySpec, private []byte) ([]byte, error) {
	if kinds[spec].koblitz {
		return signKoblitz(private, m.digest())
	}
	k, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("kms: private key: %w", err)
	}
	return k.(crypto.Signer).Sign(rand.Reader, m.digest(), m.options())
}

// verify reports whether a signature is good under a public key, a
// SubjectPublicKeyInfo.
func (m signed) verify(spec kmstypes.KeySpec, public, signature []byte) (bool, error) {
	if kinds[spec].koblitz {
		return verifyKoblitz(public, m.digest(), signature)
	}
	k, err := x509.ParsePKIXPublicKey(public)
	if err != nil {
		return false, fmt.Errorf("kms: public key: %w", err)
	}
	switch k := k.(type) {
	case *rsa.PublicKey:
		if o, pss := m.options().(*rsa.PSSOptions); pss {
			return rsa.VerifyPSS(k, o.Hash, m.digest(), signature, o) == nil, nil
		}
		return rsa.VerifyPKCS1v15(k, hashOf(m.algorithm), m.digest(), signature) == nil, nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, m.digest(), signature), nil
	case ed25519.PublicKey:
		o := &ed25519.Options{Hash: m.options().HashFunc()}
		return ed25519.VerifyWithOptions(k, m.digest(), signature, o) == nil, nil
	}
	return false, fmt.Errorf("kms: %T verifies nothing", k)
}
