package requestset

import (
	"slices"

	"github.com/keyturn/keyturn/policy"
)

// NewAccess tells what the updated documents allow that the existing ones do
// not: identity-based policies, boundaries, session policies or service control
// policies, which name nobody.
func NewAccess(existing, updated []Document, o Options) Answer {
	return Allowed(updated...).Minus(Allowed(existing...)).Find(o)
}

// CallerAnswer is what changes for one kind of caller.
type CallerAnswer struct {
	// Callers are those for whom it is the same, in words: "the user arn:…",
	// "everybody else".
	Callers []string
	// Delegated: the documents do not grant it themselves, but let the caller's
	// account grant it (KMS guide, "Default key policy").
	Delegated bool
	Answer    Answer
}

// NewAccessTo tells what the updated documents of a resource allow that the
// existing ones do not, by who is allowed. Callers are told apart as the
// documents do: each that they name, the others of each account that they name,
// and everybody else. An empty list means that there is nothing new.
func NewAccessTo(existing, updated []Document, o Options) []CallerAnswer {
	var list []CallerAnswer
	all := slices.Concat(existing, updated)
	accounts := accountsIn(all)
	for _, c := range callersIn(all) {
		facts := factsOf(c, accounts)
		granted := Attachment{Caller: &c.caller, ByNames: ^policy.NamesAccount}
		delegated := Attachment{Caller: &c.caller, ByNames: policy.NamesAccount}
		before, now := AllowedBy(granted, existing...), AllowedBy(granted, updated...)
		for _, a := range [...]CallerAnswer{
			{Answer: now.Minus(before).known(facts).Find(o)},
			// What is granted needs no delegation.
			{Answer: AllowedBy(delegated, updated...).Minus(now).Minus(before).Minus(AllowedBy(delegated, existing...)).known(facts).Find(o), Delegated: true},
		} {
			if a.Answer.Any != policy.No {
				a.Callers = []string{c.name}
				list = addCaller(list, a)
			}
		}
	}
	return list
}

// known is Given for facts of our own making.
func (s Set) known(f Facts) Set {
	t, err := s.Given(f)
	if err != nil {
		panic("requestset: " + err.Error())
	}
	return t
}

// addCaller joins callers for whom the same holds.
func addCaller(list []CallerAnswer, a CallerAnswer) []CallerAnswer {
	for i := range list {
		if b := &list[i]; b.Delegated == a.Delegated && sameAnswer(b.Answer, a.Answer) {
			b.Callers = append(b.Callers, a.Callers...)
			return list
		}
	}
	return append(list, a)
}

func sameAnswer(a, b Answer) bool {
	return a.Any == b.Any && a.Complete == b.Complete &&
		slices.EqualFunc(a.Regions, b.Regions, func(r, s Region) bool { return r.String() == s.String() })
}

// Defect is why a statement could go.
type Defect string

// The defects.
const (
	// Dead: the statement applies to no request at all: its conditions exclude
	// each other, or it names no action that could be.
	Dead Defect = "dead"
	// Overridden: all that the statement allows is denied by another.
	Overridden Defect = "overridden"
	// Redundant: other statements of the same effect do all that it does.
	Redundant Defect = "redundant"
)

// Finding is a statement that could go without any request being decided
// otherwise.
type Finding struct {
	Statement Ref
	Defect    Defect
	// By are other statements, each of which alone makes it so. It is empty where
	// it takes several together.
	By []Ref
}

// Unneeded lists the statements of documents, taken together as one layer, that
// could all go at once without any request being decided otherwise. What could
// not be decided is not in the list.
func Unneeded(a Attachment, o Options, documents ...Document) []Finding {
	type place struct{ document, index int }
	var places []place
	for d := range documents {
		for i := range documents[d].Policy.Len() {
			places = append(places, place{d, i})
		}
	}
	gone := make(map[place]bool)
	others := func(p place, effect policy.Effect) Set {
		var s Set
		for _, q := range places {
			if q != p && !gone[q] && documents[q.document].Policy.Statement(q.index).Effect() == effect {
				s = s.Or(Statement(a, documents[q.document], q.index))
			}
		}
		return s
	}
	var list []Finding
	// From the end, so that of two alike the first stays.
	for _, p := range slices.Backward(places) {
		d := documents[p.document]
		s, own := d.Policy.Statement(p.index), Statement(a, d, p.index)
		f := Finding{Statement: Ref{Document: d.Name, Index: p.index, Sid: s.Sid(), Effect: s.Effect(), Position: s.Position()}}
		none := func(s Set) bool { return s.Find(o).Any == policy.No }
		switch {
		case none(own):
			f.Defect = Dead
		case s.Effect() == policy.Allow && none(own.Minus(others(p, policy.Deny))):
			f.Defect = Overridden
		case none(own.Minus(others(p, s.Effect()))):
			f.Defect = Redundant
		default:
			continue
		}
		if f.Defect != Dead {
			for _, q := range places {
				t := documents[q.document].Policy.Statement(q.index)
				by := Statement(a, documents[q.document], q.index)
				if q != p && !gone[q] && (t.Effect() == policy.Deny) == (s.Effect() == policy.Deny || f.Defect == Overridden) && none(own.Minus(by)) {
					f.By = append(f.By, Ref{Document: documents[q.document].Name, Index: q.index, Sid: t.Sid(), Effect: t.Effect(), Position: t.Position()})
				}
			}
		}
		gone[p] = true
		list = append(list, f)
	}
	slices.Reverse(list)
	// What goes itself is no reason for another to go.
	for i := range list {
		list[i].By = slices.DeleteFunc(list[i].By, func(r Ref) bool {
			return slices.ContainsFunc(list, func(f Finding) bool { return f.Statement == r })
		})
	}
	return list
}
