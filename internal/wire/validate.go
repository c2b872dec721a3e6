package wire

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/keyturn/keyturn/internal/wire/model"
)

// Validate checks a filled input, by pointer, against the model's constraints:
// required, length, range, pattern, enum. The error lists all that fail in
// AWS's words, or for EC2 the first.
func (o *Operation) Validate(in any) error {
	if o.model.Input == "" {
		return nil
	}
	v := reflect.ValueOf(in).Elem()
	c := checker{service: o.service}
	c.structure(o.inputPlan(v.Type()), v)
	if len(c.failed) == 0 {
		return nil
	}
	if o.service.Protocol() == EC2 {
		return c.failed[0].ec2()
	}
	code := "ValidationException"
	if o.service.Protocol() == Query {
		code = "ValidationError"
	}
	return &Error{Code: code, Message: c.message()}
}

// violation is one constraint that does not hold.
type violation struct {
	path   string // as JSON and query services name it: tags.1.member.tagKey
	name   string // the request's parameter: Tag.1.Key
	value  string
	null   bool
	secret bool
	rule   string // "Member must not be null"
	// own is the whole message, where the service has words of its own.
	own string
}

func (v violation) text(withoutValue bool) string {
	value := " '" + v.value + "'"
	switch {
	case v.null && withoutValue:
		value = ""
	case v.null:
		value = " null"
	case v.secret || withoutValue:
		// IAM never shows a value, and nobody a secret one.
		value = ""
	}
	return "Value" + value + " at '" + v.path + "' failed to satisfy constraint: " + v.rule
}

func (v violation) ec2() error {
	if v.null {
		return &Error{Code: "MissingParameter", Message: "The request must contain the parameter " + v.name}
	}
	if v.secret {
		return &Error{Code: "InvalidParameterValue", Message: "The value for parameter " + v.name + " is invalid. " + v.rule}
	}
	return &Error{Code: "InvalidParameterValue", Message: "Value (" + printable(v.value) + ") for parameter " + v.name + " is invalid. " + v.rule}
}

// maxViolations is how many are listed.
const maxViolations = 10

// checker walks an input and collects what does not hold.
type checker struct {
	service *Service
	failed  []violation
	path    []string // where the walk is, part by part
	name    []string // the same as a parameter of the request
}

// message lists what failed. What a service says in words of its own, it says
// alone, and only of a request in which nothing else is wrong.
func (c *checker) message() string {
	texts := make([]string, 0, len(c.failed))
	for _, f := range c.failed {
		if f.own == "" {
			texts = append(texts, f.text(c.service.name == "iam"))
		}
	}
	switch len(texts) {
	case 0:
		return c.failed[0].own
	case 1:
		return "1 validation error detected: " + texts[0]
	default:
		return strconv.Itoa(len(texts)) + " validation errors detected: " + strings.Join(texts, "; ")
	}
}

func (c *checker) fail(v violation) {
	if len(c.failed) < maxViolations {
		v.path, v.name = strings.Join(c.path, "."), strings.Join(c.name, ".")
		c.failed = append(c.failed, v)
	}
}

// enter and leave take the walk one step down and back up.
func (c *checker) enter(path, name string) {
	c.path, c.name = append(c.path, path), append(c.name, name)
}

func (c *checker) leave() {
	c.path, c.name = c.path[:len(c.path)-1], c.name[:len(c.name)-1]
}

func (c *checker) structure(p *plan, v reflect.Value) {
	if p.typ.Kind() == reflect.Interface {
		return // a union was checked when it was read
	}
	for i := range p.members {
		m := &p.members[i]
		x, ok := m.plan.value(v.Field(m.field))
		if !ok && !m.required {
			continue
		}
		c.enter(m.lower, m.query)
		switch {
		case ok:
			c.value(m.plan, x)
		case !m.Token: // an idempotency token is the client's to fill in, or nobody's
			c.fail(violation{null: true, rule: "Member must not be null"})
		}
		c.leave()
	}
}

