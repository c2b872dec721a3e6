package diagnose

import (
	"encoding/json"
	"fmt"
	"io"
)

// WriteJSON writes the report in its stable form, docs/diagnose-json.md.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
