package main

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/keyturn/keyturn/internal/phrase"
)

// What goes where: what a command was asked for goes to standard output, and
// what went wrong to standard error. Colour is for a terminal alone and never
// the only bearer of a meaning, so that a pipe gets the same words.

// colored tells whether w is a terminal whose user did not decline colours
// (no-color.org).
func colored(w io.Writer) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columns is the width of a terminal, 0 for anything else.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// ink colours words, or leaves them as they are.
type ink bool

func (on ink) paint(code, s string) string {
	if !on || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (on ink) bold(s string) string  { return on.paint("1", s) }
func (on ink) faint(s string) string { return on.paint("2", s) }
func (on ink) bad(s string) string   { return on.paint("31", s) }
func (on ink) good(s string) string  { return on.paint("32", s) }
func (on ink) wait(s string) string  { return on.paint("33", s) }
func (on ink) name(s string) string  { return on.paint("36", s) }

// chooseLanguage is the language of --lang, or else of the locale.
func chooseLanguage(name string) (phrase.Language, error) {
	lang, err := phrase.Choose(name, os.Getenv)
	if err != nil {
		return lang, &advised{err, phrase.Say("use %s", "--lang en, --lang es")}
	}
	return lang, nil
}
