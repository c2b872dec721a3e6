package trailfile

import (
	"bytes"
	"strings"
	"time"
)

// sieve throws away events by their bytes. It never throws away an answer: JSON
// may write any character as an escape, so an event with escapes that could hide
// what is looked for is kept.
type sieve struct {
	// each of the rows has a needle that an answer's bytes hold.
	rows []row
}

type row struct {
	needles [][]byte
	slash   bool // a needle has a slash, which JSON may write as \/
}

func newSieve(q *Question) *sieve {
	s := new(sieve)
	s.add(q.Mentions)
	s.add(q.ID)
	s.add(q.Names...)
	s.add(hours(q.From, q.To)...)
	return s
}

// add adds a row of which one text must be there. Texts that JSON writes in other
// ways than themselves and \u make no row.
func (s *sieve) add(texts ...string) {
	var r row
	for _, t := range texts {
		if t == "" || strings.ContainsFunc(t, odd) {
			return
		}
		r.needles = append(r.needles, []byte(t))
		r.slash = r.slash || strings.Contains(t, "/")
	}
	if len(r.needles) > 0 {
		s.rows = append(s.rows, r)
	}
}

// odd tells the characters that writers of JSON escape by habit or by need, and
// those whose bytes are not the only ones that decode to them.
func odd(r rune) bool {
	return r < ' ' || r > '~' || strings.ContainsRune(`"\`, r)
}

var (
	escape      = []byte(`\u`)
	escapeSlash = []byte(`\/`)
)

// keeps tells whether the event may be an answer.
func (s *sieve) keeps(text []byte) bool {
	for i := range s.rows {
		if !s.rows[i].keeps(text) {
			return false
		}
	}
	return true
}

func (r *row) keeps(text []byte) bool {
	for _, n := range r.needles {
		if bytes.Contains(text, n) {
			return true
		}
	}
	return bytes.Contains(text, escape) || r.slash && bytes.Contains(text, escapeSlash)
}

// maxHours is how many hours a search for bytes tells apart.
const maxHours = 4

// hours are the beginnings of the eventTimes of a short time; of a long one there
// are none.
func hours(from, to time.Time) []string {
	if from.IsZero() || to.IsZero() || to.Sub(from) > (maxHours-1)*time.Hour {
		return nil
	}
	var all []string
	for h := from.UTC().Truncate(time.Hour); !h.After(to); h = h.Add(time.Hour) {
		all = append(all, h.Format("2006-01-02T15:"))
	}
	return all
}
