package diagnose

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/keyturn/keyturn/access"
)

// Style is how the text form looks.
type Style struct {
	// Color uses a terminal's colours.
	Color bool
}

// The colours, by what they mark (ECMA-48, "Select Graphic Rendition").
const (
	bold   = "1"
	red    = "1;31"
	green  = "1;32"
	yellow = "1;33"
	faint  = "2"
)

// width is the length that lines of prose keep to. Commands and ARNs stay whole:
// they are there to be copied.
const width = 96

// page writes the text form.
type page struct {
	strings.Builder
	style Style
}

// WriteText writes the report for a person: what is wrong and how to repair it
// first, then the evidence and the proof.
func (r *Report) WriteText(w io.Writer, style Style) error {
	p := &page{style: style}
	r.writeOutcome(p)
	r.writeEvidence(p)
	r.writeCause(p)
	r.writeFixes(p)
	r.writeProof(p)
	r.writeUnread(p)
	if _, err := io.WriteString(w, p.String()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func (p *page) paint(color, s string) string {
	if !p.style.Color || s == "" || color == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

func (p *page) section(name string) { p.line("\n" + p.paint(bold, name)) }

func (p *page) line(s string) { p.WriteString(s + "\n") }

// prose writes text in lines of width, each after indent.
func (p *page) prose(indent, text string) { p.colored("", indent, text) }

// colored is prose in a colour.
func (p *page) colored(color, indent, text string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(indent+line+word)+1 > width {
			p.line(indent + p.paint(color, line))
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		p.line(indent + p.paint(color, line))
	}
}

// command writes a command line, broken before its options where it is long.
func (p *page) command(c string) {
	if len(c)+4 <= width {
		p.line("    " + c)
		return
	}
	line, quoted := "", false
	for word := range strings.SplitSeq(c, " ") {
		if !quoted && line != "" && strings.HasPrefix(word, "--") {
			p.line("    " + line + " \\")
			line = "    " + word
		} else if line != "" {
			line += " " + word
		} else {
			line = word
		}
		quoted = quoted != (strings.Count(word, "'")%2 == 1)
	}
	p.line("    " + line)
}

// item writes a labelled fact.
func (p *page) item(label, value string) {
	if value == "" {
		return
	}
	first := fmt.Sprintf("    %-12s ", label)
	if utf8.RuneCountInString(first+value) <= width || !strings.Contains(value, " ") {
		p.line(first + value)
		return
	}
	p.line(strings.TrimRight(first, " "))
	p.prose("      ", value)
}

// step heads one piece of evidence with the call that gave it.
func (p *page) step(number *int, title, source string) {
	*number++
	p.line(fmt.Sprintf("%2d. %s  %s", *number, title, p.paint(faint, "["+source+"]")))
}

func (r *Report) writeOutcome(p *page) {
	color, word := yellow, "NO CONCLUSION"
	switch r.Outcome {
	case CauseFound:
		color, word = red, "CAUSE FOUND"
	case NothingWrong:
		color, word = green, "NOTHING WRONG"
	}
	p.line(p.paint(color, word))
	p.colored(bold, "", r.Summary)
}

func (r *Report) writeEvidence(p *page) {
	p.section("EVIDENCE")
	n := 0
	i := r.Instance
	p.step(&n, "Instance "+i.ID+" is "+i.State, i.Source)
	if i.StateReason.Code != "" {
		p.item("Code", i.StateReason.Code)
		p.item("Message", i.StateReason.Message)
	}
	p.item("Transition", i.TransitionReason)
	for _, v := range r.Volumes {
		title := "The " + v.name() + " is not encrypted"
		if v.Encrypted {
			title = "The " + v.name() + " is encrypted"
		}
		p.step(&n, title, v.Source)
		p.item("Key", v.Key)
	}
	for _, k := range r.Keys {
		r.writeKey(p, &n, &k)
	}
	if r.Start != nil {
		p.step(&n, r.Start.Name+" was called at "+stamp(r.Start.Time), r.Start.Source)
		p.item("By", r.Start.Principal)
	}
	if r.Denied != nil {
		p.step(&n, r.Denied.Name+" was refused at "+stamp(r.Denied.Time), r.Denied.Source)
		p.item("Code", r.Denied.ErrorCode)
		p.item("Message", r.Denied.ErrorMessage)
		p.item("Invoked by", r.Denied.InvokedBy)
	}
	if r.Stop != nil {
		p.step(&n, r.Stop.Name+" was called at "+stamp(r.Stop.Time), r.Stop.Source)
		p.item("By", r.Stop.Principal)
	}
	if c := r.Caller; c != nil {
		p.step(&n, "The caller is known from "+c.Told, c.Source)
		p.item(c.Type, c.ARN)
		p.item("Role", c.Role)
		p.item("Boundary", c.Boundary)
		for _, d := range c.Policies {
			p.step(&n, "The caller has "+d.Name, d.Source)
		}
	}
	if o := r.Organization; o != nil {
		p.step(&n, "The account is in the organization "+o.ID, o.Source)
		for _, place := range o.Places {
			for _, d := range place.Policies {
				p.step(&n, "On account "+place.Account+" bears "+d.Name, d.Source)
			}
		}
	}
}

func (r *Report) writeKey(p *page, n *int, k *Key) {
	title := "The key is " + strings.ToLower(k.State)
	switch {
	case k.Missing:
		title = "The key does not exist"
	case k.State == "":
		title = "The key's state could not be read"
	}
	p.step(n, title, k.Source)
	p.item("Key", k.ARN)
	p.item("Manager", k.Manager)
	p.item("Description", k.Description)
	p.item("Aliases", strings.Join(k.Aliases, ", "))
	if k.PolicySource != "" {
		p.item("Key policy", "was read "+p.paint(faint, "["+k.PolicySource+"]"))
	}
	if k.Deletion != nil {
		p.item("Deletion", stamp(*k.Deletion))
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

func (r *Report) writeCause(p *page) {
	if r.Cause == nil {
		return
	}
	p.section("CAUSE")
	p.colored(red, "  ", r.Cause.Sentence)
	p.writeReason(r.Cause)
	for i := range r.Further {
		p.line("")
		p.line("  " + p.paint(bold, "And behind it:"))
		p.colored(red, "  ", r.Further[i].Sentence)
		p.writeReason(&r.Further[i])
	}
}

// agreementWords say how the evaluation and the event agree.
var agreementWords = map[Agreement]string{
	Agrees:         "the event names the same",
	Silent:         "the event names no policy; found by evaluating all of them",
	EvaluationOnly: "no event was found; found by evaluating the policies",
	EventOnly:      "by the words of the event; the policies alone leave it open",
	Differs:        "the event names another reason: something was changed since",
}

// writeReason writes what stands behind a cause's sentence.
func (p *page) writeReason(c *Cause) {
	p.item("Kind", string(c.Kind))
	p.item("Layer", c.Layer)
	if s := c.Statement; s != nil {
		p.item("Statement", s.place())
		p.item("Policy", s.ARN)
		p.item("Effect", s.Effect)
		p.item("Failed", s.Failed)
	}
	p.item("Checked", agreementWords[c.Agreement])
	if c.Note != "" {
		p.prose("    ", c.Note)
	}
}

func (r *Report) writeFixes(p *page) {
	if len(r.Fixes) == 0 {
		return
	}
	p.section("FIX")
	for i := range r.Fixes {
		f := &r.Fixes[i]
		if i > 0 {
			p.line("")
		}
		title := f.Title + ":"
		if f.Alternative {
			title = "Or instead: " + f.Title + ":"
		}
		p.colored(bold, "  ", title)
		p.item("Target", f.Target)
		if f.Document != "" {
			p.line("")
			for l := range strings.SplitSeq(f.Document, "\n") {
				p.line("    " + p.paint(green, l))
			}
		}
		p.line("")
		for _, c := range f.Commands {
			p.command(c)
		}
		if f.Note != "" {
			p.line("")
			p.prose("    ", f.Note)
		}
	}
}

func (r *Report) writeProof(p *page) {
	if r.Proof == nil {
		return
	}
	p.section("PROOF")
	switch {
	case r.Proof.Sufficient:
		p.line("  " + p.paint(green, "With the fix every request of the start is allowed."))
	case slices.ContainsFunc(r.Proof.Steps, func(c Check) bool { return plainly(c.After) == "denied" || plainly(c.After) == "fails" }):
		p.line("  " + p.paint(red, "The fix alone is not enough."))
	default:
		p.line("  " + p.paint(yellow, "Whether the fix is enough turns on what could not be read."))
	}
	for _, c := range r.Proof.Steps {
		p.check(c)
	}
	if len(r.Proof.Others) == 0 {
		return
	}
	switch {
	case r.Proof.NothingElse:
		p.line("  " + p.paint(green, "The fix allows nothing else: of all requests that can be made directly, none is new."))
	case slices.ContainsFunc(r.Proof.Others, func(c Check) bool { return plainly(c.After) == "allowed" && c.Before != c.After }):
		p.line("  " + p.paint(yellow, "The fix allows more than the start needs."))
	default:
		p.line("  " + p.paint(yellow, "Whether it allows anything else turns on what could not be read."))
	}
	for _, c := range r.Proof.Others {
		p.check(c)
	}
	r.writeOpened(p)
}

// writeOpened tells exactly what the fix lets through.
func (r *Report) writeOpened(p *page) {
	if len(r.Proof.Opened) == 0 {
		return
	}
	p.line("  All that is new:")
	for _, o := range r.Proof.Opened {
		who := "to " + o.Who
		if o.Delegated {
			who += ", if their account's policies allow it"
		}
		p.prose("    ", who+":")
		for _, request := range o.Requests {
			p.prose("      ", request)
		}
		if !o.Complete {
			p.line("      and more")
		}
	}
}

// check writes one request of the proof. What the outcomes are called is for
// programs; a person wants to know whether it goes through.
func (p *page) check(c Check) {
	p.line(fmt.Sprintf("    %-8s → %-8s %s", plainly(c.Before), plainly(c.After), c.What))
}

// plainly words an outcome.
func plainly(outcome string) string {
	switch access.Outcome(outcome) {
	case access.Allowed:
		return "allowed"
	case access.ImplicitDeny, access.ExplicitDeny:
		return "denied"
	case access.Depends:
		return "unknown"
	}
	return "fails"
}

func (r *Report) writeUnread(p *page) {
	if len(r.Unread) == 0 {
		return
	}
	p.section("COULD NOT READ")
	for _, u := range r.Unread {
		p.prose("  ", u.What)
		if u.Denied {
			p.item("Permission", u.Call)
		} else {
			p.item("Call", u.Call)
		}
		p.prose("    ", u.Why)
	}
}
