package ec2

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

var describeSnapshotsPages = pageRule{least: 5, most: 1000, ids: "snapshotSet"}

func (s *Service) describeSnapshots(c *api.Call, in *ec2.DescribeSnapshotsInput) (*ec2.DescribeSnapshotsOutput, error) {
	if err := describeSnapshotsPages.check(in.MaxResults, in.SnapshotIds); err != nil {
		return nil, err
	}
	if err := checkFilters(in.Filters, func(name string) bool {
		_, known := snapshotFilter(snapshot{}, nil, name)
		return known
	}); err != nil {
		return nil, err
	}
	if err := checkOwners(in.OwnerIds); err != nil {
		return nil, err
	}
	visible, err := s.selectSnapshots(c, in.SnapshotIds)
	if err != nil {
		return nil, err
	}
	var found []snapshot
	for _, snap := range visible {
		if !ownedBy(c, in.OwnerIds, snap.Owner, snap.OwnerAlias) || !snap.restorableBy(c, in.RestorableByUserIds) {
			continue
		}
		ok, err := matchesTagged(c, snap.ID, in.Filters, func(tags map[string]string, name string) ([]string, bool) {
			return snapshotFilter(snap, tags, name)
		})
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, snap)
		}
	}
	rows, next, err := page(found, func(s snapshot) string { return s.ID }, describeSnapshotsPages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSnapshotsOutput{Snapshots: []types.Snapshot{}, NextToken: next}
	for _, snap := range rows {
		tags, err := tagsOf(c, snap.ID)
		if err != nil {
			return nil, err
		}
		out.Snapshots = append(out.Snapshots, snap.describe(tags))
	}
	return out, nil
}

// selectSnapshots returns the snapshots with the ids, or all that the account
// may use, sorted by id.
func (s *Service) selectSnapshots(c *api.Call, ids []string) ([]snapshot, error) {
	return selectRows(ids, func(yield func(snapshot, error) bool) {
		all, err := s.visibleSnapshots(c)
		if err != nil {
			yield(snapshot{}, err)
			return
		}
		for _, snap := range all {
			if !yield(snap, nil) {
				return
			}
		}
	}, func(id string) (snapshot, error) { return s.getSnapshot(c, id) }, func(s snapshot) string { return s.ID }, snapshotIdentifier)
}

func (s *Service) visibleSnapshots(c *api.Call) ([]snapshot, error) {
	var all []snapshot
	for snap, err := range snapshotTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		all = append(all, snap)
	}
	for row, err := range sharedWith(c, sharedSnapshotTable) {
		if err != nil {
			return nil, err
		}
		snap, err := snapshotTable.Get(c.Tx, store.Scope{Account: row.Owner, Region: c.Region}, row.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, snap)
	}
	all = append(all, catalogueOf(c.Region).sortedSnapshots...)
	slices.SortFunc(all, func(a, b snapshot) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// restorableBy reports whether one of the users that a request names may make
// volumes of the snapshot: self owns it or has a permission of its own, all
// asks for public ones.
func (s snapshot) restorableBy(c *api.Call, users []string) bool {
	return len(users) == 0 || slices.ContainsFunc(users, func(u string) bool {
		switch u {
		case everybody:
			return s.Share.Public
		case "self":
			return s.Owner == c.Account || slices.Contains(s.Share.Accounts, c.Account)
		default:
			return slices.Contains(s.Share.Accounts, u)
		}
	})
}

// snapshotFilter gives a snapshot's values under DescribeSnapshots' filters.
func snapshotFilter(s snapshot, tags map[string]string, name string) ([]string, bool) {
	switch name {
	case "description":
		return some(s.Description), true
	case "encrypted":
		return flag(s.Encrypted), true
	case "owner-alias":
		return some(s.OwnerAlias), true
	case "owner-id":
		return []string{s.Owner}, true
	case "progress":
		return []string{s.progress()}, true
	case "snapshot-id":
		return []string{s.ID}, true
	case "start-time":
		return []string{filterTime(s.Started)}, true
	case "completion-time":
		if s.Completed.IsZero() {
			return nil, true
		}
		return []string{filterTime(s.Completed)}, true
	case "status":
		return []string{s.State}, true
	case "storage-tier":
		return []string{string(types.StorageTierStandard)}, true
	case "transfer-type":
		return nil, true
	case "volume-id":
		return []string{s.Volume}, true
	case "volume-size":
		return []string{decimal(s.Size)}, true
	}
	return tagFilter(tags, name)
}
