package cloud_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// newKeyOf makes a key as root.
func (s *stage) newKeyOf(in *kms.CreateKeyInput) *kmstypes.KeyMetadata {
	s.Helper()
	out, err := s.root.kms.CreateKey(s.Context(), in)
	if err != nil {
		s.Fatal(err)
	}
	return out.KeyMetadata
}

// trailRecord is what the tests here look at of an event.
type trailRecord struct {
	EventType           string
	ErrorCode           string
	ErrorMessage        string
	AWSRegion           string `json:"awsRegion"`
	UserIdentity        struct{ Type, InvokedBy, AccountID, ARN string }
	ServiceEventDetails map[string]any
	Resources           []struct{ ARN string }
	RequestParameters   map[string]any
}

// newest is the newest event of a name in a client's Region.
func (s *stage) newest(by *cloudtrail.Client, name string) trailRecord {
	s.Helper()
	s.cloud.Advance(time.Second)
	out, err := by.LookupEvents(s.Context(), &cloudtrail.LookupEventsInput{LookupAttributes: []cttypes.LookupAttribute{{AttributeKey: "EventName", AttributeValue: &name}}})
	if err != nil {
		s.Fatal(err)
	}
	if len(out.Events) == 0 {
		s.Fatalf("no event %s", name)
	}
	var r trailRecord
	if err := json.Unmarshal([]byte(*out.Events[0].CloudTrailEvent), &r); err != nil {
		s.Fatal(err)
	}
	return r
}

// TestExpiredMaterialIsInTheTrail: KMS deletes expired material by itself, and
// says so.
func TestExpiredMaterialIsInTheTrail(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.newKeyOf(&kms.CreateKeyInput{Origin: "EXTERNAL"})
	_, err := s.importMaterial(k, "RSAES_OAEP_SHA_256", secret(32), func(in *kms.ImportKeyMaterialInput) {
		in.ExpirationModel, in.ValidTo = "KEY_MATERIAL_EXPIRES", aws.Time(s.cloud.Now().Add(time.Hour))
	})
	if err != nil {
		t.Fatal(err)
	}
	s.cloud.Advance(time.Hour)
	s.awaitKey(s.root.kms, *k.KeyId, kmstypes.KeyStatePendingImport)
	e := s.newest(s.root.trail, "DeleteExpiredKeyMaterial")
	if e.EventType != "AwsServiceEvent" || e.UserIdentity.InvokedBy != "AWS Internal" || e.UserIdentity.Type != "" || e.UserIdentity.AccountID != "123456789012" ||
		e.ServiceEventDetails["keyId"] != *k.KeyId || len(e.Resources) != 1 || e.Resources[0].ARN != *k.Arn {
		t.Errorf("the event is %+v", e)
	}
	if e := s.newest(s.root.trail, "ImportKeyMaterial"); e.RequestParameters["expirationModel"] != "KEY_MATERIAL_EXPIRES" || e.RequestParameters["importToken"] != nil {
		t.Errorf("the import's event has %v", e.RequestParameters)
	}
}

