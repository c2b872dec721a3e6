// Package organizations is AWS Organizations: accounts that belong together,
// in a tree of organizational units, with the policies that hold for them.
//
// An organization is one row, in the management account's scope; each account
// in it has a row that points there. Beyond the operations the package tells
// the cloud where an account stands and what controls it ([Service.Membership]).
package organizations

import (
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// Service is AWS Organizations. It keeps no state but a cache addressed by
// content, and is safe for concurrent use.
type Service struct {
	roles  api.AccountRoles
	linked api.LinkedRoles
	trees  cache
}

// New returns the service; roles makes the role through which a new account is
// reached, and linked tells whether an account has Organizations' own role.
func New(roles api.AccountRoles, linked api.LinkedRoles) *Service {
	return &Service{roles: roles, linked: linked}
}

// Name is the signing name.
func (s *Service) Name() string { return "organizations" }

// Operations lists what is built.
func (s *Service) Operations() []api.Operation {
	return slices.Concat(
		s.organizationOperations(), s.rootOperations(), s.unitOperations(), s.accountOperations(),
		s.policyOperations(), s.attachmentOperations(), s.effectiveOperations(), s.delegationOperations(),
		s.serviceAccessOperations(), s.invitationOperations(), s.resourcePolicyOperations(), s.tagOperations(),
	)
}

// target is what an operation acts on, as its authorization sees it.
type target struct {
	resources []string // none: "*"
	context   access.Context
}

func on(resources ...string) target { return target{resources: resources} }

// authorize makes the descriptor of an operation: organizations:<name> on each
// of its target's resources.
func authorize[In any](name string, at func(*api.Call, *organization, *In) target) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		o, err := find(c.Tx, c.Account)
		if err != nil {
			return nil, err
		}
		if o == nil {
			o = &organization{Management: c.Account, ID: "o-none", Partition: c.Partition}
		}
		needs := needsOf(c, o, name, at, in)
		_, err = o.delegated(c, name, needs)
		return needs, err
	}
}

func needsOf[In any](c *api.Call, o *organization, name string, at func(*api.Call, *organization, *In) target, in *In) []api.Need {
	var t target
	if at != nil {
		t = at(c, o, in)
	}
	if len(t.resources) == 0 {
		t.resources = []string{"*"}
	}
	needs := make([]api.Need, 0, len(t.resources))
	for _, r := range t.resources {
		n := api.Need{Action: "organizations:" + name, Resource: r, Context: t.context.Clone()}
		for key, value := range o.Tags[r[strings.LastIndexByte(r, '/')+1:]] {
			n.Context.Set("aws:ResourceTag/"+key, value)
		}
		needs = append(needs, n)
	}
	return needs
}

// acting is the call as its handler sees it: one of the management account, if
// the organization's resource policy lets a member act for it.
func acting[In any](c *api.Call, name string, at func(*api.Call, *organization, *In) target, in *In) (*api.Call, error) {
	o, err := find(c.Tx, c.Account)
	if err != nil || o == nil {
		return c, err
	}
	delegated, err := o.delegated(c, name, needsOf(c, o, name, at, in))
	if err != nil || !delegated {
		return c, err
	}
	d := *c
	d.Account = o.Management
	return &d, nil
}

// read makes an operation that changes nothing.
func read[In, Out any](name string, at func(*api.Call, *organization, *In) target, do func(*api.Call, *In) (*Out, error)) api.Operation {
	return api.Read(name, authorize(name, at), func(c *api.Call, in *In) (*Out, error) {
		d, err := acting(c, name, at, in)
		if err != nil {
			return nil, err
		}
		return do(d, in)
	})
}

// change makes an operation that changes the organization of the caller, who
// must be of its management account, or be let by the resource policy.
func change[In, Out any](name string, at func(*api.Call, *organization, *In) target, do func(*api.Call, *organization, *In) (*Out, error)) api.Operation {
	return api.Op(name, authorize(name, at), func(c *api.Call, in *In) (*Out, error) {
		d, err := acting(c, name, at, in)
		if err != nil {
			return nil, err
		}
		o, err := managed(d)
		if err != nil {
			return nil, err
		}
		out, err := do(c, o, in)
		if err != nil {
			return nil, err
		}
		return out, o.put(c.Tx)
	})
}
