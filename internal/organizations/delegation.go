package organizations

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/policy"
)

// delegable are the operations that change something and that the organization's
// resource policy can give to members; it can give them all that read
// (Organizations guide, "Delegated administrator for AWS Organizations").
var delegable = []string{
	"AttachPolicy", "CreatePolicy", "DeletePolicy", "DetachPolicy", "DisablePolicyType", "EnablePolicyType",
	"TagResource", "UntagResource", "UpdatePolicy",
}

// reads reports whether an operation by its name changes nothing.
func reads(name string) bool {
	return strings.HasPrefix(name, "List") || strings.HasPrefix(name, "Describe")
}

// everything stands for whatever a caller's own policies allow.
var everything = func() *policy.Policy {
	p, err := policy.Parse([]byte(allowAll))
	if err != nil {
		panic(err)
	}
	return p
}()

// delegated gives needs to the management account's resources, under the
// organization's resource policy, where that policy lets a member do all that
// is asked for. Otherwise the needs stay what they are, and a handler tells who
// may call it. The member's own policies are asked by the cloud, either way.
func (o *organization) delegated(c *api.Call, name string, needs []api.Need) (bool, error) {
	if o.Resource == nil || o.Management == c.Account || !reads(name) && !slices.Contains(delegable, name) {
		return false, nil
	}
	p, err := policy.Parse([]byte(o.Resource.Content))
	if err != nil {
		return false, fmt.Errorf("organizations: resource policy: %w", err)
	}
	document := &access.ResourcePolicy{Document: access.Document{
		Name: "delegation policy of " + o.ID, ARN: o.arnOf(o.Resource.ID), Policy: p,
	}}
	for _, n := range needs {
		r := access.Request{
			Principal: c.Caller.Principal, Action: n.Action, Resource: n.Resource, ResourceAccount: o.Management, Context: n.Context.Clone(),
		}
		// What turns on the keys that the cloud adds is for the cloud to decide.
		r.Context.SetUnknown("*")
		switch access.Check(&r, &access.Policies{Identity: []access.Document{{Name: "whatever IAM allows", Policy: everything}}, Resource: document}) {
		case access.Allowed, access.Depends:
		default:
			return false, nil
		}
	}
	for i := range needs {
		needs[i].Account, needs[i].Policy = o.Management, document
	}
	return true, nil
}

// checkDelegation refuses what a resource policy of an organization cannot say.
func checkDelegation(content string) error {
	// In form it is a resource-based policy as a key's is.
	p, err := policy.Load([]byte(content), policy.KeyPolicy)
	if err != nil {
		return invalid(types.InvalidInputExceptionReasonInvalidResourcePolicyJson, "The provided resource policy is not valid: %s", err)
	}
	for i := range p.Len() {
		st := p.Statement(i)
		if len(st.NotActions()) > 0 || len(st.NotResources()) > 0 {
			return invalid(types.InvalidInputExceptionReasonInvalidResourcePolicyJson, "The provided resource policy contains NotAction or NotResource, which are not supported.")
		}
		for _, a := range st.Actions() {
			service, name, _ := strings.Cut(a, ":")
			known := strings.ContainsAny(name, "*?") || reads(name) || slices.ContainsFunc(delegable, func(d string) bool { return strings.EqualFold(d, name) })
			if !strings.EqualFold(service, "organizations") || !known {
				return invalid(types.InvalidInputExceptionReasonUnsupportedActionInResourcePolicy, "The provided resource policy contains the unsupported action %s.", a)
			}
		}
	}
	return nil
}
