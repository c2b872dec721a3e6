package ec2

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/store"
)

// catalogueImage is an image that everybody may launch: the first, by id, of
// an architecture and root device that is not Windows.
func catalogueImage(t testing.TB, architecture string) image {
	t.Helper()
	var ids []string
	images := catalogueOf(testRegion).images
	for id, im := range images {
		if im.Architecture == architecture && im.Platform == "" && im.RootDevice == "/dev/xvda" {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		t.Fatalf("the catalogue has no image for %s", architecture)
	}
	return images[slices.Min(ids)]
}

// request is a launch of one t3.micro with those mappings.
func (w *world) request(mappings ...types.BlockDeviceMapping) *ec2.RunInstancesInput {
	w.t.Helper()
	return &ec2.RunInstancesInput{
		ImageId: aws.String(catalogueImage(w.t, "x86_64").ID), InstanceType: types.InstanceTypeT3Micro,
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1), BlockDeviceMappings: mappings,
	}
}

// encryptedDevice is a mapping of an encrypted volume, with the test's key.
func encryptedDevice(device string) types.BlockDeviceMapping {
	return types.BlockDeviceMapping{DeviceName: aws.String(device), Ebs: &types.EbsBlockDevice{
		VolumeSize: aws.Int32(30), Encrypted: aws.Bool(true), KmsKeyId: aws.String(keyARN(testKeyID)),
	}}
}

func (w *world) launch(in *ec2.RunInstancesInput) string {
	w.t.Helper()
	out := must[ec2.RunInstancesOutput](w, "RunInstances", in)
	return *out.Instances[0].InstanceId
}

// running launches an instance and waits until it runs.
func (w *world) running(mappings ...types.BlockDeviceMapping) string {
	w.t.Helper()
	id := w.launch(w.request(mappings...))
	w.wait(time.Minute)
	w.wantState(id, types.InstanceStateNameRunning)
	return id
}

