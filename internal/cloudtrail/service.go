// Package cloudtrail is AWS CloudTrail: the event history, where every recorded
// call is found again with LookupEvents, and trails, which deliver events as
// files to buckets; and CloudTrail Lake, whose event data stores keep events to be
// asked with SQL.
//
// An event that a trail selects goes into the trail's queue in the transaction
// that records it (queue.go). A [Courier], on a goroutine of its own, makes log
// files of the queue (delivery.go) and, hour by hour, digests that sign for them
// (digest.go). An event that an event data store selects goes into its stream
// likewise (ingest.go); an [Analyst], on another goroutine, runs the queries.
package cloudtrail

import (
	"slices"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// principal is CloudTrail's service principal.
const principal = "cloudtrail.amazonaws.com"

// Sealer keeps the private keys of digests secret: the root key.
type Sealer interface {
	// Seal encrypts plaintext for a purpose, bound to aad.
	Seal(purpose string, plaintext, aad []byte) []byte
	// Open returns what Seal was given; anything changed, or sealed for
	// another purpose or aad, is an error.
	Open(purpose string, sealed, aad []byte) ([]byte, error)
}

// Service is CloudTrail. It is safe for concurrent use; what it keeps is either
// in the store too or only about load.
type Service struct {
	limit         lookupLimit
	shelves       rawCache[shelf]
	pools         rawCache[pool]
	checks        checkedStatements
	keys          keyMaker
	root          Sealer
	buckets       api.Buckets
	organizations api.Organizations
	linked        api.LinkedRoles
	lake          api.Lake
}

// Option changes how a Service works.
type Option func(*Service)

// WithBuckets says where trails deliver their files. Without it no bucket exists.
func WithBuckets(b api.Buckets) Option { return func(s *Service) { s.buckets = b } }

// WithLake says what answers queries of event data stores. Without it there are
// event data stores, and no query can be started.
func WithLake(l api.Lake) Option { return func(s *Service) { s.lake = l } }

// WithOrganizations has organizations have trails. linked tells whether an
// account has CloudTrail's own role.
func WithOrganizations(o api.Organizations, linked api.LinkedRoles) Option {
	return func(s *Service) { s.organizations, s.linked = o, linked }
}

// New returns the service. The keys that sign digests are sealed under root.
func New(root Sealer, options ...Option) *Service {
	s := &Service{root: root, buckets: noBuckets{}, organizations: noOrganizations{}, lake: noLake{}}
	for _, o := range options {
		o(s)
	}
	return s
}

var _ api.Service = (*Service)(nil)

// Name is the signing name.
func (s *Service) Name() string { return "cloudtrail" }

// Operations lists what is built.
func (s *Service) Operations() []api.Operation {
	return slices.Concat(
		s.lookupOperations(), s.trailOperations(), s.describeOperations(), s.statusOperations(),
		s.tagOperations(), s.selectorOperations(), s.insightOperations(), s.publicKeyOperations(),
		s.delegateOperations(),
		s.dataStoreOperations(), s.dataStoreChanges(), s.ingestionOperations(), s.queryOperations(), s.queryResultOperations(),
	)
}

// noOrganizations is a cloud in which every account stands alone.
type noOrganizations struct{}

func (noOrganizations) Membership(store.Tx, string) (*api.Membership, error) { return nil, nil }
