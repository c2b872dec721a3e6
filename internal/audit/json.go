package audit

import (
	"encoding/json"
	"fmt"
	"io"
)

// WriteJSON writes the report's JSON form (docs/audit-json.md).
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
