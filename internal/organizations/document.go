package organizations

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/policy"
)

// The quotas of policies (Organizations guide, "Quotas and service limits").
const (
	controlsMax = 10000 // SCPs in an organization
	policiesMax = 1000  // policies of each other type
	contentMax  = 10000 // characters of a tag policy, and of the other types that are not named
	optOutMax   = 2500  // characters of an AI services opt-out policy
)

// document is a policy of the organization.
type document struct {
	ID, Name, Description, Content string
	Type                           types.PolicyType
	AWSManaged                     bool `json:",omitempty"`
}

// allowAll is the content of the policies that AWS attaches everywhere.
const allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// fullAccess are the ids of AWS's own policies.
var fullAccess = map[types.PolicyType]string{
	types.PolicyTypeServiceControlPolicy:  "p-FullAWSAccess",
	types.PolicyTypeResourceControlPolicy: "p-RCPFullAWSAccess",
}

// awsPolicies are the policies that every organization has.
var awsPolicies = map[string]document{
	"p-FullAWSAccess": {
		ID: "p-FullAWSAccess", Name: "FullAWSAccess", Description: "Allows access to every operation", AWSManaged: true,
		Type: types.PolicyTypeServiceControlPolicy, Content: allowAll,
	},
	"p-RCPFullAWSAccess": {
		ID: "p-RCPFullAWSAccess", Name: "RCPFullAWSAccess", Description: "Allow all access", AWSManaged: true,
		Type:    types.PolicyTypeResourceControlPolicy,
		Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
	},
}

// policy finds a policy by its id.
func (o *organization) policy(id string) (document, bool) {
	if d, ok := awsPolicies[id]; ok {
		return d, true
	}
	d, ok := o.Policies[id]
	return d, ok
}

// own are the policies that people made, by id.
func (o *organization) own() []document { return sorted(o.Policies) }

// arn names the policy; one that is not there has a name all the same.
func (d document) arn(o *organization, id string) string {
	kind := strings.ToLower(string(d.Type))
	if kind == "" {
		kind = "*"
	}
	if _, ok := awsPolicies[id]; ok || d.AWSManaged {
		return "arn:" + o.Partition + ":organizations::aws:policy/" + kind + "/" + id
	}
	return o.arn("policy", "/"+kind+"/"+id)
}

func (o *organization) summarize(d document) types.PolicySummary {
	return types.PolicySummary{
		Id: aws.String(d.ID), Arn: aws.String(d.arn(o, d.ID)), Name: aws.String(d.Name), Description: aws.String(d.Description),
		Type: d.Type, AwsManaged: d.AWSManaged,
	}
}

func (o *organization) describePolicy(d document) *types.Policy {
	summary := o.summarize(d)
	return &types.Policy{PolicySummary: &summary, Content: aws.String(d.Content)}
}

func (s *Service) policyOperations() []api.Operation {
	return []api.Operation{
		change("CreatePolicy", func(_ *api.Call, o *organization, in *organizations.CreatePolicyInput) target {
			t := tagging(on(document{Type: in.Type}.arn(o, "p-*")), in.Tags)
			t.context.Set("organizations:PolicyType", string(in.Type))
			return t
		}, createPolicy),
		change("UpdatePolicy", func(_ *api.Call, o *organization, in *organizations.UpdatePolicyInput) target {
			return o.onPolicy(in.PolicyId)
		}, updatePolicy),
		change("DeletePolicy", func(_ *api.Call, o *organization, in *organizations.DeletePolicyInput) target {
			return o.onPolicy(in.PolicyId)
		}, deletePolicy),
		read("DescribePolicy", func(_ *api.Call, o *organization, in *organizations.DescribePolicyInput) target {
			return o.onPolicy(in.PolicyId)
		}, describePolicy),
		read("ListPolicies", func(_ *api.Call, _ *organization, in *organizations.ListPoliciesInput) target {
			var t target
			t.context.Set("organizations:PolicyType", string(in.Filter))
			return t
		}, listPolicies),
	}
}

// onPolicy is the target of an operation on a policy. AWS's own are checked as
// a policy of the organization: only their ARNs differ.
func (o *organization) onPolicy(id *string) target {
	d, _ := o.policy(aws.ToString(id))
	d.AWSManaged = false
	kind := d.Type
	t := on(o.arn("policy", "/"+orStar(strings.ToLower(string(kind)))+"/"+aws.ToString(id)))
	if kind != "" {
		t.context.Set("organizations:PolicyType", string(kind))
	}
	return t
}

func orStar(s string) string {
	if s == "" {
		return "*"
	}
	return s
}

// check refuses what is no policy of its type.
func (d document) check() error {
	kind, limit := policy.ServiceControlPolicy, policy.MaxServiceControl
	switch d.Type {
	case types.PolicyTypeServiceControlPolicy:
	case types.PolicyTypeResourceControlPolicy:
		kind, limit = policy.ResourceControlPolicy, policy.MaxResourceControl
	default:
		var object map[string]any
		if err := json.Unmarshal([]byte(d.Content), &object); err != nil {
			return malformed()
		}
		limit = contentMax
		if d.Type == types.PolicyTypeAiservicesOptOutPolicy {
			limit = optOutMax
		}
		if len([]rune(d.Content)) > limit {
			return contentLimit()
		}
		return nil
	}
	if len([]rune(d.Content)) > limit {
		return contentLimit()
	}
	if _, err := policy.Load([]byte(d.Content), kind); err != nil {
		return malformed()
	}
	return nil
}