// stopped launches an instance, stops it, and waits until it is stopped.
func (w *world) stopped(mappings ...types.BlockDeviceMapping) string {
	w.t.Helper()
	id := w.running(mappings...)
	must[ec2.StopInstancesOutput](w, "StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{id}})
	w.wait(time.Minute)
	w.wantState(id, types.InstanceStateNameStopped)
	return id
}

func (w *world) describe(id string) types.Instance {
	w.t.Helper()
	out := must[ec2.DescribeInstancesOutput](w, "DescribeInstances", &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	return out.Reservations[0].Instances[0]
}

func (w *world) wantState(id string, want types.InstanceStateName) {
	w.t.Helper()
	i := w.describe(id)
	if i.State.Name != want || *i.State.Code != stateCodes[want] {
		w.t.Fatalf("the instance is %s (%d), want %s; reason %v", i.State.Name, *i.State.Code, want, i.StateReason)
	}
}

// volumesAt returns the rows of the volumes attached to an instance.
func (w *world) volumesAt(id string) []volume {
	w.t.Helper()
	var volumes []volume
	err := w.store.View(context.Background(), func(tx store.Tx) error {
		var err error
		volumes, err = w.service.volumesOf(w.call(tx, "volumesAt"), id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return volumes
}

func TestRunAsksKMSInTheOrderOfTheLaunch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := must[ec2.RunInstancesOutput](w, "RunInstances", w.request(encryptedDevice("/dev/sdf")))
	i := out.Instances[0]
	if i.State.Name != types.InstanceStateNamePending || aws.ToString(i.StateReason.Code) != "pending" || aws.ToString(i.StateReason.Message) != "pending" {
		t.Errorf("the answer shows %s, %v", i.State.Name, i.StateReason)
	}
	if calls := w.kms.took(); len(calls) != 0 {
		t.Errorf("the call itself asked KMS: %v", calls)
	}
	w.wait(time.Minute)
	want := []string{"GenerateDataKeyWithoutPlaintext by test", "CreateGrant by test", "Decrypt by " + *i.InstanceId}
	if diff := cmp.Diff(want, w.kms.took()); diff != "" {
		t.Errorf("requests to KMS (-want +got):\n%s", diff)
	}
	got := w.describe(*i.InstanceId)
	if got.State.Name != types.InstanceStateNameRunning || got.StateReason != nil || aws.ToString(got.PublicIpAddress) == "" {
		t.Errorf("after the launch: %s, %v, address %q", got.State.Name, got.StateReason, aws.ToString(got.PublicIpAddress))
	}
	volumes := w.volumesAt(*i.InstanceId)
	v := volumes[slices.IndexFunc(volumes, func(v volume) bool { return v.Attachments[0].Device == "/dev/sdf" })]
	if !v.Encrypted || v.Key != keyARN(testKeyID) || len(v.DataKey) == 0 || v.State != "in-use" || v.Size != 30 {
		t.Errorf("the data volume is %+v", v)
	}
	grant := w.kms.grants[v.Attachments[0].Grant]
	if *grant.GranteePrincipal != "arn:aws:sts::123456789012:assumed-role/aws:ec2-infrastructure/"+*i.InstanceId ||
		*grant.RetiringPrincipal != "ec2.us-east-1.amazonaws.com" || grant.Constraints.EncryptionContextSubset["aws:ebs:id"] != v.ID {
		t.Errorf("the grant is %+v", grant)
	}
}

// An encrypted root is made from an image's snapshot that is not encrypted: the
// data key comes first, and the one grant is the instance's.
func TestRunWithAnEncryptedRoot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.running(encryptedDevice("/dev/xvda"))
	v := w.volumesAt(id)[0]
	site := launch.Site{Partition: "aws", Account: testAccount, Region: testRegion}
	var want []string
	for _, step := range launch.Run(site, id, []launch.Volume{{ID: v.ID, Key: v.Key, Source: &launch.Source{Snapshot: v.Snapshot}}}) {
		want = append(want, string(step.Operation))
	}
	var got []string
	for _, call := range w.kms.took() {
		if operation, _, _ := strings.Cut(call, " "); operation != "RetireGrant" {
			got = append(got, operation)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests to KMS (-launch.Run +got):\n%s", diff)
	}
	if len(w.kms.grants) != 1 {
		t.Errorf("%d grants, want the instance's alone", len(w.kms.grants))
	}
}

func TestRunRefusedByKMSEndsTheInstance(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, operation string
		err             error
		reason          stateReason
	}{
		{"data key denied", "GenerateDataKeyWithoutPlaintext", accessDenied, reasonKeyState},
		{"grant denied", "CreateGrant", accessDenied, reasonKeyState},
		{"decryption denied", "Decrypt", accessDenied, reasonKeyState},
		{"key disabled", "GenerateDataKeyWithoutPlaintext", &kmstypes.DisabledException{}, reasonKeyState},
		{"too many grants", "CreateGrant", &kmstypes.LimitExceededException{}, reasonClientError},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			keep := encryptedDevice("/dev/sdf")
			keep.Ebs.DeleteOnTermination = aws.Bool(false)
			id := w.launch(w.request(encryptedDevice("/dev/xvda"), keep))
			w.kms.deny[row.operation] = row.err
			w.wait(launchTime)
			w.wantState(id, types.InstanceStateNameShuttingDown)
			w.wait(shutdownTime)
			w.wantState(id, types.InstanceStateNameTerminated)
			i := w.describe(id)
			if got := (stateReason{*i.StateReason.Code, *i.StateReason.Message}); got != row.reason {
				t.Errorf("the state reason is %v, want %v", got, row.reason)
			}
			if len(w.kms.grants) != 0 {
				t.Errorf("%d grants are left", len(w.kms.grants))
			}
			if left := must[ec2.DescribeVolumesOutput](w, "DescribeVolumes", &ec2.DescribeVolumesInput{}); len(left.Volumes) != 0 {
				t.Errorf("%d volumes without a data key are left", len(left.Volumes))
			}
			w.wait(remembrance)
			w.refused("DescribeInstances", &ec2.DescribeInstancesInput{InstanceIds: []string{id}}, "InvalidInstanceID.NotFound", "The instance ID '"+id+"' does not exist")
		})
	}
}

func TestStartRefusedByKMSStopsTheInstance(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, operation string
		err             error
		reason          stateReason
	}{
		{"grant denied", "CreateGrant", accessDenied, reasonClientError},
		{"decryption denied", "Decrypt", accessDenied, reasonClientError},
		{"key disabled", "CreateGrant", &kmstypes.DisabledException{}, reasonKeyState},
		{"key pending deletion", "CreateGrant", &kmstypes.KMSInvalidStateException{}, reasonKeyState},
		{"key deleted", "CreateGrant", &kmstypes.NotFoundException{}, reasonKeyState},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.stopped(encryptedDevice("/dev/xvda"), encryptedDevice("/dev/sdf"))
			if len(w.kms.grants) != 0 {
				t.Fatalf("the stopped instance has %d grants", len(w.kms.grants))
			}
			w.kms.deny[row.operation] = row.err
			out := must[ec2.StartInstancesOutput](w, "StartInstances", &ec2.StartInstancesInput{InstanceIds: []string{id}})
			if c := out.StartingInstances[0]; c.CurrentState.Name != types.InstanceStateNamePending || c.PreviousState.Name != types.InstanceStateNameStopped {
				t.Errorf("the answer shows %s from %s", c.CurrentState.Name, c.PreviousState.Name)
			}
			w.wait(time.Minute)
			w.wantState(id, types.InstanceStateNameStopped)
			i := w.describe(id)
			if got := (stateReason{*i.StateReason.Code, *i.StateReason.Message}); got != row.reason {
				t.Errorf("the state reason is %v, want %v", got, row.reason)
			}
			if len(w.kms.grants) != 0 {
				t.Errorf("%d grants are left", len(w.kms.grants))
			}
			if len(i.BlockDeviceMappings) != 2 {
				t.Errorf("the instance has %d volumes left", len(i.BlockDeviceMappings))
			}

			w.kms.deny = make(map[string]error)
			must[ec2.StartInstancesOutput](w, "StartInstances", &ec2.StartInstancesInput{InstanceIds: []string{id}})
			w.wait(time.Minute)
			w.wantState(id, types.InstanceStateNameRunning)
			if len(w.kms.grants) != 2 {
				t.Errorf("the running instance has %d grants, want 2", len(w.kms.grants))
			}
		})
	}
}

