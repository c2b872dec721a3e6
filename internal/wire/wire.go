// Package wire turns the bytes of a request into the AWS SDK's input types and
// its output types into the bytes of an answer, for the four protocols in play:
// EC2 query, AWS query, AWS JSON 1.1 and REST JSON.
//
// There is one codec. It walks the SDK's Go structs with a plan per type, made
// once from the tables of package model; the protocols are small readers and
// writers over the same plan. Nothing is written per operation.
package wire

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/keyturn/keyturn/internal/wire/model"
)

// Protocol is the form of a service's requests and answers.
type Protocol string

// The protocols, named as the models name them.
const (
	EC2      Protocol = "ec2"
	Query    Protocol = "query"
	JSON     Protocol = "json"
	RESTJSON Protocol = "rest-json"
)

// Service is a service's model.
type Service struct {
	name  string
	table *model.Service

	operations sync.Map // name → *Operation
	plans      sync.Map // planKey → *plan
	routes     func() []route
}

var (
	lookup   sync.Mutex // covers services
	services = make(map[string]*Service)
)

// Lookup returns the model of a service by its signing name: "ec2", "kms".
func Lookup(signingName string) (*Service, bool) {
	lookup.Lock()
	defer lookup.Unlock()
	if s, ok := services[signingName]; ok {
		return s, true
	}
	table, ok := model.Load(signingName)
	if !ok {
		return nil, false
	}
	s := &Service{name: signingName, table: table}
	s.routes = sync.OnceValue(s.makeRoutes)
	services[signingName] = s
	return s, true
}

// Name is the signing name.
func (s *Service) Name() string { return s.name }

// Protocol is the service's protocol.
func (s *Service) Protocol() Protocol { return Protocol(s.table.Meta.Protocol) }

// Version is the API's version, such as "2016-11-15".
func (s *Service) Version() string { return s.table.Meta.Version }

// Operations are the names of all operations that the model has, sorted.
func (s *Service) Operations() []string {
	return slices.Collect(s.table.Operations())
}

// Operation returns an operation by its name.
func (s *Service) Operation(name string) (*Operation, bool) {
	if o, ok := s.operations.Load(name); ok {
		return o.(*Operation), true
	}
	m, ok := s.table.Operation(name)
	if !ok {
		return nil, false
	}
	o, _ := s.operations.LoadOrStore(strings.Clone(name), &Operation{service: s, name: strings.Clone(name), model: m})
	return o.(*Operation), true
}

// Operation is one operation's model.
type Operation struct {
	service *Service
	name    string
	model   model.Operation
	// in and out are the plans last used: an operation has one input type.
	in, out atomic.Pointer[plan]
}

// Name is the operation's name: "StartInstances".
func (o *Operation) Name() string { return o.name }

// Service is the operation's service.
func (o *Operation) Service() *Service { return o.service }

// plan is what the codec knows of a shape in a Go type.
type plan struct {
	kind    kind
	shape   string // the shape's name
	model   model.Shape
	typ     reflect.Type // without the pointer
	pointer bool         // the Go field is a pointer to typ
	members []member     // of a structure; those that the Go type has
	elem    *plan        // of a list, and a map's values
	key     *plan
	time    string         // timestamp format of the reference, if it says
	byName  map[string]int // of a structure's members, by their names in JSON
	byQuery map[string]int // and in query requests
	// unseen are the members' names in query requests that the Go type has not.
	unseen  []string
	pattern func() matcher // compiled when first needed
}

type kind int

const (
	structure kind = iota
	list
	mapping
	text
	boolean
	integer
	decimal
	timestamp
	blob
)

// member is a structure's member.
type member struct {
	model.Member
	field    int
	plan     *plan
	required bool
	// query is the name in query requests, wire the one in JSON and XML, lower
	// the one in events and in what validation says.
	query, wire, lower string
	flat               bool
	// union is the struct that stands for the member, where its shape is a union.
	union reflect.Type
}

type planKey struct {
	shape, time string
	typ         reflect.Type
}

// plan returns the plan of a shape in a Go type, made once.
func (s *Service) plan(shape, time string, typ reflect.Type) *plan {
	key := planKey{shape, time, typ}
	if p, ok := s.plans.Load(key); ok {
		return p.(*plan)
	}
	building := make(map[planKey]*plan)
	p := s.build(key, building)
	for k, v := range building {
		s.plans.LoadOrStore(k, v)
	}
	return p
}

