package cloud

import (
	"errors"
	"strconv"
	"time"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/store"
)

// authorize decides everything that an operation needs. It is the only place
// that does. No answer means deny.
func (c *Cloud) authorize(call *api.Call, op *operation, in any) error {
	policies, err := c.policies(call, op)
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
	for _, n := range needs {
		d := access.Decide(request(call, n, global), bearing(policies, n))
		if !d.Allowed() {
			return c.denied(call, op, d)
		}
	}
	return nil
}

// policies gathers what belongs to the caller. A principal that is gone is
// nobody: its credentials are refused, whatever a resource's policy says.
func (c *Cloud) policies(call *api.Call, op *operation) (access.Policies, error) {
	p, err := c.iam.Identity(call.Tx, &call.Caller)
	if errors.Is(err, store.ErrNotFound) {
		return access.Policies{}, authError(op.wire.Service(), errUnknownKey)
	}
	return p, err
}

// bearing adds the resource's own policies to the caller's.
func bearing(p access.Policies, n api.Need) access.Policies {
	p.Resource = n.Policy
	p.Grants = n.Grants
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
	default:
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
	if call.Caller.SourceIdentity != "" {
		k.Set("aws:SourceIdentity", call.Caller.SourceIdentity)
	}
	return k
}
