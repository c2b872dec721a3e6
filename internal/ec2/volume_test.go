package ec2

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
)

// volume makes a volume, 8 GiB in the test's zone unless the input says
// otherwise, and waits until it is there.
func (w *world) volume(in *ec2.CreateVolumeInput) string {
	w.t.Helper()
	if in.AvailabilityZone == nil {
		in.AvailabilityZone = aws.String(testZone)
	}
	if in.Size == nil && in.SnapshotId == nil {
		in.Size = aws.Int32(8)
	}
	out := must[ec2.CreateVolumeOutput](w, "CreateVolume", in)
	if out.State != types.VolumeStateCreating {
		w.t.Fatalf("a new volume is %s", out.State)
	}
	w.wait(time.Minute)
	return *out.VolumeId
}

// describeVolume returns a volume as clients see it; nil if it is gone.
func (w *world) describeVolume(id string) *types.Volume {
	w.t.Helper()
	out := must[ec2.DescribeVolumesOutput](w, "DescribeVolumes", &ec2.DescribeVolumesInput{Filters: []types.Filter{filter("volume-id", id)}})
	if len(out.Volumes) == 0 {
		return nil
	}
	return &out.Volumes[0]
}

func TestCreateVolumeAsksKMSLater(t *testing.T) {
	t.Parallel()
	data := "GenerateDataKeyWithoutPlaintext by test"
	for _, row := range []struct {
		name  string
		in    ec2.CreateVolumeInput
		setUp func(*world)
		key   string // "" for an unencrypted volume
		calls []string
	}{
		{"unencrypted", ec2.CreateVolumeInput{}, nil, "", nil},
		{"under a key's ARN", ec2.CreateVolumeInput{Encrypted: aws.Bool(true), KmsKeyId: aws.String(keyARN(testKeyID))}, nil, keyARN(testKeyID), []string{data}},
		{"under a key's id", ec2.CreateVolumeInput{Encrypted: aws.Bool(true), KmsKeyId: aws.String(testKeyID)}, nil, keyARN(testKeyID), []string{data}},
		{
			"under an alias",
			ec2.CreateVolumeInput{Encrypted: aws.Bool(true), KmsKeyId: aws.String("alias/mine")},
			nil,
			keyARN(testKeyID),
			[]string{"DescribeKey by test", data},
		},
		{
			"under the AWS managed key if none is named",
			ec2.CreateVolumeInput{Encrypted: aws.Bool(true)},
			nil,
			keyARN(managedKeyID),
			[]string{"DescribeKey by test", data},
		},
		{
			"under the account's default key",
			ec2.CreateVolumeInput{Encrypted: aws.Bool(true)},
			func(w *world) {
				must[ec2.ModifyEbsDefaultKmsKeyIdOutput](w, "ModifyEbsDefaultKmsKeyId", &ec2.ModifyEbsDefaultKmsKeyIdInput{KmsKeyId: aws.String(otherKeyID)})
			}, keyARN(otherKeyID),
			[]string{data},
		},
		{
			"encryption by default",
			ec2.CreateVolumeInput{Encrypted: aws.Bool(false)},
			func(w *world) {
				must[ec2.EnableEbsEncryptionByDefaultOutput](w, "EnableEbsEncryptionByDefault", &ec2.EnableEbsEncryptionByDefaultInput{})
			}, keyARN(managedKeyID),
			[]string{"DescribeKey by test", data},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if row.setUp != nil {
				row.setUp(w)
			}
			row.in.AvailabilityZone, row.in.Size = aws.String(testZone), aws.Int32(8)
			id := *must[ec2.CreateVolumeOutput](w, "CreateVolume", &row.in).VolumeId
			if calls := w.kms.took(); len(calls) != 0 {
				t.Errorf("the call itself asked KMS: %v", calls)
			}
			w.wait(time.Minute)
			if diff := cmp.Diff(row.calls, w.kms.took()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			v := w.describeVolume(id)
			if v == nil || v.State != types.VolumeStateAvailable {
				t.Fatalf("volume %+v", v)
			}
			if *v.Encrypted != (row.key != "") || aws.ToString(v.KmsKeyId) != row.key {
				t.Errorf("encrypted %v under %q, want %q", *v.Encrypted, aws.ToString(v.KmsKeyId), row.key)
			}
		})
	}
}

