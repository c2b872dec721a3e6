package kms

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// importTime is how long an import token is good (KMS API reference,
// "GetParametersForImport").
const importTime = 24 * time.Hour

// importToken is what is in an import token, sealed under the root key for one
// key: nothing of it is kept here.
type importToken struct {
	Algorithm kmstypes.AlgorithmSpec
	Wrapping  []byte // the private wrapping key, PKCS #8
	ValidTo   time.Time
}

const importPurpose = "kms.import-token"

// wrappingBits are the sizes of the wrapping keys that are built.
var wrappingBits = map[kmstypes.WrappingKeySpec]int{
	kmstypes.WrappingKeySpecRsa2048: 2048, kmstypes.WrappingKeySpecRsa3072: 3072, kmstypes.WrappingKeySpecRsa4096: 4096,
}

func (s *Service) importOperations() []api.Operation {
	return []api.Operation{
		api.Read("GetParametersForImport", descriptor[kms.GetParametersForImportInput]{
			action: "GetParametersForImport",
			key:    func(in *kms.GetParametersForImportInput) *string { return in.KeyId },
			fill: func(_ *api.Call, in *kms.GetParametersForImportInput, k *access.Context) {
				k.Set("kms:WrappingAlgorithm", string(in.WrappingAlgorithm))
				k.Set("kms:WrappingKeySpec", string(in.WrappingKeySpec))
			},
			parameters: func(in *kms.GetParametersForImportInput) map[string]any {
				return map[string]any{
					"keyId": value(in.KeyId), "wrappingAlgorithm": string(in.WrappingAlgorithm), "wrappingKeySpec": string(in.WrappingKeySpec),
				}
			},
		}.on(s), s.getParametersForImport),
		api.Op("ImportKeyMaterial", descriptor[kms.ImportKeyMaterialInput]{
			action: "ImportKeyMaterial",
			key:    func(in *kms.ImportKeyMaterialInput) *string { return in.KeyId },
			check:  checkImport, fill: setImportContext, parameters: importParameters,
		}.on(s), s.importKeyMaterial),
		api.Op("DeleteImportedKeyMaterial", descriptor[kms.DeleteImportedKeyMaterialInput]{
			action: "DeleteImportedKeyMaterial",
			key:    func(in *kms.DeleteImportedKeyMaterialInput) *string { return in.KeyId },
		}.on(s), s.deleteImportedKeyMaterial),
	}
}

// importable finds a key for an operation on imported key material.
func (s *Service) importable(c *api.Call, ref *string) (target, error) {
	t, err := s.changeable(c, ref)
	if err == nil && t.key.Origin != kmstypes.OriginTypeExternal {
		err = wrongOrigin(t.key)
	}
	return t, err
}

func (s *Service) getParametersForImport(c *api.Call, in *kms.GetParametersForImportInput) (*kms.GetParametersForImportOutput, error) {
	t, err := s.importable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.key.not(kmstypes.KeyStatePendingDeletion, kmstypes.KeyStatePendingReplicaDeletion, kmstypes.KeyStateCreating); err != nil {
		return nil, err
	}
	bits := wrappingBits[in.WrappingKeySpec]
	w, known := wrappings[in.WrappingAlgorithm]
	if !known || bits == 0 {
		// RSAES_PKCS1_V1_5 AWS gave up in 2023; SM2 it has in China only.
		return nil, unsupported("Wrapping algorithm %s with wrapping key spec %s is not supported.", in.WrappingAlgorithm, in.WrappingKeySpec)
	}
	if !w.twoSteps && kinds[t.key.Spec].bits != 0 {
		// An RSA private key is longer than what OAEP takes.
		return nil, unsupported("Wrapping algorithm %s is not supported for key spec %s.", in.WrappingAlgorithm, t.key.Spec)
	}
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("kms: wrapping key: %w", err)
	}
	pair, err := encodePair(k, k.Public())
	if err != nil {
		return nil, err
	}
	defer pair.clear()
	validTo := c.Now.Add(importTime)
	token, err := s.sealImportToken(t.arn, importToken{Algorithm: in.WrappingAlgorithm, Wrapping: pair.private, ValidTo: validTo})
	if err != nil {
		return nil, err
	}
	return &kms.GetParametersForImportOutput{
		KeyId: aws.String(t.arn), PublicKey: pair.public, ImportToken: token, ParametersValidTo: aws.Time(validTo),
	}, nil
}

func (s *Service) sealImportToken(arn string, token importToken) ([]byte, error) {
	plain, err := json.Marshal(token)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return s.root.Seal(importPurpose, plain, []byte(arn)), nil
}

// openImportToken reads a token of this key's. Its wrapping key is the caller's
// to clear.
func (s *Service) openImportToken(c *api.Call, arn string, sealed []byte) (importToken, error) {
	var token importToken
	plain, err := s.root.Open(importPurpose, sealed, []byte(arn))
	if err == nil {
		defer clear(plain)
		err = json.Unmarshal(plain, &token)
	}
	switch {
	case err != nil:
		return token, &kmstypes.InvalidImportTokenException{}
	case !c.Now.Before(token.ValidTo):
		clear(token.Wrapping)
		return token, &kmstypes.ExpiredImportTokenException{}
	}
	return token, nil
}

// wrappingKey is the private key in a token.
func (t importToken) wrappingKey() (*rsa.PrivateKey, error) {
	k, err := x509.ParsePKCS8PrivateKey(t.Wrapping)
	if err != nil {
		return nil, err
	}
	return k.(*rsa.PrivateKey), nil
}
