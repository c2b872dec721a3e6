package kms

import (
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// Limits of a grant's constraint (KMS API reference, "CreateGrant").
const (
	maxConstraintPairs = 8
	maxConstraintValue = 384
)

// grantable are what a grant can allow on keys of each usage; on all keys it can
// allow what is in grantableAlways (KMS guide, "Grant operations").
var (
	grantable = map[kmstypes.KeyUsageType][]kmstypes.GrantOperation{
		kmstypes.KeyUsageTypeEncryptDecrypt: {
			kmstypes.GrantOperationDecrypt, kmstypes.GrantOperationEncrypt,
			kmstypes.GrantOperationReEncryptFrom, kmstypes.GrantOperationReEncryptTo,
		},
		kmstypes.KeyUsageTypeSignVerify:        {kmstypes.GrantOperationSign, kmstypes.GrantOperationVerify},
		kmstypes.KeyUsageTypeGenerateVerifyMac: {kmstypes.GrantOperationGenerateMac, kmstypes.GrantOperationVerifyMac},
		kmstypes.KeyUsageTypeKeyAgreement:      {kmstypes.GrantOperationDeriveSharedSecret},
	}
	grantableAlways = []kmstypes.GrantOperation{
		kmstypes.GrantOperationCreateGrant, kmstypes.GrantOperationRetireGrant, kmstypes.GrantOperationDescribeKey,
	}
	grantableSymmetric = []kmstypes.GrantOperation{
		kmstypes.GrantOperationGenerateDataKey, kmstypes.GrantOperationGenerateDataKeyWithoutPlaintext,
		kmstypes.GrantOperationGenerateDataKeyPair, kmstypes.GrantOperationGenerateDataKeyPairWithoutPlaintext,
	}
)

// grants reports whether a grant on the key can allow an operation.
func (k keyRow) grants(o kmstypes.GrantOperation) bool {
	return slices.Contains(grantableAlways, o) || slices.Contains(grantable[k.Usage], o) ||
		k.symmetric() && slices.Contains(grantableSymmetric, o) ||
		kinds[k.Spec].pair() && o == kmstypes.GrantOperationGetPublicKey
}

func (s *Service) grantOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateGrant", descriptor[kms.CreateGrantInput]{
			action: "CreateGrant", forms: crossAccount,
			key: func(in *kms.CreateGrantInput) *string { return in.KeyId },
			check: func(c *api.Call, in *kms.CreateGrantInput) error {
				return s.checkGrant(c, in)
			},
			fill:       setGrantContext,
			parameters: grantParameters,
		}.on(s), s.createGrant),
		api.Read("ListGrants", descriptor[kms.ListGrantsInput]{
			action: "ListGrants", forms: crossAccount,
			key: func(in *kms.ListGrantsInput) *string { return in.KeyId },
			fill: func(c *api.Call, _ *kms.ListGrantsInput, k *access.Context) {
				setForAWSResource(c, k)
			},
		}.on(s), s.listGrants),
		api.Read("ListRetirableGrants", anywhere[kms.ListRetirableGrantsInput]("ListRetirableGrants", nil), s.listRetirableGrants),
	}
}

// setGrantContext sets the condition keys that test a new grant. The encryption
// context of a CreateGrant is its constraint's.
func setGrantContext(c *api.Call, in *kms.CreateGrantInput, k *access.Context) {
	setForAWSResource(c, k)
	operations := make([]string, len(in.Operations))
	for i, o := range in.Operations {
		operations[i] = string(o)
	}
	k.Set("kms:GrantOperations", operations...)
	if in.GranteePrincipal != nil {
		k.Set("kms:GranteePrincipal", *in.GranteePrincipal)
	}
	if in.RetiringPrincipal != nil {
		k.Set("kms:RetiringPrincipal", *in.RetiringPrincipal)
	}
	if in.Constraints == nil {
		return
	}
	var kinds []string
	all := make(map[string]string)
	if len(in.Constraints.EncryptionContextEquals) > 0 {
		kinds = append(kinds, "EncryptionContextEquals")
		maps.Copy(all, in.Constraints.EncryptionContextEquals)
	}
	if len(in.Constraints.EncryptionContextSubset) > 0 {
		kinds = append(kinds, "EncryptionContextSubset")
		maps.Copy(all, in.Constraints.EncryptionContextSubset)
	}
	if len(kinds) > 0 {
		k.Set("kms:GrantConstraintType", kinds...)
	}
	setEncryptionContext(k, all)
}

// grantParameters are CreateGrant's requestParameters. Grant tokens are never logged.
func grantParameters(in *kms.CreateGrantInput) map[string]any {
	operations := make([]any, len(in.Operations))
	for i, o := range in.Operations {
		operations[i] = string(o)
	}
	p := map[string]any{"keyId": value(in.KeyId), "operations": operations}
	for name, v := range map[string]*string{
		"granteePrincipal": in.GranteePrincipal, "granteeServicePrincipal": in.GranteeServicePrincipal,
		"retiringPrincipal": in.RetiringPrincipal, "retiringServicePrincipal": in.RetiringServicePrincipal, "name": in.Name,
	} {
		if v != nil {
			p[name] = *v
		}
	}
	if in.Constraints != nil {
		constraints := make(map[string]any)
		if m := in.Constraints.EncryptionContextEquals; len(m) > 0 {
			constraints["encryptionContextEquals"] = pairs(m)
		}
		if m := in.Constraints.EncryptionContextSubset; len(m) > 0 {
			constraints["encryptionContextSubset"] = pairs(m)
		}
		if in.Constraints.SourceArn != nil {
			constraints["sourceArn"] = *in.Constraints.SourceArn
		}
		p["constraints"] = constraints
	}
	if value(in.DryRun) {
		p["dryRun"] = true
	}
	return p
}

