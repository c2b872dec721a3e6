// Package kms is the Key Management Service: keys, their policies and aliases,
// grants, and the cryptographic operations. A key is symmetric, of HMAC or a pair
// (keykind.go), its material made here or imported, and it is of one Region or has
// replicas in others (multiregion.go).
//
// A key answers to its id, its ARN and its aliases (reference.go). Every
// operation's authorization is beside its handler; a descriptor builds it out
// of the key, the key policy, the grants that bear on the caller and the kms:
// condition keys. What a key may do in which state is in state.go.
package kms

import (
	"encoding/json"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// Sealer keeps key material and grant tokens secret: the root key.
type Sealer interface {
	// Seal encrypts plaintext for a purpose, bound to aad.
	Seal(purpose string, plaintext, aad []byte) []byte
	// Open returns what Seal was given; anything changed, or sealed for
	// another purpose or aad, is an error.
	Open(purpose string, sealed, aad []byte) ([]byte, error)
}

// Principals tells users and roles of one name apart. IAM implements it.
type Principals interface {
	// ResolvePrincipal gives the unique id of the user or role that an ARN names
	// now, and false if there is none. Other ARNs are not asked for.
	ResolvePrincipal(tx store.Tx, arn string) (id string, ok bool)
	// PrincipalARN gives the ARN that the user or role of a unique id has now,
	// and false if it was deleted.
	PrincipalARN(tx store.Tx, id string) (string, bool)
}

// Service is KMS. It is safe for concurrent use; its caches hold nothing that
// is not also in the store.
type Service struct {
	root       Sealer
	principals Principals
	ciphers    *cipherCache
	policies   *policyCache
	spare      *sparePairs
	// partitionOf gives the partition of a Region, false if AWS has no such one.
	partitionOf func(region string) (string, bool)
}

// Option changes how a Service works.
type Option func(*Service)

// CheckPrincipals has key policies and grants refuse principals that do not
// exist, and mean the user or role that had the name then, not one that is made
// later, as KMS does. Without it every well-formed ARN is taken, and is a name.
func CheckPrincipals(p Principals) Option {
	return func(s *Service) { s.principals = p }
}

// CheckRegions has ReplicateKey refuse Regions that are not of the key's
// partition. Without it every name is a Region of the partition "aws".
func CheckRegions(partitionOf func(region string) (string, bool)) Option {
	return func(s *Service) { s.partitionOf = partitionOf }
}

// New makes the service. Key material is kept sealed under root.
func New(root Sealer, options ...Option) *Service {
	s := &Service{
		root: root, ciphers: newCipherCache(), policies: newPolicyCache(), spare: newSparePairs(),
		partitionOf: func(string) (string, bool) { return "aws", true },
	}
	for _, o := range options {
		o(s)
	}
	return s
}

var (
	_ api.Service = (*Service)(nil)
	_ api.Worker  = (*Service)(nil)
)

// Name is KMS's signing name.
func (s *Service) Name() string { return "kms" }

// Operations lists what is built of the KMS API.
func (s *Service) Operations() []api.Operation {
	var all []api.Operation
	for _, some := range [][]api.Operation{
		s.keyOperations(), s.stateOperations(), s.aliasOperations(), s.policyOperations(),
		s.encryptOperations(), s.dataKeyOperations(), s.grantOperations(), s.retireOperations(),
		s.rotationOperations(), s.tagOperations(), s.importOperations(), s.signOperations(), s.macOperations(),
		s.publicKeyOperations(), s.dataKeyPairOperations(), s.agreementOperations(), s.multiRegionOperations(), s.lastUsageOperations(),
	} {
		all = append(all, some...)
	}
	return all
}

// Tasks are what KMS does on its own later.
func (s *Service) Tasks() map[string]func(*api.Call, json.RawMessage) error {
	return map[string]func(*api.Call, json.RawMessage) error{
		deleteKeyTask:      s.deleteKey,
		rotateKeyTask:      s.rotateKey,
		expireMaterialTask: s.expireMaterial,
		settleKeyTask:      s.settleKey,
	}
}
