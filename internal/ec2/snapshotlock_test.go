package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestSnapshotIsLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.snapshot(w.volume(&ec2.CreateVolumeInput{AvailabilityZone: aws.String(testZone), Size: aws.Int32(1)}))
	w.wait(time.Minute)
	lock := func(mode types.LockMode, days int32, coolOff *int32) *ec2.LockSnapshotInput {
		return &ec2.LockSnapshotInput{SnapshotId: &id, LockMode: mode, LockDuration: &days, CoolOffPeriod: coolOff}
	}
	state := func() types.LockState {
		all := must[ec2.DescribeLockedSnapshotsOutput](w, "DescribeLockedSnapshots", &ec2.DescribeLockedSnapshotsInput{}).Snapshots
		if len(all) == 0 {
			return ""
		}
		return all[0].LockState
	}
	w.refused("UnlockSnapshot", &ec2.UnlockSnapshotInput{SnapshotId: &id}, "IncorrectState", "is not locked")
	w.refused("LockSnapshot", lock(types.LockModeGovernance, 0, nil), "InvalidParameterValue", "LockDuration")
	w.refused("LockSnapshot", lock(types.LockModeGovernance, 1, aws.Int32(1)), "InvalidParameterCombination", "CoolOffPeriod")
	must[ec2.LockSnapshotOutput](w, "LockSnapshot", lock(types.LockModeGovernance, 1, nil))
	w.refused("DeleteSnapshot", &ec2.DeleteSnapshotInput{SnapshotId: &id}, "OperationNotPermitted", "locked")
	must[ec2.UnlockSnapshotOutput](w, "UnlockSnapshot", &ec2.UnlockSnapshotInput{SnapshotId: &id})
	must[ec2.LockSnapshotOutput](w, "LockSnapshot", lock(types.LockModeCompliance, 2, aws.Int32(3)))
	if got := state(); got != types.LockStateComplianceCooloff {
		t.Errorf("the lock is %s", got)
	}
	w.wait(4 * time.Hour)
	if got := state(); got != types.LockStateCompliance {
		t.Errorf("the lock is %s", got)
	}
	w.refused("UnlockSnapshot", &ec2.UnlockSnapshotInput{SnapshotId: &id}, "OperationNotPermitted", "compliance")
	w.refused("LockSnapshot", lock(types.LockModeCompliance, 1, nil), "OperationNotPermitted", "extended")
	must[ec2.LockSnapshotOutput](w, "LockSnapshot", lock(types.LockModeCompliance, 3, nil))
	w.wait(73 * time.Hour)
	if got := state(); got != types.LockStateExpired {
		t.Errorf("the lock is %s", got)
	}
	must[ec2.DeleteSnapshotOutput](w, "DeleteSnapshot", &ec2.DeleteSnapshotInput{SnapshotId: &id})
}

// TestServicesKeepTheTemplatesPlacementGroup: Auto Scaling chooses the zone only.
func TestServicesKeepTheTemplatesPlacementGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.call(nil, "RunInstances")
	base := &types.Placement{GroupName: aws.String("apart"), AvailabilityZone: aws.String("us-east-1b")}
	zone := &types.Placement{AvailabilityZone: aws.String(testZone)}
	if got := mergePlacement(c, base, zone); got.GroupName != nil {
		t.Errorf("a user's placement does not replace the template's: %+v", got)
	}
	c.Caller.Principal.ServiceLinked = true
	if got := mergePlacement(c, base, zone); aws.ToString(got.GroupName) != "apart" || *got.AvailabilityZone != testZone {
		t.Errorf("a service launches into %+v", got)
	}
	if mergePlacement(c, nil, zone) != zone || mergePlacement(c, base, nil) != base {
		t.Error("one of two is not taken")
	}
}
