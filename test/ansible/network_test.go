//go:build ansible

package ansible

import (
	"testing"

	"github.com/keyturn/keyturn/test/server"
)

// TestNetwork plays what lies around an instance, and finds nothing to do the
// second time.
func TestNetwork(t *testing.T) {
	t.Parallel()
	s := server.Start(t, t.TempDir())
	_, made, out := play(t, s, "network.yml")
	if made == 0 {
		t.Errorf("nothing was made:\n%s", out)
	}
	if _, again, out := play(t, s, "network.yml"); again != 0 {
		t.Errorf("the second run changed %d things:\n%s", again, out)
	}
}
