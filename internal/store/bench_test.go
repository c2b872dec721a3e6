package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/store"
)

// benchEngines runs a benchmark on each engine, with 10,000 rows in it.
func benchEngines(b *testing.B, run func(b *testing.B, s store.Store)) {
	for _, e := range []struct {
		name string
		open func() store.Store
	}{
		{"memory", store.Memory},
		{"file", func() store.Store { return openFile(b, b.TempDir()) }},
	} {
		b.Run(e.name, func(b *testing.B) {
			s := e.open()
			err := s.Update(context.Background(), func(tx store.Tx) error {
				var err error
				for i := range 10_000 {
					err = errors.Join(err, tx.Put(benchKey(i), benchValue))
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			run(b, s)
		})
	}
}

func benchKey(i int) string {
	return store.Key("123456789012", "us-east-1", "test.row", fmt.Sprintf("row-%017x", i))
}

var benchValue = []byte(strings.Repeat("v", 600))

func BenchmarkViewGet(b *testing.B) {
	benchEngines(b, func(b *testing.B, s store.Store) {
		b.RunParallel(func(pb *testing.PB) {
			key := benchKey(4711)
			for pb.Next() {
				err := s.View(context.Background(), func(tx store.Tx) error {
					_, err := tx.Get(key)
					return err
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func BenchmarkUpdateOneRow(b *testing.B) {
	benchEngines(b, func(b *testing.B, s store.Store) {
		var next atomic.Int64
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				key := benchKey(int(next.Add(1)) % 10_000)
				if err := s.Update(context.Background(), func(tx store.Tx) error { return tx.Put(key, benchValue) }); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkAppend appends 500 records of 1,200 bytes in one update.
func BenchmarkAppend(b *testing.B) {
	data := []byte(strings.Repeat("e", 1200))
	benchEngines(b, func(b *testing.B, s store.Store) {
		n := 0
		for b.Loop() {
			err := s.Update(context.Background(), func(tx store.Tx) error {
				for range 500 {
					n++
					r := store.Record{At: crashTime.Add(time.Duration(n) * time.Microsecond), ID: fmt.Sprintf("%036d", n), Data: data}
					if err := tx.Append("123456789012/us-east-1/events", r); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(500*b.N)/b.Elapsed().Seconds(), "records/s")
	})
}

// BenchmarkOpen opens a store of 10,000 rows, and an empty one.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("%d rows", n), func(b *testing.B) {
			dir := b.TempDir()
			s := openFile(b, dir)
			err := s.Update(context.Background(), func(tx store.Tx) error {
				var err error
				for i := range n {
					err = errors.Join(err, tx.Put(benchKey(i), benchValue))
				}
				return err
			})
			if err := errors.Join(err, s.Close()); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s, err := store.Open(dir)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
