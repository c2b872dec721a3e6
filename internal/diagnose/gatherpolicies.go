package diagnose

import (
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
)

// userPolicies reads a user's policies, those of its groups, and its boundary.
func (g *gatherer) userPolicies() {
	c := g.evidence.Caller
	_, name := c.owner()
	g.tell(phrase.Say("reading the policies of user %s", name))
	out, err := g.clients.IAM.GetUser(g.ctx, &iam.GetUserInput{UserName: &name})
	if err != nil {
		g.unread(err, "permissions boundary of user "+name, "iam:GetUser", access.BoundaryLayer, "")
	} else if out.User != nil {
		c.Principal.Tags = tags(out.User.Tags)
		if c.Principal.Type == access.User && c.Principal.UserID == "" {
			c.Principal.UserID = aws.ToString(out.User.UserId)
		}
		g.limit(out.User.PermissionsBoundary)
	}
	inline := iam.NewListUserPoliciesPaginator(g.clients.IAM, &iam.ListUserPoliciesInput{UserName: &name})
	for inline.HasMorePages() {
		page, err := inline.NextPage(g.ctx)
		if err != nil {
			g.unread(err, "inline policies of user "+name, "iam:ListUserPolicies", access.IdentityLayer, "")
			break
		}
		for _, p := range page.PolicyNames {
			out, err := g.clients.IAM.GetUserPolicy(g.ctx, &iam.GetUserPolicyInput{UserName: &name, PolicyName: &p})
			var text *string
			if out != nil {
				text = out.PolicyDocument
			}
			g.inline("user", name, p, "iam:GetUserPolicy", text, err)
		}
	}
	attached := iam.NewListAttachedUserPoliciesPaginator(g.clients.IAM, &iam.ListAttachedUserPoliciesInput{UserName: &name})
	for attached.HasMorePages() {
		page, err := attached.NextPage(g.ctx)
		if err != nil {
			g.unread(err, "attached policies of user "+name, "iam:ListAttachedUserPolicies", access.IdentityLayer, "")
			break
		}
		g.attached("user", name, page.AttachedPolicies)
	}
	groups := iam.NewListGroupsForUserPaginator(g.clients.IAM, &iam.ListGroupsForUserInput{UserName: &name})
	for groups.HasMorePages() {
		page, err := groups.NextPage(g.ctx)
		if err != nil {
			g.unread(err, "groups of user "+name, "iam:ListGroupsForUser", access.IdentityLayer, "")
			break
		}
		for _, group := range page.Groups {
			g.groupPolicies(aws.ToString(group.GroupName))
		}
	}
}

func (g *gatherer) groupPolicies(name string) {
	inline := iam.NewListGroupPoliciesPaginator(g.clients.IAM, &iam.ListGroupPoliciesInput{GroupName: &name})
	for inline.HasMorePages() {
		page, err := inline.NextPage(g.ctx)
		if err != nil {
			g.unread(err, "inline policies of group "+name, "iam:ListGroupPolicies", access.IdentityLayer, "")
			break
		}
		for _, p := range page.PolicyNames {
			out, err := g.clients.IAM.GetGroupPolicy(g.ctx, &iam.GetGroupPolicyInput{GroupName: &name, PolicyName: &p})
			var text *string
			if out != nil {
				text = out.PolicyDocument
			}
			g.inline("group", name, p, "iam:GetGroupPolicy", text, err)
		}
	}
	attached := iam.NewListAttachedGroupPoliciesPaginator(g.clients.IAM, &iam.ListAttachedGroupPoliciesInput{GroupName: &name})
	for attached.HasMorePages() {
		page, err := attached.NextPage(g.ctx)
		if err != nil {
			g.unread(err, "attached policies of group "+name, "iam:ListAttachedGroupPolicies", access.IdentityLayer, "")
			break
		}
		g.attached("group", name, page.AttachedPolicies)
	}
}

