package access

import (
	"fmt"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// Explain tells the decision to a person: the outcome, what each layer said,
// the statements that applied or nearly did, with the place where to look.
func (d Decision) Explain() string {
	var b strings.Builder
	r := &d.Request
	fmt.Fprintf(&b, "%s: %s", outcomeWord(d.Outcome), r.Action)
	if d.Request.Resource != "" {
		fmt.Fprintf(&b, " on %s", r.Resource)
	}
	fmt.Fprintf(&b, "\n  by %s\n  %s\n", r.Principal.display(), d.Because())
	for i := range d.Layers {
		d.Layers[i].explain(&b)
	}
	if len(d.Missing) > 0 {
		b.WriteString("\nwhat would settle it:\n")
		for i := range d.Settle {
			fmt.Fprintf(&b, "  - %s\n", d.Settle[i].explain())
		}
	}
	return b.String()
}

func outcomeWord(o Outcome) string {
	switch o {
	case Allowed:
		return "allowed"
	case Depends:
		return "depends"
	}
	return "denied"
}

// Because says in one sentence, in lower case and without a full stop, what
// decided: the statement that allowed or denied, or the layer that allows nothing.
func (d *Decision) Because() string {
	switch {
	case d.Outcome == Allowed && d.By != nil:
		return "allowed by " + d.By.where()
	case d.Outcome == Allowed:
		return "allowed: the account's root user needs no policy, and none stands in its way"
	case d.Outcome == ExplicitDeny && d.By != nil:
		return "denied by " + d.By.where() + ": an explicit deny wins over every permission"
	case d.Outcome == Depends:
		return "it turns on the " + string(d.Layer) + ", of which not everything is known"
	}
	return "no " + string(d.Layer) + " allows it"
}

func (v *LayerVerdict) explain(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s: %s\n", v.Layer, v.Verdict)
	if v.Note != "" {
		fmt.Fprintf(b, "  %s\n", v.Note)
	}
	for i := range v.Reasons {
		r := &v.Reasons[i]
		switch {
		case r.Match && r.GrantID != "":
			fmt.Fprintf(b, "  applies: %s\n", r.where())
		case r.Match:
			fmt.Fprintf(b, "  applies: %s (%s)\n", r.where(), r.Effect)
		case r.unknown():
			fmt.Fprintf(b, "  may apply: %s (%s): %s\n", r.where(), r.Effect, r.Failed)
		case r.Others > 0:
			fmt.Fprintf(b, "  does not apply: %s (%s): %s, and %d more\n", r.where(), r.Effect, r.Failed, r.Others)
		default:
			fmt.Fprintf(b, "  does not apply: %s (%s): %s\n", r.where(), r.Effect, r.Failed)
		}
	}
}

// where names the statement: "CreateGrantForEC2, statement 1, line 3", or with
// its file "CreateGrantForEC2, statement 1, policies/grant.json:3:16".
func (r *Reason) where() string {
	if r.GrantID != "" {
		return r.Document
	}
	placed := r.Position != (policy.Position{})
	s := r.Document
	if placed && r.File == s {
		// The file is the document's only name.
		s += fmt.Sprintf(":%d:%d", r.Position.Line, r.Position.Column)
		placed = false
	}
	s += fmt.Sprintf(", statement %d", r.Statement+1)
	if r.Sid != "" {
		s += fmt.Sprintf(" %q", r.Sid)
	}
	switch {
	case !placed:
	case r.File != "":
		// The form that editors and terminals make a link of.
		s += fmt.Sprintf(", %s:%d:%d", r.File, r.Position.Line, r.Position.Column)
	default:
		s += fmt.Sprintf(", line %d", r.Position.Line)
	}
	return s
}
