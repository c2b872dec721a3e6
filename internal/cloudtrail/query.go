package cloudtrail

import (
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

// maxQueries is how many queries of an account can be queued or running in a
// Region (CloudTrail guide, "Quotas in AWS CloudTrail").
const maxQueries = 10

// queryAge is how long a query and its results can be seen (API reference,
// "ListQueries": the past seven days).
const queryAge = 7 * 24 * time.Hour

// query is one query of an account and region.
type query struct {
	ID, Account, Partition, Region string
	Statement                      string
	// Stores are the ids of the event data stores that it reads, Owner the
	// account whose they are.
	Stores []string
	Owner  string
	// Bucket and Prefix are where its results go, and URI how that was said; empty
	// if they go nowhere.
	Bucket   string               `json:",omitempty"`
	Prefix   string               `json:",omitempty"`
	URI      string               `json:",omitempty"`
	Delivery types.DeliveryStatus `json:",omitempty"`

	Status   types.QueryStatus
	Created  time.Time
	Began    time.Time     `json:",omitzero"`
	Finished time.Time     `json:",omitzero"`
	Took     time.Duration `json:",omitempty"`
	Error    string        `json:",omitempty"`

	Columns []string `json:",omitempty"`
	// Rows and Pages are of the result: see resultStream.
	Rows       int64              `json:",omitempty"`
	Statistics api.LakeStatistics `json:",omitzero"`
}

var queryTable = store.NewTable[query]("cloudtrail.query")

func (q query) scope() store.Scope { return store.Scope{Account: q.Account, Region: q.Region} }

// over reports whether nothing more will happen to the query.
func (q query) over() bool {
	return q.Status != types.QueryStatusQueued && q.Status != types.QueryStatusRunning
}

// lakeQuery tells the analyst where a query is.
type lakeQuery struct {
	Account, Region string
	Created         time.Time
	// Open: it has yet to be run, or its result to be delivered.
	Open bool `json:",omitempty"`
}

var lakeQueryTable = store.NewTable[lakeQuery]("cloudtrail.lake.query")

// LakePrefix begins the keys of the rows that tell of queries to run; a commit
// that touches one wakes the analyst.
var LakePrefix = store.Key(courierScope.Account, courierScope.Region, "cloudtrail.lake.query") + "/"

func putQuery(tx store.Tx, q query) error { return queryTable.Put(tx, q.scope(), q.ID, q) }

func (s *Service) queryOperations() []api.Operation {
	return []api.Operation{
		api.Ahead(api.Op("StartQuery", s.startQueryNeeds, s.startQuery), s.prepareQuery),
		api.Op("CancelQuery", func(c *api.Call, in *cloudtrail.CancelQueryInput) ([]api.Need, error) {
			return s.queryNeeds(c, "CancelQuery", in.QueryId)
		}, s.cancelQuery),
		api.Read("DescribeQuery", func(c *api.Call, in *cloudtrail.DescribeQueryInput) ([]api.Need, error) {
			return s.queryNeeds(c, "DescribeQuery", in.QueryId)
		}, s.describeQuery),
		api.Read("ListQueries", onDataStore(s, "ListQueries", func(in *cloudtrail.ListQueriesInput) *string { return in.EventDataStore }), s.listQueries),
	}
}

// startQueryNeeds is the permission on every event data store that the statement
// reads; what cannot be read is refused afterwards.
func (s *Service) startQueryNeeds(c *api.Call, in *cloudtrail.StartQueryInput) ([]api.Need, error) {
	var needs []api.Need
	if checked := s.check(c.Context, aws.ToString(in.QueryStatement)); checked.err == nil {
		for _, id := range checked.Stores {
			n, err := s.dataStoreNeed(c, "StartQuery", id)
			if err != nil {
				return nil, err
			}
			needs = append(needs, n)
		}
	}
	if needs == nil {
		needs = []api.Need{{Action: "cloudtrail:StartQuery", Resource: dataStoreARN(c.Partition, c.Region, c.Account, "*")}}
	}
	return needs, nil
}

// queryNeeds is the permission on the event data stores of a query.
func (s *Service) queryNeeds(c *api.Call, action string, id *string) ([]api.Need, error) {
	q, err := queryTable.Get(c.Tx, c.Scope(), aws.ToString(id))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if err != nil {
		return []api.Need{{Action: "cloudtrail:" + action, Resource: dataStoreARN(c.Partition, c.Region, c.Account, "*")}}, nil
	}
	needs := make([]api.Need, 0, len(q.Stores))
	for _, id := range q.Stores {
		needs = append(needs, api.Need{Action: "cloudtrail:" + action, Resource: dataStoreARN(q.Partition, q.Region, q.Owner, id)})
	}
	return needs, nil
}

// startQuery queues a query; the analyst runs it.
func (s *Service) startQuery(c *api.Call, in *cloudtrail.StartQueryInput) (*cloudtrail.StartQueryOutput, error) {
	switch {
	case in.QueryAlias != nil || in.QueryParameters != nil:
		return nil, unsupported("QueryAlias and QueryParameters are not supported: there are no dashboards here.")
	case in.QueryStatement == nil:
		return nil, invalidParameter("QueryStatement is required.")
	}
	checked := s.check(c.Context, *in.QueryStatement)
	if checked.err != nil {
		return nil, statementError(checked.err)
	}
	if len(checked.Stores) == 0 {
		return nil, invalidStatement("A query must name an event data store in its FROM clause.")
	}
	q := query{
		ID: c.NewUUID(), Account: c.Account, Partition: c.Partition, Region: c.Region, Statement: *in.QueryStatement,
		Stores: checked.Stores, Status: types.QueryStatusQueued, Created: c.Now,
	}
	if err := s.checkQueried(c, &q, in.EventDataStoreOwnerAccountId); err != nil {
		return nil, err
	}
	if err := s.checkDelivery(&q, in.DeliveryS3Uri); err != nil {
		return nil, err
	}
	open := 0
	for o, err := range queryTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if !o.over() {
			open++
		}
	}
	if open >= maxQueries {
		return nil, &types.MaxConcurrentQueriesException{Message: aws.String(fmt.Sprintf("You are already running the maximum number of concurrent queries, %d.", maxQueries))}
	}
	if err := putQuery(c.Tx, q); err != nil {
		return nil, err
	}
	if err := lakeQueryTable.Put(c.Tx, courierScope, q.ID, lakeQuery{Account: q.Account, Region: q.Region, Created: q.Created, Open: true}); err != nil {
		return nil, err
	}
	out := &cloudtrail.StartQueryOutput{QueryId: &q.ID}
	if in.EventDataStoreOwnerAccountId != nil {
		out.EventDataStoreOwnerAccountId = &q.Owner
	}
	return out, nil
}

