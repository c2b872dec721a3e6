package kms

import (
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

// policyRow is a key's policy as it was given, but for the users and roles that
// it names: they stand as their unique ids.
type policyRow struct{ Text string }

// policies holds one key policy per key, by the key's id.
var policies = store.NewTable[policyRow]("kms.policy")

// policyName is the only name a key policy can have.
const policyName = "default"

// defaultPolicy is what a key gets that is created without one: it lets the
// account's IAM policies decide (KMS guide, "Default key policy").
func defaultPolicy(c *api.Call) string {
	return strings.Replace(defaultPolicyText, "ROOT", "arn:"+c.Partition+":iam::"+c.Account+":root", 1)
}

const defaultPolicyText = `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "ROOT"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`

func (s *Service) policyOperations() []api.Operation {
	return []api.Operation{
		api.Read("GetKeyPolicy", descriptor[kms.GetKeyPolicyInput]{
			action: "GetKeyPolicy", key: func(in *kms.GetKeyPolicyInput) *string { return in.KeyId },
		}.on(s), s.getKeyPolicy),
		api.Op("PutKeyPolicy", descriptor[kms.PutKeyPolicyInput]{
			action: "PutKeyPolicy", key: func(in *kms.PutKeyPolicyInput) *string { return in.KeyId },
			fill: func(_ *api.Call, in *kms.PutKeyPolicyInput, k *access.Context) {
				k.Set("kms:BypassPolicyLockoutSafetyCheck", boolText(in.BypassPolicyLockoutSafetyCheck))
			},
			parameters: func(in *kms.PutKeyPolicyInput) map[string]any {
				return map[string]any{
					"keyId": value(in.KeyId), "policyName": nameOfPolicy(in.PolicyName), "policy": value(in.Policy),
					"bypassPolicyLockoutSafetyCheck": in.BypassPolicyLockoutSafetyCheck,
				}
			},
		}.on(s), s.putKeyPolicy),
		api.Read("ListKeyPolicies", descriptor[kms.ListKeyPoliciesInput]{
			action: "ListKeyPolicies", key: func(in *kms.ListKeyPoliciesInput) *string { return in.KeyId },
		}.on(s), s.listKeyPolicies),
	}
}

func nameOfPolicy(name *string) string {
	if name == nil {
		return policyName
	}
	return *name
}

func checkPolicyName(name *string) error {
	if nameOfPolicy(name) != policyName {
		return &kmstypes.NotFoundException{Message: aws.String("No such policy exists")}
	}
	return nil
}

func (s *Service) getKeyPolicy(c *api.Call, in *kms.GetKeyPolicyInput) (*kms.GetKeyPolicyOutput, error) {
	t, err := s.existing(c, in.KeyId, byID)
	if err != nil {
		return nil, err
	}
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	row, err := policies.Get(c.Tx, t.scope, t.id)
	if err != nil {
		return nil, err
	}
	text, err := s.shownPolicy(c.Tx, row.Text)
	return &kms.GetKeyPolicyOutput{Policy: aws.String(text), PolicyName: aws.String(policyName)}, err
}

func (s *Service) putKeyPolicy(c *api.Call, in *kms.PutKeyPolicyInput) (*kms.PutKeyPolicyOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	if err := s.checkPolicy(c, t, value(in.Policy), in.BypassPolicyLockoutSafetyCheck); err != nil {
		return nil, err
	}
	respondWithKey(c, t.arn)
	return &kms.PutKeyPolicyOutput{}, s.putPolicy(c, t.scope, t.id, value(in.Policy))
}

func (s *Service) putPolicy(c *api.Call, scope store.Scope, keyID, text string) error {
	kept, err := s.keptPolicy(c, text)
	if err != nil {
		return err
	}
	return policies.Put(c.Tx, scope, keyID, policyRow{Text: kept})
}

func (s *Service) listKeyPolicies(c *api.Call, in *kms.ListKeyPoliciesInput) (*kms.ListKeyPoliciesOutput, error) {
	p, err := newPage(in.Limit, in.Marker, defaultKeys, maxKeys)
	if err != nil {
		return nil, err
	}
	if _, err := s.existing(c, in.KeyId, byID); err != nil {
		return nil, err
	}
	out := &kms.ListKeyPoliciesOutput{PolicyNames: []string{}}
	if p.from <= policyName && !p.full(policyName) {
		out.PolicyNames = append(out.PolicyNames, policyName)
	}
	return out, nil
}

// checkPolicy refuses a document that is no key policy, names principals that
// do not exist, or would lock its author out.
func (s *Service) checkPolicy(c *api.Call, t target, text string, bypass bool) error {
	if len(text) > policy.MaxKeyPolicy {
		return limitExceeded("The key policy exceeds the maximum size of 32768 bytes.")
	}
	p, err := s.policies.compile(text)
	if err != nil {
		return malformedPolicy("")
	}
	if err := s.checkPrincipals(c, p); err != nil {
		return err
	}
	if !bypass && !s.mayPutPolicy(c, t, p) {
		return malformedPolicy("The new key policy will not allow you to update the key policy in the future.")
	}
	return nil
}

// checkPrincipals checks a document's form, and the principals in it. KMS looks
// at the form of their ARNs before it looks at anything else.
func (s *Service) checkPrincipals(c *api.Call, p *policy.Policy) error {
	for n := range principalNames(p) {
		if n.Type == policy.AWSPrincipal && strings.HasPrefix(n.Name, "arn:") && !isPrincipalARN(c.Partition, n.Name) {
			return invalidARN("An ARN in the specified key policy is invalid.")
		}
	}
	if list := policy.Validate(p, policy.KeyPolicy); len(list) > 0 {
		return malformedPolicy(keyPolicyMessage(list[0].Message))
	}
	for n := range principalNames(p) {
		if !s.validPrincipal(c, n) {
			return malformedPolicy("Policy contains a statement with one or more invalid principals.")
		}
	}
	return nil
}

// keyPolicyMessage is what KMS says of a violation: of principals and of
// conditions that are too broad it tells, of all else nothing.
func keyPolicyMessage(violation string) string {
	if strings.HasPrefix(violation, "Policy contains ") || strings.HasPrefix(violation, "OverlyPermissiveCondition: ") {
		return violation
	}
	return ""
}

// principalNames are all that a document's statements name, or leave out.
func principalNames(p *policy.Policy) iter.Seq[policy.PrincipalName] {
	return func(yield func(policy.PrincipalName) bool) {
		for i := range p.Len() {
			st := p.Statement(i)
			for _, n := range slices.Concat(st.Principals(), st.NotPrincipals()) {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// mayPutPolicy is the lockout safety check: would p let the caller change the
// policy again? Where p leaves it to the account's IAM policies, that counts as
// yes (KMS guide, "Reducing the risk of the KMS key becoming unmanageable").
func (s *Service) mayPutPolicy(c *api.Call, t target, p *policy.Policy) bool {
	r := access.Request{
		Principal: c.Caller.Principal, Action: "kms:PutKeyPolicy", Resource: t.arn, ResourceAccount: t.scope.Account,
	}
	setCaller(c, &r.Context)
	t.key.setContext(&r.Context, nil)
	r.Context.Set("kms:BypassPolicyLockoutSafetyCheck", "false")
	r.Context.Set("aws:SourceIp", c.SourceIP)
	r.Context.Set("aws:SecureTransport", boolText(c.Secure))
	r.Context.Set("aws:RequestedRegion", c.Region)
	r.Context.Set("aws:ViaAWSService", boolText(c.Via != nil))
	return access.Check(&r, &access.Policies{
		Identity: []access.Document{{Name: "whatever IAM allows", Policy: s.policies.everything}},
		Resource: &access.ResourcePolicy{Kind: access.KMSKey, Document: access.Document{Name: keyPolicyName, Policy: p}},
	}) == access.Allowed
}

// keyPolicyName is how reasons name the document.
const keyPolicyName = "key policy"

// keyPolicy gives a key's policy, compiled.
func (s *Service) keyPolicy(c *api.Call, t target) (*access.ResourcePolicy, error) {
	row, err := policies.Get(c.Tx, t.scope, t.id)
	if err != nil {
		return nil, err
	}
	text, err := s.shownPolicy(c.Tx, row.Text)
	if err != nil {
		return nil, err
	}
	p, err := s.policies.compile(text)
	if err != nil {
		return nil, err
	}
	return &access.ResourcePolicy{Kind: access.KMSKey, Document: access.Document{Name: keyPolicyName, Policy: p}}, nil
}
