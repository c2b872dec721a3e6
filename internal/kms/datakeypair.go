package kms

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) dataKeyPairOperations() []api.Operation {
	return []api.Operation{
		api.Read("GenerateDataKeyPair", descriptor[kms.GenerateDataKeyPairInput]{
			action: "GenerateDataKeyPair", forms: cryptographic,
			key:   func(in *kms.GenerateDataKeyPairInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.GenerateDataKeyPairInput) error { return s.checkTokens(in.GrantTokens) },
			fill: func(_ *api.Call, in *kms.GenerateDataKeyPairInput, k *access.Context) {
				setPairContext(k, in.KeyPairSpec, in.EncryptionContext)
			},
			parameters: func(in *kms.GenerateDataKeyPairInput) map[string]any {
				return pairParameters(in.KeyId, in.KeyPairSpec, in.EncryptionContext, in.DryRun)
			},
		}.on(s), s.generateDataKeyPair),
		api.Read("GenerateDataKeyPairWithoutPlaintext", descriptor[kms.GenerateDataKeyPairWithoutPlaintextInput]{
			action: "GenerateDataKeyPairWithoutPlaintext", forms: cryptographic,
			key: func(in *kms.GenerateDataKeyPairWithoutPlaintextInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.GenerateDataKeyPairWithoutPlaintextInput) error {
				return s.checkTokens(in.GrantTokens)
			},
			fill: func(_ *api.Call, in *kms.GenerateDataKeyPairWithoutPlaintextInput, k *access.Context) {
				setPairContext(k, in.KeyPairSpec, in.EncryptionContext)
			},
			parameters: func(in *kms.GenerateDataKeyPairWithoutPlaintextInput) map[string]any {
				return pairParameters(in.KeyId, in.KeyPairSpec, in.EncryptionContext, in.DryRun)
			},
		}.on(s), s.generateDataKeyPairWithoutPlaintext),
	}
}

func setPairContext(k *access.Context, spec kmstypes.DataKeyPairSpec, context map[string]string) {
	setEncryptionContext(k, context)
	k.Set("kms:DataKeyPairSpec", string(spec))
}

func pairParameters(keyID *string, spec kmstypes.DataKeyPairSpec, context map[string]string, dryRun *bool) map[string]any {
	p := contextParameters(context, dryRun)
	p["keyId"], p["keyPairSpec"] = value(keyID), string(spec)
	return p
}

// dataKeyPair makes a pair and encrypts its private key. The pair is the caller's
// to clear.
func (s *Service) dataKeyPair(c *api.Call, ref *string, spec kmstypes.DataKeyPairSpec, context map[string]string) (t target, pair keyPair, blob []byte, err error) {
	if t, err = s.dataKeyMaker(c, ref); err != nil {
		return t, pair, nil, err
	}
	if d, known := kinds[kmstypes.KeySpec(spec)]; !known || !d.pair() {
		return t, pair, nil, unsupported("KeyPairSpec %s is not supported in this cloud.", spec)
	}
	if pair, err = newKeyPair(kmstypes.KeySpec(spec)); err != nil {
		return t, pair, nil, err
	}
	if blob, err = s.encrypt(c, t, pair.private, context); err != nil {
		pair.clear()
		return t, pair, nil, err
	}
	logMaterial(c, t.key.Material.ID)
	return t, pair, blob, nil
}

func (s *Service) generateDataKeyPair(c *api.Call, in *kms.GenerateDataKeyPairInput) (*kms.GenerateDataKeyPairOutput, error) {
	t, pair, blob, err := s.dataKeyPair(c, in.KeyId, in.KeyPairSpec, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if in.Recipient != nil {
		pair.clear()
		return nil, noRecipient()
	}
	return &kms.GenerateDataKeyPairOutput{
		KeyId: aws.String(t.arn), KeyMaterialId: aws.String(t.key.Material.ID), KeyPairSpec: in.KeyPairSpec,
		PrivateKeyPlaintext: pair.private, PrivateKeyCiphertextBlob: blob, PublicKey: pair.public,
	}, nil
}

func (s *Service) generateDataKeyPairWithoutPlaintext(c *api.Call, in *kms.GenerateDataKeyPairWithoutPlaintextInput) (*kms.GenerateDataKeyPairWithoutPlaintextOutput, error) {
	t, pair, blob, err := s.dataKeyPair(c, in.KeyId, in.KeyPairSpec, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	pair.clear()
	return &kms.GenerateDataKeyPairWithoutPlaintextOutput{
		KeyId: aws.String(t.arn), KeyMaterialId: aws.String(t.key.Material.ID), KeyPairSpec: in.KeyPairSpec,
		PrivateKeyCiphertextBlob: blob, PublicKey: pair.public,
	}, nil
}
