package simulate

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/policy"
)

// Style is how the text form looks.
type Style struct {
	// Color uses a terminal's colours.
	Color bool
	// Verbose explains every decision, also of several, and what is as it should be.
	Verbose bool
	// Brief explains nothing.
	Brief bool
}

// makers are who makes a launch's requests.
var makers = map[launch.By]string{launch.ByCaller: "caller", launch.ByInfrastructure: "infrastructure", launch.ByService: "service"}

// page writes the text form.
type page struct {
	strings.Builder
	style Style
	many  bool // several principals
}

// WriteText writes the report for a person: first what it comes to, each request
// with what decided it, then explanations.
func (r *Report) WriteText(w io.Writer, style Style) error {
	p := &page{style: style}
	callers := r.callers()
	p.many = len(callers) > 1
	if len(r.Results) > 1 {
		fmt.Fprintf(p, "%s\n", r.tally())
		if len(callers) == 1 {
			fmt.Fprintf(p, "by %s\n", callers[0])
		}
		p.WriteByte('\n')
	}
	for i := range r.Results {
		p.summary(&r.Results[i], len(r.Results) > 1)
	}
	if len(r.Results) > 1 && !style.Verbose && !style.Brief && r.ExitCode() != ExitAllowed {
		p.WriteString("\n-v explains every decision\n")
	}
	for i := range r.Results {
		p.explain(&r.Results[i], len(r.Results) > 1)
	}
	p.unread(r)
	if _, err := io.WriteString(w, p.String()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// callers are those who ask, each once; EC2 asks in a launch for one of them.
func (r *Report) callers() (all []string) {
	for i := range r.Results {
		one := &r.Results[i]
		who := name(&one.Decision.Request.Principal)
		if (one.Step == nil || one.Step.By == launch.ByCaller) && !slices.Contains(all, who) {
			all = append(all, who)
		}
	}
	return all
}

// tally counts outcomes: "6 requests: 4 allowed, 1 denied, 1 depends".
func (r *Report) tally() string {
	var allowed, denied, depends, wrong int
	for i := range r.Results {
		switch r.Results[i].Decision.Outcome {
		case access.Allowed:
			allowed++
		case access.Depends:
			depends++
		default:
			denied++
		}
		if !r.Results[i].Expected() {
			wrong++
		}
	}
	var parts []string
	for _, c := range []struct {
		n    int
		word string
	}{{allowed, "allowed"}, {denied, "denied"}, {depends, "depends"}, {wrong, "not as expected"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.word))
		}
	}
	return fmt.Sprintf("%d requests: %s", len(r.Results), strings.Join(parts, ", "))
}

// summary is a request in short: what it comes to, and why.
func (p *page) summary(r *Result, several bool) {
	d := &r.Decision
	fmt.Fprintf(p, "%s %s on %s", p.word(d.Outcome), d.Request.Action, d.Request.Resource)
	if r.Name != "" {
		fmt.Fprintf(p, " (%s)", r.Name)
	}
	p.WriteByte('\n')
	line := func(format string, args ...any) { fmt.Fprintf(p, "%10s"+format+"\n", append([]any{""}, args...)...) }
	if p.many || !several {
		line("by %s", name(&d.Request.Principal))
	}
	if r.Step != nil {
		line("for volume %s, %s", r.Step.Volume, p.maker(r))
	}
	line("%s", d.Because())
	if near := nearest(d); near != "" {
		line("%s", near)
	}
	for _, m := range d.Missing {
		line("open: %s%s", m, settle(m))
	}
	if !r.Expected() {
		line("%s", p.paint(red, fmt.Sprintf("expected %s, got %s", r.Expect, d.Outcome)))
	}
}

func (p *page) maker(r *Result) string {
	switch r.Step.By {
	case launch.ByInfrastructure:
		return "by EC2's session for the instance"
	case launch.ByService:
		return "by EC2 itself"
	}
	return "in the caller's name"
}

// settle says how to settle an open question, if there is a flag for it.
func settle(missing string) string {
	switch {
	case strings.HasPrefix(missing, "service control policies of the organization"):
		return " (give --scp, or --no-organization)"
	case strings.HasPrefix(missing, "resource control policies of the organization"):
		return " (give --rcp, or --no-organization)"
	case strings.HasPrefix(missing, "key policy of arn:"):
		return " (give --key-policy)"
	case strings.HasPrefix(missing, "trust policy of arn:"):
		return " (give --trust-policy)"
	case strings.HasPrefix(missing, "resource policy of arn:"):
		return " (give --resource-policy)"
	case strings.Contains(missing, ":") && !strings.Contains(missing, " "):
		return " (give --context " + missing + "=…)"
	}
	return ""
}

// nearest is the statement that came nearest to deciding otherwise.
func nearest(d *access.Decision) string {
	if d.Outcome != access.ImplicitDeny {
		return ""
	}
	for _, l := range d.Layers {
		if l.Layer != d.Layer {
			continue
		}
		for _, r := range l.Reasons {
			if r.Effect == policy.Allow && !r.Match && r.Failed != nil && r.Others == 0 && r.Failed.Element != policy.ActionElement {
				return fmt.Sprintf("nearly: %s, statement %d: %s", r.Document, r.Statement+1, r.Failed)
			}
		}
		if len(l.Reasons) == 0 && l.Note != "" {
			return l.Note
		}
	}
	return ""
}

// explain tells a decision in full: one alone if it is to be looked into, each of
// several on demand.
func (p *page) explain(r *Result, several bool) {
	fine := several || r.Decision.Allowed()
	if r.Expect != "" {
		fine = several || r.Expected()
	}
	if p.style.Brief || fine && !p.style.Verbose {
		return
	}
	text := r.Decision.Explain()
	if !several {
		// The summary has said the first three lines.
		if _, rest, found := strings.Cut(text, "\n\n"); found {
			p.WriteString("\n" + rest)
		}
		return
	}
	p.WriteString("\n" + p.paint(bold, strings.Repeat("─", 40)) + "\n" + text)
}

// unread names what could not be read, and the permission that it takes.
func (p *page) unread(r *Report) {
	if len(r.Unread) == 0 {
		return
	}
	p.WriteString("\n" + p.paint(bold, "could not be read:") + "\n")
	for _, u := range r.Unread {
		fmt.Fprintf(p, "  %s\n", u.What)
		if u.Denied {
			fmt.Fprintf(p, "    the permission %s is missing\n", u.Call)
		} else {
			fmt.Fprintf(p, "    %s: %s\n", u.Call, u.Why)
		}
	}
}

// The colours, by what they mark (ECMA-48, "Select Graphic Rendition").
const (
	bold   = "1"
	red    = "1;31"
	green  = "1;32"
	yellow = "1;33"
)

// word is the outcome in a column of its own.
func (p *page) word(o access.Outcome) string {
	switch o {
	case access.Allowed:
		return p.paint(green, "allowed") + "  "
	case access.Depends:
		return p.paint(yellow, "depends") + "  "
	}
	return p.paint(red, "DENIED") + "   "
}

func (p *page) paint(color, s string) string {
	if !p.style.Color {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}
