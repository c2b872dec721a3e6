package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/store"
)

func openFile(t testing.TB, dir string) store.Store {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func TestFolderIsOpenOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openFile(t, dir)
	_, err := store.Open(dir)
	if err == nil {
		t.Fatal("opened twice")
	}
	for _, want := range []string{dir, "in use", "--data"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openFile(t, dir)
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	dir := filepath.Join(t.TempDir(), "new", "data")
	s := openFile(t, dir)
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Put("a", nil) }); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("the folder has %v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info.Mode(), err)
	}
}

// TestPathsOfAllKinds: a path is a path and not a part of a URI.
func TestPathsOfAllKinds(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"with blank", "100%", "what?mode=memory", "a#b", "año"} {
		if runtime.GOOS == "windows" && strings.ContainsAny(name, "?") {
			continue
		}
		dir := filepath.Join(t.TempDir(), name)
		s := openFile(t, dir)
		if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Put("a", []byte(name)) }); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if info, err := os.Stat(filepath.Join(dir, store.FileName)); err != nil || info.Size() == 0 {
			t.Errorf("%s: the database is not in it: %v", name, err)
		}
	}
}

func TestUnfitDatabases(t *testing.T) {
	t.Parallel()
	later := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(later, store.FileName))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "PRAGMA user_version = 99")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, store.FileName), []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	notFolder := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notFolder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ dir, want string }{
		"of a later keyturn": {later, "later keyturn"},
		"damaged":            {damaged, store.FileName},
		"not a folder":       {notFolder, notFolder},
	} {
		for range 2 { // the second time shows that the first has let go of the lock
			_, err := store.Open(c.dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestFailedWrite: when the disk fails, everybody who waited hears of it, and
// nothing of it is ever seen.
func TestFailedWrite(t *testing.T) {
	t.Parallel()
	s := openFile(t, t.TempDir())
	put := func(key string) error {
		return s.Update(context.Background(), func(tx store.Tx) error {
			return errors.Join(tx.Put(key, []byte("new")), tx.Append("s", store.Record{At: crashTime, ID: key}))
		})
	}
	if err := put("kept"); err != nil {
		t.Fatal(err)
	}
	var told sync.Map
	defer s.Watch(func(keys []string) { told.Store(keys[0], true) })()

	release := store.HoldWrites(s)
	var wg sync.WaitGroup
	errs := make([]error, 9)
	for i := range 8 {
		wg.Go(func() { errs[i] = put("lost") })
	}
	waitGathered(t, s, 8)
	// This one changes nothing, but has seen what may not last.
	wg.Go(func() {
		errs[8] = s.Update(context.Background(), func(tx store.Tx) error {
			_, err := tx.Get("lost")
			return err
		})
	})
	time.Sleep(10 * time.Millisecond)
	if err := store.Break(s, true); err != nil {
		t.Fatal(err)
	}
	release()
	wg.Wait()
	for i, err := range errs {
		if err == nil {
			t.Errorf("update %d was acknowledged", i)
		}
	}
	release = store.HoldWrites(s)
	if err := store.Break(s, false); err != nil {
		t.Fatal(err)
	}
	release()
	seeOnly := func(begin func(context.Context, func(store.Tx) error) error) {
		err := begin(t.Context(), func(tx store.Tx) error {
			if _, err := tx.Get("lost"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("what was not written is seen: %v", err)
			}
			for r, err := range tx.Records("s", store.Query{}) {
				if r.ID == "lost" || err != nil {
					t.Errorf("the record is seen: %v, %v", r.ID, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	seeOnly(s.View)
	seeOnly(s.Update)
	if _, ok := told.Load("lost"); ok {
		t.Error("watchers were told of what was not written")
	}
	if err := put("after"); err != nil {
		t.Errorf("after the failure: %v", err)
	}
}

// TestFailedWriteTakesAlongWhatWasBuiltOnIt: an update that has seen what is
// being written fails with it, even if it would have been written later.
func TestFailedWriteTakesAlongWhatWasBuiltOnIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openFile(t, dir)
	release := store.HoldWrites(s)
	if err := store.Impatient(s); err != nil {
		t.Fatal(err)
	}
	release()
	other, err := sql.Open("sqlite", filepath.Join(dir, store.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var first, second, third error
	seen := make(chan struct{})
	wg.Go(func() {
		first = s.Update(context.Background(), func(tx store.Tx) error {
			close(seen)
			return errors.Join(tx.Put("a", []byte("1")), tx.Append("s", store.Record{At: crashTime, ID: "1"}))
		})
	})
	<-seen
	for store.Gathered(s) > 0 { // until it is being written
		time.Sleep(time.Millisecond)
	}
	wg.Go(func() {
		second = s.Update(context.Background(), func(tx store.Tx) error {
			if _, err := tx.Get("a"); err != nil {
				t.Errorf("the second does not see the first: %v", err)
			}
			return tx.Put("b", []byte("2"))
		})
	})
	waitGathered(t, s, 1)
	wg.Go(func() {
		third = s.Update(context.Background(), func(tx store.Tx) error {
			_, err := tx.Get("b")
			return err
		})
	})
	wg.Wait()
	for name, err := range map[string]error{"the first": first, "the second": second, "the third": third} {
		if err == nil || !strings.Contains(err.Error(), "not written") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx store.Tx) error {
		for row, err := range tx.Scan("", "") {
			t.Errorf("%s is still there (%v)", row.Key, err)
		}
		for r, err := range tx.Records("s", store.Query{}) {
			t.Errorf("record %s is still there (%v)", r.ID, err)
		}
		return tx.Put("c", nil)
	})
	if err != nil {
		t.Errorf("after the failure: %v", err)
	}
}

func waitGathered(t *testing.T, s store.Store, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); store.Gathered(s) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d updates gathered", store.Gathered(s), n)
		}
	}
}

// TestUnwrittenIsNotSeen: what waits for the disk is seen by the updates that
// come after it, and by no view.
func TestUnwrittenIsNotSeen(t *testing.T) {
	t.Parallel()
	s := openFile(t, t.TempDir())
	release := store.HoldWrites(s)
	var wg sync.WaitGroup
	write := func(id string, check func(tx store.Tx)) {
		wg.Go(func() {
			err := s.Update(context.Background(), func(tx store.Tx) error {
				check(tx)
				return errors.Join(tx.Put(id, nil), tx.Append("s", store.Record{At: crashTime, ID: id}))
			})
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
		})
	}
	count := func(tx store.Tx) (n int) {
		for _, err := range tx.Records("s", store.Query{}) {
			if err != nil {
				t.Error(err)
			}
			n++
		}
		return n
	}
	write("1", func(store.Tx) {})
	waitGathered(t, s, 1)
	write("2", func(tx store.Tx) {
		if _, err := tx.Get("1"); err != nil || count(tx) != 1 {
			t.Errorf("the second update does not see the first: %v, %d records", err, count(tx))
		}
	})
	waitGathered(t, s, 2)
	err := s.View(t.Context(), func(tx store.Tx) error {
		if _, err := tx.Get("1"); !errors.Is(err, store.ErrNotFound) || count(tx) != 0 {
			t.Errorf("a view sees what is not on the disk: %v, %d records", err, count(tx))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	release()
	wg.Wait()
}
