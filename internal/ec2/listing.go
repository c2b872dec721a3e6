package ec2

import (
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// filterTable maps the names of a Describe operation's filters to a row's
// values under them. A name whose function is nil is AWS's, but nothing here
// ever has a value for it (an Outpost's ARN): it matches no row.
type filterTable[T any] map[string]func(T) []string

func (t filterTable[T]) known(name string) bool {
	_, ok := t[name]
	return ok
}

// without adds the names of filters that match no row.
func (t filterTable[T]) without(names ...string) filterTable[T] {
	for _, name := range names {
		t[name] = nil
	}
	return t
}

func (t filterTable[T]) matches(filters []types.Filter, row T, tags map[string]string) (bool, error) {
	return matches(filters, func(name string) ([]string, bool) {
		if values, known := tagFilter(tags, name); known {
			return values, true
		}
		values, known := t[name]
		if values == nil {
			return nil, known
		}
		return values(row), true
	})
}

// listing is how the Describe operation of one kind of resource finds its rows.
type listing[T any] struct {
	table   *store.Table[T]
	kind    identifier
	id      func(T) string
	filters filterTable[T]
	pages   pageRule
	// missing words the error for ids that nothing has; nil takes the kind's.
	missing func(ids []string) error
}

// query is what a Describe request asks for.
type query struct {
	ids        []string
	filters    []types.Filter
	maxResults *int32
	token      *string
}

// tagged is a row with its tags.
type tagged[T any] struct {
	row  T
	tags map[string]string
}

// find returns the rows that a request wants, and the token to the next.
func (l listing[T]) find(c *api.Call, q query) ([]tagged[T], *string, error) {
	if err := l.pages.check(q.maxResults, q.ids); err != nil {
		return nil, nil, err
	}
	if err := checkFilters(q.filters, l.filters.known); err != nil {
		return nil, nil, err
	}
	rows, err := l.rows(c, q.ids)
	if err != nil {
		return nil, nil, err
	}
	var found []tagged[T]
	for _, row := range rows {
		tags, err := tagsOf(c, l.id(row))
		if err != nil {
			return nil, nil, err
		}
		ok, err := l.filters.matches(q.filters, row, tags)
		if err != nil {
			return nil, nil, err
		}
		if ok {
			found = append(found, tagged[T]{row, tags})
		}
	}
	return page(found, func(t tagged[T]) string { return l.id(t.row) }, l.pages, q.maxResults, q.token)
}

// rows returns the rows with those ids, or all, sorted by id.
func (l listing[T]) rows(c *api.Call, ids []string) ([]T, error) {
	var rows []T
	if len(ids) == 0 {
		for row, err := range l.table.All(c.Tx, c.Scope()) {
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
		return rows, nil
	}
	for _, id := range ids {
		if err := l.kind.check(id); err != nil {
			return nil, err
		}
	}
	var missing []string
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		row, err := l.table.Get(c.Tx, c.Scope(), id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			missing = append(missing, id)
		case err != nil:
			return nil, err
		default:
			rows = append(rows, row)
		}
	}
	if len(missing) > 0 && l.missing != nil {
		return nil, l.missing(missing)
	}
	if len(missing) > 0 {
		return nil, l.kind.notFoundAll(missing)
	}
	return rows, nil
}

// get returns one row, or the kind's error.
func (l listing[T]) get(c *api.Call, id string) (T, error) {
	var none T
	if err := l.kind.check(id); err != nil {
		return none, err
	}
	row, err := l.table.Get(c.Tx, c.Scope(), id)
	if errors.Is(err, store.ErrNotFound) {
		if l.missing != nil {
			return none, l.missing([]string{id})
		}
		return none, l.kind.notFound(id)
	}
	return row, err
}

// filterTime is a time as filters write it.
func filterTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
