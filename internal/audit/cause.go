package audit

import (
	"slices"
	"strings"
	"sync"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/policy"
)

// cause is why a class of principals cannot use a class of keys, or why that is
// not known. Denials that have the same cause are one group.
type cause struct {
	causeKey
	kind      diagnose.CauseKind
	statement *diagnose.Statement
}

// causeKey tells causes apart.
type causeKey struct {
	// Open: it turns on missing.
	Open    bool
	missing string

	fault    diagnose.CauseKind
	layer    access.Layer
	explicit bool
	// document and statement are where a statement denies or nearly allows; element
	// and key are what of it does not fit.
	document, statement int
	element             policy.Element
	key                 string
	// service: the request is EC2's own, under the grant.
	service bool
	// odd and stale number a class where something else in it may be the cause.
	odd, stale int
}

// causes keeps each cause once.
type causes struct {
	mu    sync.RWMutex
	at    map[causeKey]int32
	list  []*cause
	alias map[causeKey]int32
}

func (c *causes) init() {
	c.at, c.alias = make(map[causeKey]int32), make(map[causeKey]int32)
	c.list = []*cause{nil}
}

func (c *causes) find(key *causeKey) (int32, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if n, ok := c.at[*key]; ok {
		return n, true
	}
	n, ok := c.alias[*key]
	return n, ok
}

// cause is the number of what a ruling tells.
func (s *survey) cause(a *ask, class int, r *ruling, at *prepared) int32 {
	c := s.classes[class]
	key := causeKey{}
	if r.outcome == access.Depends {
		key.Open, key.missing = true, strings.Join(distinct(r.missing), "; ")
		return s.intern(key, func() cause { return cause{causeKey: key} })
	}
	key.fault = r.fault
	if r.fault != "" {
		return s.intern(key, func() cause { return cause{causeKey: key, kind: r.fault} })
	}
	d := &r.decision
	key.layer, key.explicit, key.service = d.Layer, d.Outcome == access.ExplicitDeny, !at.byCaller
	reason, near := reasonOf(d)
	if reason != nil {
		key.document, key.statement = s.document(reason, &c.caller, at.key), reason.Statement
		if near {
			key.element, key.key = reason.Failed.Element, strings.ToLower(reason.Failed.Key)
		}
	}
	if !key.explicit && !key.service {
		if c.odd {
			key.odd = class + 1
		}
		if s.keys[a.class].stale {
			key.stale = a.class + 1
		}
	}
	if n, ok := s.causes.find(&key); ok {
		return n
	}
	kind, statement := s.kind(a, &c.caller, at.byCaller)
	plain := key
	if kind != diagnose.ActionMisspelt {
		plain.odd = 0
	}
	if kind != diagnose.StalePrincipal {
		plain.stale = 0
	}
	n := s.intern(plain, func() cause { return cause{plain, kind, statement} })
	s.causes.mu.Lock()
	s.causes.alias[key] = n
	s.causes.mu.Unlock()
	return n
}

func (s *survey) intern(key causeKey, make func() cause) int32 {
	if n, ok := s.causes.find(&key); ok {
		return n
	}
	s.causes.mu.Lock()
	defer s.causes.mu.Unlock()
	if n, ok := s.causes.at[key]; ok {
		return n
	}
	c := make()
	n := int32(len(s.causes.list))
	s.causes.list = append(s.causes.list, &c)
	s.causes.at[key] = n
	return n
}

func distinct(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// document is the number of the document that a reason is from.
func (s *survey) document(r *access.Reason, p *caller, k *Key) int {
	is := func(d *access.Document) bool { return d.Name == r.Document && d.ARN == r.ARN }
	switch r.Layer {
	case access.IdentityLayer:
		for i := range p.docs {
			if is(&p.docs[i]) {
				return s.lens.documents[p.docs[i].Policy.Text()]
			}
		}
	case access.BoundaryLayer:
		return s.lens.documents[p.Boundary.Policy.Text()]
	case access.ResourceLayer:
		return s.lens.documents[k.Policy.Policy.Text()]
	}
	for _, at := range s.places {
		for _, levels := range [...][][]access.Document{at.service, at.resource} {
			for _, level := range levels {
				for i := range level {
					if is(&level[i]) {
						return s.lens.documents[level[i].Policy.Text()]
					}
				}
			}
		}
	}
	return 0
}

// kind asks the doctor for the name of a cause.
func (s *survey) kind(a *ask, p *caller, byCaller bool) (diagnose.CauseKind, *diagnose.Statement) {
	e := s.evidence(a.region, p.Principal, []int{a.key}, a.volume, a.part != attach)
	if c, ok := e.FirstCause(); ok {
		return c.Kind, c.Statement
	}
	if !byCaller {
		return diagnose.KeyPolicyDenied, nil
	}
	return diagnose.IdentityMissing, nil
}

// evidence is what a diagnosis of the principal's start, or launch, would stand on.
func (s *survey) evidence(g *Region, p *Principal, keys []int, volume string, launching bool) *diagnose.Evidence {
	e := &diagnose.Evidence{
		Site: g.Site, Organization: s.inventory.Organization, NoOrganization: s.inventory.NoOrganization, Forecast: true,
		Instance: diagnose.Instance{ID: exampleInstance, State: "stopped"},
		Caller: &diagnose.Caller{
			Type: string(p.Principal.Type), ARN: p.Principal.ARN, Role: p.Principal.RoleARN, Principal: p.Principal, Identity: p.Identity, Limit: p.Boundary,
		},
	}
	if launching {
		e.Instance.State = "terminated"
	}
	s.setCaller(&e.Caller.Context, p)
	for i, n := range keys {
		k := s.judge.keys.list[n]
		v := diagnose.Volume{Device: "/dev/sd" + string(rune('b'+i)), Encrypted: true, Key: k.ARN}
		if i == 0 && volume != "" {
			v.ID = volume
		}
		if v.ID == "" && !launching {
			v.ID = "vol-" + nameless[:16] + string(rune('0'+i))
		}
		e.Volumes = append(e.Volumes, v)
		e.Keys = append(e.Keys, k.Key)
	}
	return e
}
