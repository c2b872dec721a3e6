package cloud_test

import (
	"compress/gzip"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/cloud"
)

// archive is a stage with a bucket.
type archive struct {
	*stage
	buckets string
}

const bucket = "example-logs"

func newArchive(t *testing.T, options ...cloud.Option) *archive {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	return &archive{newStage(t, append(options, cloud.WithBuckets(dir))...), dir}
}

// logging makes a trail that logs, and returns its ARN.
func (a *archive) logging(in cloudtrail.CreateTrailInput) string {
	a.Helper()
	if in.Name == nil {
		in.Name = aws.String("trail")
	}
	if in.S3BucketName == nil {
		in.S3BucketName = aws.String(bucket)
	}
	out, err := a.root.trail.CreateTrail(a.Context(), &in)
	a.must(err)
	_, err = a.root.trail.StartLogging(a.Context(), &cloudtrail.StartLoggingInput{Name: out.TrailARN})
	a.must(err)
	return *out.TrailARN
}

// logged is what the tests look at of an event in a file.
type logged struct {
	EventName, EventSource, EventID, SharedEventID, AWSRegion, RecipientAccountID string

	RequestParameters map[string]any
	UserIdentity      struct{ Type string }
}

// objects are the keys of the files in the bucket whose keys begin so.
func (a *archive) objects(prefix string) []string {
	a.Helper()
	var keys []string
	root := filepath.Join(a.buckets, bucket)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a file that was just given its name
		}
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".json.gz") {
			key, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			if key = filepath.ToSlash(key); strings.HasPrefix(key, prefix) {
				keys = append(keys, key)
			}
		}
		return err
	})
	a.must(err)
	return keys
}

// content is an object's, unpacked.
func (a *archive) content(key string) []byte {
	a.Helper()
	f, err := os.Open(filepath.Join(a.buckets, bucket, filepath.FromSlash(key)))
	a.must(err)
	defer f.Close()
	packed, err := gzip.NewReader(f)
	a.must(err)
	raw, err := io.ReadAll(packed)
	a.must(err)
	return raw
}

// records are the events of all files whose keys begin so.
func (a *archive) records(prefix string) []logged {
	a.Helper()
	var all []logged
	for _, key := range a.objects(prefix) {
		if strings.Contains(key, "CloudTrail-Digest") {
			continue
		}
		var file struct{ Records []logged }
		a.must(json.Unmarshal(a.content(key), &file))
		all = append(all, file.Records...)
	}
	return all
}

func names(records []logged) []string {
	var all []string
	for _, r := range records {
		all = append(all, r.EventName)
	}
	return all
}

// delivered moves the time on until the condition holds of what lies in the bucket.
func (a *archive) delivered(what string, holds func() bool) {
	a.Helper()
	a.cloud.Advance(5*time.Minute + time.Second)
	a.comes(what, holds)
}

// comes waits for the deliverer, whose time has come. A busy machine may take it long.
func (a *archive) comes(what string, holds func() bool) {
	a.Helper()
	for range 3000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	a.Fatalf("never came: %s; there are %v", what, a.objects(""))
}

// TestTrailDelivers: what happens while a trail logs lies in its bucket, under
// AWS's name, once each, and nothing else.
func TestTrailDelivers(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	arn := a.logging(cloudtrail.CreateTrailInput{S3KeyPrefix: aws.String("team")})
	key := a.key()
	a.delivered("CreateKey", func() bool { return slices.Contains(names(a.records("")), "CreateKey") })
	if diff := cmp.Diff([]string{"StartLogging", "CreateKey"}, names(a.records(""))); diff != "" {
		t.Error("events of the first file:", diff)
	}
	name := regexp.MustCompile(`^team/AWSLogs/123456789012/CloudTrail/eu-west-1/\d{4}/\d\d/\d\d/123456789012_CloudTrail_eu-west-1_\d{8}T\d{4}Z_[0-9A-Za-z]{16}\.json\.gz$`)
	for _, key := range a.objects("") {
		if !name.MatchString(key) {
			t.Errorf("file %s", key)
		}
	}

	_, err := a.root.kms.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &key})
	a.must(err)
	_, err = a.root.trail.StopLogging(t.Context(), &cloudtrail.StopLoggingInput{Name: &arn})
	a.must(err)
	a.key()
	want := []string{"StartLogging", "CreateKey", "DescribeKey", "StopLogging"}
	a.delivered("StopLogging", func() bool { return slices.Contains(names(a.records("")), "StopLogging") })
	if diff := cmp.Diff(want, names(a.records(""))); diff != "" {
		t.Error("events:", diff)
	}
	status, err := a.root.trail.GetTrailStatus(t.Context(), &cloudtrail.GetTrailStatusInput{Name: aws.String("trail")})
	a.must(err)
	if *status.IsLogging || status.LatestDeliveryTime == nil || status.StartLoggingTime == nil || status.StopLoggingTime == nil || status.LatestDeliveryError != nil || *status.LatestDeliveryAttemptSucceeded == "" {
		t.Errorf("status %+v", status)
	}
	// The files' events are the history's.
	e := a.events("CreateKey")
	if got := a.records("")[1].EventID; got != *e[1].EventId {
		t.Errorf("the file's event is %s, the history's %s", got, *e[1].EventId)
	}
}

