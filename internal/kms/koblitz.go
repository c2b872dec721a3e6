package kms

import (
	"crypto/x509/pkix"
	"encoding/asn1"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// The curve secp256k1, which Go's own packages do not know: the arithmetic is
// Decred's, the encodings are those of RFC 5480 and RFC 5915.

var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSecp256k1   = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
)

// publicKeyInfo is X.509's SubjectPublicKeyInfo.
type publicKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	PublicKey asn1.BitString
}

// privateKeyInfo is the PrivateKeyInfo of PKCS #8; attributes are passed over.
type privateKeyInfo struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte
	Attributes asn1.RawValue `asn1:"optional,tag:0"`
}

// ecPrivateKey is RFC 5915's ECPrivateKey.
type ecPrivateKey struct {
	Version    int
	PrivateKey []byte
	Parameters asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

func koblitzAlgorithm() (pkix.AlgorithmIdentifier, error) {
	curve, err := asn1.Marshal(oidSecp256k1)
	return pkix.AlgorithmIdentifier{Algorithm: oidECPublicKey, Parameters: asn1.RawValue{FullBytes: curve}}, err
}

func isKoblitz(a pkix.AlgorithmIdentifier) bool {
	var curve asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(a.Parameters.FullBytes, &curve)
	return err == nil && len(rest) == 0 && a.Algorithm.Equal(oidECPublicKey) && curve.Equal(oidSecp256k1)
}

func newKoblitzPair() (keyPair, error) {
	k, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		return keyPair{}, err
	}
	defer k.Zero()
	return encodeKoblitzPair(k)
}

func encodeKoblitzPair(k *secp256k1.PrivateKey) (keyPair, error) {
	algorithm, err := koblitzAlgorithm()
	if err != nil {
		return keyPair{}, err
	}
	secret := k.Serialize()
	defer clear(secret)
	point := asn1.BitString{Bytes: k.PubKey().SerializeUncompressed(), BitLength: 8 * secp256k1.PubKeyBytesLenUncompressed}
	inner, err := asn1.Marshal(ecPrivateKey{Version: 1, PrivateKey: secret, PublicKey: point})
	if err != nil {
		return keyPair{}, err
	}
	defer clear(inner)
	var p keyPair
	if p.private, err = asn1.Marshal(privateKeyInfo{Algorithm: algorithm, PrivateKey: inner}); err != nil {
		return keyPair{}, err
	}
	p.public, err = asn1.Marshal(publicKeyInfo{Algorithm: algorithm, PublicKey: point})
	return p, err
}

// parseKoblitz reads a private key in PKCS #8. It is the caller's to zero.
func parseKoblitz(der []byte) (*secp256k1.PrivateKey, error) {
	var outer privateKeyInfo
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 || !isKoblitz(outer.Algorithm) {
		return nil, errKeyPair
	}
	var inner ecPrivateKey
	if rest, err := asn1.Unmarshal(outer.PrivateKey, &inner); err != nil || len(rest) > 0 || inner.Version != 1 {
		return nil, errKeyPair
	}
	defer clear(inner.PrivateKey)
	var scalar secp256k1.ModNScalar
	if len(inner.PrivateKey) != secp256k1.PrivKeyBytesLen || scalar.SetByteSlice(inner.PrivateKey) || scalar.IsZero() {
		return nil, errKeyPair
	}
	return secp256k1.NewPrivateKey(&scalar), nil
}

func parseKoblitzPair(der []byte) (keyPair, error) {
	k, err := parseKoblitz(der)
	if err != nil {
		return keyPair{}, err
	}
	defer k.Zero()
	return encodeKoblitzPair(k)
}

// signKoblitz signs a digest, ECDSA in DER.
func signKoblitz(der, digest []byte) ([]byte, error) {
	k, err := parseKoblitz(der)
	if err != nil {
		return nil, err
	}
	defer k.Zero()
	return ecdsa.Sign(k, digest).Serialize(), nil
}

// verifyKoblitz verifies a signature of a digest under a SubjectPublicKeyInfo.
func verifyKoblitz(der, digest, signature []byte) (bool, error) {
	var info publicKeyInfo
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 || !isKoblitz(info.Algorithm) {
		return false, errKeyPair
	}
	k, err := secp256k1.ParsePubKey(info.PublicKey.Bytes)
	if err != nil {
		return false, errKeyPair
	}
	s, err := ecdsa.ParseDERSignature(signature)
	return err == nil && s.Verify(digest, k), nil
}
