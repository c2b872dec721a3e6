package policy

// NodeKind is what a JSON value is.
type NodeKind string

// The kinds of JSON value.
const (
	ObjectNode NodeKind = "object"
	ArrayNode  NodeKind = "array"
	StringNode NodeKind = "string"
	NumberNode NodeKind = "number"
	BoolNode   NodeKind = "boolean"
	NullNode   NodeKind = "null"
)

// Node is a JSON value with its place, for tools that must read what is no
// policy. Everybody else wants Parse.
type Node struct {
	Kind NodeKind
	// Text is a string's text without its quotes and escapes, and a number, a
	// boolean or null as written.
	Text string
	// Start is the value's first byte, a string's quote; End is behind its last.
	Start, End Position
	Members    []NodeMember // of an object, in their order
	Items      []*Node      // of an array
}

// NodeMember is a key of an object with its value.
type NodeMember struct {
	Key              string
	KeyStart, KeyEnd Position // with the quotes
	Value            *Node
}

// ReadJSON reads a JSON text as Parse does, but makes no policy of it. The error
// is a *ParseError whose NotJSON is true.
func ReadJSON(text string) (*Node, error) {
	l := newLines(text)
	r := reader{text: text, lines: l}
	root, err := r.document()
	if err != nil {
		return nil, err
	}
	return export(text, l, &root), nil
}

var nodeKinds = [...]NodeKind{
	objectValue: ObjectNode, arrayValue: ArrayNode, stringValue: StringNode, numberValue: NumberNode, boolValue: BoolNode, nullValue: NullNode,
}

func export(text string, l lines, n *node) *Node {
	out := &Node{Kind: nodeKinds[n.kind], Text: n.text, Start: l.position(n.start), End: l.position(n.end)}
	for i := range n.members {
		m := &n.members[i]
		out.Members = append(out.Members, NodeMember{
			Key: m.key, KeyStart: l.position(m.start), KeyEnd: l.position(stringEnd(text, m.start)), Value: export(text, l, &m.value),
		})
	}
	for i := range n.items {
		out.Items = append(out.Items, export(text, l, &n.items[i]))
	}
	return out
}

// stringEnd is behind the closing quote of a string that starts at an offset and
// was read before.
func stringEnd(text string, at int) int {
	for i := at + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}