// checkQueried wants the event data stores of a query to be there for the caller,
// with their keys.
func (s *Service) checkQueried(c *api.Call, q *query, owner *string) error {
	for _, id := range q.Stores {
		d, err := s.activeDataStore(c, id)
		if err != nil {
			return err
		}
		if owner != nil && d.Account != *owner {
			return dataStoreNotFound(id)
		}
		q.Owner = d.Account
		if err := readsDataStore(c, d, true); err != nil {
			return err
		}
	}
	return nil
}

// findQuery returns the caller's query. Whatever else a request says of it must
// be so.
func (s *Service) findQuery(c *api.Call, id, eventDataStore, owner *string) (query, error) {
	q, err := queryTable.Get(c.Tx, c.Scope(), aws.ToString(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && c.Now.Sub(q.Created) > queryAge {
		return q, queryNotFound(aws.ToString(id))
	}
	if err != nil {
		return q, err
	}
	if eventDataStore != nil {
		d, err := s.findDataStore(c, *eventDataStore)
		if err != nil {
			return q, err
		}
		if !slices.Contains(q.Stores, d.ID) {
			return q, queryNotFound(q.ID)
		}
	}
	if owner != nil && *owner != q.Owner {
		return q, queryNotFound(q.ID)
	}
	return q, nil
}

func (s *Service) cancelQuery(c *api.Call, in *cloudtrail.CancelQueryInput) (*cloudtrail.CancelQueryOutput, error) {
	q, err := s.findQuery(c, in.QueryId, in.EventDataStore, in.EventDataStoreOwnerAccountId)
	if err != nil {
		return nil, err
	}
	if q.over() {
		return nil, &types.InactiveQueryException{Message: aws.String("The query cannot be canceled because it is in the " + string(q.Status) + " state.")}
	}
	q.Status, q.Finished = types.QueryStatusCancelled, c.Now
	if q.URI != "" {
		q.Delivery = types.DeliveryStatusCancelled
	}
	if err := putQuery(c.Tx, q); err != nil {
		return nil, err
	}
	out := &cloudtrail.CancelQueryOutput{QueryId: &q.ID, QueryStatus: q.Status}
	if in.EventDataStoreOwnerAccountId != nil {
		out.EventDataStoreOwnerAccountId = &q.Owner
	}
	return out, nil
}

func (s *Service) describeQuery(c *api.Call, in *cloudtrail.DescribeQueryInput) (*cloudtrail.DescribeQueryOutput, error) {
	switch {
	case in.QueryAlias != nil || in.RefreshId != nil:
		return nil, unsupported("QueryAlias and RefreshId are not supported: there are no dashboards here.")
	case in.QueryId == nil:
		return nil, invalidParameter("QueryId is required.")
	}
	q, err := s.findQuery(c, in.QueryId, in.EventDataStore, in.EventDataStoreOwnerAccountId)
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.DescribeQueryOutput{
		QueryId: &q.ID, QueryString: &q.Statement, QueryStatus: q.Status, ErrorMessage: textOrNil(q.Error),
		DeliveryS3Uri: textOrNil(q.URI), DeliveryStatus: q.Delivery,
		QueryStatistics: &types.QueryStatisticsForDescribeQuery{
			EventsMatched: &q.Statistics.EventsMatched, EventsScanned: &q.Statistics.EventsScanned, BytesScanned: &q.Statistics.BytesScanned,
			ExecutionTimeInMillis: aws.Int32(int32(q.Took.Milliseconds())), CreationTime: &q.Created,
		},
	}
	if in.EventDataStoreOwnerAccountId != nil {
		out.EventDataStoreOwnerAccountId = &q.Owner
	}
	return out, nil
}

// listQueries names the queries of an event data store in the past seven days,
// the newest first.
func (s *Service) listQueries(c *api.Call, in *cloudtrail.ListQueriesInput) (*cloudtrail.ListQueriesOutput, error) {
	d, err := s.activeDataStore(c, aws.ToString(in.EventDataStore))
	if err != nil {
		return nil, err
	}
	limit, err := listed(in.MaxResults)
	if err != nil {
		return nil, err
	}
	if in.StartTime != nil && in.EndTime != nil && in.StartTime.After(*in.EndTime) {
		return nil, &types.InvalidDateRangeException{Message: aws.String("Start time should be before end time.")}
	}
	var all []query
	for q, err := range queryTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		switch {
		case !slices.Contains(q.Stores, d.ID), in.QueryStatus != "" && q.Status != in.QueryStatus, c.Now.Sub(q.Created) > queryAge,
			in.StartTime != nil && q.Created.Before(*in.StartTime), in.EndTime != nil && q.Created.After(*in.EndTime):
		default:
			all = append(all, q)
		}
	}
	slices.SortFunc(all, func(a, b query) int { return strings.Compare(b.place(), a.place()) })
	from := ""
	if in.NextToken != nil {
		if from, err = readToken(*in.NextToken, "q/"); err != nil {
			return nil, err
		}
	}
	out := &cloudtrail.ListQueriesOutput{Queries: []types.Query{}}
	for _, q := range all {
		if from != "" && q.place() > from {
			continue
		}
		if len(out.Queries) == limit {
			out.NextToken = aws.String(newToken(q.place()))
			break
		}
		out.Queries = append(out.Queries, types.Query{QueryId: aws.String(q.ID), QueryStatus: q.Status, CreationTime: aws.Time(q.Created)})
	}
	return out, nil
}

// place orders queries by their time.
func (q query) place() string { return fmt.Sprintf("q/%020d/%s", q.Created.UnixMicro(), q.ID) }
