package ec2

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// grantChange is what a Modify…Attribute asks of permissions: accounts, or
// "all" for everybody.
type grantChange struct {
	add, remove []string
}

// accounts are the parts of grantees that are accounts.
func accounts(grantees []string) []string {
	var ids []string
	for _, g := range grantees {
		if g != everybody {
			ids = append(ids, g)
		}
	}
	return ids
}

// setKeys gives the condition keys of a change of permissions.
func (g grantChange) setKeys(context *access.Context) {
	for _, side := range []struct {
		name     string
		grantees []string
	}{{"ec2:Add", g.add}, {"ec2:Remove", g.remove}} {
		ids := accounts(side.grantees)
		if len(ids) > 0 {
			context.Set(side.name+"/userId", ids...)
		}
		if len(ids) < len(side.grantees) {
			context.Set(side.name+"/group", everybody)
		}
	}
}

// flat reads the older form of a change: an operation with lists of accounts
// and groups.
func (g *grantChange) flat(operation types.OperationType, users, groups []string) error {
	if len(users) == 0 && len(groups) == 0 {
		return nil
	}
	grantees := users
	for _, group := range groups {
		if group != everybody {
			return invalidValue("Value (%s) for parameter group is invalid. Expected: 'all'.", group)
		}
		grantees = append(slices.Clip(grantees), group)
	}
	switch operation {
	case types.OperationTypeAdd:
		g.add = append(g.add, grantees...)
	case types.OperationTypeRemove:
		g.remove = append(g.remove, grantees...)
	default:
		return missingParameter("operationType")
	}
	return nil
}

// check refuses what is no account.
func (g grantChange) check() error {
	for _, list := range [][]string{g.add, g.remove} {
		for _, id := range accounts(list) {
			if !isAccount(id) {
				return api.Error("InvalidUserID.Malformed", fmt.Sprintf("Invalid user id: %q", id))
			}
		}
	}
	return nil
}

// grantee is one entry of a permission list: a user or the group all.
func grantee(user *string, group types.PermissionGroup) string {
	if group != "" {
		return string(group)
	}
	return aws.ToString(user)
}

func snapshotChange(in *ec2.ModifySnapshotAttributeInput) (grantChange, error) {
	var g grantChange
	if p := in.CreateVolumePermission; p != nil {
		for _, a := range p.Add {
			g.add = append(g.add, grantee(a.UserId, a.Group))
		}
		for _, r := range p.Remove {
			g.remove = append(g.remove, grantee(r.UserId, r.Group))
		}
	}
	err := g.flat(in.OperationType, in.UserIds, in.GroupNames)
	return g, err
}

func (s *Service) modifySnapshotAttributeNeeds(c *api.Call, in *ec2.ModifySnapshotAttributeInput) ([]api.Need, error) {
	n, err := s.snapshotNeed(c, "ModifySnapshotAttribute", c.Region, aws.ToString(in.SnapshotId))
	if err != nil {
		return nil, err
	}
	if g, err := snapshotChange(in); err == nil {
		c.Event.RequestParameters = shareParameters("snapshotId", aws.ToString(in.SnapshotId), "CREATE_VOLUME_PERMISSION", "createVolumePermission", g)
		g.setKeys(&n.Context)
	}
	return []api.Need{n}, nil
}

func (s *Service) modifySnapshotAttribute(c *api.Call, in *ec2.ModifySnapshotAttributeInput) (*ec2.ModifySnapshotAttributeOutput, error) {
	if in.Attribute != "" && in.Attribute != types.SnapshotAttributeNameCreateVolumePermission {
		return nil, unsupported("The attribute %s cannot be modified.", in.Attribute)
	}
	snap, err := s.ownSnapshot(c, aws.ToString(in.SnapshotId))
	if err != nil {
		return nil, err
	}
	g, err := snapshotChange(in)
	if err == nil {
		err = g.check()
	}
	if err != nil {
		return nil, err
	}
	if len(g.add) == 0 && len(g.remove) == 0 {
		return nil, invalidCombination("No permissions to add or remove were specified.")
	}
	after := snap.Share.with(g.add, g.remove)
	guard, err := guardsOf(c)
	if err != nil {
		return nil, err
	}
	switch {
	case guard.snapshots() != types.SnapshotBlockPublicAccessStateUnblocked && after.Public && !snap.Share.Public:
		return nil, blockedSharing("snapshot", "snapshots")
	case len(g.add) > 0 && snap.Encrypted && snap.KeyManaged:
		return nil, notPermitted("Encrypted snapshots with EBS default key cannot be shared")
	case after.Public && snap.Encrypted:
		return nil, notPermitted("Encrypted snapshots cannot be shared publicly")
	}
	return &ec2.ModifySnapshotAttributeOutput{}, s.shareSnapshot(c, snap, after)
}

