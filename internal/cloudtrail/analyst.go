package cloudtrail

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// The bounds of a query are ours: AWS lets one run for an hour.
const (
	maxQueryTime   = time.Minute
	maxResultBytes = 256 << 20
)

// lookEvery is how often the analyst looks whether the query that it runs was
// cancelled.
const lookEvery = 100 * time.Millisecond

// trimEvery is how often what an event data store does not retain any longer is
// removed. Until then no query sees it.
const trimEvery = 24 * time.Hour

// Analyst runs the queries of event data stores and removes what is past its
// time. It belongs to one goroutine; one store has one analyst at a time.
type Analyst struct {
	service *Service
	store   store.Store
	now     func() time.Time
	log     *slog.Logger
}

// NewAnalyst returns an analyst for the event data stores in a store.
func (s *Service) NewAnalyst(st store.Store, now func() time.Time, log *slog.Logger) *Analyst {
	return &Analyst{service: s, store: st, now: now, log: log}
}

// Round runs the queries that are queued, the oldest first, and one that was
// running when the server stopped. It tells when something is due again; zero if
// nothing is. An error is one of the store's.
func (a *Analyst) Round(ctx context.Context) (next time.Time, err error) {
	open, due, err := a.open(ctx)
	if err != nil {
		return next, err
	}
	for _, q := range open {
		if err := a.run(ctx, q); err != nil {
			return next, err
		}
	}
	swept, err := a.sweep(ctx)
	if !swept.IsZero() && (due.IsZero() || swept.Before(due)) {
		due = swept
	}
	return due, err
}

// open are the queries that there is something to do for, the oldest first. Old
// ones go; due is when the next one does.
func (a *Analyst) open(ctx context.Context) (open []query, due time.Time, err error) {
	var old []lakeQuery
	var ids []string
	err = a.store.View(ctx, func(tx store.Tx) error {
		open, old, ids, due = nil, nil, nil, time.Time{}
		for row, err := range tx.Scan(LakePrefix, "") {
			if err != nil {
				return err
			}
			var k lakeQuery
			if err := json.Unmarshal(row.Value, &k); err != nil {
				return err
			}
			id := row.Key[len(LakePrefix):]
			ends := k.Created.Add(queryAge)
			if a.now().After(ends) && !k.Open {
				old, ids = append(old, k), append(ids, id)
				continue
			}
			if due.IsZero() || ends.Before(due) {
				due = ends
			}
			if !k.Open {
				continue
			}
			q, err := queryTable.Get(tx, store.Scope{Account: k.Account, Region: k.Region}, id)
			if err != nil {
				return err
			}
			open = append(open, q)
		}
		return nil
	})
	if err != nil {
		return nil, due, err
	}
	slices.SortFunc(open, func(x, y query) int { return strings.Compare(x.place(), y.place()) })
	for i, k := range old {
		if err := a.forget(ctx, ids[i], k); err != nil {
			return nil, due, err
		}
	}
	return open, due, nil
}

func (a *Analyst) forget(ctx context.Context, id string, k lakeQuery) error {
	return a.store.Update(ctx, func(tx store.Tx) error {
		if err := lakeQueryTable.Delete(tx, courierScope, id); err != nil {
			return err
		}
		if err := queryTable.Delete(tx, store.Scope{Account: k.Account, Region: k.Region}, id); err != nil {
			return err
		}
		return tx.TrimRecords(resultStream(id), farFuture)
	})
}

