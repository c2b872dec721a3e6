package cloudtrail

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// maxDataStores is the quota of event data stores in a Region (CloudTrail guide,
// "Quotas in AWS CloudTrail"). Those that are being deleted are not counted, or
// RestoreEventDataStore could not exceed it.
const maxDataStores = 10

// settleTime is how long an event data store takes from CREATED to ENABLED, and
// to start and stop ingestion. AWS documents no time.
const settleTime = time.Second

// deletionWait is how long a deleted event data store can be restored (API
// reference, "DeleteEventDataStore").
const deletionWait = 7 * 24 * time.Hour

// dataStore is one event data store.
type dataStore struct {
	ID                               string
	Account, Partition, Region, Name string
	Selectors                        []types.AdvancedEventSelector
	MultiRegion                      bool `json:",omitempty"`
	// Organization: the events of the members are kept, too.
	Organization bool              `json:",omitempty"`
	Days         int32             // of retention
	Billing      types.BillingMode //
	Protected    bool              `json:",omitempty"` // from being deleted
	// Key is the ARN of the KMS key, empty if there is none; DataKey is a data
	// key under it, as KMS gave it: who may have it decrypted may see the events.
	Key     string            `json:",omitempty"`
	DataKey []byte            `json:",omitempty"`
	Tags    map[string]string `json:",omitempty"`

	Created, Updated time.Time
	// Stopped: no events are ingested. Ingesting is since when they are, Until
	// when that ended.
	Stopped   bool      `json:",omitempty"`
	Ingesting time.Time `json:",omitzero"`
	Until     time.Time `json:",omitzero"`
	// Turned is when ingestion was last started or stopped; zero for a store of
	// which only its creation has to settle.
	Turned  time.Time `json:",omitzero"`
	Deleted time.Time `json:",omitzero"`
}

func (d dataStore) arn() string { return dataStoreARN(d.Partition, d.Region, d.Account, d.ID) }

func dataStoreARN(partition, region, account, id string) string {
	return "arn:" + partition + ":cloudtrail:" + region + ":" + account + ":eventdatastore/" + id
}

// status is the state at a time. What takes a while is over when its time is.
func (d dataStore) status(now time.Time) types.EventDataStoreStatus {
	switch {
	case !d.Deleted.IsZero():
		return types.EventDataStoreStatusPendingDeletion
	case d.Turned.IsZero() && now.Before(d.Created.Add(settleTime)):
		return types.EventDataStoreStatusCreated
	case !d.Turned.IsZero() && now.Before(d.Turned.Add(settleTime)) && d.Stopped:
		return types.EventDataStoreStatusStoppingIngestion
	case !d.Turned.IsZero() && now.Before(d.Turned.Add(settleTime)):
		return types.EventDataStoreStatusStartingIngestion
	case d.Stopped:
		return types.EventDataStoreStatusStoppedIngestion
	}
	return types.EventDataStoreStatusEnabled
}

// retained is when the oldest event that is kept may have happened.
func (d dataStore) retained(now time.Time) time.Time { return now.AddDate(0, 0, -int(d.Days)) }

// category is the one category of events of an event data store that has no
// CloudTrail events; empty for others.
func (d dataStore) category() string {
	for _, s := range d.Selectors {
		for _, f := range s.FieldSelectors {
			if aws.ToString(f.Field) == "eventCategory" && len(f.Equals) == 1 && trailFields[f.Equals[0]] == nil {
				return f.Equals[0]
			}
		}
	}
	return ""
}

// dataStores are all of an account's in one row, as trails are and for the same reason.
type dataStores struct{ All []dataStore }

var dataStoreTable = store.NewTable[dataStores]("cloudtrail.datastores")

func dataStoresOf(tx store.Tx, account string) (dataStores, error) {
	all, err := dataStoreTable.Get(tx, scopeOf(account), row)
	if errors.Is(err, store.ErrNotFound) {
		return dataStores{}, nil
	}
	return all, err
}

// lakeStore tells the analyst whose an event data store is.
type lakeStore struct {
	Account string
	// Trimmed is when what was too old was last removed.
	Trimmed time.Time `json:",omitzero"`
}

