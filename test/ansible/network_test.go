//go:build ansible

package ansible

import (
	"testing"

	"github.com/keyturn/keyturn/test/server"
)

// TestNetwork plays what lies around an instance, finds nothing to do the
// second time, and takes it down again.
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
	if _, gone, out := play(t, s, "network_teardown.yml"); gone == 0 {
		t.Errorf("nothing was taken down:\n%s", out)
	}
	if _, again, out := play(t, s, "network_teardown.yml"); again != 0 {
		t.Errorf("the second teardown changed %d things:\n%s", again, out)
	}
}