// change changes a query as it is in the store now; ok is false if it is not
// there, or change returns false.
func (a *Analyst) change(ctx context.Context, q *query, change func(store.Tx, *query) (bool, error)) (ok bool, err error) {
	err = a.store.Update(ctx, func(tx store.Tx) error {
		ok = false
		now, err := queryTable.Get(tx, q.scope(), q.ID)
		if errors.Is(err, store.ErrNotFound) { // everything was wiped meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		*q = now
		if ok, err = change(tx, q); err != nil || !ok {
			return err
		}
		return putQuery(tx, *q)
	})
	return ok, err
}

// run does what is to be done for a query: it is run, and its result delivered.
func (a *Analyst) run(ctx context.Context, q query) error {
	if !q.over() {
		began, err := a.change(ctx, &q, func(tx store.Tx, q *query) (bool, error) {
			if q.over() {
				return false, nil
			}
			q.Status, q.Began, q.Rows, q.Columns = types.QueryStatusRunning, a.now(), 0, nil
			return true, tx.TrimRecords(resultStream(q.ID), farFuture)
		})
		if err != nil {
			return err
		}
		if began {
			if err := a.answer(ctx, &q); err != nil {
				return err
			}
		}
	}
	if q.Status == types.QueryStatusFinished && q.Delivery == types.DeliveryStatusPending {
		status, err := a.deliver(ctx, q)
		if err != nil {
			return err
		}
		_, err = a.change(ctx, &q, func(_ store.Tx, q *query) (bool, error) { q.Delivery = status; return true, nil })
		if err != nil {
			return err
		}
	}
	return a.store.Update(ctx, func(tx store.Tx) error {
		k, err := lakeQueryTable.Get(tx, courierScope, q.ID)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		k.Open = false
		return lakeQueryTable.Put(tx, courierScope, q.ID, k)
	})
}

// errCancelled ends the run of a query that was cancelled, errLarge that of one
// whose result becomes too large.
var (
	errCancelled = errors.New("cloudtrail: query cancelled")
	errLarge     = errors.New("cloudtrail: result too large")
)

// answer runs the statement, keeps its rows and says how it ended.
func (a *Analyst) answer(ctx context.Context, q *query) error {
	began := time.Now()
	bounded, stop := context.WithTimeout(ctx, maxQueryTime)
	defer stop()
	bounded, cancel := context.WithCancelCause(bounded)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		a.watch(bounded, *q, cancel)
	}()
	result := resultWriter{analyst: a, query: *q}
	statistics, err := a.service.lake.Run(bounded, api.LakeRun{
		Statement: q.Statement, Now: q.Created,
		Events:  func(id string) iter.Seq2[[]byte, error] { return a.events(bounded, id, q.Created) },
		Columns: func(names []string) error { result.columns = names; return nil },
		Row:     func(values []*string) error { return result.add(bounded, values) },
	})
	if err == nil {
		err = result.flush(bounded)
	}
	cause := context.Cause(bounded)
	cancel(nil)
	<-watched
	if ctx.Err() != nil {
		// The server stops: the query is run again when it is back.
		return ctx.Err()
	}
	status, message := outcome(err, cause)
	if status == types.QueryStatusFailed && message == "" {
		a.log.Error("a query failed inside", "query", q.ID, "err", err)
		message = "Internal error."
	}
	_, err = a.change(ctx, q, func(tx store.Tx, q *query) (bool, error) {
		q.Took, q.Statistics = time.Since(began), statistics
		if !q.over() {
			q.Status, q.Error, q.Finished = status, message, a.now()
		}
		if q.Status == types.QueryStatusFinished {
			q.Columns, q.Rows = result.columns, result.rows
			return true, nil
		}
		if q.URI != "" && q.Delivery == types.DeliveryStatusPending {
			q.Delivery = types.DeliveryStatusFailed
		}
		return true, tx.TrimRecords(resultStream(q.ID), farFuture)
	})
	return err
}

// outcome is how a run that ended with an error is shown.
func outcome(err, cause error) (types.QueryStatus, string) {
	wrong := new(api.StatementError)
	switch {
	case errors.Is(cause, errCancelled):
		return types.QueryStatusCancelled, ""
	case err == nil:
		return types.QueryStatusFinished, ""
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(cause, context.DeadlineExceeded):
		return types.QueryStatusTimedOut, "Query timed out."
	case errors.Is(err, errLarge):
		return types.QueryStatusFailed, "Query exhausted resources at this scale factor"
	case errors.As(err, &wrong):
		return types.QueryStatusFailed, wrong.Message
	case errors.Is(err, api.ErrNoLake):
		return types.QueryStatusFailed, "This build of the server has no SQL engine."
	}
	return types.QueryStatusFailed, ""
}

// watch ends a run whose query was cancelled, or is no longer there.
func (a *Analyst) watch(ctx context.Context, q query, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		gone := false
		err := a.store.View(ctx, func(tx store.Tx) error {
			now, err := queryTable.Get(tx, q.scope(), q.ID)
			gone = errors.Is(err, store.ErrNotFound) || err == nil && now.over()
			return nil
		})
		if err == nil && gone {
			cancel(errCancelled)
			return
		}
	}
}

// events are those of an event data store that it still retains.
func (a *Analyst) events(ctx context.Context, id string, now time.Time) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		from, err := a.since(ctx, id, now)
		if err != nil {
			yield(nil, err)
			return
		}
		q := store.Query{From: from.Add(kept)}
		for {
			var page []store.Record
			err := a.store.View(ctx, func(tx store.Tx) error {
				page = page[:0]
				for r, err := range tx.Records(lakeStream(id), q) {
					if err != nil {
						return err
					}
					if page = append(page, r); len(page) == pageEvents {
						break
					}
				}
				return nil
			})
			if err != nil {
				yield(nil, err)
				return
			}
			for _, r := range page {
				if !yield(r.Data, nil) {
					return
				}
			}
			if len(page) < pageEvents {
				return
			}
			q.Before = page[len(page)-1]
		}
	}
}