// rolePolicies reads a role's policies, tags and boundary.
func (g *gatherer) rolePolicies() {
	c := g.evidence.Caller
	name := lastPart(c.Principal.RoleARN)
	g.tell(phrase.Say("reading the policies of role %s", name))
	out, err := g.clients.IAM.GetRole(g.ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		g.unread(err, "permissions boundary of role "+name, "iam:GetRole", access.BoundaryLayer, "")
	} else if out.Role != nil {
		c.Principal.Tags = tags(out.Role.Tags)
		c.Principal.RoleARN, c.Principal.RoleID = aws.ToString(out.Role.Arn), aws.ToString(out.Role.RoleId)
		c.Role = c.Principal.RoleARN
		g.limit(out.Role.PermissionsBoundary)
	}
	inline := iam.NewListRolePoliciesPaginator(g.clients.IAM, &iam.ListRolePoliciesInput{RoleName: &name})
	for inline.HasMorePages() {
		page, err := inline.NextPage(g.ctx)
		if err != nil {
			g.unread(err, "inline policies of role "+name, "iam:ListRolePolicies", access.IdentityLayer, "")
			break
		}
		for _, p := range page.PolicyNames {
			out, err := g.clients.IAM.GetRolePolicy(g.ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &p})
			var text *string
			if out != nil {
				text = out.PolicyDocument
			}
			g.inline("role", name, p, "iam:GetRolePolicy", text, err)
		}
	}
	attached := iam.NewListAttachedRolePoliciesPaginator(g.clients.IAM, &iam.ListAttachedRolePoliciesInput{RoleName: &name})
	for attached.HasMorePages() {
		page, err := attached.NextPage(g.ctx)
		if err != nil {
			g.unread(err, "attached policies of role "+name, "iam:ListAttachedRolePolicies", access.IdentityLayer, "")
			break
		}
		g.attached("role", name, page.AttachedPolicies)
	}
}

// inline takes an inline policy; IAM answers with the document URL-encoded.
func (g *gatherer) inline(holder, owner, name, call string, text *string, err error) {
	title := "inline policy " + name + " of " + holder + " " + owner
	if err == nil {
		var d access.Document
		if d, err = decoded(title, "", text); err == nil {
			c := g.evidence.Caller
			c.Identity = append(c.Identity, Held{Document: d, Inline: true, Holder: holder, HolderName: owner, Policy: name})
			return
		}
	}
	g.unread(err, title, call, access.IdentityLayer, "")
}

func (g *gatherer) attached(holder, owner string, policies []iamtypes.AttachedPolicy) {
	c := g.evidence.Caller
	for _, p := range policies {
		name, arn := aws.ToString(p.PolicyName), aws.ToString(p.PolicyArn)
		if d, ok := g.managed(arn, name, access.IdentityLayer); ok {
			c.Identity = append(c.Identity, Held{Document: d, Holder: holder, HolderName: owner, Policy: name})
		}
	}
}

// managed reads a managed policy's default version.
func (g *gatherer) managed(arn, name string, layer access.Layer) (access.Document, bool) {
	out, err := g.clients.IAM.GetPolicy(g.ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	if err != nil {
		g.unread(err, "managed policy "+arn, "iam:GetPolicy", layer, "")
		return access.Document{}, false
	}
	version, err := g.clients.IAM.GetPolicyVersion(g.ctx, &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: out.Policy.DefaultVersionId})
	if err != nil {
		g.unread(err, "managed policy "+arn, "iam:GetPolicyVersion", layer, "")
		return access.Document{}, false
	}
	d, err := decoded(name, arn, version.PolicyVersion.Document)
	if err != nil {
		g.unread(err, "managed policy "+arn, "iam:GetPolicyVersion", layer, "")
		return access.Document{}, false
	}
	return d, true
}

func (g *gatherer) limit(b *iamtypes.AttachedPermissionsBoundary) {
	if b == nil {
		return
	}
	c := g.evidence.Caller
	arn := aws.ToString(b.PermissionsBoundaryArn)
	c.Boundary = arn
	if d, ok := g.managed(arn, lastPart(arn), access.BoundaryLayer); ok {
		c.Limit = &d
	}
}

func decoded(name, arn string, text *string) (access.Document, error) {
	plain, err := url.PathUnescape(aws.ToString(text))
	if err != nil {
		return access.Document{}, fmt.Errorf("%s is not URL-encoded: %w", name, err)
	}
	return parsed(name, arn, plain)
}

func tags(list []iamtypes.Tag) map[string]string {
	m := make(map[string]string, len(list))
	for _, t := range list {
		m[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return m
}
