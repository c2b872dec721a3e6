//go:build awscli

package awscli

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TestKillDelivery kills the server in the middle of deliveries, again and again:
// every change that it acknowledged is in a log file, and no event is in two.
func TestKillDelivery(t *testing.T) {
	t.Parallel()
	const rounds = 6
	dir, buckets := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(buckets, "example-logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	users := make(map[string]bool)
	for round := range rounds {
		s := serve(t, dir, "--buckets", buckets)
		if round == 0 {
			s.root().does("aws cloudtrail create-trail --name trail --s3-bucket-name example-logs --is-multi-region-trail > /dev/null && aws cloudtrail start-logging --name trail")
		}
		cfg := s.config()
		ctx, cancel := context.WithCancel(t.Context())
		var working sync.WaitGroup
		working.Go(func() {
			client := iam.NewFromConfig(cfg)
			for n := 0; ctx.Err() == nil; n++ {
				name := fmt.Sprintf("user-%d-%d", round, n)
				if _, err := client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err == nil {
					mu.Lock()
					users[name] = true
					mu.Unlock()
				}
			}
		})
		for range 3 + round { // deliveries are under way when the server is killed
			time.Sleep(20 * time.Millisecond)
			s.Advance(6 * time.Minute)
		}
		time.Sleep(time.Duration(round) * 5 * time.Millisecond)
		s.Stop(syscall.SIGKILL)
		cancel()
		working.Wait()
	}
	if len(users) < rounds {
		t.Fatalf("%d users were acknowledged: too few to show anything", len(users))
	}

	s := serve(t, dir, "--buckets", buckets)
	var found, events map[string]int
	for range 500 {
		s.Advance(6 * time.Minute)
		if found, events = delivered(t, filepath.Join(buckets, "example-logs")); len(missing(users, found)) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if lost := missing(users, found); len(lost) > 0 {
		t.Errorf("of %d users %d are in no log file: %v", len(users), len(lost), lost)
	}
	for id, n := range events {
		if n > 1 {
			t.Errorf("event %s is there %d times", id, n)
		}
	}
	t.Logf("%d users, %d events", len(users), len(events))
}

func missing(users map[string]bool, found map[string]int) (lost []string) {
	for name := range users {
		if found[name] == 0 {
			lost = append(lost, name)
		}
	}
	return lost
}

// delivered counts the users that were made, and all events, in a bucket's log files.
func delivered(t *testing.T, bucket string) (users, events map[string]int) {
	t.Helper()
	users, events = make(map[string]int), make(map[string]int)
	err := filepath.WalkDir(bucket, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".json.gz") {
			if os.IsNotExist(err) {
				return nil // a file that was just given its name
			}
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		packed, err := gzip.NewReader(f)
		if err != nil {
			return err
		}
		var file struct {
			Records []struct {
				EventID, EventName string
				RequestParameters  struct{ UserName string }
			}
		}
		if err := json.NewDecoder(packed).Decode(&file); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, e := range file.Records {
			events[e.EventID]++
			if e.EventName == "CreateUser" {
				users[e.RequestParameters.UserName]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return users, events
}
