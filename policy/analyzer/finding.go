package analyzer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// FindingType is how grave a finding is, in ValidatePolicy's words.
type FindingType string

// The types, the gravest first.
const (
	Error           FindingType = "ERROR"
	SecurityWarning FindingType = "SECURITY_WARNING"
	Warning         FindingType = "WARNING"
	Suggestion      FindingType = "SUGGESTION"
)

// Code is an issue code, such as "INVALID_ACTION".
type Code string

// Finding is one thing that a check found.
type Finding struct {
	Code Code
	Type FindingType
	// Details says what is wrong, as ValidatePolicy words it where that is known.
	Details string
	// Hint says what to write instead, or is empty. ValidatePolicy has none.
	Hint string
	// Locations are where, at least one.
	Locations []Location
}

// Position is where the finding's first location starts.
func (f *Finding) Position() policy.Position { return f.Locations[0].Start }

// LearnMoreLink is the address of the check's description.
func (f *Finding) LearnMoreLink() string { return checks[f.Code].link(f.Code) }

// Location is a place in a document.
type Location struct {
	Path       Path
	Start, End policy.Position // End is behind the last byte
}

// Path leads from the document to a value, key or part of a value in it.
type Path []PathElement

// PathKind tells what a PathElement is.
type PathKind uint8

// The kinds, as in ValidatePolicy's PathElement.
const (
	ValuePath     PathKind = iota // the value of a key
	IndexPath                     // an element of a list
	KeyPath                       // the key itself
	SubstringPath                 // part of a string
)

// PathElement is a step of a Path.
type PathElement struct {
	Kind PathKind
	// Name is the key, of a ValuePath or a KeyPath.
	Name string
	// Index counts from 0, of an IndexPath.
	Index int
	// Offset and Length count bytes in the string, of a SubstringPath.
	Offset, Length int
}

// String gives the path as people write it: "Statement[0].Action[1]".
func (p Path) String() string {
	var b strings.Builder
	for _, e := range p {
		switch e.Kind {
		case IndexPath:
			b.WriteString("[" + strconv.Itoa(e.Index) + "]")
		case SubstringPath:
			fmt.Fprintf(&b, "[%d:%d]", e.Offset, e.Offset+e.Length)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(e.Name)
		}
	}
	return b.String()
}

// with is the path with one more step.
func (p Path) with(e PathElement) Path { return append(slices.Clip(p), e) }

// MarshalJSON writes the step as ValidatePolicy does.
func (e PathElement) MarshalJSON() ([]byte, error) {
	switch e.Kind {
	case IndexPath:
		return json.Marshal(map[string]int{"index": e.Index})
	case KeyPath:
		return json.Marshal(map[string]string{"key": e.Name})
	case SubstringPath:
		return json.Marshal(map[string]any{"substring": map[string]int{"start": e.Offset, "length": e.Length}})
	}
	return json.Marshal(map[string]string{"value": e.Name})
}

// wirePosition is a position as ValidatePolicy has it: lines count from 1,
// columns and offsets from 0.
type wirePosition struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Offset int `json:"offset"`
}

func onWire(p policy.Position) wirePosition { return wirePosition{p.Line, p.Column - 1, p.Offset} }

// MarshalJSON writes the location as ValidatePolicy does.
func (l Location) MarshalJSON() ([]byte, error) {
	type span struct {
		Start wirePosition `json:"start"`
		End   wirePosition `json:"end"`
	}
	path := l.Path
	if path == nil {
		path = Path{}
	}
	return json.Marshal(struct {
		Path Path `json:"path"`
		Span span `json:"span"`
	}{path, span{onWire(l.Start), onWire(l.End)}})
}

// MarshalJSON writes the finding as ValidatePolicy does, and the hint besides.
func (f Finding) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Details   string      `json:"findingDetails"`
		Type      FindingType `json:"findingType"`
		Code      Code        `json:"issueCode"`
		Link      string      `json:"learnMoreLink"`
		Locations []Location  `json:"locations"`
		Hint      string      `json:"hint,omitempty"`
	}{f.Details, f.Type, f.Code, f.LearnMoreLink(), f.Locations, f.Hint})
}

// Report is what Analyze finds.
type Report struct {
	// Findings are in the order of the document.
	Findings []Finding
	// Malformed is what the service answers that refuses the document, the first
	// answer first; it is empty if it accepts the document (policy.Validate).
	Malformed []*policy.Violation
}

// Worst is the gravest type found, or "".
func (r *Report) Worst() FindingType {
	for _, t := range [...]FindingType{Error, SecurityWarning, Warning, Suggestion} {
		for i := range r.Findings {
			if r.Findings[i].Type == t {
				return t
			}
		}
	}
	return ""
}
