package diagnose

import (
	"strings"

	"github.com/keyturn/keyturn/internal/phrase"
)

func (r *Report) writeFixes(p *page) {
	if len(r.Fixes) == 0 {
		return
	}
	p.section(phrase.Say("FIX"))
	for i, f := range r.chosen() {
		if i > 0 {
			p.line("")
		}
		p.fix(&f)
	}
	r.writeAlternatives(p)
}

// fix writes a fix that is to be taken: what it changes as a diff, or what it adds
// as a document, then the commands.
func (p *page) fix(f *Fix) {
	p.colored(bold, "  ", phrase.Say("%s:", f.Title))
	p.item(phrase.Say("Target"), f.Target)
	switch {
	case f.Diff != "":
		p.line("")
		p.diff(f.Diff)
	case f.Document != "":
		p.line("")
		for l := range strings.SplitSeq(f.Document, "\n") {
			p.line("    " + p.paint(green, l))
		}
	}
	p.line("")
	for _, c := range f.Commands {
		p.command(c)
	}
	if !f.Note.IsZero() {
		p.line("")
		p.prose("    ", f.Note)
	}
}

// diff writes a unified diff, without the lines that name the document: the title
// does.
func (p *page) diff(text string) {
	for l := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(l, "--- "), strings.HasPrefix(l, "+++ "):
		case strings.HasPrefix(l, "+"):
			p.line("    " + p.paint(green, l))
		case strings.HasPrefix(l, "-"):
			p.line("    " + p.paint(red, l))
		default:
			p.line("    " + p.paint(faint, l))
		}
	}
}

// writeAlternatives lists the other ways, the better first, each with what speaks
// for it and against it.
func (r *Report) writeAlternatives(p *page) {
	cause, rank := -1, 0
	for i := range r.Fixes {
		f := &r.Fixes[i]
		if !f.Alternative {
			continue
		}
		if cause < 0 {
			p.line("")
			p.say(bold, "  ", phrase.Say("Or instead:"))
		}
		if f.Cause == cause && f.Rank == rank {
			p.prose("       ", phrase.Plain(f.Target))
			continue
		}
		cause, rank = f.Cause, f.Rank
		p.prose("    ", phrase.Say("%d. %s", f.Rank, f.Title))
		p.prose("       ", phrase.Plain(f.Target))
		if !f.TradeOff.IsZero() {
			p.prose("       ", f.TradeOff)
		}
		if f.Verdict != nil {
			p.prose("       ", f.Verdict.words())
		}
	}
	if cause == 0 {
		p.line("")
		p.prose("    ", phrase.Say("keyturn fix %s --choice 2 -o cli prints the second, and so on.", r.Instance.ID))
	}
}

// words are what is proved of an alternative.
func (v *Verdict) words() phrase.Text {
	switch {
	case !v.Sufficient:
		return phrase.Say("It is not proved to be enough.")
	case v.Minimal == Minimal && v.NothingElse:
		return phrase.Say("Proved to be enough, minimal, and to open nothing else.")
	case v.Minimal == Minimal:
		return phrase.Say("Proved to be enough; it opens the key to direct requests, too.")
	case v.Minimal == NotMinimal:
		return phrase.Say("Proved to be enough; it is more than the start needs.")
	}
	return phrase.Say("Proved to be enough; whether it is minimal turns on what could not be read.")
}

// writeMinimal says whether something of the fix could be dropped.
func (r *Report) writeMinimal(p *page) {
	switch r.Proof.Minimal {
	case Minimal:
		p.say(green, "  ", phrase.Say("Nothing of the fix can be dropped, and it has room for nothing but what a start asks."))
	case NotMinimal:
		p.say(yellow, "  ", phrase.Say("The fix is wider than the start needs:"))
	case MinimalityOpen:
		p.say(yellow, "  ", phrase.Say("Whether the fix is minimal is not known:"))
	}
	for _, s := range r.Proof.Surplus {
		p.prose("    ", s)
	}
}
