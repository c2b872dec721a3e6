package storetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/store"
)

// log gathers what a watcher was told.
type log struct {
	mu   sync.Mutex
	told [][]string
}

func (l *log) add(keys []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, keys)
}

func (l *log) all() [][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told
}

func testWatch(t *testing.T, e Engine) {
	s := open(t, e)
	put(t, s, "before", "")
	var l log
	defer s.Watch(l.add)()
	put(t, s, "b", "1", "a", "1", "b", "2")
	view(t, s, func(store.Tx) error { return nil })
	if err := s.Update(context.Background(), func(tx store.Tx) error {
		return errors.Join(tx.Put("c", nil), errors.New("failed"))
	}); err == nil {
		t.Error("the failure was lost")
	}
	update(t, s, func(tx store.Tx) error { return errors.Join(tx.Delete("a"), tx.Delete("never there")) })
	if diff := cmp.Diff([][]string{{"a", "b"}, {"a"}}, l.all()); diff != "" {
		t.Error(diff)
	}

	// Under load: each commit once, in the order in which they were made.
	var order log
	stop := s.Watch(order.add)
	var wg sync.WaitGroup
	const workers, each = 6, 20
	for range workers {
		wg.Go(func() {
			for range each {
				update(t, s, func(tx store.Tx) error {
					n, _ := strconv.Atoi(get(t, tx, "n")) // 0 at first
					return errors.Join(tx.Put("n", []byte(strconv.Itoa(n+1))), tx.Put("n/"+strconv.Itoa(n), nil))
				})
			}
		})
	}
	wg.Wait()
	stop()
	told := order.all()
	if len(told) != workers*each {
		t.Fatalf("told %d commits of %d", len(told), workers*each)
	}
	for i, keys := range told {
		if diff := cmp.Diff([]string{"n", "n/" + strconv.Itoa(i)}, keys); diff != "" {
			t.Fatalf("commit %d: %s", i, diff)
		}
	}
}

func testWatchStop(t *testing.T, e Engine) {
	s := open(t, e)
	var first, second log
	stop := s.Watch(first.add)
	defer s.Watch(second.add)()
	put(t, s, "a", "")
	stop()
	stop()
	put(t, s, "b", "")
	if diff := cmp.Diff([][]string{{"a"}}, first.all()); diff != "" {
		t.Errorf("the one that stopped: %s", diff)
	}
	if diff := cmp.Diff([][]string{{"a"}, {"b"}}, second.all()); diff != "" {
		t.Errorf("the other one: %s", diff)
	}
}
