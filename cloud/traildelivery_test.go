package cloud_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/cloud"
)

func (s *stage) wantSame(got, want []string) {
	s.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		s.Error(diff)
	}
}

// TestTrailSurvivesRestart: what was queued before the server stopped is
// delivered by the next one, once.
func TestTrailSurvivesRestart(t *testing.T) {
	t.Parallel()
	data, buckets := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(buckets, bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	open := func() (*archive, func()) {
		c, err := cloud.New(cloud.WithDir(data), cloud.WithBuckets(buckets))
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(c)
		s := &stage{T: t, cloud: c, url: server.URL}
		id, secret := c.RootCredentials()
		s.root = s.as(id, secret, "")
		return &archive{s, buckets}, func() {
			server.Close()
			s.must(c.Close())
		}
	}
	first, stop := open()
	first.logging(cloudtrail.CreateTrailInput{EnableLogFileValidation: aws.Bool(true)})
	first.key()
	_, err := first.root.kms.ListKeys(t.Context(), &kms.ListKeysInput{})
	first.must(err)
	stop()
	if n := len(first.objects("")); n > 0 {
		t.Fatalf("%d files were delivered at once", n)
	}
	second, stop := open()
	defer stop()
	second.delivered("ListKeys", func() bool { return slices.Contains(names(second.records("")), "ListKeys") })
	second.wantSame(names(second.records("")), []string{"StartLogging", "CreateKey", "ListKeys"})
}

// TestBucketIsGone: the status tells of it, and nothing is lost until the bucket
// is back.
func TestBucketIsGone(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.logging(cloudtrail.CreateTrailInput{})
	folder := filepath.Join(a.buckets, bucket)
	a.must(os.Remove(folder))
	status := func() *cloudtrail.GetTrailStatusOutput {
		out, err := a.root.trail.GetTrailStatus(t.Context(), &cloudtrail.GetTrailStatusInput{Name: aws.String("trail")})
		a.must(err)
		return out
	}
	a.must(os.Mkdir(folder+"-away", 0o755))
	a.cloud.Advance(6 * time.Minute)
	a.comes("an error in the status", func() bool { return aws.ToString(status().LatestDeliveryError) == "NoSuchBucket" })
	if status().LatestDeliveryTime != nil {
		t.Error("something was delivered")
	}
	a.key()
	a.must(os.Mkdir(folder, 0o755))
	a.delivered("CreateKey", func() bool { return slices.Contains(names(a.records("")), "CreateKey") })
	if n := names(a.records("")); n[0] != "StartLogging" {
		t.Errorf("delivered are %v", n)
	}
	a.comes("the error to go", func() bool {
		e := status()
		return e.LatestDeliveryError == nil && e.LatestDeliveryTime != nil
	})
	ids := make(map[string]bool)
	for _, r := range a.records("") {
		if ids[r.EventID] {
			t.Errorf("%s is there twice", r.EventName)
		}
		ids[r.EventID] = true
	}
}

// TestDeletedTrail: what was logged before is delivered, DeleteTrail the last;
// the name is free.
func TestDeletedTrail(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.logging(cloudtrail.CreateTrailInput{})
	_, err := a.root.trail.DeleteTrail(t.Context(), &cloudtrail.DeleteTrailInput{Name: aws.String("trail")})
	a.must(err)
	_, err = a.root.trail.GetTrail(t.Context(), &cloudtrail.GetTrailInput{Name: aws.String("trail")})
	a.wantError(err, "TrailNotFoundException", "Unknown trail: trail for the user: 123456789012")
	a.key()
	a.delivered("DeleteTrail", func() bool { return slices.Contains(names(a.records("")), "DeleteTrail") })
	a.wantSame(names(a.records("")), []string{"StartLogging", "DeleteTrail"})
	a.logging(cloudtrail.CreateTrailInput{})
	a.delivered("the new trail's events", func() bool { return len(a.records("")) > 2 })
}

// TestOrganizationTrail: the management account's trail has a folder for each
// account, and its members see it and cannot change it.
func TestOrganizationTrail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	k := newCompany(t, cloud.WithBuckets(dir))
	a := &archive{k.stage, dir}
	ctx := t.Context()
	create := func(by clients, name string) (*cloudtrail.CreateTrailOutput, error) {
		return by.trail.CreateTrail(ctx, &cloudtrail.CreateTrailInput{
			Name: &name, S3BucketName: aws.String(bucket), IsOrganizationTrail: aws.Bool(true), IsMultiRegionTrail: aws.Bool(true), EnableLogFileValidation: aws.Bool(true),
		})
	}
	_, err := create(k.inMember, "trail")
	k.wantError(err, "NotOrganizationMasterAccountException", "")
	_, err = create(k.admin, "trail")
	k.wantError(err, "CloudTrailAccessNotEnabledException", "")
	_, err = k.admin.org.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("cloudtrail.amazonaws.com")})
	k.must(err)
	made, err := create(k.admin, "trail")
	k.must(err)
	if !*made.IsOrganizationTrail {
		t.Error("the trail is not the organization's")
	}
	_, err = k.admin.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("AWSServiceRoleForCloudTrail")})
	k.must(err)
	_, err = k.admin.trail.StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: made.TrailARN})
	k.must(err)

	seen, err := k.inMember.trail.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{})
	k.must(err)
	if len(seen.TrailList) != 1 || *seen.TrailList[0].TrailARN != *made.TrailARN {
		t.Errorf("the member sees %+v", seen.TrailList)
	}
	for _, name := range []string{"trail", *made.TrailARN} {
		_, err = k.inMember.trail.StopLogging(ctx, &cloudtrail.StopLoggingInput{Name: &name})
		k.wantError(err, "NotOrganizationMasterAccountException", "")
	}

	// A key of the member's, used by the management account: both have the event.
	key := k.newMemberKey()
	_, err = k.inMember.kms.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &key, Policy: aws.String(strings.ReplaceAll(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::MEMBER:root","arn:aws:iam::123456789012:root"]},"Action":"kms:*","Resource":"*"}]}`, "MEMBER", k.member))})
	k.must(err)
	_, err = k.admin.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: []byte("secret")})
	k.must(err)
	folder := "AWSLogs/" + k.id + "/"
	find := func(account string) *logged {
		for _, r := range a.records(folder + account + "/CloudTrail/eu-west-1/") {
			if r.EventName == "Encrypt" {
				return &r
			}
		}
		return nil
	}
	a.delivered("both accounts' events", func() bool { return find(k.member) != nil && find("123456789012") != nil })
	mine, theirs := find("123456789012"), find(k.member)
	if mine.SharedEventID == "" || mine.SharedEventID != theirs.SharedEventID || mine.EventID == theirs.EventID ||
		mine.RecipientAccountID != "123456789012" || theirs.RecipientAccountID != k.member || theirs.UserIdentity.Type != "AWSAccount" {
		t.Errorf("the two events are\n%+v\n%+v", mine, theirs)
	}
	if len(a.records("")) != len(a.records(folder)) {
		t.Error("there are files outside of the organization's folder")
	}
	k.cloud.Advance(time.Hour)
	a.delivered("the member's digest", func() bool { return len(a.objects(folder+k.member+"/CloudTrail-Digest/eu-west-1/")) > 0 })

	// A delegated administrator acts for the management account.
	k.inMember = k.enter(k.member)
	register := func(by clients, account string) error {
		_, err := by.trail.RegisterOrganizationDelegatedAdmin(ctx, &cloudtrail.RegisterOrganizationDelegatedAdminInput{MemberAccountId: &account})
		return err
	}
	k.wantError(register(k.inMember, k.member), "NotOrganizationManagementAccountException", "")
	k.wantError(register(k.admin, "123456789012"), "CannotDelegateManagementAccountException", "")
	k.wantError(register(k.admin, "999999999999"), "AccountNotFoundException", "")
	k.must(register(k.admin, k.member))
	k.wantError(register(k.admin, k.member), "AccountRegisteredException", "")
	_, err = k.inMember.trail.StopLogging(ctx, &cloudtrail.StopLoggingInput{Name: made.TrailARN})
	k.must(err)
	second, err := create(k.inMember, "second")
	k.must(err)
	if want := "arn:aws:cloudtrail:eu-west-1:123456789012:trail/second"; *second.TrailARN != want {
		t.Errorf("the delegated administrator's trail is %s, want %s", *second.TrailARN, want)
	}
	_, err = k.admin.trail.DeregisterOrganizationDelegatedAdmin(ctx, &cloudtrail.DeregisterOrganizationDelegatedAdminInput{DelegatedAdminAccountId: &k.member})
	k.must(err)
	_, err = k.inMember.trail.StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: made.TrailARN})
	k.wantError(err, "NotOrganizationMasterAccountException", "")
}

