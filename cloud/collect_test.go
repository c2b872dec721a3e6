package cloud_test

import (
	"bytes"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/phrase"
)

// travels checks that the evidence, written to a file and read again, gives the
// same report, byte for byte, and the same words in every language.
func (s *stage) travels(e *diagnose.Evidence, want *diagnose.Report) {
	s.Helper()
	var file bytes.Buffer
	s.must(e.Write(&file, time.Now()))
	back, _, err := diagnose.ReadEvidence(bytes.NewReader(file.Bytes()))
	if err != nil {
		s.Errorf("the evidence cannot be read again: %v\n%s", err, file.String())
		return
	}
	got := diagnose.Judge(back)
	forms := func(r *diagnose.Report) (all [3]string) {
		var b bytes.Buffer
		s.must(r.WriteJSON(&b))
		all[0] = b.String()
		for i, l := range phrase.Languages() {
			b.Reset()
			s.must(r.WriteText(&b, diagnose.Style{Language: l}))
			all[1+i] = b.String()
		}
		return all
	}
	if diff := cmp.Diff(forms(want), forms(got)); diff != "" {
		s.Errorf("the evidence says something else where it is read again:\n%s\n%s", diff, file.String())
	}
}