var lakeStoreTable = store.NewTable[lakeStore]("cloudtrail.lake.store")

// putDataStore writes an event data store that is new or has changed.
func putDataStore(tx store.Tx, d dataStore) error {
	all, err := dataStoresOf(tx, d.Account)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(all.All, func(o dataStore) bool { return o.ID == d.ID }); i >= 0 {
		all.All[i] = d
	} else {
		all.All = append(all.All, d)
	}
	if err := lakeStoreTable.Put(tx, courierScope, d.ID, lakeStore{Account: d.Account}); err != nil {
		return err
	}
	return dataStoreTable.Put(tx, scopeOf(d.Account), row, all)
}

// eraseDataStore removes a store whose time to be restored is over, and its events.
func eraseDataStore(tx store.Tx, d dataStore) error {
	all, err := dataStoresOf(tx, d.Account)
	if err != nil {
		return err
	}
	all.All = slices.DeleteFunc(all.All, func(o dataStore) bool { return o.ID == d.ID })
	if err := tx.TrimRecords(lakeStream(d.ID), farFuture); err != nil {
		return err
	}
	if err := lakeStoreTable.Delete(tx, courierScope, d.ID); err != nil {
		return err
	}
	if len(all.All) == 0 {
		return dataStoreTable.Delete(tx, scopeOf(d.Account), row)
	}
	return dataStoreTable.Put(tx, scopeOf(d.Account), row, all)
}

// dataStoresFor are the event data stores of the region that an account may work
// with: its own, and as the organization's administrator for CloudTrail the
// organization's (CloudTrail guide, "Organization event data stores").
func (s *Service) dataStoresFor(tx store.Tx, account, region string) ([]dataStore, error) {
	own, err := dataStoresOf(tx, account)
	if err != nil {
		return nil, err
	}
	all := own.All
	m, err := s.organizations.Membership(tx, account)
	if err != nil {
		return nil, err
	}
	if m != nil && m.ManagementAccount != account && slices.Contains(m.Administers, principal) {
		others, err := dataStoresOf(tx, m.ManagementAccount)
		if err != nil {
			return nil, err
		}
		for _, d := range others.All {
			if d.Organization {
				all = append(all, d)
			}
		}
	}
	return slices.DeleteFunc(all, func(d dataStore) bool { return d.Region != region }), nil
}

// dataStoreID is the id in an event data store's ARN, or the id that is given
// without one.
func dataStoreID(c *api.Call, ref string) (string, error) {
	if !strings.HasPrefix(ref, "arn:") {
		return ref, nil
	}
	parts := strings.SplitN(ref, ":", 6)
	if len(parts) < 6 || parts[1] != c.Partition || parts[2] != "cloudtrail" || parts[3] == "" || !isAccount(parts[4]) {
		return "", invalidDataStoreARN(ref)
	}
	id, ok := strings.CutPrefix(parts[5], "eventdatastore/")
	if !ok || id == "" {
		return "", invalidDataStoreARN(ref)
	}
	return id, nil
}

// isDataStoreARN tells an event data store's ARN from a trail's.
func isDataStoreARN(ref string) bool {
	parts := strings.SplitN(ref, ":", 6)
	return len(parts) == 6 && parts[2] == "cloudtrail" && strings.HasPrefix(parts[5], "eventdatastore/")
}

// findDataStore returns the event data store that a request names.
func (s *Service) findDataStore(c *api.Call, ref string) (dataStore, error) {
	id, err := dataStoreID(c, ref)
	if err != nil {
		return dataStore{}, err
	}
	all, err := s.dataStoresFor(c.Tx, c.Account, c.Region)
	if err != nil {
		return dataStore{}, err
	}
	for _, d := range all {
		if d.ID == id && (ref == id || d.arn() == ref) {
			return d, nil
		}
	}
	return dataStore{}, dataStoreNotFound(ref)
}

// dataStoreNeed is the permission for an action on the event data store that a
// request names, whether or not it is there.
func (s *Service) dataStoreNeed(c *api.Call, action, ref string) (api.Need, error) {
	n := api.Need{Action: "cloudtrail:" + action, Resource: ref}
	if strings.HasPrefix(ref, "arn:") {
		return n, nil
	}
	n.Resource = dataStoreARN(c.Partition, c.Region, c.Account, ref)
	all, err := s.dataStoresFor(c.Tx, c.Account, c.Region)
	for _, d := range all {
		if d.ID == ref {
			n.Resource = d.arn()
		}
	}
	return n, err
}

