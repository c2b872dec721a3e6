// Package iam is AWS Identity and Access Management: users, groups, roles,
// instance profiles, access keys and the policies that belong to them.
//
// What is here is account-wide: rows live in the account's global scope. Two
// things lie outside of every account: the index of access keys, because a
// request names its key before anybody knows whose it is, and the account
// aliases, which are unique among all accounts.
//
// Beyond the operations the package tells the cloud who signs with a key
// ([Service.Credential]), which policies bear on a caller ([Service.Identity]),
// and tells STS about roles ([Service.Role]).
package iam

import (
	"reflect"
	"slices"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// Sealer encrypts what must not lie in the store in the clear. The root key is one.
type Sealer interface {
	// Seal encrypts plaintext for a purpose; aad must be given again to open it.
	Seal(purpose string, plaintext, aad []byte) []byte
	// Open is the reverse, and fails for what was sealed otherwise or changed.
	Open(purpose string, sealed, aad []byte) ([]byte, error)
}

// Service is IAM. It keeps no state but caches addressed by content, and is
// safe for concurrent use.
type Service struct {
	root      Sealer
	documents documentCache
	users     decoded[user]
	groups    decoded[group]
	roles     decoded[role]
	keys      decoded[accessKey]
	// organizations tells which SCPs bear on a simulated caller; nil: none do.
	organizations api.Organizations
	// assertions reads what SAML providers publish.
	assertions api.Assertions
	spare      spareKeys
}

// New returns the service; root seals the secrets of access keys.
func New(root Sealer) *Service {
	return &Service{root: root}
}

// WithOrganizations has simulations ask the SCPs of the account.
func (s *Service) WithOrganizations(o api.Organizations) { s.organizations = o }

// WithAssertions has SAML providers' metadata and keys checked.
func (s *Service) WithAssertions(a api.Assertions) { s.assertions = a }

// Name is the signing name.
func (s *Service) Name() string { return "iam" }

// Operations lists what is built.
func (s *Service) Operations() []api.Operation {
	return slices.Concat(
		s.userOperations(), s.groupOperations(), s.roleOperations(), s.profileOperations(),
		s.keyOperations(), s.loginOperations(), s.policyOperations(), s.versionOperations(), s.attachmentOperations(),
		s.inlineOperations(), s.boundaryOperations(), s.tagOperations(), s.linkedOperations(),
		s.accountOperations(), s.deviceOperations(), s.oidcOperations(), s.detailsOperations(), s.simulationOperations(), s.reportOperations(), s.lastAccessedOperations(), s.orgReportOperations(),
		s.samlOperations(), s.rootAccessOperations(), s.outboundOperations(),
		s.sshKeyOperations(), s.signingCertificateOperations(), s.serverCertificateOperations(), s.serviceCredentialOperations(),
	)
}

// outside is the scope of what belongs to no account.
var outside = store.Scope{Account: "-", Region: store.Global}

// target is what an operation acts on, as its authorization sees it.
type target struct {
	resource string
	context  access.Context
	// policy is what allows it besides the caller's own policies, if anything does.
	policy *access.ResourcePolicy
	// also are further permissions that the operation needs.
	also []api.Need
}

func (t target) needs(action string) []api.Need {
	return append([]api.Need{{Action: action, Resource: t.resource, Context: t.context, Policy: t.policy}}, t.also...)
}

// op makes an operation that changes state and needs iam:<name> on its target.
func op[In, Out any](name string, at func(*api.Call, *In) (target, error), do func(*api.Call, *In) (*Out, error)) api.Operation {
	return api.Op(name, authorize(name, at), do)
}

// read makes an operation that changes nothing and needs iam:<name> on its target.
func read[In, Out any](name string, at func(*api.Call, *In) (target, error), do func(*api.Call, *In) (*Out, error)) api.Operation {
	return api.Read(name, authorize(name, at), do)
}

func authorize[In any](name string, at func(*api.Call, *In) (target, error)) api.Authorize[In] {
	paths := pathsOf[In]()
	return func(c *api.Call, in *In) ([]api.Need, error) {
		if shutOut(c) {
			return nil, api.Error("InvalidClientTokenId", "The security token included in the request is invalid.")
		}
		if err := paths.check(reflect.ValueOf(in).Elem()); err != nil {
			return nil, err
		}
		t, err := at(c, in)
		if err != nil {
			return nil, err
		}
		return t.needs("iam:" + name), nil
	}
}

// everywhere is the target of operations that act on the account as a whole.
func everywhere[In any](*api.Call, *In) (target, error) { return target{resource: "*"}, nil }

// shutOut reports whether the caller's session may not use IAM at all: one of
// GetSessionToken without MFA, or of GetFederationToken (IAM guide, "Compare AWS
// STS credentials"). What a service does for such a caller is its own affair.
func shutOut(c *api.Call) bool {
	if c.Via != nil || c.Caller.IssuedAt.IsZero() {
		return false
	}
	switch c.Caller.Principal.Type {
	case access.FederatedUser:
		return true
	case access.User, access.Root:
		return !c.Caller.MFA && !c.Caller.AssumedRoot
	}
	return false
}