// TestNoSecretsInFiles: what must not be in an event is in no file.
func TestNoSecretsInFiles(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	id, rootSecret := a.cloud.RootCredentials()
	a.root = a.in("us-east-1", id, rootSecret, "")
	a.logging(cloudtrail.CreateTrailInput{})
	ctx := t.Context()
	_, err := a.root.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("person")})
	a.must(err)
	key, err := a.root.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("person")})
	a.must(err)
	blob, err := a.root.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: aws.String(a.key()), Plaintext: []byte("very secret plaintext")})
	a.must(err)
	_, err = a.root.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob.CiphertextBlob})
	a.must(err)
	device, err := a.root.iam.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("person")})
	a.must(err)
	a.delivered("CreateVirtualMFADevice", func() bool { return slices.Contains(names(a.records("")), "CreateVirtualMFADevice") })
	for _, object := range a.objects("") {
		text := string(a.content(object))
		for _, secret := range []string{*key.AccessKey.SecretAccessKey, rootSecret, "very secret plaintext", "dmVyeSBzZWNyZXQgcGxhaW50ZXh0", string(device.VirtualMFADevice.Base32StringSeed)} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q", object, secret)
			}
		}
	}
}

// TestDeliverToAnotherServer: what a folder takes, a server that speaks S3's
// protocol takes, too; one that does not answer is not taken for one without buckets.
func TestDeliverToAnotherServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := filepath.Join(dir, filepath.FromSlash(r.URL.Path))
		if r.Method == http.MethodHead {
			if _, err := os.Stat(path); err != nil {
				w.WriteHeader(http.StatusNotFound)
			}
			return
		}
		content, err := io.ReadAll(r.Body)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o755)
		}
		if err == nil {
			err = os.WriteFile(path+".part", content, 0o600)
		}
		if err == nil {
			err = os.Rename(path+".part", path)
		}
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer there.Close()
	client := s3.New(s3.Options{
		Region: region, BaseEndpoint: &there.URL, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials:                credentials.NewStaticCredentialsProvider("id", "secret", ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
	a := &archive{newStage(t, cloud.WithS3(client)), dir}
	_, err := a.root.trail.CreateTrail(t.Context(), &cloudtrail.CreateTrailInput{Name: aws.String("trail"), S3BucketName: aws.String("nowhere")})
	a.wantError(err, "S3BucketDoesNotExistException", "")
	a.logging(cloudtrail.CreateTrailInput{})
	a.delivered("StartLogging", func() bool { return slices.Contains(names(a.records("")), "StartLogging") })
	there.Close()
	_, err = a.root.trail.CreateTrail(t.Context(), &cloudtrail.CreateTrailInput{Name: aws.String("other"), S3BucketName: aws.String("unknown")}, func(o *cloudtrail.Options) { o.RetryMaxAttempts = 1 })
	if err == nil || strings.Contains(err.Error(), "S3BucketDoesNotExist") {
		t.Errorf("with a server that is gone: %v", err)
	}
}
