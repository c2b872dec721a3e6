// Package storetest is the contract of package store as tests. An engine
// exists when [Run] passes on it.
package storetest

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/store"
)

// Engine makes the stores to test. No two of them share anything.
type Engine struct {
	// Open returns an empty store.
	Open func(t testing.TB) store.Store
	// Reopen closes a store and opens it again. It is nil for an engine whose
	// stores end with Close.
	Reopen func(t testing.TB, s store.Store) store.Store
}

// Run tests an engine.
func Run(t *testing.T, e Engine) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Engine)
	}{
		{"a row is what was put last", testRow},
		{"odd keys and values are kept as they are", testOddRows},
		{"a scan is in the order of the keys' bytes", testScan},
		{"a scan sees the transaction's own writes", testScanOwnWrites},
		{"rows may change under a scan", testScanChanges},
		{"a part of a transaction is taken back", testSavepoint},
		{"an error leaves nothing behind", testRollback},
		{"a panic leaves nothing behind, nor the store locked", testPanic},
		{"View cannot write", testReadOnly},
		{"a transaction ends with its function", testEnded},
		{"a view does not see later changes", testSnapshot},
		{"rows and records are seen together", testSnapshotOfBoth},
		{"parallel increments are not lost", testIncrements},
		{"write skew cannot happen", testWriteSkew},
		{"a cancelled context changes nothing", testCancel},
		{"records come newest first", testRecordOrder},
		{"a record appended again is replaced", testRecordReplaced},
		{"records are limited by both ends", testRecordRange},
		{"a listing resumes where it stopped", testRecordPaging},
		{"streams are apart", testStreams},
		{"a transaction sees its own records", testOwnRecords},
		{"trimmed records are gone", testTrim},
		{"watchers are told in the order of commits", testWatch},
		{"a watcher that has stopped is not told", testWatchStop},
		{"a closed store says so", testClosed},
		{"everything survives reopening", testReopen},
		{"any sequence gives what a plain map gives", testMachine},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, e)
		})
	}
}

var start = time.Date(2026, time.January, 2, 3, 4, 5, 678_000, time.UTC)

// open opens a store that the test's end closes.
func open(t testing.TB, e Engine) store.Store {
	t.Helper()
	s := e.Open(t)
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s store.Store) {
	if err := s.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
		t.Errorf("Close: %v", err)
	}
}

func update(t testing.TB, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Errorf("Update: %v", err)
	}
}

func view(t testing.TB, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.View(context.Background(), fn); err != nil {
		t.Errorf("View: %v", err)
	}
}

// put writes rows given as key, value, key, value.
func put(t testing.TB, s store.Store, pairs ...string) {
	t.Helper()
	update(t, s, func(tx store.Tx) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := tx.Put(pairs[i], []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
}

// get returns a row's value, and "(none)" for one that is not there.
func get(t testing.TB, tx store.Tx, key string) string {
	t.Helper()
	value, err := tx.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return "(none)"
	}
	if err != nil {
		t.Errorf("Get %q: %v", key, err)
	}
	return string(value)
}

func viewed(t testing.TB, s store.Store, key string) (value string) {
	t.Helper()
	view(t, s, func(tx store.Tx) error {
		value = get(t, tx, key)
		return nil
	})
	return value
}

// rows gives a scan as key, value, key, value.
func rows(t testing.TB, scan iter.Seq2[store.Row, error]) []string {
	t.Helper()
	list := []string{}
	for row, err := range scan {
		if err != nil {
			t.Fatalf("Scan: %v", err)
		}
		list = append(list, row.Key, string(row.Value))
	}
	return list
}

// ids gives a listing as the records' ids.
func ids(t testing.TB, records iter.Seq2[store.Record, error]) []string {
	t.Helper()
	list := []string{}
	for r, err := range records {
		if err != nil {
			t.Fatalf("Records: %v", err)
		}
		list = append(list, r.ID)
	}
	return list
}

func listed(t testing.TB, s store.Store, stream string, q store.Query) (list []string) {
	t.Helper()
	view(t, s, func(tx store.Tx) error {
		list = ids(t, tx.Records(stream, q))
		return nil
	})
	return list
}
