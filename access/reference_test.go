package access_test

import (
	"slices"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// referenceDecide follows the guides' flow charts with plain ifs, for requests
// of which everything is known. Statements are matched one by one (package
// policy has its own reference for that), and the chart is walked from the top
// for each way in which a permission can come about.
func referenceDecide(r access.Request, p access.Policies) access.Outcome {
	x := reference{r: r, p: p}
	who := r.Principal
	exempt := who.ServiceLinked || who.Account == ""

	var denies bool
	for _, d := range p.Identity {
		denies = denies || who.Account != "" && who.Type != access.Root && !who.IdentityOnly && x.has(policy.Deny, d, false, "")
	}
	if p.Boundary != nil {
		denies = denies || x.has(policy.Deny, *p.Boundary, false, "")
	}
	for _, d := range p.Session {
		denies = denies || x.has(policy.Deny, d, false, "")
	}
	if p.Resource != nil {
		denies = denies || x.has(policy.Deny, p.Resource.Document, true, "")
	}
	if p.Endpoint != nil {
		denies = denies || x.has(policy.Deny, *p.Endpoint, true, "")
	}
	for _, level := range p.ServiceControl {
		denies = denies || !exempt && x.any(policy.Deny, level, false)
	}
	for _, level := range p.ResourceControl {
		denies = denies || !who.ServiceLinked && x.any(policy.Deny, level, true)
	}
	if denies {
		return access.ExplicitDeny
	}
	for _, level := range p.ServiceControl {
		if !exempt && !x.any(policy.Allow, level, false) {
			return access.ImplicitDeny
		}
	}
	if p.Endpoint != nil && !x.has(policy.Allow, *p.Endpoint, true, "") {
		return access.ImplicitDeny
	}
	if x.byGrant() || x.byResource() || x.byIdentity() {
		return access.Allowed
	}
	return access.ImplicitDeny
}

type reference struct {
	r access.Request
	p access.Policies
}

// has tells whether a statement of that effect applies, and names the caller
// by the given name, if one is given.
func (x *reference) has(effect policy.Effect, d access.Document, resourceBased bool, name string) bool {
	who := x.r.Principal
	caller := policy.Caller{
		Account: who.Account, ARN: who.ARN, RoleARN: who.RoleARN, RoleID: who.RoleID, UserARN: who.UserARN,
		Service: who.ServicePrincipal, Root: who.Type == access.Root,
		Bounded: x.p.Boundary != nil,
	}
	env := policy.NewEnv(x.r.Action, x.r.Resource, &caller, x.r.Context)
	env.ResourceBased = resourceBased
	for i := range d.Policy.Len() {
		s := d.Policy.Statement(i)
		if s.Effect() != effect || s.Match(&env).Applies != policy.Yes {
			continue
		}
		if name == "" {
			return true
		}
		for _, n := range s.Principals() {
			if n.Name == name || n.Name == who.Account && name == "arn:aws:iam::"+who.Account+":root" {
				return true
			}
		}
	}
	return false
}

func (x *reference) any(effect policy.Effect, documents []access.Document, resourceBased bool) bool {
	return slices.ContainsFunc(documents, func(d access.Document) bool { return x.has(effect, d, resourceBased, "") })
}

func (x *reference) bounded() bool {
	return x.p.Boundary == nil || x.has(policy.Allow, *x.p.Boundary, false, "")
}

func (x *reference) inSession() bool {
	if !x.p.HasSession {
		return x.r.Principal.Type != access.FederatedUser
	}
	return x.any(policy.Allow, x.p.Session, false)
}

func (x *reference) byGrant() bool {
	if x.p.Resource == nil || x.p.Resource.Kind != access.KMSKey {
		return false
	}
	who := x.r.Principal
	for _, g := range x.p.Grants {
		mine := g.Grantee == who.ARN || g.Grantee == who.RoleARN || g.Grantee == who.ServicePrincipal
		if mine && slices.Contains(g.Operations, "Decrypt") {
			return true
		}
	}
	return false
}

// byResource: the resource's policy names the caller, in the same account or
// where the caller has none.
func (x *reference) byResource() bool {
	who := x.r.Principal
	if x.p.Resource == nil || who.Account != "" && who.Account != x.r.ResourceAccount {
		return false
	}
	named := func(name string) bool { return name != "" && x.has(policy.Allow, x.p.Resource.Document, true, name) }
	if named("*") || named(who.ServicePrincipal) || who.Account != "" && who.Type != access.Root && named(who.ARN) {
		return true
	}
	return (named(who.RoleARN) || named(who.UserARN)) && x.bounded() && x.inSession()
}

// byIdentity: the caller's own account lets it, and the resource's side has no
// objection, or says yes where it must.
func (x *reference) byIdentity() bool {
	who := x.r.Principal
	if who.Account == "" || who.IdentityOnly {
		return false
	}
	if who.Type != access.Root && !x.any(policy.Allow, x.p.Identity, false) {
		return false
	}
	if !x.bounded() || !x.inSession() {
		return false
	}
	sameAccount := who.Account == x.r.ResourceAccount
	switch {
	case x.p.Resource == nil:
		return sameAccount
	case !sameAccount:
		return x.has(policy.Allow, x.p.Resource.Document, true, "")
	case x.p.Resource.Kind == access.OrdinaryResource:
		return true
	}
	return x.has(policy.Allow, x.p.Resource.Document, true, "arn:aws:iam::"+who.Account+":root")
}
