package wire

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// matcher is a compiled pattern constraint.
type matcher interface{ MatchString(string) bool }

// compilePattern compiles a model's pattern, which is Java's. One that Go's
// syntax has not (look-ahead) is not checked.
func compilePattern(pattern string) (matcher, bool) {
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return nil, false
	}
	return re, true
}

// Validate checks a filled input, by pointer, against the model's constraints:
// required, length, range, pattern, enum. The error lists all that fail in
// AWS's words, or for EC2 the first.
func (o *Operation) Validate(in any) error {
	if o.model.Input == "" {
		return nil
	}
	v := reflect.ValueOf(in).Elem()
	c := checker{service: o.service}
	c.structure(o.inputPlan(v.Type()), v, "")
	if len(c.failed) == 0 {
		return nil
	}
	if o.service.Protocol() == EC2 {
		return c.failed[0].ec2()
	}
	texts := make([]string, 0, len(c.failed))
	for _, f := range c.failed {
		texts = append(texts, f.text(o.service.name == "iam"))
	}
	noun := "error"
	if len(texts) > 1 {
		noun = "errors"
	}
	code := "ValidationException"
	if o.service.Protocol() == Query {
		code = "ValidationError"
	}
	return &Error{Code: code, Message: fmt.Sprintf("%d validation %s detected: %s", len(texts), noun, strings.Join(texts, "; "))}
}

// violation is one constraint that does not hold.
type violation struct {
	path   string // as JSON and query services name it: tags.1.member.tagKey
	name   string // the request's parameter: Tag.1.Key
	value  string
	null   bool
	secret bool
	rule   string // "Member must not be null"
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
	return &Error{Code: "InvalidParameterValue", Message: "Value (" + printable(v.value) + ") for parameter " + v.name + " is invalid. " + v.rule}
}

// maxViolations is how many are listed.
const maxViolations = 10

type checker struct {
	service *Service
	failed  []violation
	name    []string // the request's parameter, part by part
}

func (c *checker) fail(v violation) {
	if len(c.failed) < maxViolations {
		v.name = strings.Join(c.name, ".")
		c.failed = append(c.failed, v)
	}
}

func (c *checker) structure(p *plan, v reflect.Value, path string) {
	if p.typ.Kind() == reflect.Interface {
		return // a union was checked when it was read
	}
	for i := range p.members {
		m := &p.members[i]
		x, ok := m.plan.value(v.Field(m.field))
		if !ok && !m.required {
			continue
		}
		at := join(path, lowerFirst(m.Name))
		c.name = append(c.name, m.query)
		switch {
		case ok:
			c.value(m.plan, x, at)
		case !m.Token: // an idempotency token is the client's to fill in, or nobody's
			c.fail(violation{path: at, null: true, rule: "Member must not be null"})
		}
		c.name = c.name[:len(c.name)-1]
	}
}

func (c *checker) value(p *plan, v reflect.Value, path string) {
	switch p.kind {
	case structure:
		c.structure(p, v, path)
	case list:
		c.length(p, v.Len(), path, func() string { return listText(v) })
		for i := range v.Len() {
			if x, ok := p.elem.value(v.Index(i)); ok {
				c.name = append(c.name, strconv.Itoa(i+1))
				c.value(p.elem, x, path+"."+strconv.Itoa(i+1)+".member")
				c.name = c.name[:len(c.name)-1]
			}
		}
	case mapping:
		c.length(p, v.Len(), path, func() string { return fmt.Sprint(v.Interface()) })
		for it := v.MapRange(); it.Next(); {
			k := it.Key().String()
			c.value(p.key, it.Key(), path)
			if x, ok := p.elem.value(it.Value()); ok {
				c.value(p.elem, x, path+"."+k+".member")
			}
		}
	case text:
		c.text(p, v.String(), path)
	case blob:
		if v.Kind() == reflect.Slice {
			c.length(p, v.Len(), path, func() string {
				return "java.nio.HeapByteBuffer[pos=0 lim=" + strconv.Itoa(v.Len()) + " cap=" + strconv.Itoa(v.Len()) + "]"
			})
		}
	case integer:
		c.number(p, float64(v.Int()), path)
	case decimal:
		c.number(p, v.Float(), path)
	}
}

func (c *checker) text(p *plan, s, path string) {
	m := p.model
	c.length(p, utf8.RuneCountInString(s), path, func() string { return s })
	if m.Pattern != "" {
		if re, ok := p.pattern(); ok && !re.MatchString(s) {
			c.fail(violation{path: path, value: s, secret: m.Sensitive, rule: "Member must satisfy regular expression pattern: " + m.Pattern})
		}
	}
	// EC2's enums grow daily and its own handlers know their values.
	if len(m.Enum) > 0 && c.service.Protocol() != EC2 && !contains(m.Enum, s) {
		c.fail(violation{path: path, value: s, rule: "Member must satisfy enum value set: [" + strings.Join(m.Enum, ", ") + "]"})
	}
}

func (c *checker) length(p *plan, n int, path string, show func() string) {
	m := p.model
	if m.Min != nil && float64(n) < *m.Min {
		c.fail(violation{path: path, value: show(), secret: m.Sensitive, rule: "Member must have length greater than or equal to " + number(*m.Min)})
	}
	if m.Max != nil && float64(n) > *m.Max {
		c.fail(violation{path: path, value: show(), secret: m.Sensitive, rule: "Member must have length less than or equal to " + number(*m.Max)})
	}
}

func (c *checker) number(p *plan, n float64, path string) {
	m := p.model
	if m.Min != nil && n < *m.Min {
		c.fail(violation{path: path, value: number(n), rule: "Member must have value greater than or equal to " + number(*m.Min)})
	}
	if m.Max != nil && n > *m.Max {
		c.fail(violation{path: path, value: number(n), rule: "Member must have value less than or equal to " + number(*m.Max)})
	}
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func listText(v reflect.Value) string {
	parts := make([]string, 0, v.Len())
	for i := range v.Len() {
		parts = append(parts, fmt.Sprint(v.Index(i).Interface()))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func contains(list []string, s string) bool {
	return slices.Contains(list, s)
}

// lowerFirst is a member's name as CloudTrail and validation write it.
func lowerFirst(s string) string {
	if s == "" || s[0] < 'A' || s[0] > 'Z' {
		return s
	}
	return string(s[0]-'A'+'a') + s[1:]
}