func (s *stage) wantError(err error, code, message string) {
	s.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code || message != "" && e.ErrorMessage() != message {
		s.Errorf("got %v, want %s: %s", err, code, message)
	}
}

// TestTrailIsRefused: what CreateTrail does not take, with AWS's errors.
func TestTrailIsRefused(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	valid := func(change func(*cloudtrail.CreateTrailInput)) *cloudtrail.CreateTrailInput {
		in := &cloudtrail.CreateTrailInput{Name: aws.String("trail"), S3BucketName: aws.String(bucket)}
		change(in)
		return in
	}
	name := func(n string) func(*cloudtrail.CreateTrailInput) {
		return func(in *cloudtrail.CreateTrailInput) { in.Name = &n }
	}
	for _, test := range []struct {
		rule          string
		change        func(*cloudtrail.CreateTrailInput)
		code, message string
	}{
		{"a name has three characters", name("ab"), "InvalidTrailNameException", "Trail name too short. Minimum allowed length: 3 characters. Specified name length: 2 characters."},
		{"and at most 128", name(strings.Repeat("a", 129)), "InvalidTrailNameException", "Trail name too long. Maximum allowed length: 128 characters. Specified name length: 129 characters."},
		{"it begins with a letter or digit", name("_trail"), "InvalidTrailNameException", "Trail name must starts with a letter or number."},
		{"and ends so", name("trail-"), "InvalidTrailNameException", "Trail name must ends with a letter or number."},
		{"it has no other characters", name("tr ail"), "InvalidTrailNameException", "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_)."},
		{"it has no adjacent signs", name("my--trail"), "InvalidTrailNameException", ""},
		{"it is no address", name("192.168.5.4"), "InvalidTrailNameException", ""},
		{"the bucket is there", func(in *cloudtrail.CreateTrailInput) { in.S3BucketName = aws.String("nowhere") }, "S3BucketDoesNotExistException", "S3 bucket nowhere does not exist!"},
		{"a bucket's name cannot lead out", func(in *cloudtrail.CreateTrailInput) { in.S3BucketName = aws.String("..") }, "InvalidS3BucketNameException", ""},
		{"a prefix cannot lead out", func(in *cloudtrail.CreateTrailInput) { in.S3KeyPrefix = aws.String("a/../../b") }, "InvalidS3PrefixException", ""},
		{"a prefix has at most 200 characters", func(in *cloudtrail.CreateTrailInput) { in.S3KeyPrefix = aws.String(strings.Repeat("a", 201)) }, "InvalidS3PrefixException", ""},
		{"there are no topics", func(in *cloudtrail.CreateTrailInput) { in.SnsTopicName = aws.String("topic") }, "InsufficientSnsTopicPolicyException", "SNS Topic does not exist or the topic policy is incorrect!"},
		{"a log group wants a role", func(in *cloudtrail.CreateTrailInput) {
			in.CloudWatchLogsLogGroupArn = aws.String("arn:aws:logs:eu-west-1:123456789012:log-group:x:*")
		}, "InvalidParameterCombinationException", ""},
		{"all regions have the global services", func(in *cloudtrail.CreateTrailInput) {
			in.IsMultiRegionTrail, in.IncludeGlobalServiceEvents = aws.Bool(true), aws.Bool(false)
		}, "InvalidParameterCombinationException", "Multi-Region trail must include global service events."},
		{"an organization's trail wants one", func(in *cloudtrail.CreateTrailInput) { in.IsOrganizationTrail = aws.Bool(true) }, "OrganizationsNotInUseException", ""},
		{"the key is there", func(in *cloudtrail.CreateTrailInput) { in.KmsKeyId = aws.String("alias/none") }, "KmsKeyNotFoundException", ""},
		{"tags are said once", func(in *cloudtrail.CreateTrailInput) {
			in.TagsList = []cttypes.Tag{{Key: aws.String("a")}, {Key: aws.String("a")}}
		}, "InvalidTagParameterException", ""},
	} {
		t.Run(test.rule, func(t *testing.T) {
			_, err := a.root.trail.CreateTrail(t.Context(), valid(test.change))
			(&stage{T: t}).wantError(err, test.code, test.message)
		})
	}
	if out, err := a.root.trail.ListTrails(t.Context(), &cloudtrail.ListTrailsInput{}); err != nil || len(out.Trails) > 0 {
		t.Errorf("there are trails: %+v, %v", out, err)
	}
	_, err := newStage(t).root.trail.CreateTrail(t.Context(), valid(func(*cloudtrail.CreateTrailInput) {}))
	a.wantError(err, "S3BucketDoesNotExistException", "S3 bucket example-logs does not exist!")
}

