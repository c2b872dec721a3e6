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
type cause struct{ causeKey }

// causeKey tells causes apart.
type causeKey struct {
	// Open: it turns on missing.
	Open    bool
	missing string

	fault    diagnose.CauseKind
	layer    access.Layer
	explicit bool
	// document and statement are where a statement denies. element and key are what
	// of one that nearly allows does not fit, whichever it is: many have policies of
	// their own that lack the same.
	document, statement int
	element             policy.Element
	key                 string
	// service: the request is EC2's own, under the grant.
	service bool
	// kind is the cause's name.
	kind diagnose.CauseKind
}

// causes keeps each cause once.
type causes struct {
	mu   sync.RWMutex
	at   map[causeKey]int32
	list []*cause
}

func (c *causes) init() {
	c.at = make(map[causeKey]int32)
	c.list = []*cause{nil}
}

func (c *causes) find(key *causeKey) (int32, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n, ok := c.at[*key]
	return n, ok
}

// cause is the number of what a ruling tells.
func (s *survey) cause(class int, r *ruling, at *prepared) int32 {
	c := s.classes[class]
	key := causeKey{}
	if r.outcome == access.Depends {
		key.Open, key.missing = true, strings.Join(distinct(r.missing), "; ")
		return s.causes.number(&key)
	}
	key.fault = r.fault
	if r.fault != "" {
		key.kind = r.fault
		return s.causes.number(&key)
	}
	d := &r.decision
	key.layer, key.explicit, key.service = d.Layer, d.Outcome == access.ExplicitDeny, !at.byCaller
	if reason, near := reasonOf(d); near {
		key.element, key.key = reason.Failed.Element, strings.ToLower(reason.Failed.Key)
	} else if reason != nil {
		key.document, key.statement = s.document(reason, &c.caller, at.key), reason.Statement
	}
	key.kind = key.name(c, at)
	return s.causes.number(&key)
}

// name is the cause's name: by the layer that denies, and by what somebody wrote
// who meant to allow it. The doctor finds the same (kinds_test.go).
func (k *causeKey) name(c *principalClass, at *prepared) diagnose.CauseKind {
	action := at.request.Action
	stale := func(otherwise diagnose.CauseKind) diagnose.CauseKind {
		if p := at.key.Policy; p != nil && diagnose.NamesDeleted(p.Policy, action) {
			return diagnose.StalePrincipal
		}
		return otherwise
	}
	switch {
	case k.layer == access.BoundaryLayer:
		return diagnose.Boundary
	case k.layer == access.ServiceControlLayer:
		return diagnose.ServiceControlPolicy
	case k.layer == access.ResourceControlLayer:
		return diagnose.ResourceControlPolicy
	case k.layer == access.ResourceLayer && k.explicit:
		return diagnose.KeyPolicyDenied
	case k.explicit:
		return diagnose.IdentityDenied
	case c.Principal.Principal.ServiceLinked && accountOf(at.key.ARN) != c.account.ID:
		return diagnose.GrantMissing
	case k.element == policy.ConditionElement:
		return diagnose.ConditionMismatch
	case k.layer == access.ResourceLayer:
		return stale(diagnose.KeyPolicyMissing)
	case k.element == policy.ResourceElement:
		return diagnose.ResourceMismatch
	case c.odd && slices.ContainsFunc(c.docs, func(d access.Document) bool { return diagnose.Misspells(d.Policy, action) }):
		return diagnose.ActionMisspelt
	}
	return stale(diagnose.IdentityMissing)
}

// number is the cause's, which may be new.
func (c *causes) number(key *causeKey) int32 {
	if n, ok := c.find(key); ok {
		return n
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n, ok := c.at[*key]; ok {
		return n
	}
	n := int32(len(c.list))
	c.list = append(c.list, &cause{*key})
	c.at[*key] = n
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
