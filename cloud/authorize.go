package cloud

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/store"
)

// authorize decides everything that an operation needs. It is the only place
// that does. No answer means deny.
func (c *Cloud) authorize(call *api.Call, op *operation, in any) error {
	place, err := c.membership(call, call.Caller.Principal.Account)
	if err != nil {
		return err
	}
	policies, err := c.policies(call, op, place)
	if err != nil {
		return err
	}
	needs, err := op.Needs(call, in)
	if err != nil {
		return err
	}
	if len(needs) == 0 && !op.Open() {
		return errors.New("cloud: " + op.service + ":" + op.Name() + " asked for no permission")
	}
	if len(needs) == 0 {
		return nil
	}
	global := globalContext(call)
	if err := c.throughEndpoint(call, &global, &policies); err != nil {
		return err
	}
	for _, n := range needs {
		r, p := request(call, n, global), bearing(policies, n)
		if err := c.control(call, place, &r, &p); err != nil {
			return err
		}
		d := access.Decide(r, p)
		if !d.Allowed() {
			return c.denied(call, op, d)
		}
	}
	return nil
}

// policies gathers what belongs to the caller. A principal that is gone, or of an
// account that was closed, is nobody: its credentials are refused, whatever a
// resource's policy says.
func (c *Cloud) policies(call *api.Call, op *operation, place *api.Membership) (access.Policies, error) {
	p, err := c.iam.Identity(call.Tx, &call.Caller)
	if errors.Is(err, store.ErrNotFound) || place != nil && place.Suspended {
		return access.Policies{}, authError(op.wire.Service(), errUnknownKey)
	}
	return p, err
}

// bearing adds the resource's own policies to the caller's.
func bearing(p access.Policies, n api.Need) access.Policies {
	p.Resource = n.Policy
	p.Grants = n.Grants
	p.AWSManaged = n.AWSManaged
	if n.SkipIdentity {
		p.Identity, p.Boundary, p.Session, p.HasSession = nil, nil, nil, false
	}
	return p
}

func request(call *api.Call, n api.Need, global access.Context) access.Request {
	context := global.Clone()
	context.Merge(n.Context)
	owner := n.Account
	if owner == "" {
		owner = call.Account
	}
	return access.Request{
		Principal: call.Caller.Principal, Action: n.Action, Resource: n.Resource,
		ResourceAccount: owner, Context: context,
	}
}

// control adds what organizations have to say: the SCPs of the caller's account,
// whose place is given, the RCPs of the resource's, and the condition keys that
// tell both places.
func (c *Cloud) control(call *api.Call, place *api.Membership, r *access.Request, p *access.Policies) error {
	if place != nil {
		p.ServiceControl, p.ManagementAccount = place.ServiceControl, place.ManagementAccount
		r.Context.Set("aws:PrincipalOrgID", place.Organization)
		r.Context.Set("aws:PrincipalOrgPaths", place.Path)
	}
	if r.ResourceAccount != r.Principal.Account {
		var err error
		if place, err = c.membership(call, r.ResourceAccount); err != nil {
			return err
		}
	}
	if place == nil {
		return nil
	}
	r.Context.Set("aws:ResourceOrgID", place.Organization)
	r.Context.Set("aws:ResourceOrgPaths", place.Path)
	if resourceControlled(r.Action) && place.ManagementAccount != r.ResourceAccount {
		p.ResourceControl = place.ResourceControl
	}
	return nil
}

func (c *Cloud) membership(call *api.Call, account string) (*api.Membership, error) {
	if account == "" {
		return nil, nil
	}
	return c.organizations.Membership(call.Tx, account)
}

// resourceControlled reports whether RCPs reach an action. Of the services here
// KMS and STS support them (Organizations guide, "Resource control policies",
// list of services).
func resourceControlled(action string) bool {
	return strings.HasPrefix(action, "kms:") || strings.HasPrefix(action, "sts:")
}

// globalContext gives the condition keys that come from the request itself
// (IAM guide, "AWS global condition context keys"). Those that follow from the
// principal and the resource are derived by package access.
func globalContext(call *api.Call) access.Context {
	var k access.Context
	k.Set("aws:CurrentTime", call.Now.Format(time.RFC3339))
	k.Set("aws:EpochTime", strconv.FormatInt(call.Now.Unix(), 10))
	k.Set("aws:RequestedRegion", actingRegion(call))
	k.Set("aws:SecureTransport", strconv.FormatBool(call.Secure))
	k.Set("aws:UserAgent", call.UserAgent)
	k.Set("aws:ViaAWSService", strconv.FormatBool(call.Via != nil))
	switch {
	case call.Via != nil || call.Caller.Principal.IdentityOnly || call.Caller.Principal.Type == access.Service:
		k.Set("aws:SourceIp", launch.ForwardedAddress)
	case call.Endpoint == nil:
		k.Set("aws:SourceIp", call.SourceIP)
	}
	if !call.Caller.IssuedAt.IsZero() {
		// Long-term keys have neither of these.
		k.Set("aws:TokenIssueTime", call.Caller.IssuedAt.Format(time.RFC3339))
		k.Set("aws:MultiFactorAuthPresent", strconv.FormatBool(call.Caller.MFA))
		if call.Caller.MFA {
			k.Set("aws:MultiFactorAuthAge", strconv.FormatInt(int64(call.Now.Sub(call.Caller.IssuedAt).Seconds()), 10))
		}
	}
	if source := call.Caller.SourceARN; source != "" {
		k.Set("aws:SourceArn", source)
		if parts := strings.SplitN(source, ":", 6); len(parts) == 6 {
			k.Set("aws:SourceAccount", parts[4])
		}
	}
	if call.Caller.AssumedRoot {
		k.Set("aws:AssumedRoot", "true")
	}
	if f := call.Caller.Federation; f != nil && !call.Caller.IssuedAt.IsZero() {
		k.Set("aws:FederatedProvider", f.Provider)
		for name, values := range f.Keys {
			k.Set(name, values...)
		}
	}
	if call.Caller.SourceIdentity != "" {
		k.Set("aws:SourceIdentity", call.Caller.SourceIdentity)
	}
	return k
}
