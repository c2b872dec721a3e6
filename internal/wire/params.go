package wire

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxDepth bounds how deep a request may nest; no model comes near.
const maxDepth = 64

// param is one parameter of a query request: Filter.1.Value.1=running.
type param struct{ name, value string }

// queryForm is the request's parameters in their escaped form: the URL's and
// the body's.
func queryForm(r *http.Request, body []byte) string {
	switch {
	case len(body) == 0:
		return r.URL.RawQuery
	case r.URL.RawQuery == "":
		return string(body)
	default:
		return r.URL.RawQuery + "&" + string(body)
	}
}

// parseParams reads a form and sorts it by name, part by part, so that what
// belongs together stands together: a structure is a range of the result. Of
// equal names the first comes first.
func parseParams(form string) ([]param, error) {
	params := make([]param, 0, strings.Count(form, "&")+1)
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
		if name == "" || name[0] == '.' || strings.Count(name, ".") >= maxDepth {
			return nil, errMalformedQuery
		}
		params = append(params, param{name, value})
	}
	slices.SortStableFunc(params, func(a, b param) int { return compareNames(a.name, b.name) })
	return params, nil
}

// compareNames orders names as their parts are ordered: the dot before all else.
func compareNames(a, b string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		switch {
		case x == y:
			continue
		case x == '.':
			return -1
		case y == '.':
			return 1
		default:
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
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

// node is the part of a request's sorted parameters that begin with one name:
// a value, or what stands below it, or, from a confused client, both. The root
// has all of them and no name.
type node struct {
	params []param
	end    int // where the node's name ends in each of them
}

// part is the last part of the node's name: "1" of Filter.1.
func (n node) part() string {
	name := n.name()
	return name[strings.LastIndexByte(name, '.')+1:]
}

// name is the node's whole name.
func (n node) name() string { return n.params[0].name[:n.end] }

// value is the node's own value, if it has one.
func (n node) value() (string, bool) {
	if len(n.params[0].name) == n.end {
		return n.params[0].value, true
	}
	return "", false
}

// children yields the nodes one part below, in the order of their names.
func (n node) children(yield func(node) bool) {
	rest, start := n.params, 0
	if n.end > 0 {
		for len(rest) > 0 && len(rest[0].name) == n.end {
			rest = rest[1:]
		}
		start = n.end + 1
	}
	for len(rest) > 0 {
		end := partEnd(rest[0].name, start)
		name := rest[0].name[:end]
		size := 1
		for size < len(rest) && strings.HasPrefix(rest[size].name, name) && partEnd(rest[size].name, start) == end {
			size++
		}
		if !yield(node{rest[:size], end}) {
			return
		}
		rest = rest[size:]
	}
}

// partEnd is where the part of a name that begins at start ends.
func partEnd(name string, start int) int {
	if i := strings.IndexByte(name[start:], '.'); i >= 0 {
		return start + i
	}
	return len(name)
}

// child is the node one part below with that name.
func (n node) child(part string) (node, bool) {
	for c := range n.children {
		if c.part() == part {
			return c, true
		}
	}
	return node{}, false
}

// isLeaf reports whether nothing stands below the node.
func (n node) isLeaf() bool { return len(n.params[len(n.params)-1].name) == n.end }
