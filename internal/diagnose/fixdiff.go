package diagnose

import (
	"bytes"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// diff is what the fix changes in the documents that are there already, of their
// pretty forms.
func (f *Fix) diff() string {
	var all strings.Builder
	for _, c := range f.changed() {
		if c.was != "" {
			all.WriteString(Diff(c.name, c.was, c.is))
		}
	}
	return all.String()
}

// Diff is a unified diff of two policies in their pretty form, under the name of
// the document; empty where they say the same.
func Diff(name, was, is string) string {
	name = strings.Join(strings.Fields(name), " ") // a line is a line of the form
	d := diff.Diff(name, []byte(lines(was)), name, []byte(lines(is)))
	// The first line is diff's own, and no part of the form that patch reads.
	if _, rest, ok := bytes.Cut(d, []byte("\n")); ok {
		return string(rest)
	}
	return ""
}

// lines is a document in its pretty form, its last line ended.
func lines(document string) string {
	if document == "" {
		return ""
	}
	return strings.TrimRight(Pretty(document), "\n") + "\n"
}
