package kms

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

const symmetricDefault = kmstypes.EncryptionAlgorithmSpecSymmetricDefault

// cryptographic is how the cryptographic operations let a key be named.
const cryptographic = byAlias | crossAccount

func (s *Service) encryptOperations() []api.Operation {
	return []api.Operation{
		api.Read("Encrypt", descriptor[kms.EncryptInput]{
			action: "Encrypt", forms: cryptographic,
			key: func(in *kms.EncryptInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.EncryptInput) error {
				return s.checkTokens(in.GrantTokens)
			},
			fill: func(_ *api.Call, in *kms.EncryptInput, k *access.Context) {
				setEncryptionContext(k, in.EncryptionContext)
				k.Set("kms:EncryptionAlgorithm", algorithm(in.EncryptionAlgorithm))
			},
			parameters: func(in *kms.EncryptInput) map[string]any {
				p := contextParameters(in.EncryptionContext, in.DryRun)
				p["keyId"], p["encryptionAlgorithm"] = value(in.KeyId), algorithm(in.EncryptionAlgorithm)
				return p
			},
		}.on(s), s.encryptOperation),
		api.Read("Decrypt", s.authorizeDecrypt, s.decryptOperation),
		api.Read("ReEncrypt", s.authorizeReEncrypt, s.reEncrypt),
	}
}

// algorithm is the encryption algorithm of a request: the one there is for
// symmetric keys, if it names none.
func algorithm(a kmstypes.EncryptionAlgorithmSpec) string {
	if a == "" {
		return string(symmetricDefault)
	}
	return string(a)
}

// encrypts refuses a key that is not for encryption, or not with that algorithm.
func (k keyRow) encrypts(a kmstypes.EncryptionAlgorithmSpec, operation string) error {
	if err := k.usedFor(kmstypes.KeyUsageTypeEncryptDecrypt, operation); err != nil {
		return err
	}
	return has(k, kinds[k.Spec].encryption, kmstypes.EncryptionAlgorithmSpec(algorithm(a)))
}

// contextParameters begins the requestParameters of a cryptographic operation:
// never plaintext, ciphertext or grant tokens.
func contextParameters(context map[string]string, dryRun *bool) map[string]any {
	p := make(map[string]any, 5)
	if len(context) > 0 {
		p["encryptionContext"] = pairs(context)
	}
	if value(dryRun) {
		p["dryRun"] = true
	}
	return p
}

func pairs(context map[string]string) map[string]any {
	m := make(map[string]any, len(context))
	for k, v := range context {
		m[k] = v
	}
	return m
}

// logMaterial names the key material that was used in the event.
func logMaterial(c *api.Call, id string) {
	c.Event.Additional = map[string]any{"keyMaterialId": id}
}

