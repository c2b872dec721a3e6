package policy

// Effect is a statement's Effect element.
type Effect string

// The two effects. They are case-sensitive (IAM guide, "IAM JSON policy
// elements: Effect").
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// The versions of the language (IAM guide, "IAM JSON policy elements:
// Version"). They differ in one thing: only the current one has variables.
const (
	Version2008 = "2008-10-17"
	Version2012 = "2012-10-17"
)

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
	Unknown  bool     // nobody knows the request's value
	// Variable is the policy variable, such as "aws:username", that had no
	// value, or whose value is not known.
	Variable string
	// Position is where the element stands in the document.
	Position Position
	// statement is the statement of which it is an element.
	statement *Statement
}

// Policy is a parsed and compiled document. It is immutable and safe for
// concurrent use.
type Policy struct {
	text       string
	version    string // as written; empty if the document has none
	id         string
	statements []Statement
	lines      lines
	index      index
}

// Text is the document as it was given to Parse, byte for byte.
func (p *Policy) Text() string { return p.text }

// Version is the document's Version element, or "" if it has none, which means
// the same as Version2008.
func (p *Policy) Version() string { return p.version }

// ID is the document's Id element.
func (p *Policy) ID() string { return p.id }

// Len is the number of statements.
func (p *Policy) Len() int { return len(p.statements) }

// Statement returns the i-th statement, counted from 0. It panics if there is
// none.
func (p *Policy) Statement(i int) *Statement { return &p.statements[i] }

// Position is the place of a byte of the text.
func (p *Policy) Position(offset int) Position { return p.lines.position(offset) }
