package diagnose

import (
	"slices"

	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

// chosen are the fixes to take: those of the first rank.
func (r *Report) chosen() []Fix {
	return slices.DeleteFunc(slices.Clone(r.Fixes), func(f Fix) bool { return f.Rank > 1 })
}

// Choose makes the ways of a rank the ones to take for the first cause, in the
// place of those of rank 1, and reports whether there are any. What is proved of the report is
// proved of them then: their verdict.
func (r *Report) Choose(rank int) bool {
	if rank == 1 {
		return len(r.Fixes) > 0
	}
	i := slices.IndexFunc(r.Fixes, func(f Fix) bool { return f.Cause == 0 && f.Rank == rank })
	if i < 0 || r.Proof == nil || r.Fixes[i].Verdict == nil {
		return false
	}
	v := r.Fixes[i].Verdict
	r.Fixes = slices.Clone(r.Fixes)
	for j := range r.Fixes {
		if f := &r.Fixes[j]; f.Cause == 0 {
			switch f.Rank {
			case rank:
				f.Rank = 1
			case 1:
				f.Rank = rank
			}
			f.Alternative = f.Rank > 1
		}
	}
	p := *r.Proof
	p.Sufficient, p.NothingElse, p.Minimal, p.Surplus = v.Sufficient, v.NothingElse, v.Minimal, v.Surplus
	r.Proof = &p
	return true
}

// weigh proves every alternative in the place of the fixes to take.
func (r *Report) weigh(e *Evidence) {
	first := e.try()
	for i := range r.Fixes {
		f := &r.Fixes[i]
		if f.Rank == 1 || f.Verdict != nil {
			continue
		}
		instead := r.instead(f.Cause, f.Rank)
		if len(instead) == 0 {
			continue
		}
		v := e.verdict(instead, first, r.Cause)
		for j := range r.Fixes {
			if o := &r.Fixes[j]; o.Cause == f.Cause && o.Rank == f.Rank {
				o.Verdict = v
			}
		}
	}
}

// instead are the fixes to take with those of a rank for one cause.
func (r *Report) instead(cause, rank int) []Fix {
	return slices.DeleteFunc(slices.Clone(r.Fixes), func(f Fix) bool {
		if f.Cause == cause {
			return f.Rank != rank
		}
		return f.Rank > 1
	})
}

// verdict is what can be proved of fixes.
func (e *Evidence) verdict(fixes []Fix, first []trial, cause *Cause) *Verdict {
	after := e.clone()
	if !after.takes(fixes) {
		return &Verdict{Minimal: MinimalityOpen, Surplus: []phrase.Text{phrase.Say("another fix changes the same document: diagnose again after this one")}}
	}
	p := prove(e, after, first, cause, fixes)
	if p == nil {
		return nil
	}
	return &Verdict{Sufficient: p.Sufficient, NothingElse: p.NothingElse, Minimal: p.Minimal, Surplus: p.Surplus}
}

// takes applies fixes; false if one was written for a document that another has
// changed before it.
func (e *Evidence) takes(fixes []Fix) bool {
	for _, f := range fixes {
		for _, x := range f.effects {
			if c, ok := x.(*change); ok && c.get(e) != c.was {
				return false
			}
			x.in(e)
		}
	}
	return true
}

// settles tells whether fixes do away with what failed alike, whatever is behind
// it, and whether they are minimal for that.
func (e *Evidence) settles(fixes []Fix, same []trial) (policy.Truth, Minimality) {
	gone := func(e *Evidence) policy.Truth {
		all := policy.Yes
		trials := e.try()
		for i := range trials {
			t := &trials[i]
			for j := range same {
				if s := &same[j]; s.step.Volume == t.step.Volume && s.request.Action == t.request.Action && s.request.Resource == t.request.Resource &&
					!t.passes() && t.decision.Layer == s.decision.Layer {
					all = policy.No
				}
			}
		}
		return all
	}
	after := e.clone()
	if !after.takes(fixes) {
		return policy.No, NotMinimal
	}
	m, _ := minimality(e, after, fixes, gone)
	return gone(after), m
}
