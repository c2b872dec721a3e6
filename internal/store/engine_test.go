package store_test

import (
	"sync"
	"testing"

	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/internal/store/storetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Engine{Open: func(testing.TB) store.Store { return store.Memory() }})
}

func TestFile(t *testing.T) {
	t.Parallel()
	var dirs sync.Map // store.Store → its folder
	open := func(t testing.TB, dir string) store.Store {
		s, err := store.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		dirs.Store(s, dir)
		return s
	}
	storetest.Run(t, storetest.Engine{
		Open: func(t testing.TB) store.Store { return open(t, t.TempDir()) },
		Reopen: func(t testing.TB, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			dir, _ := dirs.Load(s)
			return open(t, dir.(string))
		},
	})
}
