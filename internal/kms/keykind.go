package kms

import (
	"crypto"
	"crypto/elliptic"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// kind is what a key spec stands for: the form of its secret, and the algorithms
// that a key has for each of its usages (KMS guide, "Key spec reference").
type kind struct {
	// bytes is the length of a symmetric secret; 0 for key pairs.
	bytes int
	// bits, curve, koblitz and edwards tell what pair it is: of RSA, of a NIST
	// curve, of secp256k1, of Ed25519.
	bits             int
	curve            elliptic.Curve
	koblitz, edwards bool

	encryption []kmstypes.EncryptionAlgorithmSpec
	signing    []kmstypes.SigningAlgorithmSpec
	mac        []kmstypes.MacAlgorithmSpec
	agreement  []kmstypes.KeyAgreementAlgorithmSpec
}

var (
	oaep = []kmstypes.EncryptionAlgorithmSpec{
		kmstypes.EncryptionAlgorithmSpecRsaesOaepSha1, kmstypes.EncryptionAlgorithmSpecRsaesOaepSha256,
	}
	rsaSigning = []kmstypes.SigningAlgorithmSpec{
		kmstypes.SigningAlgorithmSpecRsassaPkcs1V15Sha256, kmstypes.SigningAlgorithmSpecRsassaPkcs1V15Sha384,
		kmstypes.SigningAlgorithmSpecRsassaPkcs1V15Sha512, kmstypes.SigningAlgorithmSpecRsassaPssSha256,
		kmstypes.SigningAlgorithmSpecRsassaPssSha384, kmstypes.SigningAlgorithmSpecRsassaPssSha512,
	}
	ecdsa256 = []kmstypes.SigningAlgorithmSpec{kmstypes.SigningAlgorithmSpecEcdsaSha256}
	agreeing = []kmstypes.KeyAgreementAlgorithmSpec{kmstypes.KeyAgreementAlgorithmSpecEcdh}
)

// kinds are the key specs that are built.
var kinds = map[kmstypes.KeySpec]kind{
	kmstypes.KeySpecSymmetricDefault: {
		bytes: materialSize, encryption: []kmstypes.EncryptionAlgorithmSpec{symmetricDefault},
	},
	kmstypes.KeySpecHmac224:       {bytes: 28, mac: []kmstypes.MacAlgorithmSpec{kmstypes.MacAlgorithmSpecHmacSha224}},
	kmstypes.KeySpecHmac256:       {bytes: 32, mac: []kmstypes.MacAlgorithmSpec{kmstypes.MacAlgorithmSpecHmacSha256}},
	kmstypes.KeySpecHmac384:       {bytes: 48, mac: []kmstypes.MacAlgorithmSpec{kmstypes.MacAlgorithmSpecHmacSha384}},
	kmstypes.KeySpecHmac512:       {bytes: 64, mac: []kmstypes.MacAlgorithmSpec{kmstypes.MacAlgorithmSpecHmacSha512}},
	kmstypes.KeySpecRsa2048:       {bits: 2048, encryption: oaep, signing: rsaSigning},
	kmstypes.KeySpecRsa3072:       {bits: 3072, encryption: oaep, signing: rsaSigning},
	kmstypes.KeySpecRsa4096:       {bits: 4096, encryption: oaep, signing: rsaSigning},
	kmstypes.KeySpecEccNistP256:   {curve: elliptic.P256(), signing: ecdsa256, agreement: agreeing},
	kmstypes.KeySpecEccNistP384:   {curve: elliptic.P384(), signing: []kmstypes.SigningAlgorithmSpec{kmstypes.SigningAlgorithmSpecEcdsaSha384}, agreement: agreeing},
	kmstypes.KeySpecEccNistP521:   {curve: elliptic.P521(), signing: []kmstypes.SigningAlgorithmSpec{kmstypes.SigningAlgorithmSpecEcdsaSha512}, agreement: agreeing},
	kmstypes.KeySpecEccSecgP256k1: {koblitz: true, signing: ecdsa256},
	kmstypes.KeySpecEccNistEdwards25519: {edwards: true, signing: []kmstypes.SigningAlgorithmSpec{
		kmstypes.SigningAlgorithmSpecEd25519Sha512, kmstypes.SigningAlgorithmSpecEd25519PhSha512,
	}},
}

// pair reports whether a key of the spec is a pair of keys.
func (d kind) pair() bool { return d.bytes == 0 }

// usages lists what each key spec can be used for (KMS guide, "Key spec
// reference").
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
	kmstypes.KeySpecMlKem512:            {kmstypes.KeyUsageTypeEncapsulateDecapsulate},
	kmstypes.KeySpecMlKem768:            {kmstypes.KeyUsageTypeEncapsulateDecapsulate},
	kmstypes.KeySpecMlKem1024:           {kmstypes.KeyUsageTypeEncapsulateDecapsulate},
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
	_, known := kinds[spec]
	switch {
	case !known:
		return unsupported("KeySpec %s is not supported in this cloud.", spec)
	case in.CustomKeyStoreId != nil || in.XksKeyId != nil:
		return unsupported("Custom key stores are not supported in this cloud.")
	case origin != kmstypes.OriginTypeAwsKms && origin != kmstypes.OriginTypeExternal:
		return unsupported("Origin %s is not supported in this cloud.", origin)
	}
	return nil
}

