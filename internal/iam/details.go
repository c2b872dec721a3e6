package iam

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) detailsOperations() []api.Operation {
	return []api.Operation{
		read("GetAccountAuthorizationDetails", everywhere, s.getAccountAuthorizationDetails),
	}
}

// detail is one entry of the account's authorization details: the one of its
// members that is set. Its key puts users before roles, groups and policies, as AWS has them.
type detail struct {
	key    string
	user   *user
	group  *group
	role   *role
	policy *listed
}

func (s *Service) getAccountAuthorizationDetails(c *api.Call, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	all, err := allDetails(c, in.Filter)
	if err != nil {
		return nil, err
	}
	p, err := paginate(all, func(d detail) string { return d.key }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iam.GetAccountAuthorizationDetailsOutput{
		UserDetailList: []types.UserDetail{}, GroupDetailList: []types.GroupDetail{}, RoleDetailList: []types.RoleDetail{},
		Policies: []types.ManagedPolicyDetail{}, IsTruncated: p.truncated, Marker: p.marker,
	}
	for _, d := range p.items {
		if err := d.describe(c, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func allDetails(c *api.Call, filter []types.EntityType) ([]detail, error) {
	wanted := func(t types.EntityType) bool { return len(filter) == 0 || slices.Contains(filter, t) }
	var all []detail
	if wanted(types.EntityTypeUser) {
		rows, err := collect(users.All(c.Tx, c.Global()), nil)
		if err != nil {
			return nil, err
		}
		for _, u := range rows {
			all = append(all, detail{key: "0" + rowID(u.Name), user: &u})
		}
	}
	if wanted(types.EntityTypeRole) {
		rows, err := collect(roles.All(c.Tx, c.Global()), nil)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			all = append(all, detail{key: "1" + rowID(r.Name), role: &r})
		}
	}
	if wanted(types.EntityTypeGroup) {
		rows, err := collect(groups.All(c.Tx, c.Global()), nil)
		if err != nil {
			return nil, err
		}
		for _, g := range rows {
			all = append(all, detail{key: "2" + rowID(g.Name), group: &g})
		}
	}
	rows, err := allPolicies(c, types.PolicyScopeTypeAll, func(l listed) bool {
		if l.aws != nil {
			// Of AWS's policies only those that are used.
			return wanted(types.EntityTypeAWSManagedPolicy) && l.attached+l.boundary > 0
		}
		return wanted(types.EntityTypeLocalManagedPolicy)
	})
	for _, l := range rows {
		all = append(all, detail{key: "3" + l.key(), policy: &l})
	}
	return all, err
}

// describe adds the entry to the answer.
func (d detail) describe(c *api.Call, out *iam.GetAccountAuthorizationDetailsOutput) error {
	switch {
	case d.user != nil:
		u, err := d.user.detail(c)
		out.UserDetailList = append(out.UserDetailList, u)
		return err
	case d.group != nil:
		inline, err := inlineDetails(c, d.group.holder)
		g := d.group
		out.GroupDetailList = append(out.GroupDetailList, types.GroupDetail{
			Arn: aws.String(arn(c, "group", g.Path, g.Name)), CreateDate: aws.Time(g.Created), GroupId: aws.String(g.ID),
			GroupName: aws.String(g.Name), Path: aws.String(g.Path), GroupPolicyList: inline,
			AttachedManagedPolicies: convert(g.Attached, describeAttached),
		})
		return err
	case d.role != nil:
		r, err := d.role.detail(c)
		out.RoleDetailList = append(out.RoleDetailList, r)
		return err
	}
	p, err := d.policy.detail(c)
	out.Policies = append(out.Policies, p)
	return err
}

// inlineDetails are an entity's inline policies with their documents.
func inlineDetails(c *api.Call, h holder) ([]types.PolicyDetail, error) {
	out := []types.PolicyDetail{}
	for _, n := range h.Inline {
		raw, err := c.Tx.Get(inlineKey(c.Global(), h.ID, n))
		if err != nil {
			return nil, err
		}
		out = append(out, types.PolicyDetail{PolicyName: aws.String(n), PolicyDocument: aws.String(encode(string(raw)))})
	}
	return out, nil
}

func (u *user) detail(c *api.Call) (types.UserDetail, error) {
	inline, err := inlineDetails(c, u.holder)
	if err != nil {
		return types.UserDetail{}, err
	}
	if len(inline) == 0 {
		inline = nil // which AWS leaves out of a user, of all things
	}
	in, err := groupsOf(c.Tx, c.Global(), *u)
	return types.UserDetail{
		Arn: aws.String(arn(c, "user", u.Path, u.Name)), CreateDate: aws.Time(u.Created), UserId: aws.String(u.ID),
		UserName: aws.String(u.Name), Path: aws.String(u.Path), UserPolicyList: inline,
		GroupList: convert(in, func(g group) string { return g.Name }), AttachedManagedPolicies: convert(u.Attached, describeAttached),
		PermissionsBoundary: describeBoundary(u.Boundary), Tags: u.Tags.describeAll(),
	}, err
}

func (r *role) detail(c *api.Call) (types.RoleDetail, error) {
	inline, err := inlineDetails(c, r.holder)
	if err != nil {
		return types.RoleDetail{}, err
	}
	d, err := r.describeFully(c)
	if err != nil {
		return types.RoleDetail{}, err
	}
	in, err := collect(profiles.Find(c.Tx, c.Global(), "role", r.ID), nil)
	if err != nil {
		return types.RoleDetail{}, err
	}
	out := types.RoleDetail{
		Arn: d.Arn, CreateDate: d.CreateDate, RoleId: d.RoleId, RoleName: d.RoleName, Path: d.Path,
		AssumeRolePolicyDocument: d.AssumeRolePolicyDocument, RolePolicyList: inline, RoleLastUsed: d.RoleLastUsed,
		AttachedManagedPolicies: convert(r.Attached, describeAttached), PermissionsBoundary: d.PermissionsBoundary,
		Tags: r.Tags.describeAll(), InstanceProfileList: []types.InstanceProfile{},
	}
	for _, p := range in {
		described, err := p.describe(c)
		if err != nil {
			return out, err
		}
		out.InstanceProfileList = append(out.InstanceProfileList, described)
	}
	return out, nil
}

// detail is the policy without its description, which AWS leaves out here.
func (l *listed) detail(c *api.Call) (types.ManagedPolicyDetail, error) {
	d := l.describe(l.usage)
	out := types.ManagedPolicyDetail{
		Arn: d.Arn, PolicyName: d.PolicyName, PolicyId: d.PolicyId, Path: d.Path, DefaultVersionId: d.DefaultVersionId,
		CreateDate: d.CreateDate, UpdateDate: d.UpdateDate, IsAttachable: d.IsAttachable,
		AttachmentCount: d.AttachmentCount, PermissionsBoundaryUsageCount: d.PermissionsBoundaryUsageCount,
	}
	for _, v := range l.Versions {
		text, err := l.document(c, v.Number)
		if err != nil {
			return out, err
		}
		pv := l.describeVersion(v)
		pv.Document = aws.String(encode(text))
		out.PolicyVersionList = append(out.PolicyVersionList, pv)
	}
	return out, nil
}