// A launch that fails at one of its volumes keeps no grant for the others, not
// even until the instance is terminated. Volumes are connected in the order of
// their ids, so several launches see the refusal come first and last.
func TestRunRefusedForOneVolumeConnectsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bad := encryptedDevice("/dev/sdg")
	bad.Ebs.KmsKeyId = aws.String("alias/none")
	in := w.request(encryptedDevice("/dev/sdf"), bad)
	in.MinCount, in.MaxCount = aws.Int32(8), aws.Int32(8)
	id := w.launch(in)
	w.wait(launchTime)
	w.wantState(id, types.InstanceStateNameShuttingDown)
	if !slices.Contains(w.kms.took(), "CreateGrant by test") {
		t.Fatal("no grant was made at all")
	}
	if len(w.kms.grants) != 0 {
		t.Errorf("%d grants are left", len(w.kms.grants))
	}
}

// Whoever revokes the grants of a running instance, or deletes its key, does not
// keep it from stopping.
func TestStopWithoutTheGrants(t *testing.T) {
	t.Parallel()
	for _, err := range []error{&kmstypes.NotFoundException{}, accessDenied} {
		w := newWorld(t)
		id := w.running(encryptedDevice("/dev/sdf"))
		clear(w.kms.grants)
		w.kms.deny["RetireGrant"] = err
		must[ec2.StopInstancesOutput](w, "StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{id}})
		w.wait(time.Minute)
		w.wantState(id, types.InstanceStateNameStopped)
		for _, v := range w.volumesAt(id) {
			if a := v.Attachments[0]; a.Grant != "" {
				t.Errorf("%s keeps the grant %s", v.ID, a.Grant)
			}
		}
	}
}

func TestStopTellsWhoStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.running()
	w.now = time.Date(2027, 4, 26, 18, 28, 48, 0, time.UTC)
	must[ec2.StopInstancesOutput](w, "StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{id}})
	w.wantState(id, types.InstanceStateNameStopping)
	w.wait(time.Minute)
	i := w.describe(id)
	if *i.StateTransitionReason != "User initiated (2027-04-26 18:28:48 GMT)" || *i.StateReason.Message != "Client.UserInitiatedShutdown: User initiated shutdown" {
		t.Errorf("transition %q, reason %q", *i.StateTransitionReason, *i.StateReason.Message)
	}
	if i.PublicIpAddress != nil {
		t.Errorf("the stopped instance has the public address %s", *i.PublicIpAddress)
	}
}

func TestStateThatDoesNotAllowIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.launch(w.request())
	stop := &ec2.StopInstancesInput{InstanceIds: []string{id}}
	start := &ec2.StartInstancesInput{InstanceIds: []string{id}}
	w.refused("StopInstances", stop, "IncorrectInstanceState", "This instance '"+id+"' is not in a state from which it can be stopped.")
	w.wait(time.Minute)
	if out := must[ec2.StartInstancesOutput](w, "StartInstances", start); *out.StartingInstances[0].CurrentState.Code != 16 || *out.StartingInstances[0].PreviousState.Code != 16 {
		t.Errorf("starting a running instance: %+v", out.StartingInstances[0])
	}
	w.refused("StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{id}, Hibernate: aws.Bool(true)}, "UnsupportedHibernationConfiguration", id)
	must[ec2.StopInstancesOutput](w, "StopInstances", stop)
	w.refused("StartInstances", start, "IncorrectInstanceState", "The instance '"+id+"' is not in a state from which it can be started.")
	must[ec2.TerminateInstancesOutput](w, "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	w.refused("StartInstances", start, "IncorrectInstanceState", "")
	w.wait(time.Minute)
	w.wantState(id, types.InstanceStateNameTerminated)
	if out := must[ec2.TerminateInstancesOutput](w, "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{id}}); *out.TerminatingInstances[0].CurrentState.Code != 48 {
		t.Errorf("terminating a terminated instance: %+v", out.TerminatingInstances[0])
	}
	w.refused("RebootInstances", &ec2.RebootInstancesInput{InstanceIds: []string{id}}, "IncorrectInstanceState", "")
}

func TestStartWithoutARoot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.stopped()
	root := w.volumesAt(id)[0].ID
	must[ec2.DetachVolumeOutput](w, "DetachVolume", &ec2.DetachVolumeInput{VolumeId: aws.String(root)})
	start := &ec2.StartInstancesInput{InstanceIds: []string{id}}
	w.refused("StartInstances", start, "InvalidParameterValue", "Instance does not have a volume attached at root (/dev/xvda)")
	must[ec2.AttachVolumeOutput](w, "AttachVolume", &ec2.AttachVolumeInput{VolumeId: aws.String(root), InstanceId: aws.String(id), Device: aws.String("/dev/xvda")})
	must[ec2.StartInstancesOutput](w, "StartInstances", start)
	w.wait(time.Minute)
	w.wantState(id, types.InstanceStateNameRunning)
}

func TestProtectionFromTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.request()
	in.DisableApiTermination, in.DisableApiStop = aws.Bool(true), aws.Bool(true)
	id := w.launch(in)
	w.wait(time.Minute)
	w.refused("TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{id}}, "OperationNotPermitted",
		"The instance '"+id+"' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.")
	w.refused("StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{id}}, "OperationNotPermitted", "disableApiStop")
	w.wantState(id, types.InstanceStateNameRunning)
}

func TestInstanceIDsThatAreNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, row := range []struct {
		name, code, message string
		ids                 []string
	}{
		{"malformed", "InvalidInstanceID.Malformed", `Invalid id: "i-xyz"`, []string{"i-xyz"}},
		{"other prefix", "InvalidInstanceID.Malformed", `Invalid id: "vol-0123456789abcdef0"`, []string{"vol-0123456789abcdef0"}},
		{"one missing", "InvalidInstanceID.NotFound", "The instance ID 'i-0123456789abcdef0' does not exist", []string{"i-0123456789abcdef0"}},
		{"two missing", "InvalidInstanceID.NotFound", "The instance IDs 'i-0123456789abcdef0, i-0123456789abcdef1' do not exist", []string{"i-0123456789abcdef0", "i-0123456789abcdef1"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w.t = t
			w.refused("DescribeInstances", &ec2.DescribeInstancesInput{InstanceIds: row.ids}, row.code, row.message)
			w.refused("StartInstances", &ec2.StartInstancesInput{InstanceIds: row.ids}, row.code, row.message)
		})
	}
}
