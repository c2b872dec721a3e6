package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/internal/store"
)

// model is what a store should be, as plainly as it can be said.
type model struct {
	rows    map[string]string
	records map[recordID]string
}

type recordID struct {
	stream string
	second int
	id     string
}

func (m model) clone() model {
	return model{maps.Clone(m.rows), maps.Clone(m.records)}
}

func (m model) scan(prefix, from string) []string {
	list := []string{}
	for _, k := range slices.Sorted(maps.Keys(m.rows)) {
		if strings.HasPrefix(k, prefix) && k >= from {
			list = append(list, k, m.rows[k])
		}
	}
	return list
}

func (m model) list(stream string) []string {
	var of []recordID
	for id := range m.records {
		if id.stream == stream {
			of = append(of, id)
		}
	}
	slices.SortFunc(of, func(a, b recordID) int {
		return cmp.Or(cmp.Compare(b.second, a.second), strings.Compare(b.id, a.id))
	})
	list := []string{}
	for _, id := range of {
		list = append(list, fmt.Sprint(id.second, id.id, m.records[id]))
	}
	return list
}

var (
	keys    = rapid.SampledFrom([]string{"a", "a/1", "a/10", "a/2", "a%2F1", "b", "b/1", "c", "\xff"})
	streams = rapid.SampledFrom([]string{"s", "st", "t"})
	seconds = rapid.IntRange(0, 9)
)

// step does one random thing to the store and the model alike and compares
// what they answer.
func step(t *rapid.T, tx store.Tx, m model) {
	switch rapid.IntRange(0, 6).Draw(t, "step") {
	case 0, 1:
		key, value := keys.Draw(t, "key"), rapid.StringN(0, 3, -1).Draw(t, "value")
		m.rows[key] = value
		ok(t, tx.Put(key, []byte(value)))
	case 2:
		key := keys.Draw(t, "key")
		delete(m.rows, key)
		ok(t, tx.Delete(key))
	case 3, 4:
		stream, second, id := streams.Draw(t, "stream"), seconds.Draw(t, "second"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "id")
		data := rapid.StringN(0, 3, -1).Draw(t, "data")
		m.records[recordID{stream, second, id}] = data
		ok(t, tx.Append(stream, store.Record{At: start.Add(time.Duration(second) * time.Second), ID: id, Data: []byte(data)}))
	case 5:
		stream, second := rapid.SampledFrom([]string{"s", "t", ""}).Draw(t, "stream"), seconds.Draw(t, "second")
		maps.DeleteFunc(m.records, func(id recordID, _ string) bool {
			return (stream == "" || id.stream == stream) && id.second < second
		})
		ok(t, tx.TrimRecords(stream, start.Add(time.Duration(second)*time.Second)))
	case 6:
		same(t, tx, m, rapid.SampledFrom([]string{"", "a", "a/", "b", "z"}).Draw(t, "prefix"), keys.Draw(t, "from"))
	}
}

func ok(t *rapid.T, err error) {
	if err != nil {
		t.Fatalf("failed: %v", err)
	}
}

func same(t *rapid.T, tx store.Tx, m model, prefix, from string) {
	got := []string{}
	for row, err := range tx.Scan(prefix, from) {
		ok(t, err)
		got = append(got, row.Key, string(row.Value))
	}
	if diff := gocmp.Diff(m.scan(prefix, from), got); diff != "" {
		t.Fatalf("scan of %q from %q: %s", prefix, from, diff)
	}
	for _, stream := range []string{"s", "st", "t"} {
		got := []string{}
		for r, err := range tx.Records(stream, store.Query{}) {
			ok(t, err)
			got = append(got, fmt.Sprint(int(r.At.Sub(start).Seconds()), r.ID, string(r.Data)))
		}
		if diff := gocmp.Diff(m.list(stream), got); diff != "" {
			t.Fatalf("records of %s: %s", stream, diff)
		}
	}
}

// testMachine runs random transactions, some of which fail, on one store that
// is reopened at times, and on a model.
func testMachine(t *testing.T, e Engine) {
	s := e.Open(t)
	defer func() { closeStore(t, s) }()
	m := model{make(map[string]string), make(map[recordID]string)}
	failed := errors.New("failed")
	rapid.Check(t, func(rt *rapid.T) {
		if e.Reopen != nil && rapid.IntRange(0, 9).Draw(rt, "reopen") == 0 {
			s = e.Reopen(t, s)
		}
		for range rapid.IntRange(1, 4).Draw(rt, "transactions") {
			after := m.clone()
			fail := rapid.IntRange(0, 3).Draw(rt, "fail") == 0
			err := s.Update(context.Background(), func(tx store.Tx) error {
				for range rapid.IntRange(0, 8).Draw(rt, "steps") {
					step(rt, tx, after)
				}
				if fail {
					return failed
				}
				return nil
			})
			if fail != errors.Is(err, failed) || !fail && err != nil {
				rt.Fatalf("Update gave %v", err)
			}
			if !fail {
				m = after
			}
			ok(rt, s.View(context.Background(), func(tx store.Tx) error {
				same(rt, tx, m, "", "")
				return nil
			}))
		}
	})
}