func (a *Analyst) since(ctx context.Context, id string, now time.Time) (from time.Time, err error) {
	err = a.store.View(ctx, func(tx store.Tx) error {
		d, _, err := dataStoreByID(tx, id)
		from = d.retained(now)
		return err
	})
	return from, err
}

// dataStoreByID finds an event data store of any account.
func dataStoreByID(tx store.Tx, id string) (dataStore, lakeStore, error) {
	k, err := lakeStoreTable.Get(tx, courierScope, id)
	if err != nil {
		return dataStore{}, k, err
	}
	all, err := dataStoresOf(tx, k.Account)
	if err != nil {
		return dataStore{}, k, err
	}
	i := slices.IndexFunc(all.All, func(d dataStore) bool { return d.ID == id })
	if i < 0 {
		return dataStore{}, k, store.ErrNotFound
	}
	return all.All[i], k, nil
}

// lakeStorePrefix begins the keys of the rows that tell of event data stores.
var lakeStorePrefix = store.Key(courierScope.Account, courierScope.Region, "cloudtrail.lake.store") + "/"

// sweep removes deleted event data stores whose time to be restored is over, and
// events that are retained no longer. It tells when there will be more.
func (a *Analyst) sweep(ctx context.Context) (next time.Time, err error) {
	var gone, old []dataStore
	now := a.now()
	err = a.store.View(ctx, func(tx store.Tx) error {
		gone, old, next = nil, nil, time.Time{}
		for row, err := range tx.Scan(lakeStorePrefix, "") {
			if err != nil {
				return err
			}
			d, k, err := dataStoreByID(tx, row.Key[len(lakeStorePrefix):])
			if err != nil {
				return err
			}
			due := k.Trimmed.Add(trimEvery)
			if ends := d.Deleted.Add(deletionWait); !d.Deleted.IsZero() && !now.Before(ends) {
				gone = append(gone, d)
				continue
			} else if !d.Deleted.IsZero() && ends.Before(due) {
				due = ends
			}
			if !now.Before(due) {
				old = append(old, d)
				due = now.Add(trimEvery)
			}
			if next.IsZero() || due.Before(next) {
				next = due
			}
		}
		return nil
	})
	if err != nil || len(gone) == 0 && len(old) == 0 {
		return next, err
	}
	return next, a.store.Update(ctx, func(tx store.Tx) error {
		for _, d := range gone {
			if d, _, err := dataStoreByID(tx, d.ID); err != nil || d.Deleted.IsZero() {
				continue // restored meanwhile, or wiped
			}
			if err := eraseDataStore(tx, d); err != nil {
				return err
			}
		}
		for _, d := range old {
			if _, _, err := dataStoreByID(tx, d.ID); err != nil {
				continue
			}
			if err := tx.TrimRecords(lakeStream(d.ID), d.retained(now).Add(kept)); err != nil {
				return err
			}
			if err := lakeStoreTable.Put(tx, courierScope, d.ID, lakeStore{Account: d.Account, Trimmed: now}); err != nil {
				return err
			}
		}
		return nil
	})
}

// resultWriter keeps a result's rows, a page in a transaction.
type resultWriter struct {
	analyst *Analyst
	query   query
	columns []string
	page    [][]*string
	rows    int64
	pages   int64
	bytes   int
}

func (w *resultWriter) add(ctx context.Context, values []*string) error {
	for _, v := range values {
		if v != nil {
			w.bytes += len(*v)
		}
	}
	if w.bytes > maxResultBytes {
		return errLarge
	}
	w.page = append(w.page, values)
	w.rows++
	if len(w.page) == rowsPerPage {
		return w.flush(ctx)
	}
	return nil
}

func (w *resultWriter) flush(ctx context.Context) error {
	if len(w.page) == 0 {
		return nil
	}
	data, err := json.Marshal(w.page)
	if err != nil {
		return err
	}
	r := w.query.resultPage(w.pages)
	r.Data = data
	w.page, w.pages = nil, w.pages+1
	return w.analyst.store.Update(ctx, func(tx store.Tx) error { return tx.Append(resultStream(w.query.ID), r) })
}
