//go:build awscli

package awscli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLake has the AWS CLI make an event data store, ask it what was done, and find
// the result in a bucket.
func TestLake(t *testing.T) {
	t.Parallel()
	buckets := t.TempDir()
	if err := os.Mkdir(filepath.Join(buckets, "example-results"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := serve(t, t.TempDir(), "--buckets", buckets)
	root := s.root()
	arn := root.does("aws cloudtrail create-event-data-store --name store --no-termination-protection-enabled --query EventDataStoreArn --output text")
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	root.key()
	root.does("aws iam create-user --user-name ada")
	ask := func(statement string) string {
		t.Helper()
		query := root.does("aws cloudtrail start-query --delivery-s3-uri s3://example-results/team --query QueryId --output text --query-statement \"" + statement + "\"")
		for range 500 {
			if root.does("aws cloudtrail describe-query --query QueryStatus --output text --query-id "+query) == "FINISHED" && root.does("aws cloudtrail describe-query --query DeliveryStatus --output text --query-id "+query) == "SUCCESS" {
				return query
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatalf("%s does not end", statement)
		return ""
	}
	query := ask("SELECT eventName, count(*) AS n FROM " + id + " WHERE eventSource IN ('kms.amazonaws.com', 'iam.amazonaws.com') GROUP BY eventName ORDER BY eventName")
	if got := root.does("aws cloudtrail get-query-results --query QueryResultRows --output json --query-id " + query); strings.Join(strings.Fields(got), "") != `[[{"eventName":"CreateKey"},{"n":"1"}],[{"eventName":"CreateUser"},{"n":"1"}]]` {
		t.Errorf("%s", got)
	}

	files, err := filepath.Glob(filepath.Join(buckets, "example-results/team/AWSLogs/123456789012/CloudTrail-Lake/Query/*/*/*", query, "result*"))
	if err != nil || len(files) != 2 {
		t.Errorf("the bucket has %v %v", files, err)
	}

	if out, errs, code := root.try("aws cloudtrail start-query --query-statement 'DROP TABLE " + id + "'"); code == 0 || !strings.Contains(errs, "InvalidQueryStatementException") {
		t.Errorf("%d: %s %s", code, out, errs)
	}
	root.does("aws cloudtrail delete-event-data-store --event-data-store " + arn)
	if got := root.does("aws cloudtrail restore-event-data-store --query Name --output text --event-data-store " + arn); got != "store" {
		t.Errorf("restored is %s", got)
	}
}