func (c *checker) value(p *plan, v reflect.Value) {
	switch p.kind {
	case structure:
		c.structure(p, v)
	case list:
		c.length(p, v, v.Len())
		for i := range v.Len() {
			// An item is there even if it is the empty text.
			if x, ok := p.elem.value(v.Index(i)); ok || x.Kind() == reflect.String {
				c.enter(strconv.Itoa(i+1)+".member", strconv.Itoa(i+1))
				c.value(p.elem, x)
				c.leave()
			}
		}
	case mapping:
		c.mapping(p, v)
	case text:
		c.text(p, v)
	case blob:
		if v.Kind() == reflect.Slice {
			c.length(p, v, v.Len())
		}
	case integer:
		c.number(p, float64(v.Int()))
	case decimal:
		c.number(p, v.Float())
	}
}

func (c *checker) mapping(p *plan, v reflect.Value) {
	c.length(p, v, v.Len())
	for _, k := range sortedMapKeys(v) {
		c.value(p.key, k)
		x, ok := p.elem.value(v.MapIndex(k))
		if !ok && x.Kind() != reflect.String {
			continue
		}
		c.enter(k.String()+".member", k.String())
		c.value(p.elem, x)
		c.leave()
	}
}

func (c *checker) text(p *plan, v reflect.Value) {
	m, s := &p.model, v.String()
	if m.Min != nil || m.Max != nil {
		c.length(p, v, utf8.RuneCountInString(s))
	}
	if m.Pattern != "" && !p.pattern().MatchString(s) {
		c.fail(violation{
			value: s, secret: m.Sensitive, rule: "Member must satisfy regular expression pattern: " + m.Pattern,
			own: c.service.ownWords(c.path[len(c.path)-1], m.Pattern),
		})
	}
	// EC2's enums grow daily and its own handlers know their values.
	if len(m.Enum) > 0 && c.service.Protocol() != EC2 && !slices.Contains(m.Enum, s) {
		c.fail(violation{value: s, rule: "Member must satisfy enum value set: [" + strings.Join(hashOrder(m.Enum), ", ") + "]"})
	}
}

func (c *checker) length(p *plan, v reflect.Value, n int) {
	if rule := bounds(&p.model, float64(n), "length"); rule != "" {
		c.fail(violation{value: p.show(v), secret: p.model.Sensitive, rule: rule})
	}
}

func (c *checker) number(p *plan, n float64) {
	if rule := bounds(&p.model, n, "value"); rule != "" {
		c.fail(violation{value: number(n), rule: rule})
	}
}

// bounds is the rule that a length or value breaks, if any.
func bounds(m *model.Shape, n float64, what string) string {
	switch {
	case m.Min != nil && n < *m.Min:
		return "Member must have " + what + " greater than or equal to " + number(*m.Min)
	case m.Max != nil && n > *m.Max:
		return "Member must have " + what + " less than or equal to " + number(*m.Max)
	default:
		return ""
	}
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// show is a value as Java's toString has it, in the way of AWS's messages.
func (p *plan) show(v reflect.Value) string {
	switch p.kind {
	case list:
		items := make([]string, 0, v.Len())
		for i := range v.Len() {
			x, _ := p.elem.value(v.Index(i))
			items = append(items, p.elem.show(x))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case mapping:
		entries := make([]string, 0, v.Len())
		for _, k := range sortedMapKeys(v) {
			x, _ := p.elem.value(v.MapIndex(k))
			entries = append(entries, k.String()+"="+p.elem.show(x))
		}
		return "{" + strings.Join(entries, ", ") + "}"
	case blob:
		n := strconv.Itoa(v.Len())
		return "java.nio.HeapByteBuffer[pos=0 lim=" + n + " cap=" + n + "]"
	case structure:
		members := make([]string, 0, len(p.members))
		for i := range p.members {
			m := &p.members[i]
			if x, ok := m.plan.value(v.Field(m.field)); ok {
				members = append(members, m.lower+"="+m.plan.show(x))
			}
		}
		return p.shape + "(" + strings.Join(members, ", ") + ")"
	default:
		if p.model.Sensitive {
			return ""
		}
		return p.asText(v, toTheSecond)
	}
}

// lowerFirst is a member's name as CloudTrail and validation write it.
func lowerFirst(s string) string {
	if s == "" || s[0] < 'A' || s[0] > 'Z' {
		return s
	}
	return string(s[0]-'A'+'a') + s[1:]
}
