package requestset

import (
	"slices"

	"github.com/keyturn/keyturn/policy"
)

// Document is a policy and what it is called.
type Document struct {
	Name   string
	Policy *policy.Policy
}

// Ref names a statement.
type Ref struct {
	Document string
	// Index is the statement's place in the document, from 0.
	Index    int
	Sid      string
	Effect   policy.Effect
	Position policy.Position
}

// Set is a set of requests: a condition on the action, the resource and the
// condition keys. It is immutable. The zero Set is empty.
type Set struct {
	build func(*compiler) *formula
	// caller is whom the documents of resources were read for.
	caller *policy.Caller
}

func (s Set) formula(c *compiler) *formula {
	if s.build == nil {
		return never
	}
	return s.build(c)
}

// Attachment tells what documents are attached to, and so whom they are about.
// The zero Attachment is a principal: identity-based policies, boundaries,
// session policies and service control policies name nobody.
type Attachment struct {
	// Caller is whom the documents of a resource are read for; nil for those
	// that are attached to a principal.
	Caller *policy.Caller
	// ByNames are the ways of naming the caller that count, for the Allow
	// statements of a resource's documents; 0 for all of them. A statement that
	// names only the caller's account lets that account decide (NamesAccount).
	ByNames policy.Names
	// ImpliedResource is as in policy.Env: the document is about what it is
	// attached to, as a role's trust policy is.
	ImpliedResource bool
}

// Allowed is what documents allow together: to what an Allow statement of one
// applies and no Deny statement of any (IAM guide, "Policy evaluation logic").
func Allowed(documents ...Document) Set { return AllowedBy(Attachment{}, documents...) }

// AllowedBy is Allowed for documents that are attached to something.
func AllowedBy(a Attachment, documents ...Document) Set {
	return Granted(a, documents...).Minus(Denied(a, documents...))
}

// Granted is what Allow statements apply to, whatever is denied.
func Granted(a Attachment, documents ...Document) Set { return ofEffect(policy.Allow, a, documents) }

// Denied is what Deny statements apply to.
func Denied(a Attachment, documents ...Document) Set { return ofEffect(policy.Deny, a, documents) }

// Statement is what one statement of a document applies to, be it Allow or Deny.
func Statement(a Attachment, d Document, index int) Set {
	return Set{caller: a.Caller, build: func(c *compiler) *formula { return c.of(a, d, index) }}
}

func ofEffect(effect policy.Effect, a Attachment, documents []Document) Set {
	documents = slices.Clone(documents)
	return Set{caller: a.Caller, build: func(c *compiler) *formula {
		var kids []*formula
		for _, d := range documents {
			for i := range d.Policy.Len() {
				if d.Policy.Statement(i).Effect() == effect {
					kids = append(kids, c.of(a, d, i))
				}
			}
		}
		return or(kids...)
	}}
}

// of compiles one statement of a document.
func (c *compiler) of(a Attachment, d Document, index int) *formula {
	s := d.Policy.Statement(index)
	caller := a.Caller
	if caller == nil {
		caller = &policy.Caller{}
	}
	o := docOptions{resourceBased: a.Caller != nil, impliedResource: a.ImpliedResource}
	if names, _ := s.NamesCaller(caller, o.resourceBased); a.ByNames != 0 && s.Effect() == policy.Allow && !names.Has(a.ByNames) {
		return never
	}
	ref := Ref{Document: d.Name, Index: index, Sid: s.Sid(), Effect: s.Effect(), Position: s.Position()}
	return c.statement(ref, d.Policy, s, caller, o)
}

// And is what is in both sets.
func (s Set) And(t Set) Set { return s.with(t, func(f, g *formula) *formula { return and(f, g) }) }

// Or is what is in either set.
func (s Set) Or(t Set) Set { return s.with(t, func(f, g *formula) *formula { return or(f, g) }) }

// Minus is what is in s and not in t.
func (s Set) Minus(t Set) Set {
	return s.with(t, func(f, g *formula) *formula { return and(f, not(g)) })
}

func (s Set) with(t Set, join func(f, g *formula) *formula) Set {
	caller := s.caller
	if caller == nil {
		caller = t.caller
	}
	return Set{caller: caller, build: func(c *compiler) *formula { return join(s.formula(c), t.formula(c)) }}
}

