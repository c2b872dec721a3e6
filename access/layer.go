package access

import (
	"slices"

	"github.com/keyturn/keyturn/policy"
)

// nearMisses bounds how many statements that did not apply a layer reports.
// One of them may be about another action of the same service; otherActions
// bounds how many are tried for that.
const (
	nearMisses   = 10
	otherActions = 4
)

// mostKept bounds how many notes a layer keeps memory for.
const mostKept = 256

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
	by [classes]policy.Truth
	// noted are the statements that bear on the request, reasons what becomes of
	// them in the end.
	noted   []noted
	reasons []Reason
	unread  []string
	note    string
}

// reset makes the layer as new, and keeps its memory.
func (l *layer) reset() {
	l.bears, l.deny, l.allow, l.by = false, policy.No, policy.No, [classes]policy.Truth{}
	if l.noted = l.noted[:0]; cap(l.noted) > mostKept {
		l.noted = nil
	}
	if l.reasons != nil || l.unread != nil || l.note != "" {
		l.reasons, l.unread, l.note = nil, nil, ""
	}
}

// noted is a statement worth a Reason, before it is made one.
type noted struct {
	document  *Document
	statement *policy.Statement
	fit       policy.Fit
	rank      int
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
	if e.brief || l.allow != policy.No || l.deny != policy.No {
		return
	}
	// Nothing of it allows the request: what would, were it another action?
	tries := otherActions
	for i := range documents {
		tries = e.nearby(l, &documents[i], tries)
	}
	for _, d := range more {
		tries = e.nearby(l, d, tries)
	}
}

// document adds one document's statements to a layer.
func (e *evaluation) document(l *layer, d *Document) {
	if d.Policy == nil {
		return
	}
	e.candidates = d.Policy.Candidates(&e.env, e.candidates[:0])
	for _, i := range e.candidates {
		s := d.Policy.Statement(int(i))
		if e.brief {
			m := s.Match(&e.env)
			l.count(s, m.Applies, m.Names)
			continue
		}
		f := s.Fit(&e.env)
		l.count(s, f.Applies, f.Names)
		if f.Action {
			l.noteStatement(d, s, &f)
		}
	}
}

// count adds a statement's effect to the layer.
func (l *layer) count(s *policy.Statement, applies policy.Truth, names policy.Names) {
	if applies == policy.No {
		return
	}
	if s.Effect() == policy.Deny {
		l.deny = l.deny.Or(applies)
		return
	}
	l.allow = l.allow.Or(applies)
	if names.Has(policy.NamesAccount) {
		l.by[delegating] = l.by[delegating].Or(applies)
	}
	if names.Has(directNames) {
		l.by[direct] = l.by[direct].Or(applies)
	}
	if names.Has(policy.NamesRole | policy.NamesIssuer) {
		l.by[limited] = l.by[limited].Or(applies)
	}
}

// nearby notes the first Allow statement about another action of the request's
// service that would apply but for that. It tries so many statements, and
// returns how many tries are left.
func (e *evaluation) nearby(l *layer, d *Document, tries int) int {
	if d.Policy == nil || tries == 0 {
		return tries
	}
	e.candidates = d.Policy.OfService(&e.env, e.candidates[:0], tries)
	for _, i := range e.candidates {
		s := d.Policy.Statement(int(i))
		if s.Effect() == policy.Deny {
			continue
		}
		f := s.Fit(&e.env)
		if !f.Action && s.FitsButAction(&e.env) {
			l.noteStatement(d, s, &f)
			return 0
		}
	}
	return tries - len(e.candidates)
}

// noteStatement keeps a statement for the reasons.
func (l *layer) noteStatement(d *Document, s *policy.Statement, f *policy.Fit) {
	r := rank(s.Effect(), f.Applies == policy.Yes, f.Unknown, f.Element, int(f.Misses)-1)
	l.noted = append(l.noted, noted{document: d, statement: s, fit: *f, rank: r})
}

// giveReasons makes reasons of what was noted, best first. All layers' reasons
// lie in one piece, and so do their mismatches.
func (e *evaluation) giveReasons() {
	reasons, mismatches := 0, 0
	for _, l := range e.layers() {
		l.choose()
		reasons += len(l.noted)
		for i := range l.noted {
			if l.noted[i].fit.Element != "" {
				mismatches++
			}
		}
	}
	if reasons == 0 {
		return
	}
	all, failed := make([]Reason, reasons), make([]policy.Described, mismatches)
	for _, l := range e.layers() {
		n := len(l.noted)
		if n == 0 {
			continue
		}
		l.reasons, all = all[:n:n], all[n:]
		for i := range l.noted {
			from, r := &l.noted[i], &l.reasons[i]
			from.complete(r, l.name)
			if from.fit.Element != "" {
				failed[0].Describe(from.statement, &e.env, &from.fit)
				r.Failed, failed = &failed[0].Mismatch, failed[1:]
			}
		}
	}
}

// complete fills in a reason, but for what failed.
func (n *noted) complete(r *Reason, name Layer) {
	r.Layer, r.Document, r.ARN, r.File = name, n.document.Name, n.document.ARN, n.document.File
	r.Statement, r.Sid, r.Position, r.Effect = n.statement.Index(), n.statement.Sid(), n.statement.Position(), n.statement.Effect()
	r.Match, r.Names, r.Others = n.fit.Applies == policy.Yes, n.fit.Names, max(0, int(n.fit.Misses)-1)
}

// choose sorts what was noted, best first, and keeps all that bears on the
// request and some near misses.
func (l *layer) choose() {
	for i := 1; i < len(l.noted); i++ {
		if l.noted[i].rank < l.noted[i-1].rank {
			slices.SortStableFunc(l.noted, func(a, b noted) int { return a.rank - b.rank })
			break
		}
	}
	for i := range l.noted {
		if l.noted[i].rank >= nearRank && i+nearMisses < len(l.noted) {
			l.noted = l.noted[:i+nearMisses]
			break
		}
	}
	if len(l.reasons) > 1 { // of grants
		slices.SortStableFunc(l.reasons, func(a, b Reason) int { return a.rank() - b.rank() })
	}
}

// verdict is the layer as the decision shows it.
func (l *layer) verdict(v *LayerVerdict) {
	*v = LayerVerdict{Layer: l.name, Reasons: l.reasons, Note: l.note, Verdict: Silent}
	switch {
	case l.deny == policy.Yes:
		v.Verdict = Denies
	case l.deny == policy.Maybe || l.allow == policy.Maybe:
		v.Verdict = Unknown
	case l.allow == policy.Yes:
		v.Verdict = Allows
	}
}

// unknown reports whether the statement turns on values that nobody knows.
func (r *Reason) unknown() bool { return r.Failed != nil && r.Failed.Unknown }

func (r *Reason) rank() int {
	var element policy.Element
	if r.Failed != nil {
		element = r.Failed.Element
	}
	return rank(r.Effect, r.Match, r.unknown(), element, r.Others)
}

// nearRank is where near misses begin.
const nearRank = 10

// rank orders reasons: denials, permissions, unknowns, then near misses by how
// near they came.
func rank(effect policy.Effect, match, unknown bool, failed policy.Element, others int) int {
	switch {
	case match && effect == policy.Deny:
		return 0
	case match:
		return 1
	case unknown:
		return 2
	}
	n := nearRank + 10*min(others, 9)
	switch failed {
	case policy.ConditionElement:
	case policy.ResourceElement, policy.NotResourceElement:
		n++
	case policy.PrincipalElement, policy.NotPrincipalElement:
		n += 2
	default:
		n += 3
	}
	if effect == policy.Deny {
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
