package policy

import "strings"

// Keys gives the condition keys of a request. Get is called with the key's name
// in lower case: names have no case. values must not be changed.
type Keys interface {
	// Get returns a key's values, whether it is present, and whether nobody
	// knows. A key may be present without values.
	Get(key string) (values []string, present, unknown bool)
}

// Caller is who makes a request, by all the names that a Principal element may
// use for it. The zero value is an anonymous caller.
type Caller struct {
	// Account is the caller's 12 digits; empty for services and anonymous callers.
	Account string
	// ARN is the user's, the role session's, the federated user's or the root
	// user's. ID is the unique id of a user: AIDA….
	ARN, ID string
	// RoleARN and RoleID (AROA…) are the role of a role session.
	RoleARN, RoleID string
	// UserARN is the user behind a federated user session.
	UserARN string
	// Root marks the account's root user.
	Root bool
	// Bounded marks a user or role with a permissions boundary: a NotPrincipal
	// with Deny does not spare it, whatever it lists (IAM guide, "AWS JSON policy
	// elements: NotPrincipal").
	Bounded bool
	// Service is the service principal of an AWS service acting for itself.
	Service string
	// Federated is the identity provider of a web identity or SAML caller.
	Federated string
	// CanonicalUser is the account's canonical user id, which S3 uses.
	CanonicalUser string
}

// Env is a request as statements see it. Make one with NewEnv; it serves any
// number of policies, one goroutine at a time.
type Env struct {
	action       string
	service      string // prefix of action, as written
	keysOfAction actionKeys
	resource     resource
	caller       *Caller
	keys         Keys
	// read is how a value was read last, resolved a text with variables.
	read     reading
	resolved []byte

	// ResourceBased says that the policies are attached to a resource, so that
	// a statement without Principal names nobody.
	ResourceBased bool
	// ImpliedResource says that a statement without Resource is about the very
	// resource it is attached to, as in a role trust policy. Otherwise such a
	// statement has no effect (KMS guide, "Key policies in AWS KMS").
	ImpliedResource bool
}

// mostKept bounds the memory, in bytes, that an Env keeps from one request to
// the next.
const mostKept = 1 << 14

// NewEnv prepares a request: the action, such as "kms:CreateGrant", the ARN
// acted on, or "*", the caller and the condition keys.
func NewEnv(action, resource string, caller *Caller, keys Keys) Env {
	var env Env
	env.Reset(action, resource, caller, keys)
	return env
}

// Reset makes it another request's, as new.
func (env *Env) Reset(action, resource string, caller *Caller, keys Keys) {
	env.action, env.caller, env.keys = action, caller, keys
	env.service, _, _ = strings.Cut(action, ":")
	env.keysOfAction = newActionKeys(action)
	env.resource.text, env.resource.cut = resource, false
	env.read.as, env.read.text = asNothing, ""
	if cap(env.resolved) > mostKept || cap(env.read.bytes) > mostKept {
		env.resolved, env.read.bytes = nil, nil
	}
	env.ResourceBased, env.ImpliedResource = false, false
}
