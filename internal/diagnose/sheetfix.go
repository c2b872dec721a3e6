package diagnose

import (
	"regexp"
	"strings"

	"github.com/keyturn/keyturn/internal/phrase"
)

// fixSheet is a fix to take, ready to paste.
type fixSheet struct {
	Title  string
	Target string
	// Lines are what it changes: of a diff, or else of a document that it adds.
	Lines    []changedLine
	Diff     bool
	Commands []string
	Note     string
}

// changedLine is a line of a change. Sign is + or - where it comes or goes.
type changedLine struct{ Sign, Text string }

// waySheet is another way to repair a cause.
type waySheet struct {
	// Rank is its number, from 2.
	Rank     int
	Title    string
	Targets  []string
	TradeOff string
	Verdict  string
}

func (t teller) fix(f *Fix) fixSheet {
	s := fixSheet{Title: t.say(f.Title), Target: clean(f.Target), Note: t.say(f.Note), Diff: f.Diff != ""}
	switch {
	case s.Diff:
		for l := range strings.SplitSeq(strings.TrimRight(clean(f.Diff), "\n"), "\n") {
			switch {
			case strings.HasPrefix(l, "--- "), strings.HasPrefix(l, "+++ "): // the title names the document
			case strings.HasPrefix(l, "+"), strings.HasPrefix(l, "-"):
				s.Lines = append(s.Lines, changedLine{l[:1], l})
			default:
				s.Lines = append(s.Lines, changedLine{"", l})
			}
		}
	case f.Document != "":
		for l := range strings.SplitSeq(clean(flat(f.Document)), "\n") {
			s.Lines = append(s.Lines, changedLine{"+", l})
		}
	}
	for _, c := range f.Commands {
		s.Commands = append(s.Commands, t.say(commandWords(c)))
	}
	return s
}

// single is a JSON list of one short text.
var single = regexp.MustCompile(`\[\s+("[^"\\\n]{1,80}")\s+\]`)

// flat puts lists of one text in one line: a policy is read sooner so, and means
// the same.
func flat(document string) string { return single.ReplaceAllString(document, "[$1]") }

// ways are the alternatives, the better first.
func (r *Report) ways(t teller) []waySheet {
	var list []waySheet
	cause, rank := -1, 0
	for i := range r.Fixes {
		f := &r.Fixes[i]
		if !f.Alternative {
			continue
		}
		if f.Cause == cause && f.Rank == rank {
			last := &list[len(list)-1]
			last.Targets = append(last.Targets, clean(f.Target))
			continue
		}
		cause, rank = f.Cause, f.Rank
		w := waySheet{Rank: f.Rank, Title: t.say(f.Title), Targets: []string{clean(f.Target)}, TradeOff: t.say(f.TradeOff)}
		if f.Verdict != nil {
			w.Verdict = t.say(f.Verdict.words())
		}
		list = append(list, w)
	}
	return list
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

// minimal says whether something of the fix could be dropped; ok is false where
// nobody asked.
func (t teller) minimal(p *Proof) (v verdict, ok bool) {
	claim := phrase.Say("minimal")
	switch p.Minimal {
	case Minimal:
		v = t.verdict(claim, "yes", phrase.Say("Nothing of the fix can be dropped, and it has room for nothing but what a start asks."))
	case NotMinimal:
		v = t.verdict(claim, "no", phrase.Say("The fix is wider than the start needs:"))
	case MinimalityOpen:
		v = t.verdict(claim, "unknown", phrase.Say("Whether the fix is minimal is not known:"))
	default:
		return v, false
	}
	for _, s := range p.Surplus {
		v.Because = append(v.Because, t.say(s))
	}
	return v, true
}
