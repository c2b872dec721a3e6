package diagnose

import (
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"

	"github.com/keyturn/keyturn/internal/phrase"
)

// ticket writes the Markdown form: CommonMark with GitHub's tables, and HTML only
// for what is folded away.
type ticket struct{ strings.Builder }

// WriteMarkdown writes the report for a ticket: the short form, and the evidence
// folded away below it. Names, tags, descriptions and statement ids of the
// account are text there, whatever they look like.
func (r *Report) WriteMarkdown(w io.Writer, l phrase.Language) error {
	s := r.sheet(l)
	t := &ticket{}
	t.line("## ", prose(s.Word))
	t.line("")
	t.line("**", prose(s.Summary), "**")
	t.line("")
	t.facts(s.Facts)
	t.causes(s)
	t.fixes(s)
	t.proof(s)
	t.unread(s)
	t.tables(s)
	t.steps(s)
	if _, err := io.WriteString(w, harmless(t.String(), false)); err != nil {
		return phrase.NewError(phrase.Say("writing the report: %v", err), err)
	}
	return nil
}

func (t *ticket) line(parts ...string) {
	for _, s := range parts {
		t.WriteString(s)
	}
	t.WriteByte('\n')
}

func (t *ticket) section(head string) { t.line("\n### ", prose(head), "\n") }

// special is what CommonMark and GitHub give a meaning to: a backslash takes it
// away, and a word joiner (U+2060) that of an address or of a name that is called.
var special = regexp.MustCompile("[\\\\`*_\\[\\]<>#|~&$]|^[-+=0-9]+[.)]?|:/|www\\.|@")

const joiner = "\u2060"

// prose is words as text of one line.
func prose(words string) string {
	words = strings.Join(strings.Fields(words), " ")
	return special.ReplaceAllStringFunc(words, func(s string) string {
		switch s {
		case "@", ":/", "www.":
			return s[:len(s)-1] + joiner + s[len(s)-1:]
		}
		if last := s[len(s)-1]; last == '.' || last == ')' && len(s) > 1 {
			return s[:len(s)-1] + `\` + s[len(s)-1:] // no list
		}
		if s[0] >= '0' && s[0] <= '9' {
			return s
		}
		return `\` + s
	})
}

// code is a name as a code span; nothing where there is none.
func code(name string) string {
	name = strings.Join(strings.Fields(name), " ")
	if name == "" {
		return ""
	}
	fence := strings.Repeat("`", longestRun(name)+1)
	if strings.HasPrefix(name, "`") || strings.HasSuffix(name, "`") {
		name = " " + name + " "
	}
	return fence + name + fence
}

// cell is a name as a code span in a table, where a bar would end the cell
// (GitHub's tables: also within code).
func cell(name string) string { return strings.ReplaceAll(code(name), "|", `\|`) }

// longestRun is the length of the longest run of backticks, 0 for none.
func longestRun(s string) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// block writes lines as a fenced code block.
func (t *ticket) block(language string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fence := "```"
	for _, l := range lines {
		for longestRun(l) >= len(fence) {
			fence += "`"
		}
	}
	t.line(fence, language)
	for _, l := range lines {
		t.line(l)
	}
	t.line(fence)
}

// folded writes what is shown on demand.
func (t *ticket) folded(summary string, inside func()) {
	t.line("<details><summary>", html.EscapeString(strings.Join(strings.Fields(summary), " ")), "</summary>\n")
	inside()
	t.line("\n</details>\n")
}

func (t *ticket) facts(list []fact) {
	for _, f := range list {
		value := prose(f.Value)
		if f.Code {
			value = code(f.Value)
		}
		t.line("- **", prose(f.Label), "**: ", value)
	}
}

func (t *ticket) causes(s *sheet) {
	for i, c := range s.Causes {
		facts := append(filledFacts(fact{Label: s.Heads.Layer, Value: c.Layer}), c.Facts...)
		facts = append(facts, filledFacts(fact{Label: s.Heads.Checked, Value: c.Checked})...)
		if i == 0 {
			t.section(s.Heads.Cause)
		} else {
			t.line("\n**", prose(s.Heads.Behind), "**: ", prose(c.Sentence), "\n")
		}
		t.facts(facts)
		if len(c.Lines) > 0 {
			t.line("")
			t.block("", quotation(c.Lines))
		}
		if c.Note != "" {
			t.line("\n", prose(c.Note))
		}
	}
}

// quotation is a statement as lines of text, what the cause is about marked.
func quotation(lines []quotedLine) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		number, mark := "", " "
		if l.Number > 0 {
			number = fmt.Sprintf("%3d ", l.Number)
		}
		if l.Marked {
			mark = ">"
		}
		out[i] = mark + " " + number + l.Text
	}
	return out
}

func (t *ticket) fixes(s *sheet) {
	if len(s.Fixes) == 0 {
		return
	}
	t.section(s.Heads.Fix)
	for _, f := range s.Fixes {
		t.line("**", prose(f.Title), "** (", code(f.Target), ")\n")
		language := "json"
		if f.Diff {
			language = "diff"
		}
		var lines []string
		for _, l := range f.Lines {
			lines = append(lines, l.Text)
		}
		t.block(language, lines)
		t.line("")
		t.block("sh", f.Commands)
		if f.Note != "" {
			t.line("\n", prose(f.Note))
		}
		t.line("")
	}
	if len(s.Ways) == 0 {
		return
	}
	t.line(prose(s.Heads.Instead), ":\n")
	for _, w := range s.Ways {
		t.line(fmt.Sprintf("- **%d. ", w.Rank), prose(w.Title), "** (", codes(w.Targets), ")")
		for _, words := range []string{w.TradeOff, w.Verdict} {
			if words != "" {
				t.line("  ", prose(words))
			}
		}
	}
}

func codes(names []string) string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = code(n)
	}
	return strings.Join(all, ", ")
}

