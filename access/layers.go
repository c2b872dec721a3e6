package access

import (
	"github.com/keyturn/keyturn/policy"
)

// evaluateServiceControl: every level, from the root of the organization down
// to the account, must allow (Organizations guide, "SCP evaluation").
func (e *evaluation) evaluateServiceControl(l *layer) {
	levels := e.policies.ServiceControl
	if len(levels) == 0 || e.exemptFromServiceControl() {
		l.absent(ServiceControlLayer)
		return
	}
	allowed := policy.Yes
	for i, documents := range levels {
		l.allow = policy.No
		e.read(l, ServiceControlLayer, documents)
		if l.allow == policy.No && l.note == "" && !e.brief {
			l.note = levelNote(i, len(levels), e.request.Action)
		}
		allowed = allowed.And(l.allow)
	}
	l.allow = allowed
}

// exemptFromServiceControl: SCPs do not reach service-linked roles, services
// acting for themselves, and the principals of the management account
// (Organizations guide, "Service control policies").
func (e *evaluation) exemptFromServiceControl() bool {
	p := &e.request.Principal
	return p.ServiceLinked || e.accountless() || p.Account == e.policies.ManagementAccount
}

// exemptFromResourceControl: RCPs do not reach service-linked roles, the
// resources of the management account, keys that AWS manages, and
// kms:RetireGrant (Organizations guide, "Resource control policies").
func (e *evaluation) exemptFromResourceControl() bool {
	management := e.policies.ManagementAccount
	return e.request.Principal.ServiceLinked || e.policies.AWSManaged || e.retires() ||
		management != "" && e.request.resourceAccount() == management
}

// evaluateResourceControl: RCPs act by denying only, because RCPFullAWSAccess
// cannot be detached (Organizations guide, "Resource control policies").
func (e *evaluation) evaluateResourceControl(l *layer) {
	if len(e.policies.ResourceControl) == 0 || e.exemptFromResourceControl() {
		l.absent(ResourceControlLayer)
		return
	}
	e.env.ResourceBased = true
	for _, documents := range e.policies.ResourceControl {
		e.read(l, ResourceControlLayer, documents)
	}
	e.env.ResourceBased = false
	l.allow = policy.Yes
}

// evaluateEndpoint: a request through a VPC endpoint needs its policy's
// permission (VPC guide, "Control access to VPC endpoints using endpoint
// policies").
func (e *evaluation) evaluateEndpoint(l *layer) {
	if e.policies.Endpoint == nil {
		l.absent(EndpointLayer)
		return
	}
	e.env.ResourceBased = true
	e.read(l, EndpointLayer, nil, e.policies.Endpoint)
	e.env.ResourceBased = false
}

// evaluateResource reads the resource's own policy. A key policy has no say in
// kms:RetireGrant (KMS guide, "Retiring and revoking grants").
func (e *evaluation) evaluateResource(l *layer) {
	name := ResourceLayer
	if e.kind == RoleTrust {
		name = TrustLayer
	}
	r := e.policies.Resource
	if r == nil || e.retires() {
		// Where only it could let the caller in, its absence is a reason.
		l.name, l.bears = name, e.kind != OrdinaryResource || e.crossAccount()
		return
	}
	e.env.ResourceBased, e.env.ImpliedResource = true, e.kind == RoleTrust
	e.read(l, name, nil, &r.Document)
	e.env.ResourceBased, e.env.ImpliedResource = false, false
}

// evaluateIdentity reads the caller's own policies. The root user has none and
// needs none; it is for the resource's policy to say otherwise.
func (e *evaluation) evaluateIdentity(l *layer) {
	p := &e.request.Principal
	switch {
	case e.accountless():
		l.name = IdentityLayer
	case p.Type == Root:
		l.absent(IdentityLayer)
	case p.IdentityOnly:
		l.name, l.bears = IdentityLayer, true
	default:
		e.read(l, IdentityLayer, e.policies.Identity)
	}
}

// evaluateBoundary reads the permissions boundary, which limits and grants
// nothing (IAM guide, "Permissions boundaries for IAM entities").
func (e *evaluation) evaluateBoundary(l *layer) {
	if e.policies.Boundary == nil {
		l.absent(BoundaryLayer)
		return
	}
	e.read(l, BoundaryLayer, nil, e.policies.Boundary)
}

// evaluateSession reads the session policies, which limit and grant nothing. A
// federated user session without any may do nothing, a role session without any
// all that the role may (IAM guide, "Session policies").
func (e *evaluation) evaluateSession(l *layer) {
	has := e.policies.HasSession || len(e.policies.Session) > 0
	if !has && e.request.Principal.Type != FederatedUser {
		l.absent(SessionLayer)
		return
	}
	e.read(l, SessionLayer, e.policies.Session)
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
		r := e.keys.world.reading(u.Layer)
		if !l.bears {
			l.allow = r.allow
		}
		l.bears = true
		l.deny = l.deny.Or(r.deny)
		l.unread = append(l.unread, u.What)
		switch l {
		case &e.serviceControl, &e.endpoint, &e.boundary, &e.session:
			l.allow = l.allow.And(r.allow)
		case &e.grants:
			l.allow = l.allow.Or(r.allow)
			l.deny = policy.No
		case &e.resourceControl:
			l.allow = policy.Yes
		default:
			l.allow = l.allow.Or(r.allow)
			for c := range l.by {
				l.by[c] = l.by[c].Or(r.by[c])
			}
		}
	}
}

// unreadLayer is the layer by its name, or nil where it cannot bear on the request.
func (e *evaluation) unreadLayer(name Layer) *layer {
	p := &e.request.Principal
	switch name {
	case ServiceControlLayer:
		if e.exemptFromServiceControl() {
			return nil
		}
	case ResourceControlLayer:
		if e.exemptFromResourceControl() {
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
