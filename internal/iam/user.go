package iam

import (
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// usersMax is how many users an account may have (IAM guide, "IAM and AWS STS quotas").
const usersMax = 5000

// user is a row of its table.
type user struct {
	holder
	// Groups are the unique ids of the groups that the user is in.
	Groups []string `json:",omitempty"`
}

var users = store.NewTable("iam.user", append(holderIndexes[user](), store.Index[user]{
	Name: "group", Keys: func(_ string, u user) []string { return u.Groups },
})...)

func (s *Service) userOperations() []api.Operation {
	return []api.Operation{
		op("CreateUser", createUserTarget, s.createUser),
		read("GetUser", onCaller(func(in *iam.GetUserInput) *string { return in.UserName }), s.getUser),
		read("ListUsers", onPath("user", func(in *iam.ListUsersInput) *string { return in.PathPrefix }), s.listUsers),
		op("UpdateUser", updateUserTarget, s.updateUser),
		op("DeleteUser", onEntity(userKind, func(in *iam.DeleteUserInput) *string { return in.UserName }), s.deleteUser),
	}
}

func createUserTarget(c *api.Call, in *iam.CreateUserInput) (target, error) {
	return creation(arn(c, "user", pathOr(in.Path), value(in.UserName)), in.Tags, "iam:TagUser", value(in.PermissionsBoundary)), nil
}

// updateUserTarget needs the permission on the user as it is and as it will be
// (IAM API reference, "UpdateUser").
func updateUserTarget(c *api.Call, in *iam.UpdateUserInput) (target, error) {
	t, err := onEntity(userKind, func(in *iam.UpdateUserInput) *string { return in.UserName })(c, in)
	if err != nil {
		return t, err
	}
	u, err := get(c.Tx, c.Global(), users, "user", value(in.UserName))
	if isMissing(err) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	u.rename(in.NewUserName, in.NewPath)
	if next := arn(c, "user", u.Path, u.Name); next != t.resource {
		t.also = []api.Need{{Action: "iam:UpdateUser", Resource: next, Context: t.context}}
	}
	return t, nil
}

func (h *holder) rename(name, path *string) {
	if name != nil {
		h.Name = *name
	}
	if path != nil {
		h.Path = *path
	}
}

// onCaller is onEntity for users, of operations that act on the caller when no
// user is named.
func onCaller[In any](name func(*In) *string) func(*api.Call, *In) (target, error) {
	return func(c *api.Call, in *In) (target, error) {
		if name(in) == nil && c.Caller.Principal.Type == access.Root {
			return target{resource: c.Caller.Principal.ARN}, nil
		}
		who, err := userOrSelf(c, name(in))
		if err != nil {
			return target{}, err
		}
		return onEntity(userKind, func(*In) *string { return &who })(c, in)
	}
}

// userOrSelf is the name that was given, or else that of the calling user. For
// the root user it is empty.
func userOrSelf(c *api.Call, given *string) (string, error) {
	if given != nil {
		return *given, nil
	}
	p := c.Caller.Principal
	switch p.Type {
	case access.Root:
		return "", nil
	case access.User:
		u, err := userOf(c.Tx, c.Global(), p.Name, p.UserID)
		if errors.Is(err, store.ErrNotFound) {
			return "", missing("user", p.Name)
		}
		return u.Name, err
	}
	return "", invalid("Must specify userName when calling with non-User credentials")
}

// userOf reads the user that had a name and has a unique id, whatever it is
// called by now; ErrNotFound if it was deleted.
func userOf(tx store.Tx, s store.Scope, name, id string) (user, error) {
	u, err := users.Get(tx, s, rowID(name))
	if err == nil && u.ID == id {
		return u, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return user{}, err
	}
	return first(users.Find(tx, s, "id", id))
}

// describe is the SDK's form as listings show it: without tags and boundary.
func (u user) describe(c *api.Call) types.User {
	return types.User{
		Arn: aws.String(arn(c, "user", u.Path, u.Name)), CreateDate: aws.Time(u.Created),
		Path: aws.String(u.Path), UserId: aws.String(u.ID), UserName: aws.String(u.Name),
	}
}

// describeFully is the form that GetUser and CreateUser show.
func (u user) describeFully(c *api.Call) *types.User {
	out := u.describe(c)
	out.PermissionsBoundary = describeBoundary(u.Boundary)
	out.Tags = u.Tags.describe()
	return &out
}

func describeBoundary(arn string) *types.AttachedPermissionsBoundary {
	if arn == "" {
		return nil
	}
	return &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn: aws.String(arn),
		// What AWS answers, though the model's enumeration has another word.
		PermissionsBoundaryType: "Policy",
	}
}

func (s *Service) createUser(c *api.Call, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	h, err := newHolder(c, userPrefix, value(in.UserName), in.Path, in.Tags, in.PermissionsBoundary)
	if err != nil {
		return nil, err
	}
	if err := free(c, users, h.Name, exists("User with name %s already exists.", h.Name)); err != nil {
		return nil, err
	}
	if err := room(c, "iam.user", "UsersPerAccount", usersMax); err != nil {
		return nil, err
	}
	u := user{holder: h}
	if err := putUser(c, u); err != nil {
		return nil, err
	}
	return &iam.CreateUserOutput{User: u.describeFully(c)}, nil
}

