package diagnose

import (
	"context"
	"slices"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/policy"
)

// ReadOrganization reads where accounts stand in the organization of the clients'
// account, and the control policies that bear on them there. It is nil where there
// is none, or none could be read: none tells the first, unread the second.
func ReadOrganization(ctx context.Context, c Organizations, accounts []string) (o *Organization, none bool, unread []Unread) {
	if len(accounts) == 0 {
		return nil, false, nil
	}
	e := &Evidence{
		Site:   launch.Site{Account: accounts[0]},
		Caller: &Caller{Principal: access.Principal{Account: accounts[0]}},
	}
	for _, a := range accounts[1:] {
		e.Keys = append(e.Keys, Key{ARN: "arn:aws:kms::" + a + ":key/"})
	}
	newGatherer(ctx, Clients{Organizations: c}, Options{}, e).organization()
	return e.Organization, e.NoOrganization, e.Unread
}

// NewPlace is where an account stands, from what somebody else read: the policies
// of each level from the root down to the account, nil for a type that is not
// enabled.
func NewPlace(account, path string, service, resource [][]access.Document) Place {
	return Place{Account: account, Path: path, Policies: []PolicyRead{}, service: service, resource: resource}
}

// Controls are an account's place and the control policies that bear on it, from
// the root of the organization down. ok is false if they were not read.
func (o *Organization) Controls(account string) (p Place, service, resource [][]access.Document, ok bool) {
	for _, p := range o.Places {
		if p.Account == account {
			return p, p.service, p.resource, true
		}
	}
	return Place{}, nil, nil, false
}

// Fault is the state that keeps the key from being used, empty if none is known
// (KMS guide, "Key states of AWS KMS keys").
func (k *Key) Fault() CauseKind {
	if k.Missing {
		return KeyDeleted
	}
	if k.Spec != "" && k.Spec != string(kmstypes.KeySpecSymmetricDefault) {
		return KeyUnsuitable
	}
	switch kmstypes.KeyState(k.State) {
	case kmstypes.KeyStateDisabled:
		return KeyDisabled
	case kmstypes.KeyStatePendingDeletion, kmstypes.KeyStatePendingReplicaDeletion:
		return KeyPendingDeletion
	case kmstypes.KeyStatePendingImport:
		return KeyPendingImport
	case kmstypes.KeyStateUnavailable:
		return KeyUnavailable
	}
	return ""
}

// Misspells tells whether a policy allows what KMS has no such action for, and
// nearly the action that is asked for.
func Misspells(p *policy.Policy, action string) bool {
	for i := range p.Len() {
		if s := p.Statement(i); s.Effect() == policy.Allow &&
			slices.ContainsFunc(s.Actions(), func(written string) bool { return nearlyNamed(written, action) }) {
			return true
		}
	}
	return false
}

// NamesDeleted tells whether a key policy allows the action to a user or role that
// was deleted.
func NamesDeleted(p *policy.Policy, action string) bool {
	for i := range p.Len() {
		if s := p.Statement(i); s.Effect() == policy.Allow && matchesAny(s.Actions(), action) &&
			slices.ContainsFunc(s.Principals(), func(n policy.PrincipalName) bool {
				return n.Type == policy.AWSPrincipal && deleted.MatchString(n.Name)
			}) {
			return true
		}
	}
	return false
}
