package main

import (
	"io"
	"os"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/keyturn/keyturn/internal/phrase"
)

// progress is the line that says what a long command is at. A terminal alone
// has one: in a pipe nobody waits.
type progress struct {
	mu    sync.Mutex // several goroutines report
	w     io.Writer  // nil for nobody
	ink   ink
	width int
	lang  phrase.Language
}

func newProgress(w io.Writer, lang phrase.Language) *progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return &progress{}
	}
	return &progress{w: w, ink: ink(colored(w)), width: columns(w), lang: lang}
}

// eraseLine goes to the start of the line and erases it (ECMA-48, "Erase in Line").
const eraseLine = "\r\x1b[K"

// tell puts a text in the place of the last one, cut to one line.
func (p *progress) tell(t phrase.Text) {
	if p.w == nil {
		return
	}
	words := t.In(p.lang) + " …"
	if n := p.width - 1; n > 1 && utf8.RuneCountInString(words) > n {
		words = string([]rune(words)[:n-1]) + "…"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = io.WriteString(p.w, eraseLine+p.ink.faint(words)) // a line that is lost does no harm
}

// end takes the line away.
func (p *progress) end() {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = io.WriteString(p.w, eraseLine)
}
