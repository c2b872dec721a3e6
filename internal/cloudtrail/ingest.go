package cloudtrail

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

func (s *Service) ingestionOperations() []api.Operation {
	return []api.Operation{
		api.Op("StartEventDataStoreIngestion", onDataStore(s, "StartEventDataStoreIngestion", func(in *cloudtrail.StartEventDataStoreIngestionInput) *string { return in.EventDataStore }), s.startIngestion),
		api.Op("StopEventDataStoreIngestion", onDataStore(s, "StopEventDataStoreIngestion", func(in *cloudtrail.StopEventDataStoreIngestionInput) *string { return in.EventDataStore }), s.stopIngestion),
	}
}

// live are the categories whose ingestion can be stopped and started, besides
// CloudTrail events (API reference, "StartEventDataStoreIngestion").
var live = []string{"", "ConfigurationItem"}

func (s *Service) turnIngestion(c *api.Call, ref string, from types.EventDataStoreStatus) (dataStore, error) {
	d, err := s.findDataStore(c, ref)
	if err != nil {
		return d, err
	}
	if !slices.Contains(live, d.category()) {
		return d, &types.InvalidEventDataStoreCategoryException{Message: aws.String("The operation is not valid for an event data store of the event category " + d.category() + ".")}
	}
	if d.status(c.Now) != from {
		return d, invalidDataStoreStatus(d, c.Now, from)
	}
	d.Turned, d.Updated = c.Now, c.Now
	return d, nil
}

func (s *Service) startIngestion(c *api.Call, in *cloudtrail.StartEventDataStoreIngestionInput) (*cloudtrail.StartEventDataStoreIngestionOutput, error) {
	d, err := s.turnIngestion(c, aws.ToString(in.EventDataStore), types.EventDataStoreStatusStoppedIngestion)
	if err != nil {
		return nil, err
	}
	d.Stopped, d.Ingesting, d.Until = false, c.Now, noTime
	return &cloudtrail.StartEventDataStoreIngestionOutput{}, putDataStore(c.Tx, d)
}

func (s *Service) stopIngestion(c *api.Call, in *cloudtrail.StopEventDataStoreIngestionInput) (*cloudtrail.StopEventDataStoreIngestionOutput, error) {
	d, err := s.turnIngestion(c, aws.ToString(in.EventDataStore), types.EventDataStoreStatusEnabled)
	if err != nil {
		return nil, err
	}
	d.Stopped, d.Until = true, c.Now
	return &cloudtrail.StopEventDataStoreIngestionOutput{}, putDataStore(c.Tx, d)
}

// noTime is the zero time: nothing has happened.
var noTime time.Time

// lakeStream is the stream of an event data store's events.
func lakeStream(id string) string {
	return store.Key(courierScope.Account, courierScope.Region, "cloudtrail.lake", id)
}

// kept is added to the times of the records of event data stores. What is older
// than the event history goes back is removed from all streams alike; these keep
// their events for as long as they say, up to ten years.
const kept = 100 * 365 * 24 * time.Hour

// ingest puts an event that was recorded in an account and region into the event
// data stores that select it, in the transaction that records it.
func (s *Service) ingest(tx store.Tx, owner, account, region string, e Entry, seq uint64) error {
	raw, err := dataStoreTable.Raw(tx, scopeOf(owner), row)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	all, err := s.pools.get(raw, func() (*pool, error) { return newPool(raw) })
	if err != nil {
		return err
	}
	for i, d := range all.stores {
		if owner != account && !d.Organization || !d.takes(region, e) || !all.matchers[i].selects(e) {
			continue
		}
		err := tx.Append(lakeStream(d.ID), store.Record{At: e.Time.Add(kept), ID: fmt.Sprintf("%016x-%s-%s", seq, account, e.ID), Data: e.JSON})
		if err != nil {
			return err
		}
	}
	return nil
}

// takes reports whether the event data store is one of the region and was
// ingesting when the event happened.
func (d dataStore) takes(region string, e Entry) bool {
	switch {
	case d.Region != region && (!d.MultiRegion || partitionOf(region) != d.Partition), d.Ingesting.IsZero(), e.Time.Before(d.Ingesting):
		return false
	case !d.Until.IsZero() && e.Time.After(d.Until), !d.Deleted.IsZero() && e.Time.After(d.Deleted):
		return false
	}
	return true
}
