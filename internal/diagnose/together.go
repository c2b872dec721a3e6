package diagnose

import (
	"fmt"
	"sync"
)

// maxTogether is how many of one kind of call are made at the same time. The
// services' rates are per account, and others work there.
const maxTogether = 8

// together does things at the same time, each on a part of the evidence of its
// own. What they could not read is noted in their order, so that the same answers
// give the same evidence.
func (g *gatherer) together(things ...func(*gatherer)) {
	each(g, things, func(b *gatherer, do func(*gatherer)) struct{} {
		do(b)
		return struct{}{}
	})
}

// each reads something for every item at the same time, and gives what was read
// in the order of the items.
func each[T, R any](g *gatherer, items []T, read func(*gatherer, T) R) []R {
	results, notes := make([]R, len(items)), make([][]Unread, len(items))
	room := make(chan struct{}, maxTogether)
	var all sync.WaitGroup
	for i, item := range items {
		room <- struct{}{}
		branch := *g
		branch.notes = &notes[i]
		all.Go(func() {
			defer func() { <-room }()
			results[i] = read(&branch, item)
		})
	}
	all.Wait()
	for _, list := range notes {
		for _, u := range list {
			g.note(u)
		}
	}
	return results
}

// asked remembers answers, so that nothing is asked twice.
type asked struct {
	mu      sync.Mutex
	answers map[string]any
}

func newAsked() *asked { return &asked{answers: make(map[string]any)} }

// once asks unless the same was asked before. What is asked is told by the
// answer's type and by about.
func once[T any](a *asked, about string, ask func() (T, error)) (T, error) {
	var none T
	name := fmt.Sprintf("%T %s", none, about)
	a.mu.Lock()
	answer, ok := a.answers[name].(func() (T, error))
	if !ok {
		answer = sync.OnceValues(ask)
		a.answers[name] = answer
	}
	a.mu.Unlock()
	return answer()
}
