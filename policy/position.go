package policy

import (
	"fmt"
	"sort"
	"strings"
)

// Position is a place in a document's text.
type Position struct {
	Offset int // bytes from the start
	Line   int // from 1
	Column int // from 1, in bytes
}

// String gives the position as people read it: "line 3, column 7".
func (p Position) String() string { return fmt.Sprintf("line %d, column %d", p.Line, p.Column) }

// lines holds the offsets at which a text's lines start.
type lines []int

func newLines(text string) lines {
	l := make(lines, 1, 1+strings.Count(text, "\n"))
	for i := 0; i < len(text); i++ {
		if text[i] == '\n' {
			l = append(l, i+1)
		}
	}
	return l
}

func (l lines) position(offset int) Position {
	line := sort.SearchInts(l, offset+1)
	return Position{Offset: offset, Line: line, Column: offset - l[line-1] + 1}
}

// ParseError says why and where a text is not a policy.
type ParseError struct {
	Position Position
	Reason   string
	// NotJSON: the text is not even JSON, or has a key twice in one object.
	NotJSON bool
}

// Error gives the place, then the reason.
func (e *ParseError) Error() string { return e.Position.String() + ": " + e.Reason }
