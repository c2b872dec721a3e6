package diagnose

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/keyturn/keyturn/internal/phrase"
)

// Style is how the text form looks.
type Style struct {
	// Color uses a terminal's colours.
	Color bool
	// Language is what it is in; empty is English.
	Language phrase.Language
	// Width is the terminal's, in columns; 0 where there is none.
	Width int
	// Verbose adds the walk through the evidence and the whole proof.
	Verbose bool
}

// The colours, by what they mark (ECMA-48, "Select Graphic Rendition").
const (
	bold   = "1"
	red    = "1;31"
	green  = "1;32"
	yellow = "1;33"
	cyan   = "36"
	faint  = "2"
)

// Lines of prose are no longer than readers like, and no shorter than words
// allow. Commands and ARNs stay whole: they are there to be copied.
const (
	widest     = 100
	narrowest  = 40
	unmeasured = 96 // where there is no terminal
)

// shownLines bounds how much of a statement the short form quotes.
const shownLines = 9

// page writes the text form.
type page struct {
	strings.Builder
	style Style
	width int
}

// WriteText writes the report for a person: what is wrong, how to repair it and
// what to type next, and with Style.Verbose how that was found out.
func (r *Report) WriteText(w io.Writer, style Style) error {
	p := &page{style: style, width: unmeasured}
	if style.Width > 0 {
		p.width = min(max(style.Width, narrowest), widest)
	}
	s := r.sheet(style.Language)
	p.outcome(s)
	if style.Verbose {
		p.walk(s)
	}
	p.causes(s)
	p.fixes(s)
	if style.Verbose {
		p.proof(s)
	}
	p.unread(s)
	p.foot(s)
	if _, err := io.WriteString(w, harmless(p.String(), style.Color)); err != nil {
		return phrase.NewError(phrase.Say("writing the report: %v", err), err)
	}
	return nil
}

