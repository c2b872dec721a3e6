package kms

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// keyPair is a pair of keys in the forms in which they are kept and handed out:
// the private one as PKCS #8, the public one as X.509 SubjectPublicKeyInfo, both DER.
type keyPair struct{ private, public []byte }

// clear forgets the private key.
func (p *keyPair) clear() { clear(p.private) }

// newKeyPair makes a pair. It takes its randomness from the system, as Go's
// generators do: RSA's takes up to seconds.
func newKeyPair(spec kmstypes.KeySpec) (keyPair, error) {
	d := kinds[spec]
	switch {
	case d.bits != 0:
		k, err := rsa.GenerateKey(rand.Reader, d.bits)
		if err != nil {
			return keyPair{}, fmt.Errorf("kms: RSA key: %w", err)
		}
		return encodePair(k, k.Public())
	case d.curve != nil:
		k, err := ecdsa.GenerateKey(d.curve, rand.Reader)
		if err != nil {
			return keyPair{}, fmt.Errorf("kms: EC key: %w", err)
		}
		return encodePair(k, k.Public())
	case d.edwards:
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return keyPair{}, fmt.Errorf("kms: Ed25519 key: %w", err)
		}
		return encodePair(private, public)
	case d.koblitz:
		return newKoblitzPair()
	}
	return keyPair{}, fmt.Errorf("kms: %s is no pair of keys", spec)
}

func encodePair(private, public any) (p keyPair, err error) {
	if p.private, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		return keyPair{}, err
	}
	p.public, err = x509.MarshalPKIXPublicKey(public)
	return p, err
}

var errKeyPair = errors.New("kms: not a private key of that spec")

// parsePair reads somebody's private key, which must be of the spec, and writes
// it in our own form.
func parsePair(spec kmstypes.KeySpec, der []byte) (keyPair, error) {
	d := kinds[spec]
	if d.koblitz {
		return parseKoblitzPair(der)
	}
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return keyPair{}, errKeyPair
	}
	switch k := k.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() == d.bits && len(k.Primes) == 2 {
			return encodePair(k, k.Public())
		}
	case *ecdsa.PrivateKey:
		if k.Curve == d.curve && d.curve != elliptic.Curve(nil) {
			return encodePair(k, k.Public())
		}
	case ed25519.PrivateKey:
		if d.edwards {
			return encodePair(k, k.Public())
		}
	}
	return keyPair{}, errKeyPair
}
