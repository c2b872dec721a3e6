package diagnose

import (
	"sync"

	"github.com/keyturn/keyturn/internal/phrase"
)

// tell says what is being read, to whoever waits for it.
func (g *gatherer) tell(what phrase.Text) {
	if g.options.Progress != nil {
		g.options.Progress(what)
	}
}

// oneAtATime keeps those who gather at the same time from telling at the same time.
func oneAtATime(tell func(phrase.Text)) func(phrase.Text) {
	if tell == nil {
		return nil
	}
	var mu sync.Mutex
	return func(what phrase.Text) {
		mu.Lock()
		defer mu.Unlock()
		tell(what)
	}
}
