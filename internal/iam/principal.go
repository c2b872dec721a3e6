package iam

import (
	"errors"
	"time"

	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

// principals map the unique ids of users and roles of every account to their
// ARNs. Policies that name a principal keep its id: one that is deleted and made
// anew is somebody else (IAM guide, "AWS JSON policy elements: Principal").
var principals = store.NewTable[principal]("iam.principal")

type principal struct{ ARN string }

// nameID records the ARN that a user or role has now.
func nameID(tx store.Tx, id, arn string) error {
	return principals.Put(tx, outside, id, principal{ARN: arn})
}

// ResolvePrincipal tells whether the principal that an ARN (or account id, or
// "*") names exists, and returns the unique id of a user or role. For what has
// no id that would take its place in a policy (an account, a session, a
// service), id is empty and ok is true.
func (s *Service) ResolvePrincipal(tx store.Tx, arn string) (id string, ok bool) {
	n, ok := parseARN(arn)
	if !ok {
		return "", isPlainPrincipal(arn)
	}
	scope := store.Scope{Account: n.account, Region: store.Global}
	switch n.noun {
	case "root":
		return "", isAccount(n.account)
	case "user":
		u, err := get(tx, scope, users, "user", n.name)
		return u.ID, err == nil && u.Path == n.path
	case "role":
		r, err := get(tx, scope, roles, "role", n.name)
		return r.ID, err == nil && r.Path == n.path
	}
	return "", false
}

// PrincipalARN is the ARN that the user or role with a unique id has now; false
// if it was deleted.
func (s *Service) PrincipalARN(tx store.Tx, id string) (string, bool) {
	p, err := principals.Get(tx, outside, id)
	return p.ARN, err == nil
}

// isPlainPrincipal reports whether s is a principal that is no ARN of a user or
// role: everybody, an account, a session, an id.
func isPlainPrincipal(s string) bool {
	return s == "*" || isAccount(s) || sessionARN.MatchString(s) || uniqueID.MatchString(s)
}

// Role is what STS needs to know of a role.
type Role = struct {
	ID, ARN, Name string
	// Trust is the trust policy, its principals as unique ids.
	Trust      *policy.Policy
	MaxSession time.Duration
	Tags       map[string]string
	// Linked marks a service-linked role.
	Linked bool
}

// Role finds a role by its ARN, or returns store.ErrNotFound.
func (s *Service) Role(tx store.Tx, arn string) (Role, error) {
	n, ok := parseARN(arn)
	if !ok || n.noun != "role" {
		return Role{}, store.ErrNotFound
	}
	scope := store.Scope{Account: n.account, Region: store.Global}
	r, err := roles.Get(tx, scope, rowID(n.name))
	if err != nil {
		return Role{}, err
	}
	if r.Name != n.name || r.Path != n.path {
		return Role{}, store.ErrNotFound
	}
	trust, err := tx.Get(trustKey(scope, r.ID))
	if err != nil {
		return Role{}, err
	}
	parsed, err := s.documents.parse(trust)
	if err != nil {
		return Role{}, err
	}
	return Role{
		ID: r.ID, ARN: arn, Name: r.Name, Trust: parsed, Linked: r.Linked != "",
		MaxSession: time.Duration(r.MaxSession) * time.Second, Tags: r.Tags.asMap(),
	}, nil
}

// ManagedPolicy returns the name and the default version's text of a managed
// policy that an account may use, or store.ErrNotFound.
func (s *Service) ManagedPolicy(tx store.Tx, account, arn string) (policyName, text string, err error) {
	scope := store.Scope{Account: account, Region: store.Global}
	d, err := s.managedDocument(tx, scope, arn)
	if errors.Is(err, store.ErrNotFound) || err == nil && d.Policy == nil {
		return "", "", store.ErrNotFound
	}
	if err != nil {
		return "", "", err
	}
	return d.Name, d.Policy.Text(), nil
}