func (s *Service) encryptOperation(c *api.Call, in *kms.EncryptInput) (*kms.EncryptOutput, error) {
	t, err := s.enabled(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	blob, err := s.encryptWith(c, t, in.EncryptionAlgorithm, in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if t.key.symmetric() {
		logMaterial(c, t.key.Material.ID)
	}
	return &kms.EncryptOutput{
		CiphertextBlob: blob, EncryptionAlgorithm: kmstypes.EncryptionAlgorithmSpec(algorithm(in.EncryptionAlgorithm)), KeyId: aws.String(t.arn),
	}, nil
}

// encryptWith encrypts with any algorithm that the key has.
func (s *Service) encryptWith(c *api.Call, t target, a kmstypes.EncryptionAlgorithmSpec, plaintext []byte, context map[string]string) ([]byte, error) {
	if err := t.key.encrypts(a, c.Operation); err != nil {
		return nil, err
	}
	if t.key.symmetric() {
		return s.encrypt(c, t, plaintext, context)
	}
	if err := noContext(context); err != nil {
		return nil, err
	}
	return sealOAEP(t, a, plaintext)
}

// noContext refuses an encryption context with a key that has no use for one.
// AWS documents that, not the words.
func noContext(context map[string]string) error {
	if len(context) > 0 {
		return validation("EncryptionContext is not supported with asymmetric KMS keys.")
	}
	return nil
}

// enabled finds the key of a cryptographic operation, in a state to be used.
func (s *Service) enabled(c *api.Call, ref *string) (target, error) {
	t, err := s.existing(c, ref, cryptographic)
	if err == nil {
		err = t.key.usable()
	}
	return t, err
}

// blind reports whether a dry run asks not to look at the ciphertext.
func blind(dryRun *bool, modifiers []kmstypes.DryRunModifierType) bool {
	return value(dryRun) && slices.Contains(modifiers, kmstypes.DryRunModifierTypeIgnoreCiphertext)
}

// checkBlob is what is wrong with a request's ciphertext before any key is
// looked at.
func checkBlob(blob []byte, dryRun *bool, modifiers []kmstypes.DryRunModifierType, keyID *string, keyMember string) error {
	switch {
	case len(modifiers) > 0 && !value(dryRun):
		return validation("DryRunModifiers can be specified only when DryRun is true.")
	case blind(dryRun, modifiers) && keyID == nil:
		return missing(keyMember)
	case !blind(dryRun, modifiers) && len(blob) == 0:
		return missing("ciphertextBlob")
	}
	return nil
}

// source finds the key of a ciphertext: the one that the request names, else
// the one that the ciphertext names.
func (s *Service) source(c *api.Call, ref *string, blob []byte, action string) (target, error) {
	if ref != nil {
		return s.find(c, *ref, cryptographic)
	}
	h, _, _, ok := parseCiphertext(blob)
	if !ok {
		return target{}, invalidCiphertext()
	}
	scope := c.Scope()
	scope.Account = h.account
	t, err := findKey(c, scope, h.keyID)
	if err == nil && !t.found {
		err = unknownCiphertext(c.Caller.Principal, "kms:"+action)
	}
	return t, err
}

func (s *Service) authorizeDecrypt(c *api.Call, in *kms.DecryptInput) ([]api.Need, error) {
	p := contextParameters(in.EncryptionContext, in.DryRun)
	p["encryptionAlgorithm"] = algorithm(in.EncryptionAlgorithm)
	if in.KeyId != nil {
		p["keyId"] = *in.KeyId
	}
	c.Event.RequestParameters = p
	if err := checkBlob(in.CiphertextBlob, in.DryRun, in.DryRunModifiers, in.KeyId, "keyId"); err != nil {
		return nil, err
	}
	if err := s.checkTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	t, err := s.source(c, in.KeyId, in.CiphertextBlob, "Decrypt")
	if err != nil {
		return nil, err
	}
	n, err := s.need(c, "Decrypt", t, cryptographic)
	if err != nil {
		return nil, err
	}
	setEncryptionContext(&n.Context, in.EncryptionContext)
	n.Context.Set("kms:EncryptionAlgorithm", algorithm(in.EncryptionAlgorithm))
	return []api.Need{n}, nil
}

func (s *Service) decryptOperation(c *api.Call, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	t, plaintext, materialID, err := s.open(c, sealed{
		ref: in.KeyId, blob: in.CiphertextBlob, context: in.EncryptionContext, algorithm: in.EncryptionAlgorithm,
		blind: blind(in.DryRun, in.DryRunModifiers), action: "Decrypt",
	})
	if err != nil {
		return nil, err
	}
	if in.Recipient != nil {
		clear(plaintext)
		return nil, noRecipient()
	}
	if materialID != "" {
		logMaterial(c, materialID)
	}
	return &kms.DecryptOutput{
		KeyId: aws.String(t.arn), EncryptionAlgorithm: kmstypes.EncryptionAlgorithmSpec(algorithm(in.EncryptionAlgorithm)),
		KeyMaterialId: optional(materialID), Plaintext: plaintext,
	}, nil
}

// noRecipient refuses requests that come with an attestation document.
func noRecipient() error {
	return unsupported("Recipient is not supported: there are no Nitro Enclaves in this cloud.")
}

// sealed is a ciphertext in a request, with what the request says about it.
type sealed struct {
	ref       *string
	blob      []byte
	context   map[string]string
	algorithm kmstypes.EncryptionAlgorithmSpec
	blind     bool
	action    string
}

// open decrypts a request's ciphertext. It returns the key and the id of the
// key material, which only symmetric keys show.
func (s *Service) open(c *api.Call, in sealed) (target, []byte, string, error) {
	t, err := s.source(c, in.ref, in.blob, in.action)
	if err == nil && !t.found {
		err = keyNotFound(t.arn)
	}
	if err == nil {
		err = t.key.usable()
	}
	if err != nil {
		return t, nil, "", err
	}
	h, head, body, ok := parseCiphertext(in.blob)
	symmetric := algorithm(in.algorithm) == string(symmetricDefault)
	if symmetric && ok && !in.blind && (h.keyID != t.id || h.account != t.scope.Account) {
		// This comes before what the key is for: AWS says it of an HMAC key too.
		return t, nil, "", incorrectKey()
	}
	switch err := t.key.encrypts(in.algorithm, c.Operation); {
	case err != nil:
		return t, nil, "", err
	case in.blind && symmetric:
		return t, nil, t.key.Material.ID, nil
	case in.blind:
		return t, nil, "", nil
	case symmetric && !ok:
		return t, nil, "", invalidCiphertext()
	case symmetric:
		plaintext, err := s.decrypt(c, t, h, head, body, in.context)
		return t, plaintext, h.materialID, err
	}
	if err := noContext(in.context); err != nil {
		return t, nil, "", err
	}
	plaintext, err := s.openOAEP(t, in.algorithm, in.blob)
	return t, plaintext, "", err
}
