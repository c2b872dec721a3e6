package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// maxWorlds bounds how many worlds are tried. Beyond it a decision that depends
// on some unknown stays so, which is true or errs on the side of asking.
const maxWorlds = 4000

// settle makes a decision that seems to depend exact: statements that turn on
// the same key may settle it together ("Allow if x=1" and "Allow if x≠1"). It
// tries whatever the unknowns could be, as far as policies tell it apart, and
// then says the outcome, or which of the unknowns matter and how.
func (e *evaluation) settle(d *Decision) {
	a := e.analysis()
	root := a.build(&world{})
	if root == nil {
		d.Settle = a.unsettled(d.Missing)
		return
	}
	if root.next == nil {
		d.Outcome, d.Missing = a.outcome(), nil
		w := a.decide(a.first[d.Outcome])
		d.Layer, d.By = w.Layer, w.By
		return
	}
	d.Missing, d.Settle = nil, a.settlements(root)
	for i := range d.Settle {
		if s := &d.Settle[i]; !slices.Contains(d.Missing, s.name()) {
			d.Missing = append(d.Missing, s.name())
		}
	}
}

// settled is settle for the outcome alone.
func (e *evaluation) settled() Outcome {
	a := e.analysis()
	a.brief = true
	if root := a.build(&world{}); root == nil || root.next != nil {
		return Depends
	}
	return a.outcome()
}

// analysis is a decision diagram in the making.
type analysis struct {
	base     *evaluation // in which nothing unknown is settled
	unknowns []unknown
	open     []*policy.Statement
	asks     map[string]policy.Ask
	split    map[string][]alternative
	worlds   int
	brief    bool // give up as soon as the outcome is known to depend
	nodes    map[string]*node
	first    map[Outcome]*world // one world of each outcome
}

// node asks one unknown, and goes on for each of its alternatives; a leaf has
// no next. Nodes that ask the same and go on alike are one, and a node whose
// ways all lead to one is that one: so an unknown is asked only if it matters.
type node struct {
	id           int
	allowed      bool
	unknown      int
	alternatives []alternative
	next         []*node
}

func (e *evaluation) analysis() *analysis {
	a := &analysis{
		base: e, asks: make(map[string]policy.Ask), split: make(map[string][]alternative),
		nodes: make(map[string]*node), first: make(map[Outcome]*world),
	}
	e.eachOpen(func(s *policy.Statement) {
		a.open = append(a.open, s)
		s.Unknowns(&e.env, a.key)
	})
	for i := range e.policies.Grants {
		if e.grants.bears && e.matchGrant(&e.policies.Grants[i]).applies == policy.Maybe {
			a.grant(&e.keys, &e.policies.Grants[i])
		}
	}
	for _, u := range e.policies.Unread {
		l := e.unreadLayer(u.Layer)
		if l == nil {
			continue
		}
		i := slices.IndexFunc(a.unknowns, func(v unknown) bool { return v.layer == u.Layer })
		if i < 0 {
			i = len(a.unknowns)
			a.unknowns = append(a.unknowns, unknown{layer: u.Layer})
		}
		a.unknowns[i].what = append(a.unknowns[i].what, u.What)
	}
	return a
}

// key notes an unknown key.
func (a *analysis) key(name string) {
	key := strings.ToLower(name)
	if !slices.ContainsFunc(a.unknowns, func(u unknown) bool { return u.key == key }) {
		a.unknowns = append(a.unknowns, unknown{key: key, name: name})
	}
}

// grant notes the keys that a grant turns on, and the values it compares with.
func (a *analysis) grant(k *keys, g *Grant) {
	ask := func(name string, literals ...string) {
		key := strings.ToLower(name)
		if _, _, unknown := k.Get(key); !unknown {
			return
		}
		a.key(name)
		x := a.asks[key]
		x.Literals = append(x.Literals, literals...)
		a.asks[key] = x
	}
	for _, pairs := range [...]map[string]string{g.ContextEquals, g.ContextSubset} {
		for name, value := range pairs {
			ask("kms:EncryptionContext:"+name, value)
		}
	}
	if g.ContextEquals != nil {
		for key := range k.request.Context.unknown {
			if name, found := strings.CutPrefix(key, encryptionContext); found && !strings.HasSuffix(name, "*") {
				ask("kms:EncryptionContext:" + name)
			}
		}
		ask("kms:EncryptionContext:*")
		ask("kms:GrantConstraintType", "EncryptionContextEquals")
	}
	ask("kms:GrantOperations", g.Operations...)
}

