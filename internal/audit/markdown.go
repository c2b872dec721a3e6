package audit

import (
	"fmt"
	"io"
	"strings"

	"github.com/keyturn/keyturn/internal/phrase"
)

// markdownRows is how many sets of a cause a table has.
const markdownRows = 20

// WriteMarkdown writes the report for a pull request or a ticket (CommonMark, with
// the tables of GitHub's form).
func (r *Report) WriteMarkdown(w io.Writer, lang phrase.Language) error {
	m := &markdown{lang: lang}
	m.line("# " + m.say(phrase.Say("Audit of encrypted volumes")))
	m.line("")
	m.line(m.say(r.Summary))
	m.groups(phrase.Say("Trapped: may call EC2, but KMS does not let them"), r.Trapped)
	m.exposures(r.Shouldnt)
	m.groups(phrase.Say("Unknown"), r.Unknown)
	m.unread(r.Unread)
	if _, err := io.WriteString(w, m.String()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

type markdown struct {
	strings.Builder
	lang phrase.Language
}

func (m *markdown) say(t phrase.Text) string { return escaped(t.In(m.lang)) }
func (m *markdown) line(s string)            { m.WriteString(s + "\n") }

// escaped has no character that a table or a paragraph would take for its own.
func escaped(s string) string {
	return strings.NewReplacer("|", `\|`, "<", `\<`, "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "\n", " ").Replace(s)
}

// code is what is to be copied.
func code(s string) string { return "`" + strings.ReplaceAll(s, "`", "'") + "`" }

func (m *markdown) groups(title phrase.Text, list []Group) {
	if len(list) == 0 {
		return
	}
	m.line("\n## " + m.say(title))
	for i := range list {
		g := &list[i]
		m.line("\n### " + m.say(g.Sentence))
		m.line("")
		m.line("| " + m.say(principalsLabel) + " | " + m.say(keysLabel) + " | " + m.say(phrase.Say("targets")) + " | " + m.say(phrase.Say("pairs")) + " |")
		m.line("| --- | --- | --- | ---: |")
		for n := range g.Sets {
			if n == markdownRows {
				m.line("| " + m.say(phrase.Say("… and %s more", number(int64(len(g.Sets)-n)))) + " | | | |")
				break
			}
			s := &g.Sets[n]
			m.line("| " + m.few(len(s.Principals), func(i int) string { return s.Principals[i] }) + " | " +
				m.few(len(s.Keys), func(i int) string { return s.Keys[i].ARN }) + " | " + m.say(s.Targets.words()) + " | " + number(s.Pairs) + " |")
		}
		if g.Statement != nil && g.Statement.Document != "" {
			where := whereIs(g.Statement)
			m.line("\n" + m.say(phrase.Say("The statement is %s.", where)))
		}
		for _, next := range g.Next {
			m.line("\n" + code(next))
		}
		if f := g.Fix; f != nil {
			m.line("\n" + m.say(f.Title))
			if f.Document != "" {
				m.line("\n```json\n" + f.Document + "\n```")
			}
		}
	}
}

// few lists names in a cell.
func (m *markdown) few(n int, name func(i int) string) string {
	const most = 5
	var all []string
	for i := range min(n, most) {
		all = append(all, code(name(i)))
	}
	if n > most {
		all = append(all, m.say(phrase.Say("… and %s more", number(int64(n-most)))))
	}
	return strings.Join(all, "<br>")
}

func (m *markdown) exposures(list []Exposure) {
	if len(list) == 0 {
		return
	}
	m.line("\n## " + m.say(phrase.Say("Should not: allowed, and more than a launch needs")))
	for i := range list {
		x := &list[i]
		m.line("\n### " + m.say(x.Sentence))
		m.line("")
		if len(x.Principals) > 0 {
			m.line("- " + m.say(principalsLabel) + ": " + m.few(len(x.Principals), func(i int) string { return x.Principals[i] }))
		}
		m.line("- " + m.say(keysLabel) + ": " + m.few(len(x.Keys), func(i int) string { return x.Keys[i].ARN }))
		if x.Statement != nil {
			where := whereIs(x.Statement)
			m.line("- " + m.say(phrase.Say("The statement is %s.", where)))
		}
		m.line("- " + m.say(x.Advice))
	}
}

func (m *markdown) unread(list []Unread) {
	if len(list) == 0 {
		return
	}
	m.line("\n## " + m.say(phrase.Say("Could not be read")))
	m.line("")
	for i, u := range list {
		if i == markdownRows {
			m.line("- " + m.say(phrase.Say("… and %s more", number(int64(len(list)-i)))))
			break
		}
		m.line("- " + escaped(u.What) + " (" + code(u.Call) + "): " + escaped(u.Why))
	}
}
