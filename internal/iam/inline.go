package iam

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) inlineOperations() []api.Operation {
	return []api.Operation{
		op("PutUserPolicy", onEntity(userKind, func(in *iam.PutUserPolicyInput) *string { return in.UserName }, bounded),
			func(c *api.Call, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
				return &iam.PutUserPolicyOutput{}, putInline(c, userKind, in.UserName, in.PolicyName, in.PolicyDocument)
			}),
		op("PutGroupPolicy", onEntity(groupKind, func(in *iam.PutGroupPolicyInput) *string { return in.GroupName }),
			func(c *api.Call, in *iam.PutGroupPolicyInput) (*iam.PutGroupPolicyOutput, error) {
				return &iam.PutGroupPolicyOutput{}, putInline(c, groupKind, in.GroupName, in.PolicyName, in.PolicyDocument)
			}),
		op("PutRolePolicy", onEntity(roleKind, func(in *iam.PutRolePolicyInput) *string { return in.RoleName }, bounded),
			func(c *api.Call, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
				return &iam.PutRolePolicyOutput{}, putInline(c, roleKind, in.RoleName, in.PolicyName, in.PolicyDocument)
			}),
		read("GetUserPolicy", onEntity(userKind, func(in *iam.GetUserPolicyInput) *string { return in.UserName }),
			func(c *api.Call, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
				text, err := getInline(c, userKind, in.UserName, in.PolicyName)
				return &iam.GetUserPolicyOutput{UserName: in.UserName, PolicyName: in.PolicyName, PolicyDocument: text}, err
			}),
		read("GetGroupPolicy", onEntity(groupKind, func(in *iam.GetGroupPolicyInput) *string { return in.GroupName }),
			func(c *api.Call, in *iam.GetGroupPolicyInput) (*iam.GetGroupPolicyOutput, error) {
				text, err := getInline(c, groupKind, in.GroupName, in.PolicyName)
				return &iam.GetGroupPolicyOutput{GroupName: in.GroupName, PolicyName: in.PolicyName, PolicyDocument: text}, err
			}),
		read("GetRolePolicy", onEntity(roleKind, func(in *iam.GetRolePolicyInput) *string { return in.RoleName }),
			func(c *api.Call, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
				text, err := getInline(c, roleKind, in.RoleName, in.PolicyName)
				return &iam.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: text}, err
			}),
		op("DeleteUserPolicy", onEntity(userKind, func(in *iam.DeleteUserPolicyInput) *string { return in.UserName }, bounded),
			func(c *api.Call, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
				return &iam.DeleteUserPolicyOutput{}, deleteInline(c, userKind, in.UserName, in.PolicyName)
			}),
		op("DeleteGroupPolicy", onEntity(groupKind, func(in *iam.DeleteGroupPolicyInput) *string { return in.GroupName }),
			func(c *api.Call, in *iam.DeleteGroupPolicyInput) (*iam.DeleteGroupPolicyOutput, error) {
				return &iam.DeleteGroupPolicyOutput{}, deleteInline(c, groupKind, in.GroupName, in.PolicyName)
			}),
		op("DeleteRolePolicy", onEntity(roleKind, func(in *iam.DeleteRolePolicyInput) *string { return in.RoleName }, bounded),
			func(c *api.Call, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
				return &iam.DeleteRolePolicyOutput{}, deleteInline(c, roleKind, in.RoleName, in.PolicyName)
			}),
		read("ListUserPolicies", onEntity(userKind, func(in *iam.ListUserPoliciesInput) *string { return in.UserName }),
			func(c *api.Call, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
				p, err := listInline(c, userKind, in.UserName, in.Marker, in.MaxItems)
				return &iam.ListUserPoliciesOutput{PolicyNames: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
			}),
		read("ListGroupPolicies", onEntity(groupKind, func(in *iam.ListGroupPoliciesInput) *string { return in.GroupName }),
			func(c *api.Call, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
				p, err := listInline(c, groupKind, in.GroupName, in.Marker, in.MaxItems)
				return &iam.ListGroupPoliciesOutput{PolicyNames: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
			}),
		read("ListRolePolicies", onEntity(roleKind, func(in *iam.ListRolePoliciesInput) *string { return in.RoleName }),
			func(c *api.Call, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
				p, err := listInline(c, roleKind, in.RoleName, in.Marker, in.MaxItems)
				return &iam.ListRolePoliciesOutput{PolicyNames: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
			}),
	}
}

// putInline embeds a policy in an entity, in place of one of that name.
func putInline(c *api.Call, k *kind, name, policyName, document *string) error {
	e, err := changeable(c, k, name)
	if err != nil {
		return err
	}
	text := value(document)
	if _, err := checkIdentity(text); err != nil {
		return err
	}
	total := size(text)
	for _, other := range e.Inline {
		if other == value(policyName) {
			continue
		}
		raw, err := c.Tx.Get(inlineKey(c.Global(), e.ID, other))
		if err != nil {
			return err
		}
		total += size(string(raw))
	}
	if total > k.inlineQuota {
		return exceeded("Maximum policy size of %d bytes exceeded for %s %s", k.inlineQuota, k.noun, e.Name)
	}
	if err := c.Tx.Put(inlineKey(c.Global(), e.ID, value(policyName)), []byte(text)); err != nil {
		return err
	}
	next, added := add(e.Inline, value(policyName), strings.Compare)
	if !added {
		return nil
	}
	e.Inline = next
	return e.save()
}

func inlineMissing(k *kind, name *string) error {
	return notFound("The %s policy with name %s cannot be found.", k.noun, value(name))
}

// getInline returns an inline policy as answers carry it.
func getInline(c *api.Call, k *kind, name, policyName *string) (*string, error) {
	e, err := k.load(c.Tx, c.Global(), value(name))
	if err != nil {
		return nil, err
	}
	if !slices.Contains(e.Inline, value(policyName)) {
		return nil, inlineMissing(k, policyName)
	}
	raw, err := c.Tx.Get(inlineKey(c.Global(), e.ID, value(policyName)))
	return aws.String(encode(string(raw))), err
}

func deleteInline(c *api.Call, k *kind, name, policyName *string) error {
	e, err := changeable(c, k, name)
	if err != nil {
		return err
	}
	next, was := drop(e.Inline, value(policyName))
	if !was {
		return inlineMissing(k, policyName)
	}
	e.Inline = next
	if err := c.Tx.Delete(inlineKey(c.Global(), e.ID, value(policyName))); err != nil {
		return err
	}
	return e.save()
}

func listInline(c *api.Call, k *kind, name, marker *string, max *int32) (page[string], error) {
	e, err := k.load(c.Tx, c.Global(), value(name))
	if err != nil {
		return page[string]{}, err
	}
	return paginate(e.Inline, func(s string) string { return s }, marker, max)
}
