package diagnose

import "github.com/keyturn/keyturn/internal/phrase"

// tell says what is being read, to whoever waits for it.
func (g *gatherer) tell(what phrase.Text) {
	if g.options.Progress != nil {
		g.options.Progress(what)
	}
}
