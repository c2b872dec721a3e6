package kms

import (
	"crypto/hmac"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) macOperations() []api.Operation {
	return []api.Operation{
		api.Read("GenerateMac", descriptor[kms.GenerateMacInput]{
			action: "GenerateMac", forms: cryptographic,
			key:   func(in *kms.GenerateMacInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.GenerateMacInput) error { return s.checkTokens(in.GrantTokens) },
			fill: func(_ *api.Call, in *kms.GenerateMacInput, k *access.Context) {
				k.Set("kms:MacAlgorithm", string(in.MacAlgorithm))
			},
			parameters: func(in *kms.GenerateMacInput) map[string]any {
				return macParameters(in.KeyId, in.MacAlgorithm, in.DryRun)
			},
		}.on(s), s.generateMac),
		api.Read("VerifyMac", descriptor[kms.VerifyMacInput]{
			action: "VerifyMac", forms: cryptographic,
			key:   func(in *kms.VerifyMacInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.VerifyMacInput) error { return s.checkTokens(in.GrantTokens) },
			fill: func(_ *api.Call, in *kms.VerifyMacInput, k *access.Context) {
				k.Set("kms:MacAlgorithm", string(in.MacAlgorithm))
			},
			parameters: func(in *kms.VerifyMacInput) map[string]any {
				return macParameters(in.KeyId, in.MacAlgorithm, in.DryRun)
			},
		}.on(s), s.verifyMac),
	}
}

func macParameters(keyID *string, algorithm kmstypes.MacAlgorithmSpec, dryRun *bool) map[string]any {
	p := contextParameters(nil, dryRun)
	p["keyId"], p["macAlgorithm"] = value(keyID), string(algorithm)
	return p
}

// mac computes the code of a message under a key.
func (s *Service) mac(c *api.Call, ref *string, algorithm kmstypes.MacAlgorithmSpec, message []byte) (t target, code []byte, err error) {
	t, err = s.enabled(c, ref)
	if err == nil {
		err = t.key.usedFor(kmstypes.KeyUsageTypeGenerateVerifyMac, c.Operation)
	}
	if err == nil {
		err = has(t.key, kinds[t.key.Spec].mac, algorithm)
	}
	if err != nil {
		return t, nil, err
	}
	secret, err := s.openMaterial(t.arn, t.key.Material)
	if err != nil {
		return t, nil, err
	}
	defer clear(secret)
	h := hmac.New(hashOf(algorithm).New, secret)
	h.Write(message)
	return t, h.Sum(nil), nil
}

func (s *Service) generateMac(c *api.Call, in *kms.GenerateMacInput) (*kms.GenerateMacOutput, error) {
	t, code, err := s.mac(c, in.KeyId, in.MacAlgorithm, in.Message)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateMacOutput{KeyId: aws.String(t.arn), Mac: code, MacAlgorithm: in.MacAlgorithm}, nil
}

func (s *Service) verifyMac(c *api.Call, in *kms.VerifyMacInput) (*kms.VerifyMacOutput, error) {
	t, code, err := s.mac(c, in.KeyId, in.MacAlgorithm, in.Message)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(code, in.Mac) {
		return nil, &kmstypes.KMSInvalidMacException{} // AWS gives it no message
	}
	return &kms.VerifyMacOutput{KeyId: aws.String(t.arn), MacValid: true, MacAlgorithm: in.MacAlgorithm}, nil
}
