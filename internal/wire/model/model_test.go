package model

import (
	"slices"
	"strings"
	"testing"
)

// TestEveryLineIsFound: bisection finds every line of every table, and nothing
// between them.
func TestEveryLineIsFound(t *testing.T) {
	t.Parallel()
	for name := range tables {
		s, ok := Load(name)
		if !ok {
			t.Fatalf("no table of %s", name)
		}
		operations := slices.Collect(s.Operations())
		if len(operations) == 0 || !slices.IsSorted(operations) {
			t.Errorf("%s: %d operations", name, len(operations))
		}
		for _, o := range operations {
			m, ok := s.Operation(o)
			if !ok {
				t.Errorf("%s: %s is not found", name, o)
			}
			for _, shape := range []string{m.Input, m.Output} {
				if shape != "" && s.Shape(shape).Type != "structure" {
					t.Errorf("%s: %s speaks %s, a %s", name, o, shape, s.Shape(shape).Type)
				}
			}
			if _, ok := s.Operation(o + "!"); ok {
				t.Errorf("%s: %s! is found", name, o)
			}
		}
		for code := range s.Errors() {
			if e, ok := s.Error(code); !ok || s.Shape(e.Shape).Type != "structure" {
				t.Errorf("%s: error %s is not found", name, code)
			}
		}
	}
}

// TestShapesAreWhole: what a shape refers to is there.
func TestShapesAreWhole(t *testing.T) {
	t.Parallel()
	for name := range tables {
		s, _ := Load(name)
		for shape := range s.Shapes() {
			x := s.Shape(shape)
			for _, m := range x.Members {
				s.Shape(m.Shape) // panics
			}
			for _, m := range []*Member{x.Member, x.Key, x.Value} {
				if m != nil {
					s.Shape(m.Shape)
				}
			}
			for _, required := range x.Required {
				if !slices.ContainsFunc(x.Members, func(m Member) bool { return m.Name == required }) {
					t.Errorf("%s: %s requires %s, which it has not", name, shape, required)
				}
			}
		}
	}
}

func TestLoadUnknown(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "s3", "EC2", "ec"} {
		if _, ok := Load(name); ok {
			t.Errorf("there is a table of %q", name)
		}
	}
}

// TestShapeUnknown: a shape that no line is for is a mistake of the tables.
func TestShapeUnknown(t *testing.T) {
	t.Parallel()
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, "NoSuchShape") {
			t.Errorf("panicked with %q", text)
		}
	}()
	s, _ := Load("kms")
	s.Shape("NoSuchShape")
}

// BenchmarkLoad is what a program pays at its start for all tables: it must not
// read them.
func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		loading.Lock()
		clear(loaded)
		loading.Unlock()
		for name := range tables {
			if _, ok := Load(name); !ok {
				b.Fatal(name)
			}
		}
	}
}

// BenchmarkShape is one shape of the largest table, found and decoded.
func BenchmarkShape(b *testing.B) {
	s, _ := Load("ec2")
	b.ReportAllocs()
	for b.Loop() {
		s.Shape("RunInstancesRequest")
	}
}