// TestTrailQuota: five trails in a region, one of all regions in each, and a name
// once.
func TestTrailQuota(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	id, secret := a.cloud.RootCredentials()
	there := a.in("us-west-2", id, secret, "")
	make := func(c clients, name string, all bool) error {
		_, err := c.trail.CreateTrail(t.Context(), &cloudtrail.CreateTrailInput{Name: &name, S3BucketName: aws.String(bucket), IsMultiRegionTrail: &all})
		return err
	}
	a.must(make(a.root, "one", true))
	a.wantError(make(a.root, "one", false), "TrailAlreadyExistsException", "Trail one already exists for customer: 123456789012")
	a.wantError(make(there, "one", false), "TrailAlreadyExistsException", "Trail one already exists for customer: 123456789012")
	for _, name := range []string{"two", "three", "four", "five"} {
		a.must(make(there, name, false))
	}
	a.wantError(make(there, "six", false), "MaximumNumberOfTrailsExceededException", "User: 123456789012 already has 5 trails in us-west-2.")
	a.must(make(a.root, "two", false))
	a.wantError(make(a.root, "seven", true), "MaximumNumberOfTrailsExceededException", "User: 123456789012 already has 5 trails in us-west-2.")
	_, err := a.root.trail.UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: aws.String("two"), IsMultiRegionTrail: aws.Bool(true)})
	a.wantError(err, "TrailAlreadyExistsException", "")
}

