package access

import (
	"strings"
	"sync"

	"github.com/keyturn/keyturn/policy"
)

// Decide tells whether a request may go through, and why. It evaluates every
// layer, whatever the others say, so that all reasons are there; [Check]
// answers the same without them.
//
// Condition keys that follow from the request, such as aws:PrincipalArn and
// kms:CallerAccount, need not be in its Context; where they are, the Context
// counts.
func Decide(r Request, p Policies) Decision {
	e := evaluations.Get().(*evaluation)
	e.givenRequest, e.givenPolicies = r, p
	e.start(&e.givenRequest, &e.givenPolicies)
	e.evaluate()
	d := e.decision()
	if d.Outcome == Depends {
		e.settle(&d)
	}
	e.release()
	return d
}

// Check is Decide's outcome alone, for where nobody asks for reasons. It
// allocates nothing, not even for policy variables.
func Check(r *Request, p *Policies) Outcome {
	e := evaluations.Get().(*evaluation)
	e.start(r, p)
	e.brief = true
	e.evaluate()
	o := e.outcome()
	if o == Depends {
		o = e.settled()
	}
	e.release()
	return o
}

// evaluations are kept: they are large, and hold pointers into themselves, so
// they do not live on the stack.
var evaluations = sync.Pool{New: func() any {
	e := new(evaluation)
	e.order = [...]*layer{
		&e.resourceControl, &e.serviceControl, &e.endpoint, &e.resource, &e.grants,
		&e.identityPolicies, &e.boundary, &e.session,
	}
	return e
}}

// release gives an evaluation back with its memory. What Decide was given, and
// what was noted of it, stays in it until the next one, or until the pool is
// emptied: clearing it would cost a tenth of a decision.
func (e *evaluation) release() {
	e.request, e.policies, e.keys.request, e.keys.world = nil, nil, nil, nil
	for _, l := range e.layers() {
		l.reset()
	}
	e.brief = false
	evaluations.Put(e)
}

// evaluation is one request being decided.
type evaluation struct {
	request  *Request
	policies *Policies
	caller   policy.Caller
	keys     keys
	env      policy.Env
	kind     ResourceKind
	retiring bool
	// brief: no reasons are wanted.
	brief bool
	// candidates is scratch: the statements of a document to look at.
	candidates []int32
	// givenRequest and givenPolicies are Decide's, which come by value.
	givenRequest  Request
	givenPolicies Policies

	resourceControl, serviceControl, endpoint layer
	resource, grants                          layer
	identityPolicies, boundary, session       layer
	order                                     [8]*layer
}

func (e *evaluation) start(r *Request, p *Policies) {
	e.request, e.policies, e.caller = r, p, r.Principal.Caller()
	e.caller.Bounded = p.Boundary != nil
	e.keys.request = r
	e.env.Reset(r.Action, r.Resource, &e.caller, &e.keys)
	e.kind = e.resourceKind()
	e.retiring = e.kind == KMSKey && len(r.Action) == len(retireGrant) && strings.EqualFold(r.Action, retireGrant)
}

// evaluate asks every layer for its own word.
func (e *evaluation) evaluate() {
	e.evaluateResourceControl(&e.resourceControl)
	e.evaluateServiceControl(&e.serviceControl)
	e.evaluateEndpoint(&e.endpoint)
	e.evaluateResource(&e.resource)
	e.evaluateGrants(&e.grants)
	e.evaluateIdentity(&e.identityPolicies)
	e.evaluateBoundary(&e.boundary)
	e.evaluateSession(&e.session)
	e.addUnread()
}

// layers lists the layers in AWS's order of evaluation (IAM guide, "Policy
// evaluation logic").
func (e *evaluation) layers() []*layer { return e.order[:] }

// outcome combines the layers: a denial anywhere wins; then the guardrails must
// all allow; then somebody must have granted the permission.
func (e *evaluation) outcome() Outcome {
	denied := policy.No
	for _, l := range e.layers() {
		denied = denied.Or(l.deny)
	}
	if denied == policy.Yes {
		return ExplicitDeny
	}
	switch denied.Not().And(e.guardrails()).And(e.granted()) {
	case policy.Yes:
		return Allowed
	case policy.Maybe:
		return Depends
	}
	return ImplicitDeny
}

// guardrails are the layers that only limit.
func (e *evaluation) guardrails() policy.Truth {
	return e.resourceControl.allow.And(e.serviceControl.allow).And(e.endpoint.allow)
}

// granted tells whether the permission is given at all.
func (e *evaluation) granted() policy.Truth {
	switch {
	case e.retires():
		return e.grants.allow
	case e.accountless():
		return e.grantedToService()
	case e.crossAccount():
		return e.grantedAcross()
	}
	return e.grantedWithin()
}

// grantedWithin is the rule for principal and resource of one account (IAM
// guide, "Policy evaluation for requests within a single account"; KMS guide,
// "Default key policy" and "Grants in AWS KMS"; IAM guide, "How IAM roles
// differ from resource-based policies").
func (e *evaluation) grantedWithin() policy.Truth {
	byName := e.resource.by[direct]
	byRole := e.resource.by[limited].And(e.boundary.allow).And(e.session.allow)
	own := e.ownPolicies()
	if e.kind != OrdinaryResource {
		// Keys and roles let IAM policies count only where they say so.
		own = own.And(e.resource.by[delegating])
	}
	return byName.Or(byRole).Or(e.grants.allow).Or(own)
}

// grantedAcross is the rule for a resource of another account: both accounts
// must allow (IAM guide, "Cross-account policy evaluation logic"), but a KMS
// grant is enough by itself.
func (e *evaluation) grantedAcross() policy.Truth {
	return e.resource.allow.And(e.ownPolicies()).Or(e.grants.allow)
}

// grantedToService is the rule for callers without an account: a service
// principal, or nobody known. Only the resource's side can allow.
func (e *evaluation) grantedToService() policy.Truth {
	return e.resource.by[direct].Or(e.grants.allow)
}

// ownPolicies tells whether the caller's account lets the caller do it.
func (e *evaluation) ownPolicies() policy.Truth {
	return e.identityPolicies.allow.And(e.boundary.allow).And(e.session.allow)
}

func (e *evaluation) accountless() bool { return e.request.Principal.Account == "" }

func (e *evaluation) crossAccount() bool {
	return e.request.resourceAccount() != e.request.Principal.Account
}