// newHolder makes what a new user or role begins with.
func newHolder(c *api.Call, prefix, name string, path *string, in []types.Tag, boundary *string) (holder, error) {
	h := holder{Name: name, Path: pathOr(path), Created: c.Now}
	var err error
	if h.Tags, err = newTags(in, true); err != nil {
		return h, err
	}
	if boundary != nil {
		if err := boundaryExists(c, *boundary); err != nil {
			return h, err
		}
		h.Boundary = *boundary
	}
	h.ID = newID(c, prefix)
	return h, nil
}

func (s *Service) getUser(c *api.Call, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	if in.UserName == nil && c.Caller.Principal.Type == access.Root {
		return &iam.GetUserOutput{User: &types.User{
			Arn: aws.String(c.Caller.Principal.ARN), UserId: aws.String(c.Account), CreateDate: s.rootCreated(c),
		}}, nil
	}
	name, err := userOrSelf(c, in.UserName)
	if err != nil {
		return nil, err
	}
	u, err := get(c.Tx, c.Global(), users, "user", name)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserOutput{User: u.describeFully(c)}, nil
}

func (s *Service) listUsers(c *api.Call, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	all, err := collect(users.All(c.Tx, c.Global()), func(u user) bool { return strings.HasPrefix(u.Path, pathOr(in.PathPrefix)) })
	if err != nil {
		return nil, err
	}
	p, err := paginate(all, func(u user) string { return rowID(u.Name) }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListUsersOutput{
		Users:       convert(p.items, func(u user) types.User { return u.describe(c) }),
		IsTruncated: p.truncated, Marker: p.marker,
	}, nil
}

func (s *Service) updateUser(c *api.Call, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	u, err := get(c.Tx, c.Global(), users, "user", value(in.UserName))
	if err != nil {
		return nil, err
	}
	old := u.Name
	u.rename(in.NewUserName, in.NewPath)
	if rowID(old) != rowID(u.Name) {
		if err := free(c, users, u.Name, exists("User with name %s already exists.", u.Name)); err != nil {
			return nil, err
		}
		if err := users.Delete(c.Tx, c.Global(), rowID(old)); err != nil {
			return nil, err
		}
	}
	if old != u.Name {
		if err := renameKeys(c, u); err != nil {
			return nil, err
		}
	}
	return &iam.UpdateUserOutput{}, putUser(c, u)
}

// putUser writes a user that is new or has a new name or path.
func putUser(c *api.Call, u user) error {
	if err := nameID(c.Tx, u.ID, arn(c, "user", u.Path, u.Name)); err != nil {
		return err
	}
	return users.Put(c.Tx, c.Global(), rowID(u.Name), u)
}

func (s *Service) deleteUser(c *api.Call, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	u, err := get(c.Tx, c.Global(), users, "user", value(in.UserName))
	if err != nil {
		return nil, err
	}
	if err := bare(c, u); err != nil {
		return nil, err
	}
	if err := principals.Delete(c.Tx, outside, u.ID); err != nil {
		return nil, err
	}
	if err := forgetUses(c, u.ID); err != nil {
		return nil, err
	}
	return &iam.DeleteUserOutput{}, users.Delete(c.Tx, c.Global(), rowID(u.Name))
}

// bare refuses a user that still has something (IAM API reference, "DeleteUser").
func bare(c *api.Call, u user) error {
	held, err := keysOf(c.Tx, u.ID)
	if err != nil {
		return err
	}
	worn, err := devicesOf(c, u.ID)
	if err != nil {
		return err
	}
	signing, err := certificatesOf(c, u.ID)
	if err != nil {
		return err
	}
	ssh, err := sshKeysOf(c, u.ID)
	if err != nil {
		return err
	}
	special, err := credentialsOf(c, u.ID)
	if err != nil {
		return err
	}
	_, err = loginProfiles.Get(c.Tx, c.Global(), u.ID)
	if err := ignoreNotFound(err); err != nil {
		return err
	}
	var what string
	switch {
	case len(held) > 0:
		what = "must delete access keys first."
	case err == nil:
		what = "must delete login profile first."
	case len(signing) > 0:
		what = "must delete certificates first."
	case len(worn) > 0:
		what = "must delete MFA device first."
	case len(u.Attached) > 0:
		what = "must detach all policies first."
	case len(u.Inline) > 0:
		what = "must delete policies first."
	case len(u.Groups) > 0:
		what = "must remove users from group first."
	case len(ssh)+len(special) > 0:
		what = "must remove referenced objects first."
	default:
		return nil
	}
	return inUse("Cannot delete entity, " + what)
}

// byName sorts entities as listings give them.
func byName[T interface{ held() holder }](list []T) {
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(rowID(a.held().Name), rowID(b.held().Name)) })
}
