package iam

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) attachmentOperations() []api.Operation {
	return []api.Operation{
		op("AttachUserPolicy", onEntity(userKind, func(in *iam.AttachUserPolicyInput) *string { return in.UserName }, bounded,
			withPolicy(func(in *iam.AttachUserPolicyInput) *string { return in.PolicyArn })),
			func(c *api.Call, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
				return &iam.AttachUserPolicyOutput{}, attach(c, userKind, in.UserName, in.PolicyArn)
			}),
		op("AttachGroupPolicy", onEntity(groupKind, func(in *iam.AttachGroupPolicyInput) *string { return in.GroupName },
			withPolicy(func(in *iam.AttachGroupPolicyInput) *string { return in.PolicyArn })),
			func(c *api.Call, in *iam.AttachGroupPolicyInput) (*iam.AttachGroupPolicyOutput, error) {
				return &iam.AttachGroupPolicyOutput{}, attach(c, groupKind, in.GroupName, in.PolicyArn)
			}),
		op("AttachRolePolicy", onEntity(roleKind, func(in *iam.AttachRolePolicyInput) *string { return in.RoleName }, bounded,
			withPolicy(func(in *iam.AttachRolePolicyInput) *string { return in.PolicyArn })),
			func(c *api.Call, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
				return &iam.AttachRolePolicyOutput{}, attach(c, roleKind, in.RoleName, in.PolicyArn)
			}),
		op("DetachUserPolicy", onEntity(userKind, func(in *iam.DetachUserPolicyInput) *string { return in.UserName }, bounded,
			withPolicy(func(in *iam.DetachUserPolicyInput) *string { return in.PolicyArn })),
			func(c *api.Call, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
				return &iam.DetachUserPolicyOutput{}, detach(c, userKind, in.UserName, in.PolicyArn)
			}),
		op("DetachGroupPolicy", onEntity(groupKind, func(in *iam.DetachGroupPolicyInput) *string { return in.GroupName },
			withPolicy(func(in *iam.DetachGroupPolicyInput) *string { return in.PolicyArn })),
			func(c *api.Call, in *iam.DetachGroupPolicyInput) (*iam.DetachGroupPolicyOutput, error) {
				return &iam.DetachGroupPolicyOutput{}, detach(c, groupKind, in.GroupName, in.PolicyArn)
			}),
		op("DetachRolePolicy", onEntity(roleKind, func(in *iam.DetachRolePolicyInput) *string { return in.RoleName }, bounded,
			withPolicy(func(in *iam.DetachRolePolicyInput) *string { return in.PolicyArn })),
			func(c *api.Call, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
				return &iam.DetachRolePolicyOutput{}, detach(c, roleKind, in.RoleName, in.PolicyArn)
			}),
		read("ListAttachedUserPolicies", onEntity(userKind, func(in *iam.ListAttachedUserPoliciesInput) *string { return in.UserName }),
			func(c *api.Call, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
				p, err := attached(c, userKind, in.UserName, in.PathPrefix, in.Marker, in.MaxItems)
				return &iam.ListAttachedUserPoliciesOutput{AttachedPolicies: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
			}),
		read("ListAttachedGroupPolicies", onEntity(groupKind, func(in *iam.ListAttachedGroupPoliciesInput) *string { return in.GroupName }),
			func(c *api.Call, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
				p, err := attached(c, groupKind, in.GroupName, in.PathPrefix, in.Marker, in.MaxItems)
				return &iam.ListAttachedGroupPoliciesOutput{AttachedPolicies: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
			}),
		read("ListAttachedRolePolicies", onEntity(roleKind, func(in *iam.ListAttachedRolePoliciesInput) *string { return in.RoleName }),
			func(c *api.Call, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
				p, err := attached(c, roleKind, in.RoleName, in.PathPrefix, in.Marker, in.MaxItems)
				return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
			}),
	}
}

// withPolicy adds iam:PolicyARN.
func withPolicy[In any](arn func(*In) *string) func(*api.Call, *In, entity, *target) error {
	return func(_ *api.Call, in *In, _ entity, t *target) error {
		t.context.Set("iam:PolicyARN", value(arn(in)))
		return nil
	}
}

// attach gives a managed policy to an entity. One that it has already is no error.
func attach(c *api.Call, k *kind, name, policyARN *string) error {
	e, err := changeable(c, k, name)
	if err != nil {
		return err
	}
	p, err := attachable(c, policyARN)
	if err != nil {
		return err
	}
	if p.aws != nil && strings.HasPrefix(p.Path, "/aws-service-role/") {
		return &types.PolicyNotAttachableException{Message: aws.String("Cannot attach a Service Role Policy to a Customer Role.")}
	}
	next, added := add(e.Attached, p.arn, byPolicyName)
	if !added {
		return nil
	}
	if len(next) > attachMax {
		return quota(k.attachQuota, attachMax)
	}
	e.Attached = next
	return e.save()
}

func detach(c *api.Call, k *kind, name, policyARN *string) error {
	e, err := changeable(c, k, name)
	if err != nil {
		return err
	}
	if n, ok := parseARN(value(policyARN)); !ok || n.noun != "policy" {
		return errBadARN()
	}
	next, was := drop(e.Attached, value(policyARN))
	if !was {
		return notFound("Policy %s was not found.", value(policyARN))
	}
	e.Attached = next
	return e.save()
}

// changeable reads an entity whose policies the account's own people may change.
func changeable(c *api.Call, k *kind, name *string) (entity, error) {
	e, err := k.load(c.Tx, c.Global(), value(name))
	if err == nil && e.linked != "" {
		return e, protected(e.Name)
	}
	return e, err
}

// byPolicyName orders ARNs by the policies' names.
func byPolicyName(a, b string) int {
	if c := strings.Compare(rowID(policyName(a)), rowID(policyName(b))); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// policyName is the last part of a policy's ARN.
func policyName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func attached(c *api.Call, k *kind, name, prefix, marker *string, max *int32) (page[types.AttachedPolicy], error) {
	var none page[types.AttachedPolicy]
	e, err := k.load(c.Tx, c.Global(), value(name))
	if err != nil {
		return none, err
	}
	var all []string
	for _, a := range e.Attached {
		if n, ok := parseARN(a); ok && strings.HasPrefix(n.path, pathOr(prefix)) {
			all = append(all, a)
		}
	}
	p, err := paginate(all, func(a string) string { return rowID(policyName(a)) + " " + a }, marker, max)
	if err != nil {
		return none, err
	}
	return page[types.AttachedPolicy]{items: convert(p.items, describeAttached), truncated: p.truncated, marker: p.marker}, nil
}

func describeAttached(arn string) types.AttachedPolicy {
	return types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: aws.String(policyName(arn))}
}
