package ec2

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// snapshotLock keeps a snapshot from being deleted (EBS guide, "Amazon EBS
// snapshot lock"). The zero value is none.
type snapshotLock struct {
	Mode    types.LockMode `json:",omitempty"`
	Created time.Time      `json:",omitzero"`
	// Begins is where the duration counts from: when the snapshot was complete, if
	// that is later than the lock.
	Begins  time.Time `json:",omitzero"`
	Days    int32     `json:",omitempty"`
	Expires time.Time `json:",omitzero"`
	// CoolOff is how many hours a lock in compliance mode can still be taken back.
	CoolOff int32 `json:",omitempty"`
}

// AWS's limits on locks (the same page).
const (
	maxLockDays = 36500
	maxCoolOff  = 72 // hours
)

func (l snapshotLock) coolsUntil() time.Time {
	return l.Created.Add(time.Duration(l.CoolOff) * time.Hour)
}

// state is empty where there is no lock.
func (l snapshotLock) state(now time.Time) types.LockState {
	switch {
	case l.Mode == "":
		return ""
	case !now.Before(l.Expires):
		return types.LockStateExpired
	case l.Mode == types.LockModeGovernance:
		return types.LockStateGovernance
	case now.Before(l.coolsUntil()):
		return types.LockStateComplianceCooloff
	}
	return types.LockStateCompliance
}

// holds reports whether the snapshot may not be deleted.
func (l snapshotLock) holds(now time.Time) bool {
	state := l.state(now)
	return state != "" && state != types.LockStateExpired
}

func (s *Service) snapshotLockOperations() []api.Operation {
	return []api.Operation{
		api.Op("LockSnapshot", func(c *api.Call, in *ec2.LockSnapshotInput) ([]api.Need, error) {
			n, err := s.snapshotNeed(c, "LockSnapshot", c.Region, aws.ToString(in.SnapshotId))
			if in.LockDuration != nil {
				n.Context.Set("ec2:SnapshotLockDuration", decimal(*in.LockDuration))
			}
			if in.CoolOffPeriod != nil {
				n.Context.Set("ec2:SnapshotCoolOffPeriod", decimal(*in.CoolOffPeriod))
			}
			return []api.Need{n}, err
		}, s.lockSnapshot),
		api.Op("UnlockSnapshot", onSnapshot(s, "UnlockSnapshot", func(in *ec2.UnlockSnapshotInput) *string { return in.SnapshotId }), s.unlockSnapshot),
		api.Read("DescribeLockedSnapshots", anywhere[ec2.DescribeLockedSnapshotsInput]("DescribeLockedSnapshots"), s.describeLockedSnapshots),
	}
}

// lockSnapshot locks a snapshot or changes its lock. In compliance mode, once the
// cooling-off period is over, a lock can only be made longer. The sentences rest
// on no source.
func (s *Service) lockSnapshot(c *api.Call, in *ec2.LockSnapshotInput) (*ec2.LockSnapshotOutput, error) {
	snap, err := s.ownSnapshot(c, aws.ToString(in.SnapshotId))
	if err != nil {
		return nil, err
	}
	l, err := newLock(c, snap, in)
	if err != nil {
		return nil, err
	}
	if snap.Lock.state(c.Now) == types.LockStateCompliance && (l.Mode != types.LockModeCompliance || in.CoolOffPeriod != nil || l.Expires.Before(snap.Lock.Expires)) {
		return nil, notPermitted("The snapshot '%s' is locked in compliance mode: its lock can only be extended.", snap.ID)
	}
	if snap.Lock.state(c.Now) == types.LockStateCompliance {
		l.Created, l.CoolOff = snap.Lock.Created, snap.Lock.CoolOff
	}
	snap.Lock = l
	d := snap.describeLock(c)
	return &ec2.LockSnapshotOutput{
		SnapshotId: d.SnapshotId, LockState: d.LockState, LockDuration: d.LockDuration, LockCreatedOn: d.LockCreatedOn, LockExpiresOn: d.LockExpiresOn,
		LockDurationStartTime: d.LockDurationStartTime, CoolOffPeriod: d.CoolOffPeriod, CoolOffPeriodExpiresOn: d.CoolOffPeriodExpiresOn,
	}, s.putSnapshot(c, snap)
}

