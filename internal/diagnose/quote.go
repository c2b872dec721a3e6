package diagnose

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// quotedLine is a line of a policy as a report shows it.
type quotedLine struct {
	// Number is the line's in the document, 0 where the document was laid out
	// anew to be read.
	Number int
	Text   string
	// Marked: what the cause is about stands here.
	Marked bool
}

// legible is the length up to which a line of a policy is shown as it is.
const legible = 100

// quote adds the statement's own text to a cause, and where in it the element
// stands that did not fit.
func (e *Evidence) quote(c *Cause) {
	s := c.Statement
	if s == nil {
		return
	}
	d := e.documentOf(s.Document, s.ARN)
	if d == nil || s.Index >= d.Policy.Len() {
		return
	}
	from := d.Policy.Statement(s.Index)
	start, end := from.Position().Offset, from.End().Offset
	text := d.Policy.Text()
	if start < 0 || end > len(text) || start >= end {
		return
	}
	s.Text = text[start:end]
	s.indent = lineIndent(text, start)
	at := markOf(d.Policy, from, s)
	if s.mismatch != nil {
		at = s.mismatch.Position
	}
	if at.Line != 0 && at.Offset >= start && at.Offset < end {
		s.FailedLine, s.mark = at.Line, at.Offset-start+1
	}
}

// markOf is where the element stands that the cause is about: the one that
// Failed names, or the Effect of a statement that denied.
func markOf(p *policy.Policy, from *policy.Statement, s *Statement) policy.Position {
	name, value, _ := strings.Cut(s.Failed.String(), " ")
	if name == "" && s.Effect == string(policy.Deny) {
		name = "Effect"
	}
	at, ok := from.ElementPosition(policy.Element(name))
	if !ok || value == "" {
		return at
	}
	if i := strings.Index(p.Text()[at.Offset:from.End().Offset], `"`+value+`"`); i >= 0 {
		return p.Position(at.Offset + i)
	}
	return at
}

// documentOf finds a document by what reasons call it, nil if there is none.
func (e *Evidence) documentOf(name, arn string) *access.Document {
	var found *access.Document
	look := func(d *access.Document) {
		if d != nil && d.Name == name && d.ARN == arn {
			found = d
		}
	}
	for i := range e.Keys {
		look(e.Keys[i].Policy)
	}
	e.eachControl(look)
	if c := e.Caller; c != nil {
		for i := range c.Identity {
			look(&c.Identity[i].Document)
		}
		for i := range c.Session {
			look(&c.Session[i])
		}
		look(c.Limit)
	}
	return found
}

// lines are the statement's text to show: as it stands in its document, or laid
// out anew where it stands there in one long line.
func (s *Statement) lines() []quotedLine {
	if s.Text == "" {
		return nil
	}
	return layOut(s.Text, s.indent, s.Line, s.mark)
}

// layOut cuts a part of a JSON document into lines. indent is the white space
// that the part's first line has in front, number the line's, and mark one more
// than the offset of what to mark, or 0.
func layOut(text, indent string, number, mark int) []quotedLine {
	if long(text) {
		var b bytes.Buffer
		if json.Indent(&b, []byte(text), "", "  ") == nil {
			if mark > 0 {
				mark = samePlace(text, b.String(), mark-1) + 1
			}
			text, indent, number = b.String(), "", 0
		}
	}
	var all []quotedLine
	at := 0
	for line := range strings.Lines(text) {
		q := quotedLine{Text: strings.TrimPrefix(strings.TrimRight(line, "\r\n"), indent), Marked: mark > at && mark <= at+len(line)}
		if number > 0 {
			q.Number = number + len(all)
		}
		all = append(all, q)
		at += len(line)
	}
	return all
}

func long(text string) bool {
	for line := range strings.Lines(text) {
		if len(line) > legible {
			return true
		}
	}
	return false
}

// lineIndent is the white space at the start of the line that has an offset.
func lineIndent(text string, offset int) string {
	line := text[strings.LastIndexByte(text[:offset], '\n')+1 : offset]
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// samePlace is the offset in a document's other layout of what stands at an
// offset in the one: layouts differ in white space alone.
func samePlace(one, other string, offset int) int {
	n := 0
	eachInk(one, func(at int) bool {
		if at >= offset {
			return false
		}
		n++
		return true
	})
	place := 0
	eachInk(other, func(at int) bool {
		place = at
		n--
		return n >= 0
	})
	return place
}

// eachInk visits the offsets of all bytes that are no white space between JSON
// tokens, while visit wants more.
func eachInk(text string, visit func(at int) bool) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			if !visit(i) {
				return
			}
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		if i < len(text) && !visit(i) {
			return
		}
	}
}

// around keeps the lines near the marked ones, no more than most, and tells
// how many were left out before and after.
func around(lines []quotedLine, most int) (kept []quotedLine, before, after int) {
	if len(lines) <= most {
		return lines, 0, 0
	}
	first := 0
	for i := range lines {
		if lines[i].Marked {
			first = max(0, min(i-most/2, len(lines)-most))
			break
		}
	}
	return lines[first : first+most], first, len(lines) - first - most
}
