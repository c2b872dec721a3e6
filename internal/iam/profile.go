package iam

import (
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// profilesMax is how many instance profiles an account may have (IAM guide,
// "IAM and AWS STS quotas").
const profilesMax = 1000

// profile is a row of its table: an instance profile.
type profile struct {
	Name, Path, ID string
	Created        time.Time
	// Role and RoleID are those of the one role in it, or empty.
	Role   string `json:",omitempty"`
	RoleID string `json:",omitempty"`
	Tags   tags   `json:",omitempty"`
}

var profiles = store.NewTable("iam.profile", store.Index[profile]{
	Name: "role", Keys: func(_ string, p profile) []string {
		if p.RoleID == "" {
			return nil
		}
		return []string{p.RoleID}
	},
})

func (s *Service) profileOperations() []api.Operation {
	return []api.Operation{
		op("CreateInstanceProfile", func(c *api.Call, in *iam.CreateInstanceProfileInput) (target, error) {
			return creation(arn(c, "instance-profile", pathOr(in.Path), value(in.InstanceProfileName)), in.Tags, "iam:TagInstanceProfile", ""), nil
		}, s.createInstanceProfile),
		read("GetInstanceProfile", onProfile(func(in *iam.GetInstanceProfileInput) *string { return in.InstanceProfileName }), s.getInstanceProfile),
		read("ListInstanceProfiles", onPath("instance-profile", func(in *iam.ListInstanceProfilesInput) *string { return in.PathPrefix }), s.listInstanceProfiles),
		read("ListInstanceProfilesForRole", onEntity(roleKind, func(in *iam.ListInstanceProfilesForRoleInput) *string { return in.RoleName }), s.listInstanceProfilesForRole),
		op("DeleteInstanceProfile", onProfile(func(in *iam.DeleteInstanceProfileInput) *string { return in.InstanceProfileName }), s.deleteInstanceProfile),
		op("AddRoleToInstanceProfile", addRoleTarget, s.addRoleToInstanceProfile),
		op("RemoveRoleFromInstanceProfile", onProfile(func(in *iam.RemoveRoleFromInstanceProfileInput) *string { return in.InstanceProfileName }), s.removeRoleFromInstanceProfile),
	}
}

func getProfile(tx store.Tx, s store.Scope, name string) (profile, error) {
	p, err := profiles.Get(tx, s, rowID(name))
	if errors.Is(err, store.ErrNotFound) || err == nil && p.Name != name {
		return profile{}, notFound("Instance Profile %s cannot be found.", name)
	}
	return p, err
}

var _ api.InstanceProfiles = (*Service)(nil)

// InstanceProfile finds an instance profile of the call's account for EC2, with
// the ARN of the role in it, or returns store.ErrNotFound. It authorizes nothing.
func (s *Service) InstanceProfile(c *api.Call, name string) (api.InstanceProfile, error) {
	p, err := profiles.Get(c.Tx, c.Global(), rowID(name))
	if err == nil && p.Name != name {
		err = store.ErrNotFound
	}
	if err != nil {
		return api.InstanceProfile{}, err
	}
	out := api.InstanceProfile{ARN: arn(c, "instance-profile", p.Path, p.Name), ID: p.ID}
	if p.Role == "" {
		return out, nil
	}
	r, err := get(c.Tx, c.Global(), roles, "role", p.Role)
	out.RoleARN = arn(c, "role", r.Path, r.Name)
	return out, err
}

// onProfile is the target of an operation on an instance profile.
func onProfile[In any](name func(*In) *string) func(*api.Call, *In) (target, error) {
	return func(c *api.Call, in *In) (target, error) {
		p, err := getProfile(c.Tx, c.Global(), value(name(in)))
		if err != nil && !isMissing(err) {
			return target{}, err
		}
		if err != nil {
			p = profile{Name: value(name(in)), Path: "/"}
		}
		t := target{resource: arn(c, "instance-profile", p.Path, p.Name)}
		p.Tags.context(&t.context, "aws:ResourceTag/", "iam:ResourceTag/")
		return t, nil
	}
}

// addRoleTarget also needs the permission to pass the role, for the profile
// passes it on to instances (IAM API reference, "AddRoleToInstanceProfile").
func addRoleTarget(c *api.Call, in *iam.AddRoleToInstanceProfileInput) (target, error) {
	t, err := onProfile(func(in *iam.AddRoleToInstanceProfileInput) *string { return in.InstanceProfileName })(c, in)
	if err != nil {
		return t, err
	}
	r, err := onEntity(roleKind, func(in *iam.AddRoleToInstanceProfileInput) *string { return in.RoleName })(c, in)
	if err != nil {
		return t, err
	}
	var pass access.Context
	pass.Merge(r.context)
	pass.Set("iam:PassedToService", "ec2.amazonaws.com")
	t.also = []api.Need{{Action: "iam:PassRole", Resource: r.resource, Context: pass}}
	return t, nil
}

// describe is the SDK's form as listings show it: without tags.
func (p profile) describe(c *api.Call) (types.InstanceProfile, error) {
	out := types.InstanceProfile{
		Arn: aws.String(arn(c, "instance-profile", p.Path, p.Name)), CreateDate: aws.Time(p.Created),
		InstanceProfileId: aws.String(p.ID), InstanceProfileName: aws.String(p.Name),
		Path: aws.String(p.Path), Roles: []types.Role{},
	}
	if p.Role == "" {
		return out, nil
	}
	r, err := get(c.Tx, c.Global(), roles, "role", p.Role)
	if err != nil {
		return out, err
	}
	d, err := r.describe(c)
	if err != nil {
		return out, err
	}
	d.MaxSessionDuration = nil // which AWS does not show here
	out.Roles = append(out.Roles, d)
	return out, nil
}

func (p profile) describeFully(c *api.Call) (*types.InstanceProfile, error) {
	out, err := p.describe(c)
	out.Tags = p.Tags.describe()
	return &out, err
}

func (s *Service) createInstanceProfile(c *api.Call, in *iam.CreateInstanceProfileInput) (*iam.CreateInstanceProfileOutput, error) {
	p := profile{Name: value(in.InstanceProfileName), Path: pathOr(in.Path), ID: newID(c, profilePrefix), Created: c.Now}
	var err error
	if p.Tags, err = newTags(in.Tags, false); err != nil {
		return nil, err
	}
	if err := free(c, profiles, p.Name, exists("Instance Profile %s already exists.", p.Name)); err != nil {
		return nil, err
	}
	if err := room(c, "iam.profile", "InstanceProfilesPerAccount", profilesMax); err != nil {
		return nil, err
	}
	if err := profiles.Put(c.Tx, c.Global(), rowID(p.Name), p); err != nil {
		return nil, err
	}
	out, err := p.describeFully(c)
	return &iam.CreateInstanceProfileOutput{InstanceProfile: out}, err
}

func (s *Service) getInstanceProfile(c *api.Call, in *iam.GetInstanceProfileInput) (*iam.GetInstanceProfileOutput, error) {
	p, err := getProfile(c.Tx, c.Global(), value(in.InstanceProfileName))
	if err != nil {
		return nil, err
	}
	out, err := p.describeFully(c)
	return &iam.GetInstanceProfileOutput{InstanceProfile: out}, err
}

// describeProfiles makes a page of the SDK's forms.
func describeProfiles(c *api.Call, all []profile, marker *string, max *int32) (page[types.InstanceProfile], error) {
	p, err := paginate(all, func(p profile) string { return rowID(p.Name) }, marker, max)
	if err != nil {
		return page[types.InstanceProfile]{}, err
	}
	out := page[types.InstanceProfile]{items: []types.InstanceProfile{}, truncated: p.truncated, marker: p.marker}
	for _, v := range p.items {
		d, err := v.describe(c)
		if err != nil {
			return out, err
		}
		out.items = append(out.items, d)
	}
	return out, nil
}

func (s *Service) listInstanceProfiles(c *api.Call, in *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	all, err := collect(profiles.All(c.Tx, c.Global()), func(p profile) bool { return strings.HasPrefix(p.Path, pathOr(in.PathPrefix)) })
	if err != nil {
		return nil, err
	}
	p, err := describeProfiles(c, all, in.Marker, in.MaxItems)
	return &iam.ListInstanceProfilesOutput{InstanceProfiles: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
}

func (s *Service) listInstanceProfilesForRole(c *api.Call, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	r, err := get(c.Tx, c.Global(), roles, "role", value(in.RoleName))
	if err != nil {
		return nil, err
	}
	all, err := collect(profiles.Find(c.Tx, c.Global(), "role", r.ID), nil)
	if err != nil {
		return nil, err
	}
	p, err := describeProfiles(c, all, in.Marker, in.MaxItems)
	return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
}

func (s *Service) deleteInstanceProfile(c *api.Call, in *iam.DeleteInstanceProfileInput) (*iam.DeleteInstanceProfileOutput, error) {
	p, err := getProfile(c.Tx, c.Global(), value(in.InstanceProfileName))
	if err != nil {
		return nil, err
	}
	if p.Role != "" {
		return nil, inUse("Cannot delete entity, must remove roles from instance profile first.")
	}
	return &iam.DeleteInstanceProfileOutput{}, profiles.Delete(c.Tx, c.Global(), rowID(p.Name))
}

func (s *Service) addRoleToInstanceProfile(c *api.Call, in *iam.AddRoleToInstanceProfileInput) (*iam.AddRoleToInstanceProfileOutput, error) {
	p, err := getProfile(c.Tx, c.Global(), value(in.InstanceProfileName))
	if err != nil {
		return nil, err
	}
	r, err := modifiable(c, in.RoleName)
	if err != nil {
		return nil, err
	}
	if p.Role != "" {
		return nil, quota("InstanceSessionsPerInstanceProfile", 1)
	}
	p.Role, p.RoleID = r.Name, r.ID
	return &iam.AddRoleToInstanceProfileOutput{}, profiles.Put(c.Tx, c.Global(), rowID(p.Name), p)
}

func (s *Service) removeRoleFromInstanceProfile(c *api.Call, in *iam.RemoveRoleFromInstanceProfileInput) (*iam.RemoveRoleFromInstanceProfileOutput, error) {
	p, err := getProfile(c.Tx, c.Global(), value(in.InstanceProfileName))
	if err != nil {
		return nil, err
	}
	if _, err := modifiable(c, in.RoleName); err != nil {
		return nil, err
	}
	if p.Role != value(in.RoleName) {
		return nil, missing("role", value(in.RoleName))
	}
	p.Role, p.RoleID = "", ""
	return &iam.RemoveRoleFromInstanceProfileOutput{}, profiles.Put(c.Tx, c.Global(), rowID(p.Name), p)
}
