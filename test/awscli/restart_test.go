//go:build awscli

package awscli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// TestRestart stops a server in peace and finds all in its place.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir)
	root := s.root()
	key := root.key()
	id := root.stopped(encrypted(key))
	root.user("test")
	root.allow("test", "start", articlePolicy(key))
	blob := root.does("aws kms encrypt --key-id " + key + " --plaintext aGVsbG8= --query CiphertextBlob --output text")
	s.Stop(syscall.SIGTERM)

	root = serve(t, dir).root()
	root.wantVolumes(id, key)
	root.keyOf("test").starts(id, "running", root)
	if got := root.does("aws kms decrypt --ciphertext-blob " + blob + " --query Plaintext --output text"); got != "aGVsbG8=" {
		t.Errorf("decrypted to %s after the restart", got)
	}
	if e := root.newest("CreateKey"); e.UserIdentity.Type != "Root" {
		t.Errorf("the event from before the restart is %+v", e)
	}
}

// TestKill kills the server in the middle of writes, again and again: what it
// acknowledged is there.
func TestKill(t *testing.T) {
	t.Parallel()
	const rounds, writers = 5, 4
	dir := t.TempDir()
	var mu sync.Mutex
	users, keys := make(map[string]bool), make(map[string]bool)
	for round := range rounds {
		s := serve(t, dir)
		cfg := s.config()
		ctx, cancel := context.WithCancel(t.Context())
		var writing sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				i, k := iam.NewFromConfig(cfg), kms.NewFromConfig(cfg)
				for n := 0; ctx.Err() == nil; n++ {
					name := fmt.Sprintf("user-%d-%d-%d", round, w, n)
					if _, err := i.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err == nil {
						mu.Lock()
						users[name] = true
						mu.Unlock()
					}
					if out, err := k.CreateKey(ctx, &kms.CreateKeyInput{Description: &name}); err == nil {
						mu.Lock()
						keys[*out.KeyMetadata.KeyId] = true
						mu.Unlock()
					}
				}
			})
		}
		time.Sleep(time.Duration(100+60*round) * time.Millisecond)
		s.Stop(syscall.SIGKILL)
		cancel()
		writing.Wait()
	}
	if len(users) < rounds*writers || len(keys) < rounds*writers {
		t.Fatalf("%d users and %d keys were acknowledged: too few to show anything", len(users), len(keys))
	}
	t.Logf("%d users and %d keys were acknowledged before %d kills", len(users), len(keys), rounds)

	root := serve(t, dir).root()
	stored := strings.Fields(root.does("aws iam list-users --query 'Users[].UserName' --output text"))
	slices.Sort(stored)
	for name := range users {
		if _, ok := slices.BinarySearch(stored, name); !ok {
			t.Errorf("user %s was acknowledged and is gone", name)
		}
	}
	stored = strings.Fields(root.does("aws kms list-keys --query 'Keys[].KeyId' --output text"))
	slices.Sort(stored)
	for id := range keys {
		if _, ok := slices.BinarySearch(stored, id); !ok {
			t.Errorf("key %s was acknowledged and is gone", id)
		}
	}
}

// config is the root user's for SDK clients that do not try twice: what is
// counted is what one request acknowledged.
func (s *running) config() awssdk.Config {
	s.t.Helper()
	keys := strings.Fields(s.root().does("aws configure get aws_access_key_id && aws configure get aws_secret_access_key"))
	return awssdk.Config{
		Region: region, BaseEndpoint: &s.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(keys[0], keys[1], ""),
	}
}
