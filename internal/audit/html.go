package audit

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/keyturn/keyturn/internal/phrase"
)

//go:embed report.html.tmpl
var htmlPage string

var htmlTemplate = template.Must(template.New("audit").Funcs(template.FuncMap{"classes": strings.Fields}).Parse(htmlPage))

// What a page has room for.
const (
	htmlRows    = 60
	htmlColumns = 60
	htmlSets    = 25
	htmlNames   = 12
)

// htmlView is what the page's template sees.
type htmlView struct {
	Lang     phrase.Language
	Title    string
	Summary  string
	Time     string
	Counts   []htmlCount
	Sections []htmlSection
	Map      *htmlMap
	Unread   []htmlUnread
	Words    map[string]string
}

type htmlCount struct{ Class, Number, Words string }

type htmlSection struct {
	Class, Title, What string
	Causes             []htmlCause
}

type htmlCause struct {
	Sentence, Kind, Pairs, Statement, Failed string
	Sets                                     []htmlSet
	More                                     string
	Next                                     []string
	FixTitle, Fix                            string
	Commands                                 []string
	Advice                                   string
}

type htmlSet struct {
	Principals, Keys         []string
	MorePrincipals, MoreKeys string
	Targets, Pairs           string
}

type htmlUnread struct{ What, Call, Why string }

// htmlMap is the heat map: groups of principals down, groups of keys across.
type htmlMap struct {
	Columns []htmlColumn
	Rows    []htmlRow
	More    string
	Legend  []htmlCount
}

type htmlColumn struct{ Name, Title string }

type htmlRow struct {
	Name, Title, Count string
	Cells              []htmlCell
}

type htmlCell struct{ Class, Mark, Title string }

