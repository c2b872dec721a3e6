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

// encrypts refuses an algorithm that is not the key's.
func (k keyRow) encrypts(a kmstypes.EncryptionAlgorithmSpec) error {
	if a == "" || a == symmetricDefault {
		return nil
	}
	return &kmstypes.InvalidKeyUsageException{
		Message: aws.String("Algorithm " + string(a) + " is incompatible with key spec " + string(k.Spec) + "."),
	}
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
	if err := t.key.encrypts(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	blob, err := s.encrypt(c, t, in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	logMaterial(c, t.key.Material.ID)
	return &kms.EncryptOutput{CiphertextBlob: blob, EncryptionAlgorithm: symmetricDefault, KeyId: aws.String(t.arn)}, nil
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
	t, err := s.findKey(c, scope, h.keyID)
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
	logMaterial(c, materialID)
	return &kms.DecryptOutput{
		KeyId: aws.String(t.arn), EncryptionAlgorithm: symmetricDefault, KeyMaterialId: aws.String(materialID), Plaintext: plaintext,
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
// key material.
func (s *Service) open(c *api.Call, in sealed) (target, []byte, string, error) {
	t, err := s.source(c, in.ref, in.blob, in.action)
	if err == nil && !t.found {
		err = keyNotFound(t.arn)
	}
	if err == nil {
		err = t.key.usable()
	}
	if err == nil {
		err = t.key.encrypts(in.algorithm)
	}
	if err != nil || in.blind {
		return t, nil, t.key.Material.ID, err
	}
	h, head, body, ok := parseCiphertext(in.blob)
	if !ok {
		return t, nil, "", invalidCiphertext()
	}
	if h.keyID != t.id || h.account != t.scope.Account {
		return t, nil, "", incorrectKey()
	}
	plaintext, err := s.decrypt(c, t, h, head, body, in.context)
	return t, plaintext, h.materialID, err
}