func (p *page) paint(color, s string) string {
	if !p.style.Color || s == "" || color == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

func (p *page) say(t phrase.Text) string { return t.In(p.style.Language) }

func (p *page) section(name string) { p.line("\n" + p.paint(bold, strings.ToUpper(name))) }

func (p *page) line(s string) { p.WriteString(s + "\n") }

// prose writes words in lines of the page's width, each after indent.
func (p *page) prose(color, indent, words string) { p.hanging(color, indent, indent, words) }

// hanging is prose whose first line has an indent of its own, as wide as the
// other lines'.
func (p *page) hanging(color, first, indent, words string) {
	line, lead := "", first
	for word := range strings.FieldsSeq(words) {
		if line != "" && utf8.RuneCountInString(indent+line+word)+1 > p.width {
			p.line(lead + p.paint(color, line))
			line, lead = "", indent
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		p.line(lead + p.paint(color, line))
	}
}

// command writes a command line, broken before its options where it is long.
func (p *page) command(c string) {
	if utf8.RuneCountInString(c)+4 <= p.width {
		p.line("    " + p.paint(cyan, c))
		return
	}
	line, quoted := "", false
	for word := range strings.SplitSeq(c, " ") {
		if !quoted && line != "" && strings.HasPrefix(word, "--") {
			p.line("    " + p.paint(cyan, line+" \\"))
			line = "    " + word
		} else if line != "" {
			line += " " + word
		} else {
			line = word
		}
		quoted = quoted != (strings.Count(word, "'")%2 == 1)
	}
	p.line("    " + p.paint(cyan, line))
}

// facts writes labelled facts, their values below each other.
func (p *page) facts(indent string, list []fact) {
	column := 0
	for _, f := range list {
		column = max(column, utf8.RuneCountInString(f.Label))
	}
	for _, f := range list {
		label := f.Label + strings.Repeat(" ", column-utf8.RuneCountInString(f.Label))
		p.hanging("", indent+p.paint(faint, label)+"  ", indent+strings.Repeat(" ", column+2), f.Value)
	}
}

func (p *page) outcome(s *sheet) {
	color := yellow
	switch s.Outcome {
	case CauseFound:
		color = red
	case NothingWrong:
		color = green
	}
	p.line(p.paint(color, strings.ToUpper(s.Word)))
	p.prose(bold, "", s.Summary)
	p.facts("  ", s.Facts)
}

// walk writes the steps.
func (p *page) walk(s *sheet) {
	p.section(s.Heads.Steps)
	for _, step := range s.Steps {
		head := fmt.Sprintf("%2d. %s", step.Number, p.paint(bold, step.Title))
		if 8+utf8.RuneCountInString(step.Title+step.Call) <= p.width {
			p.line(head + "  " + p.paint(faint, "["+step.Call+"]"))
		} else {
			p.line(head)
			p.line("    " + p.paint(faint, "["+step.Call+"]"))
		}
		p.facts("    ", step.Returned)
		p.hanging("", "    → ", "      ", step.Means)
	}
}

func (p *page) causes(s *sheet) {
	for i, c := range s.Causes {
		switch {
		case i > 0:
			p.line("")
			p.line("  " + p.paint(bold, s.Heads.Behind+":"))
		case p.style.Verbose || len(c.Facts) > 0 || c.Note != "":
			p.section(s.Heads.Cause)
		}
		if i > 0 || p.style.Verbose {
			p.prose(red, "  ", c.Sentence)
		}
		facts := c.Facts
		if p.style.Verbose {
			facts = append(filledFacts(fact{Label: s.Heads.Layer, Value: c.Layer}), facts...)
			facts = append(facts, filledFacts(fact{Label: s.Heads.Checked, Value: c.Checked})...)
		}
		p.facts("  ", facts)
		p.quote(c.Lines)
		p.prose("", "  ", c.Note)
	}
}

// filledFacts leaves out what has no value.
func filledFacts(list ...fact) []fact {
	return slices.DeleteFunc(list, func(f fact) bool { return f.Value == "" })
}

// quote writes a statement, what the cause is about marked.
func (p *page) quote(lines []quotedLine) {
	before, after := 0, 0
	if !p.style.Verbose {
		lines, before, after = around(lines, shownLines)
	}
	cut := func(n int) {
		if n > 0 {
			p.line("       " + p.paint(faint, "│ …"))
		}
	}
	cut(before)
	for _, l := range lines {
		number := ""
		if l.Number > 0 {
			number = strconv.Itoa(l.Number)
		}
		if l.Marked {
			p.line(fmt.Sprintf("  %s %s", p.paint(red, fmt.Sprintf("> %2s │", number)), p.paint(red, l.Text)))
			continue
		}
		p.line(fmt.Sprintf("  %s %s", p.paint(faint, fmt.Sprintf("  %2s │", number)), l.Text))
	}
	cut(after)
}

func (p *page) fixes(s *sheet) {
	if len(s.Fixes) == 0 {
		return
	}
	p.section(s.Heads.Fix)
	for i, f := range s.Fixes {
		if i > 0 {
			p.line("")
		}
		p.prose(bold, "  ", f.Title+":")
		if p.style.Verbose {
			p.prose(faint, "  ", f.Target)
		}
		p.change(f.Lines)
		for _, c := range f.Commands {
			p.command(c)
		}
		p.prose("", "  ", f.Note)
	}
	p.ways(s)
}

// change writes what a fix adds and takes away.
func (p *page) change(lines []changedLine) {
	for _, l := range lines {
		switch l.Sign {
		case "+":
			p.line("    " + p.paint(green, l.Text))
		case "-":
			p.line("    " + p.paint(red, l.Text))
		default:
			p.line("    " + p.paint(faint, l.Text))
		}
	}
}

// ways lists the alternatives; verbosely with what speaks for each and against it.
func (p *page) ways(s *sheet) {
	if len(s.Ways) == 0 {
		return
	}
	if !p.style.Verbose {
		lead := "  " + s.Heads.Instead + ": "
		margin := strings.Repeat(" ", utf8.RuneCountInString(lead))
		for i, w := range s.Ways {
			if i > 0 {
				lead = margin
			}
			p.hanging("", fmt.Sprintf("%s%d. ", lead, w.Rank), margin+"   ", w.Title)
		}
		return
	}
	p.line("")
	p.line("  " + p.paint(bold, s.Heads.Instead+":"))
	for _, w := range s.Ways {
		p.hanging("", "    "+fmt.Sprintf("%d. ", w.Rank), "       ", w.Title)
		for _, target := range w.Targets {
			p.prose(faint, "       ", target)
		}
		p.prose("", "       ", w.TradeOff)
		p.prose("", "       ", w.Verdict)
	}
}

// truthColors are the colours of verdicts.
var truthColors = map[string]string{"yes": green, "no": red, "unknown": yellow, "allowed": green, "denied": "", "fails": red}

// proof writes the whole proof.
func (p *page) proof(s *sheet) {
	if s.Proof == nil {
		return
	}
	p.section(s.Heads.Proof)
	for i, v := range s.Proof.Verdicts {
		p.prose(truthColors[v.Truth], "  ", v.Sentence)
		p.because("    ", v.Because)
		if i == 0 {
			p.checks(s.Proof.Steps)
		}
	}
	p.checks(s.Proof.Others)
	if len(s.Proof.Opened) == 0 {
		return
	}
	p.line("  " + s.Heads.AllNew + ":")
	for _, o := range s.Proof.Opened {
		p.prose("", "    ", o.Who)
		for _, request := range o.Requests {
			p.hanging("", "    - ", "      ", request)
		}
	}
}

// because lists the reasons of a verdict.
func (p *page) because(indent string, reasons []string) {
	for _, r := range reasons {
		p.hanging("", indent+"- ", indent+"  ", r)
	}
}

// checks writes requests of the proof, below each other.
func (p *page) checks(list []checkSheet) {
	before, after := 0, 0
	for _, c := range list {
		before, after = max(before, utf8.RuneCountInString(c.Before)), max(after, utf8.RuneCountInString(c.After))
	}
	for _, c := range list {
		lead := fmt.Sprintf("    %-*s → %s  ", before, c.Before, p.paint(truthColors[c.Truth], fmt.Sprintf("%-*s", after, c.After)))
		p.hanging("", lead, strings.Repeat(" ", 4+before+3+after+2), c.What)
	}
}

func (p *page) unread(s *sheet) {
	if len(s.Unread) == 0 {
		return
	}
	p.section(s.Heads.Unread)
	for _, u := range s.Unread {
		p.hanging("", "  - ", "    ", u.What+" ("+u.Call+")")
		if p.style.Verbose || !u.Denied {
			p.prose(faint, "    ", u.Why)
		}
	}
	if len(s.Missing) == 0 {
		return
	}
	p.prose("", "  ", s.Heads.Missing+":")
	for _, l := range s.Missing {
		p.line("    " + p.paint(cyan, l))
	}
}

// foot ends the report: what the fix was proved to be, and what to type next.
func (p *page) foot(s *sheet) {
	proof, next := strings.ToUpper(s.Heads.Proof), strings.ToUpper(s.Heads.Next)
	column := max(utf8.RuneCountInString(proof), utf8.RuneCountInString(next))
	margin := strings.Repeat(" ", column+2)
	label := func(name string) string {
		return p.paint(bold, name) + margin[utf8.RuneCountInString(name):]
	}
	if !p.style.Verbose || len(s.Next) > 0 {
		p.line("")
	}
	if s.Proof != nil && !p.style.Verbose {
		var words []string
		for _, v := range s.Proof.Verdicts {
			words = append(words, v.Claim+": "+p.paint(truthColors[v.Truth], v.Word))
		}
		p.line(label(proof) + strings.Join(words, " · "))
		for _, v := range s.Proof.Verdicts {
			if v.Truth != "yes" {
				p.prose("", margin, v.Sentence)
				p.because(margin, v.Because)
			}
		}
	}
	list := s.Next
	if !p.style.Verbose {
		list = append(slices.Clone(list), nextSheet{"keyturn diagnose -v " + s.Instance, p.say(phrase.Say("shows every step and what it returned"))})
	}
	widest := 0
	for _, n := range list {
		widest = max(widest, utf8.RuneCountInString(n.Command))
	}
	for i, n := range list {
		lead := margin
		if i == 0 {
			lead = label(next)
		}
		if len(margin)+widest+2+utf8.RuneCountInString(n.What) > p.width {
			p.line(lead + p.paint(cyan, n.Command))
			p.prose("", margin+"  ", n.What)
			continue
		}
		p.line(lead + p.paint(cyan, fmt.Sprintf("%-*s", widest, n.Command)) + "  " + n.What)
	}
}
