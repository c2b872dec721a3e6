package simulate

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/evaluation"
)

// The JSON form of a report: docs/simulate-json.md.

type reportJSON struct {
	Version int               `json:"version"`
	Outcome string            `json:"outcome"`
	Results []resultJSON      `json:"results"`
	Unread  []diagnose.Unread `json:"unread"`
}

type resultJSON struct {
	Name     string          `json:"name,omitempty"`
	Decision access.Decision `json:"decision"`
	Expect   access.Outcome  `json:"expect,omitempty"`
	Expected bool            `json:"expected"`
	Step     *stepJSON       `json:"step,omitempty"`
}

type stepJSON struct {
	Operation string `json:"operation"`
	By        string `json:"by"`
	Volume    string `json:"volume"`
}

// WriteJSON writes the report in its stable form, docs/simulate-json.md.
func (r *Report) WriteJSON(w io.Writer) error {
	out := reportJSON{Version: FormVersion, Outcome: r.outcome(), Results: []resultJSON{}, Unread: []diagnose.Unread{}}
	out.Unread = append(out.Unread, r.Unread...)
	for i := range r.Results {
		one := &r.Results[i]
		j := resultJSON{Name: one.Name, Decision: one.Decision, Expect: one.Expect, Expected: one.Expected()}
		if s := one.Step; s != nil {
			j.Step = &stepJSON{Operation: string(s.Operation), By: makers[s.By], Volume: s.Volume}
		}
		out.Results = append(out.Results, j)
	}
	return write(w, out)
}

// outcome is the exit code in a word.
func (r *Report) outcome() string {
	return [...]string{ExitAllowed: "passed", ExitDenied: "failed", ExitUnknown: "open"}[r.ExitCode()]
}

// WriteAWS writes the report as SimulatePrincipalPolicy answers, in the AWS CLI's
// JSON.
func (r *Report) WriteAWS(w io.Writer) error {
	asked := make([]evaluation.Asked, len(r.Results))
	for i := range r.Results {
		asked[i] = evaluation.Asked{Decision: r.Results[i].Decision, Policies: &r.Results[i].Policies}
	}
	return write(w, struct {
		EvaluationResults []evaluation.Result
		IsTruncated       bool
	}{evaluation.Results(asked), false})
}

func write(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
