package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/store"
)

// appendAll appends records given as seconds after start and id.
func appendAll(t testing.TB, s store.Store, stream string, records ...store.Record) {
	t.Helper()
	update(t, s, func(tx store.Tx) error {
		for _, r := range records {
			if err := tx.Append(stream, r); err != nil {
				return err
			}
		}
		return nil
	})
}

func rec(second int, id string) store.Record {
	return store.Record{At: start.Add(time.Duration(second) * time.Second), ID: id, Data: []byte("data of " + id)}
}

func testRecordOrder(t *testing.T, e Engine) {
	s := open(t, e)
	appendAll(t, s, "s", rec(1, "b"), rec(3, "a"), rec(1, "c"))
	appendAll(t, s, "s", rec(2, "d"), rec(1, "a"), rec(-70*365*86400, "old"))
	want := []string{"a", "d", "c", "b", "a", "old"}
	if diff := cmp.Diff(want, listed(t, s, "s", store.Query{})); diff != "" {
		t.Error(diff)
	}
	view(t, s, func(tx store.Tx) error {
		for r, err := range tx.Records("s", store.Query{}) {
			if diff := cmp.Diff(rec(3, "a"), r); diff != "" || err != nil {
				t.Errorf("the newest record: %v\n%s", err, diff)
			}
			break
		}
		return nil
	})
	// What is finer than a microsecond is not kept.
	appendAll(t, s, "fine", store.Record{At: start.Add(1500 * time.Nanosecond), ID: "1"})
	view(t, s, func(tx store.Tx) error {
		for r, err := range tx.Records("fine", store.Query{}) {
			if err != nil {
				return err
			}
			if want := start.Add(time.Microsecond); !r.At.Equal(want) {
				t.Errorf("kept as %v, want %v", r.At, want)
			}
		}
		return nil
	})
}

func testRecordReplaced(t *testing.T, e Engine) {
	s := open(t, e)
	appendAll(t, s, "s", rec(1, "a"), rec(1, "a"))
	again := rec(1, "a")
	again.Data = []byte("again")
	appendAll(t, s, "s", again)
	view(t, s, func(tx store.Tx) error {
		n := 0
		for r, err := range tx.Records("s", store.Query{}) {
			n++
			if string(r.Data) != "again" || err != nil {
				t.Errorf("got %q, %v", r.Data, err)
			}
		}
		if n != 1 {
			t.Errorf("one record is %d", n)
		}
		return nil
	})
}

