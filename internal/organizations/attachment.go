package organizations

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
)

// attachedMax is how many policies of a type one root, unit or account can have
// (Organizations guide, "Quotas and service limits").
var attachedMax = map[types.PolicyType]int{
	types.PolicyTypeServiceControlPolicy: 10, types.PolicyTypeResourceControlPolicy: 5, types.PolicyTypeTagPolicy: 10,
	types.PolicyTypeBackupPolicy: 10, types.PolicyTypeAiservicesOptOutPolicy: 5,
}

func (s *Service) attachmentOperations() []api.Operation {
	return []api.Operation{
		change("AttachPolicy", func(_ *api.Call, o *organization, in *organizations.AttachPolicyInput) target {
			return o.onBoth(in.PolicyId, in.TargetId)
		}, attachPolicy),
		change("DetachPolicy", func(_ *api.Call, o *organization, in *organizations.DetachPolicyInput) target {
			return o.onBoth(in.PolicyId, in.TargetId)
		}, detachPolicy),
		read("ListPoliciesForTarget", func(_ *api.Call, o *organization, in *organizations.ListPoliciesForTargetInput) target {
			t := on(o.arnOf(aws.ToString(in.TargetId)))
			t.context.Set("organizations:PolicyType", string(in.Filter))
			return t
		}, listPoliciesForTarget),
		read("ListTargetsForPolicy", func(_ *api.Call, o *organization, in *organizations.ListTargetsForPolicyInput) target {
			return o.onPolicy(in.PolicyId)
		}, listTargetsForPolicy),
	}
}

// onBoth is the target of an attachment: the policy and what it is attached to.
func (o *organization) onBoth(id, to *string) target {
	t := o.onPolicy(id)
	t.resources = append(t.resources, o.arnOf(aws.ToString(to)))
	return t
}

// attached are the policies of a type on a root, unit or account.
func (o *organization) attached(id string, kind types.PolicyType) []document {
	var out []document
	for _, p := range o.Attached[id] {
		if d, ok := o.policy(p); ok && d.Type == kind {
			out = append(out, d)
		}
	}
	return out
}

// attachFull attaches AWS's policies to something new, as far as their types
// are enabled.
func (o *organization) attachFull(id string) {
	for _, kind := range []types.PolicyType{types.PolicyTypeServiceControlPolicy, types.PolicyTypeResourceControlPolicy} {
		if o.Enabled[kind] {
			o.Attached[id] = append(o.Attached[id], fullAccess[kind])
		}
	}
}

// detachAll drops the policies of a type.
func (o *organization) detachAll(id string, kind types.PolicyType) {
	o.Attached[id] = slices.DeleteFunc(o.Attached[id], func(p string) bool {
		d, _ := o.policy(p)
		return d.Type == kind
	})
}

func attachPolicy(_ *api.Call, o *organization, in *organizations.AttachPolicyInput) (*organizations.AttachPolicyOutput, error) {
	d, ok := o.policy(aws.ToString(in.PolicyId))
	to := aws.ToString(in.TargetId)
	switch {
	case !ok:
		return nil, policyNotFound()
	case !o.exists(to):
		return nil, targetNotFound()
	case !o.Enabled[d.Type]:
		return nil, &types.PolicyTypeNotEnabledException{Message: aws.String("This operation can be performed only for enabled policy types.")}
	case slices.Contains(o.Attached[to], d.ID):
		return nil, &types.DuplicatePolicyAttachmentException{Message: aws.String("A policy with the same name and type already exists.")}
	}
	limit, ok := attachedMax[d.Type]
	if !ok {
		limit = 10
	}
	if len(o.attached(to, d.Type)) >= limit {
		return nil, constraint(types.ConstraintViolationExceptionReasonMaxPolicyTypeAttachmentLimitExceeded, "You have attached the maximum number of policies to the specified target.")
	}
	o.Attached[to] = append(o.Attached[to], d.ID)
	return &organizations.AttachPolicyOutput{}, nil
}

func detachPolicy(_ *api.Call, o *organization, in *organizations.DetachPolicyInput) (*organizations.DetachPolicyOutput, error) {
	d, ok := o.policy(aws.ToString(in.PolicyId))
	from := aws.ToString(in.TargetId)
	switch {
	case !ok:
		return nil, policyNotFound()
	case !o.exists(from):
		return nil, targetNotFound()
	case !slices.Contains(o.Attached[from], d.ID):
		return nil, &types.PolicyNotAttachedException{Message: aws.String("The policy isn't attached to the specified target in the specified root.")}
	case d.ID == fullAccess[types.PolicyTypeResourceControlPolicy]:
		return nil, invalid(types.InvalidInputExceptionReasonNonDetachablePolicy, "You can't detach the policy RCPFullAWSAccess.")
	case d.Type == types.PolicyTypeServiceControlPolicy && len(o.attached(from, d.Type)) == 1:
		return nil, constraint(types.ConstraintViolationExceptionReasonMinPolicyTypeAttachmentLimitExceeded, "You cannot remove the last policy attached to the specified target. You should have at least one attached at any time.")
	}
	o.Attached[from] = slices.DeleteFunc(o.Attached[from], func(p string) bool { return p == d.ID })
	return &organizations.DetachPolicyOutput{}, nil
}

func listPoliciesForTarget(c *api.Call, in *organizations.ListPoliciesForTargetInput) (*organizations.ListPoliciesForTargetOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	id := aws.ToString(in.TargetId)
	if !o.exists(id) {
		return nil, targetNotFound()
	}
	all := o.attached(id, in.Filter)
	slices.SortFunc(all, func(a, b document) int { return strings.Compare(a.ID, b.ID) })
	items, next, err := paginate(all, func(d document) string { return d.ID }, in.NextToken, in.MaxResults)
	return &organizations.ListPoliciesForTargetOutput{Policies: convert(items, o.summarize), NextToken: next}, err
}

func listTargetsForPolicy(c *api.Call, in *organizations.ListTargetsForPolicyInput) (*organizations.ListTargetsForPolicyOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	d, ok := o.policy(aws.ToString(in.PolicyId))
	if !ok {
		return nil, policyNotFound()
	}
	ids := slices.DeleteFunc(o.everything(), func(id string) bool { return !slices.Contains(o.Attached[id], d.ID) })
	slices.Sort(ids)
	page, next, err := paginate(ids, func(id string) string { return id }, in.NextToken, in.MaxResults)
	return &organizations.ListTargetsForPolicyOutput{Targets: convert(page, o.describeTarget), NextToken: next}, err
}

func (o *organization) describeTarget(id string) types.PolicyTargetSummary {
	name := o.Accounts[id].Name
	if u, ok := o.Units[id]; ok {
		name = u.Name
	}
	if id == o.Root.ID {
		name = o.Root.Name
	}
	return types.PolicyTargetSummary{TargetId: aws.String(id), Arn: aws.String(o.arnOf(id)), Name: aws.String(name), Type: targetType(id)}
}
