package diagnose

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// holder is who holds policies: IAM has the same calls for users, groups and roles.
type holder struct {
	// kind is user, group or role.
	kind, name string
}

// String is the holder for people: "user test".
func (h holder) String() string { return h.kind + " " + h.name }

// call is the action of the holder's kind: iam:GetUserPolicy.
func (h holder) call(verb, what string) string {
	return "iam:" + verb + strings.ToUpper(h.kind[:1]) + h.kind[1:] + what
}

// inline are the names of the inline policies. With an error come those that were
// read before it.
func (h holder) inline(g *gatherer) ([]string, error) {
	c := g.clients.IAM
	var names []string
	for marker := (*string)(nil); ; {
		var page []string
		var err error
		switch h.kind {
		case "user":
			var out *iam.ListUserPoliciesOutput
			if out, err = c.ListUserPolicies(g.ctx, &iam.ListUserPoliciesInput{UserName: &h.name, Marker: marker}); err == nil {
				page, marker = out.PolicyNames, out.Marker
			}
		case "group":
			var out *iam.ListGroupPoliciesOutput
			if out, err = c.ListGroupPolicies(g.ctx, &iam.ListGroupPoliciesInput{GroupName: &h.name, Marker: marker}); err == nil {
				page, marker = out.PolicyNames, out.Marker
			}
		default:
			var out *iam.ListRolePoliciesOutput
			if out, err = c.ListRolePolicies(g.ctx, &iam.ListRolePoliciesInput{RoleName: &h.name, Marker: marker}); err == nil {
				page, marker = out.PolicyNames, out.Marker
			}
		}
		names = append(names, page...)
		if err != nil || aws.ToString(marker) == "" {
			return names, err
		}
	}
}

// inlineText is an inline policy as IAM answers.
func (h holder) inlineText(g *gatherer, policy string) (*string, error) {
	c := g.clients.IAM
	switch h.kind {
	case "user":
		out, err := c.GetUserPolicy(g.ctx, &iam.GetUserPolicyInput{UserName: &h.name, PolicyName: &policy})
		if err != nil {
			return nil, err
		}
		return out.PolicyDocument, nil
	case "group":
		out, err := c.GetGroupPolicy(g.ctx, &iam.GetGroupPolicyInput{GroupName: &h.name, PolicyName: &policy})
		if err != nil {
			return nil, err
		}
		return out.PolicyDocument, nil
	}
	out, err := c.GetRolePolicy(g.ctx, &iam.GetRolePolicyInput{RoleName: &h.name, PolicyName: &policy})
	if err != nil {
		return nil, err
	}
	return out.PolicyDocument, nil
}

// attached are the managed policies. With an error come those that were read
// before it.
func (h holder) attached(g *gatherer) ([]iamtypes.AttachedPolicy, error) {
	c := g.clients.IAM
	var policies []iamtypes.AttachedPolicy
	for marker := (*string)(nil); ; {
		var page []iamtypes.AttachedPolicy
		var err error
		switch h.kind {
		case "user":
			var out *iam.ListAttachedUserPoliciesOutput
			if out, err = c.ListAttachedUserPolicies(g.ctx, &iam.ListAttachedUserPoliciesInput{UserName: &h.name, Marker: marker}); err == nil {
				page, marker = out.AttachedPolicies, out.Marker
			}
		case "group":
			var out *iam.ListAttachedGroupPoliciesOutput
			if out, err = c.ListAttachedGroupPolicies(g.ctx, &iam.ListAttachedGroupPoliciesInput{GroupName: &h.name, Marker: marker}); err == nil {
				page, marker = out.AttachedPolicies, out.Marker
			}
		default:
			var out *iam.ListAttachedRolePoliciesOutput
			if out, err = c.ListAttachedRolePolicies(g.ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &h.name, Marker: marker}); err == nil {
				page, marker = out.AttachedPolicies, out.Marker
			}
		}
		policies = append(policies, page...)
		if err != nil || aws.ToString(marker) == "" {
			return policies, err
		}
	}
}
