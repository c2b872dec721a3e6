package kms

import (
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) agreementOperations() []api.Operation {
	return []api.Operation{
		api.Read("DeriveSharedSecret", descriptor[kms.DeriveSharedSecretInput]{
			action: "DeriveSharedSecret", forms: cryptographic,
			key:   func(in *kms.DeriveSharedSecretInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.DeriveSharedSecretInput) error { return s.checkTokens(in.GrantTokens) },
			fill: func(_ *api.Call, in *kms.DeriveSharedSecretInput, k *access.Context) {
				k.Set("kms:KeyAgreementAlgorithm", string(in.KeyAgreementAlgorithm))
			},
			parameters: func(in *kms.DeriveSharedSecretInput) map[string]any {
				p := contextParameters(nil, in.DryRun)
				p["keyId"], p["keyAgreementAlgorithm"] = value(in.KeyId), string(in.KeyAgreementAlgorithm)
				return p
			},
		}.on(s), s.deriveSharedSecret),
	}
}

func (s *Service) deriveSharedSecret(c *api.Call, in *kms.DeriveSharedSecretInput) (*kms.DeriveSharedSecretOutput, error) {
	t, err := s.enabled(c, in.KeyId)
	if err == nil {
		err = t.key.usedFor(kmstypes.KeyUsageTypeKeyAgreement, c.Operation)
	}
	if err == nil {
		err = has(t.key, kinds[t.key.Spec].agreement, in.KeyAgreementAlgorithm)
	}
	if err != nil {
		return nil, err
	}
	if in.Recipient != nil {
		return nil, noRecipient()
	}
	secret, err := s.sharedSecret(t, in.PublicKey)
	if err != nil {
		return nil, err
	}
	return &kms.DeriveSharedSecretOutput{
		KeyId: aws.String(t.arn), KeyAgreementAlgorithm: in.KeyAgreementAlgorithm, KeyOrigin: t.key.Origin, SharedSecret: secret,
	}, nil
}

// sharedSecret is ECDH's: the x coordinate of the common point.
func (s *Service) sharedSecret(t target, peer []byte) ([]byte, error) {
	private, err := s.openMaterial(t.arn, t.key.Material)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("kms: private key of %s: %w", t.arn, err)
	}
	k, err := parsed.(*ecdsa.PrivateKey).ECDH()
	if err != nil {
		return nil, fmt.Errorf("kms: private key of %s: %w", t.arn, err)
	}
	parsed, err = x509.ParsePKIXPublicKey(peer)
	if err != nil {
		return nil, validation("") // AWS says no more
	}
	theirs, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, validation("")
	}
	point, err := theirs.ECDH()
	if err != nil {
		return nil, validation("")
	}
	secret, err := k.ECDH(point)
	if err != nil {
		return nil, validation("") // of another curve
	}
	return secret, nil
}
