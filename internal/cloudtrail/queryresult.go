package cloudtrail

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// A query's result is a stream of pages of rows. rowsPerPage is ours.
const rowsPerPage = 200

func resultStream(id string) string {
	return store.Key(courierScope.Account, courierScope.Region, "cloudtrail.result", id)
}

// resultPage is the record of a page: descending, as records are read, the first
// page comes first.
func (q query) resultPage(n int64) store.Record {
	return store.Record{At: q.Created, ID: fmt.Sprintf("%016x", math.MaxInt64-n)}
}

// results yields a result's rows from the given one on, until yield returns false.
func (q query) results(tx store.Tx, from int64, yield func(row []*string) bool) error {
	at := store.Query{}
	if page := from / rowsPerPage; page > 0 {
		at.Before = q.resultPage(page - 1)
	}
	skip := from % rowsPerPage
	for r, err := range tx.Records(resultStream(q.ID), at) {
		if err != nil {
			return err
		}
		var rows [][]*string
		if err := json.Unmarshal(r.Data, &rows); err != nil {
			return fmt.Errorf("cloudtrail: result of query %s: %w", q.ID, err)
		}
		for _, values := range rows {
			if skip > 0 {
				skip--
				continue
			}
			if !yield(values) {
				return nil
			}
		}
	}
	return nil
}

func (s *Service) queryResultOperations() []api.Operation {
	return []api.Operation{
		api.Read("GetQueryResults", func(c *api.Call, in *cloudtrail.GetQueryResultsInput) ([]api.Need, error) {
			return s.queryNeeds(c, "GetQueryResults", in.QueryId)
		}, s.getQueryResults),
	}
}

// getQueryResults gives a page of rows; a value that is NULL has no entry.
func (s *Service) getQueryResults(c *api.Call, in *cloudtrail.GetQueryResultsInput) (*cloudtrail.GetQueryResultsOutput, error) {
	limit, err := listed(in.MaxQueryResults)
	if err != nil {
		return nil, err
	}
	q, err := s.findQuery(c, in.QueryId, in.EventDataStore, in.EventDataStoreOwnerAccountId)
	if err != nil {
		return nil, err
	}
	from, err := q.position(in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.GetQueryResultsOutput{
		QueryStatus: q.Status, ErrorMessage: textOrNil(q.Error), QueryResultRows: [][]map[string]string{},
		QueryStatistics: &types.QueryStatistics{TotalResultsCount: aws.Int32(int32(min(q.Rows, math.MaxInt32))), BytesScanned: &q.Statistics.BytesScanned},
	}
	if q.Status == types.QueryStatusFinished {
		if err := s.readsQueried(c, q); err != nil {
			return nil, err
		}
		err := q.results(c.Tx, from, func(values []*string) bool {
			if len(out.QueryResultRows) == limit {
				return false
			}
			out.QueryResultRows = append(out.QueryResultRows, q.resultRow(values))
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	out.QueryStatistics.ResultsCount = aws.Int32(int32(len(out.QueryResultRows)))
	if next := from + int64(len(out.QueryResultRows)); next < q.Rows {
		out.NextToken = aws.String(newToken(q.ID + "/" + strconv.FormatInt(next, 10)))
	}
	return out, nil
}

// readsQueried asks for the keys of what a query has read. A store that has gone
// since has none.
func (s *Service) readsQueried(c *api.Call, q query) error {
	all, err := s.dataStoresFor(c.Tx, c.Account, c.Region)
	if err != nil {
		return err
	}
	for _, d := range all {
		for _, id := range q.Stores {
			if d.ID == id {
				if err := readsDataStore(c, d, false); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// position is the row that a token says.
func (q query) position(token *string) (int64, error) {
	if token == nil {
		return 0, nil
	}
	text, err := readToken(*token, q.ID+"/")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(text, q.ID+"/"), 10, 64)
	if err != nil || n < 0 {
		return 0, invalidToken()
	}
	return n, nil
}

func (q query) resultRow(values []*string) []map[string]string {
	row := make([]map[string]string, 0, len(values))
	for i, v := range values {
		cell := map[string]string{}
		if v != nil && i < len(q.Columns) {
			cell[q.Columns[i]] = *v
		}
		row = append(row, cell)
	}
	return row
}