func (t *ticket) proof(s *sheet) {
	p := s.Proof
	if p == nil {
		return
	}
	t.section(s.Heads.Proof)
	for _, v := range p.Verdicts {
		t.line("- **", prose(v.Claim), ": ", prose(v.Word), "**. ", prose(v.Sentence))
		for _, b := range v.Because {
			t.line("  - ", prose(b))
		}
	}
	t.line("")
	t.folded(s.Heads.Requests, func() {
		t.line("| ", prose(s.Heads.Requests), " | ", prose(s.Heads.Before), " | ", prose(s.Heads.After), " |\n| --- | --- | --- |")
		for _, c := range p.Checks() {
			t.line("| ", prose(c.What), " | ", prose(c.Before), " | ", prose(c.After), " |")
		}
	})
	if len(p.Opened) == 0 {
		return
	}
	t.folded(s.Heads.AllNew, func() {
		for _, o := range p.Opened {
			t.line("- ", prose(o.Who))
			for _, r := range o.Requests {
				t.line("  - ", prose(r))
			}
		}
	})
}

func (t *ticket) unread(s *sheet) {
	if len(s.Unread) == 0 {
		return
	}
	t.section(s.Heads.Unread)
	for _, u := range s.Unread {
		t.line("- ", prose(u.What), " (", code(u.Call), "): ", prose(u.Why))
	}
	if len(s.Missing) > 0 {
		t.line("\n", prose(s.Heads.Missing), ":\n")
		t.block("json", s.Missing)
	}
}

func (t *ticket) tables(s *sheet) {
	if len(s.Volumes) > 0 {
		t.section(s.Heads.Volumes)
		t.line("| ", prose(s.Heads.Volume), " | ", prose(s.Heads.Device), " | ", prose(s.Heads.Encrypted), " | ", prose(s.Heads.Key), " |\n| --- | --- | --- | --- |")
		for _, v := range s.Volumes {
			t.line("| ", cell(v.ID), " | ", cell(v.Device), " | ", prose(v.Encrypted), " | ", cell(v.Key), " |")
		}
	}
	if len(s.Keys) > 0 {
		t.section(s.Heads.Keys)
		t.line("| ", prose(s.Heads.Key), " | Alias | ", prose(s.Heads.State), " | ", prose(s.Heads.Type), " |\n| --- | --- | --- | --- |")
		for _, k := range s.Keys {
			t.line("| ", cell(k.ARN), " | ", cell(k.Alias), " | ", prose(k.State), " | ", cell(k.Manager), " |")
		}
	}
}

func (t *ticket) steps(s *sheet) {
	t.section(s.Heads.Steps)
	for _, step := range s.Steps {
		t.folded(fmt.Sprintf("%d. %s", step.Number, step.Title), func() {
			t.line(prose(s.Heads.Call), ": ", code(step.Call), "\n")
			t.facts(step.Returned)
			for _, d := range step.Documents {
				t.line("\n", prose(d.Name), ":\n")
				t.block("json", quotedTexts(d.Lines))
			}
			if step.Means != "" {
				t.line("\n", prose(step.Means))
			}
		})
	}
}

// quotedTexts are a document's lines alone.
func quotedTexts(lines []quotedLine) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = l.Text
	}
	return out
}
