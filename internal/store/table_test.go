package store_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/internal/store"
)

type volume struct {
	ID    string
	State string   `json:",omitempty"`
	Tags  []string `json:",omitempty"`
}

var volumes = store.NewTable("test.volume",
	store.Index[volume]{Name: "state", Keys: func(_ string, v volume) []string { return []string{v.State} }},
	store.Index[volume]{Name: "tag", Keys: func(_ string, v volume) []string { return v.Tags }},
)

var here = store.Scope{Account: "123456789012", Region: "us-east-1"}

func inUpdate(t *testing.T, fn func(tx store.Tx) error) {
	t.Helper()
	if err := store.Memory().Update(context.Background(), fn); err != nil {
		t.Error(err)
	}
}

func volumeIDs(t *testing.T, list iter.Seq2[volume, error]) []string {
	t.Helper()
	ids := []string{}
	for v, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, v.ID)
	}
	return ids
}

func put(tx store.Tx, s store.Scope, list ...volume) error {
	for _, v := range list {
		if err := volumes.Put(tx, s, v.ID, v); err != nil {
			return err
		}
	}
	return nil
}

func TestTableKeepsRows(t *testing.T) {
	t.Parallel()
	inUpdate(t, func(tx store.Tx) error {
		if _, err := volumes.Get(tx, here, "vol-1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a row that is not there: %v", err)
		}
		want := volume{ID: "vol-1", State: "in-use", Tags: []string{"a"}}
		if err := put(tx, here, want); err != nil {
			return err
		}
		got, err := volumes.Get(tx, here, "vol-1")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		for _, elsewhere := range []store.Scope{{Account: "123456789012", Region: "eu-west-1"}, {Account: "210987654321", Region: "us-east-1"}} {
			if _, err := volumes.Get(tx, elsewhere, "vol-1"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("in %v: %v", elsewhere, err)
			}
			if ids := volumeIDs(t, volumes.Find(tx, elsewhere, "state", "in-use")); len(ids) > 0 {
				t.Errorf("in %v the index has %q", elsewhere, ids)
			}
		}
		if err := errors.Join(volumes.Delete(tx, here, "vol-1"), volumes.Delete(tx, here, "vol-1")); err != nil {
			t.Errorf("Delete: %v", err)
		}
		for row, err := range tx.Scan("", "") {
			t.Errorf("Delete has left %q (%v)", row.Key, err)
		}
		return nil
	})
}

func TestTableLists(t *testing.T) {
	t.Parallel()
	other := store.NewTable[volume]("test.volumeattribute") // begins alike
	inUpdate(t, func(tx store.Tx) error {
		err := errors.Join(put(tx, here, volume{ID: "c"}, volume{ID: "a"}, volume{ID: "b"}), other.Put(tx, here, "x", volume{ID: "x"}))
		if diff := cmp.Diff([]string{"a", "b", "c"}, volumeIDs(t, volumes.All(tx, here))); diff != "" {
			t.Errorf("All: %s", diff)
		}
		if diff := cmp.Diff([]string{"b", "c"}, volumeIDs(t, volumes.From(tx, here, "b"))); diff != "" {
			t.Errorf("From: %s", diff)
		}
		if diff := cmp.Diff([]string{"b", "c"}, volumeIDs(t, volumes.From(tx, here, "aa"))); diff != "" {
			t.Errorf("From what is not there: %s", diff)
		}
		return err
	})
}

func TestIndexFollowsTheRow(t *testing.T) {
	t.Parallel()
	inUpdate(t, func(tx store.Tx) error {
		err := put(tx, here,
			volume{ID: "1", State: "in-use", Tags: []string{"a", "b"}},
			volume{ID: "2", State: "available", Tags: []string{"b"}},
			volume{ID: "3", State: "available"},
			volume{ID: "2", State: "in-use", Tags: []string{"c", "b"}})
		for _, c := range []struct {
			index, key string
			want       []string
		}{
			{"state", "in-use", []string{"1", "2"}},
			{"state", "available", []string{"3"}},
			{"state", "in", []string{}},
			{"tag", "a", []string{"1"}},
			{"tag", "b", []string{"1", "2"}},
			{"tag", "c", []string{"2"}},
			{"tag", "", []string{}},
		} {
			if diff := cmp.Diff(c.want, volumeIDs(t, volumes.Find(tx, here, c.index, c.key))); diff != "" {
				t.Errorf("%s=%s: %s", c.index, c.key, diff)
			}
		}
		return err
	})
}

// TestSeparatorsInParts: ids and index keys are whatever AWS's names are, such
// as "alias/aws/ebs".
func TestSeparatorsInParts(t *testing.T) {
	t.Parallel()
	awkward := []string{"alias/aws/ebs", "alias%2Faws%2Febs", "alias/aws", "%", "%25", "/", "%2F", "a//b"}
	inUpdate(t, func(tx store.Tx) error {
		for _, name := range awkward {
			if err := put(tx, here, volume{ID: name, State: name}); err != nil {
				return err
			}
		}
		for _, name := range awkward {
			if got, err := volumes.Get(tx, here, name); err != nil || got.ID != name {
				t.Errorf("Get %q gave %q, %v", name, got.ID, err)
			}
			if diff := cmp.Diff([]string{name}, volumeIDs(t, volumes.Find(tx, here, "state", name))); diff != "" {
				t.Errorf("Find %q: %s", name, diff)
			}
		}
		if n := len(volumeIDs(t, volumes.All(tx, here))); n != len(awkward) {
			t.Errorf("All gives %d of %d", n, len(awkward))
		}
		return nil
	})
}

func TestDamagedRowIsAnError(t *testing.T) {
	t.Parallel()
	inUpdate(t, func(tx store.Tx) error {
		if err := tx.Put(store.Key(here.Account, here.Region, "test.volume", "vol-1"), []byte("{")); err != nil {
			return err
		}
		if _, err := volumes.Get(tx, here, "vol-1"); err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "vol-1") {
			t.Errorf("Get: %v", err)
		}
		for _, err := range volumes.All(tx, here) {
			if err == nil {
				t.Error("All passes over a damaged row")
			}
		}
		return nil
	})
}

// TestKeysDiffer: different parts make different keys, and a key's first parts
// are a prefix of it.
func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	parts := rapid.SliceOfN(rapid.StringMatching(`[a%/2F5]{0,4}`), 1, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b := parts.Draw(t, "a"), parts.Draw(t, "b")
		if (store.Key(a...) == store.Key(b...)) != (fmt.Sprintf("%q", a) == fmt.Sprintf("%q", b)) {
			t.Errorf("%q and %q have the keys %q and %q", a, b, store.Key(a...), store.Key(b...))
		}
		if more := store.Key(append(a, b...)...); !strings.HasPrefix(more, store.Key(a...)+"/") {
			t.Errorf("%q does not begin as %q", more, store.Key(a...))
		}
	})
}
