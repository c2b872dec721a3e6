package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/store"
)

func testRow(t *testing.T, e Engine) {
	s := open(t, e)
	if got := viewed(t, s, "a"); got != "(none)" {
		t.Errorf("an empty store has %q", got)
	}
	put(t, s, "a", "1")
	put(t, s, "a", "2")
	if got := viewed(t, s, "a"); got != "2" {
		t.Errorf("got %q, want 2", got)
	}
	update(t, s, func(tx store.Tx) error {
		if got := get(t, tx, "a"); got != "2" {
			t.Errorf("an update sees %q", got)
		}
		if err := tx.Delete("a"); err != nil {
			return err
		}
		if got := get(t, tx, "a"); got != "(none)" {
			t.Errorf("after Delete its transaction sees %q", got)
		}
		return tx.Delete("never there")
	})
	if got := viewed(t, s, "a"); got != "(none)" {
		t.Errorf("a deleted row is %q", got)
	}
}

// oddRows: keys are bytes and not text, and values may be empty.
var oddRows = []string{
	"a", "", "a\x00b", "nul", "a%2Fb", "percent", "a/b", "slash", "\xff\xfe", "\xff\x00\xfe",
	"ключ", "значение", "a'; DROP TABLE rows; --", "?1 :a $b @c",
}

func testOddRows(t *testing.T, e Engine) {
	s := open(t, e)
	put(t, s, oddRows...)
	if e.Reopen != nil {
		s = e.Reopen(t, s)
		defer closeStore(t, s)
	}
	for i := 0; i < len(oddRows); i += 2 {
		if got := viewed(t, s, oddRows[i]); got != oddRows[i+1] {
			t.Errorf("%q is %q, want %q", oddRows[i], got, oddRows[i+1])
		}
	}
}

func testScan(t *testing.T, e Engine) {
	s := open(t, e)
	put(t, s, "b/2", "d", "a", "x", "b/10", "c", "b", "y", "b/\xff", "f", "b0", "z", "b/2/1", "e", "c", "w")
	for _, c := range []struct {
		name, prefix, from string
		want               []string
	}{
		{"by prefix", "b/", "", []string{"b/10", "c", "b/2", "d", "b/2/1", "e", "b/\xff", "f"}},
		{"from a key that is there", "b/", "b/2", []string{"b/2", "d", "b/2/1", "e", "b/\xff", "f"}},
		{"from a key that is not there", "b/", "b/11", []string{"b/2", "d", "b/2/1", "e", "b/\xff", "f"}},
		{"from before the prefix", "b/", "a", []string{"b/10", "c", "b/2", "d", "b/2/1", "e", "b/\xff", "f"}},
		{"from after the prefix", "b/", "c", []string{}},
		{"nothing there", "d", "", []string{}},
		{"all", "", "", []string{"a", "x", "b", "y", "b/10", "c", "b/2", "d", "b/2/1", "e", "b/\xff", "f", "b0", "z", "c", "w"}},
	} {
		view(t, s, func(tx store.Tx) error {
			if diff := cmp.Diff(c.want, rows(t, tx.Scan(c.prefix, c.from))); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
			return nil
		})
	}
	view(t, s, func(tx store.Tx) error {
		for row, err := range tx.Scan("b/", "") {
			if err != nil {
				return err
			}
			if row.Key != "b/10" {
				t.Errorf("went on to %q after the loop had ended", row.Key)
			}
			break
		}
		return nil
	})
}

func testScanOwnWrites(t *testing.T, e Engine) {
	s := open(t, e)
	put(t, s, "a/1", "old", "a/2", "old", "a/3", "old")
	update(t, s, func(tx store.Tx) error {
		err := errors.Join(tx.Put("a/0", []byte("new")), tx.Delete("a/1"), tx.Put("a/2", []byte("new")))
		want := []string{"a/0", "new", "a/2", "new", "a/3", "old"}
		if diff := cmp.Diff(want, rows(t, tx.Scan("a/", ""))); diff != "" {
			t.Error(diff)
		}
		return err
	})
}

