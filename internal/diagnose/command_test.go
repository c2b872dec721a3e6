package diagnose

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/policy"
)

// TestCommandsAreShellWords: a shell reads from each command line the words that
// were meant, and the policy in it is the fix's, valid for what it is put on.
func TestCommandsAreShellWords(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no POSIX shell: ", err)
	}
	kinds := map[string]policy.Kind{
		"put-user-policy": policy.IdentityPolicy, "put-role-policy": policy.IdentityPolicy, "create-policy-version": policy.ManagedPolicy,
		"create-policy": policy.ManagedPolicy, "assume-role": policy.SessionPolicy, "put-key-policy": policy.KeyPolicy,
	}
	policies := 0
	for _, row := range causeRows {
		for _, f := range Judge(row.evidence()).Fixes {
			for _, c := range f.Commands {
				if strings.HasPrefix(c, "#") {
					continue
				}
				out, err := exec.CommandContext(t.Context(), shell, "-c", "aws() { printf '%s\\0' \"$@\"; }; "+c).Output()
				if err != nil {
					t.Errorf("%s: %v\n%s", row.name, err, c)
					continue
				}
				words := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
				for i, w := range words {
					if !strings.HasPrefix(w, "{") {
						continue
					}
					policies++
					kind, known := kinds[words[1]]
					if !known || !strings.HasPrefix(words[i-1], "--policy") || !json.Valid([]byte(w)) {
						t.Errorf("%s: %s takes no such %s", row.name, words[1], w)
						continue
					}
					if _, err := policy.Load([]byte(w), kind); err != nil {
						t.Errorf("%s: %v\n%s", row.name, err, w)
					}
				}
			}
		}
	}
	if policies < 10 {
		t.Errorf("read %d policies from command lines", policies)
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "''", "test": "test", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", testKey: testKey, "x;y": "'x;y'", "é": "'é'",
	} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) is %s, want %s", in, got, want)
		}
	}
}
