package kms

import (
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) dataKeyOperations() []api.Operation {
	return []api.Operation{
		api.Read("GenerateDataKey", descriptor[kms.GenerateDataKeyInput]{
			action: "GenerateDataKey", forms: cryptographic,
			key: func(in *kms.GenerateDataKeyInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.GenerateDataKeyInput) error {
				return s.checkDataKey(in.KeySpec, in.NumberOfBytes, in.GrantTokens)
			},
			fill: func(_ *api.Call, in *kms.GenerateDataKeyInput, k *access.Context) {
				setEncryptionContext(k, in.EncryptionContext)
			},
			parameters: func(in *kms.GenerateDataKeyInput) map[string]any {
				return dataKeyParameters(in.KeyId, in.EncryptionContext, in.KeySpec, in.NumberOfBytes, in.DryRun)
			},
		}.on(s), s.generateDataKey),
		api.Read("GenerateDataKeyWithoutPlaintext", descriptor[kms.GenerateDataKeyWithoutPlaintextInput]{
			action: "GenerateDataKeyWithoutPlaintext", forms: cryptographic,
			key: func(in *kms.GenerateDataKeyWithoutPlaintextInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.GenerateDataKeyWithoutPlaintextInput) error {
				return s.checkDataKey(in.KeySpec, in.NumberOfBytes, in.GrantTokens)
			},
			fill: func(_ *api.Call, in *kms.GenerateDataKeyWithoutPlaintextInput, k *access.Context) {
				setEncryptionContext(k, in.EncryptionContext)
			},
			parameters: func(in *kms.GenerateDataKeyWithoutPlaintextInput) map[string]any {
				return dataKeyParameters(in.KeyId, in.EncryptionContext, in.KeySpec, in.NumberOfBytes, in.DryRun)
			},
		}.on(s), s.generateDataKeyWithoutPlaintext),
		api.Read("GenerateRandom", anywhere[kms.GenerateRandomInput]("GenerateRandom", nil), generateRandom),
	}
}

// checkDataKey wants exactly one way of telling a data key's length.
func (s *Service) checkDataKey(spec kmstypes.DataKeySpec, bytes *int32, tokens []string) error {
	if (spec == "") == (bytes == nil) {
		return validation("Please specify either number of bytes or key spec.")
	}
	return s.checkTokens(tokens)
}

func dataKeyParameters(keyID *string, context map[string]string, spec kmstypes.DataKeySpec, bytes *int32, dryRun *bool) map[string]any {
	p := contextParameters(context, dryRun)
	p["keyId"] = value(keyID)
	if spec != "" {
		p["keySpec"] = string(spec)
	}
	if bytes != nil {
		p["numberOfBytes"] = *bytes
	}
	return p
}

// dataKeyMaker finds a key under which data keys can be made: a symmetric
// encryption key.
func (s *Service) dataKeyMaker(c *api.Call, ref *string) (target, error) {
	t, err := s.enabled(c, ref)
	if err == nil {
		err = t.key.encrypts(symmetricDefault, c.Operation)
	}
	return t, err
}

// dataKey makes a data key and encrypts it. The plaintext is the caller's to clear.
func (s *Service) dataKey(c *api.Call, keyID *string, context map[string]string, spec kmstypes.DataKeySpec, bytes *int32) (t target, plaintext, blob []byte, err error) {
	if t, err = s.dataKeyMaker(c, keyID); err != nil {
		return t, nil, nil, err
	}
	size := value(bytes)
	switch spec {
	case kmstypes.DataKeySpecAes256:
		size = 32
	case kmstypes.DataKeySpecAes128:
		size = 16
	}
	plaintext = make([]byte, size)
	if _, err := io.ReadFull(c.Rand, plaintext); err != nil {
		return t, nil, nil, fmt.Errorf("kms: no randomness: %w", err)
	}
	if blob, err = s.encrypt(c, t, plaintext, context); err != nil {
		return t, nil, nil, err
	}
	logMaterial(c, t.key.Material.ID)
	return t, plaintext, blob, nil
}

func (s *Service) generateDataKey(c *api.Call, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	t, plaintext, blob, err := s.dataKey(c, in.KeyId, in.EncryptionContext, in.KeySpec, in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	if in.Recipient != nil {
		clear(plaintext)
		return nil, noRecipient()
	}
	return &kms.GenerateDataKeyOutput{
		KeyId: aws.String(t.arn), KeyMaterialId: aws.String(t.key.Material.ID), Plaintext: plaintext, CiphertextBlob: blob,
	}, nil
}

func (s *Service) generateDataKeyWithoutPlaintext(c *api.Call, in *kms.GenerateDataKeyWithoutPlaintextInput) (*kms.GenerateDataKeyWithoutPlaintextOutput, error) {
	t, plaintext, blob, err := s.dataKey(c, in.KeyId, in.EncryptionContext, in.KeySpec, in.NumberOfBytes)
	clear(plaintext)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyWithoutPlaintextOutput{
		KeyId: aws.String(t.arn), KeyMaterialId: aws.String(t.key.Material.ID), CiphertextBlob: blob,
	}, nil
}

func generateRandom(c *api.Call, in *kms.GenerateRandomInput) (*kms.GenerateRandomOutput, error) {
	switch {
	case in.NumberOfBytes == nil:
		return nil, validation("NumberOfBytes is required.")
	case in.CustomKeyStoreId != nil:
		return nil, &kmstypes.CustomKeyStoreNotFoundException{}
	case in.Recipient != nil:
		return nil, noRecipient()
	}
	b := make([]byte, *in.NumberOfBytes)
	if _, err := io.ReadFull(c.Rand, b); err != nil {
		return nil, fmt.Errorf("kms: no randomness: %w", err)
	}
	c.Event.RequestParameters = map[string]any{"numberOfBytes": *in.NumberOfBytes}
	return &kms.GenerateRandomOutput{Plaintext: b}, nil
}
