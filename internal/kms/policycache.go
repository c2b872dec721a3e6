package kms

import (
	"sync"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// policyCache keeps compiled documents by their text. A text always means the
// same, so nothing here can be out of date: which text is a key's policy is
// read from the store on every call.
type policyCache struct {
	mu      sync.RWMutex
	entries map[string]*policy.Policy

	// nothing is the policy of a key that the caller must not hear of.
	nothing *access.ResourcePolicy
	// everything stands for IAM policies that allow all.
	everything *policy.Policy
}

// maxPolicies bounds the cache. Most keys of a cloud share a few documents.
const maxPolicies = 256

func newPolicyCache() *policyCache {
	pc := &policyCache{entries: make(map[string]*policy.Policy)}
	pc.everything = mustParse(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	pc.nothing = &access.ResourcePolicy{Kind: access.KMSKey, Document: access.Document{
		Name: keyPolicyName, Policy: mustParse(`{"Version":"2012-10-17","Statement":[]}`),
	}}
	return pc
}

func mustParse(text string) *policy.Policy {
	p, err := policy.Parse([]byte(text))
	if err != nil {
		panic("kms: " + err.Error())
	}
	return p
}

// compile parses a document, or gives the result of an earlier time.
func (pc *policyCache) compile(text string) (*policy.Policy, error) {
	pc.mu.RLock()
	p := pc.entries[text]
	pc.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	pc.mu.Lock()
	defer pc.mu.Unlock()
	if len(pc.entries) >= maxPolicies {
		for k := range pc.entries {
			delete(pc.entries, k)
			break
		}
	}
	pc.entries[text] = p
	return p, nil
}
