package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/store"
)

func testSnapshot(t *testing.T, e Engine) {
	s := open(t, e)
	put(t, s, "a", "old")
	view(t, s, func(tx store.Tx) error {
		put(t, s, "a", "new", "b", "new")
		update(t, s, func(other store.Tx) error { return other.Append("s", store.Record{At: start, ID: "1"}) })
		if a, b := get(t, tx, "a"), get(t, tx, "b"); a != "old" || b != "(none)" {
			t.Errorf("a view that began before sees %q and %q", a, b)
		}
		if list := ids(t, tx.Records("s", store.Query{})); len(list) > 0 {
			t.Errorf("a view that began before sees records %q", list)
		}
		return nil
	})
	if got := viewed(t, s, "a"); got != "new" {
		t.Errorf("a view that began after sees %q", got)
	}
	if list := listed(t, s, "s", store.Query{}); len(list) != 1 {
		t.Errorf("a view that began after sees records %q", list)
	}
	// What an update has written is nobody else's to see before it is done.
	update(t, s, func(tx store.Tx) error {
		err := tx.Put("a", []byte("unfinished"))
		if got := viewed(t, s, "a"); got != "new" {
			t.Errorf("a view during the update sees %q", got)
		}
		return err
	})
}

// testSnapshotOfBoth counts records in a row and looks whether any view finds
// the count and the records apart.
func testSnapshotOfBoth(t *testing.T, e Engine) {
	s := open(t, e)
	put(t, s, "count", "0")
	const n = 150
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range n {
			update(t, s, func(tx store.Tx) error {
				return errors.Join(
					tx.Append("s", store.Record{At: start.Add(time.Duration(i) * time.Second), ID: strconv.Itoa(i)}),
					tx.Put("count", []byte(strconv.Itoa(i+1))))
			})
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		view(t, s, func(tx store.Tx) error {
			count := get(t, tx, "count")
			if list := ids(t, tx.Records("s", store.Query{})); strconv.Itoa(len(list)) != count {
				t.Fatalf("the row counts %s records, %d are there", count, len(list))
			}
			return nil
		})
	}
	if got := viewed(t, s, "count"); got != strconv.Itoa(n) {
		t.Errorf("at the end the row counts %s", got)
	}
}

func testIncrements(t *testing.T, e Engine) {
	s := open(t, e)
	const workers, each = 8, 40
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				err := s.Update(context.Background(), func(tx store.Tx) error {
					n := 0
					if raw, err := tx.Get("n"); err == nil {
						if n, err = strconv.Atoi(string(raw)); err != nil {
							return err
						}
					}
					return errors.Join(
						tx.Put("n", []byte(strconv.Itoa(n+1))),
						tx.Append("s", store.Record{At: start, ID: fmt.Sprintf("%d-%d", w, i)}))
				})
				if err != nil {
					t.Errorf("Update: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := viewed(t, s, "n"); got != strconv.Itoa(workers*each) {
		t.Errorf("%d increments gave %s", workers*each, got)
	}
	if list := listed(t, s, "s", store.Query{}); len(list) != workers*each {
		t.Errorf("%d appends gave %d records", workers*each, len(list))
	}
}

// testWriteSkew: two doctors are on call and one must stay. Each may leave if
// the other is there; when both look at the same time, both leave, unless
// transactions are serializable.
func testWriteSkew(t *testing.T, e Engine) {
	s := open(t, e)
	for range 50 {
		put(t, s, "on-call/a", "", "on-call/b", "")
		var wg sync.WaitGroup
		for _, who := range []string{"a", "b"} {
			wg.Go(func() {
				err := s.Update(context.Background(), func(tx store.Tx) error {
					if len(rows(t, tx.Scan("on-call/", ""))) < 4 {
						return nil
					}
					return tx.Delete("on-call/" + who)
				})
				if err != nil {
					t.Errorf("Update: %v", err)
				}
			})
		}
		wg.Wait()
		view(t, s, func(tx store.Tx) error {
			if left := len(rows(t, tx.Scan("on-call/", ""))) / 2; left != 1 {
				t.Fatalf("%d are on call, want 1", left)
			}
			return nil
		})
	}
}

func testCancel(t *testing.T, e Engine) {
	s := open(t, e)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	ran := func(store.Tx) error {
		t.Error("the function ran")
		return nil
	}
	if err := s.Update(over, ran); !errors.Is(err, context.Canceled) {
		t.Errorf("Update: %v", err)
	}
	if err := s.View(over, ran); !errors.Is(err, context.Canceled) {
		t.Errorf("View: %v", err)
	}
	// While another update runs, the wait for one's turn can be given up.
	update(t, s, func(tx store.Tx) error {
		soon, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if err := s.Update(soon, ran); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Update while waiting: %v", err)
		}
		return tx.Put("a", []byte("1"))
	})
	if got := viewed(t, s, "a"); got != "1" {
		t.Errorf("the update that ran left %q", got)
	}
}