// TestShadowTrails: a trail of all regions is seen in each, logs each to a folder
// of its own, and is changed only at home.
func TestShadowTrails(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	arn := a.logging(cloudtrail.CreateTrailInput{IsMultiRegionTrail: aws.Bool(true)})
	a.logging(cloudtrail.CreateTrailInput{Name: aws.String("here")})
	id, secret := a.cloud.RootCredentials()
	there := a.in("us-west-2", id, secret, "")
	ctx := t.Context()

	out, err := there.trail.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{})
	a.must(err)
	if len(out.TrailList) != 1 || *out.TrailList[0].TrailARN != arn || *out.TrailList[0].HomeRegion != region {
		t.Errorf("the other region shows %+v", out.TrailList)
	}
	out, err = there.trail.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{IncludeShadowTrails: aws.Bool(false)})
	a.must(err)
	if len(out.TrailList) != 0 {
		t.Errorf("without shadows the other region shows %+v", out.TrailList)
	}
	_, err = there.trail.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: aws.String("trail")})
	a.wantError(err, "TrailNotFoundException", "Unknown trail: arn:aws:cloudtrail:us-west-2:123456789012:trail/trail for the user: 123456789012")
	status, err := there.trail.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: &arn})
	a.must(err)
	if !*status.IsLogging {
		t.Error("the shadow does not log")
	}
	for _, name := range []string{"trail", arn} {
		_, err = there.trail.StopLogging(ctx, &cloudtrail.StopLoggingInput{Name: &name})
		a.wantError(err, "InvalidHomeRegionException", "")
	}
	_, err = there.trail.DeleteTrail(ctx, &cloudtrail.DeleteTrailInput{Name: aws.String("here")})
	a.wantError(err, "TrailNotFoundException", "Unknown trail: here for the user: 123456789012")
	_, err = there.trail.GetTrail(ctx, &cloudtrail.GetTrailInput{Name: aws.String("arn:aws:cloudtrail:eu-west-1:123456789012:bucket/x")})
	a.wantError(err, "CloudTrailARNInvalidException", "")

	_, err = there.kms.CreateKey(ctx, &kms.CreateKeyInput{})
	a.must(err)
	_, err = a.root.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("person")})
	a.must(err)
	folder := "AWSLogs/123456789012/CloudTrail/"
	a.delivered("all regions", func() bool {
		return slices.Contains(names(a.records(folder+"us-west-2")), "CreateKey") && slices.Contains(names(a.records(folder+"us-east-1")), "CreateUser")
	})
	told := func(in string) bool {
		status, err := a.in(in, id, secret, "").trail.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: &arn})
		a.must(err)
		return status.LatestDeliveryTime != nil
	}
	a.comes("the status of the other region", func() bool { return told("us-west-2") })
	if told("us-west-1") {
		t.Error("the status of a region in which nothing happened tells of a delivery")
	}
	if n := len(slices.DeleteFunc(names(a.records("")), func(n string) bool { return n != "CreateKey" })); n != 1 {
		t.Errorf("CreateKey of the other region is in %d files", n)
	}
}

// TestGlobalServiceEvents: a trail at home in the region of the global services
// can do without their events.
func TestGlobalServiceEvents(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	id, secret := a.cloud.RootCredentials()
	a.root = a.in("us-east-1", id, secret, "")
	a.logging(cloudtrail.CreateTrailInput{IncludeGlobalServiceEvents: aws.Bool(false)})
	_, err := a.root.iam.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("person")})
	a.must(err)
	a.key()
	a.delivered("CreateKey", func() bool { return slices.Contains(names(a.records("")), "CreateKey") })
	if slices.Contains(names(a.records("")), "CreateUser") {
		t.Error("an event of IAM is in the file")
	}
}

// digest is a digest file's content.
type digest struct {
	AWSAccountID, DigestStartTime, DigestEndTime, DigestS3Bucket, DigestS3Object string
	DigestPublicKeyFingerprint, DigestSignatureAlgorithm                         string
	PreviousDigestS3Object, PreviousDigestHashValue, PreviousDigestSignature     *string

	LogFiles []struct{ S3Bucket, S3Object, HashValue, HashAlgorithm string }
}

