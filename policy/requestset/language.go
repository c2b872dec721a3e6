package requestset

import (
	"strings"
	"unicode"

	"github.com/keyturn/keyturn/policy"
)

// language is a set of texts: the union of patterns. Languages are interned:
// two with the same patterns are one.
type language struct {
	id       int
	patterns []pattern
	// shadow: it only says where a proposition can hold, which is told by itself.
	shadow bool
	// universe: it is what a text can be at all.
	universe bool
}

// pattern is one value of an element or a condition, as written and compiled.
type pattern struct {
	text  string
	elems []elem
}

// elem is a step of a pattern.
type elem struct {
	kind elemKind
	char rune
}

type elemKind uint8

const (
	oneLiteral elemKind = iota // the character
	oneFolded                  // the character in any case
	oneAny                     // any character
	oneInPart                  // any character but a colon
	manyAny                    // any text
	manyInPart                 // any text without a colon
	atEnd                      // the end of the pattern, which takes nothing
)

func (e elem) many() bool { return e.kind == manyAny || e.kind == manyInPart }

// takes reports whether the step takes the character.
func (e elem) takes(r rune) bool {
	switch e.kind {
	case oneLiteral:
		return r == e.char
	case oneFolded:
		return foldOf(r) == e.char
	case oneInPart, manyInPart:
		return r != ':'
	case oneAny, manyAny:
		return true
	}
	return false
}

// foldOf is one character for all that differ in case only, as
// strings.EqualFold has it.
func foldOf(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}

// languages interns. The key is what the patterns are made of, which depends on
// the version of the language, and how they are written.
type languages struct {
	byElems map[string]*language
}

func (l *languages) intern(patterns []pattern) *language {
	var b strings.Builder
	for i := range patterns {
		for _, e := range patterns[i].elems {
			b.WriteByte(byte(e.kind))
			b.WriteRune(e.char)
		}
		b.WriteByte(byte(atEnd))
		b.WriteString(patterns[i].text)
		b.WriteByte(byte(atEnd))
	}
	key := b.String()
	if found := l.byElems[key]; found != nil {
		return found
	}
	made := &language{id: len(l.byElems), patterns: patterns}
	if l.byElems == nil {
		l.byElems = make(map[string]*language)
	}
	l.byElems[key] = made
	return made
}

// actionLanguage is the set of actions that an element's values name, in lower
// case: actions have no case (IAM guide, "IAM JSON policy elements: Action").
func (l *languages) actionLanguage(values []string) *language {
	var patterns []pattern
	for _, v := range values {
		if v != "*" && !strings.Contains(v, ":") {
			continue // names no action
		}
		p := pattern{text: v}
		for _, r := range strings.ToLower(v) {
			switch r {
			case '*':
				p.elems = append(p.elems, elem{kind: manyAny})
			case '?':
				p.elems = append(p.elems, elem{kind: oneAny})
			default:
				p.elems = append(p.elems, elem{kind: oneLiteral, char: r})
			}
		}
		patterns = append(patterns, p)
	}
	return l.intern(patterns)
}

// actionUniverse are the texts that can be an action.
func (l *languages) actionUniverse() *language {
	word := []elem{{kind: oneInPart}, {kind: manyInPart}}
	elems := append(append([]elem{}, word...), elem{kind: oneLiteral, char: ':'})
	made := l.intern([]pattern{{elems: append(elems, word...)}})
	made.universe = true
	return made
}

// resourceUniverse are the texts that can be a request's resource: an ARN, or
// the asterisk of actions that have no resource type.
func (l *languages) resourceUniverse() *language {
	arn := literalElems(nil, "arn:")
	for range 4 {
		arn = append(arn, elem{kind: manyInPart}, elem{kind: oneLiteral, char: ':'})
	}
	made := l.intern([]pattern{
		{elems: append(arn, elem{kind: manyAny})},
		{elems: literalElems(nil, "*")},
	})
	made.universe = true
	return made
}

