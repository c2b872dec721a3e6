package diagnose

import (
	"time"

	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

// Version is the version of the report's JSON form (docs/diagnose-json.md). It
// changes when a field goes or changes its meaning, not when one is added.
const Version = 1

// Outcome is the end of a diagnosis.
type Outcome string

// The outcomes.
const (
	// NothingWrong: the instance runs, nothing stands in the way of a start, or
	// somebody stopped it, which Report.Cause tells.
	NothingWrong Outcome = "nothing-wrong"
	// CauseFound: the report has the cause.
	CauseFound Outcome = "cause-found"
	// NoConclusion: Report.Summary says why, Report.Unread what would settle it.
	NoConclusion Outcome = "no-conclusion"
)

// Report is the result of a diagnosis. Its JSON form is stable.
type Report struct {
	Version int     `json:"version"`
	Outcome Outcome `json:"outcome"`
	// Summary is the outcome as one sentence.
	Summary phrase.Text `json:"summary"`
	// Target is what was asked about, Operation what failed or is in question.
	Target    Target    `json:"target"`
	Operation Operation `json:"operation"`
	Account   string    `json:"account"`
	Region    string    `json:"region"`

	// The chain of evidence, in the order of looking.
	Instance Instance `json:"instance"`
	Volumes  []Volume `json:"volumes"`
	Keys     []Key    `json:"keys"`
	// Start is the call that started or launched the instance last, nil if the
	// trail has none.
	Start *Event `json:"start"`
	// Late is until when the event of the refused request may still come, nil if none
	// is awaited.
	Late *time.Time `json:"late"`
	// Earlier is the call that started it the time before, after which it ran: nil if
	// the trail has none.
	Earlier *Event `json:"earlier"`
	// Changed is the last change of the denied key's policy before the denial, nil
	// where there is none or where it plays no part.
	Changed *Event `json:"changed"`
	// Denied is the event of the request that failed, nil if the trail has none.
	Denied *Event `json:"denied"`
	// Refused is a call that was refused at once, where that is the cause.
	Refused *Event `json:"refused"`
	// Stop is the call that stopped or terminated the instance, where that is the cause.
	Stop   *Event  `json:"stop"`
	Caller *Caller `json:"caller"`
	// Organization is what was read of it, nil if nothing was.
	Organization *Organization `json:"organization"`
	// Unread is what could not be read, and the permission that was missing.
	Unread []Unread `json:"unread"`
	// Missing is the smallest policy that would have let the doctor read what it was
	// denied, as JSON text; empty where it was denied nothing.
	Missing string `json:"missing,omitempty"`

	// Cause is why the instance does not run, nil where that is not known, or
	// where it does.
	Cause *Cause `json:"cause"`
	// Further are causes that show once the first is out of the way.
	Further []Cause `json:"further"`
	Fixes   []Fix   `json:"fixes"`
	Proof   *Proof  `json:"proof"`
}

// Cause is what is wrong.
type Cause struct {
	Kind CauseKind `json:"kind"`
	// Sentence says it in one sentence.
	Sentence phrase.Text `json:"sentence"`
	// Layer is the kind of policy that stands in the way, in AWS's words, empty
	// where it is none.
	Layer string `json:"layer,omitempty"`
	// Statement is the statement that denied, or that nearly allowed.
	Statement *Statement `json:"statement,omitempty"`
	// Action and Principal are the request that fails: who may not do what.
	Action    string `json:"action,omitempty"`
	Principal string `json:"principal,omitempty"`
	// Keys are the ARNs of the keys concerned. Volumes are the ids of the volumes,
	// or their devices where a failed launch left none.
	Keys    []string `json:"keys,omitempty"`
	Volumes []string `json:"volumes,omitempty"`
	// Agreement tells how the denied event's own words compare with the
	// evaluation.
	Agreement Agreement `json:"agreement,omitempty"`
	// Note adds what a person should know.
	Note phrase.Text `json:"note,omitzero"`
}

// Agreement compares the evaluation with the words of the denied event.
type Agreement string

// The ways to compare.
const (
	// Agrees: the event names the layer that the evaluation names.
	Agrees Agreement = "agrees"
	// Silent: the event names no layer; older messages have no ending.
	Silent Agreement = "event-names-no-layer"
	// EvaluationOnly: no event was found.
	EvaluationOnly Agreement = "evaluation-only"
	// EventOnly: the event names a layer that could not be read.
	EventOnly Agreement = "event-only"
	// Differs: the event names another layer: something changed since.
	Differs Agreement = "differs"
)

// Statement is a place in a policy document.
type Statement struct {
	Document string `json:"document"`
	ARN      string `json:"arn,omitempty"`
	// Index counts from 0.
	Index  int    `json:"index"`
	Sid    string `json:"sid,omitempty"`
	Line   int    `json:"line"`
	Effect string `json:"effect"`
	// Failed is the element that kept the statement from applying, empty where
	// it applied.
	Failed phrase.Text `json:"failed,omitzero"`
	// FailedLine is the line in the document where that element stands, or the
	// Effect of a statement that denied.
	FailedLine int `json:"failedLine,omitempty"`
	// Text is the statement as it stands in the document.
	Text string `json:"text,omitempty"`

	// mismatch is Failed as data; misspelt is the action that there is not.
	mismatch *policy.Mismatch
	misspelt string
	// indent is the white space in front of the statement in its document, and
	// mark one more than the offset in Text of what to mark, or 0.
	indent string
	mark   int
}

// Fix is one change that repairs a cause.
type Fix struct {
	Kind  FixKind     `json:"kind"`
	Title phrase.Text `json:"title"`
	// Document is the policy or the statement to add, as JSON text; empty where
	// the fix is none.
	Document string `json:"document,omitempty"`
	// Calls are what to do, in that order: what "keyturn fix" does. Where the
	// fix is not a matter of calls alone, there are none.
	Calls []Call `json:"calls"`
	// Commands are the same and what comes after, as AWS CLI command lines for a
	// POSIX shell.
	Commands []string `json:"commands"`
	// Target is the ARN of what is changed.
	Target string `json:"target"`
	// Cause is the cause that it repairs: 0 is Report.Cause, 1 the first of
	// Report.Further.
	Cause int `json:"cause"`
	// Rank orders the ways to repair a cause: 1 is the one to take, those of 2
	// together are the next best, to be taken instead.
	Rank int `json:"rank"`
	// Alternative: its rank is not the first.
	Alternative bool `json:"alternative,omitempty"`
	// TradeOff is what speaks for this way and against it, in one line.
	TradeOff phrase.Text `json:"tradeOff,omitzero"`
	// Diff is what changes in a document that is there already, as a unified diff;
	// empty where there is none.
	Diff string `json:"diff,omitempty"`
	// HCL is the fix for Terraform, CloudFormation a template in YAML; empty where
	// the fix takes more than calls. Comments say what no resource stands for.
	HCL            string `json:"hcl,omitempty"`
	CloudFormation string `json:"cloudformation,omitempty"`
	// Verdict is what is proved of an alternative in the place of the fix that is
	// to be taken; nil for that.
	Verdict *Verdict `json:"verdict,omitempty"`
	// Note says what to consider.
	Note phrase.Text `json:"note,omitzero"`

	// effects are what the fix does to the evidence.
	effects []effect
}

// FixKind is the kind of a fix.
type FixKind string

// The kinds of fix.
const (
	IAMPolicyFix     FixKind = "iam-policy"
	PolicyEditFix    FixKind = "policy-edit"
	BoundaryFix      FixKind = "permissions-boundary"
	SessionPolicyFix FixKind = "session-policy"
	KeyPolicyFix     FixKind = "key-policy-statement"
	ControlPolicyFix FixKind = "control-policy"
	CommandFix       FixKind = "command"
)

// Verdict is a proof in short.
type Verdict struct {
	// Sufficient, NothingElse, Minimal and Surplus are as in Proof.
	Sufficient  bool          `json:"sufficient"`
	NothingElse bool          `json:"nothingElse"`
	Minimal     Minimality    `json:"minimal"`
	Surplus     []phrase.Text `json:"surplus"`
}

// Proof is the evaluation of every request with the fixes in place.
type Proof struct {
	// Sufficient: every request of the start is allowed.
	Sufficient bool `json:"sufficient"`
	// NothingElse: of all requests that the caller can make directly, without a
	// service, none is allowed that was not allowed without the fix. It is proved
	// by comparing all requests at once, and Others are examples.
	NothingElse bool `json:"nothingElse"`
	// Minimal: nothing of the fixes can be dropped, and they let through nothing
	// but what a start asks. Surplus says what is too much, or what keeps it from
	// being known.
	Minimal Minimality    `json:"minimal"`
	Surplus []phrase.Text `json:"surplus"`
	Steps   []Check       `json:"steps"`
	// Opened are all the requests that are newly allowed; empty where a policy
	// that could not be read keeps that from being known.
	Opened []Opening `json:"opened"`
	// Others are requests that the fix must not open.
	Others []Check `json:"others"`
}

// Opening is what a fix lets through for somebody.
type Opening struct {
	// Who may make the requests, in words.
	Who phrase.Text `json:"who"`
	// Delegated: not by the fix itself, but if policies of their account allow it.
	Delegated bool `json:"delegated,omitempty"`
	// Requests are in words: action, resource, conditions. They may overlap.
	Requests []phrase.Text `json:"requests"`
	// Complete: there are no others.
	Complete bool `json:"complete"`
}

// Check is one request of a proof.
type Check struct {
	Action    string `json:"action"`
	Principal string `json:"principal"`
	Key       string `json:"key"`
	Volume    string `json:"volume,omitempty"`
	// What says which request it is, in words.
	What   phrase.Text `json:"what"`
	Before string      `json:"before"`
	After  string      `json:"after"`
}

// ExitCode is the command's: 0 nothing wrong, 1 a cause found, 2 no conclusion.
func (r *Report) ExitCode() int {
	switch r.Outcome {
	case NothingWrong:
		return 0
	case CauseFound:
		return 1
	}
	return 2
}

// Instance is the instance as EC2 describes it.
type Instance struct {
	Source string `json:"source"`
	ID     string `json:"id"`
	State  string `json:"state"`
	// StateReason and TransitionReason are EC2's words. They do not tell a
	// key's state from a missing permission.
	StateReason      Reason     `json:"stateReason"`
	TransitionReason string     `json:"transitionReason,omitempty"`
	Launched         *time.Time `json:"launched,omitempty"`
	Image            string     `json:"image,omitempty"`
	RootDevice       string     `json:"rootDevice,omitempty"`
	Zone             string     `json:"zone,omitempty"`
	// Profile is the ARN of its instance profile.
	Profile string `json:"profile,omitempty"`

	// Tags are the instance's, nil if they are not known.
	Tags map[string]string `json:"-"`
}

// StateWords is the state as part of a sentence.
func (i *Instance) StateWords() phrase.Text { return stateWords(i.State) }

// Reason is an instance's StateReason.
type Reason struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Volume is an attached volume, or one that a launch asked for.
type Volume struct {
	Source    string `json:"source"`
	ID        string `json:"id,omitempty"`
	Device    string `json:"device"`
	Root      bool   `json:"root"`
	Encrypted bool   `json:"encrypted"`
	// Key is the KMS key's ARN, and KeyFrom why it is that one; empty where the
	// volume is there and has the key.
	Key     string  `json:"key,omitempty"`
	KeyFrom KeyFrom `json:"keyFrom,omitempty"`
	// Snapshot is what the volume is made from. SnapshotKey is the ARN of the key
	// of a snapshot that is encrypted, SnapshotOwner its account's id, and
	// SnapshotContext its data key's value of aws:ebs:id; they are empty where
	// nobody shows the snapshot, and for volumes that are there.
	Snapshot        string `json:"snapshot,omitempty"`
	SnapshotKey     string `json:"snapshotKey,omitempty"`
	SnapshotOwner   string `json:"snapshotOwner,omitempty"`
	SnapshotContext string `json:"snapshotContext,omitempty"`
	// SnapshotEncrypted is nil where it is not known, or plays no part.
	SnapshotEncrypted *bool `json:"snapshotEncrypted,omitempty"`
}
