package policy

// Effect is a statement's Effect element.
type Effect string

// The two effects. They are case-sensitive (IAM guide, "IAM JSON policy
// elements: Effect").
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// Position is a place in a document's text.
type Position struct {
	Offset int // bytes from the start
	Line   int // from 1
	Column int // from 1, in bytes
}

// Element names a part of a statement.
type Element string

// The elements that can keep a statement from applying to a request.
const (
	PrincipalElement    Element = "Principal"
	NotPrincipalElement Element = "NotPrincipal"
	ActionElement       Element = "Action"
	NotActionElement    Element = "NotAction"
	ResourceElement     Element = "Resource"
	NotResourceElement  Element = "NotResource"
	ConditionElement    Element = "Condition"
)

// Mismatch is the first element of a statement that did not fit a request,
// with what it wanted and what it saw.
type Mismatch struct {
	Element  Element
	Operator string   // of a condition: "Bool", "ForAnyValue:StringLike"
	Key      string   // of a condition: "kms:GrantIsForAWSResource"
	Wanted   []string // the statement's values
	Saw      []string // the request's values
	Absent   bool     // of a condition: the request has no such key
	Unknown  bool     // of a condition: nobody knows the request's value
}

// Policy is a parsed and compiled document. It is immutable and safe for
// concurrent use.
type Policy struct{}
