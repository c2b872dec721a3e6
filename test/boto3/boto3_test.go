//go:build boto3

package boto3

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/test/server"
)

var python = "/usr/bin/python3"

func TestMain(m *testing.M) {
	if named := os.Getenv("KEYTURN_PYTHON"); named != "" {
		python = named
	}
	server.Main(m, python)
}

// TestScripts runs every script on a server of its own. They are unittest
// programs: each says what it ran.
func TestScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/test_*.py")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".py"), func(t *testing.T) {
			t.Parallel()
			out := server.Start(t, t.TempDir()).Run([]string{"PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=error::DeprecationWarning:__main__"}, python, script, "-v")
			if strings.Contains(out, "Ran 0 tests") || !strings.Contains(out, "\nOK") {
				t.Errorf("%s", out)
			}
			t.Log(out)
		})
	}
}
