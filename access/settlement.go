package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// Settlement tells what one unknown would have to be to settle a Depends.
type Settlement struct {
	// Key is a condition key. It is empty where Document of Layer could not be
	// read.
	Key      string
	Layer    Layer
	Document string
	// Allow and Deny settle it by themselves; with Open it turns on the others
	// that are missing. All three are empty where policies ask more of the key
	// than can be enumerated.
	Allow, Deny, Open []Alternative
}

// Alternative is one thing that an unknown could be.
type Alternative struct {
	// Values are a key's values, Absent says that it is not there. With Example
	// they stand for all others that no policy tells from them.
	Values  []string
	Absent  bool
	Example bool
	// Says is what a document would have to say.
	Says string
}

// String is the alternative in a few words: `"true"`, "absent".
func (a Alternative) String() string {
	switch {
	case a.Says != "":
		return a.Says
	case a.Absent:
		return "absent"
	}
	var b strings.Builder
	for i, v := range a.Values {
		if i > 0 {
			b.WriteString(" and ")
		}
		fmt.Fprintf(&b, "%q", v)
	}
	if a.Example {
		b.WriteString(", for example")
	}
	return b.String()
}

// name is the unknown as Decision.Missing has it.
func (s *Settlement) name() string {
	if s.Key != "" {
		return s.Key
	}
	return s.Document
}

// explain words what settles it: "allowed with "true"; denied with absent".
func (s *Settlement) explain() string {
	var parts []string
	for _, p := range [...]struct {
		word string
		list []Alternative
	}{{"allowed with", s.Allow}, {"denied with", s.Deny}, {"open with", s.Open}} {
		if len(p.list) == 0 {
			continue
		}
		var words []string
		for i := range p.list {
			if i == alternativesShown {
				words = append(words, fmt.Sprintf("%d more", len(p.list)-i))
				break
			}
			words = append(words, p.list[i].String())
		}
		parts = append(parts, p.word+" "+strings.Join(words, " or "))
	}
	if len(parts) == 0 {
		return s.name()
	}
	return s.name() + ": " + strings.Join(parts, "; ")
}

// alternativesShown bounds how many a text lists.
const alternativesShown = 4

// unknown is a condition key or a layer of which nobody knows.
type unknown struct {
	key   string // in lower case
	name  string // as a policy writes it
	layer Layer
	what  []string // the layer's documents
}

// alternative is one thing that it could be.
type alternative struct {
	choice  policy.Choice
	reading *reading
}

func (a *alternative) public() Alternative {
	if a.reading != nil {
		return Alternative{Says: a.reading.says}
	}
	return Alternative{Values: slices.Clone(a.choice.Values), Absent: a.choice.Absent, Example: a.choice.Example}
}