// onDataStore makes the descriptor of an operation on one event data store.
func onDataStore[In any](s *Service, action string, ref func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := s.dataStoreNeed(c, action, aws.ToString(ref(in)))
		return []api.Need{n}, err
	}
}

func (s *Service) dataStoreOperations() []api.Operation {
	return []api.Operation{
		api.Read("GetEventDataStore", onDataStore(s, "GetEventDataStore", func(in *cloudtrail.GetEventDataStoreInput) *string { return in.EventDataStore }), s.getEventDataStore),
		api.Read("ListEventDataStores", api.Anywhere[cloudtrail.ListEventDataStoresInput]("cloudtrail:ListEventDataStores"), s.listEventDataStores),
	}
}

func (s *Service) getEventDataStore(c *api.Call, in *cloudtrail.GetEventDataStoreInput) (*cloudtrail.GetEventDataStoreOutput, error) {
	d, err := s.findDataStore(c, aws.ToString(in.EventDataStore))
	if err != nil {
		return nil, err
	}
	return &cloudtrail.GetEventDataStoreOutput{
		EventDataStoreArn: aws.String(d.arn()), Name: &d.Name, Status: d.status(c.Now), AdvancedEventSelectors: d.Selectors,
		BillingMode: d.Billing, RetentionPeriod: &d.Days, MultiRegionEnabled: &d.MultiRegion, OrganizationEnabled: &d.Organization,
		TerminationProtectionEnabled: &d.Protected, KmsKeyId: textOrNil(d.Key), FederationStatus: types.FederationStatusDisabled,
		CreatedTimestamp: &d.Created, UpdatedTimestamp: &d.Updated,
	}, nil
}

func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// maxListed is the largest page of Lake's lists, and ours if a request tells none
// (API reference, "ListEventDataStores").
const maxListed = 1000

func listed(n *int32) (int, error) {
	if n == nil {
		return maxListed, nil
	}
	if *n < 1 || *n > maxListed {
		return 0, &types.InvalidMaxResultsException{Message: aws.String(fmt.Sprintf("A maximum results value of %d is invalid. Specify max results between 1 and %d.", *n, maxListed))}
	}
	return int(*n), nil
}

// listEventDataStores tells of every store its name and ARN only: the other
// members of the answer are no longer in use (API reference, "EventDataStore").
func (s *Service) listEventDataStores(c *api.Call, in *cloudtrail.ListEventDataStoresInput) (*cloudtrail.ListEventDataStoresOutput, error) {
	limit, err := listed(in.MaxResults)
	if err != nil {
		return nil, err
	}
	from := ""
	if in.NextToken != nil {
		if from, err = readToken(*in.NextToken, "arn:"); err != nil {
			return nil, err
		}
	}
	all, err := s.dataStoresFor(c.Tx, c.Account, c.Region)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b dataStore) int { return strings.Compare(a.arn(), b.arn()) })
	out := &cloudtrail.ListEventDataStoresOutput{EventDataStores: []types.EventDataStore{}}
	for _, d := range all {
		if d.arn() < from {
			continue
		}
		if len(out.EventDataStores) == limit {
			out.NextToken = aws.String(newToken(d.arn()))
			break
		}
		out.EventDataStores = append(out.EventDataStores, types.EventDataStore{EventDataStoreArn: aws.String(d.arn()), Name: aws.String(d.Name)})
	}
	return out, nil
}

// pool is an account's event data stores, ready to be asked about events.
type pool struct {
	stores   []dataStore
	matchers []matcher
}

func newPool(raw []byte) (*pool, error) {
	var all dataStores
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("cloudtrail: event data stores: %w", err)
	}
	p := &pool{stores: all.All}
	for _, d := range all.All {
		var m matcher
		for _, a := range d.Selectors {
			m = append(m, advancedMatcher(a))
		}
		p.matchers = append(p.matchers, m)
	}
	return p, nil
}
