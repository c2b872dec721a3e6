package ec2

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// encryptedVolume is a volume in an instance's zone under the test's key.
func (w *world) encryptedVolume(instance string) string {
	w.t.Helper()
	return w.volume(&ec2.CreateVolumeInput{
		AvailabilityZone: w.describe(instance).Placement.AvailabilityZone, Encrypted: aws.Bool(true), KmsKeyId: aws.String(testKeyID),
	})
}

func attach(volume, instance, device string) *ec2.AttachVolumeInput {
	return &ec2.AttachVolumeInput{VolumeId: aws.String(volume), InstanceId: aws.String(instance), Device: aws.String(device)}
}

func TestAttachToARunningInstanceAsksKMSAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.running()
	v := w.encryptedVolume(i)
	w.kms.took()
	out := must[ec2.AttachVolumeOutput](w, "AttachVolume", attach(v, i, "/dev/sdf"))
	if out.State != types.VolumeAttachmentStateAttaching {
		t.Errorf("the answer says %s", out.State)
	}
	if diff := cmp.Diff([]string{"CreateGrant by test", "Decrypt by " + i}, w.kms.took()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	grant := w.row(v).Attachments[0].Grant
	made, ok := w.kms.grants[grant]
	if !ok || *made.GranteePrincipal != "arn:aws:sts::123456789012:assumed-role/aws:ec2-infrastructure/"+i ||
		!maps.Equal(made.Constraints.EncryptionContextSubset, map[string]string{"aws:ebs:id": v}) {
		t.Errorf("grant %+v", made)
	}
	w.wait(time.Minute)
	d := w.describeVolume(v)
	if d.State != types.VolumeStateInUse || d.Attachments[0].State != types.VolumeAttachmentStateAttached || *d.Attachments[0].DeleteOnTermination {
		t.Errorf("volume is %s, attachment %+v", d.State, d.Attachments[0])
	}
	w.refused("DeleteVolume", &ec2.DeleteVolumeInput{VolumeId: aws.String(v)}, "VolumeInUse", "Volume "+v+" is currently attached to "+i)

	off := must[ec2.DetachVolumeOutput](w, "DetachVolume", &ec2.DetachVolumeInput{VolumeId: aws.String(v)})
	if off.State != types.VolumeAttachmentStateDetaching || *off.InstanceId != i || *off.Device != "/dev/sdf" {
		t.Errorf("detached %+v", off)
	}
	if _, left := w.kms.grants[grant]; left {
		t.Error("the grant was not retired")
	}
	if d := w.describeVolume(v); d.State != types.VolumeStateAvailable || len(d.Attachments) != 0 {
		t.Errorf("volume is %s at %+v", d.State, d.Attachments)
	}
}

func TestAttachIsRefusedIfKMSRefuses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, operation string
		err             error
	}{
		{"no permission to create the grant", "CreateGrant", accessDenied},
		{"a disabled key", "CreateGrant", &kmstypes.DisabledException{}},
		{"a key that is not available", "Decrypt", &kmstypes.KeyUnavailableException{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			i := w.running()
			v := w.encryptedVolume(i)
			w.kms.deny[row.operation] = row.err
			w.refused("AttachVolume", attach(v, i, "/dev/sdf"), "CustomerKeyHasBeenRevoked",
				"Volume "+v+" cannot be attached. The encrypted volume was unable to access the KMS key.")
			if d := w.describeVolume(v); d.State != types.VolumeStateAvailable {
				t.Errorf("the volume is %s", d.State)
			}
		})
	}
}

func TestAttachToAStoppedInstanceAsksNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.stopped()
	v := w.encryptedVolume(i)
	w.kms.took()
	w.kms.deny["CreateGrant"] = accessDenied
	must[ec2.AttachVolumeOutput](w, "AttachVolume", attach(v, i, "/dev/sdf"))
	if calls := w.kms.took(); len(calls) != 0 {
		t.Errorf("asked KMS: %v", calls)
	}
}

func TestAttachVolumeErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.running()
	zone := w.describe(i).Placement.AvailabilityZone
	otherZone := "us-east-1b"
	if *zone == otherZone {
		otherZone = "us-east-1a"
	}
	here := func() string { return w.volume(&ec2.CreateVolumeInput{AvailabilityZone: zone}) }
	used, free, far := here(), here(), w.volume(&ec2.CreateVolumeInput{AvailabilityZone: aws.String(otherZone)})
	must[ec2.AttachVolumeOutput](w, "AttachVolume", attach(used, i, "/dev/sdf"))
	fresh := *must[ec2.CreateVolumeOutput](w, "CreateVolume", &ec2.CreateVolumeInput{AvailabilityZone: zone, Size: aws.Int32(1)}).VolumeId
	root := *w.describe(i).RootDeviceName
	for _, row := range []struct {
		name          string
		in            *ec2.AttachVolumeInput
		code, message string
	}{
		{"a volume twice", attach(used, i, "/dev/sdg"), "VolumeInUse", used + " is already attached to an instance"},
		{"a device twice", attach(free, i, "/dev/sdf"), "InvalidParameterValue", "Invalid value '/dev/sdf' for unixDevice. Attachment point /dev/sdf is already in use"},
		{"the root's device", attach(free, i, root), "InvalidParameterValue", "is already in use"},
		{"another zone", attach(far, i, "/dev/sdg"), "InvalidVolume.ZoneMismatch", "The volume '" + far + "' is not in the same availability zone as instance '" + i + "'"},
		{"a device that is none", attach(free, i, "/dev/sdi1"), "InvalidParameterValue", "Value (/dev/sdi1) for parameter device is invalid. /dev/sdi1 is not a valid EBS device name."},
		{"a volume being created", attach(fresh, i, "/dev/sdg"), "IncorrectState", fresh + " is not 'available'."},
		{"no such volume", attach("vol-0123456789abcdef0", i, "/dev/sdg"), "InvalidVolume.NotFound", "does not exist"},
		{"no such instance", attach(free, "i-0123456789abcdef0", "/dev/sdg"), "InvalidInstanceID.NotFound", "does not exist"},
	} {
		t.Run(row.name, func(t *testing.T) { w.refused("AttachVolume", row.in, row.code, row.message) })
	}
	must[ec2.TerminateInstancesOutput](w, "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{i}})
	w.wait(time.Minute)
	w.refused("AttachVolume", attach(free, i, "/dev/sdg"), "IncorrectState", "Instance '"+i+"' is not 'running'.")
}

func TestDetachVolumeErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.running()
	other := w.running()
	root := *w.describe(i).BlockDeviceMappings[0].Ebs.VolumeId
	free := w.volume(&ec2.CreateVolumeInput{})
	for _, row := range []struct {
		name          string
		in            ec2.DetachVolumeInput
		code, message string
	}{
		{"the root of a running instance", ec2.DetachVolumeInput{VolumeId: &root}, "OperationNotPermitted", "Unable to detach root volume '" + root + "' from instance '" + i + "'"},
		{"nor by force", ec2.DetachVolumeInput{VolumeId: &root, Force: aws.Bool(true)}, "OperationNotPermitted", "Unable to detach root volume"},
		{"what is not attached", ec2.DetachVolumeInput{VolumeId: &free}, "IncorrectState", "Volume '" + free + "' is in the 'available' state."},
		{"from another instance", ec2.DetachVolumeInput{VolumeId: &root, InstanceId: &other}, "InvalidAttachment.NotFound", other},
		{"from another device", ec2.DetachVolumeInput{VolumeId: &root, InstanceId: &i, Device: aws.String("/dev/sdz")}, "InvalidAttachment.NotFound", "/dev/sdz"},
	} {
		t.Run(row.name, func(t *testing.T) { w.refused("DetachVolume", &row.in, row.code, row.message) })
	}
	must[ec2.StopInstancesOutput](w, "StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{i}})
	w.wait(time.Minute)
	must[ec2.DetachVolumeOutput](w, "DetachVolume", &ec2.DetachVolumeInput{VolumeId: &root})
}

func TestAttachVolumeNeedsBothEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.stopped()
	v := w.encryptedVolume(i)
	needs := w.needs("AttachVolume", attach(v, i, "/dev/sdf"))
	want := []string{
		"ec2:AttachVolume arn:aws:ec2:us-east-1:123456789012:volume/" + v,
		"ec2:AttachVolume arn:aws:ec2:us-east-1:123456789012:instance/" + i,
	}
	if diff := cmp.Diff(want, named(needs)); diff != "" {
		t.Fatalf("needs (-want +got):\n%s", diff)
	}
	wantKeys(t, needs[0], map[string][]string{"ec2:Encrypted": {"true"}, "ec2:KmsKeyId": {keyARN(testKeyID)}, "ec2:VolumeID": {v}})
	wantKeys(t, needs[1], map[string][]string{"ec2:InstanceType": {"t3.micro"}})
}

// TestAttachmentLife attaches and detaches in whatever order, with KMS refusing
// now and then, and checks after each step that
//
//   - a volume is in use exactly if it is attached;
//   - an instance has no device twice;
//   - a running instance has one grant for each of its encrypted volumes, a
//     stopped one none, and there are no others.
func TestAttachmentLife(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		instances := []string{w.running(), w.stopped()}
		var volumes []string
		zone := w.describe(instances[0]).Placement.AvailabilityZone
		for n := range 3 {
			volumes = append(volumes, w.volume(&ec2.CreateVolumeInput{
				AvailabilityZone: zone, Encrypted: aws.Bool(n > 0), KmsKeyId: map[bool]*string{true: aws.String(testKeyID)}[n > 0],
			}))
		}
		one := func(t *rapid.T, what string, of []string) string { return rapid.SampledFrom(of).Draw(t, what) }
		rt.Repeat(map[string]func(*rapid.T){
			"attach": func(t *rapid.T) {
				_, err := w.run("AttachVolume", attach(one(t, "volume", volumes), one(t, "instance", instances), one(t, "device", []string{"/dev/sdf", "/dev/sdg"})))
				expected(t, err, "VolumeInUse", "InvalidParameterValue", "CustomerKeyHasBeenRevoked", "InvalidVolume.ZoneMismatch", "IncorrectState")
			},
			"detach": func(t *rapid.T) {
				_, err := w.run("DetachVolume", &ec2.DetachVolumeInput{VolumeId: aws.String(one(t, "volume", volumes))})
				expected(t, err, "IncorrectState")
			},
			"stop and start": func(t *rapid.T) {
				i := one(t, "instance", instances)
				operation := one(t, "operation", []string{"StopInstances", "StartInstances"})
				if operation == "StopInstances" {
					must[ec2.StopInstancesOutput](w, operation, &ec2.StopInstancesInput{InstanceIds: []string{i}})
				} else {
					must[ec2.StartInstancesOutput](w, operation, &ec2.StartInstancesInput{InstanceIds: []string{i}})
				}
				w.wait(time.Minute)
			},
			"refuse": func(t *rapid.T) {
				if rapid.Bool().Draw(t, "refuse") {
					w.kms.deny["CreateGrant"] = accessDenied
				} else {
					delete(w.kms.deny, "CreateGrant")
				}
			},
			"": func(t *rapid.T) { checkAttachments(t, w, volumes) },
		})
	})
}

func expected(t *rapid.T, err error, codes ...string) {
	if err != nil && !slices.Contains(codes, errorCode(err)) {
		t.Fatal(err)
	}
}

func checkAttachments(t *rapid.T, w *world, volumes []string) {
	devices := make(map[string]bool)
	grants := make(map[string]bool)
	for _, id := range volumes {
		v := w.row(id)
		if (len(v.Attachments) > 0) != (v.State == string(types.VolumeStateInUse)) || len(v.Attachments) > 1 {
			t.Fatalf("%s is %s with %d attachments", id, v.State, len(v.Attachments))
		}
		for _, a := range v.Attachments {
			if place := a.Instance + " " + a.Device; devices[place] {
				t.Fatalf("%s is taken twice", place)
			} else {
				devices[place] = true
			}
			running := w.describe(a.Instance).State.Name == types.InstanceStateNameRunning
			if (a.Grant != "") != (running && v.Encrypted) {
				t.Fatalf("%s at %s (running: %v) has the grant %q", id, a.Instance, running, a.Grant)
			}
			if a.Grant != "" {
				grants[a.Grant] = true
			}
		}
	}
	for id := range w.kms.grants {
		if !grants[id] {
			t.Fatalf("grant %s belongs to no attachment; there are %s", id, strings.Join(slices.Collect(maps.Keys(grants)), ", "))
		}
	}
}
