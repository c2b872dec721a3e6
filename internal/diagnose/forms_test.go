package diagnose

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/golden"
	"github.com/keyturn/keyturn/internal/phrase"
)

// withName is evidence with a name wherever an account gives names; quoted is it as
// a JSON text has it.
func withName(name, quoted string) *Evidence {
	e := permitted().says(" with an explicit deny in an identity-based policy")
	deny := "{\"Version\": \"2012-10-17\",\n\"Statement\": {\"Sid\":\n\"" + quoted + "\",\n\"Effect\": \"Deny\", \"Action\": \"kms:*\", \"Resource\": \"*\"}}"
	e.Caller.Identity = append(e.Caller.Identity, Held{
		Document: access.Document{Name: "inline policy " + name + " of user test", Policy: must("", "", deny).Policy},
		Inline:   true, Holder: "user", HolderName: "test", Policy: name,
	})
	e.Caller.Principal.Name = name
	e.Keys[0].Description, e.Keys[0].Aliases = name, []string{"alias/" + name}
	e.Volumes[1].Device = name
	e.Instance.TransitionReason = name
	e.Denied.ErrorMessage += " " + name
	e.Unread = append(e.Unread, Unread{What: "tags of " + name, Call: "kms:ListResourceTags", Why: name})
	return e
}

// hostile are names with something in them for every form.
var hostile = []struct{ name, quoted string }{
	{"<script>alert(1)</script><img src=x>", `<script>alert(1)</script><img src=x>`},
	{"a`b``c```d", "a`b``c```d"},
	{"| a | b |", "| a | b |"},
	{"[x](javascript:alert) ![y](http://example.com/z.png)", "[x](javascript:alert) ![y](http://example.com/z.png)"},
	{"*bold* __u__ ~~s~~ \\", `*bold* __u__ ~~s~~ \\`},
	{"@everybody see #1 at www.example.com or a@example.com", "@everybody see #1 at www.example.com or a@example.com"},
	{"# head", "# head"},
	{"1. list", "1. list"},
	{"- list", "- list"},
	{"</details></pre></style>", "</details></pre></style>"},
	{"&lt;b&gt; {{.}} $x$", "&lt;b&gt; {{.}} $x$"},
	{"two\n\n# lines\n```\n", `two\n\n# lines\n`},
}

var tag = regexp.MustCompile(`</?[a-zA-Z][a-zA-Z0-9]*`)

// rendered is Markdown as a reader of tickets gets it, raw HTML let through.
func rendered(t *testing.T, markdown []byte) string {
	t.Helper()
	var b bytes.Buffer
	m := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := m.Convert(markdown, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestMarkdownEscapes: whatever names look like, the ticket has the same elements,
// none of theirs.
func TestMarkdownEscapes(t *testing.T) {
	t.Parallel()
	elements := func(e *Evidence) []string {
		var b bytes.Buffer
		if err := Judge(e).WriteMarkdown(&b, phrase.English); err != nil {
			t.Fatal(err)
		}
		return tag.FindAllString(rendered(t, b.Bytes()), -1)
	}
	want := elements(withName("plain", "plain"))
	if len(want) < 100 {
		t.Fatalf("there are %d tags only: %v", len(want), want)
	}
	for _, h := range hostile {
		if diff := cmp.Diff(want, elements(withName(h.name, h.quoted))); diff != "" {
			t.Errorf("%q changes the ticket:\n%s", h.name, diff)
		}
	}
}

// TestHTMLEscapes is the same of the page.
func TestHTMLEscapes(t *testing.T) {
	t.Parallel()
	elements := func(e *Evidence) []string {
		var b bytes.Buffer
		if err := Judge(e).WriteHTML(&b, phrase.English); err != nil {
			t.Fatal(err)
		}
		return tag.FindAllString(b.String(), -1)
	}
	want := elements(withName("plain", "plain"))
	for _, h := range hostile {
		if diff := cmp.Diff(want, elements(withName(h.name, h.quoted))); diff != "" {
			t.Errorf("%q changes the page:\n%s", h.name, diff)
		}
	}
}

// TestFormsOfAllCauses: every report has each form in each language, and the page
// asks for nothing from elsewhere.
func TestFormsOfAllCauses(t *testing.T) {
	t.Parallel()
	for _, row := range causeRows {
		r := Judge(row.evidence())
		for _, l := range phrase.Languages() {
			var markdown, page bytes.Buffer
			if err := r.WriteMarkdown(&markdown, l); err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
			if strings.Count(markdown.String(), "<details>") != strings.Count(markdown.String(), "</details>") {
				t.Errorf("%s: details are left open", row.name)
			}
			if err := r.WriteHTML(&page, l); err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
			for _, foreign := range []string{"<script", "src=", "href=", "url(", "@import"} {
				if strings.Contains(page.String(), foreign) {
					t.Errorf("%s: the page has %s", row.name, foreign)
				}
			}
			if bytes.Contains(page.Bytes(), []byte("ZgotmplZ")) {
				t.Errorf("%s: the template refused a value", row.name)
			}
		}
	}
}

// TestFormsSayWhatToAllow: where a permission was missing, every form has the policy
// that gives it.
func TestFormsSayWhatToAllow(t *testing.T) {
	t.Parallel()
	e := article()
	e.Unread = []Unread{{What: "groups of user test", Call: "iam:ListGroupsForUser", Denied: true}}
	r := Judge(e)
	for name, write := range map[string]func(*bytes.Buffer) error{
		"text":     func(b *bytes.Buffer) error { return r.WriteText(b, Style{}) },
		"markdown": func(b *bytes.Buffer) error { return r.WriteMarkdown(b, phrase.English) },
		"html":     func(b *bytes.Buffer) error { return r.WriteHTML(b, phrase.English) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if text := strings.ReplaceAll(b.String(), "&#34;", `"`); !strings.Contains(text, `"Action": ["iam:ListGroupsForUser"]`) {
			t.Errorf("the %s form lacks it:\n%s", name, text)
		}
	}
}

// TestArticleForms shows what the forms look like.
func TestArticleForms(t *testing.T) {
	t.Parallel()
	r := Judge(article())
	var markdown, page bytes.Buffer
	if err := r.WriteMarkdown(&markdown, phrase.English); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "article.md", markdown.Bytes())
	if err := r.WriteHTML(&page, phrase.Spanish); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "article.es.html", page.Bytes())
}

// FuzzProse: no text becomes an element of a ticket.
func FuzzProse(f *testing.F) {
	for _, h := range hostile {
		f.Add(h.name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := rendered(t, []byte("- x "+prose(clean(name))+"\n"))
		if tags := tag.FindAllString(got, -1); len(tags) != 4 {
			t.Errorf("%q became %s", name, got)
		}
		got = rendered(t, []byte("- x "+code(clean(name))+"\n"))
		if tags := tag.FindAllString(got, -1); len(tags) != 4 && len(tags) != 6 {
			t.Errorf("%q as code became %s", name, got)
		}
	})
}
