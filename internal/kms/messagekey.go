package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
)

const (
	materialSize = 32
	// A nonce is the salt of the message's key, then GCM's own nonce.
	saltSize  = 16
	nonceSize = saltSize + 12
)

var errOpen = errors.New("kms: message authentication failed")

// messageKeys encrypts under a key material: every message has an AES-256-GCM
// key of its own, derived with HKDF, as KMS derives one (AWS KMS Cryptographic
// Details, "Symmetric key encryption"). GCM's 96 bits of nonce alone would not
// do for random nonces under a key that lives for years.
type messageKeys struct {
	prk []byte
}

func newMessageKeys(material []byte) (*messageKeys, error) {
	if len(material) != materialSize {
		return nil, errors.New("kms: key material has the wrong size")
	}
	prk, err := hkdf.Extract(sha256.New, material, nil)
	if err != nil {
		return nil, err
	}
	return &messageKeys{prk: prk}, nil
}

// aead is the cipher of the message with that salt.
func (m *messageKeys) aead(salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Expand(sha256.New, m.prk, "keyturn kms message "+string(salt), 32)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal appends the sealed plaintext to dst.
func (m *messageKeys) seal(dst, nonce, plaintext, aad []byte) ([]byte, error) {
	aead, err := m.aead(nonce[:saltSize])
	if err != nil {
		return nil, err
	}
	return aead.Seal(dst, nonce[saltSize:nonceSize], plaintext, aad), nil
}

func (m *messageKeys) open(nonce, sealed, aad []byte) ([]byte, error) {
	aead, err := m.aead(nonce[:saltSize])
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, nonce[saltSize:nonceSize], sealed, aad)
	if err != nil {
		return nil, errOpen
	}
	return plaintext, nil
}
