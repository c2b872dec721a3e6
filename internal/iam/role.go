package iam

import (
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	// rolesMax is how many roles an account may have (IAM guide, "IAM and AWS
	// STS quotas").
	rolesMax = 1000
	// sessionDefault is a role's maximum session duration, in seconds, if none
	// is set.
	sessionDefault = 3600
)

// role is a row of its table. Its trust policy is a row of its own: see trustKey.
type role struct {
	holder
	Description string `json:",omitempty"`
	// MaxSession is in seconds.
	MaxSession int32
	// Linked is the service that a service-linked role belongs to:
	// "autoscaling.amazonaws.com". It is empty for other roles.
	Linked string `json:",omitempty"`
}

var roles = store.NewTable("iam.role", holderIndexes[role]()...)

// roleUse is when and where a role was used last.
type roleUse struct {
	At     time.Time
	Region string
}

var roleUses = store.NewTable[roleUse]("iam.roleuse")

func (s *Service) roleOperations() []api.Operation {
	return []api.Operation{
		op("CreateRole", createRoleTarget, s.createRole),
		read("GetRole", onEntity(roleKind, func(in *iam.GetRoleInput) *string { return in.RoleName }), s.getRole),
		read("ListRoles", onPath("role", func(in *iam.ListRolesInput) *string { return in.PathPrefix }), s.listRoles),
		op("UpdateRole", onEntity(roleKind, func(in *iam.UpdateRoleInput) *string { return in.RoleName }), s.updateRole),
		op("UpdateRoleDescription", onEntity(roleKind, func(in *iam.UpdateRoleDescriptionInput) *string { return in.RoleName }), s.updateRoleDescription),
		op("UpdateAssumeRolePolicy", onEntity(roleKind, func(in *iam.UpdateAssumeRolePolicyInput) *string { return in.RoleName }), s.updateAssumeRolePolicy),
		op("DeleteRole", onEntity(roleKind, func(in *iam.DeleteRoleInput) *string { return in.RoleName }), s.deleteRole),
	}
}

func createRoleTarget(c *api.Call, in *iam.CreateRoleInput) (target, error) {
	return creation(arn(c, "role", pathOr(in.Path), value(in.RoleName)), in.Tags, "iam:TagRole", value(in.PermissionsBoundary)), nil
}

// describe is the SDK's form as listings show it: without tags, boundary and use.
func (r role) describe(c *api.Call) (types.Role, error) {
	trust, err := readTrust(c.Tx, c.Global(), r)
	if err != nil {
		return types.Role{}, err
	}
	out := types.Role{
		Arn: aws.String(arn(c, "role", r.Path, r.Name)), CreateDate: aws.Time(r.Created),
		Path: aws.String(r.Path), RoleId: aws.String(r.ID), RoleName: aws.String(r.Name),
		AssumeRolePolicyDocument: aws.String(encode(trust)), MaxSessionDuration: aws.Int32(r.MaxSession),
	}
	if r.Description != "" {
		out.Description = aws.String(r.Description)
	}
	return out, nil
}

// describeFully is the form that GetRole shows.
func (r role) describeFully(c *api.Call) (*types.Role, error) {
	out, err := r.describe(c)
	if err != nil {
		return nil, err
	}
	out.PermissionsBoundary = describeBoundary(r.Boundary)
	out.Tags = r.Tags.describe()
	out.RoleLastUsed, err = r.lastUsed(c)
	return &out, err
}

// lastUsed is an empty element for a role that was never used, as AWS's is.
func (r role) lastUsed(c *api.Call) (*types.RoleLastUsed, error) {
	use, err := roleUses.Get(c.Tx, c.Global(), r.ID)
	if errors.Is(err, store.ErrNotFound) {
		return &types.RoleLastUsed{}, nil
	}
	if err != nil {
		return nil, err
	}
	return &types.RoleLastUsed{LastUsedDate: aws.Time(use.At), Region: aws.String(use.Region)}, nil
}

func (s *Service) createRole(c *api.Call, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	trust, err := s.newTrust(c, value(in.AssumeRolePolicyDocument))
	if err != nil {
		return nil, err
	}
	h, err := newHolder(c, rolePrefix, value(in.RoleName), in.Path, in.Tags, in.PermissionsBoundary)
	if err != nil {
		return nil, err
	}
	r := role{holder: h, Description: value(in.Description), MaxSession: sessionDefault}
	if in.MaxSessionDuration != nil {
		r.MaxSession = *in.MaxSessionDuration
	}
	if err := putNewRole(c, r, trust); err != nil {
		return nil, err
	}
	out, err := r.describe(c)
	if err != nil {
		return nil, err
	}
	out.MaxSessionDuration = nil // which AWS does not show here
	out.AssumeRolePolicyDocument = aws.String(encode(value(in.AssumeRolePolicyDocument)))
	out.PermissionsBoundary = describeBoundary(r.Boundary)
	out.Tags = r.Tags.describe()
	return &iam.CreateRoleOutput{Role: &out}, nil
}