func TestCreateVolumeVanishesIfKMSRefuses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, operation, key string
		err                  error
	}{
		{"denied", "GenerateDataKeyWithoutPlaintext", testKeyID, accessDenied},
		{"disabled", "GenerateDataKeyWithoutPlaintext", testKeyID, &kmstypes.DisabledException{}},
		{"an alias of nothing", "", "alias/none", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.kms.deny[row.operation] = row.err
			id := w.volume(&ec2.CreateVolumeInput{
				Encrypted: aws.Bool(true), KmsKeyId: aws.String(row.key),
				TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeVolume, Tags: []types.Tag{tag("k", "v")}}},
			})
			w.refused("DescribeVolumes", &ec2.DescribeVolumesInput{VolumeIds: []string{id}}, "InvalidVolume.NotFound", "The volume '"+id+"' does not exist.")
			if len(w.tags(id)) != 0 {
				t.Error("its tags are still there")
			}
		})
	}
}

func TestCreateVolumeErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	small, big := aws.Int32(8), aws.Int32(100)
	for _, row := range []struct {
		name          string
		in            ec2.CreateVolumeInput
		code, message string
	}{
		{"neither size nor snapshot", ec2.CreateVolumeInput{}, "MissingParameter", "size or snapshotId"},
		{"a key without encryption", ec2.CreateVolumeInput{Size: small, KmsKeyId: aws.String(testKeyID)}, "InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set."},
		{"a key with encryption off", ec2.CreateVolumeInput{Size: small, KmsKeyId: aws.String(testKeyID), Encrypted: aws.Bool(false)}, "InvalidParameterDependency", "KmsKeyId"},
		{"gp2 with iops", ec2.CreateVolumeInput{Size: small, VolumeType: "gp2", Iops: aws.Int32(3000)}, "InvalidParameterCombination", "The parameter iops is not supported for gp2 volumes."},
		{"io1 without iops", ec2.CreateVolumeInput{Size: small, VolumeType: "io1"}, "InvalidParameterCombination", "The parameter iops must be specified for io1 volumes."},
		{"gp3 with too few iops", ec2.CreateVolumeInput{Size: small, VolumeType: "gp3", Iops: aws.Int32(2999)}, "InvalidParameterValue", "Volume iops of 2999 is too low; minimum is 3000."},
		{"gp3 with too many iops a GiB", ec2.CreateVolumeInput{Size: aws.Int32(20), VolumeType: "gp3", Iops: aws.Int32(15000)}, "InvalidParameterValue", "Iops to volume size ratio of 750.000000 is too high; maximum is 500"},
		{"gp3 with too much throughput an iops", ec2.CreateVolumeInput{Size: big, VolumeType: "gp3", Throughput: aws.Int32(1000)}, "InvalidParameterValue", "Throughput (MiBps) to iops ratio of 0.333333 is too high; maximum is 0.250000 MiBps per iops."},
		{"io2 with throughput", ec2.CreateVolumeInput{Size: big, VolumeType: "io2", Iops: aws.Int32(100), Throughput: aws.Int32(125)}, "InvalidParameterCombination", "throughput can only be specified for volumeType gp3."},
		{"st1 too small", ec2.CreateVolumeInput{Size: big, VolumeType: "st1"}, "InvalidParameterValue", "minimum is 125GiB"},
		{"gp2 too large", ec2.CreateVolumeInput{Size: aws.Int32(16385)}, "InvalidParameterValue", "maximum is 16384GiB"},
		{"several instances on gp3", ec2.CreateVolumeInput{Size: big, VolumeType: "gp3", MultiAttachEnabled: aws.Bool(true)}, "InvalidParameterCombination", "multiAttachEnabled"},
		{"a snapshot that is not there", ec2.CreateVolumeInput{SnapshotId: aws.String("snap-0123456789abcdef0")}, "InvalidSnapshot.NotFound", "The snapshot 'snap-0123456789abcdef0' does not exist."},
		{"a snapshot id that is none", ec2.CreateVolumeInput{SnapshotId: aws.String("snap-x")}, "InvalidSnapshotID.Malformed", `Invalid id: "snap-x"`},
		{"tags for something else", ec2.CreateVolumeInput{Size: small, TagSpecifications: []types.TagSpecification{{ResourceType: "instance", Tags: []types.Tag{tag("k", "v")}}}}, "InvalidParameterValue", "'instance' is not a valid taggable resource type for this operation."},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.in.AvailabilityZone = aws.String(testZone)
			w.refused("CreateVolume", &row.in, row.code, row.message)
		})
	}
	w.refused("CreateVolume", &ec2.CreateVolumeInput{Size: small}, "MissingParameter", "AvailabilityZone")
}

