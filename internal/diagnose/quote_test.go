package diagnose

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/access"
)

// TestStatementIsQuoted: a report quotes the statement with the document's own lines, and
// marks what the cause is about.
func TestStatementIsQuoted(t *testing.T) {
	t.Parallel()
	marked := func(s *Statement) (line quotedLine) {
		for _, l := range s.lines() {
			if l.Marked {
				if line.Marked {
					t.Errorf("two lines are marked: %q and %q", line.Text, l.Text)
				}
				line = l
			}
		}
		return line
	}
	wrong := "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \"Action\": \"kms:CreateGrant\",\n      \"Resource\": \"*\",\n" +
		"      \"Condition\": {\"StringEquals\": {\n        \"kms:ViaService\": \"ec2.us-east-1.amazonaws.com\"}}\n    }\n  ]\n}"
	for _, c := range []struct {
		name, text string
		want       quotedLine
		first      string
	}{
		{"the condition's key, in its line", wrong, quotedLine{9, `    "kms:ViaService": "ec2.us-east-1.amazonaws.com"}}`, true}, "{"},
		{
			"laid out anew where it is one long line", strings.Join(strings.Fields(wrong), ""),
			quotedLine{0, `      "kms:ViaService": "ec2.us-east-1.amazonaws.com"`, true},
			"{",
		},
		{"the Effect that denied", denyGrants, quotedLine{5, `{"Sid": "NoGrants", "Effect": "Deny", "Action": "kms:*", "Resource": "*"}`, true}, "{\"Sid\""},
		{"a misspelt action", strings.ReplaceAll(startPolicy, `"kms:CreateGrant"`, `"kms:DescribeKey","kms:CreateGrants"`), quotedLine{0, `    "kms:CreateGrants"`, true}, "{"},
	} {
		e := article()
		e.Caller.Identity = append(e.Caller.Identity, held("wrong", c.text))
		s := Judge(e).Cause.Statement
		if s == nil {
			t.Fatalf("%s: no statement", c.name)
		}
		if got := marked(s); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
		if lines := s.lines(); !strings.HasPrefix(lines[0].Text, c.first) {
			t.Errorf("%s: the first line is %q", c.name, lines[0].Text)
		}
		if !json.Valid([]byte(s.Text)) {
			t.Errorf("%s: the text is %s", c.name, s.Text)
		}
	}
}

// TestHostileNames: what accounts give does not steer a terminal.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	e := article()
	e.Keys[0].Description = "a\x1b]0;owned\x07\u202eb"
	e.Keys[0].Aliases = []string{"alias/\x1b[2J"}
	e.Caller.Identity = append(e.Caller.Identity, Held{Document: access.Document{
		Name: "inline policy \x1b[31mred of user test", Policy: must("", "", strings.Replace(denyGrants, "NoGrants", `\u001b[1m`, 1)).Policy,
	}})
	var b bytes.Buffer
	if err := Judge(e).WriteText(&b, Style{Verbose: true}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"\x1b", "\x07", "\u202e"} {
		if strings.Contains(b.String(), c) {
			t.Errorf("%q is in the text", c)
		}
	}
}

// FuzzLayOut: any text is cut into its lines, and laying it out anew changes
// nothing but white space.
func FuzzLayOut(f *testing.F) {
	f.Add(denyGrants, 60)
	f.Add(`{"a\"b": [1, "x  y", {"c": "\\"}]}`+strings.Repeat(" ", 200), 9)
	f.Fuzz(func(t *testing.T, text string, mark int) {
		var whole strings.Builder
		lines := layOut(text, "", 1, mark)
		for _, l := range lines {
			whole.WriteString(l.Text)
		}
		if json.Valid([]byte(text)) {
			ink := func(s string) (all []byte) {
				eachInk(s, func(at int) bool {
					all = append(all, s[at])
					return true
				})
				return all
			}
			if a, b := ink(text), ink(whole.String()); !bytes.Equal(a, b) {
				t.Errorf("%q became %q", a, b)
			}
		}
	})
}