// resourcePattern reads a value of a Resource element. In the first five parts
// of an ARN a wildcard stays within its part, but an asterisk at a part's end
// may go on beyond the colon (IAM guide, "IAM JSON policy elements: Resource").
// A variable counts as any text.
func resourcePattern(value, version string) (p pattern, variables bool) {
	p.text = value
	pieces := policy.ResourcePieces(value, version)
	part := 0
	for i, piece := range pieces {
		switch piece.Kind {
		case policy.LiteralPiece:
			part += strings.Count(piece.Text, ":")
			p.elems = literalElems(p.elems, piece.Text)
		case policy.OnePiece:
			p.elems = append(p.elems, elem{kind: inPartUnless(part >= 5, oneInPart, oneAny)})
		case policy.AnyPiece:
			last := i+1 == len(pieces) || strings.HasPrefix(pieces[i+1].Text, ":") && pieces[i+1].Kind == policy.LiteralPiece
			p.elems = append(p.elems, elem{kind: inPartUnless(part >= 5 || last, manyInPart, manyAny)})
		case policy.VariablePiece:
			variables = true
			p.elems = append(p.elems, elem{kind: manyAny})
		}
	}
	return p, variables
}

func inPartUnless(beyond bool, inPart, anywhere elemKind) elemKind {
	if beyond {
		return anywhere
	}
	return inPart
}

func literalElems(elems []elem, text string) []elem {
	for _, r := range text {
		elems = append(elems, elem{kind: oneLiteral, char: r})
	}
	return elems
}

// textLanguage is the set of texts that fit a condition's values under a string,
// Bool or ARN operator; nil for other operators. A variable counts as any text.
func (l *languages) textLanguage(base string, values []string, version string) *language {
	read := textReader(base)
	if read == nil {
		return nil
	}
	var patterns []pattern
	for _, v := range values {
		if elems, fits := read(policy.Pieces(v, version)); fits {
			patterns = append(patterns, pattern{text: v, elems: elems})
		}
	}
	return l.intern(patterns)
}

// textReader makes steps of a value; fits is false for a value that fits nothing.
func textReader(base string) func([]policy.Piece) (elems []elem, fits bool) {
	switch base {
	case "StringEquals", "StringNotEquals":
		return plainElems
	case "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase":
		return foldedElems
	case "StringLike", "StringNotLike":
		return likeElems
	case "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike":
		return arnElems
	case "Bool":
		return boolElems
	}
	return nil
}

func plainElems(pieces []policy.Piece) (elems []elem, fits bool) {
	for _, p := range pieces {
		if p.Kind == policy.VariablePiece {
			elems = append(elems, elem{kind: manyAny})
			continue
		}
		elems = literalElems(elems, plainText(p))
	}
	return elems, true
}

// plainText is a piece for operators that know no wildcards.
func plainText(p policy.Piece) string {
	switch p.Kind {
	case policy.AnyPiece:
		return "*"
	case policy.OnePiece:
		return "?"
	}
	return p.Text
}

func foldedElems(pieces []policy.Piece) (elems []elem, fits bool) {
	elems, fits = plainElems(pieces)
	for i := range elems {
		if elems[i].kind == oneLiteral {
			elems[i] = elem{kind: oneFolded, char: foldOf(elems[i].char)}
		}
	}
	return elems, fits
}

func likeElems(pieces []policy.Piece) (elems []elem, fits bool) {
	for _, p := range pieces {
		switch p.Kind {
		case policy.LiteralPiece:
			elems = literalElems(elems, p.Text)
		case policy.OnePiece:
			elems = append(elems, elem{kind: oneAny})
		default:
			elems = append(elems, elem{kind: manyAny})
		}
	}
	return elems, true
}

// arnElems: six parts, and a wildcard stays within its own (IAM guide, "Amazon
// Resource Name (ARN) condition operators").
func arnElems(pieces []policy.Piece) (elems []elem, fits bool) {
	elems, _ = likeElems(pieces)
	colons := 0
	for i := range elems {
		switch e := &elems[i]; {
		case e.kind == oneLiteral && e.char == ':':
			colons++
		case colons >= 5:
		case e.kind == manyAny:
			e.kind = manyInPart
		case e.kind == oneAny:
			e.kind = oneInPart
		}
	}
	return elems, colons >= 5 || variablesIn(pieces)
}

func variablesIn(pieces []policy.Piece) bool {
	for _, p := range pieces {
		if p.Kind == policy.VariablePiece {
			return true
		}
	}
	return false
}

func boolElems(pieces []policy.Piece) (elems []elem, fits bool) {
	if variablesIn(pieces) {
		return []elem{{kind: manyAny}}, true
	}
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(plainText(p))
	}
	for _, word := range [...]string{"true", "false"} {
		if strings.EqualFold(b.String(), word) {
			return foldedElems([]policy.Piece{{Text: word}})
		}
	}
	return nil, false
}
