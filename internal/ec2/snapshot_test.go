package ec2

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/store"
)

// snapshot makes a snapshot of a volume and waits until it is completed.
func (w *world) snapshot(volume string) string {
	w.t.Helper()
	out := must[ec2.CreateSnapshotOutput](w, "CreateSnapshot", &ec2.CreateSnapshotInput{VolumeId: &volume})
	if out.State != types.SnapshotStatePending {
		w.t.Fatalf("a new snapshot is %s", out.State)
	}
	w.wait(time.Minute)
	return *out.SnapshotId
}

func (w *world) describeSnapshot(id string) types.Snapshot {
	w.t.Helper()
	return must[ec2.DescribeSnapshotsOutput](w, "DescribeSnapshots", &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}}).Snapshots[0]
}

func (w *world) snapshotRow(id string) snapshot {
	w.t.Helper()
	var snap snapshot
	err := w.store.View(context.Background(), func(tx store.Tx) error {
		var err error
		snap, err = w.service.getSnapshot(w.call(tx, "row"), id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return snap
}

func encryptedBy(key string) *ec2.CreateVolumeInput {
	return &ec2.CreateVolumeInput{Encrypted: aws.Bool(true), KmsKeyId: aws.String(key)}
}

func TestASnapshotKeepsTheVolumesDataKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.volume(encryptedBy(testKeyID))
	w.kms.took()
	id := w.snapshot(v)
	if calls := w.kms.took(); len(calls) != 0 {
		t.Errorf("asked KMS: %v", calls)
	}
	snap := w.snapshotRow(id)
	if _, err := w.kms.open(snap.DataKey, map[string]string{"aws:ebs:id": v}); err != nil {
		t.Error(err)
	}
	d := w.describeSnapshot(id)
	if d.State != types.SnapshotStateCompleted || *d.Progress != "100%" || *d.KmsKeyId != keyARN(testKeyID) || !*d.Encrypted || *d.VolumeId != v {
		t.Errorf("snapshot %+v", d)
	}
	same := w.volume(&ec2.CreateVolumeInput{SnapshotId: &id})
	if diff := cmp.Diff([]string{"GenerateDataKeyWithoutPlaintext by test"}, w.kms.took()); diff != "" {
		t.Errorf("a volume under the same key (-want +got):\n%s", diff)
	}
	if *w.describeVolume(same).KmsKeyId != keyARN(testKeyID) || w.row(same).Lineage != snap.Lineage {
		t.Error("the volume of an own snapshot has not its key")
	}
	w.volume(&ec2.CreateVolumeInput{SnapshotId: &id, Encrypted: aws.Bool(true), KmsKeyId: aws.String(otherKeyID)})
	if diff := cmp.Diff([]string{"GenerateDataKeyWithoutPlaintext by test", "ReEncrypt by test"}, w.kms.took()); diff != "" {
		t.Errorf("a volume under another key (-want +got):\n%s", diff)
	}
}

func TestCopySnapshot(t *testing.T) {
	t.Parallel()
	data, retire := "GenerateDataKeyWithoutPlaintext by test", "RetireGrant by ec2.us-east-1.amazonaws.com"
	for _, row := range []struct {
		name   string
		volume *ec2.CreateVolumeInput
		in     ec2.CopySnapshotInput
		key    string
		calls  []string
	}{
		{"unencrypted stays so", &ec2.CreateVolumeInput{}, ec2.CopySnapshotInput{}, "", nil},
		{
			"unencrypted to a key", &ec2.CreateVolumeInput{},
			ec2.CopySnapshotInput{Encrypted: aws.Bool(true), KmsKeyId: aws.String(otherKeyID)},
			keyARN(otherKeyID),
			[]string{data},
		},
		{
			"re-encrypted", encryptedBy(testKeyID),
			ec2.CopySnapshotInput{Encrypted: aws.Bool(true), KmsKeyId: aws.String(otherKeyID)},
			keyARN(otherKeyID),
			[]string{"CreateGrant by test", data, "ReEncrypt by test", retire},
		},
		{
			"encrypted without a key gets the default one", encryptedBy(testKeyID),
			ec2.CopySnapshotInput{},
			keyARN(managedKeyID),
			[]string{"DescribeKey by test", "CreateGrant by test", data, "ReEncrypt by test", retire},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			source := w.snapshot(w.volume(row.volume))
			w.kms.took()
			row.in.SourceRegion, row.in.SourceSnapshotId = aws.String(testRegion), &source
			id := *must[ec2.CopySnapshotOutput](w, "CopySnapshot", &row.in).SnapshotId
			w.wait(time.Minute)
			if diff := cmp.Diff(row.calls, w.kms.took()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			d := w.describeSnapshot(id)
			if d.State != types.SnapshotStateCompleted || aws.ToString(d.KmsKeyId) != row.key || *d.VolumeId != copiedVolume {
				t.Errorf("copy %+v", d)
			}
			if row.key == "" {
				return
			}
			row := w.snapshotRow(id)
			if diff := cmp.Diff(map[string]string{"aws:ebs:id": id}, row.Context); diff != "" {
				t.Errorf("encryption context (-want +got):\n%s", diff)
			}
			if _, err := w.kms.open(row.DataKey, row.Context); err != nil {
				t.Errorf("the copy's data key is not wrapped for its own id: %v", err)
			}
			if len(w.kms.grants) != 0 {
				t.Errorf("grants left over: %v", w.kms.grants)
			}
		})
	}
}

func TestCopySnapshotFailsLater(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, operation string
		err             error
	}{
		{"no grant on the source's key", "CreateGrant", accessDenied},
		{"no data key", "GenerateDataKeyWithoutPlaintext", &kmstypes.KMSInvalidStateException{}},
		{"no re-encryption", "ReEncrypt", accessDenied},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			source := w.snapshot(w.volume(encryptedBy(testKeyID)))
			w.kms.deny[row.operation] = row.err
			id := *must[ec2.CopySnapshotOutput](w, "CopySnapshot", &ec2.CopySnapshotInput{
				SourceRegion: aws.String(testRegion), SourceSnapshotId: &source, Encrypted: aws.Bool(true), KmsKeyId: aws.String(otherKeyID),
			}).SnapshotId
			if d := w.describeSnapshot(id); d.State != types.SnapshotStatePending {
				t.Errorf("at first it is %s", d.State)
			}
			w.wait(time.Minute)
			if d := w.describeSnapshot(id); d.State != types.SnapshotStateError || aws.ToString(d.StateMessage) != "Given key ID is not accessible" {
				t.Errorf("then it is %s: %s", d.State, aws.ToString(d.StateMessage))
			}
			if len(w.kms.grants) != 0 {
				t.Errorf("grants left over: %v", w.kms.grants)
			}
		})
	}
}