// WriteHTML writes the report as one page that needs nothing else: with a map of
// what each group of principals can do with each group of keys.
func (r *Report) WriteHTML(w io.Writer, lang phrase.Language) error {
	if lang == "" {
		lang = phrase.English
	}
	h := &htmlWriter{report: r, lang: lang}
	if err := htmlTemplate.Execute(w, h.view()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

type htmlWriter struct {
	report *Report
	lang   phrase.Language
}

func (h *htmlWriter) say(t phrase.Text) string { return t.In(h.lang) }

func (h *htmlWriter) view() *htmlView {
	r, t := h.report, &h.report.Totals
	v := &htmlView{
		Lang: h.lang, Title: h.say(phrase.Say("Audit of encrypted volumes")), Summary: h.say(r.Summary), Time: r.Time.Format("2006-01-02 15:04 MST"),
		Counts: []htmlCount{
			{"can", number(t.Can), h.say(phrase.Say("can"))},
			{"trapped", number(t.Trapped), h.say(phrase.Say("trapped"))},
			{"shouldnt", number(t.Shouldnt), h.say(phrase.Say("should not"))},
			{"unknown", number(t.Unknown), h.say(phrase.Say("unknown"))},
		},
		Words: map[string]string{
			"who": h.say(principalsLabel), "keys": h.say(keysLabel), "targets": h.say(phrase.Say("targets")), "pairs": h.say(phrase.Say("pairs")),
			"statement": h.say(phrase.Say("statement")), "fix": h.say(phrase.Say("fix")), "next": h.say(phrase.Say("next")),
			"map": h.say(phrase.Say("Principals and keys")), "unread": h.say(phrase.Say("Could not be read")),
		},
	}
	v.Sections = append(v.Sections, h.groups("trapped", phrase.Say("Trapped: may call EC2, but KMS does not let them"), r.Trapped)...)
	v.Sections = append(v.Sections, h.exposures()...)
	v.Sections = append(v.Sections, h.groups("unknown", phrase.Say("Unknown"), r.Unknown)...)
	v.Map = h.heatMap()
	for i, u := range r.Unread {
		if i == htmlRows {
			v.Unread = append(v.Unread, htmlUnread{What: h.say(phrase.Say("… and %s more", number(int64(len(r.Unread)-i))))})
			break
		}
		v.Unread = append(v.Unread, htmlUnread{u.What, u.Call, u.Why})
	}
	return v
}

func (h *htmlWriter) groups(class string, title phrase.Text, list []Group) []htmlSection {
	if len(list) == 0 {
		return nil
	}
	s := htmlSection{Class: class, Title: h.say(title)}
	for i := range list {
		g := &list[i]
		c := htmlCause{Sentence: h.say(g.Sentence), Kind: string(g.Kind), Pairs: number(g.Pairs), Next: g.Next}
		for n := range g.Sets {
			if n == htmlSets {
				c.More = h.say(phrase.Say("… and %s more", number(int64(len(g.Sets)-n))))
				break
			}
			c.Sets = append(c.Sets, h.set(g.Sets[n].Principals, g.Sets[n].Keys, h.say(g.Sets[n].Targets.words()), g.Sets[n].Pairs))
		}
		if g.Statement != nil && g.Statement.Document != "" {
			c.Statement, c.Failed = h.say(whereIs(g.Statement)), h.say(g.Statement.Failed)
		}
		if g.Fix != nil {
			c.FixTitle, c.Fix, c.Commands = h.say(g.Fix.Title), g.Fix.Document, g.Fix.Commands
		}
		s.Causes = append(s.Causes, c)
	}
	return []htmlSection{s}
}

func (h *htmlWriter) exposures() []htmlSection {
	if len(h.report.Shouldnt) == 0 {
		return nil
	}
	s := htmlSection{Class: "shouldnt", Title: h.say(phrase.Say("Should not: allowed, and more than a launch needs"))}
	for i := range h.report.Shouldnt {
		x := &h.report.Shouldnt[i]
		c := htmlCause{Sentence: h.say(x.Sentence), Kind: string(x.Kind), Pairs: number(x.Count), Advice: h.say(x.Advice), Sets: []htmlSet{h.set(x.Principals, x.Keys, "", x.Count)}}
		if len(x.Principals) == 0 {
			c.Sets[0].MorePrincipals = h.say(phrase.Say("everybody"))
		}
		if x.Statement != nil {
			c.Statement = h.say(whereIs(x.Statement))
		}
		s.Causes = append(s.Causes, c)
	}
	return []htmlSection{s}
}

func (h *htmlWriter) set(principals []string, keys []KeyRef, targets string, pairs int64) htmlSet {
	s := htmlSet{Targets: targets, Pairs: number(pairs)}
	for i := range min(len(principals), htmlNames) {
		s.Principals = append(s.Principals, principals[i])
	}
	for i := range min(len(keys), htmlNames) {
		name := keys[i].ARN
		if keys[i].Alias != "" {
			name += " (" + keys[i].Alias + ")"
		}
		s.Keys = append(s.Keys, name)
	}
	if n := len(principals) - htmlNames; n > 0 {
		s.MorePrincipals = h.say(phrase.Say("… and %s more", number(int64(n))))
	}
	if n := len(keys) - htmlNames; n > 0 {
		s.MoreKeys = h.say(phrase.Say("… and %s more", number(int64(n))))
	}
	return s
}

// heatMap is nil where there is nothing to show.
func (h *htmlWriter) heatMap() *htmlMap {
	r := h.report
	if len(r.Cells) == 0 {
		return nil
	}
	cells := make(map[[2]string]*Cell, len(r.Cells))
	for i := range r.Cells {
		cells[[2]string{r.Cells[i].Principals, r.Cells[i].Keys}] = &r.Cells[i]
	}
	m := &htmlMap{Legend: []htmlCount{
		{"can", markCan, h.say(phrase.Say("can"))},
		{"trapped", markTrapped, h.say(phrase.Say("trapped"))},
		{"mixed", markMixed, h.say(phrase.Say("some can, some are trapped"))},
		{"unknown", markUnknown, h.say(phrase.Say("unknown"))},
		{"shouldnt", markShouldnt, h.say(phrase.Say("should not"))},
		{"none", markNone, h.say(phrase.Say("may not call EC2, or nothing to use"))},
	}}
	columns := r.KeyGroups[:min(len(r.KeyGroups), htmlColumns)]
	rows := r.PrincipalGroups[:min(len(r.PrincipalGroups), htmlRows)]
	if len(columns) < len(r.KeyGroups) || len(rows) < len(r.PrincipalGroups) {
		m.More = h.say(phrase.Say("Shown are %s of %s groups of principals and %s of %s groups of keys: -o json has them all.",
			number(int64(len(rows))), number(int64(len(r.PrincipalGroups))), number(int64(len(columns))), number(int64(len(r.KeyGroups)))))
	}
	for i := range columns {
		k := &columns[i]
		m.Columns = append(m.Columns, htmlColumn{h.keyGroup(k), h.titleOfKeys(k)})
	}
	for i := range rows {
		p := &rows[i]
		row := htmlRow{Name: names(len(p.Principals), func(i int) string { return short(p.Principals[i]) }), Title: lines(p.Principals), Count: number(int64(len(p.Principals)))}
		if len(p.Principals) > shownNames {
			row.Name += ", …"
		}
		for n := range columns {
			row.Cells = append(row.Cells, h.cell(cells[[2]string{p.ID, columns[n].ID}], row.Name, h.keyGroup(&columns[n])))
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

// The marks of cells: colour is not the only bearer of a meaning.
const (
	markCan      = "●"
	markTrapped  = "✕"
	markMixed    = "◐"
	markUnknown  = "?"
	markShouldnt = "!"
	markNone     = "·"
)

func (h *htmlWriter) cell(c *Cell, who, keys string) htmlCell {
	if c == nil {
		return htmlCell{"none", markNone, who + " × " + keys + ": " + h.say(phrase.Say("may not call EC2, or nothing to use"))}
	}
	var words []phrase.Text
	out := htmlCell{Class: "none", Mark: markNone}
	if c.Can {
		out.Class, out.Mark = "can", markCan
		words = append(words, phrase.Say("can"))
	}
	if c.Unknown {
		out.Class, out.Mark = "unknown", markUnknown
		words = append(words, phrase.Say("unknown"))
	}
	if c.Trapped {
		out.Class, out.Mark = "trapped", markTrapped
		if c.Can {
			out.Class, out.Mark = "mixed", markMixed
		}
		words = append(words, phrase.Say("trapped"))
	}
	if c.Shouldnt {
		if out.Class == "none" {
			out.Mark = ""
		}
		out.Class, out.Mark = out.Class+" shouldnt", out.Mark+markShouldnt
		words = append(words, phrase.Say("should not"))
	}
	out.Title = who + " × " + keys + ": " + h.say(phrase.Join(", ", words...))
	return out
}

func (h *htmlWriter) keyGroup(k *KeyGroup) string {
	if len(k.Keys) == 1 {
		return k.Keys[0].short()
	}
	return k.Keys[0].short() + " +" + number(int64(len(k.Keys)-1))
}

func (h *htmlWriter) titleOfKeys(k *KeyGroup) string {
	all := make([]string, len(k.Keys))
	for i := range k.Keys {
		all[i] = k.Keys[i].ARN
	}
	return h.say(k.Targets.words()) + "\n" + lines(all)
}

// lines is a list for a title, one a line.
func lines(list []string) string {
	if len(list) > htmlNames {
		return strings.Join(list[:htmlNames], "\n") + "\n…"
	}
	return strings.Join(list, "\n")
}
