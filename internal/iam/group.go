package iam

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// Limits on groups (IAM guide, "IAM and AWS STS quotas").
const (
	groupsMax      = 300
	membershipsMax = 10
)

// group is a row of its table.
type group struct{ holder }

var groups = store.NewTable("iam.group", holderIndexes[group]()...)

func (s *Service) groupOperations() []api.Operation {
	return []api.Operation{
		op("CreateGroup", func(c *api.Call, in *iam.CreateGroupInput) (target, error) {
			return target{resource: arn(c, "group", pathOr(in.Path), value(in.GroupName))}, nil
		}, s.createGroup),
		read("GetGroup", onEntity(groupKind, func(in *iam.GetGroupInput) *string { return in.GroupName }), s.getGroup),
		read("ListGroups", onPath("group", func(in *iam.ListGroupsInput) *string { return in.PathPrefix }), s.listGroups),
		op("UpdateGroup", updateGroupTarget, s.updateGroup),
		op("DeleteGroup", onEntity(groupKind, func(in *iam.DeleteGroupInput) *string { return in.GroupName }), s.deleteGroup),
		op("AddUserToGroup", onEntity(groupKind, func(in *iam.AddUserToGroupInput) *string { return in.GroupName }), s.addUserToGroup),
		op("RemoveUserFromGroup", onEntity(groupKind, func(in *iam.RemoveUserFromGroupInput) *string { return in.GroupName }), s.removeUserFromGroup),
		read("ListGroupsForUser", onEntity(userKind, func(in *iam.ListGroupsForUserInput) *string { return in.UserName }), s.listGroupsForUser),
	}
}

func updateGroupTarget(c *api.Call, in *iam.UpdateGroupInput) (target, error) {
	t, err := onEntity(groupKind, func(in *iam.UpdateGroupInput) *string { return in.GroupName })(c, in)
	if err != nil {
		return t, err
	}
	g, err := get(c.Tx, c.Global(), groups, "group", value(in.GroupName))
	if isMissing(err) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	g.rename(in.NewGroupName, in.NewPath)
	if next := arn(c, "group", g.Path, g.Name); next != t.resource {
		t.also = []api.Need{{Action: "iam:UpdateGroup", Resource: next}}
	}
	return t, nil
}

func (g group) describe(c *api.Call) types.Group {
	return types.Group{
		Arn: aws.String(arn(c, "group", g.Path, g.Name)), CreateDate: aws.Time(g.Created),
		GroupId: aws.String(g.ID), GroupName: aws.String(g.Name), Path: aws.String(g.Path),
	}
}

func (s *Service) createGroup(c *api.Call, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	g := group{holder{Name: value(in.GroupName), Path: pathOr(in.Path), ID: newID(c, groupPrefix), Created: c.Now}}
	if err := free(c, groups, g.Name, exists("Group with name %s already exists.", g.Name)); err != nil {
		return nil, err
	}
	if err := room(c, "iam.group", "GroupsPerAccount", groupsMax); err != nil {
		return nil, err
	}
	if err := groups.Put(c.Tx, c.Global(), rowID(g.Name), g); err != nil {
		return nil, err
	}
	out := g.describe(c)
	return &iam.CreateGroupOutput{Group: &out}, nil
}

// members are the users in a group, by name.
func members(c *api.Call, g group) ([]user, error) {
	all, err := collect(users.Find(c.Tx, c.Global(), "group", g.ID), nil)
	byName(all)
	return all, err
}

