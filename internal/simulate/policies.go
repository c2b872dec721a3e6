package simulate

import (
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// policies are those that bear on a request which who makes, or a service for
// who. What was given adds to what was read, and a boundary or a resource policy
// that was given takes the place of the one that was read.
func (p *Plan) policies(r *access.Request, who string, own bool) access.Policies {
	var out access.Policies
	if e := p.evidence[who]; e != nil {
		out = e.Policies(r, own)
	}
	out.Unread = append(out.Unread, p.given.Unread...)
	if own {
		out.Identity = append(out.Identity, p.given.Identity...)
		if p.given.Boundary != nil {
			out.Boundary = p.given.Boundary
			out.Unread = without(out.Unread, access.BoundaryLayer)
		}
		if p.given.HasSession {
			out.Session, out.HasSession = p.given.Session, true
			out.Unread = without(out.Unread, access.SessionLayer)
		}
	} else {
		out.Unread = without(out.Unread, access.IdentityLayer, access.BoundaryLayer, access.SessionLayer)
	}
	out.Endpoint = p.given.Endpoint
	out.ServiceControl, out.ResourceControl = p.given.ServiceControl, p.given.ResourceControl
	out.ManagementAccount = p.scenario.ManagementAccount
	for _, g := range p.grants {
		if g.key == "" || g.key == r.Resource {
			out.Grants = append(out.Grants, g.grant)
		}
	}
	p.resourcePolicy(r, &out)
	return out
}

func without(list []access.UnreadLayer, layers ...access.Layer) (out []access.UnreadLayer) {
	for _, u := range list {
		keep := true
		for _, l := range layers {
			keep = keep && u.Layer != l
		}
		if keep {
			out = append(out, u)
		}
	}
	return out
}

// resourcePolicy finds the resource's own policy. A key has one and a role has
// one: where it is not known, the layer is unread.
func (p *Plan) resourcePolicy(r *access.Request, out *access.Policies) {
	if strings.Contains(r.Resource, ":alias/") && kindOf(r.Action) == access.KMSKey {
		return // an alias has no policy (KMS guide, "Controlling access to aliases")
	}
	if out.Resource != nil && !fits(out.Resource.Kind, r.Action) {
		out.Resource = nil
	}
	for i := range p.resources {
		given := &p.resources[i]
		if (given.resource == "" || given.resource == r.Resource) && fits(given.policy.Kind, r.Action) {
			out.Resource = &given.policy
			out.Unread = without(out.Unread, access.ResourceLayer, access.TrustLayer)
			return
		}
	}
	if t := p.trust[r.Resource]; t != nil && kindOf(r.Action) == access.RoleTrust {
		out.Resource = &access.ResourcePolicy{Kind: access.RoleTrust, Document: *t}
		return
	}
	if out.Resource != nil || r.Resource == "*" && kindOf(r.Action) == access.OrdinaryResource {
		return
	}
	layer := access.ResourceLayer
	var what string
	switch kindOf(r.Action) {
	case access.KMSKey:
		if keyless(r.Action) {
			return
		}
		what = "key policy of " + r.Resource
	case access.RoleTrust:
		layer, what = access.TrustLayer, "trust policy of "+r.Resource
	default:
		if !p.live || withoutPolicies[service(r.Action)] {
			return
		}
		what = "resource policy of " + r.Resource
	}
	for _, u := range out.Unread {
		if u.Layer == layer {
			return
		}
	}
	out.Unread = append(out.Unread, access.UnreadLayer{Layer: layer, What: what})
}

// fits tells whether a kind of resource policy can bear on an action.
func fits(kind access.ResourceKind, action string) bool { return kind == kindOf(action) }

// kindOf is the kind of the policy of the resource that an action is about.
func kindOf(action string) access.ResourceKind {
	lower := strings.ToLower(action)
	switch {
	case strings.HasPrefix(lower, "kms:"):
		return access.KMSKey
	case strings.HasPrefix(lower, "sts:assumerole"), lower == "sts:tagsession", lower == "sts:setsourceidentity":
		return access.RoleTrust
	}
	return access.OrdinaryResource
}

// keyless tells KMS's actions that are about no key (Service Authorization
// Reference, "Actions, resources, and condition keys for AWS Key Management
// Service").
func keyless(action string) bool {
	a, ok := serviceref.LookupAction(action)
	return ok && !slices.ContainsFunc(a.Resources, func(r serviceref.ActionResource) bool { return r.Type.Name == "key" })
}

// withoutPolicies are services whose resources have no policy of their own (IAM
// guide, "AWS services that work with IAM"), as far as this program knows them.
var withoutPolicies = map[string]bool{"ec2": true, "ebs": true, "iam": true, "sts": true, "autoscaling": true}

func service(action string) string {
	s, _, _ := strings.Cut(strings.ToLower(action), ":")
	return s
}
