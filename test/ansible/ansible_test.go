//go:build ansible

package ansible

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/keyturn/keyturn/test/server"
)

const playbook = "/usr/bin/ansible-playbook"

func TestMain(m *testing.M) { server.Main(m, playbook) }

// recap is a host's line at the end of a play.
var recap = regexp.MustCompile(`localhost\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=0\s+failed=0`)

// play plays a playbook and returns how many tasks went well and how many
// changed something.
func play(t *testing.T, s *server.Server, book string, env ...string) (ok, changed int, out string) {
	t.Helper()
	home := t.TempDir()
	env = append(env,
		"AWS_URL="+s.URL, "ANSIBLE_LOCALHOST_WARNING=false", "ANSIBLE_INVENTORY_UNPARSED_WARNING=false",
		"ANSIBLE_NOCOLOR=1", "ANSIBLE_LOCAL_TEMP="+home, "ANSIBLE_REMOTE_TEMP="+home,
		"ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3",
	)
	out = s.Run(env, playbook, "--inventory", "localhost,", filepath.Join("testdata", book))
	found := recap.FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("no recap:\n%s", out)
	}
	ok, _ = strconv.Atoi(found[1])
	changed, _ = strconv.Atoi(found[2])
	return ok, changed, out
}

// TestEnvironment plays a whole environment, finds nothing to do the second
// time, and takes it down again.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	s := server.Start(t, t.TempDir())
	_, made, out := play(t, s, "environment.yml")
	if made == 0 {
		t.Errorf("nothing was made:\n%s", out)
	}
	if _, again, out := play(t, s, "environment.yml"); again != 0 {
		t.Errorf("the second run changed %d things:\n%s", again, out)
	}
	if _, gone, out := play(t, s, "teardown.yml"); gone == 0 {
		t.Errorf("nothing was taken down:\n%s", out)
	}
	if _, again, out := play(t, s, "teardown.yml"); again != 0 {
		t.Errorf("the second teardown changed %d things:\n%s", again, out)
	}
}

// TestWrongCredentials wants every module refused.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	s := server.Start(t, t.TempDir())
	none := filepath.Join(t.TempDir(), "none")
	if err := os.WriteFile(none, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ok, changed, out := play(t, s, "refused.yml", "AWS_SHARED_CREDENTIALS_FILE="+none,
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	if ok == 0 || changed != 0 {
		t.Errorf("ok %d, changed %d:\n%s", ok, changed, out)
	}
}
