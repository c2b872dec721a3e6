package audit

import (
	"time"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/phrase"
)

// Version is the version of the report's JSON form (docs/audit-json.md). It
// changes when a field goes or changes its meaning, not when one is added.
const Version = 1

// Report is the result of an audit. Its JSON form is stable.
type Report struct {
	Version int `json:"version"`
	// Time is when the requests would be made.
	Time time.Time `json:"time"`
	// Summary is the outcome as one sentence.
	Summary  phrase.Text      `json:"summary"`
	Totals   Totals           `json:"totals"`
	Accounts []AccountSummary `json:"accounts"`
	// Trapped are the causes for which somebody who may call EC2 cannot use a
	// target, Unknown those for which nobody can tell; most pairs first.
	Trapped []Group `json:"trapped"`
	Unknown []Group `json:"unknown"`
	// Shouldnt is what somebody can do and should not.
	Shouldnt []Exposure `json:"shouldnt"`

	PrincipalGroups []PrincipalGroup `json:"principalGroups"`
	KeyGroups       []KeyGroup       `json:"keyGroups"`
	// Cells tell what each group of principals can do with each group of keys.
	// What is not listed is nothing: EC2's own authorization stands in the way, or
	// the keys have no targets in the principals' account.
	Cells []Cell `json:"cells"`
	// CellsOmitted: there are too many to list, this many.
	CellsOmitted int `json:"cellsOmitted,omitempty"`
	// Unread is what could not be read.
	Unread []Unread `json:"unread"`
}

// Totals count what was audited, and pairs of principals and targets.
type Totals struct {
	Accounts   int `json:"accounts"`
	Principals int `json:"principals"`
	// Callers are the principals who may call one of the operations at all.
	Callers int `json:"callers"`
	Keys    int `json:"keys"`
	Targets
	// Can, Trapped and Unknown are pairs of a caller and a target.
	Can     int64 `json:"can"`
	Trapped int64 `json:"trapped"`
	Unknown int64 `json:"unknown"`
	// Shouldnt are pairs of a principal and a key, and keys that are open to
	// everybody.
	Shouldnt int64 `json:"shouldnt"`
}

// Targets count targets by what they are.
type Targets struct {
	Volumes     int `json:"volumes"`
	Snapshots   int `json:"snapshots"`
	Images      int `json:"images"`
	Templates   int `json:"launchTemplates"`
	DefaultKeys int `json:"defaultKeys"`
}

func (t *Targets) add(k Kind, n int) {
	switch k {
	case VolumeTarget:
		t.Volumes += n
	case SnapshotTarget:
		t.Snapshots += n
	case ImageTarget:
		t.Images += n
	case TemplateTarget:
		t.Templates += n
	case DefaultTarget:
		t.DefaultKeys += n
	}
}

func (t *Targets) plus(o Targets) {
	t.Volumes += o.Volumes
	t.Snapshots += o.Snapshots
	t.Images += o.Images
	t.Templates += o.Templates
	t.DefaultKeys += o.DefaultKeys
}

func (t Targets) sum() int {
	return t.Volumes + t.Snapshots + t.Images + t.Templates + t.DefaultKeys
}

// AccountSummary is an account as it was audited.
type AccountSummary struct {
	Account    string   `json:"account"`
	Regions    []string `json:"regions"`
	Principals int      `json:"principals"`
	Keys       int      `json:"keys"`
	Targets
}

