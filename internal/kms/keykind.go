package kms

import (
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// usages lists what each key spec can be used for (KMS guide, "Key spec
// reference"); a spec that is not listed is a symmetric encryption key.
var usages = map[kmstypes.KeySpec][]kmstypes.KeyUsageType{
	kmstypes.KeySpecSymmetricDefault:    {kmstypes.KeyUsageTypeEncryptDecrypt},
	kmstypes.KeySpecHmac224:             {kmstypes.KeyUsageTypeGenerateVerifyMac},
	kmstypes.KeySpecHmac256:             {kmstypes.KeyUsageTypeGenerateVerifyMac},
	kmstypes.KeySpecHmac384:             {kmstypes.KeyUsageTypeGenerateVerifyMac},
	kmstypes.KeySpecHmac512:             {kmstypes.KeyUsageTypeGenerateVerifyMac},
	kmstypes.KeySpecRsa2048:             {kmstypes.KeyUsageTypeEncryptDecrypt, kmstypes.KeyUsageTypeSignVerify},
	kmstypes.KeySpecRsa3072:             {kmstypes.KeyUsageTypeEncryptDecrypt, kmstypes.KeyUsageTypeSignVerify},
	kmstypes.KeySpecRsa4096:             {kmstypes.KeyUsageTypeEncryptDecrypt, kmstypes.KeyUsageTypeSignVerify},
	kmstypes.KeySpecEccNistP256:         {kmstypes.KeyUsageTypeSignVerify, kmstypes.KeyUsageTypeKeyAgreement},
	kmstypes.KeySpecEccNistP384:         {kmstypes.KeyUsageTypeSignVerify, kmstypes.KeyUsageTypeKeyAgreement},
	kmstypes.KeySpecEccNistP521:         {kmstypes.KeyUsageTypeSignVerify, kmstypes.KeyUsageTypeKeyAgreement},
	kmstypes.KeySpecEccSecgP256k1:       {kmstypes.KeyUsageTypeSignVerify},
	kmstypes.KeySpecEccNistEdwards25519: {kmstypes.KeyUsageTypeSignVerify},
	kmstypes.KeySpecMlDsa44:             {kmstypes.KeyUsageTypeSignVerify},
	kmstypes.KeySpecMlDsa65:             {kmstypes.KeyUsageTypeSignVerify},
	kmstypes.KeySpecMlDsa87:             {kmstypes.KeyUsageTypeSignVerify},
	kmstypes.KeySpecSm2: {
		kmstypes.KeyUsageTypeEncryptDecrypt, kmstypes.KeyUsageTypeSignVerify, kmstypes.KeyUsageTypeKeyAgreement,
	},
}

// keyKind reads what kind of key is asked for, and refuses combinations that
// AWS has not.
func keyKind(in *kms.CreateKeyInput) (kmstypes.KeySpec, kmstypes.KeyUsageType, kmstypes.OriginType, error) {
	spec, usage, origin := in.KeySpec, in.KeyUsage, in.Origin
	if spec != "" && in.CustomerMasterKeySpec != "" {
		return "", "", "", validation("You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
	}
	if spec == "" {
		spec = kmstypes.KeySpec(in.CustomerMasterKeySpec)
	}
	if spec == "" {
		spec = kmstypes.KeySpecSymmetricDefault
	}
	if usage == "" {
		if spec != kmstypes.KeySpecSymmetricDefault {
			return "", "", "", validation("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
		}
		usage = kmstypes.KeyUsageTypeEncryptDecrypt
	}
	if known, ok := usages[spec]; ok && !slices.Contains(known, usage) {
		return "", "", "", validation("KeyUsage %s is not compatible with KeySpec %s", usage, spec)
	}
	if origin == "" {
		origin = kmstypes.OriginTypeAwsKms
	}
	return spec, usage, origin, nil
}

// supported refuses, by name, the kinds of key that AWS has and this service
// has not.
func supported(in *kms.CreateKeyInput, spec kmstypes.KeySpec, origin kmstypes.OriginType) error {
	switch {
	case spec != kmstypes.KeySpecSymmetricDefault:
		return unsupported("KeySpec %s is not supported in this cloud.", spec)
	case origin != kmstypes.OriginTypeAwsKms:
		return unsupported("Origin %s is not supported in this cloud.", origin)
	case in.CustomKeyStoreId != nil || in.XksKeyId != nil:
		return unsupported("Custom key stores are not supported in this cloud.")
	case value(in.MultiRegion):
		return unsupported("Multi-Region keys are not supported in this cloud.")
	}
	return nil
}

func boolText(b bool) string { return strconv.FormatBool(b) }