func TestVolumePerformance(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		volumeType       types.VolumeType
		size             int32
		iops, throughput *int32
		wantIOPS, wantTP int32
	}{
		{"gp2", 8, nil, nil, 100, 0},
		{"gp2", 500, nil, nil, 1500, 0},
		{"gp2", 10000, nil, nil, 16000, 0},
		{"gp3", 1, nil, nil, 3000, 125},
		{"gp3", 100, aws.Int32(8000), aws.Int32(1000), 8000, 1000},
		{"io1", 100, aws.Int32(5000), nil, 5000, 0},
		{"io2", 100, aws.Int32(100000), nil, 100000, 0},
		{"st1", 125, nil, nil, 0, 0},
		{"standard", 1, nil, nil, 0, 0},
	} {
		iops, throughput, err := checkPerformance(row.volumeType, row.size, row.iops, row.throughput, false)
		if err != nil || iops != row.wantIOPS || throughput != row.wantTP {
			t.Errorf("%s of %d GiB has %d IOPS, %d MiB/s, %v", row.volumeType, row.size, iops, throughput, err)
		}
	}
}

func TestCreateVolumeFromAPublicSnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var snap snapshot
	for _, s := range catalogueOf(testRegion).snapshots {
		snap = s
	}
	id := w.volume(&ec2.CreateVolumeInput{SnapshotId: aws.String(snap.ID), Encrypted: aws.Bool(true), KmsKeyId: aws.String(testKeyID)})
	want := []string{
		"CreateGrant by test", "GenerateDataKeyWithoutPlaintext by test",
		"Decrypt by ec2.us-east-1.amazonaws.com", "RetireGrant by ec2.us-east-1.amazonaws.com",
	}
	if diff := cmp.Diff(want, w.kms.took()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if v := w.describeVolume(id); v == nil || *v.Size != snap.Size || *v.SnapshotId != snap.ID {
		t.Errorf("volume %+v", v)
	}
	if len(w.kms.grants) != 0 {
		t.Errorf("grants left over: %v", w.kms.grants)
	}
}

func TestCreateVolumeClientToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := &ec2.CreateVolumeInput{AvailabilityZone: aws.String(testZone), Size: aws.Int32(8), ClientToken: aws.String("once")}
	first := must[ec2.CreateVolumeOutput](w, "CreateVolume", in)
	again := must[ec2.CreateVolumeOutput](w, "CreateVolume", in)
	if *first.VolumeId != *again.VolumeId {
		t.Error("the same token made two volumes")
	}
	other := *in
	other.Size = aws.Int32(9)
	w.refused("CreateVolume", &other, "IdempotentParameterMismatch", "client token")
	w.wait(clientTokenLife)
	if later := must[ec2.CreateVolumeOutput](w, "CreateVolume", in); *later.VolumeId == *first.VolumeId {
		t.Error("a token is remembered for ever")
	}
}

func TestCreateVolumeNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	needs := w.needs("CreateVolume", &ec2.CreateVolumeInput{
		AvailabilityZone: aws.String(testZone), Size: aws.Int32(10), VolumeType: "gp3", Encrypted: aws.Bool(true), KmsKeyId: aws.String(testKeyID),
		TagSpecifications: []types.TagSpecification{{ResourceType: "volume", Tags: []types.Tag{tag("env", "test")}}},
	})
	volumes := "arn:aws:ec2:us-east-1:123456789012:volume/*"
	if diff := cmp.Diff([]string{"ec2:CreateVolume " + volumes, "ec2:CreateTags " + volumes}, named(needs)); diff != "" {
		t.Fatalf("needs (-want +got):\n%s", diff)
	}
	wantKeys(t, needs[0], map[string][]string{
		"ec2:Encrypted": {"true"}, "ec2:VolumeSize": {"10"}, "ec2:VolumeType": {"gp3"}, "ec2:VolumeIops": {"3000"}, "ec2:VolumeThroughput": {"125"},
		"ec2:KmsKeyId": {keyARN(testKeyID)}, "ec2:AvailabilityZone": {testZone}, "ec2:ParentSnapshot": nil, "aws:RequestTag/env": {"test"},
	})
	wantKeys(t, needs[1], map[string][]string{"ec2:CreateAction": {"CreateVolume"}, "aws:TagKeys": {"env"}})
}

func TestDescribeVolumesFiltersAndPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	encrypted := w.volume(&ec2.CreateVolumeInput{Encrypted: aws.Bool(true), KmsKeyId: aws.String(testKeyID)})
	for range 6 {
		w.volume(&ec2.CreateVolumeInput{VolumeType: "gp3"})
	}
	for _, row := range []struct {
		name   string
		filter types.Filter
		want   int
	}{
		{"by encryption", filter("encrypted", "true"), 1},
		{"by key", filter("kms-key-id", keyARN(testKeyID)), 1},
		{"by type", filter("volume-type", "gp?"), 7},
		{"by size", filter("size", "8"), 7},
		{"by status", filter("status", "available"), 7},
		{"by zone", filter("availability-zone", "us-east-1b"), 0},
		{"by throughput", filter("throughput", "125"), 6},
		{"by a time's day", filter("create-time", "2026-09-29*"), 7},
	} {
		out := must[ec2.DescribeVolumesOutput](w, "DescribeVolumes", &ec2.DescribeVolumesInput{Filters: []types.Filter{row.filter}})
		if len(out.Volumes) != row.want {
			t.Errorf("%s: %d volumes, want %d", row.name, len(out.Volumes), row.want)
		}
	}
	first := must[ec2.DescribeVolumesOutput](w, "DescribeVolumes", &ec2.DescribeVolumesInput{MaxResults: aws.Int32(5)})
	rest := must[ec2.DescribeVolumesOutput](w, "DescribeVolumes", &ec2.DescribeVolumesInput{MaxResults: aws.Int32(5), NextToken: first.NextToken})
	if len(first.Volumes) != 5 || len(rest.Volumes) != 2 || rest.NextToken != nil {
		t.Errorf("pages of %d and %d", len(first.Volumes), len(rest.Volumes))
	}
	w.account = otherAccount
	w.refused("DescribeVolumes", &ec2.DescribeVolumesInput{VolumeIds: []string{encrypted}}, "InvalidVolume.NotFound", encrypted)
	w.refused("DescribeVolumes", &ec2.DescribeVolumesInput{VolumeIds: []string{"x"}}, "InvalidParameterValue", "Value (x) for parameter volumeId is invalid. Expected: 'vol-...'.")
	w.refused("DescribeVolumes", &ec2.DescribeVolumesInput{Filters: []types.Filter{filter("tag:", "x")}}, "InvalidParameterValue", "The filter 'tag:' is invalid")
}

func TestDeleteVolume(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.volume(&ec2.CreateVolumeInput{})
	must[ec2.DeleteVolumeOutput](w, "DeleteVolume", &ec2.DeleteVolumeInput{VolumeId: aws.String(id)})
	w.refused("DeleteVolume", &ec2.DeleteVolumeInput{VolumeId: aws.String(id)}, "InvalidVolume.NotFound", id)
}

func TestAVolumesDataKeyIsWrappedForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.volume(&ec2.CreateVolumeInput{Encrypted: aws.Bool(true), KmsKeyId: aws.String(testKeyID)})
	v := w.row(id)
	opened, err := w.kms.open(v.DataKey, map[string]string{"aws:ebs:id": id})
	if err != nil || opened.Key != keyARN(testKeyID) {
		t.Errorf("data key %s: %v", v.DataKey, err)
	}
	if strings.Contains(v.Key, "alias") {
		t.Errorf("key is kept as %s", v.Key)
	}
}
