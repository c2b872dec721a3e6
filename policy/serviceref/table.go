package serviceref

import (
	"compress/flate"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// index has one line a service, sorted by prefix, and before them one for the
// global keys, which has no prefix. Fields, separated by tabs: prefix, name, "rcp"
// if resource control policies reach the service, and the place of its text as
// block offset:block length:text offset:text length.
//
//go:embed index.tsv
var index string

// blocks are flate streams, one after the other. In them a service is a text of
// lines K, R and A: its condition keys, its resource types and its actions. The
// fields are separated by tabs; the generator's serviceText says which they are.
// Global keys have lines X besides, which say where a key is that its prefix
// does not tell, and lines N, which say whose resource types a service namespace
// of ARNs has.
//
//go:embed blocks.flate
var blocks string

// entries are the index, read.
type entries struct {
	prefixes []string
	services map[string]*entry
	global   func() []*Key
	// strays are keys that another service has than their prefix tells, and that
	// service's prefix. Calling global fills it.
	strays map[string]string
	// namespaces are the service namespaces of ARNs, and the services that define
	// resource types in each. Calling global fills it.
	namespaces map[string][]string
}

// entry is a line of the index. service decodes its text once.
type entry struct {
	service func() *Service
}

var table = sync.OnceValue(func() *entries {
	t := &entries{services: make(map[string]*entry), strays: make(map[string]string), namespaces: make(map[string][]string)}
	for line := range strings.Lines(index) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		at := place(f[3])
		if f[0] == "" {
			t.global = sync.OnceValue(func() []*Key { return t.decodeGlobal(at.text()) })
			continue
		}
		t.prefixes = append(t.prefixes, f[0])
		t.services[f[0]] = &entry{service: sync.OnceValue(func() *Service {
			s := &Service{Prefix: f[0], Name: f[1], ResourceControl: f[2] == "rcp"}
			s.decode(at.text())
			return s
		})}
	}
	return t
})

// spot is where a text lies in blocks.
type spot struct{ block, blockLength, offset, length int }

func place(s string) spot {
	f := strings.Split(s, ":")
	return spot{number(f[0]), number(f[1]), number(f[2]), number(f[3])}
}

func (s spot) text() string {
	r := flate.NewReader(strings.NewReader(blocks[s.block : s.block+s.blockLength]))
	if _, err := io.CopyN(io.Discard, r, int64(s.offset)); err != nil {
		panic(fmt.Sprintf("serviceref: block at %d is damaged: %v", s.block, err))
	}
	var b strings.Builder
	b.Grow(s.length)
	if _, err := io.CopyN(&b, r, int64(s.length)); err != nil {
		panic(fmt.Sprintf("serviceref: block at %d is damaged: %v", s.block, err))
	}
	return b.String()
}

var levels = map[string]AccessLevel{"L": List, "R": Read, "W": Write, "T": Tagging, "P": PermissionsManagement}

// decode reads a service's text, which the generator wrote and a test reads
// whole.
func (s *Service) decode(text string) {
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch f[0] {
		case "K":
			s.Keys = append(s.Keys, &Key{Name: f[1], Type: Type(f[2]), Deprecated: len(f) > 3, Global: strings.HasPrefix(f[1], "aws:")})
		case "R":
			s.ResourceTypes = append(s.ResourceTypes, &ResourceType{Service: s, Name: f[1], ARN: f[2], Keys: s.numbered(f[3])})
		case "A":
			a := &Action{Service: s, Name: f[1], Level: levels[f[2]], Keys: s.numbered(f[3]), Dependents: names(f[4])}
			for _, r := range f[5:] {
				part := strings.SplitN(r, ":", 3)
				n, required := strings.CutSuffix(part[0], "*")
				a.Resources = append(a.Resources, ActionResource{
					Type: s.ResourceTypes[number(n)], Required: required, Keys: s.numbered(part[1]), Dependents: names(part[2]),
				})
			}
			s.Actions = append(s.Actions, a)
		default:
			panic(fmt.Sprintf("serviceref: a line of %q is damaged: %q", s.Prefix, line))
		}
	}
	slices.SortFunc(s.Keys, func(a, b *Key) int { return compareFold(a.Name, b.Name) })
}

// decodeGlobal reads the text without a service.
func (t *entries) decodeGlobal(text string) []*Key {
	var s Service
	for line := range strings.Lines(text) {
		switch f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); f[0] {
		case "X":
			t.strays[f[1]] = f[2]
		case "N":
			t.namespaces[f[1]] = names(f[2])
		default:
			s.decode(line)
		}
	}
	for _, k := range s.Keys {
		k.Global, k.Always = true, slices.Contains(always, k.Name)
	}
	return s.Keys
}

// numbered gives the keys with the numbers of a list.
func (s *Service) numbered(list string) []*Key {
	numbers := names(list)
	if len(numbers) == 0 {
		return nil
	}
	keys := make([]*Key, len(numbers))
	for i, n := range numbers {
		keys[i] = s.Keys[number(n)]
	}
	return keys
}

// names cuts a list at its commas; the empty text is no list.
func names(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("serviceref: the table is damaged: " + err.Error())
	}
	return n
}
