package policy

// PieceKind tells what a piece of a value stands for.
type PieceKind uint8

// The kinds of piece.
const (
	LiteralPiece  PieceKind = iota // the text itself
	AnyPiece                       // *: any text, also none
	OnePiece                       // ?: any one character
	VariablePiece                  // ${…}: what the request has for a key
)

// Piece is a part of a value of a Resource or Condition element (IAM guide,
// "IAM policy elements: Variables and tags").
type Piece struct {
	Kind PieceKind
	// Text is the literal's text or the variable's name.
	Text string
	// Default is the variable's default value, if it HasDefault.
	Default    string
	HasDefault bool
}

// Pieces cuts a value of a condition apart. In a document of version 2008-10-17,
// or of none, variables and escapes are literal text. Whether an operator takes
// * and ? for wildcards is the operator's affair.
func Pieces(value, version string) []Piece {
	if version != Version2012 {
		return appendPieces(nil, encodeWildcards.Replace(value))
	}
	encoded, t := compileTemplate(value)
	return templatePieces(encoded, t)
}

// ResourcePieces cuts a value of a Resource or NotResource element apart:
// variables stand behind the fifth colon only.
func ResourcePieces(value, version string) []Piece {
	m := newResourceMatcher(value, version)
	return templatePieces(m.pattern.encoded, m.template)
}

func templatePieces(encoded string, t *template) []Piece {
	if t == nil {
		return appendPieces(nil, encoded)
	}
	list := appendPieces(nil, t.literals[0])
	for i := range t.variables {
		v := &t.variables[i]
		list = append(list, Piece{Kind: VariablePiece, Text: v.name, Default: v.fallback, HasDefault: v.hasDefault})
		list = appendPieces(list, t.literals[i+1])
	}
	return list
}

// appendPieces cuts an encoded literal at its wildcards.
func appendPieces(list []Piece, encoded string) []Piece {
	for encoded != "" {
		i := nextWildcard(encoded)
		if i != 0 {
			list = append(list, Piece{Text: encoded[:i]})
			encoded = encoded[i:]
			continue
		}
		kind := AnyPiece
		if encoded[0] == anyChar {
			kind = OnePiece
		}
		list = append(list, Piece{Kind: kind})
		encoded = encoded[1:]
	}
	return list
}

// nextWildcard is the index of an encoded text's first wildcard, or its length.
func nextWildcard(encoded string) int {
	for i := range len(encoded) {
		if encoded[i] == anyString || encoded[i] == anyChar {
			return i
		}
	}
	return len(encoded)
}
