package cloud

import (
	"maps"
	"testing"
)

// TestEventNamesAnything: what a caller calls the members of a map is no
// resource's name, and no end of the recorder.
func TestEventNamesAnything(t *testing.T) {
	t.Parallel()
	got := make(map[string][]string)
	collectNames(map[string]any{"encryptionContext": map[string]any{"": "value", "a": "value"}, "KeyName": "k"}, got)
	want := map[string][]string{"a": {"value"}, "keyName": {"k"}}
	if !maps.EqualFunc(got, want, func(a, b []string) bool { return len(a) == len(b) && a[0] == b[0] }) {
		t.Errorf("got %v, want %v", got, want)
	}
}
