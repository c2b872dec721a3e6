// Package model holds the API models of the services that Keyturn plays, as
// compact tables: names, locations, constraints, errors.
//
// A table is text, a line for each operation, shape and error, sorted by key.
// It is never read as a whole: a line is found by bisection and decoded when it
// is first needed, so that a program starts without paying for EC2's 4,000
// shapes. The tables are cut out of botocore's models (Apache License 2.0) by
// the generate command: KEYTURN_MODELS=DIR go generate, where DIR holds them.
package model

//go:generate go run ./generate -models ${KEYTURN_MODELS} -out tables

import (
	_ "embed" // the tables
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"sync"
)

var (
	//go:embed tables/autoscaling.txt
	autoscalingTable string
	//go:embed tables/cloudtrail.txt
	cloudtrailTable string
	//go:embed tables/ebs.txt
	ebsTable string
	//go:embed tables/ec2.txt
	ec2Table string
	//go:embed tables/iam.txt
	iamTable string
	//go:embed tables/kms.txt
	kmsTable string
	//go:embed tables/organizations.txt
	organizationsTable string
	//go:embed tables/sts.txt
	stsTable string
)

// tables are kept as the binary has them: none is copied.
var tables = map[string]*string{
	"autoscaling": &autoscalingTable, "cloudtrail": &cloudtrailTable, "ebs": &ebsTable, "ec2": &ec2Table,
	"iam": &iamTable, "kms": &kmsTable, "organizations": &organizationsTable, "sts": &stsTable,
}

// Meta is a service's protocol.
type Meta struct {
	Version     string `json:"v"`
	Protocol    string `json:"p"` // "ec2", "query", "json", "rest-json"
	JSONVersion string `json:"j,omitempty"`
	Target      string `json:"t,omitempty"` // prefix of X-Amz-Target
	Namespace   string `json:"n,omitempty"` // of XML answers
}

// Operation names an operation's shapes. Method and URI are set for REST.
type Operation struct {
	Input   string `json:"i,omitempty"`
	Output  string `json:"o,omitempty"`
	Wrapper string `json:"w,omitempty"` // element around a query answer's members
	Method  string `json:"m,omitempty"`
	URI     string `json:"u,omitempty"`
	Status  int    `json:"s,omitempty"`
}

// Error is a modelled exception, found by its code.
type Error struct {
	Shape  string `json:"s"`
	Status int    `json:"h,omitempty"` // HTTP status, 0 if the model has none
	Fault  bool   `json:"f,omitempty"` // the service's, not the client's
}

// Shape is a type.
type Shape struct {
	Type      string   `json:"t"`
	Members   []Member `json:"m,omitempty"` // of a structure, sorted by name
	Member    *Member  `json:"e,omitempty"` // of a list
	Key       *Member  `json:"k,omitempty"` // of a map
	Value     *Member  `json:"v,omitempty"`
	Required  []string `json:"r,omitempty"`
	Enum      []string `json:"n,omitempty"`
	Pattern   string   `json:"p,omitempty"`
	Min       *float64 `json:"i,omitempty"`
	Max       *float64 `json:"x,omitempty"`
	Sensitive bool     `json:"s,omitempty"`
	Flattened bool     `json:"f,omitempty"`
	Payload   string   `json:"y,omitempty"` // member that is the whole body (REST)
	Union     bool     `json:"u,omitempty"`
}

// Member is a reference to a shape from another.
type Member struct {
	Name      string `json:"n,omitempty"`
	Shape     string `json:"s"`
	Location  string `json:"l,omitempty"` // "uri", "querystring", "header", "statusCode"
	Wire      string `json:"w,omitempty"` // locationName
	Query     string `json:"q,omitempty"` // queryName (EC2)
	Time      string `json:"t,omitempty"` // timestampFormat
	Flattened bool   `json:"f,omitempty"`
	Token     bool   `json:"i,omitempty"` // idempotency token
}

// Service is one service's table.
type Service struct {
	Meta Meta
	name string
	text string
}

var (
	loading sync.Mutex // covers loaded
	loaded  = make(map[string]*Service)
)

// Load returns a service's table by its signing name.
func Load(name string) (*Service, bool) {
	loading.Lock()
	defer loading.Unlock()
	if s, ok := loaded[name]; ok {
		return s, s != nil
	}
	table, ok := tables[name]
	if !ok {
		return nil, false
	}
	s := &Service{name: name, text: *table}
	if !s.find("m:", &s.Meta) {
		return nil, false
	}
	loaded[name] = s
	return s, true
}

// Operation returns an operation by its name.
func (s *Service) Operation(name string) (o Operation, ok bool) {
	return o, s.find("o:"+name, &o)
}

// Shape returns a shape by its name. One that a shape refers to is there.
func (s *Service) Shape(name string) Shape {
	var x Shape
	if !s.find("s:"+name, &x) {
		panic(fmt.Sprintf("model: %s has no shape %s", s.name, name))
	}
	return x
}

// Error returns a modelled error by its code.
func (s *Service) Error(code string) (e Error, ok bool) {
	return e, s.find("e:"+code, &e)
}

// Operations yields the names of all operations, sorted.
func (s *Service) Operations() iter.Seq[string] { return s.keys("o:") }

// Shapes yields the names of all shapes, sorted.
func (s *Service) Shapes() iter.Seq[string] { return s.keys("s:") }

// Errors yields the codes of all modelled errors, sorted.
func (s *Service) Errors() iter.Seq[string] { return s.keys("e:") }

func (s *Service) keys(prefix string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.SplitSeq(s.text, "\n") {
			key, _, _ := strings.Cut(line, "\t")
			if name, ok := strings.CutPrefix(key, prefix); ok && !yield(name) {
				return
			}
		}
	}
}

// find bisects the table for a key and decodes its line into v.
func (s *Service) find(key string, v any) bool {
	lo, hi := 0, len(s.text) // a line begins at lo; the one sought begins before hi
	for lo < hi {
		mid := lo + (hi-lo)/2
		start := strings.LastIndexByte(s.text[:mid], '\n') + 1
		end := start + strings.IndexByte(s.text[start:], '\n')
		at, value, _ := strings.Cut(s.text[start:end], "\t")
		switch strings.Compare(at, key) {
		case 0:
			if err := json.Unmarshal([]byte(value), v); err != nil {
				panic(fmt.Sprintf("model: %s: %s: %v", s.name, key, err))
			}
			return true
		case -1:
			lo = end + 1
		default:
			hi = start
		}
	}
	return false
}