func testRecordRange(t *testing.T, e Engine) {
	s := open(t, e)
	at := func(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }
	appendAll(t, s, "s", rec(1, "1"), rec(2, "2"), rec(2, "2b"), rec(3, "3"), rec(4, "4"))
	for _, c := range []struct {
		name string
		q    store.Query
		want []string
	}{
		{"no limit", store.Query{}, []string{"4", "3", "2b", "2", "1"}},
		{"both ends are in", store.Query{From: at(2), To: at(3)}, []string{"3", "2b", "2"}},
		{"only from", store.Query{From: at(3)}, []string{"4", "3"}},
		{"only to", store.Query{To: at(2)}, []string{"2b", "2", "1"}},
		{"from a fraction later", store.Query{From: at(2).Add(time.Nanosecond)}, []string{"4", "3"}},
		{"to a fraction earlier", store.Query{To: at(2).Add(-time.Nanosecond)}, []string{"1"}},
		{"nothing between", store.Query{From: at(5), To: at(9)}, []string{}},
		{"ends the wrong way round", store.Query{From: at(3), To: at(1)}, []string{}},
		{"resumed", store.Query{Before: rec(2, "2b")}, []string{"2", "1"}},
		{"resumed at what is not there", store.Query{Before: rec(2, "2a")}, []string{"2", "1"}},
		{"resumed within the range", store.Query{From: at(2), To: at(3), Before: rec(3, "3")}, []string{"2b", "2"}},
		{"resumed after the range", store.Query{To: at(2), Before: rec(9, "9")}, []string{"2b", "2", "1"}},
	} {
		if diff := cmp.Diff(c.want, listed(t, s, "s", c.q)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// testRecordPaging has more records than an engine would read at a time.
func testRecordPaging(t *testing.T, e Engine) {
	s := open(t, e)
	const n = 1500
	var want []string
	var all []store.Record
	for i := range n {
		r := rec(i/7, fmt.Sprintf("%05d", i)) // several of the same time
		all, want = append(all, r), append(want, r.ID)
	}
	slices.Reverse(want)
	appendAll(t, s, "s", all...)
	if diff := cmp.Diff(want, listed(t, s, "s", store.Query{})); diff != "" {
		t.Error(diff)
	}
	var got []string
	var q store.Query
	for {
		var page []store.Record
		view(t, s, func(tx store.Tx) error {
			page = page[:0]
			for r, err := range tx.Records("s", q) {
				if err != nil {
					return err
				}
				if page = append(page, r); len(page) == 50 {
					break
				}
			}
			return nil
		})
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			got = append(got, r.ID)
		}
		q.Before = page[len(page)-1]
		// What comes in meanwhile is newer and does not disturb.
		appendAll(t, s, "s", rec(n+len(got), "later"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func testStreams(t *testing.T, e Engine) {
	s := open(t, e)
	// A stream's name may begin as another's, and an id may look like either.
	for _, stream := range []string{"a", "ab", "a/b", "b"} {
		appendAll(t, s, stream, rec(1, stream+"1"), rec(2, stream+"2"))
	}
	for _, stream := range []string{"a", "ab", "a/b", "b"} {
		if diff := cmp.Diff([]string{stream + "2", stream + "1"}, listed(t, s, stream, store.Query{})); diff != "" {
			t.Errorf("%s: %s", stream, diff)
		}
	}
	if list := listed(t, s, "c", store.Query{}); len(list) > 0 {
		t.Errorf("a stream that never was has %q", list)
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Append("", rec(1, "1")) }); err == nil {
		t.Error("a stream without a name was accepted")
	}
}

func testOwnRecords(t *testing.T, e Engine) {
	s := open(t, e)
	appendAll(t, s, "s", rec(1, "1"), rec(3, "3"), rec(5, "5"))
	update(t, s, func(tx store.Tx) error {
		changed := rec(3, "3")
		changed.Data = []byte("changed")
		err := errors.Join(tx.Append("s", rec(2, "2")), tx.Append("s", changed), tx.Append("s", rec(6, "6")), tx.Append("t", rec(4, "4")))
		if diff := cmp.Diff([]string{"6", "5", "3", "2", "1"}, ids(t, tx.Records("s", store.Query{}))); diff != "" {
			t.Error(diff)
		}
		for r, failed := range tx.Records("s", store.Query{From: changed.At, To: changed.At}) {
			err = errors.Join(err, failed)
			if string(r.Data) != "changed" {
				t.Errorf("the record is still %q", r.Data)
			}
		}
		if diff := cmp.Diff([]string{"2", "1"}, ids(t, tx.Records("s", store.Query{Before: changed}))); diff != "" {
			t.Error(diff)
		}
		// Appending while a listing runs must not disturb it.
		n := 0
		for _, failed := range tx.Records("s", store.Query{}) {
			n++
			err = errors.Join(err, failed, tx.Append("s", rec(100+n, "later")))
		}
		if n < 5 {
			t.Errorf("the listing ended after %d", n)
		}
		return err
	})
}

func testTrim(t *testing.T, e Engine) {
	s := open(t, e)
	for _, stream := range []string{"s", "t", "u"} {
		appendAll(t, s, stream, rec(1, "1"), rec(2, "2"), rec(3, "3"))
	}
	at := func(second int) time.Time { return rec(second, "").At }
	update(t, s, func(tx store.Tx) error {
		err := errors.Join(
			tx.Append("s", rec(0, "0")),
			tx.TrimRecords("s", at(2)), // what is as old as that stays
			tx.Append("s", rec(1, "late")))
		if diff := cmp.Diff([]string{"3", "2", "late"}, ids(t, tx.Records("s", store.Query{}))); diff != "" {
			t.Errorf("in the transaction: %s", diff)
		}
		return err
	})
	if diff := cmp.Diff([]string{"3", "2", "late"}, listed(t, s, "s", store.Query{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"3", "2", "1"}, listed(t, s, "t", store.Query{})); diff != "" {
		t.Errorf("another stream: %s", diff)
	}
	update(t, s, func(tx store.Tx) error {
		err := tx.TrimRecords("", at(3))
		if diff := cmp.Diff([]string{"3"}, ids(t, tx.Records("t", store.Query{}))); diff != "" {
			t.Errorf("all streams, in the transaction: %s", diff)
		}
		return err
	})
	for _, stream := range []string{"s", "t", "u"} {
		if diff := cmp.Diff([]string{"3"}, listed(t, s, stream, store.Query{})); diff != "" {
			t.Errorf("all streams: %s: %s", stream, diff)
		}
	}
}
