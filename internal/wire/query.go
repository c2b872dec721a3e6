package wire

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// node is a query request's parameters as a tree: Filter.1.Value.1 is four deep.
type node struct {
	value    string
	set      bool // a parameter ends here
	children map[string]*node
}

// maxDepth bounds how deep parameters may nest; no model comes near.
const maxDepth = 32

// queryForm is the request's parameters: the body's, or the URL's for a request
// without one.
func queryForm(r *http.Request, body []byte) string {
	if len(body) > 0 {
		return string(body)
	}
	return r.URL.RawQuery
}

func parseQuery(form string) (*node, error) {
	root := &node{}
	for pair := range strings.SplitSeq(form, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := unescapeForm(name)
		if err != nil {
			return nil, errMalformedQuery
		}
		if value, err = unescapeForm(value); err != nil {
			return nil, errMalformedQuery
		}
		at := root
		depth := 0
		for part := range strings.SplitSeq(name, ".") {
			if depth++; depth > maxDepth {
				return nil, errMalformedQuery
			}
			next := at.children[part]
			if next == nil {
				next = &node{}
				if at.children == nil {
					at.children = make(map[string]*node, 4)
				}
				at.children[part] = next
			}
			at = next
		}
		at.value, at.set = value, true
	}
	return root, nil
}

func unescapeForm(s string) (string, error) {
	if !strings.ContainsAny(s, "%+") {
		return s, nil
	}
	return url.QueryUnescape(s)
}

// commonParameter reports whether a parameter is one of those that belong to every request.
func commonParameter(name string) bool {
	switch name {
	case "Action", "Version", "AWSAccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "Timestamp", "Expires", "SecurityToken":
		return true
	}
	return strings.HasPrefix(name, "X-Amz-")
}

// queryReader reads one request's parameters.
type queryReader struct {
	ec2 bool
}

func (o *Operation) decodeQuery(form string, in reflect.Value) error {
	root, err := parseQuery(form)
	if err != nil {
		return err
	}
	p := o.inputPlan(in.Type())
	q := queryReader{ec2: o.service.Protocol() == EC2}
	if err := q.structure(p, root, in, ""); err != nil {
		return err
	}
	if !q.ec2 {
		return nil
	}
	known := make(map[string]bool, len(p.members))
	for _, m := range p.members {
		known[m.query] = true
	}
	for _, m := range p.model.Members {
		// Some the SDK fills in by itself and shows to nobody.
		known[or(m.Query, goName(or(m.Wire, m.Name)))] = true
	}
	for _, name := range sortedKeys(root.children) {
		if !known[name] && !commonParameter(name) {
			return &Error{Code: "UnknownParameter", Message: "The parameter " + printable(name) + " is not recognized"}
		}
	}
	return nil
}

func (q queryReader) structure(p *plan, n *node, v reflect.Value, path string) error {
	for i := range p.members {
		m := &p.members[i]
		child := n.children[m.query]
		if child == nil {
			continue
		}
		if err := q.value(m.plan, child, v.Field(m.field), join(path, m.query), m.flat); err != nil {
			return err
		}
	}
	if path == "" || !q.ec2 {
		return nil
	}
	for _, name := range sortedKeys(n.children) {
		if !slices.ContainsFunc(p.members, func(m member) bool { return m.query == name }) {
			return &Error{Code: "UnknownParameter", Message: "The parameter " + printable(join(path, name)) + " is not recognized"}
		}
	}
	return nil
}

func (q queryReader) value(p *plan, n *node, v reflect.Value, path string, flat bool) error {
	switch p.kind {
	case structure:
		if p.typ.Kind() == reflect.Interface {
			return q.union(p, n, v, path)
		}
		return q.structure(p, n, p.slot(v), path)
	case list:
		return q.list(p, n, v, path, flat)
	case mapping:
		return q.mapping(p, n, v, path, flat)
	default:
		if !n.set {
			return q.malformed(path, "")
		}
		if err := p.setText(v, n.value); err != nil {
			return q.malformed(path, n.value)
		}
		return nil
	}
}

func (q queryReader) malformed(path, value string) error {
	if q.ec2 {
		return &Error{Code: "InvalidParameterValue", Message: "Value (" + printable(value) + ") for parameter " + printable(path) + " is invalid."}
	}
	return &Error{Code: "MalformedInput", Message: "Value '" + printable(value) + "' at '" + printable(path) + "' could not be read."}
}

// items are a list's or map's entries in the order of their numbers.
func (q queryReader) items(n *node, path string) ([]*node, error) {
	type numbered struct {
		number int
		*node
	}
	all := make([]numbered, 0, len(n.children))
	for name, child := range n.children {
		number, err := strconv.Atoi(name)
		if err != nil || number < 0 {
			if q.ec2 {
				return nil, &Error{Code: "UnknownParameter", Message: "The parameter " + printable(join(path, name)) + " is not recognized"}
			}
			return nil, q.malformed(join(path, name), "")
		}
		all = append(all, numbered{number, child})
	}
	slices.SortFunc(all, func(a, b numbered) int { return a.number - b.number })
	nodes := make([]*node, len(all))
	for i := range all {
		nodes[i] = all[i].node
	}
	return nodes, nil
}

func (q queryReader) list(p *plan, n *node, v reflect.Value, path string, flat bool) error {
	if !flat && len(n.children) > 0 {
		name := p.model.Member.Wire
		if name == "" {
			name = "member"
		}
		inner := n.children[name]
		if inner == nil {
			return q.malformed(path, "")
		}
		n, path = inner, join(path, name)
	}
	if q.ec2 && n.set && len(n.children) == 0 && n.value != "" {
		// Filter=x where Filter.1=x was meant.
		return q.malformed(path, n.value)
	}
	items, err := q.items(n, path)
	if err != nil {
		return err
	}
	s := reflect.MakeSlice(p.typ, len(items), len(items))
	for i, item := range items {
		if err := q.value(p.elem, item, s.Index(i), path+"."+strconv.Itoa(i+1), p.elem.kind == list && q.ec2); err != nil {
			return err
		}
	}
	v.Set(s)
	return nil
}

func (q queryReader) mapping(p *plan, n *node, v reflect.Value, path string, flat bool) error {
	if !flat && len(n.children) > 0 {
		inner := n.children["entry"]
		if inner == nil {
			return q.malformed(path, "")
		}
		n, path = inner, join(path, "entry")
	}
	items, err := q.items(n, path)
	if err != nil {
		return err
	}
	keyName, valueName := or(p.model.Key.Wire, "key"), or(p.model.Value.Wire, "value")
	m := reflect.MakeMapWithSize(p.typ, len(items))
	for _, item := range items {
		key, value := item.children[keyName], item.children[valueName]
		if key == nil || value == nil {
			return q.malformed(path, "")
		}
		k, e := reflect.New(p.typ.Key()).Elem(), reflect.New(p.typ.Elem()).Elem()
		if err := q.value(p.key, key, k, path, false); err != nil {
			return err
		}
		if err := q.value(p.elem, value, e, path, false); err != nil {
			return err
		}
		m.SetMapIndex(k, e)
	}
	v.Set(m)
	return nil
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func sortedKeys(m map[string]*node) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
