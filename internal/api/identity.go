package api

import (
	"errors"
	"time"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/store"
)

// Credential is a long-term access key as the cloud needs it to know a caller.
type Credential struct {
	Secret    string // clear; must not outlive the request
	Active    bool
	Principal access.Principal
	CreatedAt time.Time
}

// Credentials finds long-term access keys. IAM implements it.
type Credentials interface {
	// Credential returns the key with that id (AKIA…), or store.ErrNotFound.
	Credential(tx store.Tx, accessKeyID string) (Credential, error)
}

// Sessions opens the tokens of temporary credentials. STS implements it.
type Sessions interface {
	// Session verifies a session token that came with an access key id (ASIA…)
	// and returns whose it is and the secret it signs with. It reads no store.
	// An invalid token gives ErrInvalidToken; expiry is the caller's to check.
	Session(accessKeyID, token string) (Caller, string, error)
}

// Identities gathers the policies that belong to a principal. IAM implements it.
type Identities interface {
	// Identity returns the principal's own policies and boundary, and its
	// current tags (a session's own tags stay as they are). A principal that
	// was deleted gives store.ErrNotFound: its credentials are dead.
	Identity(tx store.Tx, caller *Caller) (access.Policies, error)
}

// InstanceProfiles finds instance profiles for EC2, which hands their roles to
// instances. IAM implements it.
type InstanceProfiles interface {
	// InstanceProfile returns the profile of that name in the call's account, or
	// store.ErrNotFound. It authorizes nothing: the launch needs iam:PassRole on
	// the role, not iam:GetInstanceProfile.
	InstanceProfile(c *Call, name string) (InstanceProfile, error)
}

// InstanceProfile is what EC2 needs to know of one.
type InstanceProfile struct {
	ARN, ID string
	RoleARN string // empty if it holds no role
}

// LinkedRoles opens sessions of service-linked roles for the services that act
// as them (IAM guide, "Service-linked roles"). IAM implements it.
type LinkedRoles interface {
	// LinkedRole returns a session of the service-linked role of that ARN in the
	// call's account, to be used with Call.As, or store.ErrNotFound if the role
	// is not there. The service makes the session for itself: nothing is
	// authorized, and the role itself comes into being through
	// iam:CreateServiceLinkedRole, in the name of who caused it.
	LinkedRole(c *Call, roleARN, session string) (Caller, error)
}

// AccountRoles makes the role through which a new account is reached. IAM
// implements it.
type AccountRoles interface {
	// CreateAccountRole makes a role with AdministratorAccess in an account that
	// has just come into being; the principals of the trusted account may assume
	// it (Organizations guide, "Accessing member accounts in an organization").
	CreateAccountRole(c *Call, account, name, trusted string) error
}

// Organizations tells where an account stands. Package organizations implements it.
type Organizations interface {
	// Membership returns nil for an account that is in no organization. What it
	// returns is shared and must not be changed.
	Membership(tx store.Tx, account string) (*Membership, error)
}

// Membership is an account's place in an organization.
type Membership struct {
	Organization      string // "o-exampleorgid"
	ManagementAccount string
	// Path is the value of aws:PrincipalOrgPaths: "o-…/r-…/ou-…/".
	Path string
	// Suspended: the account was closed, and nobody in it can do anything.
	Suspended bool
	// AllFeatures: the organization has more than consolidated billing.
	AllFeatures bool
	// Trusted are the service principals that the organization trusts, Administers
	// those for which the account is a delegated administrator.
	Trusted, Administers []string
	// ServiceControl and ResourceControl are the SCPs and RCPs that bear on the
	// account, a list for each level from the root down to it; nil where the
	// organization has not enabled them.
	ServiceControl, ResourceControl [][]access.Document
}

// ErrInvalidToken is returned for a session token that is not ours, was
// changed, or belongs to another access key.
var ErrInvalidToken = errors.New("api: invalid session token")