// TestVolumesNeedASymmetricKey: EBS asks KMS for a data key, which only an
// enabled symmetric encryption key gives: with others a volume and a launch fail
// later, for the call itself does not look at the key (EC2 API reference,
// "CreateVolume", KmsKeyId).
func TestVolumesNeedASymmetricKey(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		in            kms.CreateKeyInput
		code, message string
	}{
		"HMAC":           {kms.CreateKeyInput{KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC"}, "InvalidKeyUsageException", "KEY key usage is GENERATE_VERIFY_MAC which is not valid for GenerateDataKeyWithoutPlaintext."},
		"RSA":            {kms.CreateKeyInput{KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT"}, "InvalidKeyUsageException", "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048."},
		"signing":        {kms.CreateKeyInput{KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY"}, "InvalidKeyUsageException", "KEY key usage is SIGN_VERIFY which is not valid for GenerateDataKeyWithoutPlaintext."},
		"pending import": {kms.CreateKeyInput{Origin: "EXTERNAL"}, "KMSInvalidStateException", "KEY is pending import."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			k := s.newKeyOf(&row.in)
			out, err := s.root.ec2.CreateVolume(s.Context(), &ec2.CreateVolumeInput{
				AvailabilityZone: aws.String(region + "a"), Size: aws.Int32(8), Encrypted: aws.Bool(true), KmsKeyId: k.Arn,
			})
			if err != nil {
				t.Fatal(err)
			}
			s.until("the volume fails", func() bool {
				s.cloud.Advance(time.Second)
				v, err := s.root.ec2.DescribeVolumes(s.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{*out.VolumeId}})
				return err != nil || v.Volumes[0].State == ec2types.VolumeStateError
			})
			id := s.run(s.root, volume{device: "/dev/xvda", key: *k.Arn, encrypted: true})
			i := s.await(id, ec2types.InstanceStateNameTerminated)
			if got := aws.ToString(i.StateReason.Message); got != "Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state" {
				t.Errorf("the instance says %s", got)
			}
			e := s.newest(s.root.trail, "GenerateDataKeyWithoutPlaintext")
			if want := strings.Replace(row.message, "KEY", *k.Arn, 1); e.ErrorCode != row.code || e.ErrorMessage != want {
				t.Errorf("KMS said %s: %s, want %s: %s", e.ErrorCode, e.ErrorMessage, row.code, want)
			}
		})
	}
}

// TestReplicaForVolumes: the volumes of a Region need the key of that Region, and
// a snapshot can be copied from one related key to the other.
func TestReplicaForVolumes(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.newKeyOf(&kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	id, password := s.cloud.RootCredentials()
	there := s.in("us-west-2", id, password, "")
	out, err := s.root.kms.ReplicateKey(s.Context(), &kms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: aws.String("us-west-2")})
	if err != nil {
		t.Fatal(err)
	}
	replica := *out.ReplicaKeyMetadata.Arn
	s.awaitKey(there.kms, replica, kmstypes.KeyStateEnabled)
	if e := s.newest(there.trail, "CreateKey"); e.AWSRegion != "us-west-2" || e.UserIdentity.InvokedBy != "kms.amazonaws.com" || e.UserIdentity.ARN != "arn:aws:iam::123456789012:root" || e.Resources[0].ARN != replica {
		t.Errorf("the replica's event is %+v", e)
	}

	instance := s.stopped(volume{device: "/dev/xvda", key: *k.Arn, encrypted: true})
	s.start(s.root, instance)
	s.await(instance, ec2types.InstanceStateNameRunning)
	root := s.instance(instance).BlockDeviceMappings[0].Ebs.VolumeId
	snapshot, err := s.root.ec2.CreateSnapshot(s.Context(), &ec2.CreateSnapshotInput{VolumeId: root})
	if err != nil {
		t.Fatal(err)
	}
	completed := func(by clients, id *string) {
		t.Helper()
		s.until(*id+" is complete", func() bool {
			s.cloud.Advance(time.Second)
			d, err := by.ec2.DescribeSnapshots(s.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{*id}})
			if err != nil || d.Snapshots[0].State == ec2types.SnapshotStateError {
				t.Fatalf("the snapshot: %v %+v", err, d)
			}
			return d.Snapshots[0].State == ec2types.SnapshotStateCompleted
		})
	}
	completed(s.root, snapshot.SnapshotId)
	copied, err := there.ec2.CopySnapshot(s.Context(), &ec2.CopySnapshotInput{
		SourceRegion: aws.String(region), SourceSnapshotId: snapshot.SnapshotId, Encrypted: aws.Bool(true), KmsKeyId: &replica,
	})
	if err != nil {
		t.Fatal(err)
	}
	completed(there, copied.SnapshotId)
	v, err := there.ec2.CreateVolume(s.Context(), &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-west-2a"), SnapshotId: copied.SnapshotId})
	if err != nil {
		t.Fatal(err)
	}
	s.until("the volume is available", func() bool {
		s.cloud.Advance(time.Second)
		d, err := there.ec2.DescribeVolumes(s.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{*v.VolumeId}})
		if err != nil {
			t.Fatal(err)
		}
		return d.Volumes[0].State == ec2types.VolumeStateAvailable && *d.Volumes[0].KmsKeyId == replica
	})
}

// TestKeyLastUsage: a key tells its last use, with the event in its owner's trail,
// and a use that failed is none.
func TestKeyLastUsage(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k, other := s.key(), s.key()
	last := func(id string) *kms.GetKeyLastUsageOutput {
		t.Helper()
		s.events("Encrypt") // which are written by then, and the uses with them
		out, err := s.root.kms.GetKeyLastUsage(s.Context(), &kms.GetKeyLastUsageInput{KeyId: &id})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := last(k); out.KeyLastUsage == nil || out.KeyLastUsage.Timestamp != nil || !out.TrackingStartDate.Equal(*out.KeyCreationDate) || k[len(k)-36:] != *out.KeyId {
		t.Errorf("an unused key tells %+v", out)
	}
	sealed, err := s.root.kms.Encrypt(s.Context(), &kms.EncryptInput{KeyId: &k, Plaintext: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	if u := last(k).KeyLastUsage; u.Operation != "Encrypt" || *u.CloudTrailEventId != *s.events("Encrypt")[0].EventId {
		t.Errorf("the key tells %+v", u)
	}
	if _, err := s.root.kms.Decrypt(s.Context(), &kms.DecryptInput{CiphertextBlob: []byte("no ciphertext at all, but long enough to be looked at by whoever opens it, I should say, even for the header"), KeyId: &k}); err == nil {
		t.Error("nonsense was decrypted")
	}
	if u := last(k).KeyLastUsage; u.Operation != "Encrypt" {
		t.Errorf("after a failure the key tells %+v", u)
	}
	if _, err := s.root.kms.ReEncrypt(s.Context(), &kms.ReEncryptInput{CiphertextBlob: sealed.CiphertextBlob, DestinationKeyId: &other}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{k, other} {
		if u := last(id).KeyLastUsage; u.Operation != "ReEncrypt" {
			t.Errorf("%s tells %+v", id, u)
		}
	}
}

// TestDryRunsOfKinds: a dry run of the newer operations says that it would have
// worked, or why not, and gives nothing away.
func TestDryRunsOfKinds(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	hmac := s.newKeyOf(&kms.CreateKeyInput{KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC"})
	sign := s.newKeyOf(&kms.CreateKeyInput{KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY"})
	dry := aws.Bool(true)
	mac, err := s.root.kms.GenerateMac(s.Context(), &kms.GenerateMacInput{KeyId: hmac.KeyId, MacAlgorithm: "HMAC_SHA_256", Message: []byte("x"), DryRun: dry})
	if mac != nil {
		t.Error("a dry run gave a MAC")
	}
	wantCode(t, err, "DryRunOperationException")
	_, err = s.root.kms.Sign(s.Context(), &kms.SignInput{KeyId: sign.KeyId, SigningAlgorithm: "ECDSA_SHA_256", Message: []byte("x"), DryRun: dry})
	wantCode(t, err, "DryRunOperationException")
	_, err = s.root.kms.Sign(s.Context(), &kms.SignInput{KeyId: hmac.KeyId, SigningAlgorithm: "ECDSA_SHA_256", Message: []byte("x"), DryRun: dry})
	wantCode(t, err, "InvalidKeyUsageException")
	id := s.key()
	_, err = s.root.kms.GenerateDataKeyPair(s.Context(), &kms.GenerateDataKeyPairInput{KeyId: &id, KeyPairSpec: "ECC_NIST_P256", DryRun: dry})
	wantCode(t, err, "DryRunOperationException")
	ada := s.user("ada")
	_, err = ada.kms.Sign(s.Context(), &kms.SignInput{KeyId: sign.Arn, SigningAlgorithm: "ECDSA_SHA_256", Message: []byte("x"), DryRun: dry})
	wantCode(t, err, "AccessDeniedException")
	if e := s.newest(s.root.trail, "GenerateDataKeyPair"); e.ErrorCode != "DryRunOperationException" || e.RequestParameters["dryRun"] != true {
		t.Errorf("the dry run's event is %+v", e)
	}
}
