//go:build awscli

package awscli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestValidateLogs has the AWS CLI verify digests and log files, as it does AWS's,
// and find a log file that was changed and one that is gone.
func TestValidateLogs(t *testing.T) {
	t.Parallel()
	buckets := t.TempDir()
	if err := os.Mkdir(filepath.Join(buckets, "example-logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	s := serve(t, t.TempDir(), "--buckets", buckets)
	root := s.root()
	arn := root.does("aws cloudtrail create-trail --name trail --s3-bucket-name example-logs --s3-key-prefix team --is-multi-region-trail --enable-log-file-validation --query TrailARN --output text")
	root.does("aws cloudtrail start-logging --name " + arn)
	files := func(kind string) []string {
		found, err := filepath.Glob(filepath.Join(buckets, "example-logs/team/AWSLogs/123456789012", kind, region, "*/*/*/*.json.gz"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	await := func(kind string, n int) {
		t.Helper()
		for range 500 {
			if len(files(kind)) >= n {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatalf("there are %d files of %s, want %d", len(files(kind)), kind, n)
	}
	const hours = 2
	for n := range hours {
		root.key()
		s.Advance(6 * time.Minute)
		await("CloudTrail", n+1)
		s.Advance(56 * time.Minute)
		await("CloudTrail-Digest", n+1)
	}

	validate := "aws cloudtrail validate-logs --region " + region + " --verbose --trail-arn " + arn +
		" --start-time " + begun.Add(-time.Minute).UTC().Format(time.RFC3339) + " --end-time " + begun.Add(hours*2*time.Hour).UTC().Format(time.RFC3339)
	auditor := root.through(newS3(t, buckets))
	out := auditor.does(validate)
	for _, want := range []string{"2/2 digest files valid", "2/2 log files valid"} {
		if !strings.Contains(out, want) || strings.Contains(out, "INVALID") {
			t.Errorf("validate-logs printed\n%s\nwant %s", out, want)
		}
	}

	changed, gone := files("CloudTrail")[0], files("CloudTrail")[1]
	packed, err := os.ReadFile(changed)
	if err != nil {
		t.Fatal(err)
	}
	packed[len(packed)-5] ^= 1
	if err := os.WriteFile(changed, packed, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	out, errs, code := auditor.try(validate)
	if code != 1 || !strings.Contains(out, "2/2 log files INVALID") || !strings.Contains(errs, "INVALID: not found") {
		t.Errorf("validate-logs of files that were changed ended with %d:\n%s\n%s", code, out, errs)
	}
}
