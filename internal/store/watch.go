package store

import (
	"slices"
	"sync"
)

// watchers are the functions given to Watch.
type watchers struct {
	mu   sync.Mutex
	list []*watcher // never changed, only replaced
}

type watcher struct{ fn func(keys []string) }

func (w *watchers) add(fn func(keys []string)) (stop func()) {
	one := &watcher{fn}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(slices.Clip(w.list), one)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.list = slices.DeleteFunc(slices.Clone(w.list), func(o *watcher) bool { return o == one })
	}
}

// tell calls every watcher. Its caller sees to the order of commits.
func (w *watchers) tell(keys []string) {
	if len(keys) == 0 {
		return
	}
	w.mu.Lock()
	list := w.list
	w.mu.Unlock()
	for _, one := range list {
		one.fn(keys)
	}
}
