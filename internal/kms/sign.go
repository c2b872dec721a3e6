package kms

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) signOperations() []api.Operation {
	return []api.Operation{
		api.Read("Sign", descriptor[kms.SignInput]{
			action: "Sign", forms: cryptographic,
			key:   func(in *kms.SignInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.SignInput) error { return s.checkTokens(in.GrantTokens) },
			fill: func(_ *api.Call, in *kms.SignInput, k *access.Context) {
				signed{algorithm: in.SigningAlgorithm, kind: in.MessageType}.setContext(k)
			},
			parameters: func(in *kms.SignInput) map[string]any {
				return signed{algorithm: in.SigningAlgorithm, kind: in.MessageType}.parameters(in.KeyId, in.DryRun)
			},
		}.on(s), s.sign),
		api.Read("Verify", descriptor[kms.VerifyInput]{
			action: "Verify", forms: cryptographic,
			key:   func(in *kms.VerifyInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.VerifyInput) error { return s.checkTokens(in.GrantTokens) },
			fill: func(_ *api.Call, in *kms.VerifyInput, k *access.Context) {
				signed{algorithm: in.SigningAlgorithm, kind: in.MessageType}.setContext(k)
			},
			parameters: func(in *kms.VerifyInput) map[string]any {
				return signed{algorithm: in.SigningAlgorithm, kind: in.MessageType}.parameters(in.KeyId, in.DryRun)
			},
		}.on(s), s.verify),
	}
}

func (m signed) setContext(k *access.Context) {
	k.Set("kms:SigningAlgorithm", string(m.algorithm))
	k.Set("kms:MessageType", string(m.messageType()))
}

// parameters are the event's: the message is not logged.
func (m signed) parameters(keyID *string, dryRun *bool) map[string]any {
	p := contextParameters(nil, dryRun)
	p["keyId"], p["signingAlgorithm"], p["messageType"] = value(keyID), string(m.algorithm), string(m.messageType())
	return p
}

// signer finds the key of a signature, and checks the message.
func (s *Service) signer(c *api.Call, ref *string, m signed) (target, error) {
	t, err := s.enabled(c, ref)
	if err == nil {
		err = t.key.usedFor(kmstypes.KeyUsageTypeSignVerify, c.Operation)
	}
	if err == nil {
		err = has(t.key, kinds[t.key.Spec].signing, m.algorithm)
	}
	if err == nil {
		err = m.check()
	}
	return t, err
}

func (s *Service) sign(c *api.Call, in *kms.SignInput) (*kms.SignOutput, error) {
	m := signed{algorithm: in.SigningAlgorithm, kind: in.MessageType, message: in.Message}
	t, err := s.signer(c, in.KeyId, m)
	if err != nil {
		return nil, err
	}
	private, err := s.openMaterial(t.arn, t.key.Material)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	signature, err := m.sign(t.key.Spec, private)
	if err != nil {
		return nil, err
	}
	return &kms.SignOutput{KeyId: aws.String(t.arn), Signature: signature, SigningAlgorithm: in.SigningAlgorithm}, nil
}

func (s *Service) verify(c *api.Call, in *kms.VerifyInput) (*kms.VerifyOutput, error) {
	m := signed{algorithm: in.SigningAlgorithm, kind: in.MessageType, message: in.Message}
	t, err := s.signer(c, in.KeyId, m)
	if err != nil {
		return nil, err
	}
	good, err := m.verify(t.key.Spec, t.key.Material.Public, in.Signature)
	if err != nil {
		return nil, err
	}
	if !good {
		return nil, &kmstypes.KMSInvalidSignatureException{} // AWS gives it no message
	}
	return &kms.VerifyOutput{KeyId: aws.String(t.arn), SignatureValid: true, SigningAlgorithm: in.SigningAlgorithm}, nil
}
