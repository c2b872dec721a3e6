package kms

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) publicKeyOperations() []api.Operation {
	return []api.Operation{
		api.Read("GetPublicKey", descriptor[kms.GetPublicKeyInput]{
			action: "GetPublicKey", forms: cryptographic,
			key:   func(in *kms.GetPublicKeyInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.GetPublicKeyInput) error { return s.checkTokens(in.GrantTokens) },
			parameters: func(in *kms.GetPublicKeyInput) map[string]any {
				return map[string]any{"keyId": value(in.KeyId)}
			},
		}.on(s), s.getPublicKey),
	}
}

func (s *Service) getPublicKey(c *api.Call, in *kms.GetPublicKeyInput) (*kms.GetPublicKeyOutput, error) {
	t, err := s.enabled(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if !kinds[t.key.Spec].pair() {
		// AWS documents the error, not its words.
		return nil, unsupported("%s key spec is %s which is not valid for this operation.", t.arn, t.key.Spec)
	}
	var m kmstypes.KeyMetadata
	t.key.showAlgorithms(&m)
	return &kms.GetPublicKeyOutput{
		KeyId: aws.String(t.arn), PublicKey: t.key.Material.Public,
		KeySpec: t.key.Spec, CustomerMasterKeySpec: kmstypes.CustomerMasterKeySpec(t.key.Spec), KeyUsage: t.key.Usage,
		EncryptionAlgorithms: m.EncryptionAlgorithms, SigningAlgorithms: m.SigningAlgorithms, KeyAgreementAlgorithms: m.KeyAgreementAlgorithms,
	}, nil
}