func newLock(c *api.Call, snap snapshot, in *ec2.LockSnapshotInput) (snapshotLock, error) {
	l := snapshotLock{Mode: in.LockMode, Created: c.Now, Begins: c.Now, CoolOff: aws.ToInt32(in.CoolOffPeriod)}
	if snap.Completed.After(l.Begins) {
		l.Begins = snap.Completed
	}
	if l.Mode == "" {
		return l, missingParameter("LockMode")
	}
	if err := checkWords([]choice{choose("LockMode", l.Mode, l.Mode.Values())}); err != nil {
		return l, err
	}
	switch {
	case in.CoolOffPeriod != nil && l.Mode != types.LockModeCompliance:
		return l, invalidCombination("The parameter CoolOffPeriod may only be used with the lock mode compliance")
	case in.CoolOffPeriod != nil && (l.CoolOff < 1 || l.CoolOff > maxCoolOff):
		return l, invalidValue("Value (%d) for parameter CoolOffPeriod is invalid. The value must be between 1 and %d.", l.CoolOff, maxCoolOff)
	case (in.LockDuration == nil) == (in.ExpirationDate == nil):
		return l, invalidCombination("Either LockDuration or ExpirationDate must be specified, but not both.")
	case in.ExpirationDate != nil:
		l.Expires = *in.ExpirationDate
		if l.Expires.Before(c.Now.Add(24 * time.Hour)) {
			return l, invalidValue("The ExpirationDate must be at least one day from now.")
		}
		l.Days = int32(l.Expires.Sub(l.Begins).Hours() / 24)
	default:
		l.Days = *in.LockDuration
		l.Expires = l.Begins.Add(time.Duration(l.Days) * 24 * time.Hour)
	}
	if l.Days < 1 || l.Days > maxLockDays {
		return l, invalidValue("Value (%d) for parameter LockDuration is invalid. The value must be between 1 and %d.", l.Days, maxLockDays)
	}
	return l, nil
}

func (s *Service) unlockSnapshot(c *api.Call, in *ec2.UnlockSnapshotInput) (*ec2.UnlockSnapshotOutput, error) {
	snap, err := s.ownSnapshot(c, aws.ToString(in.SnapshotId))
	if err != nil {
		return nil, err
	}
	switch snap.Lock.state(c.Now) {
	case "":
		return nil, incorrectState("The snapshot '%s' is not locked.", snap.ID)
	case types.LockStateCompliance:
		return nil, notPermitted("The snapshot '%s' is locked in compliance mode and cannot be unlocked.", snap.ID)
	}
	snap.Lock = snapshotLock{}
	return &ec2.UnlockSnapshotOutput{SnapshotId: aws.String(snap.ID)}, s.putSnapshot(c, snap)
}

func (s snapshot) describeLock(c *api.Call) types.LockedSnapshotsInfo {
	d := types.LockedSnapshotsInfo{
		SnapshotId: aws.String(s.ID), OwnerId: aws.String(s.Owner), LockState: s.Lock.state(c.Now), LockDuration: aws.Int32(s.Lock.Days),
		LockCreatedOn: aws.Time(s.Lock.Created), LockDurationStartTime: aws.Time(s.Lock.Begins), LockExpiresOn: aws.Time(s.Lock.Expires),
	}
	if s.Lock.CoolOff > 0 {
		d.CoolOffPeriod, d.CoolOffPeriodExpiresOn = aws.Int32(s.Lock.CoolOff), aws.Time(s.Lock.coolsUntil())
	}
	return d
}

func (s *Service) describeLockedSnapshots(c *api.Call, in *ec2.DescribeLockedSnapshotsInput) (*ec2.DescribeLockedSnapshotsOutput, error) {
	pages := pageRule{least: 5, most: 1000, ids: "SnapshotIds"}
	if err := pages.check(in.MaxResults, in.SnapshotIds); err != nil {
		return nil, err
	}
	filters := filterTable[snapshot]{"lock-state": func(s snapshot) []string { return some(string(s.Lock.state(c.Now))) }}
	if err := checkFilters(in.Filters, filters.known); err != nil {
		return nil, err
	}
	for _, id := range in.SnapshotIds {
		if _, err := s.ownSnapshot(c, id); err != nil {
			return nil, err
		}
	}
	var found []snapshot
	for snap, err := range snapshotTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if snap.Lock.Mode == "" || len(in.SnapshotIds) > 0 && !slices.Contains(in.SnapshotIds, snap.ID) {
			continue
		}
		ok, err := filters.matches(in.Filters, snap, nil)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, snap)
		}
	}
	found, next, err := page(found, func(s snapshot) string { return s.ID }, pages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeLockedSnapshotsOutput{Snapshots: []types.LockedSnapshotsInfo{}, NextToken: next}
	for _, snap := range found {
		out.Snapshots = append(out.Snapshots, snap.describeLock(c))
	}
	return out, nil
}
