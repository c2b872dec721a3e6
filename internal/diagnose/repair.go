package diagnose

import (
	"context"
	"encoding/json"

	"github.com/keyturn/keyturn/policy"

	"github.com/keyturn/keyturn/internal/phrase"
)

// Repair is a report's fixes, about to be applied.
type Repair struct {
	// Fixes are those to apply, alternatives left out.
	Fixes []Fix
	Steps []RepairStep
}

// RepairStep is one call of a repair and what it changes.
type RepairStep struct {
	Call
	Before Before
	// After is the document that it puts there; empty if it puts none.
	After string
}

// Why a report has no repair.
var (
	ErrNoFix     error = phrase.NewError(phrase.Say("there is no fix that could be applied"), nil)
	ErrByHand    error = phrase.NewError(phrase.Say("a person has to decide or to do it"), nil)
	ErrNotEnough error = phrase.NewError(phrase.Say("it is not proved that the fix is enough"), nil)
)

// NewRepair reads what the fixes of a report will change, and changes nothing. A
// report without a fix, with one that a person has to make, or with one that is
// not proved to be enough gives ErrNoFix, ErrByHand or ErrNotEnough.
func NewRepair(ctx context.Context, with Configs, r *Report) (*Repair, error) {
	p := &Repair{}
	for _, f := range r.Fixes {
		if f.Alternative {
			continue
		}
		if len(f.Calls) == 0 {
			return nil, phrase.NewError(phrase.Say("%v: %s", ErrByHand, f.Title), ErrByHand)
		}
		p.Fixes = append(p.Fixes, f)
	}
	switch {
	case len(p.Fixes) == 0:
		return nil, ErrNoFix
	case r.Proof == nil || !r.Proof.Sufficient:
		return nil, ErrNotEnough
	}
	for _, f := range p.Fixes {
		for _, c := range f.Calls {
			b, err := c.Before(ctx, with)
			if err != nil {
				return nil, err
			}
			p.Steps = append(p.Steps, RepairStep{Call: c, Before: b, After: c.document()})
		}
	}
	return p, nil
}

// document is the policy that the call puts somewhere.
func (c Call) document() string {
	for _, m := range c.members() {
		if text, ok := m.value.(string); ok && json.Valid([]byte(text)) && len(text) > 0 && text[0] == '{' {
			return text
		}
	}
	return ""
}

// Apply makes the calls, one after the other. Before the first and after each,
// keep is given the calls that undo what was done, in the order in which to make
// them. An error leaves done what was done.
func (p *Repair) Apply(ctx context.Context, with Configs, keep func([]Call) error) error {
	undo := []Call{}
	if err := keep(undo); err != nil {
		return err
	}
	for _, s := range p.Steps {
		out, err := s.Do(ctx, with)
		if err != nil {
			return phrase.NewError(phrase.Say("%s:%s: %v", s.Service, s.Operation, err), err)
		}
		undo = append(s.Before.Undo(out), undo...)
		if err := keep(undo); err != nil {
			return err
		}
	}
	return nil
}

// Pretty is a policy document as people read it; what is none stays as it is.
func Pretty(document string) string {
	text, err := policy.Format([]byte(document))
	if err != nil {
		return document
	}
	return string(text)
}
