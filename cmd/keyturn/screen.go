package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/keyturn/keyturn/internal/phrase"
)

// screen prints the demo: numbered acts, facts, commands and what they answered.
type screen struct {
	w io.Writer
	ink
	acts int
	// width is where words are wrapped, 0 for never: a pipe gets lines whole.
	width int
	// column is the width of the labels of facts.
	column int
	// lang is what it is in; empty is English.
	lang phrase.Language
}

func newScreen(w io.Writer) *screen {
	return &screen{w: w, ink: ink(colored(w)), width: columns(w)}
}

func (s *screen) print(lines ...string) { fmt.Fprintln(s.w, strings.Join(lines, "\n")) }

func (s *screen) title(name string, what phrase.Text) {
	s.print(s.bold(name)+"  "+s.faint(what.In(s.lang)), "")
}

func (s *screen) act(title phrase.Text) {
	if s.acts > 0 {
		s.print("")
	}
	s.acts++
	s.print(s.name(strconv.Itoa(s.acts)) + "  " + s.bold(title.In(s.lang)))
}

// labels makes room for the labels of the facts that follow.
func (s *screen) labels(names ...phrase.Text) {
	s.column = 0
	for _, n := range names {
		s.column = max(s.column, utf8.RuneCountInString(n.In(s.lang))+2)
	}
}

func (s *screen) fact(name, value phrase.Text) {
	s.print("   " + s.faint(fmt.Sprintf("%-*s", s.column, name.In(s.lang))) + value.In(s.lang))
}

func (s *screen) command(line string) {
	for i, l := range strings.Split(line, "\n") {
		prompt := "$ "
		if i > 0 {
			prompt = "  "
		}
		s.print("   " + s.faint(prompt) + s.name(l))
	}
}

func (s *screen) answer(text string) {
	for l := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		s.print("   " + l)
	}
}

// states shows a way through instance states, in a traffic light's colours.
func (s *screen) states(names ...string) {
	for i, n := range names {
		switch n {
		case "running":
			names[i] = s.good(n)
		case "pending":
			names[i] = s.wait(n)
		default:
			names[i] = s.bad(n)
		}
	}
	s.print("   " + strings.Join(names, s.faint(" → ")))
}

func (s *screen) refused(code, message string) {
	s.print("   " + s.bad(code))
	s.words(message)
}

// say prints a text in the reader's language.
func (s *screen) say(t phrase.Text) { s.words(t.In(s.lang)) }

// words prints a sentence, wrapped between words.
func (s *screen) words(text string) {
	line := "  "
	for word := range strings.FieldsSeq(text) {
		if s.width > 0 && line != "  " && utf8.RuneCountInString(line+word)+1 > s.width {
			s.print(line)
			line = "  "
		}
		line += " " + word
	}
	s.print(line)
}

func (s *screen) note(text phrase.Text) { s.print("   " + s.faint(text.In(s.lang))) }

func (s *screen) end(text phrase.Text, took string) {
	s.print("", s.good("✓ ")+s.bold(text.In(s.lang))+"  "+s.faint(took), "")
	s.print(phrase.Say("Yours to try: %s, and the AWS CLI. An instance of your own: %s", "keyturn serve", "keyturn diagnose i-…").In(s.lang))
}

// indented is the screen for somebody else's lines.
func (s *screen) indented() io.Writer { return &margin{w: s.w, start: true} }

// margin writes every line that is not empty a little to the right.
type margin struct {
	w     io.Writer
	start bool
}

func (m *margin) Write(p []byte) (int, error) {
	var out bytes.Buffer
	for _, b := range p {
		if m.start && b != '\n' {
			out.WriteString("   ")
		}
		m.start = b == '\n'
		out.WriteByte(b)
	}
	_, err := m.w.Write(out.Bytes())
	return len(p), err
}
