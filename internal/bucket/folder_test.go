package bucket_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/bucket"
)

func newFolder(t *testing.T) (*bucket.Folder, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "all", "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := bucket.Open(filepath.Join(dir, "all"))
	if err != nil {
		t.Fatal(err)
	}
	return f, dir
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

// TestPut: an object is whole, has its metadata beside it, and replaces another.
func TestPut(t *testing.T) {
	t.Parallel()
	f, dir := newFolder(t)
	for _, content := range []string{"first", "second"} {
		if err := f.Put(t.Context(), "logs", "a/b/c.json", map[string]string{"signature": "x"}, text(content)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "all", "logs", "a", "b", "c.json")
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("the object is %q (%v), want %q", got, err, content)
		}
		if got, err := os.ReadFile(path + bucket.MetadataSuffix); err != nil || string(got) != "{\"signature\":\"x\"}\n" {
			t.Errorf("the metadata is %q (%v)", got, err)
		}
	}
	broken := errors.New("broken off")
	err := f.Put(t.Context(), "logs", "half", nil, func(w io.Writer) error {
		if err := text("half")(w); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the writer's own error", err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "all", "logs")); err != nil || len(left) != 1 {
		t.Errorf("half an object stays: %v (%v)", left, err)
	}
}

// TestNoWayOut: no name of a bucket and no key leads out of the folder.
func TestNoWayOut(t *testing.T) {
	t.Parallel()
	f, dir := newFolder(t)
	if err := os.Symlink(dir, filepath.Join(dir, "all", "logs", "link")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "all", "away")); err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct{ bucket, key string }{
		{"..", "x"}, {".", "x"}, {"", "x"}, {"../all", "x"}, {"logs", "../x"}, {"logs", "../../x"}, {"logs", "/x"}, {"logs", "link/x"}, {"away", "x"},
	} {
		if err := f.Put(t.Context(), at.bucket, at.key, nil, text("out")); err == nil {
			t.Errorf("%+v was written", at)
		}
	}
	for _, name := range []string{"x", "all/x"} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			t.Errorf("%s is there", name)
		}
	}
}

// TestHasBucket: a bucket is a sub-folder, and may come and go.
func TestHasBucket(t *testing.T) {
	t.Parallel()
	f, dir := newFolder(t)
	for name, want := range map[string]bool{"logs": true, "other": false, "..": false, "": false} {
		if got, err := f.HasBucket(name); got != want || err != nil {
			t.Errorf("bucket %q: %v, %v", name, got, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "all", "logs")); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(t.Context(), "logs", "x", nil, text("x")); !errors.Is(err, api.ErrNoBucket) {
		t.Errorf("writing to a bucket that is gone: %v", err)
	}
	if _, err := bucket.Open(filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that is not there was opened")
	}
}