func TestCopySnapshotFromAnotherRegion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	source := w.snapshot(w.volume(encryptedBy(testKeyID)))
	w.kms.took()
	w.region = "eu-west-1"
	there := "arn:aws:kms:eu-west-1:123456789012:key/" + otherKeyID
	w.refused("CopySnapshot", &ec2.CopySnapshotInput{SourceRegion: aws.String("eu-west-1"), SourceSnapshotId: &source}, "InvalidSnapshot.NotFound", source)
	w.refused("CopySnapshot", &ec2.CopySnapshotInput{SourceRegion: aws.String("mars-1"), SourceSnapshotId: &source}, "InvalidParameterValue", "mars-1")
	id := *must[ec2.CopySnapshotOutput](w, "CopySnapshot", &ec2.CopySnapshotInput{
		SourceRegion: aws.String(testRegion), SourceSnapshotId: &source, Encrypted: aws.Bool(true), KmsKeyId: &there,
	}).SnapshotId
	w.wait(time.Minute)
	want := []string{
		"CreateGrant by test", "Decrypt by ec2.us-east-1.amazonaws.com", "RetireGrant by ec2.us-east-1.amazonaws.com",
		"GenerateDataKeyWithoutPlaintext by test",
	}
	if diff := cmp.Diff(want, w.kms.took()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if d := w.describeSnapshot(id); d.State != types.SnapshotStateCompleted || *d.KmsKeyId != there {
		t.Errorf("copy %+v", d)
	}
}

