package access

import "github.com/keyturn/keyturn/policy"

// Outcome is the end of a decision.
type Outcome string

// The outcomes. The first three are named as SimulatePrincipalPolicy names them.
const (
	Allowed      Outcome = "allowed"
	ExplicitDeny Outcome = "explicitDeny"
	ImplicitDeny Outcome = "implicitDeny"
	// Depends: a context key or a whole layer that is not known would settle it.
	Depends Outcome = "depends"
)

// Decision is the answer to a Request, with its reasons.
type Decision struct {
	Request Request
	Outcome Outcome
	// Layer is the one that decided a denial, and the one AWS's message names.
	Layer Layer
	// By is the statement that denied explicitly, or that allowed; nil for an
	// implicit denial. Where the outcome is the same whatever an unknown key is,
	// but not by the same statement, it is one of them.
	By *Reason
	// Layers are the verdicts of every layer that bears on the request, in
	// AWS's order of evaluation.
	Layers []LayerVerdict
	// Missing are the keys and documents that would settle a Depends: those on
	// which the outcome turns, whatever the others are, and no more.
	Missing []string
	// Settle tells for each of them what it would have to be.
	Settle []Settlement
}

// LayerVerdict is what one layer says by itself.
type LayerVerdict struct {
	Layer   Layer
	Verdict Verdict
	// Reasons are the statements that matched or nearly matched, best first.
	Reasons []Reason
	// Note says in words what no statement can: "the key has no policy
	// statement that delegates to IAM".
	Note string
}

// Verdict is a single layer's word.
type Verdict string

// The verdicts of a layer.
const (
	Allows  Verdict = "allows"
	Denies  Verdict = "denies"  // a Deny statement matches
	Silent  Verdict = "silent"  // nothing matches: an implicit denial if this layer must allow
	Unknown Verdict = "unknown" // turns on something not known
)

// Reason is one statement's part in a decision.
type Reason struct {
	Layer     Layer
	Document  string // Document.Name
	ARN       string // Document.ARN
	File      string // Document.File
	Statement int    // index in the document
	Sid       string
	Position  policy.Position
	Effect    policy.Effect
	// Match tells whether the statement applied; if not, Failed is the one
	// element that stopped it.
	Match  bool
	Failed *policy.Mismatch
	// Names is how a resource policy's Principal names the caller.
	Names policy.Names
	// Others counts the further elements that did not fit, beside Failed.
	Others int
	// GrantID is set where the reason is a grant, not a statement.
	GrantID string
}

// Allowed reports whether the request may go through.
func (d Decision) Allowed() bool { return d.Outcome == Allowed }
