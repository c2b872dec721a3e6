package kms

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/api"
)

// authorizeReEncrypt asks for two permissions: from the key of the ciphertext,
// to the key of the new one.
func (s *Service) authorizeReEncrypt(c *api.Call, in *kms.ReEncryptInput) ([]api.Need, error) {
	c.Event.RequestParameters = reEncryptParameters(in)
	if err := checkBlob(in.CiphertextBlob, in.DryRun, in.DryRunModifiers, in.SourceKeyId, "sourceKeyId"); err != nil {
		return nil, err
	}
	if err := s.checkTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	from, err := s.source(c, in.SourceKeyId, in.CiphertextBlob, "ReEncryptFrom")
	if err != nil {
		return nil, err
	}
	to, err := s.find(c, value(in.DestinationKeyId), cryptographic)
	if err != nil {
		return nil, err
	}
	same := boolText(from.arn == to.arn)
	source, err := s.need(c, "ReEncryptFrom", from, cryptographic)
	if err != nil {
		return nil, err
	}
	setEncryptionContext(&source.Context, in.SourceEncryptionContext)
	source.Context.Set("kms:EncryptionAlgorithm", algorithm(in.SourceEncryptionAlgorithm))
	source.Context.Set("kms:ReEncryptOnSameKey", same)
	destination, err := s.need(c, "ReEncryptTo", to, cryptographic)
	if err != nil {
		return nil, err
	}
	setEncryptionContext(&destination.Context, in.DestinationEncryptionContext)
	destination.Context.Set("kms:EncryptionAlgorithm", algorithm(in.DestinationEncryptionAlgorithm))
	destination.Context.Set("kms:ReEncryptOnSameKey", same)
	return []api.Need{source, destination}, nil
}

func reEncryptParameters(in *kms.ReEncryptInput) map[string]any {
	p := map[string]any{
		"sourceEncryptionAlgorithm":      algorithm(in.SourceEncryptionAlgorithm),
		"destinationEncryptionAlgorithm": algorithm(in.DestinationEncryptionAlgorithm),
		"destinationKeyId":               value(in.DestinationKeyId),
	}
	if in.SourceKeyId != nil {
		p["sourceKeyId"] = *in.SourceKeyId
	}
	if len(in.SourceEncryptionContext) > 0 {
		p["sourceEncryptionContext"] = pairs(in.SourceEncryptionContext)
	}
	if len(in.DestinationEncryptionContext) > 0 {
		p["destinationEncryptionContext"] = pairs(in.DestinationEncryptionContext)
	}
	if value(in.DryRun) {
		p["dryRun"] = true
	}
	return p
}

func (s *Service) reEncrypt(c *api.Call, in *kms.ReEncryptInput) (*kms.ReEncryptOutput, error) {
	to, err := s.enabled(c, in.DestinationKeyId)
	if err != nil {
		return nil, err
	}
	if err := to.key.encrypts(in.DestinationEncryptionAlgorithm, c.Operation); err != nil {
		return nil, err
	}
	from, plaintext, materialID, err := s.open(c, sealed{
		ref: in.SourceKeyId, blob: in.CiphertextBlob, context: in.SourceEncryptionContext, algorithm: in.SourceEncryptionAlgorithm,
		blind: blind(in.DryRun, in.DryRunModifiers), action: "ReEncryptFrom",
	})
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	blob, err := s.encryptWith(c, to, in.DestinationEncryptionAlgorithm, plaintext, in.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	out := &kms.ReEncryptOutput{
		CiphertextBlob: blob, KeyId: aws.String(to.arn), SourceKeyId: aws.String(from.arn),
		SourceEncryptionAlgorithm:      kmstypes.EncryptionAlgorithmSpec(algorithm(in.SourceEncryptionAlgorithm)),
		DestinationEncryptionAlgorithm: kmstypes.EncryptionAlgorithmSpec(algorithm(in.DestinationEncryptionAlgorithm)),
		SourceKeyMaterialId:            optional(materialID),
	}
	if to.key.symmetric() {
		out.DestinationKeyMaterialId = aws.String(to.key.Material.ID)
	}
	c.Event.Additional = make(map[string]any)
	for name, id := range map[string]*string{"sourceKeyMaterialId": out.SourceKeyMaterialId, "destinationKeyMaterialId": out.DestinationKeyMaterialId} {
		if id != nil {
			c.Event.Additional[name] = *id
		}
	}
	return out, nil
}
