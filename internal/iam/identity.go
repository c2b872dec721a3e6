package iam

import (
	"errors"
	"maps"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

// Identity gathers the policies that belong to a caller: those of the user and
// its groups, or of the role, the permissions boundary, and the session's own.
// It also gives the caller the principal's current tags; a session's own tags
// win. A user or role that is gone gives store.ErrNotFound: its credentials are
// dead.
//
// Every request comes through here, so it reads a row for the principal, one
// for each group and policy, and decodes nothing that it has decoded before.
func (s *Service) Identity(tx store.Tx, caller *api.Caller) (access.Policies, error) {
	var out access.Policies
	p := &caller.Principal
	if p.IdentityOnly {
		return out, nil
	}
	var err error
	scope := store.Scope{Account: p.Account, Region: store.Global}
	switch p.Type {
	case access.User:
		err = s.userPolicies(tx, scope, p, &out)
	case access.RoleSession:
		err = s.rolePolicies(tx, scope, p, &out)
	case access.FederatedUser:
		err = s.federatedPolicies(tx, scope, caller, &out)
	}
	if err != nil {
		return access.Policies{}, err
	}
	return out, s.sessionPolicies(caller, &out)
}

func (s *Service) userPolicies(tx store.Tx, scope store.Scope, p *access.Principal, out *access.Policies) error {
	u, err := s.currentUser(tx, scope, p.Name, p.UserID)
	if err != nil {
		return err
	}
	p.Tags = u.Tags.asMap()
	return s.allOf(tx, scope, u, out)
}

// currentUser is userOf through the cache.
func (s *Service) currentUser(tx store.Tx, scope store.Scope, name, id string) (*user, error) {
	u, err := s.users.get(tx, scope, "iam.user", rowID(name))
	if err == nil && u.ID == id {
		return u, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	renamed, err := first(users.Find(tx, scope, "id", id))
	return &renamed, err
}

// allOf adds a user's policies, its groups' and its boundary.
func (s *Service) allOf(tx store.Tx, scope store.Scope, u *user, out *access.Policies) error {
	if err := s.held(tx, scope, &u.holder, "user", out); err != nil {
		return err
	}
	for _, id := range u.Groups {
		g, err := s.groupByID(tx, scope, id)
		if err != nil {
			return err
		}
		if err := s.held(tx, scope, &g.holder, "group", out); err != nil {
			return err
		}
	}
	return nil
}

// groupByID reads the group with a unique id: the index entry names its row.
func (s *Service) groupByID(tx store.Tx, scope store.Scope, id string) (*group, error) {
	prefix := store.Key(scope.Account, scope.Region, "iam.group#id", id) + "/"
	for row, err := range tx.Scan(prefix, "") {
		if err != nil {
			return nil, err
		}
		// A group's row id has no character that a key escapes.
		return s.groups.get(tx, scope, "iam.group", row.Key[len(prefix):])
	}
	return nil, store.ErrNotFound
}

func (s *Service) rolePolicies(tx store.Tx, scope store.Scope, p *access.Principal, out *access.Policies) error {
	r, err := s.roles.get(tx, scope, "iam.role", rowID(policyName(p.RoleARN)))
	if err != nil {
		return err
	}
	if r.ID != p.RoleID {
		return store.ErrNotFound
	}
	p.Tags = sessionTags(r.Tags, p.Tags)
	return s.held(tx, scope, &r.holder, "role", out)
}

// sessionTags are the role's tags with the session's own, whose keys are
// compared without regard to case (IAM guide, "Passing session tags in AWS STS").
func sessionTags(role tags, session map[string]string) map[string]string {
	if len(role) == 0 {
		return session
	}
	own := make(map[string]bool, len(session))
	for k := range session {
		own[strings.ToLower(k)] = true
	}
	out := make(map[string]string, len(role)+len(session))
	for _, t := range role {
		if !own[strings.ToLower(t.Key)] {
			out[t.Key] = t.Value
		}
	}
	maps.Copy(out, session)
	return out
}

// federatedPolicies are those of the user that asked for the session.
func (s *Service) federatedPolicies(tx store.Tx, scope store.Scope, caller *api.Caller, out *access.Policies) error {
	if caller.IssuerID == caller.Principal.Account {
		return nil // the root user: allowed what the session policies allow
	}
	u, err := s.currentUser(tx, scope, policyName(caller.Principal.UserARN), caller.IssuerID)
	if err != nil {
		return err
	}
	return s.allOf(tx, scope, u, out)
}

// held adds what one entity has: inline and attached policies, and its boundary.
func (s *Service) held(tx store.Tx, scope store.Scope, h *holder, noun string, out *access.Policies) error {
	for _, n := range h.Inline {
		raw, err := tx.Get(inlineKey(scope, h.ID, n))
		if err != nil {
			return err
		}
		p, err := s.documents.parse(raw)
		if err != nil {
			return err
		}
		out.Identity = append(out.Identity, access.Document{Name: "inline policy " + n + " of " + noun + " " + h.Name, Policy: p})
	}
	for _, a := range h.Attached {
		d, err := s.managedDocument(tx, scope, a)
		if err != nil {
			return err
		}
		out.Identity = append(out.Identity, d)
	}
	if h.Boundary == "" {
		return nil
	}
	d, err := s.managedDocument(tx, scope, h.Boundary)
	if err != nil {
		return err
	}
	out.Boundary = &d
	return nil
}

// awsARN tells the policies of AWS's from the account's own.
const awsARN = ":iam::aws:policy/"

// managedDocument is a managed policy's default version, compiled.
func (s *Service) managedDocument(tx store.Tx, scope store.Scope, arn string) (access.Document, error) {
	d := access.Document{Name: policyName(arn), ARN: arn}
	var err error
	if strings.Contains(arn, awsARN) {
		d.Policy, err = s.documents.aws(arn)
		return d, err
	}
	raw, err := tx.Get(defaultKey(scope, arn))
	if err != nil {
		return d, err
	}
	d.Policy, err = s.documents.parse(raw)
	return d, err
}

// sessionPolicies adds the policies that the session was limited by.
func (s *Service) sessionPolicies(caller *api.Caller, out *access.Policies) error {
	out.HasSession = caller.HasSession
	for _, sp := range caller.SessionPolicies {
		p, err := s.documents.parse([]byte(sp.Document))
		if err != nil {
			return err
		}
		out.Session = append(out.Session, access.Document{Name: sp.Name, ARN: sp.ARN, Policy: p})
	}
	return nil
}

// aws finds one of AWS's policies compiled, by its ARN: what is embedded never
// changes. An ARN is no document, so the two kinds of key cannot be mixed up.
func (d *documentCache) aws(arn string) (*policy.Policy, error) {
	if p, found := d.get([]byte(arn)); found {
		return p, nil
	}
	n, _ := parseARN(arn)
	found, ok := awsPolicy(n)
	if !ok {
		return nil, store.ErrNotFound
	}
	v, _ := found.Version(found.Default)
	text := v.Document()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	d.put(arn, p, len(text))
	return p, nil
}