// TestDigestChain verifies digests as a stranger would, with what ListPublicKeys
// gives: signatures, the chain, the hash of every log file.
func TestDigestChain(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.logging(cloudtrail.CreateTrailInput{EnableLogFileValidation: aws.Bool(true)})
	const hours = 3
	for n := range hours {
		if n != 1 { // an hour without events has its digest, too
			a.key()
			logs := len(a.objects("AWSLogs/123456789012/CloudTrail/"))
			a.delivered("a log file", func() bool { return len(a.objects("AWSLogs/123456789012/CloudTrail/")) > logs })
		}
		a.cloud.Advance(55 * time.Minute)
		a.delivered("a digest", func() bool { return len(a.objects("AWSLogs/123456789012/CloudTrail-Digest/")) == n+1 })
	}
	keys, err := a.root.trail.ListPublicKeys(t.Context(), &cloudtrail.ListPublicKeysInput{StartTime: aws.Time(a.cloud.Now().Add(-24 * time.Hour)), EndTime: aws.Time(a.cloud.Now())})
	a.must(err)
	public := make(map[string]*rsa.PublicKey)
	for _, k := range keys.PublicKeyList {
		p, err := x509.ParsePKCS1PublicKey(k.Value)
		a.must(err)
		public[*k.Fingerprint] = p
	}

	name := regexp.MustCompile(`^AWSLogs/123456789012/CloudTrail-Digest/eu-west-1/\d{4}/\d\d/\d\d/123456789012_CloudTrail-Digest_eu-west-1_trail_eu-west-1_\d{8}T\d{6}Z\.json\.gz$`)
	signed := make(map[string]bool)
	var last digest
	lastHash, lastSignature := "", ""
	for i, key := range a.objects("AWSLogs/123456789012/CloudTrail-Digest/") {
		if !name.MatchString(key) {
			t.Errorf("digest %s", key)
		}
		var d digest
		content := a.content(key)
		a.must(json.Unmarshal(content, &d))
		if d.DigestS3Bucket != bucket || d.DigestS3Object != key || d.DigestSignatureAlgorithm != "SHA256withRSA" {
			t.Errorf("digest %s says %+v", key, d)
		}
		if i == 0 {
			if d.PreviousDigestS3Object != nil || d.PreviousDigestSignature != nil {
				t.Errorf("the first digest has one before it: %+v", d)
			}
		} else if *d.PreviousDigestS3Object != last.DigestS3Object || *d.PreviousDigestHashValue != lastHash || *d.PreviousDigestSignature != lastSignature || d.DigestStartTime != last.DigestEndTime {
			t.Errorf("digest %d does not follow the one before it: %+v", i, d)
		}
		metadata := a.metadata(key)
		if metadata["signature-algorithm"] != "SHA256withRSA" {
			t.Errorf("metadata %v", metadata)
		}
		signature, err := hex.DecodeString(metadata["signature"])
		a.must(err)
		lastHash = hexSHA256(content)
		previous := "null"
		if d.PreviousDigestSignature != nil {
			previous = *d.PreviousDigestSignature
		}
		hash := sha256.Sum256([]byte(d.DigestEndTime + "\n" + d.DigestS3Bucket + "/" + d.DigestS3Object + "\n" + lastHash + "\n" + previous))
		if err := rsa.VerifyPKCS1v15(public[d.DigestPublicKeyFingerprint], crypto.SHA256, hash[:], signature); err != nil {
			t.Errorf("digest %d: %v", i, err)
		}
		for _, f := range d.LogFiles {
			signed[f.S3Object] = true
			if f.HashValue != hexSHA256(a.content(f.S3Object)) || f.HashAlgorithm != "SHA-256" {
				t.Errorf("log file %+v is not what the digest says", f)
			}
		}
		last, lastSignature = d, metadata["signature"]
	}
	for _, key := range a.objects("AWSLogs/123456789012/CloudTrail/") {
		if !signed[key] {
			t.Errorf("log file %s is in no digest", key)
		}
	}
	status, err := a.root.trail.GetTrailStatus(t.Context(), &cloudtrail.GetTrailStatusInput{Name: aws.String("trail")})
	a.must(err)
	if status.LatestDigestDeliveryTime == nil {
		t.Error("the status tells of no digest")
	}
}

