package diagnose

import (
	_ "embed" // the template
	"html/template"
	"io"

	"github.com/keyturn/keyturn/internal/phrase"
)

//go:embed report.gohtml
var reportTemplate string

var reportPage = template.Must(template.New("report").Parse(reportTemplate))

// WriteHTML writes the report as one page that needs nothing else: no scripts, no
// fonts, no pictures. It follows the reader's choice of light or dark, and prints
// with all that is folded away.
func (r *Report) WriteHTML(w io.Writer, l phrase.Language) error {
	if err := reportPage.Execute(w, r.sheet(l)); err != nil {
		return phrase.NewError(phrase.Say("writing the report: %v", err), err)
	}
	return nil
}
