package main

import (
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/internal/wire/model"
)

// clients are the SDK's, whose methods tell operations and types.
var clients = map[string]reflect.Type{
	"autoscaling": reflect.TypeFor[*autoscaling.Client](), "cloudtrail": reflect.TypeFor[*cloudtrail.Client](),
	"ebs": reflect.TypeFor[*ebs.Client](), "ec2": reflect.TypeFor[*ec2.Client](), "iam": reflect.TypeFor[*iam.Client](),
	"kms": reflect.TypeFor[*kms.Client](), "organizations": reflect.TypeFor[*organizations.Client](), "sts": reflect.TypeFor[*sts.Client](),
}

// supplement adds to a service's tables what the SDK has and the model, which
// may be older, has not: operations, members, and their types. What is added
// has no constraints, and the names that the protocol gives by default.
type supplement struct {
	lines    map[string]any
	protocol string
	seen     map[seenKey]bool
	added    int
}

type seenKey struct {
	shape string
	typ   reflect.Type
}

func supplementFrom(client reflect.Type, protocol string, lines map[string]any) int {
	s := &supplement{lines: lines, protocol: protocol, seen: make(map[seenKey]bool)}
	for m := range client.Methods() {
		if m.Type.NumIn() != 4 || m.Type.NumOut() != 2 || m.Type.In(2).Kind() != reflect.Pointer {
			continue
		}
		in, out := m.Type.In(2).Elem(), m.Type.Out(0).Elem()
		if in.Name() != m.Name+"Input" {
			continue
		}
		s.operation(m.Name, in, out)
	}
	return s.added
}

func (s *supplement) operation(name string, in, out reflect.Type) {
	o, ok := s.lines["o:"+name].(model.Operation)
	if !ok {
		o = model.Operation{Input: s.shape(in), Output: s.shape(out)}
		if s.protocol == "query" {
			o.Wrapper = name + "Result"
		}
		s.lines["o:"+name] = o
		s.added++
		return
	}
	if o.Input != "" {
		s.compare(o.Input, in)
	}
	if o.Output != "" {
		s.compare(o.Output, out)
	}
}

// compare looks for what a shape lacks of a Go type.
func (s *supplement) compare(name string, t reflect.Type) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if s.seen[seenKey{name, t}] {
		return
	}
	s.seen[seenKey{name, t}] = true
	x, ok := s.lines["s:"+name].(model.Shape)
	if !ok {
		return
	}
	switch {
	case x.Type == "list" && t.Kind() == reflect.Slice:
		s.compare(x.Member.Shape, t.Elem())
	case x.Type == "map" && t.Kind() == reflect.Map:
		s.compare(x.Value.Shape, t.Elem())
	case x.Type == "structure" && t.Kind() == reflect.Struct && !x.Union:
		s.members(name, x, t)
	}
}

func (s *supplement) members(name string, x model.Shape, t reflect.Type) {
	known := make(map[string]model.Member)
	for _, m := range x.Members {
		known[strings.ToUpper(m.Name[:1])+m.Name[1:]] = m
	}
	changed := false
	for f := range t.Fields() {
		if m, ok := known[f.Name]; ok {
			s.compare(m.Shape, f.Type)
			continue
		}
		if !f.IsExported() || f.Name == "ResultMetadata" {
			continue
		}
		x.Members = append(x.Members, s.member(f))
		changed = true
		s.added++
	}
	if changed {
		s.lines["s:"+name] = x
	}
}

func (s *supplement) member(f reflect.StructField) model.Member {
	m := model.Member{Name: f.Name, Shape: s.shape(f.Type)}
	if s.protocol == "ec2" {
		m.Wire = strings.ToLower(f.Name[:1]) + f.Name[1:]
		if f.Type.Kind() == reflect.Slice {
			// A request names a list's items, one by one.
			m.Query = strings.TrimSuffix(f.Name, "s")
			m.Wire = strings.TrimSuffix(m.Wire, "s") + "Set"
		}
	}
	return m
}

// shape makes the shape of a Go type and returns its name.
func (s *supplement) shape(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var name string
	var x model.Shape
	switch {
	case t == reflect.TypeFor[time.Time]():
		name, x.Type = "Timestamp", "timestamp"
	case t == reflect.TypeFor[[]byte]():
		name, x.Type = "Blob", "blob"
	case t.Kind() == reflect.String:
		name, x.Type = "String", "string"
	case t.Kind() == reflect.Bool:
		name, x.Type = "Boolean", "boolean"
	case t.Kind() == reflect.Int32:
		name, x.Type = "Integer", "integer"
	case t.Kind() == reflect.Int64:
		name, x.Type = "Long", "long"
	case t.Kind() == reflect.Float64, t.Kind() == reflect.Float32:
		name, x.Type = "Double", "double"
	case t.Kind() == reflect.Slice:
		item := s.shape(t.Elem())
		name, x.Type, x.Member = "List."+item, "list", &model.Member{Shape: item}
		if s.protocol == "ec2" {
			x.Member.Wire = "item"
		}
	case t.Kind() == reflect.Map:
		value := s.shape(t.Elem())
		name, x.Type, x.Key, x.Value = "Map."+value, "map", &model.Member{Shape: s.shape(t.Key())}, &model.Member{Shape: value}
	default:
		return s.structure(t)
	}
	s.lines["s:SDK."+name] = x
	return "SDK." + name
}

func (s *supplement) structure(t reflect.Type) string {
	if _, ok := s.lines["s:"+t.Name()]; ok {
		s.compare(t.Name(), t)
		return t.Name()
	}
	name := "SDK." + t.Name()
	if _, ok := s.lines["s:"+name]; ok {
		return name
	}
	x := model.Shape{Type: "structure"}
	s.lines["s:"+name] = x // a structure may contain itself
	if t.Kind() == reflect.Struct {
		for f := range t.Fields() {
			if f.IsExported() && f.Name != "ResultMetadata" {
				x.Members = append(x.Members, s.member(f))
			}
		}
	}
	s.lines["s:"+name] = x
	return name
}
