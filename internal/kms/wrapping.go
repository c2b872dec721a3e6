package kms

import (
	"crypto"
	"crypto/rsa"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/tink-crypto/tink-go/v2/kwp/subtle"
)

// wrapping is a way in which key material is encrypted for its import (KMS
// guide, "Select a wrapping algorithm"): with RSA-OAEP itself, or, in two steps,
// an AES-256 key with RSA-OAEP and the material under that with AES-KWP (RFC 5649).
type wrapping struct {
	hash     crypto.Hash
	twoSteps bool
}

var wrappings = map[kmstypes.AlgorithmSpec]wrapping{
	kmstypes.AlgorithmSpecRsaesOaepSha1:       {hash: crypto.SHA1},
	kmstypes.AlgorithmSpecRsaesOaepSha256:     {hash: crypto.SHA256},
	kmstypes.AlgorithmSpecRsaAesKeyWrapSha1:   {hash: crypto.SHA1, twoSteps: true},
	kmstypes.AlgorithmSpecRsaAesKeyWrapSha256: {hash: crypto.SHA256, twoSteps: true},
}

// unwrap decrypts key material, which is the caller's to clear. Whatever is wrong
// with it, the answer is the same.
func (w wrapping) unwrap(k *rsa.PrivateKey, wrapped []byte) ([]byte, error) {
	if !w.twoSteps {
		return w.open(k, wrapped)
	}
	if len(wrapped) <= k.Size() {
		return nil, invalidCiphertext()
	}
	wrappingKey, err := w.open(k, wrapped[:k.Size()])
	if err != nil {
		return nil, err
	}
	defer clear(wrappingKey)
	kwp, err := subtle.NewKWP(wrappingKey)
	if err != nil {
		return nil, invalidCiphertext()
	}
	secret, err := kwp.Unwrap(wrapped[k.Size():])
	if err != nil {
		return nil, invalidCiphertext()
	}
	return secret, nil
}

func (w wrapping) open(k *rsa.PrivateKey, wrapped []byte) ([]byte, error) {
	secret, err := rsa.DecryptOAEP(w.hash.New(), nil, k, wrapped, nil)
	if err != nil {
		return nil, invalidCiphertext()
	}
	return secret, nil
}