func testScanChanges(t *testing.T, e Engine) {
	s := open(t, e)
	const n = 300
	update(t, s, func(tx store.Tx) error {
		for i := range n {
			if err := tx.Put(fmt.Sprintf("a/%04d", i), nil); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, s, func(tx store.Tx) error {
		seen := 0
		for row, err := range tx.Scan("a/", "") {
			if err != nil {
				return err
			}
			if row.Key < "a/1" {
				seen++
			}
			if err := errors.Join(tx.Delete(row.Key), tx.Put("b"+row.Key, nil)); err != nil {
				return err
			}
		}
		if seen != n {
			t.Errorf("deleting what was seen, the scan saw %d of %d", seen, n)
		}
		return nil
	})
	view(t, s, func(tx store.Tx) error {
		if a, b := len(rows(t, tx.Scan("a/", ""))), len(rows(t, tx.Scan("ba/", ""))); a != 0 || b != 2*n {
			t.Errorf("%d rows are left and %d moved", a/2, b/2)
		}
		return nil
	})
}

func testRollback(t *testing.T, e Engine) {
	s := open(t, e)
	put(t, s, "a", "old", "b", "old")
	failed := errors.New("failed")
	err := s.Update(context.Background(), func(tx store.Tx) error {
		return errors.Join(
			tx.Put("a", []byte("new")), tx.Put("c", []byte("new")), tx.Delete("b"),
			tx.Append("s", store.Record{At: start, ID: "1"}), failed)
	})
	if !errors.Is(err, failed) {
		t.Errorf("Update gave %v, want the function's own error", err)
	}
	view(t, s, func(tx store.Tx) error {
		if diff := cmp.Diff([]string{"a", "old", "b", "old"}, rows(t, tx.Scan("", ""))); diff != "" {
			t.Error(diff)
		}
		if list := ids(t, tx.Records("s", store.Query{})); len(list) > 0 {
			t.Errorf("records %q are left", list)
		}
		return nil
	})
}

func testPanic(t *testing.T, e Engine) {
	s := open(t, e)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not come through")
			}
		}()
		_ = s.Update(context.Background(), func(tx store.Tx) error {
			_ = tx.Put("a", []byte("new"))
			panic("in the function")
		})
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := s.Update(ctx, func(tx store.Tx) error {
		if got := get(t, tx, "a"); got != "(none)" {
			t.Errorf("a is %q", got)
		}
		return nil
	})
	if err != nil {
		t.Errorf("Update after a panic: %v", err)
	}
}

func testReadOnly(t *testing.T, e Engine) {
	s := open(t, e)
	view(t, s, func(tx store.Tx) error {
		for name, err := range map[string]error{
			"Put":         tx.Put("a", nil),
			"Delete":      tx.Delete("a"),
			"Append":      tx.Append("s", store.Record{At: start, ID: "1"}),
			"TrimRecords": tx.TrimRecords("s", start),
		} {
			if !errors.Is(err, store.ErrReadOnly) {
				t.Errorf("%s in View: %v", name, err)
			}
		}
		return nil
	})
	failed := errors.New("failed")
	if err := s.View(context.Background(), func(store.Tx) error { return failed }); err != failed { //nolint:errorlint // as it is
		t.Errorf("View gave %v, want the function's own error", err)
	}
}

func testEnded(t *testing.T, e Engine) {
	s := open(t, e)
	var tx store.Tx
	for name, begin := range map[string]func(context.Context, func(store.Tx) error) error{"View": s.View, "Update": s.Update} {
		if err := begin(context.Background(), func(inner store.Tx) error { tx = inner; return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Get("a"); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get after %s: %v", name, err)
		}
		if err := tx.Put("a", nil); err == nil {
			t.Errorf("Put after %s passed", name)
		}
	}
	if got := viewed(t, s, "a"); got != "(none)" {
		t.Errorf("a row came from a transaction that had ended: %q", got)
	}
}

func testSavepoint(t *testing.T, e Engine) {
	s := open(t, e)
	put(t, s, "changed", "1", "deleted", "1")
	update(t, s, func(tx store.Tx) error {
		if err := tx.Put("before", []byte("kept")); err != nil {
			return err
		}
		undo := tx.Savepoint()
		if err := errors.Join(tx.Put("changed", []byte("2")), tx.Delete("deleted"), tx.Put("made", nil)); err != nil {
			return err
		}
		if err := undo(); err != nil {
			return err
		}
		if got := get(t, tx, "changed"); got != "1" {
			t.Errorf("what was taken back is %q in its transaction", got)
		}
		return tx.Put("after", []byte("kept"))
	})
	if e.Reopen != nil {
		s = e.Reopen(t, s)
		defer closeStore(t, s)
	}
	for key, want := range map[string]string{"changed": "1", "deleted": "1", "made": "(none)", "before": "kept", "after": "kept"} {
		if got := viewed(t, s, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}