// checkGrant refuses what no key could grant.
func (s *Service) checkGrant(c *api.Call, in *kms.CreateGrantInput) error {
	switch {
	case (in.GranteePrincipal == nil) == (in.GranteeServicePrincipal == nil):
		return validation("Specify exactly one of GranteePrincipal and GranteeServicePrincipal.")
	case in.RetiringPrincipal != nil && in.RetiringServicePrincipal != nil:
		return validation("Specify only one of RetiringPrincipal and RetiringServicePrincipal.")
	case len(in.Operations) == 0:
		return validation("1 validation error detected: Value '[]' at 'operations' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case in.GranteeServicePrincipal != nil && (in.Constraints == nil || in.Constraints.SourceArn == nil):
		return validation("A grant for a service principal must have a SourceArn constraint.")
	}
	if in.Constraints != nil {
		for _, m := range []map[string]string{in.Constraints.EncryptionContextEquals, in.Constraints.EncryptionContextSubset} {
			if err := checkConstraint(m); err != nil {
				return err
			}
		}
	}
	for _, p := range []*string{in.GranteePrincipal, in.RetiringPrincipal} {
		if err := s.checkGrantPrincipal(c, p); err != nil {
			return err
		}
	}
	return s.checkTokens(in.GrantTokens)
}

func checkConstraint(context map[string]string) error {
	if len(context) > maxConstraintPairs {
		return validation("A grant constraint can include at most %d encryption context pairs.", maxConstraintPairs)
	}
	for _, v := range context {
		if utf8.RuneCountInString(v) > maxConstraintValue {
			return validation("The encryption context value in a grant constraint cannot exceed %d characters.", maxConstraintValue)
		}
	}
	return nil
}

// checkGrantPrincipal wants the ARN of a principal. Only AWS's services may
// name a service principal there, as EC2 does for its own grants.
func (s *Service) checkGrantPrincipal(c *api.Call, p *string) error {
	if p == nil {
		return nil
	}
	if (c.Via != nil || c.Caller.Principal.Type == access.Service) && isServicePrincipal(*p) {
		return nil
	}
	if !s.principalExists(c, *p) {
		return invalidARN("ARN does not refer to a valid principal: " + *p)
	}
	return nil
}

func (s *Service) createGrant(c *api.Call, in *kms.CreateGrantInput) (*kms.CreateGrantOutput, error) {
	t, err := s.existing(c, in.KeyId, crossAccount)
	if err != nil {
		return nil, err
	}
	if err := t.key.usable(); err != nil {
		return nil, err
	}
	for _, o := range in.Operations {
		if !t.key.grants(o) {
			return nil, validation("Operation %s is not supported on a KMS key with key spec %s.", o, t.key.Spec)
		}
	}
	if x := in.Constraints; x != nil && !t.key.symmetric() && len(x.EncryptionContextEquals)+len(x.EncryptionContextSubset) > 0 {
		// AWS documents that, not the words (KMS API reference, "GrantConstraints").
		return nil, validation("Encryption context constraints are not supported on a KMS key with key spec %s.", t.key.Spec)
	}
	g := s.newGrant(c, t, in)
	if g.Name != "" {
		known, found, err := t.named(c.Tx, g.same, g.Name)
		if err != nil {
			return nil, err
		}
		if found {
			return s.granted(c, t, known), nil
		}
	}
	g.ID = c.NewHex(64)
	if err := putGrant(c, t, g); err != nil {
		return nil, err
	}
	return s.granted(c, t, g), nil
}

func (s *Service) newGrant(c *api.Call, t target, in *kms.CreateGrantInput) grantRow {
	g := grantRow{
		KeyID: t.id, KeyARN: t.arn, Name: value(in.Name), Created: c.Now, Issuer: c.Account,
		Grantee: s.kept(c.Tx, value(in.GranteePrincipal)), GranteeService: value(in.GranteeServicePrincipal),
		Retiring: s.kept(c.Tx, value(in.RetiringPrincipal)), RetiringService: value(in.RetiringServicePrincipal),
		RetiringAccount: accountOf(value(in.RetiringPrincipal)),
	}
	for _, o := range in.Operations {
		if !slices.Contains(g.Operations, o) {
			g.Operations = append(g.Operations, o)
		}
	}
	if in.Constraints != nil {
		g.Equals, g.Subset = in.Constraints.EncryptionContextEquals, in.Constraints.EncryptionContextSubset
		g.SourceARN = value(in.Constraints.SourceArn)
	}
	return g
}

func (s *Service) granted(c *api.Call, t target, g grantRow) *kms.CreateGrantOutput {
	c.Event.ResponseElements = map[string]any{"grantId": g.ID, "keyId": t.arn}
	return &kms.CreateGrantOutput{GrantId: aws.String(g.ID), GrantToken: aws.String(s.grantToken(t, g.ID))}
}
