package cloudtrail

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// maxTrails is the quota of trails that have a Region as their home
// (CloudTrail guide, "Quotas in AWS CloudTrail").
const maxTrails = 5

// trail is one trail. One that was deleted stays until its last events are
// delivered; no operation shows it.
type trail struct {
	// ID tells trails apart that have had the same name.
	ID                               string
	Account, Partition, Region, Name string
	Bucket                           string
	Prefix                           string `json:",omitempty"`
	// Key is the ARN of the KMS key; empty if the trail names none.
	Key            string                        `json:",omitempty"`
	GlobalEvents   bool                          `json:",omitempty"`
	MultiRegion    bool                          `json:",omitempty"`
	Validation     bool                          `json:",omitempty"`
	Organization   bool                          `json:",omitempty"`
	OrganizationID string                        `json:",omitempty"`
	Tags           map[string]string             `json:",omitempty"`
	Basic          []types.EventSelector         `json:",omitempty"`
	Advanced       []types.AdvancedEventSelector `json:",omitempty"`

	Logging bool `json:",omitempty"`
	// Started and Stopped are when logging was last started and stopped.
	Started time.Time `json:",omitzero"`
	Stopped time.Time `json:",omitzero"`
	// Validated is since when log files are validated.
	Validated time.Time `json:",omitzero"`
	Deleted   time.Time `json:",omitzero"`
}

func (t trail) arn() string { return trailARN(t.Partition, t.Region, t.Account, t.Name) }

func trailARN(partition, region, account, name string) string {
	return "arn:" + partition + ":cloudtrail:" + region + ":" + account + ":trail/" + name
}

func (t trail) gone() bool { return !t.Deleted.IsZero() }

// validating reports whether digests are to be made of the trail's files.
func (t trail) validating() bool { return t.Validation && t.Logging && !t.gone() }

// in reports whether the trail is there in a region: at home, or as a shadow.
func (t trail) in(region string) bool {
	return t.Region == region || t.MultiRegion && partitionOf(region) == t.Partition
}

// partitionOf tells a region's partition by its name (General Reference, "ARNs").
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// trails are all of an account's in one row: they are few, and every event asks
// which of them it is for.
type trails struct{ All []trail }

var trailTable = store.NewTable[trails]("cloudtrail.trails")

// row is the id of a table's only row in a scope.
const row = "1"

func scopeOf(account string) store.Scope { return store.Scope{Account: account, Region: store.Global} }

// trailsOf reads an account's trails; there may be none.
func trailsOf(tx store.Tx, account string) (trails, error) {
	all, err := trailTable.Get(tx, scopeOf(account), row)
	if errors.Is(err, store.ErrNotFound) {
		return trails{}, nil
	}
	return all, err
}

// put writes a trail that is new or has changed.
func put(tx store.Tx, t trail) error {
	all, err := trailsOf(tx, t.Account)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(all.All, func(o trail) bool { return o.ID == t.ID }); i >= 0 {
		all.All[i] = t
	} else {
		all.All = append(all.All, t)
	}
	return trailTable.Put(tx, scopeOf(t.Account), row, all)
}

// erase removes what is left of a deleted trail.
func erase(tx store.Tx, t trail) error {
	all, err := trailsOf(tx, t.Account)
	if err != nil {
		return err
	}
	all.All = slices.DeleteFunc(all.All, func(o trail) bool { return o.ID == t.ID })
	if len(all.All) == 0 {
		return trailTable.Delete(tx, scopeOf(t.Account), row)
	}
	return trailTable.Put(tx, scopeOf(t.Account), row, all)
}

// visible are the trails that an account sees: its own, and those of its
// organization.
func (s *Service) visible(tx store.Tx, account string) ([]trail, error) {
	own, err := trailsOf(tx, account)
	if err != nil {
		return nil, err
	}
	seen := own.All
	m, err := s.organizations.Membership(tx, account)
	if err != nil {
		return nil, err
	}
	if m != nil && m.ManagementAccount != account {
		others, err := trailsOf(tx, m.ManagementAccount)
		if err != nil {
			return nil, err
		}
		for _, t := range others.All {
			if t.Organization {
				seen = append(seen, t)
			}
		}
	}
	return slices.DeleteFunc(seen, trail.gone), nil
}

// find returns the trail that a name or an ARN means to a caller who wants to
// look at it. A name means a trail of the account at home in the region.
// shown is how an error names a trail that is not there.
func (s *Service) find(c *api.Call, ref string, shown func(*api.Call, reference) string) (trail, error) {
	r, err := parseReference(c, ref)
	if err != nil {
		return trail{}, err
	}
	all, err := s.visible(c.Tx, c.Account)
	if err != nil {
		return trail{}, err
	}
	for _, t := range all {
		if r.means(t) {
			return t, nil
		}
	}
	return trail{}, trailNotFound(shown(c, r), c.Account)
}

// change is find for a caller who wants to change the trail: in its home region,
// and an organization's only for the organization's administrators.
func (s *Service) change(c *api.Call, ref string) (trail, error) {
	r, err := parseReference(c, ref)
	if err != nil {
		return trail{}, err
	}
	all, err := s.visible(c.Tx, c.Account)
	if err != nil {
		return trail{}, err
	}
	// An administrator of the organization may leave the account out.
	for _, own := range []bool{true, false} {
		for _, t := range all {
			if (t.Account == c.Account) != own || !r.means(t) && (r.arn || t.Name != r.name || !t.in(c.Region)) {
				continue
			}
			if t.Account != c.Account {
				if err := s.administers(c, t.Account); err != nil {
					return trail{}, err
				}
			}
			if t.Region != c.Region {
				return trail{}, otherHome(t)
			}
			return t, nil
		}
	}
	return trail{}, trailNotFound(ref, c.Account)
}

// need is the permission for an action on the trail that a request names,
// whether or not it is there. What cannot name one is refused afterwards.
func (s *Service) need(c *api.Call, action string, ref string) (api.Need, error) {
	n := api.Need{Action: "cloudtrail:" + action, Resource: ref}
	if strings.HasPrefix(ref, "arn:") {
		return n, nil
	}
	n.Resource = trailARN(c.Partition, c.Region, c.Account, ref)
	all, err := s.visible(c.Tx, c.Account)
	if err != nil {
		return n, err
	}
	for _, t := range all {
		if t.Name == ref && t.in(c.Region) {
			n.Resource = t.arn()
		}
	}
	return n, nil
}

// on makes the descriptor of an operation on one trail.
func on[In any](s *Service, action string, ref func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		name := ""
		if p := ref(in); p != nil {
			name = *p
		}
		n, err := s.need(c, action, name)
		return []api.Need{n}, err
	}
}

// shelf is an account's trails, ready to be asked about events.
type shelf struct {
	trails   []trail
	matchers []matcher
}

// rawCache keeps what was made of rows under the bytes of the rows: what is in it
// can never be stale.
type rawCache[T any] struct {
	mu   sync.RWMutex // covers made
	made map[string]*T
}

// rawCacheMax is how many states of accounts are kept; with more all are
// forgotten.
const rawCacheMax = 256

func (k *rawCache[T]) get(raw []byte, make func() (*T, error)) (*T, error) {
	k.mu.RLock()
	s, ok := k.made[string(raw)]
	k.mu.RUnlock()
	if ok {
		return s, nil
	}
	s, err := make()
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.made) >= rawCacheMax || k.made == nil {
		k.made = map[string]*T{}
	}
	k.made[string(raw)] = s
	return s, nil
}
