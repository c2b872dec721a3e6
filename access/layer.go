package access

import (
	"slices"

	"github.com/keyturn/keyturn/policy"
)

// nearMisses bounds how many statements that did not apply a layer reports.
const nearMisses = 10

// layer is one layer's evaluation.
type layer struct {
	name Layer
	// bears is false for a layer that the request does not have: it neither
	// allows nor denies, and stands in no one's way.
	bears bool
	// deny and allow tell whether some statement does.
	deny, allow policy.Truth
	// by holds the allowing statements of a resource policy apart, by how they
	// name the caller.
	by      [classes]policy.Truth
	reasons []Reason
	// otherActions counts the reasons whose action is all that does not fit.
	otherActions int
	unread       []string
	note         string
}

// class sorts the ways in which a resource policy names a caller by what an
// implicit denial elsewhere does to the permission (IAM guide, "Policy
// evaluation logic", the table of principals in resource-based policies).
type class int

const (
	// delegating: the account is named, so the account's own policies decide.
	delegating class = iota
	// direct: the user, the session itself, a service, a provider, everyone.
	// Nothing but an explicit denial takes the permission away.
	direct
	// limited: the session's role, or the user behind a federated session.
	// Boundary and session policy must allow as well.
	limited
	classes
)

const directNames = policy.NamesUser | policy.NamesSession | policy.NamesService | policy.NamesProvider |
	policy.NamesCanonicalUser | policy.NamesEveryone

// absent makes it a layer that does not bear on the request.
func (l *layer) absent(name Layer) { l.name, l.allow = name, policy.Yes }

// read evaluates documents that add up: one Allow in any of them is enough.
func (e *evaluation) read(l *layer, name Layer, documents []Document, more ...*Document) {
	l.name, l.bears = name, true
	for i := range documents {
		e.document(l, &documents[i])
	}
	for _, d := range more {
		e.document(l, d)
	}
}

// document adds one document's statements to a layer.
func (e *evaluation) document(l *layer, d *Document) {
	if d.Policy == nil {
		return
	}
	if e.brief {
		named, general := d.Policy.Candidates(&e.env)
		for _, i := range named {
			s := d.Policy.Statement(int(i))
			l.count(s, s.Match(&e.env))
		}
		for _, i := range general {
			s := d.Policy.Statement(int(i))
			l.count(s, s.Match(&e.env))
		}
		return
	}
	for i := range d.Policy.Len() {
		s := d.Policy.Statement(i)
		m := s.Match(&e.env)
		l.count(s, m)
		e.explain(l, d, s, m)
	}
}

// count adds a statement's effect to the layer.
func (l *layer) count(s *policy.Statement, m policy.Match) {
	if m.Applies == policy.No {
		return
	}
	if s.Effect() == policy.Deny {
		l.deny = l.deny.Or(m.Applies)
		return
	}
	l.allow = l.allow.Or(m.Applies)
	if m.Names.Has(policy.NamesAccount) {
		l.by[delegating] = l.by[delegating].Or(m.Applies)
	}
	if m.Names.Has(directNames) {
		l.by[direct] = l.by[direct].Or(m.Applies)
	}
	if m.Names.Has(policy.NamesRole | policy.NamesIssuer) {
		l.by[limited] = l.by[limited].Or(m.Applies)
	}
}

// explain adds a statement's reason, if it applies or nearly does: its action
// fits, or its action is all that does not.
func (e *evaluation) explain(l *layer, d *Document, s *policy.Statement, m policy.Match) {
	switch {
	case m.Applies == policy.Yes:
		l.add(d, s, m.Names).Match = true
	case m.Action:
		x := s.Explain(&e.env)
		r := l.add(d, s, x.Names)
		r.Failed, r.Others = hardest(x.Failed), len(x.Failed)-1
	case l.otherActions == nearMisses:
		// They are the least of the near misses: no more would be kept.
	default:
		if f := s.OnlyAction(&e.env); f != nil {
			l.otherActions++
			l.add(d, s, m.Names).Failed = f
		}
	}
}

// add adds a reason for the caller to complete.
func (l *layer) add(d *Document, s *policy.Statement, names policy.Names) *Reason {
	l.reasons = append(l.reasons, Reason{
		Layer: l.name, Document: d.Name, ARN: d.ARN, Statement: s.Index(), Sid: s.Sid(),
		Position: s.Position(), Effect: s.Effect(), Names: names,
	})
	return &l.reasons[len(l.reasons)-1]
}

// hardest picks the mismatch that says most: what fails for certain before what
// is unknown.
func hardest(failed []policy.Mismatch) *policy.Mismatch {
	for i := range failed {
		if !failed[i].Unknown {
			return &failed[i]
		}
	}
	return &failed[0]
}

// verdict is the layer as the decision shows it, its reasons best first.
func (l *layer) verdict() LayerVerdict {
	slices.SortStableFunc(l.reasons, func(a, b Reason) int { return rank(&a) - rank(&b) })
	kept := l.reasons
	for i := range kept {
		if !kept[i].bears() && i+nearMisses < len(kept) {
			kept = kept[:i+nearMisses]
			break
		}
	}
	v := LayerVerdict{Layer: l.name, Reasons: kept, Note: l.note, Verdict: Silent}
	switch {
	case l.deny == policy.Yes:
		v.Verdict = Denies
	case l.deny == policy.Maybe || l.allow == policy.Maybe:
		v.Verdict = Unknown
	case l.allow == policy.Yes:
		v.Verdict = Allows
	}
	return v
}

// bears reports whether the statement applies, or may.
func (r *Reason) bears() bool { return r.Match || r.unknown() }

// unknown reports whether the statement turns on values that nobody knows.
func (r *Reason) unknown() bool { return r.Failed != nil && r.Failed.Unknown }

// rank orders reasons: denials, permissions, unknowns, then near misses by how
// near they came.
func rank(r *Reason) int {
	switch {
	case r.Match && r.Effect == policy.Deny:
		return 0
	case r.Match:
		return 1
	case r.unknown():
		return 2
	}
	n := 10 + 10*min(r.Others, 9)
	switch r.Failed.Element {
	case policy.ConditionElement:
	case policy.ResourceElement, policy.NotResourceElement:
		n++
	case policy.PrincipalElement, policy.NotPrincipalElement:
		n += 2
	default:
		n += 3
	}
	if r.Effect == policy.Deny {
		n += 1000
	}
	return n
}

// first returns the first reason of an effect that applies, or nil.
func (l *layer) first(effect policy.Effect, names policy.Names) *Reason {
	for i := range l.reasons {
		r := &l.reasons[i]
		if r.Match && r.Effect == effect && (names == 0 || r.Names.Has(names)) {
			return r
		}
	}
	return nil
}
