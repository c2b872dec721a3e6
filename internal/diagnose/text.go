package diagnose

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
)

// Style is how the text form looks.
type Style struct {
	// Color uses a terminal's colours.
	Color bool
	// Language is what it is in; empty is English.
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

// in puts a text into the page's language.
func (p *page) in(t phrase.Text) string { return t.In(p.style.Language) }

func (p *page) section(name phrase.Text) { p.line("\n" + p.paint(bold, p.in(name))) }

func (p *page) line(s string) { p.WriteString(s + "\n") }

// say writes a text in a colour, as one line.
func (p *page) say(color, indent string, t phrase.Text) { p.line(indent + p.paint(color, p.in(t))) }

// prose writes text in lines of width, each after indent.
func (p *page) prose(indent string, text phrase.Text) { p.colored("", indent, text) }

// colored is prose in a colour.
func (p *page) colored(color, indent string, text phrase.Text) {
	line := ""
	for word := range strings.FieldsSeq(p.in(text)) {
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
func (p *page) item(label phrase.Text, value string) {
	if value == "" {
		return
	}
	first := fmt.Sprintf("    %-12s ", p.in(label))
	if utf8.RuneCountInString(first+value) <= width || !strings.Contains(value, " ") {
		p.line(first + value)
		return
	}
	p.line(strings.TrimRight(first, " "))
	p.prose("      ", phrase.Plain(value))
}

// step heads one piece of evidence with the call that gave it.
func (p *page) step(number *int, title phrase.Text, source string) {
	*number++
	p.line(fmt.Sprintf("%2d. %s  %s", *number, p.in(title), p.paint(faint, "["+source+"]")))
}

func (r *Report) writeOutcome(p *page) {
	color, word := yellow, phrase.Say("NO CONCLUSION")
	switch r.Outcome {
	case CauseFound:
		color, word = red, phrase.Say("CAUSE FOUND")
	case NothingWrong:
		color, word = green, phrase.Say("NOTHING WRONG")
	}
	p.say(color, "", word)
	p.colored(bold, "", r.Summary)
}

func (r *Report) writeEvidence(p *page) {
	p.section(phrase.Say("EVIDENCE"))
	n := 0
	i := r.Instance
	p.step(&n, phrase.Say("Instance %s is %s", i.ID, i.State), i.Source)
	if i.StateReason.Code != "" {
		p.item(phrase.Say("Code"), i.StateReason.Code)
		p.item(phrase.Say("Message"), i.StateReason.Message)
	}
	p.item(phrase.Say("Transition"), i.TransitionReason)
	for _, v := range r.Volumes {
		title := phrase.Say("The %s is not encrypted", v.name())
		if v.Encrypted {
			title = phrase.Say("The %s is encrypted", v.name())
		}
		p.step(&n, title, v.Source)
		p.item(phrase.Say("Key"), v.Key)
	}
	for _, k := range r.Keys {
		r.writeKey(p, &n, &k)
	}
	if r.Start != nil {
		p.step(&n, phrase.Say("%s was called at %s", r.Start.Name, stamp(r.Start.Time)), r.Start.Source)
		p.item(phrase.Say("By"), r.Start.Principal)
	}
	if r.Denied != nil {
		p.step(&n, phrase.Say("%s was refused at %s", r.Denied.Name, stamp(r.Denied.Time)), r.Denied.Source)
		p.item(phrase.Say("Code"), r.Denied.ErrorCode)
		p.item(phrase.Say("Message"), r.Denied.ErrorMessage)
		p.item(phrase.Say("Invoked by"), r.Denied.InvokedBy)
	}
	if r.Stop != nil {
		p.step(&n, phrase.Say("%s was called at %s", r.Stop.Name, stamp(r.Stop.Time)), r.Stop.Source)
		p.item(phrase.Say("By"), r.Stop.Principal)
	}
	if c := r.Caller; c != nil {
		p.step(&n, phrase.Say("The caller is known from %s", c.Told), c.Source)
		p.item(phrase.Plain(c.Type), c.ARN)
		p.item(phrase.Say("Role"), c.Role)
		p.item(phrase.Say("Boundary"), c.Boundary)
		for _, d := range c.Policies {
			p.step(&n, phrase.Say("The caller has %s", documentWords(d.Name)), d.Source)
		}
	}
	if o := r.Organization; o != nil {
		p.step(&n, phrase.Say("The account is in the organization %s", o.ID), o.Source)
		for _, place := range o.Places {
			for _, d := range place.Policies {
				p.step(&n, phrase.Say("On account %s bears %s", place.Account, d.Name), d.Source)
			}
		}
	}
}

func (r *Report) writeKey(p *page, n *int, k *Key) {
	title := phrase.Say("The key is %s", strings.ToLower(k.State))
	switch {
	case k.Missing:
		title = phrase.Say("The key does not exist")
	case k.State == "":
		title = phrase.Say("The key's state could not be read")
	}
	p.step(n, title, k.Source)
	p.item(phrase.Say("Key"), k.ARN)
	p.item(phrase.Say("Manager"), k.Manager)
	p.item(phrase.Say("Description"), k.Description)
	p.item(phrase.Say("Aliases"), strings.Join(k.Aliases, ", "))
	if k.PolicySource != "" {
		p.item(phrase.Say("Key policy"), p.in(phrase.Say("was read"))+" "+p.paint(faint, "["+k.PolicySource+"]"))
	}
	if k.Deletion != nil {
		p.item(phrase.Say("Deletion"), stamp(*k.Deletion))
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

func (r *Report) writeCause(p *page) {
	if r.Cause == nil {
		return
	}
	p.section(phrase.Say("CAUSE"))
	p.colored(red, "  ", r.Cause.Sentence)
	p.writeReason(r.Cause)
	for i := range r.Further {
		p.line("")
		p.line("  " + p.paint(bold, p.in(phrase.Say("And behind it:"))))
		p.colored(red, "  ", r.Further[i].Sentence)
		p.writeReason(&r.Further[i])
	}
}

// agreementWords say how the evaluation and the event agree.
var agreementWords = map[Agreement]phrase.Text{
	Agrees:         phrase.Say("the event names the same"),
	Silent:         phrase.Say("the event names no policy; found by evaluating all of them"),
	EvaluationOnly: phrase.Say("no event was found; found by evaluating the policies"),
	EventOnly:      phrase.Say("by the words of the event; the policies alone leave it open"),
	Differs:        phrase.Say("the event names another reason: something was changed since"),
}

// writeReason writes what stands behind a cause's sentence.
func (p *page) writeReason(c *Cause) {
	p.item(phrase.Say("Kind"), string(c.Kind))
	p.item(phrase.Say("Layer"), p.in(layerWords(access.Layer(c.Layer))))
	if s := c.Statement; s != nil {
		p.item(phrase.Say("Statement"), p.in(s.place()))
		p.item(phrase.Say("Policy"), s.ARN)
		p.item(phrase.Say("Effect"), s.Effect)
		p.item(phrase.Say("Failed"), p.in(s.Failed))
	}
	p.item(phrase.Say("Checked"), p.in(agreementWords[c.Agreement]))
	if !c.Note.IsZero() {
		p.prose("    ", c.Note)
	}
}

func (r *Report) writeProof(p *page) {
	if r.Proof == nil {
		return
	}
	p.section(phrase.Say("PROOF"))
	switch {
	case r.Proof.Sufficient:
		p.say(green, "  ", phrase.Say("With the fix every request of the start is allowed."))
	case slices.ContainsFunc(r.Proof.Steps, func(c Check) bool { return plainly(c.After) == "denied" || plainly(c.After) == "fails" }):
		p.say(red, "  ", phrase.Say("The fix alone is not enough."))
	default:
		p.say(yellow, "  ", phrase.Say("Whether the fix is enough turns on what could not be read."))
	}
	for _, c := range r.Proof.Steps {
		p.check(c)
	}
	r.writeMinimal(p)
	if len(r.Proof.Others) == 0 {
		return
	}
	switch {
	case r.Proof.NothingElse:
		p.say(green, "  ", phrase.Say("The fix allows nothing else: of all requests that can be made directly, none is new."))
	case slices.ContainsFunc(r.Proof.Others, func(c Check) bool { return plainly(c.After) == "allowed" && c.Before != c.After }):
		p.say(yellow, "  ", phrase.Say("The fix allows more than the start needs."))
	default:
		p.say(yellow, "  ", phrase.Say("Whether it allows anything else turns on what could not be read."))
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
	p.say("", "  ", phrase.Say("All that is new:"))
	for _, o := range r.Proof.Opened {
		who := phrase.Say("to %s:", o.Who)
		if o.Delegated {
			who = phrase.Say("to %s, if their account's policies allow it:", o.Who)
		}
		p.prose("    ", who)
		for _, request := range o.Requests {
			p.prose("      ", phrase.Plain(request))
		}
		if !o.Complete {
			p.say("", "      ", phrase.Say("and more"))
		}
	}
}

// check writes one request of the proof. What the outcomes are called is for
// programs; a person wants to know whether it goes through.
func (p *page) check(c Check) {
	p.line(fmt.Sprintf("    %-8s → %-8s %s", p.in(plainWords(c.Before)), p.in(plainWords(c.After)), p.in(c.What)))
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

// plainWords is plainly, as a text of the catalogue.
func plainWords(outcome string) phrase.Text {
	switch plainly(outcome) {
	case "allowed":
		return phrase.Say("allowed")
	case "denied":
		return phrase.Say("denied")
	case "unknown":
		return phrase.Say("unknown")
	}
	return phrase.Say("fails")
}

func (r *Report) writeUnread(p *page) {
	if len(r.Unread) == 0 {
		return
	}
	p.section(phrase.Say("COULD NOT READ"))
	for _, u := range r.Unread {
		p.prose("  ", phrase.Plain(u.What))
		if u.Denied {
			p.item(phrase.Say("Permission"), u.Call)
		} else {
			p.item(phrase.Say("Call"), u.Call)
		}
		p.prose("    ", phrase.Plain(u.Why))
	}
}
