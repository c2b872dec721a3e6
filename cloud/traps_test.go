package cloud_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestGetCallerIdentityIsNeverDenied, not even by an explicit deny (STS API
// reference, "GetCallerIdentity").
func TestGetCallerIdentityIsNeverDenied(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user := s.user("test")
	s.allow("test", "nothing", `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}`)
	out, err := user.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	s.must(err)
	if got, want := *out.Arn, "arn:aws:iam::123456789012:user/test"; got != want {
		t.Errorf("Arn is %s, want %s", got, want)
	}
	_, err = user.iam.ListUsers(t.Context(), &iam.ListUsersInput{})
	wantCode(t, err, "AccessDenied")
}

// TestDryRunStartsNothing: who may gets DryRunOperation, who may not
// UnauthorizedOperation, and nothing happens (EC2 API reference, "Dry run").
func TestDryRunStartsNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.stopped(volume{device: "/dev/xvda"})
	able, unable := s.user("able", fullAccess), s.user("unable")
	in := &ec2.StartInstancesInput{InstanceIds: []string{id}, DryRun: aws.Bool(true)}
	_, err := able.ec2.StartInstances(t.Context(), in)
	wantCode(t, err, "DryRunOperation")
	_, err = unable.ec2.StartInstances(t.Context(), in)
	wantCode(t, err, "UnauthorizedOperation")
	_, err = able.ec2.RunInstances(t.Context(), &ec2.RunInstancesInput{
		ImageId: aws.String(s.image()), InstanceType: ec2types.InstanceTypeT3Micro,
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1), DryRun: aws.Bool(true),
	})
	wantCode(t, err, "DryRunOperation")
	if got := s.instance(id).State.Name; got != ec2types.InstanceStateNameStopped {
		t.Errorf("the instance is %s after a dry run", got)
	}
	all, err := s.root.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
	s.must(err)
	if len(all.Reservations) != 1 {
		t.Errorf("%d reservations, want the one that was there", len(all.Reservations))
	}
}

// TestIDs have 17 hex digits (EC2 guide, "Resource IDs").
func TestIDs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.run(s.root, volume{device: "/dev/xvda"})
	i := s.await(id, ec2types.InstanceStateNameRunning)
	for _, v := range []struct{ prefix, id string }{
		{"i", id},
		{"vol", aws.ToString(i.BlockDeviceMappings[0].Ebs.VolumeId)},
		{"ami", aws.ToString(i.ImageId)},
		{"subnet", aws.ToString(i.SubnetId)},
		{"vpc", aws.ToString(i.VpcId)},
		{"sg", aws.ToString(i.SecurityGroups[0].GroupId)},
		{"eni", aws.ToString(i.NetworkInterfaces[0].NetworkInterfaceId)},
	} {
		if !regexp.MustCompile(`^` + v.prefix + `-[0-9a-f]{17}$`).MatchString(v.id) {
			t.Errorf("%q is no %s id", v.id, v.prefix)
		}
	}
}

// TestCiphertexts: a key answers to all its names; two encryptions differ; a
// wrong encryption context never decrypts; Decrypt honours KeyId.
func TestCiphertexts(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	created, err := s.root.kms.CreateKey(ctx, &kms.CreateKeyInput{})
	s.must(err)
	other := s.key()
	_, err = s.root.kms.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/volumes"), TargetKeyId: created.KeyMetadata.KeyId})
	s.must(err)
	names := []string{
		*created.KeyMetadata.KeyId, *created.KeyMetadata.Arn,
		"alias/volumes", "arn:aws:kms:eu-west-1:123456789012:alias/volumes",
	}
	context := map[string]string{"aws:ebs:id": "vol-0123456789abcdef0"}
	var blobs [][]byte
	for _, name := range names {
		out, err := s.root.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &name, Plaintext: []byte("secret"), EncryptionContext: context})
		s.must(err)
		if *out.KeyId != *created.KeyMetadata.Arn {
			t.Errorf("encrypted by %s under %s", name, *out.KeyId)
		}
		for _, b := range blobs {
			if slices.Equal(b, out.CiphertextBlob) {
				t.Error("encrypting twice gave one ciphertext")
			}
		}
		blobs = append(blobs, out.CiphertextBlob)
	}
	for _, name := range names {
		out, err := s.root.kms.Decrypt(ctx, &kms.DecryptInput{KeyId: &name, CiphertextBlob: blobs[0], EncryptionContext: context})
		s.must(err)
		if string(out.Plaintext) != "secret" {
			t.Errorf("decrypted to %q", out.Plaintext)
		}
	}
	_, err = s.root.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blobs[0], EncryptionContext: map[string]string{"aws:ebs:id": "vol-00000000000000000"}})
	wantCode(t, err, "InvalidCiphertextException")
	_, err = s.root.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blobs[0]})
	wantCode(t, err, "InvalidCiphertextException")
	_, err = s.root.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blobs[0], EncryptionContext: context, KeyId: &other})
	wantCode(t, err, "IncorrectKeyException")
}

