package kms

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// sealOAEP encrypts under the public key of an RSA key. The ciphertext is RSA's
// own, and names no key.
func sealOAEP(t target, a kmstypes.EncryptionAlgorithmSpec, plaintext []byte) ([]byte, error) {
	parsed, err := x509.ParsePKIXPublicKey(t.key.Material.Public)
	if err != nil {
		return nil, fmt.Errorf("kms: public key of %s: %w", t.arn, err)
	}
	k, hash := parsed.(*rsa.PublicKey), hashOf(a)
	if most := k.Size() - 2*hash.Size() - 2; len(plaintext) > most {
		return nil, validation("Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", a, t.key.Spec, most)
	}
	return rsa.EncryptOAEP(hash.New(), rand.Reader, k, plaintext, nil)
}

// openOAEP decrypts. Whatever is wrong with the ciphertext, the answer is the same.
func (s *Service) openOAEP(t target, a kmstypes.EncryptionAlgorithmSpec, blob []byte) ([]byte, error) {
	private, err := s.openMaterial(t.arn, t.key.Material)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("kms: private key of %s: %w", t.arn, err)
	}
	plaintext, err := rsa.DecryptOAEP(hashOf(a).New(), nil, parsed.(*rsa.PrivateKey), blob, nil)
	if err != nil {
		return nil, invalidCiphertext()
	}
	return plaintext, nil
}
