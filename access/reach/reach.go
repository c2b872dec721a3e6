package reach

import (
	"fmt"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

// Resource is the resource that the requests are about.
type Resource struct {
	// ARN is the resource's; empty for all resources without a policy of their own.
	ARN string
	// Account owns it; empty means the principal's account.
	Account string
	// Kind tells how its policy combines with others.
	Kind access.ResourceKind
}

// Of is the set of requests that a principal may make on a resource under the
// policies, including all that follows from who asks: aws:PrincipalArn,
// kms:CallerAccount and their like. A policy that is there but could not be read
// is an error: what is in reach is not known then.
func Of(p access.Principal, r Resource, policies access.Policies) (requestset.Set, error) {
	for _, u := range policies.Unread {
		return requestset.Set{}, fmt.Errorf("what %s can do is not known: %s could not be read", p.PrincipalARN(), u.What)
	}
	caller := p.Caller()
	caller.Bounded = policies.Boundary != nil
	w := world{principal: p, resource: r, policies: &policies, caller: caller}
	allowed := w.guarded(w.granted()).Minus(w.denied())
	if r.ARN != "" {
		allowed = allowed.OnResource(r.ARN)
	}
	set, err := allowed.Given(Facts(p, r.Account))
	if err != nil {
		return requestset.Set{}, fmt.Errorf("what %s can do: %w", p.PrincipalARN(), err)
	}
	return set, nil
}

// world is one question's documents.
type world struct {
	principal access.Principal
	caller    policy.Caller
	resource  Resource
	policies  *access.Policies
}

// everything is the set of all requests.
var everything = func() requestset.Set {
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	if err != nil {
		panic("reach: " + err.Error())
	}
	return requestset.Allowed(requestset.Document{Policy: p})
}()

func documents(list []access.Document) []requestset.Document {
	var out []requestset.Document
	for _, d := range list {
		if d.Policy != nil {
			out = append(out, requestset.Document{Name: d.Name, Policy: d.Policy})
		}
	}
	return out
}

// mine and theirs are how documents are read that are attached to the principal,
// or to something else.
var mine = requestset.Attachment{}

func (w *world) theirs(names policy.Names) requestset.Attachment {
	return requestset.Attachment{Caller: &w.caller, ByNames: names, ImpliedResource: w.resource.Kind == access.RoleTrust}
}

func (w *world) endpoint() requestset.Attachment { return requestset.Attachment{Caller: &w.caller} }

func (w *world) accountless() bool { return w.principal.Account == "" }

func (w *world) crossAccount() bool {
	return w.resource.Account != "" && w.resource.Account != w.principal.Account
}

// identity reports whether the principal has identity-based policies at all.
func (w *world) identity() bool {
	p := &w.principal
	return !w.accountless() && p.Type != access.Root && !p.IdentityOnly
}

// controlled reports whether SCPs reach the request: see access, and the
// Organizations guide, "Service control policies".
func (w *world) controlled() bool {
	return !w.principal.ServiceLinked && !w.accountless() && w.principal.Account != w.policies.ManagementAccount
}

// resourceControlled reports whether RCPs do (Organizations guide, "Resource
// control policies").
func (w *world) resourceControlled() bool {
	owner := w.resource.Account
	if owner == "" {
		owner = w.principal.Account
	}
	management := w.policies.ManagementAccount
	return !w.principal.ServiceLinked && !w.policies.AWSManaged && (management == "" || owner != management)
}

// denied is what any document denies explicitly.
func (w *world) denied() requestset.Set {
	var s requestset.Set
	if w.identity() {
		s = s.Or(requestset.Denied(mine, documents(w.policies.Identity)...))
	}
	s = s.Or(requestset.Denied(mine, documents(w.policies.Session)...))
	if b := w.policies.Boundary; b != nil {
		s = s.Or(requestset.Denied(mine, documents([]access.Document{*b})...))
	}
	if r := w.policies.Resource; r != nil {
		s = s.Or(requestset.Denied(w.theirs(0), documents([]access.Document{r.Document})...))
	}
	if e := w.policies.Endpoint; e != nil {
		s = s.Or(requestset.Denied(w.endpoint(), documents([]access.Document{*e})...))
	}
	for _, level := range w.policies.ServiceControl {
		if w.controlled() {
			s = s.Or(requestset.Denied(mine, documents(level)...))
		}
	}
	for _, level := range w.policies.ResourceControl {
		if w.resourceControlled() {
			s = s.Or(requestset.Denied(w.endpoint(), documents(level)...))
		}
	}
	return s
}

// guarded is what the layers let through that only limit.
func (w *world) guarded(s requestset.Set) requestset.Set {
	for _, level := range w.policies.ServiceControl {
		if w.controlled() {
			s = s.And(requestset.Granted(mine, documents(level)...))
		}
	}
	if e := w.policies.Endpoint; e != nil {
		s = s.And(requestset.Granted(w.endpoint(), documents([]access.Document{*e})...))
	}
	return s
}

// How a resource's policy may name the principal: see the table of principals in
// the IAM guide's "Policy evaluation logic".
const (
	direct  = policy.NamesUser | policy.NamesSession | policy.NamesService | policy.NamesProvider | policy.NamesCanonicalUser | policy.NamesEveryone
	limited = policy.NamesRole | policy.NamesIssuer
)

// granted is what is given at all.
func (w *world) granted() requestset.Set {
	switch {
	case w.accountless():
		return w.byResource(direct).Or(w.grants())
	case w.crossAccount():
		return w.byResource(0).And(w.own()).Or(w.grants())
	}
	own := w.own()
	if w.resource.Kind != access.OrdinaryResource {
		own = own.And(w.byResource(policy.NamesAccount))
	}
	return w.byResource(direct).Or(w.within(w.byResource(limited))).Or(w.grants()).Or(own)
}

func (w *world) byResource(names policy.Names) requestset.Set {
	r := w.policies.Resource
	if r == nil {
		return requestset.Set{}
	}
	return requestset.Granted(w.theirs(names), documents([]access.Document{r.Document})...)
}

// own is what the principal's account lets it do.
func (w *world) own() requestset.Set {
	switch {
	case w.identity():
		return w.within(requestset.Granted(mine, documents(w.policies.Identity)...))
	case w.principal.Type == access.Root:
		return w.within(everything)
	}
	return requestset.Set{}
}

// within is what permissions boundary and session policies leave of a set.
func (w *world) within(s requestset.Set) requestset.Set {
	if b := w.policies.Boundary; b != nil {
		s = s.And(requestset.Granted(mine, documents([]access.Document{*b})...))
	}
	if w.policies.HasSession || len(w.policies.Session) > 0 || w.principal.Type == access.FederatedUser {
		s = s.And(requestset.Granted(mine, documents(w.policies.Session)...))
	}
	return s
}