// eachOpen visits the statements of which it is unknown whether they apply.
func (e *evaluation) eachOpen(visit func(*policy.Statement)) {
	read := func(l *layer, resourceBased, implied bool, documents ...Document) {
		if !l.bears {
			return
		}
		e.env.ResourceBased, e.env.ImpliedResource = resourceBased, implied
		defer func() { e.env.ResourceBased, e.env.ImpliedResource = false, false }()
		for i := range documents {
			p := documents[i].Policy
			if p == nil {
				continue
			}
			for j := range p.Len() {
				if s := p.Statement(j); s.Match(&e.env).Applies == policy.Maybe {
					visit(s)
				}
			}
		}
	}
	p := e.policies
	for _, level := range p.ResourceControl {
		read(&e.resourceControl, true, false, level...)
	}
	for _, level := range p.ServiceControl {
		read(&e.serviceControl, false, false, level...)
	}
	if p.Endpoint != nil {
		read(&e.endpoint, true, false, *p.Endpoint)
	}
	if p.Resource != nil {
		read(&e.resource, true, e.kind == RoleTrust, p.Resource.Document)
	}
	read(&e.identityPolicies, false, false, p.Identity...)
	if p.Boundary != nil {
		read(&e.boundary, false, false, *p.Boundary)
	}
	read(&e.session, false, false, p.Session...)
}

// evaluate decides in a world. The evaluation is for the caller to release.
func (a *analysis) evaluate(w *world, brief bool) *evaluation {
	e := evaluations.Get().(*evaluation)
	w.asked = make(map[string]bool)
	e.start(a.base.request, a.base.policies)
	e.keys.world = w
	e.brief = brief
	e.evaluate()
	return e
}

// decide is the decision of a world in which nothing matters any more.
func (a *analysis) decide(w *world) Decision {
	e := a.evaluate(w, false)
	defer e.release()
	return e.decision()
}

// outcome is that of all worlds where they agree whether the request is allowed:
// a denial is explicit only if it is so in all of them.
func (a *analysis) outcome() Outcome {
	for _, o := range [...]Outcome{Allowed, ImplicitDeny} {
		if a.first[o] != nil {
			return o
		}
	}
	return ExplicitDeny
}

// build makes the diagram of what is left open in a world. It is nil where that
// cannot be told.
func (a *analysis) build(w *world) *node {
	if a.worlds++; a.worlds > maxWorlds || a.brief && a.first[Allowed] != nil && len(a.first) > 1 {
		return nil
	}
	e := a.evaluate(w, true)
	o, n := e.outcome(), new(node)
	if i := a.next(w); o == Depends && i >= 0 {
		n.alternatives, n.unknown = a.alternatives(i, w, e)
	}
	e.release()
	switch {
	case o != Depends:
		if a.first[o] == nil {
			a.first[o] = w
		}
		n.allowed = o == Allowed
		return a.intern(n)
	case n.alternatives == nil:
		return nil
	}
	for j := range n.alternatives {
		next := a.build(w.with(&a.unknowns[n.unknown], &n.alternatives[j]))
		if next == nil {
			return nil
		}
		n.next = append(n.next, next)
	}
	if !slices.ContainsFunc(n.next, func(m *node) bool { return m != n.next[0] }) {
		return n.next[0]
	}
	return a.intern(n)
}

// next is the first unknown that the last evaluation of the world asked for.
func (a *analysis) next(w *world) int {
	for i := range a.unknowns {
		if u := &a.unknowns[i]; !w.knows(u) && (u.key == "" || w.asked[u.key]) {
			return i
		}
	}
	return -1
}

// alternatives are those of an unknown, or of another with which policies
// compare it, and which of the two it is.
func (a *analysis) alternatives(i int, w *world, e *evaluation) ([]alternative, int) {
	u := &a.unknowns[i]
	if u.key == "" {
		var list []alternative
		for j := range readings(u.layer) {
			list = append(list, alternative{reading: &readings(u.layer)[j]})
		}
		return list, i
	}
	if list := a.always(u.key); list != nil {
		return list, i
	}
	choices, related, exact := policy.Split(u.key, a.open, &e.env, a.ask(u.key))
	for _, key := range related {
		j := slices.IndexFunc(a.unknowns, func(v unknown) bool { return v.key == key })
		if j < 0 || slices.Contains(related, u.key) {
			return nil, i
		}
		if a.unknowns[j].key != u.key && !w.knows(&a.unknowns[j]) {
			// Its own choices must not wait for this one in turn.
			other, circle, exact := policy.Split(key, a.open, &e.env, a.ask(key))
			if !exact || len(circle) > 0 {
				return nil, i
			}
			return choicesOf(other), j
		}
	}
	if !exact {
		return nil, i
	}
	return choicesOf(choices), i
}