func (s *Service) getGroup(c *api.Call, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	g, err := get(c.Tx, c.Global(), groups, "group", value(in.GroupName))
	if err != nil {
		return nil, err
	}
	all, err := members(c, g)
	if err != nil {
		return nil, err
	}
	p, err := paginate(all, func(u user) string { return rowID(u.Name) }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := g.describe(c)
	return &iam.GetGroupOutput{
		Group: &out, Users: convert(p.items, func(u user) types.User { return u.describe(c) }),
		IsTruncated: p.truncated, Marker: p.marker,
	}, nil
}

func (s *Service) listGroups(c *api.Call, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	all, err := collect(groups.All(c.Tx, c.Global()), func(g group) bool { return strings.HasPrefix(g.Path, pathOr(in.PathPrefix)) })
	if err != nil {
		return nil, err
	}
	p, err := paginate(all, func(g group) string { return rowID(g.Name) }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListGroupsOutput{
		Groups:      convert(p.items, func(g group) types.Group { return g.describe(c) }),
		IsTruncated: p.truncated, Marker: p.marker,
	}, nil
}

func (s *Service) updateGroup(c *api.Call, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	g, err := get(c.Tx, c.Global(), groups, "group", value(in.GroupName))
	if err != nil {
		return nil, err
	}
	old := g.Name
	g.rename(in.NewGroupName, in.NewPath)
	if rowID(old) != rowID(g.Name) {
		if err := free(c, groups, g.Name, exists("Group with name %s already exists.", g.Name)); err != nil {
			return nil, err
		}
		if err := groups.Delete(c.Tx, c.Global(), rowID(old)); err != nil {
			return nil, err
		}
	}
	return &iam.UpdateGroupOutput{}, groups.Put(c.Tx, c.Global(), rowID(g.Name), g)
}

func (s *Service) deleteGroup(c *api.Call, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	g, err := get(c.Tx, c.Global(), groups, "group", value(in.GroupName))
	if err != nil {
		return nil, err
	}
	inside, err := members(c, g)
	if err != nil {
		return nil, err
	}
	switch {
	case len(inside) > 0:
		return nil, inUse("Cannot delete entity, must remove users from group first.")
	case len(g.Attached) > 0:
		return nil, inUse("Cannot delete entity, must detach all policies first.")
	case len(g.Inline) > 0:
		return nil, inUse("Cannot delete entity, must delete policies first.")
	}
	return &iam.DeleteGroupOutput{}, groups.Delete(c.Tx, c.Global(), rowID(g.Name))
}

// membership reads the group and the user of an operation on both.
func membership(c *api.Call, groupName, userName *string) (group, user, error) {
	g, err := get(c.Tx, c.Global(), groups, "group", value(groupName))
	if err != nil {
		return group{}, user{}, err
	}
	u, err := get(c.Tx, c.Global(), users, "user", value(userName))
	return g, u, err
}

func (s *Service) addUserToGroup(c *api.Call, in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	g, u, err := membership(c, in.GroupName, in.UserName)
	if err != nil {
		return nil, err
	}
	if slices.Contains(u.Groups, g.ID) {
		return &iam.AddUserToGroupOutput{}, nil
	}
	if len(u.Groups) >= membershipsMax {
		return nil, quota("GroupsPerUser", membershipsMax)
	}
	u.Groups = append(u.Groups, g.ID)
	return &iam.AddUserToGroupOutput{}, users.Put(c.Tx, c.Global(), rowID(u.Name), u)
}

func (s *Service) removeUserFromGroup(c *api.Call, in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	g, u, err := membership(c, in.GroupName, in.UserName)
	if err != nil {
		return nil, err
	}
	var was bool
	if u.Groups, was = drop(u.Groups, g.ID); !was {
		return &iam.RemoveUserFromGroupOutput{}, nil
	}
	return &iam.RemoveUserFromGroupOutput{}, users.Put(c.Tx, c.Global(), rowID(u.Name), u)
}

// groupsOf are the groups that a user is in, by name.
func groupsOf(tx store.Tx, s store.Scope, u user) ([]group, error) {
	var all []group
	for _, id := range u.Groups {
		g, err := first(groups.Find(tx, s, "id", id))
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	byName(all)
	return all, nil
}

func (s *Service) listGroupsForUser(c *api.Call, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	u, err := get(c.Tx, c.Global(), users, "user", value(in.UserName))
	if err != nil {
		return nil, err
	}
	all, err := groupsOf(c.Tx, c.Global(), u)
	if err != nil {
		return nil, err
	}
	p, err := paginate(all, func(g group) string { return rowID(g.Name) }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListGroupsForUserOutput{
		Groups:      convert(p.items, func(g group) types.Group { return g.describe(c) }),
		IsTruncated: p.truncated, Marker: p.marker,
	}, nil
}
