package ec2

import (
	"fmt"
	"strings"
	"sync"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

var _ api.Endpoints = (*Service)(nil)

// endpointOwners holds whose an endpoint is, by its id, in a scope of nobody's: a
// request names its endpoint and not the account that has it, and the callers
// of a VPC's endpoint need not be that account's.
var endpointOwners = store.NewTable[string]("ec2.vpcendpoint.owner")

// nobodys is the scope of what all accounts of a region share.
func nobodys(region string) store.Scope { return store.Scope{Account: "-", Region: region} }

// Endpoint finds an endpoint that can be reached, by its name.
func (s *Service) Endpoint(tx store.Tx, region, name string) (api.Endpoint, error) {
	id, _, ok := cutEndpointName(name)
	if !ok {
		return api.Endpoint{}, store.ErrNotFound
	}
	owner, err := endpointOwners.Get(tx, nobodys(region), id)
	if err != nil {
		return api.Endpoint{}, err
	}
	e, err := endpointTable.Get(tx, store.Scope{Account: owner, Region: region}, id)
	if err != nil {
		return api.Endpoint{}, err
	}
	if e.State != endpointAvailable || !e.answersTo(name) {
		return api.Endpoint{}, store.ErrNotFound
	}
	service, found, _ := endpointServiceNamed(region, e.Service, false)
	if !found {
		return api.Endpoint{}, fmt.Errorf("ec2: endpoint %s leads to %s, which is not there", e.ID, e.Service)
	}
	p, err := s.endpointPolicies.compile(e.Policy)
	if err != nil {
		return api.Endpoint{}, fmt.Errorf("ec2: policy of endpoint %s: %w", e.ID, err)
	}
	out := api.Endpoint{
		ID: e.ID, Account: owner, VPC: e.VPC, Service: service.Signing,
		Policy: access.Document{Name: "policy of VPC endpoint " + e.ID, Policy: p},
	}
	if out.Service == "" {
		out.Service = service.Label
	}
	return out, nil
}

// cutEndpointName splits "vpce-0123456789abcdef0-abcdefgh-us-east-1a" behind its id.
func cutEndpointName(name string) (id, rest string, ok bool) {
	digits, ok := strings.CutPrefix(name, "vpce-")
	if !ok {
		return "", "", false
	}
	digits, rest, ok = strings.Cut(digits, "-")
	return "vpce-" + digits, rest, ok && isHexID(digits)
}

// answersTo reports whether a name is one of the endpoint's: its own, or that of
// one of its zones.
func (e vpcEndpoint) answersTo(name string) bool {
	host := e.ID + "-" + e.Suffix
	for _, a := range e.Attachments {
		if name == host+"-"+a.Zone {
			return true
		}
	}
	return name == host
}

// policyCache keeps the last compiled policies by their text, so that what is in
// it can never be stale.
type policyCache struct {
	mu      sync.RWMutex
	entries map[string]*policy.Policy
}

// maxCachedPolicies bounds the cache: when it is full, it forgets all.
const maxCachedPolicies = 64

func (k *policyCache) compile(text string) (*policy.Policy, error) {
	k.mu.RLock()
	p := k.entries[text]
	k.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.entries == nil || len(k.entries) >= maxCachedPolicies {
		k.entries = make(map[string]*policy.Policy)
	}
	k.entries[text] = p
	return p, nil
}
