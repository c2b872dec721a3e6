package access

import (
	"slices"
	"strconv"

	"github.com/keyturn/keyturn/policy"
)

// decision puts the layers' words together.
func (e *evaluation) decision() Decision {
	d := Decision{Request: *e.request, Outcome: e.outcome()}
	e.giveReasons()
	e.notes()
	switch d.Outcome {
	case ExplicitDeny:
		l := e.denier()
		d.Layer, d.By = l.name, l.first(policy.Deny, 0)
	case Allowed:
		d.Layer, d.By = e.allower()
	default:
		d.Layer = e.missing(d.Outcome)
	}
	bearing := 0
	for _, l := range e.layers() {
		if l.bears {
			bearing++
		}
	}
	d.Layers = make([]LayerVerdict, bearing)
	next := d.Layers
	for _, l := range e.layers() {
		if l.bears {
			l.verdict(&next[0])
			next = next[1:]
		}
	}
	if d.Outcome == Depends {
		d.Missing = e.settlers()
	}
	return d
}

// denier is the first layer that denies explicitly. AWS names one layer and
// does not say which of several; ours is the first in the order of evaluation.
func (e *evaluation) denier() *layer {
	for _, l := range e.layers() {
		if l.deny == policy.Yes {
			return l
		}
	}
	return &e.identityPolicies
}

// allower is the layer and the statement or grant that gave the permission.
func (e *evaluation) allower() (Layer, *Reason) {
	if e.retires() {
		return GrantLayer, e.grants.first(policy.Allow, 0)
	}
	if !e.crossAccount() || e.accountless() {
		if r := e.resource.first(policy.Allow, directNames); r != nil {
			return r.Layer, r
		}
	}
	if e.grants.allow == policy.Yes {
		return GrantLayer, e.grants.first(policy.Allow, 0)
	}
	if e.identityPolicies.allow == policy.Yes {
		if r := e.identityPolicies.first(policy.Allow, 0); r != nil {
			return r.Layer, r
		}
	}
	if r := e.resource.first(policy.Allow, 0); r != nil {
		return r.Layer, r
	}
	return e.identityPolicies.name, nil
}

// missing is the layer whose permission is missing, or unknown: the one that
// AWS's message names.
func (e *evaluation) missing(o Outcome) Layer {
	// A denial is for what lacks for certain, not for what may.
	lacks := func(allow policy.Truth) bool { return allow == policy.No || o == Depends && allow == policy.Maybe }
	for _, l := range [...]*layer{&e.resourceControl, &e.serviceControl, &e.endpoint} {
		if lacks(l.allow) || o == Depends && l.deny == policy.Maybe {
			return l.name
		}
	}
	switch {
	case e.retires():
		return e.missingOwn(o, IdentityLayer)
	case e.accountless():
		return e.resource.name
	case e.crossAccount():
		return e.missingOwn(o, e.resource.name)
	case e.resource.by[limited] == policy.Yes:
		// The resource names the role: only boundary or session stand in the way.
		if lacks(e.boundary.allow) {
			return BoundaryLayer
		}
		if lacks(e.session.allow) {
			return SessionLayer
		}
	case e.kind != OrdinaryResource && lacks(e.resource.by[delegating]):
		return e.resource.name
	}
	return e.missingOwn(o, IdentityLayer)
}

// missingOwn is the first of the caller's own layers that does not allow, or
// otherwise the given one.
func (e *evaluation) missingOwn(o Outcome, otherwise Layer) Layer {
	for _, l := range [...]*layer{&e.identityPolicies, &e.boundary, &e.session} {
		if l.allow == policy.No || o == Depends && (l.allow == policy.Maybe || l.deny == policy.Maybe) {
			return l.name
		}
	}
	return otherwise
}

