package organizations

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

var _ api.Organizations = (*Service)(nil)

// cache keeps the last organizations that were made of rows, under the rows'
// bytes: what is in it can never be stale. A server has few organizations, and
// forgets all when there are too many.
type cache struct {
	mu    sync.RWMutex
	trees map[string]*tree
}

// cacheMax is how many states of organizations are kept.
const cacheMax = 64

// tree is an organization with what its accounts were found to be subject to.
// It is shared, and never changed but for what it remembers.
type tree struct {
	organization organization
	mu           sync.Mutex
	memberships  map[string]*api.Membership
}

func (k *cache) tree(raw []byte) (*tree, error) {
	k.mu.RLock()
	t, ok := k.trees[string(raw)]
	k.mu.RUnlock()
	if ok {
		return t, nil
	}
	t = &tree{memberships: map[string]*api.Membership{}}
	if err := json.Unmarshal(raw, &t.organization); err != nil {
		return nil, fmt.Errorf("organizations: row: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.trees) >= cacheMax || k.trees == nil {
		k.trees = map[string]*tree{}
	}
	k.trees[string(raw)] = t
	return t, nil
}

// Membership tells where an account stands and which policies control it; nil
// if it is in no organization. Every request comes through here, so it decodes
// and compiles nothing that it has before. What it returns is shared.
func (s *Service) Membership(tx store.Tx, account string) (*api.Membership, error) {
	m, err := members.Get(tx, scopeOf(account), row)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	raw, err := trees.Raw(tx, scopeOf(m.Management), row)
	if err != nil {
		return nil, err
	}
	t, err := s.trees.tree(raw)
	if err != nil {
		return nil, err
	}
	return t.membership(account)
}

func (t *tree) membership(id string) (*api.Membership, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m, ok := t.memberships[id]; ok {
		return m, nil
	}
	o := &t.organization
	m := &api.Membership{
		Organization: o.ID, Path: o.path(id), ManagementAccount: o.Management,
		Suspended:   o.Accounts[id].Status == types.AccountStatusSuspended,
		AllFeatures: o.Features == types.OrganizationFeatureSetAll,
		Trusted:     slices.Sorted(maps.Keys(o.Services)), Administers: slices.Sorted(maps.Keys(o.Delegates[id])),
	}
	var err error
	if m.ServiceControl, err = o.controls(id, types.PolicyTypeServiceControlPolicy); err != nil {
		return nil, err
	}
	if m.ResourceControl, err = o.controls(id, types.PolicyTypeResourceControlPolicy); err != nil {
		return nil, err
	}
	t.memberships[id] = m
	return m, nil
}

// controls are the policies of a type that bear on an account, a list for each
// level from the root down; nil if the type is not enabled.
func (o *organization) controls(id string, kind types.PolicyType) ([][]access.Document, error) {
	if !o.Enabled[kind] {
		return nil, nil
	}
	var out [][]access.Document
	for _, level := range o.levels(id) {
		documents := []access.Document{}
		for _, d := range o.attached(level, kind) {
			p, err := policy.Parse([]byte(d.Content))
			if err != nil {
				return nil, fmt.Errorf("organizations: policy %s: %w", d.ID, err)
			}
			documents = append(documents, access.Document{Name: d.Name, ARN: d.arn(o, d.ID), Policy: p})
		}
		out = append(out, documents)
	}
	return out, nil
}