// TestVolumeKeepsItsKey through RunInstances.
func TestVolumeKeepsItsKey(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	id := s.run(s.root, volume{"/dev/xvda", key, true})
	i := s.await(id, ec2types.InstanceStateNameRunning)
	out, err := s.root.ec2.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{*i.BlockDeviceMappings[0].Ebs.VolumeId}})
	s.must(err)
	if v := out.Volumes[0]; !aws.ToBool(v.Encrypted) || aws.ToString(v.KmsKeyId) != key {
		t.Errorf("Encrypted %v under %s, want %s", aws.ToBool(v.Encrypted), aws.ToString(v.KmsKeyId), key)
	}
}

// TestEveryCallIsFound: LookupEvents has a call as soon as it was answered, by
// each attribute, with its real caller.
func TestEveryCallIsFound(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user := s.user("test", "arn:aws:iam::aws:policy/ReadOnlyAccess")
	_, err := user.kms.ListKeys(t.Context(), &kms.ListKeysInput{})
	s.must(err)
	_, err = user.kms.CreateKey(t.Context(), &kms.CreateKeyInput{})
	wantCode(t, err, "AccessDeniedException")

	list := s.events("ListKeys")
	if len(list) != 1 {
		t.Fatalf("%d ListKeys events, want 1", len(list))
	}
	var e struct {
		UserIdentity struct{ Type, ARN, UserName, AccessKeyId string }
		ReadOnly     bool
		EventSource  string
	}
	s.must(json.Unmarshal([]byte(*list[0].CloudTrailEvent), &e))
	if e.UserIdentity.Type != "IAMUser" || e.UserIdentity.UserName != "test" || !e.ReadOnly || e.EventSource != "kms.amazonaws.com" {
		t.Errorf("the event is %+v", e)
	}
	if len(s.events("CreateKey")) != 1 {
		t.Error("the denied CreateKey is not in the trail")
	}
	for key, value := range map[cttypes.LookupAttributeKey]string{
		cttypes.LookupAttributeKeyEventId:     *list[0].EventId,
		cttypes.LookupAttributeKeyUsername:    "test",
		cttypes.LookupAttributeKeyEventSource: "kms.amazonaws.com",
		cttypes.LookupAttributeKeyReadOnly:    "true",
		cttypes.LookupAttributeKeyAccessKeyId: e.UserIdentity.AccessKeyId,
	} {
		s.cloud.Advance(1e9)
		out, err := s.root.trail.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
			LookupAttributes: []cttypes.LookupAttribute{{AttributeKey: key, AttributeValue: &value}},
		})
		s.must(err)
		found := slices.ContainsFunc(out.Events, func(x cttypes.Event) bool { return *x.EventId == *list[0].EventId })
		if !found {
			t.Errorf("%s=%s does not find the event among %d", key, value, len(out.Events))
		}
	}
}

// TestNewUserMayNothing: every service refuses somebody without a policy, in
// its own words.
func TestNewUserMayNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user := s.user("test")
	ctx := t.Context()
	_, err := user.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	wantCode(t, err, "UnauthorizedOperation")
	_, err = user.kms.ListKeys(ctx, &kms.ListKeysInput{})
	wantCode(t, err, "AccessDeniedException")
	_, err = user.iam.ListUsers(ctx, &iam.ListUsersInput{})
	wantCode(t, err, "AccessDenied")
	_, err = user.trail.LookupEvents(ctx, &cloudtrail.LookupEventsInput{})
	wantCode(t, err, "AccessDeniedException")
}

// TestDeletedUserIsNobody: the access keys of a deleted user are dead.
func TestDeletedUserIsNobody(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	user := s.user("test")
	keys, err := s.root.iam.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: aws.String("test")})
	s.must(err)
	_, err = s.root.iam.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: aws.String("test"), AccessKeyId: keys.AccessKeyMetadata[0].AccessKeyId})
	s.must(err)
	_, err = user.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	wantCode(t, err, "InvalidClientTokenId")
}
