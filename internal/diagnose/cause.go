package diagnose

// CauseKind tells causes apart.
type CauseKind string

// The causes that the doctor knows.
const (
	// IdentityMissing: no identity policy allows the request. The article's cause.
	IdentityMissing CauseKind = "identity-policy-missing"
	// IdentityDenied: a Deny statement of an identity policy.
	IdentityDenied CauseKind = "identity-policy-deny"
	// ConditionMismatch: an Allow statement fits but for a condition.
	ConditionMismatch CauseKind = "condition-mismatch"
	// ResourceMismatch: an Allow statement is for another key.
	ResourceMismatch CauseKind = "resource-mismatch"
	// ActionMisspelt: an Allow statement is for an action that there is not.
	ActionMisspelt CauseKind = "action-misspelt"
	// ActionMissing: an Allow statement has other actions of the key's use.
	ActionMissing CauseKind = "action-missing"
	// PrincipalMismatch: the key policy allows it to a service, or to another
	// service-linked role than the one that asks.
	PrincipalMismatch CauseKind = "principal-mismatch"
	// GrantMissing: a service-linked role is to use another account's key, for which
	// somebody has to make a grant.
	GrantMissing CauseKind = "grant-missing"
	// StalePrincipal: the key policy allows somebody who was deleted.
	StalePrincipal CauseKind = "stale-principal"
	// KeyPolicyMissing: the key policy neither delegates to IAM nor names the caller.
	KeyPolicyMissing CauseKind = "key-policy-missing"
	// KeyPolicyDenied: a Deny statement of the key policy.
	KeyPolicyDenied CauseKind = "key-policy-deny"
	// Boundary: the caller's permissions boundary does not let the request through.
	Boundary CauseKind = "permissions-boundary"
	// SessionPolicy: the policy that was passed to AssumeRole does not.
	SessionPolicy CauseKind = "session-policy"
	// ServiceControlPolicy and ResourceControlPolicy: a policy of the organization
	// does not, and could be read.
	ServiceControlPolicy  CauseKind = "service-control-policy"
	ResourceControlPolicy CauseKind = "resource-control-policy"
	// ControlPolicy: a policy of the organization or of an endpoint does not, says
	// the event; nobody could read it.
	ControlPolicy CauseKind = "control-policy"

	KeyDisabled        CauseKind = "key-disabled"
	KeyPendingDeletion CauseKind = "key-pending-deletion"
	KeyPendingImport   CauseKind = "key-pending-import"
	KeyUnavailable     CauseKind = "key-unavailable"
	KeyDeleted         CauseKind = "key-deleted"
	// KeyNotFound: a launch names a key that the Region does not have.
	KeyNotFound CauseKind = "key-not-found"
	// KeyUnsuitable: the key is not a symmetric one for encryption.
	KeyUnsuitable CauseKind = "key-unsuitable"
	// GrantLimit: the key has as many grants as a key may have.
	GrantLimit CauseKind = "grant-limit"

	// StoppedByUser: somebody called StopInstances or TerminateInstances.
	StoppedByUser CauseKind = "stopped-by-user"
	// StoppedBySystem: the operating system shut the instance down.
	StoppedBySystem CauseKind = "stopped-by-operating-system"
	// StoppedByAWS: a scheduled stop, or a Spot interruption.
	StoppedByAWS CauseKind = "stopped-by-aws"
	NoCapacity   CauseKind = "no-capacity"
	VolumeLimit  CauseKind = "volume-limit"
	SnapshotGone CauseKind = "snapshot-not-found"
	// InternalError: EC2 failed, and there is no key in it.
	InternalError CauseKind = "internal-error"

	// CallRefused: a call was refused at once, for a reason that the sentence quotes.
	CallRefused CauseKind = "call-refused"
	// InstanceLimit: the quota of instances or of vCPUs is reached.
	InstanceLimit CauseKind = "instance-limit"
	// NoAddresses: the subnet has no free address.
	NoAddresses CauseKind = "no-free-addresses"
	// RootVolumeMissing: the root volume was detached.
	RootVolumeMissing CauseKind = "root-volume-missing"
	// RoleNotCreated: a service-linked role is not there, and may not be created.
	RoleNotCreated CauseKind = "service-linked-role-missing"
	// InvalidPrincipal: a key policy was refused that names somebody who does not exist.
	InvalidPrincipal CauseKind = "invalid-principal"
	// UnshareableKey: what is encrypted under an AWS managed key cannot be shared.
	UnshareableKey CauseKind = "unshareable-key"
	// AccountNotReady: the account may not use the Region or the service yet.
	AccountNotReady CauseKind = "account-not-ready"
)

// CauseKinds are all that the doctor knows.
func CauseKinds() []CauseKind {
	return []CauseKind{
		IdentityMissing, IdentityDenied, ConditionMismatch, ResourceMismatch, ActionMisspelt, ActionMissing, PrincipalMismatch,
		GrantMissing, StalePrincipal, KeyPolicyMissing, KeyPolicyDenied, Boundary, SessionPolicy, ServiceControlPolicy,
		ResourceControlPolicy, ControlPolicy, KeyDisabled, KeyPendingDeletion, KeyPendingImport, KeyUnavailable, KeyDeleted,
		KeyNotFound, KeyUnsuitable, GrantLimit, StoppedByUser, StoppedBySystem, StoppedByAWS, NoCapacity, VolumeLimit,
		SnapshotGone, InternalError, CallRefused, InstanceLimit, NoAddresses, RootVolumeMissing, RoleNotCreated,
		InvalidPrincipal, UnshareableKey, AccountNotReady,
	}
}

// finding is a cause with its repair.
type finding struct {
	cause Cause
	fixes []Fix
	// instead are other ways to repair it, the better first.
	instead [][]Fix
}