// Holds reports whether a request is in the set, as the matcher has it. Keys are
// by names in lower case; those that are not there are absent.
func (s Set) Holds(r Request) bool {
	c := &compiler{}
	q := &question{compiler: c, formula: s.formula(c), caller: s.caller}
	if q.caller == nil {
		q.caller = &policy.Caller{}
	}
	return q.holds(q.formula, &r)
}

// Options refine a question. The zero Options will do.
type Options struct {
	// Regions is how many regions an answer lists at most; 0 means 16.
	Regions int
	// Cardinality tells how many values a key has in a request, by its name in
	// lower case. Without it the Service Authorization Reference does.
	Cardinality func(key string) Cardinality
	// Resource is the ARN that all requests are about; empty means any.
	Resource string
	// Except leaves out the requests of a set.
	Except Set
	// Known leaves out requests that the Service Authorization Reference does not
	// know: of actions that do not exist, on resources that the action is not
	// checked on, with condition keys that the action does not have. Regions are
	// told in the documents' words all the same.
	Known bool
}

// Answer says whether a set holds any request, and which.
type Answer struct {
	// Any is Yes if there is a request in the set, and then Regions has at least
	// one with an Example; No if there is none; Maybe if that could not be decided.
	Any policy.Truth
	// Regions together are the set, if Complete; otherwise they are a part of it.
	Regions  []Region
	Complete bool
	// Doubt says why Any is Maybe.
	Doubt []string
}

// question is one set being looked into.
type question struct {
	compiler *compiler
	theory   *theory
	formula  *formula
	caller   *policy.Caller
	options  Options
}

// defaultRegions is how many regions are listed if nobody says otherwise.
const defaultRegions = 16

// Find looks for the requests in the set.
func (s Set) Find(o Options) Answer {
	if o.Regions == 0 {
		o.Regions = defaultRegions
	}
	if o.Cardinality == nil {
		o.Cardinality = referenceCardinality
	}
	if o.Resource != "" {
		s = s.OnResource(o.Resource)
	}
	if o.Except.build != nil {
		s = s.Minus(o.Except)
	}
	c := &compiler{}
	q := &question{compiler: c, formula: s.formula(c), caller: s.caller, options: o}
	if q.caller == nil {
		q.caller = &policy.Caller{}
	}
	q.theory = &theory{compiler: c, cardinality: o.Cardinality, texts: make(map[string]found), keys: make(map[string]keyState)}
	return q.answer()
}

// maxLeaves bounds how many boxes are looked at for the regions that are listed.
const maxLeaves = 1000

func (q *question) answer() Answer {
	a := Answer{Any: policy.No, Complete: true}
	leaves := 0
	s := solver{theory: q.theory, leaf: func(b *box) bool {
		leaves++
		example := b
		if q.options.Known {
			if example = q.known(b); example == nil {
				return leaves < maxLeaves
			}
		}
		r := q.region(b)
		r.Example = q.witness(example)
		switch {
		case r.Example != nil:
			a.Any = policy.Yes
		case a.Any != policy.Yes:
			a.Any = policy.Maybe
			a.Doubt = appendNew(a.Doubt, b.doubt...)
			if len(b.doubt) == 0 {
				a.Doubt = appendNew(a.Doubt, "it turns on how values of the request compare with each other")
			}
		}
		a.Regions = q.addRegion(a.Regions, r)
		if len(a.Regions) > q.options.Regions || leaves == maxLeaves {
			a.Regions, a.Complete = a.Regions[:min(len(a.Regions), q.options.Regions)], false
			return a.Any != policy.Yes && leaves < maxLeaves
		}
		return true
	}}
	s.solve(&box{}, []item{{f: q.formula}}, nil)
	if s.gaveUp {
		a.Complete = false
		if a.Any == policy.No {
			a.Any = policy.Maybe
			a.Doubt = appendNew(a.Doubt, "the documents are too large to compare in bounded time")
		}
	}
	if a.Any == policy.Yes {
		a.Doubt = nil
	}
	return a
}

func appendNew(list []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}
