package access

import (
	"github.com/keyturn/keyturn/policy"
)

// evaluateServiceControl: every level, from the root of the organization down
// to the account, must allow (Organizations guide, "SCP evaluation"). SCPs do
// not reach service-linked roles, nor services acting for themselves.
func (e *evaluation) evaluateServiceControl() layer {
	p := &e.request.Principal
	if len(e.policies.ServiceControl) == 0 || p.ServiceLinked || e.accountless() {
		return absent(ServiceControlLayer)
	}
	all := layer{name: ServiceControlLayer, bears: true, allow: policy.Yes}
	for i, level := range e.policies.ServiceControl {
		l := e.read(ServiceControlLayer, level...)
		all.deny = all.deny.Or(l.deny)
		all.allow = all.allow.And(l.allow)
		all.reasons = append(all.reasons, l.reasons...)
		if l.allow == policy.No && all.note == "" && !e.brief {
			all.note = levelNote(i, len(e.policies.ServiceControl), e.request.Action)
		}
	}
	return all
}

// evaluateResourceControl: RCPs act by denying only, because RCPFullAWSAccess
// cannot be detached (Organizations guide, "Resource control policies"). They do
// not reach service-linked roles, and kms:RetireGrant escapes them (KMS guide,
// "Resource control policies in AWS KMS").
func (e *evaluation) evaluateResourceControl() layer {
	if len(e.policies.ResourceControl) == 0 || e.request.Principal.ServiceLinked || e.retires() {
		return absent(ResourceControlLayer)
	}
	all := layer{name: ResourceControlLayer, bears: true}
	e.env.ResourceBased = true
	defer func() { e.env.ResourceBased = false }()
	for _, level := range e.policies.ResourceControl {
		l := e.read(ResourceControlLayer, level...)
		all.deny = all.deny.Or(l.deny)
		all.reasons = append(all.reasons, l.reasons...)
	}
	all.allow = policy.Yes
	return all
}

// evaluateEndpoint: a request through a VPC endpoint needs its policy's
// permission (VPC guide, "Control access to VPC endpoints using endpoint
// policies").
func (e *evaluation) evaluateEndpoint() layer {
	if e.policies.Endpoint == nil {
		return absent(EndpointLayer)
	}
	e.env.ResourceBased = true
	defer func() { e.env.ResourceBased = false }()
	return e.read(EndpointLayer, *e.policies.Endpoint)
}

// evaluateResource reads the resource's own policy. A key policy has no say in
// kms:RetireGrant (KMS guide, "Retiring and revoking grants").
func (e *evaluation) evaluateResource() layer {
	name := ResourceLayer
	if e.kind == RoleTrust {
		name = TrustLayer
	}
	r := e.policies.Resource
	if r == nil || e.retires() {
		l := layer{name: name, bears: e.kind != OrdinaryResource}
		return l
	}
	e.env.ResourceBased, e.env.ImpliedResource = true, e.kind == RoleTrust
	defer func() { e.env.ResourceBased, e.env.ImpliedResource = false, false }()
	return e.read(name, r.Document)
}

// evaluateIdentity reads the caller's own policies. The root user has none and
// needs none; it is for the resource's policy to say otherwise.
func (e *evaluation) evaluateIdentity() layer {
	p := &e.request.Principal
	switch {
	case e.accountless():
		l := absent(IdentityLayer)
		l.allow = policy.No
		return l
	case p.Type == Root:
		l := absent(IdentityLayer)
		return l
	case p.IdentityOnly:
		return layer{name: IdentityLayer, bears: true}
	}
	return e.read(IdentityLayer, e.policies.Identity...)
}

// evaluateBoundary reads the permissions boundary, which limits and grants
// nothing (IAM guide, "Permissions boundaries for IAM entities").
func (e *evaluation) evaluateBoundary() layer {
	if e.policies.Boundary == nil {
		return absent(BoundaryLayer)
	}
	return e.read(BoundaryLayer, *e.policies.Boundary)
}

// evaluateSession reads the session policies, which limit and grant nothing. A
// federated user session without any may do nothing, a role session without any
// all that the role may (IAM guide, "Session policies").
func (e *evaluation) evaluateSession() layer {
	has := e.policies.HasSession || len(e.policies.Session) > 0
	if !has && e.request.Principal.Type != FederatedUser {
		return absent(SessionLayer)
	}
	return e.read(SessionLayer, e.policies.Session...)
}

// resourceKind is the resource policy's kind, which a resource whose policy
// could not be read still has.
func (e *evaluation) resourceKind() ResourceKind {
	if e.policies.Resource != nil {
		return e.policies.Resource.Kind
	}
	for _, u := range e.policies.Unread {
		switch {
		case u.Layer == TrustLayer:
			return RoleTrust
		case u.Layer == ResourceLayer && hasPrefixFold(e.request.Action, kmsPrefix):
			return KMSKey
		}
	}
	return OrdinaryResource
}

// addUnread makes the layers that nobody could read turn out either way.
func (e *evaluation) addUnread() {
	for _, u := range e.policies.Unread {
		l := e.unreadLayer(u.Layer)
		if l == nil {
			continue
		}
		if !l.bears {
			l.allow = policy.Maybe
		}
		l.bears = true
		l.deny = l.deny.Or(policy.Maybe)
		l.unread = append(l.unread, u.What)
		switch l {
		case &e.serviceControl, &e.endpoint, &e.boundary, &e.session:
			l.allow = l.allow.And(policy.Maybe)
		case &e.grants:
			l.deny = policy.No
			l.allow = l.allow.Or(policy.Maybe)
		case &e.resourceControl:
			l.allow = policy.Yes
		default:
			l.allow = l.allow.Or(policy.Maybe)
			for c := range l.by {
				l.by[c] = l.by[c].Or(policy.Maybe)
			}
		}
	}
}

// unreadLayer is the layer by its name, or nil where it cannot bear on the request.
func (e *evaluation) unreadLayer(name Layer) *layer {
	p := &e.request.Principal
	switch name {
	case ServiceControlLayer:
		if p.ServiceLinked || e.accountless() {
			return nil
		}
	case ResourceControlLayer:
		if p.ServiceLinked || e.retires() {
			return nil
		}
	case IdentityLayer:
		if p.Type == Root || p.IdentityOnly || e.accountless() {
			return nil
		}
	case ResourceLayer, TrustLayer:
		if e.retires() {
			return nil
		}
		return &e.resource
	}
	for _, l := range e.layers() {
		if l.name == name {
			return l
		}
	}
	return nil
}
