//go:build javascript

package javascript

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/test/server"
)

func TestMain(m *testing.M) { server.Main(m, "node") }

// TestModules runs every test module on a server of its own.
func TestModules(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("testdata/node_modules"); err != nil {
		t.Fatalf("the SDK is not here: run npm ci --prefix test/javascript/testdata: %v", err)
	}
	modules, err := filepath.Glob("testdata/*.test.mjs")
	if err != nil || len(modules) == 0 {
		t.Fatalf("no modules: %v", err)
	}
	for _, module := range modules {
		t.Run(strings.TrimSuffix(filepath.Base(module), ".test.mjs"), func(t *testing.T) {
			t.Parallel()
			out := server.Start(t, t.TempDir()).Run(nil, "node", "--test", "--test-reporter=tap", module)
			if strings.Contains(out, "# pass 0\n") || !strings.Contains(out, "# fail 0\n") {
				t.Errorf("%s", out)
			}
			t.Log(out)
		})
	}
}