// always are the alternatives of a key that turn on no other key, if they do not.
func (a *analysis) always(key string) []alternative {
	list, ok := a.split[key]
	if !ok {
		if choices, related, exact := policy.Split(key, a.open, &a.base.env, a.ask(key)); exact && len(related) == 0 {
			list = choicesOf(choices)
		}
		a.split[key] = list
	}
	return list
}

func choicesOf(choices []policy.Choice) []alternative {
	list := make([]alternative, len(choices))
	for i := range choices {
		list[i].choice = choices[i]
	}
	return list
}

// intern gives the one node of its kind.
func (a *analysis) intern(n *node) *node {
	var b strings.Builder
	fmt.Fprint(&b, n.unknown, n.allowed)
	for i := range n.next {
		fmt.Fprintf(&b, " %+v %d", n.alternatives[i].public(), n.next[i].id)
	}
	if m := a.nodes[b.String()]; m != nil {
		return m
	}
	n.id = len(a.nodes)
	a.nodes[b.String()] = n
	return n
}

// settlements says for each unknown that the diagram asks what its alternatives
// lead to.
func (a *analysis) settlements(root *node) []Settlement {
	var list []Settlement
	for i := range a.unknowns {
		u := &a.unknowns[i]
		alternatives := root.asks(i)
		if len(alternatives) == 0 {
			continue
		}
		s := Settlement{Key: u.name, Layer: u.layer}
		for j := range alternatives {
			allowed, denied := root.reaches(i, &alternatives[j], make(map[*node][2]bool))
			switch p := alternatives[j].public(); {
			case allowed && denied:
				s.Open = append(s.Open, p)
			case allowed:
				s.Allow = append(s.Allow, p)
			case denied:
				s.Deny = append(s.Deny, p)
			}
		}
		if u.key != "" {
			list = append(list, s)
		}
		for _, what := range u.what {
			s.Document = what
			list = append(list, s)
		}
	}
	return list
}

// asks lists the alternatives of an unknown wherever the diagram asks it.
func (n *node) asks(unknown int) []alternative {
	var list []alternative
	seen := make(map[*node]bool)
	var visit func(*node)
	visit = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for i := range n.next {
			if n.unknown == unknown && !slices.ContainsFunc(list, n.alternatives[i].same) {
				list = append(list, n.alternatives[i])
			}
			visit(n.next[i])
		}
	}
	visit(n)
	return list
}

func (a *alternative) same(b alternative) bool {
	return a.reading == b.reading && a.choice.Absent == b.choice.Absent && slices.Equal(a.choice.Values, b.choice.Values)
}

// reaches tells which outcomes are left if an unknown is this alternative.
func (n *node) reaches(unknown int, a *alternative, seen map[*node][2]bool) (allowed, denied bool) {
	if n.next == nil {
		return n.allowed, !n.allowed
	}
	if known, ok := seen[n]; ok {
		return known[0], known[1]
	}
	for i := range n.next {
		if n.unknown == unknown && !n.alternatives[i].same(*a) {
			continue
		}
		x, y := n.next[i].reaches(unknown, a, seen)
		allowed, denied = allowed || x, denied || y
	}
	seen[n] = [2]bool{allowed, denied}
	return allowed, denied
}

// unsettled names what is missing where no alternatives can be given.
func (a *analysis) unsettled(missing []string) []Settlement {
	list := make([]Settlement, len(missing))
	for i, name := range missing {
		list[i] = Settlement{Key: name}
		for j := range a.unknowns {
			if u := &a.unknowns[j]; slices.Contains(u.what, name) {
				list[i] = Settlement{Layer: u.layer, Document: name}
			}
		}
	}
	return list
}

// ask is what is known of a key beyond the policies that ask for it: by the
// Service Authorization Reference how many values it has, and of which type. A
// key that is not in it has at most one value, unless a policy asks for it by a
// set operator.
func (a *analysis) ask(key string) policy.Ask {
	ask := a.asks[key]
	if k, ok := serviceref.LookupKey(key); ok {
		ask.Multivalued, ask.Boolean = k.Type.Multivalued(), k.Type == serviceref.Bool
	}
	ask.Present = slices.Contains(present, key)
	return ask
}

// present are keys that every request has, signed or not (IAM guide, "AWS global
// condition context keys").
var present = []string{"aws:currenttime", "aws:epochtime", "aws:securetransport"}