// symmetric reports whether a key is a symmetric encryption key: the only kind
// that rotates, makes data keys, and shows the ids of its key materials.
func (k keyRow) symmetric() bool { return k.Spec == kmstypes.KeySpecSymmetricDefault }

// class is what of keys an alias can be moved between: symmetric encryption keys,
// HMAC keys, key pairs (KMS API reference, "UpdateAlias").
func (k keyRow) class() string {
	switch {
	case k.symmetric():
		return "symmetric"
	case kinds[k.Spec].pair():
		return "asymmetric"
	}
	return "HMAC"
}

// usedFor refuses an operation that is not what the key is for.
func (k keyRow) usedFor(usage kmstypes.KeyUsageType, operation string) error {
	if k.Usage == usage {
		return nil
	}
	return invalidUsage("%s key usage is %s which is not valid for %s.", k.ARN, k.Usage, operation)
}

// has refuses an algorithm that the key's spec has not.
func has[A ~string](k keyRow, known []A, algorithm A) error {
	if slices.Contains(known, algorithm) {
		return nil
	}
	return invalidUsage("Algorithm %s is incompatible with key spec %s.", algorithm, k.Spec)
}

// showAlgorithms lists the algorithms that a key can be used with, by its usage.
func (k keyRow) showAlgorithms(m *kmstypes.KeyMetadata) {
	d := kinds[k.Spec]
	switch k.Usage {
	case kmstypes.KeyUsageTypeEncryptDecrypt:
		m.EncryptionAlgorithms = d.encryption
	case kmstypes.KeyUsageTypeSignVerify:
		m.SigningAlgorithms = d.signing
	case kmstypes.KeyUsageTypeGenerateVerifyMac:
		m.MacAlgorithms = d.mac
	case kmstypes.KeyUsageTypeKeyAgreement:
		m.KeyAgreementAlgorithms = d.agreement
	}
}

// hashes are the hash functions that the names of algorithms end with.
var hashes = map[string]crypto.Hash{
	"SHA_1": crypto.SHA1, "SHA_224": crypto.SHA224, "SHA_256": crypto.SHA256, "SHA_384": crypto.SHA384, "SHA_512": crypto.SHA512,
}

// hashOf is the hash function of an algorithm: SHA-256 of RSASSA_PSS_SHA_256.
func hashOf[A ~string](algorithm A) crypto.Hash {
	for name, h := range hashes {
		if strings.HasSuffix(string(algorithm), name) {
			return h
		}
	}
	return 0
}

func invalidUsage(format string, args ...any) error {
	return &kmstypes.InvalidKeyUsageException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func boolText(b bool) string { return strconv.FormatBool(b) }