func malformed() error {
	return &types.MalformedPolicyDocumentException{Message: aws.String("The provided policy document does not meet the requirements of the specified policy type.")}
}

func contentLimit() error {
	return constraint(types.ConstraintViolationExceptionReasonPolicyContentLimitExceeded, "You have exceeded the maximum size of a policy document.")
}

func (o *organization) policyNameTaken(d document) error {
	for _, p := range o.own() {
		if p.ID != d.ID && p.Type == d.Type && p.Name == d.Name {
			return &types.DuplicatePolicyException{Message: aws.String("A policy with the same name already exists.")}
		}
	}
	return nil
}

func createPolicy(c *api.Call, o *organization, in *organizations.CreatePolicyInput) (*organizations.CreatePolicyOutput, error) {
	if o.Features != types.OrganizationFeatureSetAll {
		return nil, &types.PolicyTypeNotAvailableForOrganizationException{Message: aws.String("You can't use the specified policy type with the feature set currently enabled for this organization.")}
	}
	d := document{ID: "p-" + newID(c, 8), Name: *in.Name, Description: aws.ToString(in.Description), Content: *in.Content, Type: in.Type}
	if err := d.check(); err != nil {
		return nil, err
	}
	if err := o.policyNameTaken(d); err != nil {
		return nil, err
	}
	if o.full(d.Type) {
		return nil, constraint(types.ConstraintViolationExceptionReasonPolicyNumberLimitExceeded, "You have exceeded the number of policies in your organization.")
	}
	if o.Policies == nil {
		o.Policies = map[string]document{}
	}
	o.Policies[d.ID] = d
	if err := o.tag(d.ID, in.Tags); err != nil {
		return nil, err
	}
	return &organizations.CreatePolicyOutput{Policy: o.describePolicy(d)}, nil
}

// full reports whether the organization has as many policies of a type as it may.
func (o *organization) full(kind types.PolicyType) bool {
	n, limit := 0, policiesMax
	if kind == types.PolicyTypeServiceControlPolicy {
		limit = controlsMax
	}
	for _, d := range o.Policies {
		if d.Type == kind {
			n++
		}
	}
	return n >= limit
}

// changeable finds a policy of the organization's own.
func (o *organization) changeable(id *string) (document, error) {
	d, ok := o.policy(aws.ToString(id))
	if !ok {
		return d, policyNotFound()
	}
	if d.AWSManaged {
		return d, invalid(types.InvalidInputExceptionReasonImmutablePolicy, "You specified a policy that is managed by AWS and can't be modified.")
	}
	return d, nil
}

func updatePolicy(_ *api.Call, o *organization, in *organizations.UpdatePolicyInput) (*organizations.UpdatePolicyOutput, error) {
	d, err := o.changeable(in.PolicyId)
	if err != nil {
		return nil, err
	}
	if in.Name != nil {
		d.Name = *in.Name
	}
	if in.Description != nil {
		d.Description = *in.Description
	}
	if in.Content != nil {
		d.Content = *in.Content
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	if err := o.policyNameTaken(d); err != nil {
		return nil, err
	}
	o.Policies[d.ID] = d
	return &organizations.UpdatePolicyOutput{Policy: o.describePolicy(d)}, nil
}

func deletePolicy(_ *api.Call, o *organization, in *organizations.DeletePolicyInput) (*organizations.DeletePolicyOutput, error) {
	d, err := o.changeable(in.PolicyId)
	if err != nil {
		return nil, err
	}
	for _, attached := range o.Attached {
		if slices.Contains(attached, d.ID) {
			return nil, &types.PolicyInUseException{Message: aws.String("The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation.")}
		}
	}
	delete(o.Policies, d.ID)
	delete(o.Tags, d.ID)
	return &organizations.DeletePolicyOutput{}, nil
}

func describePolicy(c *api.Call, in *organizations.DescribePolicyInput) (*organizations.DescribePolicyOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	d, ok := o.policy(aws.ToString(in.PolicyId))
	if !ok {
		return nil, policyNotFound()
	}
	return &organizations.DescribePolicyOutput{Policy: o.describePolicy(d)}, nil
}

func listPolicies(c *api.Call, in *organizations.ListPoliciesInput) (*organizations.ListPoliciesOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	var all []document
	if id, ok := fullAccess[in.Filter]; ok {
		all = append(all, awsPolicies[id])
	}
	for _, d := range o.own() {
		if d.Type == in.Filter {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b document) int { return strings.Compare(a.ID, b.ID) })
	items, next, err := paginate(all, func(d document) string { return d.ID }, in.NextToken, in.MaxResults)
	return &organizations.ListPoliciesOutput{Policies: convert(items, o.summarize), NextToken: next}, err
}
