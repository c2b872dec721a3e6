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
)

// finding is a cause with its repair.
type finding struct {
	cause Cause
	fixes []Fix
	// instead are other ways to repair it, the better first.
	instead [][]Fix
}
