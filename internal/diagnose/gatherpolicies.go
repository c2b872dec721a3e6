package diagnose

import (
	"fmt"
	"net/url"
	"slices"

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
	var own, groups []Held
	g.together(
		func(g *gatherer) {
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
		},
		func(g *gatherer) { own = g.held(holder{"user", name}) },
		func(g *gatherer) { groups = g.groupPolicies(name) },
	)
	c.Identity = slices.Concat(own, groups)
}

// groupPolicies are the policies of a user's groups.
func (g *gatherer) groupPolicies(user string) []Held {
	var names []string
	pages := iam.NewListGroupsForUserPaginator(g.clients.IAM, &iam.ListGroupsForUserInput{UserName: &user})
	for pages.HasMorePages() {
		page, err := pages.NextPage(g.ctx)
		if err != nil {
			g.unread(err, "groups of user "+user, "iam:ListGroupsForUser", access.IdentityLayer, "")
			break
		}
		for _, group := range page.Groups {
			names = append(names, aws.ToString(group.GroupName))
		}
	}
	return slices.Concat(each(g, names, func(g *gatherer, name string) []Held { return g.held(holder{"group", name}) })...)
}

// rolePolicies reads a role's policies, tags and boundary.
func (g *gatherer) rolePolicies() {
	c := g.evidence.Caller
	name := lastPart(c.Principal.RoleARN)
	g.tell(phrase.Say("reading the policies of role %s", name))
	g.together(
		func(g *gatherer) {
			out, err := g.clients.IAM.GetRole(g.ctx, &iam.GetRoleInput{RoleName: &name})
			if err != nil {
				g.unread(err, "permissions boundary of role "+name, "iam:GetRole", access.BoundaryLayer, "")
			} else if out.Role != nil {
				c.Principal.Tags = tags(out.Role.Tags)
				c.Principal.RoleARN, c.Principal.RoleID = aws.ToString(out.Role.Arn), aws.ToString(out.Role.RoleId)
				c.Role = c.Principal.RoleARN
				g.limit(out.Role.PermissionsBoundary)
			}
		},
		func(g *gatherer) { c.Identity = g.held(holder{"role", name}) },
	)
}

// held are a user's, group's or role's own policies: the inline ones, then those
// attached.
func (g *gatherer) held(h holder) []Held {
	kinds := []func(*gatherer) []Held{
		func(g *gatherer) []Held {
			names, err := h.inline(g)
			if err != nil {
				g.unread(err, "inline policies of "+h.String(), h.call("List", "Policies"), access.IdentityLayer, "")
			}
			return slices.Concat(each(g, names, func(g *gatherer, name string) []Held { return g.inline(h, name) })...)
		},
		func(g *gatherer) []Held {
			policies, err := h.attached(g)
			if err != nil {
				g.unread(err, "attached policies of "+h.String(), h.call("ListAttached", "Policies"), access.IdentityLayer, "")
			}
			return slices.Concat(each(g, policies, func(g *gatherer, p iamtypes.AttachedPolicy) []Held { return g.attached(h, p) })...)
		},
	}
	return slices.Concat(each(g, kinds, func(g *gatherer, kind func(*gatherer) []Held) []Held { return kind(g) })...)
}

// inline reads an inline policy; IAM answers with the document URL-encoded.
func (g *gatherer) inline(h holder, name string) []Held {
	title := "inline policy " + name + " of " + h.String()
	text, err := h.inlineText(g, name)
	if err == nil {
		var d access.Document
		if d, err = decoded(title, "", text); err == nil {
			return []Held{{Document: d, Inline: true, Holder: h.kind, HolderName: h.name, Policy: name}}
		}
	}
	g.unread(err, title, h.call("Get", "Policy"), access.IdentityLayer, "")
	return nil
}

func (g *gatherer) attached(h holder, p iamtypes.AttachedPolicy) []Held {
	name, arn := aws.ToString(p.PolicyName), aws.ToString(p.PolicyArn)
	d, ok := g.managed(arn, name, access.IdentityLayer)
	if !ok {
		return nil
	}
	return []Held{{Document: d, Holder: h.kind, HolderName: h.name, Policy: name}}
}

// managed reads a managed policy's default version.
func (g *gatherer) managed(arn, name string, layer access.Layer) (access.Document, bool) {
	out, err := once(g.asked, arn, func() (*iam.GetPolicyOutput, error) {
		return g.clients.IAM.GetPolicy(g.ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	})
	if err != nil {
		g.unread(err, "managed policy "+arn, "iam:GetPolicy", layer, "")
		return access.Document{}, false
	}
	version, err := once(g.asked, arn, func() (*iam.GetPolicyVersionOutput, error) {
		return g.clients.IAM.GetPolicyVersion(g.ctx, &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: out.Policy.DefaultVersionId})
	})
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
