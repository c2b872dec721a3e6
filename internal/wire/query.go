package wire

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// queryReader reads one request's parameters.
type queryReader struct {
	ec2 bool
}

func (o *Operation) decodeQuery(form string, in reflect.Value) error {
	params, err := parseParams(form)
	if err != nil || len(params) == 0 {
		return err
	}
	q := queryReader{ec2: o.service.Protocol() == EC2}
	return q.structure(o.inputPlan(in.Type()), node{params: params}, in)
}

func (q queryReader) structure(p *plan, n node, v reflect.Value) error {
	for child := range n.children {
		i, ok := p.byQuery[child.part()]
		if !ok {
			if err := q.unknown(p, n, child); err != nil {
				return err
			}
			continue
		}
		m := &p.members[i]
		if err := q.value(m.plan, child, v.Field(m.field), m.flat); err != nil {
			return err
		}
	}
	return nil
}

// unknown refuses a parameter that the model does not have. Only EC2 does; the
// others pass over it.
func (q queryReader) unknown(p *plan, n, child node) error {
	if !q.ec2 || n.end == 0 && commonParameter(child.part()) || slices.Contains(p.unseen, child.part()) {
		return nil
	}
	return errUnknownParameter(child.name())
}

func errUnknownParameter(name string) error {
	return &Error{Code: "UnknownParameter", Message: "The parameter " + printable(name) + " is not recognized"}
}

func (q queryReader) value(p *plan, n node, v reflect.Value, flat bool) error {
	switch p.kind {
	case structure:
		if n.isLeaf() {
			if text, _ := n.value(); text != "" {
				return q.notNested(n, "Unexpected complex element termination")
			}
		}
		if p.typ.Kind() == reflect.Interface {
			return q.union(p, n, v)
		}
		return q.structure(p, n, p.slot(v))
	case list:
		return q.list(p, n, v, flat)
	case mapping:
		return q.mapping(p, n, v, flat)
	default:
		return q.scalar(p, n, v)
	}
}

func (q queryReader) scalar(p *plan, n node, v reflect.Value) error {
	text, ok := n.value()
	if !ok || !n.isLeaf() {
		return q.tooDeep(n)
	}
	if err := p.setText(v, text); err != nil {
		return q.malformed(n.name(), text)
	}
	return nil
}

// tooDeep refuses parts below a parameter that has none.
func (q queryReader) tooDeep(n node) error {
	for child := range n.children {
		if q.ec2 {
			return errUnknownParameter(child.name())
		}
		if _, err := strconv.ParseUint(child.part(), 10, 32); err == nil {
			return malformedInput("Start of list found where not expected")
		}
	}
	return malformedInput("Start of structure or map found where not expected.")
}

// notNested refuses a bare value where a structure, list or map was meant.
func (q queryReader) notNested(n node, message string) error {
	text, _ := n.value()
	if q.ec2 {
		return q.malformed(n.name(), text)
	}
	return malformedInput(message)
}

// malformed refuses a value that is none of the parameter's type. AWS's query
// protocol says no more than that.
func (q queryReader) malformed(name, value string) error {
	if q.ec2 {
		return &Error{Code: "InvalidParameterValue", Message: "Value (" + printable(value) + ") for parameter " + printable(name) + " is invalid."}
	}
	return malformedInput("")
}

func malformedInput(message string) error {
	return &Error{Code: "MalformedInput", Message: message}
}

// item is an entry of a list or map.
type item struct {
	node
	number int
}

// maxIndex is the greatest number of a list's item that AWS's query protocol
// takes, and maxGap the most items that may be missing before one.
const (
	maxIndex = 214748369
	maxGap   = 10
)

// items are a list's or map's entries in the order of their numbers.
func (q queryReader) items(n node) ([]item, error) {
	all := make([]item, 0, 4)
	for child := range n.children {
		number, err := q.index(child)
		if err != nil {
			return nil, err
		}
		all = append(all, item{child, number})
	}
	slices.SortFunc(all, func(a, b item) int { return a.number - b.number })
	if q.ec2 {
		return all, nil
	}
	last := 1
	for _, x := range all {
		if skipped := x.number - last; skipped > maxGap {
			return nil, malformedInput("Excessively sparse input would skip " + grouped(skipped) + " list elements")
		}
		last = x.number
	}
	return all, nil
}

// index is the number of a list's item.
func (q queryReader) index(n node) (int, error) {
	part := n.part()
	number, err := strconv.ParseUint(part, 10, 64)
	switch {
	case q.ec2 && (err != nil || number > maxIndex):
		return 0, errUnknownParameter(n.name())
	case q.ec2:
		return int(number), nil //nolint:gosec // at most maxIndex
	case err != nil && (part == "" || strings.Trim(part, "0123456789") != ""):
		return 0, malformedInput("Start of list found where not expected")
	case part == "0":
		return 0, malformedInput("0 is not a valid index")
	case part[0] == '0':
		return 0, malformedInput("Value found where not expected")
	case err != nil || number > maxIndex:
		return 0, malformedInput("Index " + printable(part) + " is illegal")
	default:
		return int(number), nil //nolint:gosec // at most maxIndex
	}
}

// grouped writes a number with commas between thousands.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (q queryReader) list(p *plan, n node, v reflect.Value, flat bool) error {
	if n.isLeaf() {
		if text, _ := n.value(); text != "" {
			// Filter=x where Filter.1=x was meant.
			return q.notNested(n, "Unexpected list element termination")
		}
		v.Set(reflect.MakeSlice(p.typ, 0, 0))
		return nil
	}
	if !flat {
		inner, ok := n.child(cmp.Or(p.model.Member.Wire, "member"))
		if !ok {
			return q.tooDeep(n)
		}
		n = inner
	}
	items, err := q.items(n)
	if err != nil || len(items) == 0 {
		return err
	}
	size := len(items)
	if !q.ec2 {
		size = max(size, items[size-1].number) // what is missing is there, and empty
	}
	s := reflect.MakeSlice(p.typ, size, size)
	for i, x := range items {
		if !q.ec2 {
			i = x.number - 1
		}
		if err := q.value(p.elem, x.node, s.Index(i), p.elem.kind == list && q.ec2); err != nil {
			return err
		}
	}
	v.Set(s)
	return nil
}

func (q queryReader) mapping(p *plan, n node, v reflect.Value, flat bool) error {
	if n.isLeaf() {
		if text, _ := n.value(); text != "" {
			return q.notNested(n, "Unexpected map element termination")
		}
		v.Set(reflect.MakeMap(p.typ))
		return nil
	}
	if !flat {
		inner, ok := n.child("entry")
		if !ok {
			return q.tooDeep(n)
		}
		n = inner
	}
	items, err := q.items(n)
	if err != nil {
		return err
	}
	m := reflect.MakeMapWithSize(p.typ, len(items))
	for _, x := range items {
		key, ok := x.child(cmp.Or(p.model.Key.Wire, "key"))
		value, both := x.child(cmp.Or(p.model.Value.Wire, "value"))
		if !ok || !both {
			return q.malformed(x.name(), "")
		}
		k, e := reflect.New(p.typ.Key()).Elem(), reflect.New(p.typ.Elem()).Elem()
		if err := q.value(p.key, key, k, false); err != nil {
			return err
		}
		if err := q.value(p.elem, value, e, false); err != nil {
			return err
		}
		m.SetMapIndex(k, e)
	}
	v.Set(m)
	return nil
}
