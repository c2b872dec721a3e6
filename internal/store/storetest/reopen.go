package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/store"
)

func testClosed(t *testing.T, e Engine) {
	s := e.Open(t)
	put(t, s, "a", "")
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	ran := func(store.Tx) error {
		t.Error("the function ran")
		return nil
	}
	for name, err := range map[string]error{
		"View": s.View(context.Background(), ran), "Update": s.Update(context.Background(), ran), "Close": s.Close(),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

func testReopen(t *testing.T, e Engine) {
	if e.Reopen == nil {
		t.Skip("the engine's stores end with Close")
	}
	s := open(t, e)
	put(t, s, "a", "1", "b", "1", "c", "1")
	update(t, s, func(tx store.Tx) error { return errors.Join(tx.Delete("b"), tx.Put("c", []byte("2"))) })
	appendAll(t, s, "s", rec(1, "1"), rec(2, "2"), rec(3, "3"))
	update(t, s, func(tx store.Tx) error { return tx.TrimRecords("s", rec(2, "").At) })
	for range 2 {
		s = e.Reopen(t, s)
		view(t, s, func(tx store.Tx) error {
			if diff := cmp.Diff([]string{"a", "1", "c", "2"}, rows(t, tx.Scan("", ""))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"3", "2"}, ids(t, tx.Records("s", store.Query{}))); diff != "" {
				t.Error(diff)
			}
			return nil
		})
	}
	put(t, s, "d", "3")
	closeStore(t, s)
}