var kinds = map[string]kind{
	"structure": structure, "list": list, "map": mapping, "string": text, "character": text,
	"boolean": boolean, "integer": integer, "long": integer, "short": integer, "byte": integer,
	"float": decimal, "double": decimal, "bigdecimal": decimal, "timestamp": timestamp, "blob": blob,
}

// build makes a plan; building holds those under way, since shapes may contain themselves.
func (s *Service) build(key planKey, building map[planKey]*plan) *plan {
	if p, ok := s.plans.Load(key); ok {
		return p.(*plan)
	}
	if p, ok := building[key]; ok {
		return p
	}
	m := s.table.Shape(key.shape)
	k, ok := kinds[m.Type]
	if !ok {
		panic(fmt.Sprintf("wire: %s: shape %s has type %s", s.name, key.shape, m.Type))
	}
	p := &plan{kind: k, shape: key.shape, model: m, typ: key.typ, time: key.time}
	building[key] = p
	if p.typ.Kind() == reflect.Pointer {
		p.typ, p.pointer = p.typ.Elem(), true
	}
	if m.Pattern != "" {
		p.pattern = sync.OnceValue(func() matcher { return compilePattern(m.Pattern) })
	}
	switch k {
	case structure:
		s.buildMembers(p, building)
	case list:
		p.elem = s.build(planKey{m.Member.Shape, m.Member.Time, p.typ.Elem()}, building)
	case mapping:
		p.key = s.build(planKey{m.Key.Shape, "", p.typ.Key()}, building)
		p.elem = s.build(planKey{m.Value.Shape, m.Value.Time, p.typ.Elem()}, building)
	}
	return p
}

func (s *Service) buildMembers(p *plan, building map[planKey]*plan) {
	p.byName = make(map[string]int, len(p.model.Members))
	p.byQuery = make(map[string]int, len(p.model.Members))
	if p.typ.Kind() != reflect.Struct {
		s.buildUnion(p, building)
		return
	}
	for _, m := range p.model.Members {
		target := s.table.Shape(m.Shape)
		f, ok := p.typ.FieldByName(goName(m.Name))
		if !ok {
			// Some the SDK fills in by itself and shows to nobody.
			p.unseen = append(p.unseen, s.queryName(m, target))
			continue
		}
		p.add(member{
			Member: m, field: f.Index[0],
			plan:     s.build(planKey{m.Shape, m.Time, f.Type}, building),
			required: slices.Contains(p.model.Required, m.Name),
			wire:     cmp.Or(m.Wire, m.Name),
			query:    s.queryName(m, target),
			lower:    lowerFirst(m.Name),
			flat:     m.Flattened || target.Flattened || s.Protocol() == EC2,
		})
	}
}

// add gives a structure one more member.
func (p *plan) add(m member) {
	p.byName[m.wire] = len(p.members)
	p.byQuery[m.query] = len(p.members)
	p.members = append(p.members, m)
}

// queryName is a member's name in a query request (Smithy, "AWS EC2 query
// protocol" and "AWS query protocol"): EC2 has its own names, or the wire name
// capitalized.
func (s *Service) queryName(m model.Member, target model.Shape) string {
	if s.Protocol() == EC2 {
		return cmp.Or(m.Query, goName(cmp.Or(m.Wire, m.Name)))
	}
	if (m.Flattened || target.Flattened) && target.Member != nil && target.Member.Wire != "" {
		return target.Member.Wire
	}
	return cmp.Or(m.Wire, m.Name)
}

// goName is the SDK's name of a member.
func goName(name string) string {
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		return name
	}
	return string(name[0]-'a'+'A') + name[1:]
}

func (o *Operation) inputPlan(t reflect.Type) *plan {
	if p := o.in.Load(); p != nil && p.typ == t {
		return p
	}
	if o.model.Input == "" {
		return &plan{kind: structure, typ: t}
	}
	p := o.service.plan(o.model.Input, "", t)
	o.in.Store(p)
	return p
}

func (o *Operation) outputPlan(t reflect.Type) *plan {
	if p := o.out.Load(); p != nil && p.typ == t {
		return p
	}
	if o.model.Output == "" {
		return &plan{kind: structure, typ: t}
	}
	p := o.service.plan(o.model.Output, "", t)
	o.out.Store(p)
	return p
}