func (s *Service) shareSnapshot(c *api.Call, snap snapshot, after permissions) error {
	guard, err := guardsOf(c)
	if err != nil {
		return err
	}
	shown := after
	if guard.snapshots() == types.SnapshotBlockPublicAccessStateBlockAllSharing {
		shown.Public = false // and stays out of the directory: see guardSnapshots
	}
	if err := share(c, sharedSnapshotTable, snap.ID, snap.Share, shown); err != nil {
		return err
	}
	snap.Share = after
	return s.putSnapshot(c, snap)
}

func (s *Service) resetSnapshotAttribute(c *api.Call, in *ec2.ResetSnapshotAttributeInput) (*ec2.ResetSnapshotAttributeOutput, error) {
	if in.Attribute != types.SnapshotAttributeNameCreateVolumePermission {
		return nil, unsupported("The attribute %s cannot be reset.", in.Attribute)
	}
	snap, err := s.ownSnapshot(c, aws.ToString(in.SnapshotId))
	if err != nil {
		return nil, err
	}
	return &ec2.ResetSnapshotAttributeOutput{}, s.shareSnapshot(c, snap, permissions{})
}

func (s *Service) describeSnapshotAttribute(c *api.Call, in *ec2.DescribeSnapshotAttributeInput) (*ec2.DescribeSnapshotAttributeOutput, error) {
	snap, err := s.ownSnapshot(c, aws.ToString(in.SnapshotId))
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSnapshotAttributeOutput{SnapshotId: aws.String(snap.ID)}
	switch in.Attribute {
	case types.SnapshotAttributeNameCreateVolumePermission:
		out.CreateVolumePermissions = []types.CreateVolumePermission{}
		if snap.Share.Public {
			out.CreateVolumePermissions = append(out.CreateVolumePermissions, types.CreateVolumePermission{Group: types.PermissionGroupAll})
		}
		for _, a := range snap.Share.Accounts {
			out.CreateVolumePermissions = append(out.CreateVolumePermissions, types.CreateVolumePermission{UserId: aws.String(a)})
		}
	case types.SnapshotAttributeNameProductCodes:
		out.ProductCodes = []types.ProductCode{}
	default:
		return nil, invalidValue("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

// deleteSnapshot ends a snapshot. Volumes made of it do not need it.
func (s *Service) deleteSnapshot(c *api.Call, in *ec2.DeleteSnapshotInput) (*ec2.DeleteSnapshotOutput, error) {
	snap, err := s.ownSnapshot(c, aws.ToString(in.SnapshotId))
	if err != nil {
		return nil, err
	}
	if snap.Lock.holds(c.Now) {
		// Code and words rest on no source.
		return nil, notPermitted("The snapshot '%s' is locked and cannot be deleted.", snap.ID)
	}
	for im, err := range imageTable.Find(c.Tx, c.Scope(), bySnapshot, snap.ID) {
		if err != nil {
			return nil, err
		}
		return nil, api.Error("InvalidSnapshot.InUse", "The snapshot "+snap.ID+" is currently in use by "+im.ID)
	}
	return &ec2.DeleteSnapshotOutput{}, s.dropSnapshot(c, snap)
}

func (s *Service) dropSnapshot(c *api.Call, snap snapshot) error {
	if err := share(c, sharedSnapshotTable, snap.ID, snap.Share, permissions{}); err != nil {
		return err
	}
	if err := putTags(c, string(types.ResourceTypeSnapshot), snap.ID, nil); err != nil {
		return err
	}
	return snapshotTable.Delete(c.Tx, c.Scope(), snap.ID)
}
