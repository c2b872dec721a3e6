package audit

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/keyturn/keyturn/internal/phrase"
)

// Style is how the text form looks.
type Style struct {
	// Color uses a terminal's colours.
	Color bool
	// Width is the length that lines keep to, 0 for 96. Commands stay whole: they
	// are there to be copied.
	Width    int
	Language phrase.Language
}

// The colours, by what they mark (ECMA-48, "Select Graphic Rendition").
const (
	bold   = "1"
	red    = "1;31"
	green  = "1;32"
	yellow = "1;33"
	faint  = "2"
)

// What a screen has room for.
const (
	shownGroups   = 5
	shownSets     = 2
	shownNames    = 3
	shownUnread   = 4
	shownExposed  = 4
	defaultWidth  = 96
	labelWidth    = 12
	shownUnknowns = 3
)

// page writes the text form.
type page struct {
	strings.Builder
	style Style
}

// WriteText writes the report for a person, on one screen: how many, then the
// causes with most pairs, each with the fewest principals and keys that say it.
func (r *Report) WriteText(w io.Writer, style Style) error {
	if style.Width == 0 {
		style.Width = defaultWidth
	}
	p := &page{style: style}
	r.writeHead(p)
	p.groups(phrase.Say("TRAPPED"), phrase.Say("may call EC2, but KMS does not let them"), red, r.Trapped, shownGroups)
	p.exposures(r.Shouldnt)
	p.groups(phrase.Say("UNKNOWN"), phrase.Say("it turns on what could not be known"), yellow, r.Unknown, shownUnknowns)
	p.unread(r.Unread)
	if _, err := io.WriteString(w, p.String()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func (r *Report) writeHead(p *page) {
	t := &r.Totals
	head := phrase.Say("%s × %s over %s", principalsWords(t.Callers), t.Targets.words(), keysWords(t.Keys))
	p.prose("", p.paint(bold, p.say(head)))
	count := func(color string, n int64, words phrase.Text) string {
		if n == 0 {
			color = faint
		}
		return p.paint(color, number(n)+" "+p.say(words))
	}
	p.line(strings.Join([]string{
		count(green, t.Can, phrase.Say("can")), count(red, t.Trapped, phrase.Say("trapped")),
		count(red, t.Shouldnt, phrase.Say("should not")), count(yellow, t.Unknown, phrase.Say("unknown")),
	}, " · "))
	if t.Trapped+t.Shouldnt+t.Unknown == 0 {
		p.line("")
		p.prose("", p.say(phrase.Say("Whoever may call EC2 can use what it is about, and nobody can do what they should not.")))
	}
}

// say is a text in the reader's language.
func (p *page) say(t phrase.Text) string { return t.In(p.style.Language) }

func (p *page) paint(color, s string) string {
	if !p.style.Color || s == "" || color == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

func (p *page) line(s string) { p.WriteString(strings.TrimRight(s, " ") + "\n") }

// prose writes text in lines of the width, each after indent.
func (p *page) prose(indent, text string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && visible(indent+line+word)+1 > p.style.Width {
			p.line(indent + line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		p.line(indent + line)
	}
}

// visible is how many columns a text takes: colours take none.
func visible(s string) int {
	n := utf8.RuneCountInString(s)
	for {
		_, rest, found := strings.Cut(s, "\x1b[")
		if !found {
			return n
		}
		code, after, _ := strings.Cut(rest, "m")
		n -= len("\x1b[") + len(code) + len("m")
		s = after
	}
}

func (p *page) section(name, what phrase.Text, color string) {
	p.line("")
	p.line(p.paint(color, p.say(name)) + "  " + p.paint(faint, p.say(what)))
}

// item writes a labelled fact.
func (p *page) item(label phrase.Text, value string) {
	words := p.say(label)
	pad := max(1, labelWidth-utf8.RuneCountInString(words))
	p.line("    " + p.paint(faint, words) + strings.Repeat(" ", pad) + value)
}

// words writes a labelled text, wrapped.
func (p *page) words(label, value phrase.Text) {
	rest := p.say(value)
	for first := true; rest != ""; first = false {
		line, more := p.wrap(rest, labelWidth+4)
		if first {
			p.item(label, line)
		} else {
			p.line(strings.Repeat(" ", labelWidth+4) + line)
		}
		rest = more
	}
}

// wrap takes as many words as fit behind the indent.
func (p *page) wrap(s string, indent int) (line, rest string) {
	for s != "" {
		word, more, _ := strings.Cut(s, " ")
		if line != "" && indent+utf8.RuneCountInString(line+" "+word) > p.style.Width {
			return line, s
		}
		if line != "" {
			line += " "
		}
		line, s = line+word, more
	}
	return line, ""
}

// groups writes causes.
func (p *page) groups(name, what phrase.Text, color string, list []Group, most int) {
	if len(list) == 0 {
		return
	}
	p.section(name, what, color)
	for i := range list {
		if i == most {
			p.more(phrase.Say("other causes: %s", number(int64(len(list)-most))), sumPairs(list[most:]))
			return
		}
		p.group(&list[i])
	}
}

func sumPairs(list []Group) (n int64) {
	for i := range list {
		n += list[i].Pairs
	}
	return n
}

func (p *page) more(what phrase.Text, pairs int64) {
	p.prose("  ", p.paint(faint, p.say(phrase.Say("… and %s, pairs: %s. -o json has them all.", what, number(pairs)))))
}

func (p *page) group(g *Group) {
	p.prose("  ", p.paint(bold, p.say(g.Sentence)))
	for i := range g.Sets {
		if i == shownSets {
			var pairs int64
			for _, s := range g.Sets[i:] {
				pairs += s.Pairs
			}
			p.line("    " + p.paint(faint, p.say(phrase.Say("… and others with %s pairs", number(pairs)))))
			break
		}
		p.set(&g.Sets[i])
	}
	if s := g.Statement; s != nil && s.Document != "" {
		where := p.say(whereIs(s))
		if !s.Failed.IsZero() {
			where += ": " + p.say(s.Failed)
		}
		p.item(phrase.Say("statement"), p.cut(where, labelWidth+4))
	}
	e := &g.Example
	switch {
	case len(g.Next) > 0:
		p.item(phrase.Say("next"), g.Next[0])
	case e.Target != "":
		p.item(phrase.Say("example"), p.say(phrase.Say("%s, %s of %s", short(e.Principal), string(e.Operation), e.Target)))
	}
	if f := g.Fix; f != nil {
		p.words(phrase.Say("fix"), f.Title)
	}
}

// set writes principals × keys.
func (p *page) set(s *Set) {
	who := names(len(s.Principals), func(i int) string { return short(s.Principals[i]) })
	keys := names(len(s.Keys), func(i int) string { return s.Keys[i].short() })
	p.item(principalsLabel, p.cut(p.counted(len(s.Principals), who), labelWidth+4))
	p.item(keysLabel, p.cut(p.counted(len(s.Keys), keys), labelWidth+4))
	p.words(phrase.Say("targets"), s.Targets.words())
}

var (
	principalsLabel = phrase.Say("who")
	keysLabel       = phrase.Say("keys")
)

// counted puts a number before names where there are more of them than are shown.
func (p *page) counted(n int, shown string) string {
	if n <= shownNames {
		return shown
	}
	return number(int64(n)) + ": " + shown + ", …"
}

// cut shortens what is not there to be copied to the width.
func (p *page) cut(s string, indent int) string {
	room := p.style.Width - indent
	if utf8.RuneCountInString(s) <= room {
		return s
	}
	return string([]rune(s)[:room-1]) + "…"
}

func names(n int, name func(i int) string) string {
	all := make([]string, 0, shownNames)
	for i := range min(n, shownNames) {
		all = append(all, name(i))
	}
	return strings.Join(all, ", ")
}

// short is a principal's kind and name; another account's has its id.
func short(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return arn
	}
	kind, _, _ := strings.Cut(parts[5], "/")
	return kind + "/" + lastPart(arn)
}

// short is a key's alias, or its id.
func (k KeyRef) short() string {
	if k.Alias != "" {
		return k.Alias
	}
	return lastPart(k.ARN)
}

func (p *page) exposures(list []Exposure) {
	if len(list) == 0 {
		return
	}
	p.section(phrase.Say("SHOULD NOT"), phrase.Say("allowed, and more than a launch needs"), red)
	for i := range list {
		if i == shownExposed {
			var n int64
			for _, x := range list[i:] {
				n += x.Count
			}
			p.more(phrase.Say("other statements: %s", number(int64(len(list)-i))), n)
			return
		}
		x := &list[i]
		same := i > 0 && list[i-1].Sentence.Equal(x.Sentence)
		if !same {
			p.prose("  ", p.paint(bold, p.say(x.Sentence)))
		}
		if len(x.Principals) > 0 {
			p.item(principalsLabel, p.cut(p.counted(len(x.Principals), names(len(x.Principals), func(i int) string { return short(x.Principals[i]) })), labelWidth+4))
		}
		p.item(keysLabel, p.cut(p.counted(len(x.Keys), names(len(x.Keys), func(i int) string { return x.Keys[i].short() })), labelWidth+4))
		if x.Statement != nil {
			p.item(phrase.Say("statement"), p.cut(p.say(whereIs(x.Statement)), labelWidth+4))
		}
		if last := i+1 == len(list) || i+1 == shownExposed || !list[i+1].Sentence.Equal(x.Sentence); last {
			p.words(phrase.Say("fix"), x.Advice)
		}
	}
}

func (p *page) unread(list []Unread) {
	if len(list) == 0 {
		return
	}
	p.section(phrase.Say("COULD NOT READ"), phrase.Say("what is said may be wrong by it"), yellow)
	calls := map[string]int{}
	var order []string
	for _, u := range list {
		key := u.Call + "\x00" + u.Why
		if calls[key] == 0 {
			order = append(order, key)
		}
		calls[key]++
	}
	for i, key := range order {
		if i == shownUnread {
			p.line("  " + p.paint(faint, p.say(phrase.Say("… and %s more", number(int64(len(order)-i))))))
			return
		}
		call, why, _ := strings.Cut(key, "\x00")
		at := slices.IndexFunc(list, func(u Unread) bool { return u.Call == call && u.Why == why })
		what := list[at].What
		if n := calls[key]; n > 1 {
			what = p.say(phrase.Say("%s, and %s more of the kind", what, number(int64(n-1))))
		}
		p.line("  " + p.cut(what, 2))
		p.prose("    ", call+": "+why)
	}
}