// Group is one cause and all whom it is the cause for.
type Group struct {
	// Kind is the cause, as "keyturn diagnose" names it; empty where it is not
	// known whether there is one.
	Kind diagnose.CauseKind `json:"kind,omitempty"`
	// Sentence says it in one sentence.
	Sentence phrase.Text `json:"sentence"`
	// Layer is the kind of policy that stands in the way, in AWS's words.
	Layer string `json:"layer,omitempty"`
	// Statement is the statement that denies, or that nearly allows.
	Statement *diagnose.Statement `json:"statement,omitempty"`
	// Missing is what an answer turns on.
	Missing []string `json:"missing,omitempty"`
	// Actions are the requests to KMS that fail first, Operations the calls of EC2
	// that take them.
	Actions    []string    `json:"actions"`
	Operations []Operation `json:"operations"`
	// Sets are whom it is about: each of a set's principals with each of its keys.
	Sets []Set `json:"sets"`
	// Pairs are those of a principal and a target.
	Pairs   int64   `json:"pairs"`
	Example Example `json:"example"`
	// Next is what to type next.
	Next []string `json:"next"`
	// Fix repairs the first set.
	Fix *diagnose.Fix `json:"fix"`
}

// Set is some principals and some keys: each with each.
type Set struct {
	Account    string   `json:"account"`
	Principals []string `json:"principals"`
	Keys       []KeyRef `json:"keys"`
	// Targets are those of the keys that are concerned.
	Targets Targets `json:"targets"`
	Pairs   int64   `json:"pairs"`
}

// KeyRef names a key.
type KeyRef struct {
	ARN   string `json:"arn"`
	Alias string `json:"alias,omitempty"`
}

// Example is one case of a group.
type Example struct {
	Principal string    `json:"principal"`
	Operation Operation `json:"operation"`
	Kind      Kind      `json:"kind"`
	Target    string    `json:"target"`
	Instance  string    `json:"instance,omitempty"`
	Key       string    `json:"key"`
	Region    string    `json:"region"`
}

// ExposureKind is what somebody can do and should not.
type ExposureKind string

// The kinds of exposure.
const (
	// DirectGrant: somebody who does not administer the key can make grants on it
	// that are not for an AWS resource: for anybody, with any operation.
	DirectGrant ExposureKind = "grant-without-aws-resource"
	// OpenKey: the key policy lets principals of any account in.
	OpenKey ExposureKind = "key-open-to-everybody"
)

// Exposure is something that somebody can do and should not.
type Exposure struct {
	Kind     ExposureKind `json:"kind"`
	Sentence phrase.Text  `json:"sentence"`
	// Statement is the statement that allows it.
	Statement *diagnose.Statement `json:"statement,omitempty"`
	Actions   []string            `json:"actions"`
	// Principals are empty where it is everybody.
	Principals []string `json:"principals"`
	Keys       []KeyRef `json:"keys"`
	// Count are the pairs of a principal and a key, or the keys.
	Count int64 `json:"count"`
	// Advice is what to change.
	Advice phrase.Text `json:"advice"`
}

// PrincipalGroup are principals who can do the same.
type PrincipalGroup struct {
	ID         string   `json:"id"`
	Account    string   `json:"account"`
	Principals []string `json:"principals"`
}

// KeyGroup are keys with which everybody can do the same.
type KeyGroup struct {
	ID      string   `json:"id"`
	Keys    []KeyRef `json:"keys"`
	Targets Targets  `json:"targets"`
}

// Cell is what a group of principals can do with a group of keys.
type Cell struct {
	Principals string `json:"principals"`
	Keys       string `json:"keys"`
	// Can, Trapped and Unknown: of some targets. Shouldnt: grants without limits.
	Can      bool `json:"can"`
	Trapped  bool `json:"trapped"`
	Unknown  bool `json:"unknown"`
	Shouldnt bool `json:"shouldnt"`
}

// Condition is what a report can fail on.
type Condition string

// The conditions of --fail-on.
const (
	OnTrap     Condition = "trap"
	OnShouldnt Condition = "shouldnt"
	OnUnknown  Condition = "unknown"
)

// Meets reports whether the report has what a condition names.
func (r *Report) Meets(c Condition) bool {
	switch c {
	case OnTrap:
		return len(r.Trapped) > 0
	case OnShouldnt:
		return len(r.Shouldnt) > 0
	case OnUnknown:
		return len(r.Unknown) > 0
	}
	return false
}
