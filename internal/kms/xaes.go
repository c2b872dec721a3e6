package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
)

const (
	materialSize = 32
	nonceSize    = 24
)

var errOpen = errors.New("kms: message authentication failed")

// xaes is XAES-256-GCM (C2SP, "XAES-256-GCM"): AES-256-GCM whose key is derived
// from the key material and half of a 192-bit nonce. Nonces can be random for
// as many messages as anybody will ever encrypt; plain GCM's 96 bits would not
// do for a key that lives for years.
type xaes struct {
	block cipher.Block
	k1    [aes.BlockSize]byte
}

func newXAES(material []byte) (*xaes, error) {
	if len(material) != materialSize {
		return nil, errors.New("kms: key material has the wrong size")
	}
	block, err := aes.NewCipher(material)
	if err != nil {
		return nil, err
	}
	x := &xaes{block: block}
	block.Encrypt(x.k1[:], x.k1[:])
	var carry byte
	for i := len(x.k1) - 1; i >= 0; i-- {
		next := x.k1[i] >> 7
		x.k1[i] = x.k1[i]<<1 | carry
		carry = next
	}
	x.k1[15] ^= carry * 0x87
	return x, nil
}

// derive gives the AEAD for the first half of a nonce.
func (x *xaes) derive(nonce []byte) (cipher.AEAD, error) {
	var key [materialSize]byte
	for i := range 2 {
		half := key[i*aes.BlockSize : (i+1)*aes.BlockSize]
		half[1], half[2] = byte(i+1), 'X'
		copy(half[4:], nonce[:12])
		for j := range half {
			half[j] ^= x.k1[j]
		}
		x.block.Encrypt(half, half)
	}
	block, err := aes.NewCipher(key[:])
	clear(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal appends the sealed plaintext to dst.
func (x *xaes) seal(dst, nonce, plaintext, aad []byte) ([]byte, error) {
	aead, err := x.derive(nonce)
	if err != nil {
		return nil, err
	}
	return aead.Seal(dst, nonce[12:nonceSize], plaintext, aad), nil
}

func (x *xaes) open(nonce, sealed, aad []byte) ([]byte, error) {
	aead, err := x.derive(nonce)
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, nonce[12:nonceSize], sealed, aad)
	if err != nil {
		return nil, errOpen
	}
	return plaintext, nil
}