// TestTrailPermissions: a trail is a resource, and a shadow is the trail itself.
func TestTrailPermissions(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	arn := a.logging(cloudtrail.CreateTrailInput{IsMultiRegionTrail: aws.Bool(true)})
	other := a.logging(cloudtrail.CreateTrailInput{Name: aws.String("other")})
	by := a.user("auditor")
	a.allow("auditor", "trails", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloudtrail:*","Resource":"*"},
		{"Effect":"Deny","Action":["cloudtrail:StopLogging","cloudtrail:GetTrailStatus"],"Resource":"`+arn+`"},
		{"Effect":"Deny","Action":"cloudtrail:CreateTrail","Resource":"*","Condition":{"Null":{"aws:RequestTag/team":"true"}}}]}`)
	for _, name := range []string{"trail", arn} {
		_, err := by.trail.StopLogging(t.Context(), &cloudtrail.StopLoggingInput{Name: &name})
		wantCode(t, err, "AccessDeniedException")
		if err != nil && !strings.Contains(err.Error(), "on resource: "+arn+" with an explicit deny in an identity-based policy") {
			t.Errorf("the message is %v", err)
		}
	}
	_, err := by.trail.StopLogging(t.Context(), &cloudtrail.StopLoggingInput{Name: &other})
	a.must(err)
	create := &cloudtrail.CreateTrailInput{Name: aws.String("third"), S3BucketName: aws.String(bucket)}
	_, err = by.trail.CreateTrail(t.Context(), create)
	wantCode(t, err, "AccessDeniedException")
	create.TagsList = []cttypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}}
	_, err = by.trail.CreateTrail(t.Context(), create)
	a.must(err)
}

// TestListPublicKeys: the current key comes into being when it is asked for, is
// good for thirty days, and is the region's.
func TestListPublicKeys(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id, secret := s.cloud.RootCredentials()
	there := s.in("us-west-2", id, secret, "")
	list := func(by clients, in cloudtrail.ListPublicKeysInput) []cttypes.PublicKey {
		out, err := by.trail.ListPublicKeys(t.Context(), &in)
		s.must(err)
		return out.PublicKeyList
	}
	keys := list(s.root, cloudtrail.ListPublicKeysInput{})
	if len(keys) != 1 || keys[0].ValidityEndTime.Sub(*keys[0].ValidityStartTime) != 30*24*time.Hour {
		t.Fatalf("the keys are %+v", keys)
	}
	if again := list(s.root, cloudtrail.ListPublicKeysInput{}); *again[0].Fingerprint != *keys[0].Fingerprint {
		t.Error("asked again, the region has another key")
	}
	if other := list(there, cloudtrail.ListPublicKeysInput{}); *other[0].Fingerprint == *keys[0].Fingerprint {
		t.Error("two regions have one key")
	}
	before := s.cloud.Now().Add(-time.Hour)
	if old := list(s.root, cloudtrail.ListPublicKeysInput{StartTime: aws.Time(before.Add(-time.Hour)), EndTime: &before}); len(old) > 0 {
		t.Errorf("there were keys before there was one: %+v", old)
	}
	s.cloud.Advance(31 * 24 * time.Hour)
	if next := list(s.root, cloudtrail.ListPublicKeysInput{}); len(next) != 1 || *next[0].Fingerprint == *keys[0].Fingerprint {
		t.Errorf("after thirty days the key is still %+v", next)
	}
	if both := list(s.root, cloudtrail.ListPublicKeysInput{StartTime: &before}); len(both) != 2 {
		t.Errorf("of two keys %d are found", len(both))
	}
	_, err := s.root.trail.ListPublicKeys(t.Context(), &cloudtrail.ListPublicKeysInput{StartTime: aws.Time(s.cloud.Now()), EndTime: &before})
	s.wantError(err, "InvalidTimeRangeException", "")
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// metadata is an object's, which lies beside it.
func (a *archive) metadata(key string) map[string]string {
	a.Helper()
	raw, err := os.ReadFile(filepath.Join(a.buckets, bucket, filepath.FromSlash(key)+".metadata.json"))
	a.must(err)
	m := make(map[string]string)
	a.must(json.Unmarshal(raw, &m))
	return m
}

// TestBrokenChain: stopping and starting again begins another chain.
func TestBrokenChain(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	arn := a.logging(cloudtrail.CreateTrailInput{EnableLogFileValidation: aws.Bool(true)})
	digests := func() []string { return a.objects("AWSLogs/123456789012/CloudTrail-Digest/") }
	a.delivered("StartLogging", func() bool { return slices.Contains(names(a.records("")), "StartLogging") })
	a.cloud.Advance(time.Hour)
	a.delivered("the first digest", func() bool { return len(digests()) == 1 })
	_, err := a.root.trail.StopLogging(t.Context(), &cloudtrail.StopLoggingInput{Name: &arn})
	a.must(err)
	a.delivered("StopLogging", func() bool { return slices.Contains(names(a.records("")), "StopLogging") })
	a.cloud.Advance(time.Hour)
	a.delivered("the last digest", func() bool { return len(digests()) == 2 })
	a.cloud.Advance(2 * time.Hour)
	_, err = a.root.trail.StartLogging(t.Context(), &cloudtrail.StartLoggingInput{Name: &arn})
	a.must(err)
	logs := len(a.objects("AWSLogs/123456789012/CloudTrail/"))
	a.delivered("StartLogging", func() bool { return len(a.objects("AWSLogs/123456789012/CloudTrail/")) > logs })
	a.cloud.Advance(time.Hour)
	a.delivered("the next digest", func() bool { return len(digests()) == 3 })
	for i, key := range digests() {
		var d digest
		a.must(json.Unmarshal(a.content(key), &d))
		if (d.PreviousDigestS3Object == nil) != (i != 1) {
			t.Errorf("digest %d of two chains: %+v", i, d)
		}
	}
}