func TestSharedSnapshots(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.snapshot(w.volume(encryptedBy(testKeyID)))
	as := func(account string) { w.account = account }
	see := func() int {
		return len(must[ec2.DescribeSnapshotsOutput](w, "DescribeSnapshots", &ec2.DescribeSnapshotsInput{OwnerIds: []string{testAccount}}).Snapshots)
	}
	as(otherAccount)
	w.refused("DescribeSnapshots", &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}}, "InvalidSnapshot.NotFound", "The snapshot '"+id+"' does not exist.")
	as(testAccount)
	add := func(in types.CreateVolumePermissionModifications) *ec2.ModifySnapshotAttributeInput {
		return &ec2.ModifySnapshotAttributeInput{SnapshotId: &id, Attribute: types.SnapshotAttributeNameCreateVolumePermission, CreateVolumePermission: &in}
	}
	w.refused("ModifySnapshotAttribute", add(types.CreateVolumePermissionModifications{Add: []types.CreateVolumePermission{{Group: "all"}}}), "OperationNotPermitted", "Encrypted")
	w.refused("ModifySnapshotAttribute", add(types.CreateVolumePermissionModifications{Add: []types.CreateVolumePermission{{UserId: aws.String("me")}}}), "InvalidUserID.Malformed", `Invalid user id: "me"`)
	needs := w.needs("ModifySnapshotAttribute", add(types.CreateVolumePermissionModifications{Add: []types.CreateVolumePermission{{UserId: aws.String(otherAccount)}}}))
	wantKeys(t, needs[0], map[string][]string{"ec2:Add/userId": {otherAccount}, "ec2:Add/group": nil, "ec2:Owner": {testAccount}})
	must[ec2.ModifySnapshotAttributeOutput](w, "ModifySnapshotAttribute", &ec2.ModifySnapshotAttributeInput{
		SnapshotId: &id, OperationType: types.OperationTypeAdd, UserIds: []string{otherAccount},
	})
	as(otherAccount)
	if see() != 1 {
		t.Error("the account does not see what is shared with it")
	}
	w.refused("DeleteSnapshot", &ec2.DeleteSnapshotInput{SnapshotId: &id}, "AuthFailure", id)
	v := w.volume(&ec2.CreateVolumeInput{SnapshotId: &id})
	if got := *w.describeVolume(v).KmsKeyId; got != keyARN(managedKeyID) {
		t.Errorf("a volume of a shared snapshot is under %s, not under the account's default", got)
	}
	as(testAccount)
	must[ec2.ResetSnapshotAttributeOutput](w, "ResetSnapshotAttribute", &ec2.ResetSnapshotAttributeInput{SnapshotId: &id, Attribute: types.SnapshotAttributeNameCreateVolumePermission})
	as(otherAccount)
	if see() != 0 {
		t.Error("the account still sees what is no longer shared")
	}
}

func TestSnapshotsUnderTheManagedKeyAreNotShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.snapshot(w.volume(&ec2.CreateVolumeInput{Encrypted: aws.Bool(true)}))
	w.refused("ModifySnapshotAttribute", &ec2.ModifySnapshotAttributeInput{
		SnapshotId: &id, OperationType: types.OperationTypeAdd, UserIds: []string{otherAccount},
	}, "OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared")
}

func TestDescribeSnapshotsOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.snapshot(w.volume(&ec2.CreateVolumeInput{}))
	count := func(in ec2.DescribeSnapshotsInput) int {
		return len(must[ec2.DescribeSnapshotsOutput](w, "DescribeSnapshots", &in).Snapshots)
	}
	public := len(catalogueOf(testRegion).snapshots)
	if got := count(ec2.DescribeSnapshotsInput{}); got != public+1 {
		t.Errorf("all: %d", got)
	}
	if got := count(ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}}); got != 1 {
		t.Errorf("own: %d", got)
	}
	if got := count(ec2.DescribeSnapshotsInput{RestorableByUserIds: []string{"all"}}); got != public {
		t.Errorf("public: %d", got)
	}
	if got := count(ec2.DescribeSnapshotsInput{Filters: []types.Filter{filter("owner-alias", "amazon"), filter("volume-size", "30")}}); got == 0 || got >= public {
		t.Errorf("Amazon's of 30 GiB: %d", got)
	}
	if got := count(ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, Filters: []types.Filter{filter("status", "completed"), filter("snapshot-id", own)}}); got != 1 {
		t.Errorf("own, completed: %d", got)
	}
}

func TestCreateSnapshotsOfAnInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.running(encryptedDevice("/dev/sdf"))
	both := must[ec2.CreateSnapshotsOutput](w, "CreateSnapshots", &ec2.CreateSnapshotsInput{InstanceSpecification: &types.InstanceSpecification{InstanceId: &i}})
	data := must[ec2.CreateSnapshotsOutput](w, "CreateSnapshots", &ec2.CreateSnapshotsInput{
		InstanceSpecification: &types.InstanceSpecification{InstanceId: &i, ExcludeBootVolume: aws.Bool(true)},
	})
	if len(both.Snapshots) != 2 || len(data.Snapshots) != 1 || !*data.Snapshots[0].Encrypted {
		t.Errorf("%d snapshots, %d without the root", len(both.Snapshots), len(data.Snapshots))
	}
}