// putNewRole writes a role and its trust policy, if there is room and the name is free.
func putNewRole(c *api.Call, r role, trust string) error {
	if err := free(c, roles, r.Name, exists("Role with name %s already exists.", r.Name)); err != nil {
		return err
	}
	if err := room(c, "iam.role", "RolesPerAccount", rolesMax); err != nil {
		return err
	}
	if err := c.Tx.Put(trustKey(c.Global(), r.ID), []byte(trust)); err != nil {
		return err
	}
	if err := nameID(c.Tx, r.ID, arn(c, "role", r.Path, r.Name)); err != nil {
		return err
	}
	return roles.Put(c.Tx, c.Global(), rowID(r.Name), r)
}

func (s *Service) getRole(c *api.Call, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	r, err := get(c.Tx, c.Global(), roles, "role", value(in.RoleName))
	if err != nil {
		return nil, err
	}
	out, err := r.describeFully(c)
	return &iam.GetRoleOutput{Role: out}, err
}

func (s *Service) listRoles(c *api.Call, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	all, err := collect(roles.All(c.Tx, c.Global()), func(r role) bool { return strings.HasPrefix(r.Path, pathOr(in.PathPrefix)) })
	if err != nil {
		return nil, err
	}
	p, err := paginate(all, func(r role) string { return rowID(r.Name) }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iam.ListRolesOutput{Roles: []types.Role{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, r := range p.items {
		d, err := r.describe(c)
		if err != nil {
			return nil, err
		}
		out.Roles = append(out.Roles, d)
	}
	return out, nil
}

// modifiable reads a role that the account's own people may change.
func modifiable(c *api.Call, name *string) (role, error) {
	r, err := get(c.Tx, c.Global(), roles, "role", value(name))
	if err == nil && r.Linked != "" {
		return r, protected(r.Name)
	}
	return r, err
}

// protected is the error for a change to a service-linked role.
func protected(name string) error {
	return unmodifiable("Cannot perform the operation on the protected role '" + name + "' - this role is only modifiable by AWS")
}

func (s *Service) updateRole(c *api.Call, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	r, err := modifiable(c, in.RoleName)
	if err != nil {
		return nil, err
	}
	if in.Description != nil {
		r.Description = *in.Description
	}
	if in.MaxSessionDuration != nil {
		r.MaxSession = *in.MaxSessionDuration
	}
	return &iam.UpdateRoleOutput{}, roles.Put(c.Tx, c.Global(), rowID(r.Name), r)
}

// updateRoleDescription works on service-linked roles too (IAM guide, "Using
// service-linked roles").
func (s *Service) updateRoleDescription(c *api.Call, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	r, err := get(c.Tx, c.Global(), roles, "role", value(in.RoleName))
	if err != nil {
		return nil, err
	}
	r.Description = value(in.Description)
	if err := roles.Put(c.Tx, c.Global(), rowID(r.Name), r); err != nil {
		return nil, err
	}
	out, err := r.describe(c)
	return &iam.UpdateRoleDescriptionOutput{Role: &out}, err
}

func (s *Service) updateAssumeRolePolicy(c *api.Call, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	r, err := modifiable(c, in.RoleName)
	if err != nil {
		return nil, err
	}
	trust, err := s.newTrust(c, value(in.PolicyDocument))
	if err != nil {
		return nil, err
	}
	return &iam.UpdateAssumeRolePolicyOutput{}, c.Tx.Put(trustKey(c.Global(), r.ID), []byte(trust))
}

func (s *Service) deleteRole(c *api.Call, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	r, err := modifiable(c, in.RoleName)
	if err != nil {
		return nil, err
	}
	inside, err := collect(profiles.Find(c.Tx, c.Global(), "role", r.ID), nil)
	if err != nil {
		return nil, err
	}
	switch {
	case len(inside) > 0:
		return nil, inUse("Cannot delete entity, must remove roles from instance profile first.")
	case len(r.Attached) > 0:
		return nil, inUse("Cannot delete entity, must detach all policies first.")
	case len(r.Inline) > 0:
		return nil, inUse("Cannot delete entity, must delete policies first.")
	}
	return &iam.DeleteRoleOutput{}, removeRole(c, r)
}

// removeRole deletes the rows of a role that nothing refers to.
func removeRole(c *api.Call, r role) error {
	return errors.Join(
		c.Tx.Delete(trustKey(c.Global(), r.ID)),
		roleUses.Delete(c.Tx, c.Global(), r.ID),
		principals.Delete(c.Tx, outside, r.ID),
		forgetUses(c, r.ID),
		roles.Delete(c.Tx, c.Global(), rowID(r.Name)),
	)
}

// TouchRole records that a role of an account was used, for GetRole's RoleLastUsed.
func (s *Service) TouchRole(tx store.Tx, account, roleID, region string, at time.Time) error {
	return roleUses.Put(tx, store.Scope{Account: account, Region: store.Global}, roleID, roleUse{At: at, Region: region})
}
