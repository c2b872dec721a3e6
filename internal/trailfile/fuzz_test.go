package trailfile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"slices"
	"testing"
)

// FuzzFile holds the search of a file's text against encoding/json: of a text that
// is JSON both find the same events, and of any other none panics and none hangs.
func FuzzFile(f *testing.F) {
	e := event("1", "StartInstances", noon, `,"requestParameters":{"i":"i-0123456789abcdef0"}`)
	for _, seed := range []string{
		`{"Records":[` + e + `]}`,
		` { "x" : [1, {"Records": []}], "Records" : [ ` + e + ` , ` + e + ` ] } `,
		`[` + e + `]`,
		`{"Events":[{"CloudTrailEvent":` + quoted(e) + `}]}`,
		`{"Records":[` + e + `,{"a":"\\\"","b":"\u0069-0123456789abcdef0"}]}`,
		`{"Records":[{]}`, `{"Records":`, `[[`, `{"Records":[{"a":"\`, "\x1f\x8b\x08",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, q := range []Question{{}, {Mentions: "i-0123456789abcdef0"}, {Names: []string{"StartInstances", "a/b"}}} {
			found := []string{}
			run := &search{q: &q, sieve: newSieve(&q), found: func(e Event) { found = append(found, e.ID) }}
			r := reader{search: run, raw: bufio.NewReader(bytes.NewReader(content))}
			_, err := r.events(t.Context(), "a.json")
			slices.Sort(found)
			if want, ok := slow(&q, content); ok && !slices.Equal(found, want) {
				t.Errorf("found %q, want %q, in %s (%v)", found, want, content, err)
			}
		}
	})
}

// slow answers a question in the plain way. It says nothing about texts that are
// not JSON, or JSON of another form.
func slow(q *Question, content []byte) (ids []string, ok bool) {
	if bytes.HasPrefix(content, gzipMagic) {
		return nil, false
	}
	var members struct{ Records, Events *[]json.RawMessage }
	var list []json.RawMessage
	// Names of members that differ in case, or come twice, encoding/json puts
	// together: such texts are others' to judge.
	if bytes.Count(content, []byte(`ecords`))+bytes.Count(content, []byte(`vents`)) > 1 {
		return nil, false
	}
	switch {
	case json.Unmarshal(content, &list) == nil:
	case json.Unmarshal(content, &members) == nil && members.Records != nil && bytes.Contains(content, []byte(`"Records"`)):
		list = *members.Records
	default:
		return nil, false
	}
	ids = []string{}
	for _, text := range list {
		if len(text) == 0 || text[0] != '{' {
			return nil, false
		}
		if members.Records == nil {
			text = lookedUp(text)
		}
		if e, ok, err := q.answer(text); err == nil && ok {
			ids = append(ids, e.ID)
		}
	}
	slices.Sort(ids)
	return ids, true
}