// settlers lists the keys and documents without which a decision depends.
func (e *evaluation) settlers() []string {
	var list []string
	add := func(s string) {
		if s != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	for _, l := range e.layers() {
		if !e.turnsOn(l) {
			continue
		}
		for _, what := range l.unread {
			add(what)
		}
		for i := range l.reasons {
			if f := l.reasons[i].Failed; f != nil && f.Unknown {
				if f.Variable != "" {
					add(f.Variable)
				} else {
					add(f.Key)
				}
			}
		}
	}
	return list
}

// turnsOn reports whether an unknown in the layer can change the outcome: with
// the layer's unknowns out of the way in some combination, the outcome differs.
func (e *evaluation) turnsOn(l *layer) bool {
	if l.deny != policy.Maybe && l.allow != policy.Maybe && !slices.Contains(l.by[:], policy.Maybe) {
		return false
	}
	saved := *l
	defer func() { *l = saved }()
	settle := func(deny, allow policy.Truth) Outcome {
		*l = saved
		if l.deny == policy.Maybe {
			l.deny = deny
		}
		if l.allow == policy.Maybe {
			l.allow = allow
		}
		for c := range l.by {
			if l.by[c] == policy.Maybe {
				l.by[c] = allow
			}
		}
		return e.outcome()
	}
	best, worst, denied := settle(policy.No, policy.Yes), settle(policy.No, policy.No), settle(policy.Yes, policy.No)
	return best != worst || best != denied
}

// notes says in words what no statement can.
func (e *evaluation) notes() {
	for _, l := range e.layers() {
		if l.note == "" && l.bears {
			l.note = e.note(l)
		}
		if l.note == "" && l.bears && len(l.reasons) == 0 {
			l.note = "no statement of it is about " + e.request.Action + " here"
		}
	}
}

func (e *evaluation) note(l *layer) string {
	action := e.request.Action
	if len(l.unread) > 0 {
		return "could not be read: " + l.unread[0]
	}
	switch l {
	case &e.resource:
		return e.resourceNote()
	case &e.grants:
		switch {
		case l.allow == policy.No && e.retires():
			return "the principal is neither the grant's retiring principal, nor a grantee that may retire it, nor let by their account"
		case l.allow == policy.No:
			return "no grant on the key lets the caller perform " + action + " with this encryption context"
		}
	case &e.identityPolicies:
		switch {
		case e.request.Principal.IdentityOnly:
			return "the instance's infrastructure role has no identity-based policies: a grant or the key policy must allow"
		case len(e.policies.Identity) == 0:
			return "the principal has no identity-based policies"
		case l.allow == policy.No && l.deny == policy.No:
			return "no statement of the principal's identity-based policies allows " + action + " here"
		}
	case &e.boundary:
		if l.allow == policy.No && l.deny == policy.No {
			return "no statement of the permissions boundary allows " + action + " here"
		}
	case &e.session:
		switch {
		case len(e.policies.Session) == 0:
			return "the session has no session policy that could allow anything"
		case l.allow == policy.No && l.deny == policy.No:
			return "no statement of the session policies allows " + action + " here"
		}
	}
	return ""
}

func (e *evaluation) resourceNote() string {
	r, action := e.resource, e.request.Action
	account := e.request.Principal.Account
	switch {
	case e.kind == KMSKey && e.retires():
		return "a key policy has no effect on kms:RetireGrant: the grant tells who may retire it"
	case e.kind == KMSKey && e.withoutPolicy():
		return "the key has no policy that names the account, so nobody can use it"
	case e.kind == KMSKey && r.allow == policy.No && account == "":
		return "the key policy allows the service no " + action
	case e.kind == KMSKey && r.allow == policy.No:
		return "the key policy has no statement that allows " + action + " to the principal, nor one that lets IAM policies of account " + account + " decide"
	case e.kind == KMSKey && r.by[direct] == policy.No && r.by[limited] == policy.No && r.by[delegating] == policy.Yes:
		return "the key policy lets IAM policies of account " + account + " decide about " + action
	case e.kind == RoleTrust && e.withoutPolicy():
		return "the role has no trust policy"
	case e.kind == RoleTrust && r.allow == policy.No:
		return "the role's trust policy does not let the principal perform " + action
	case e.kind == RoleTrust && r.by[direct] == policy.No && r.by[limited] == policy.No && r.by[delegating] == policy.Yes:
		return "the role's trust policy lets IAM policies of account " + account + " decide"
	case r.allow != policy.No || !e.crossAccount():
	case e.withoutPolicy():
		return "the resource has no policy that could let " + e.stranger() + " in"
	default:
		return "the resource's policy allows " + e.stranger() + " no " + action
	}
	return ""
}

// withoutPolicy reports whether the resource has no policy of its own.
func (e *evaluation) withoutPolicy() bool {
	r := e.policies.Resource
	return r == nil || r.Document.Policy == nil
}

// stranger words a caller who is not of the resource's account.
func (e *evaluation) stranger() string {
	switch {
	case e.request.Principal.ServicePrincipal != "":
		return "the service"
	case e.accountless():
		return "a caller without an account"
	}
	return "the other account's principal"
}

// levelNote names a level of the organization that allows nothing.
func levelNote(level, levels int, action string) string {
	where := "level " + strconv.Itoa(level+1) + " of the organization"
	switch level {
	case 0:
		where = "the organization's root"
	case levels - 1:
		where = "the account"
	}
	return "no service control policy at " + where + " allows " + action + ": every level must"
}
