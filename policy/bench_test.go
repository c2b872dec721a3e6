package policy_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/keyturn/keyturn/internal/iam/managed"
	"github.com/keyturn/keyturn/policy"
)

// BenchmarkParse reads and compiles documents of ordinary sizes.
func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"AdministratorAccess", "AmazonEC2FullAccess", "ReadOnlyAccess"} {
		m, ok := managed.Lookup(name)
		if !ok {
			b.Fatalf("AWS publishes no %s", name)
		}
		v, _ := m.Version(m.Default)
		text := []byte(v.Document())
		b.Run(fmt.Sprintf("policy=%s/bytes=%d", name, len(text)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := policy.Parse(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkParseAWSManagedPolicies reads and compiles the default version of
// every policy that AWS publishes, with its texts at hand.
func BenchmarkParseAWSManagedPolicies(b *testing.B) {
	var texts [][]byte
	for m := range managed.All() {
		if v, ok := m.Version(m.Default); ok {
			texts = append(texts, []byte(v.Document()))
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, text := range texts {
			if _, err := policy.Parse(text); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkLoadAWSManagedPolicies does the same from the compressed texts in the
// binary, and reports how much memory the compiled policies hold.
func BenchmarkLoadAWSManagedPolicies(b *testing.B) {
	load := func() []*policy.Policy {
		var all []*policy.Policy
		for m := range managed.All() {
			v, _ := m.Version(m.Default)
			p, err := policy.Parse([]byte(v.Document()))
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, p)
		}
		return all
	}
	before := liveHeap()
	all := load()
	live := liveHeap() - before
	count := len(all)
	runtime.KeepAlive(all)
	b.ReportAllocs()
	for b.Loop() {
		load()
	}
	b.ReportMetric(float64(count), "policies")
	b.ReportMetric(float64(live)/(1<<20), "MiB-live")
}

// liveHeap is what is in use, in bytes, after all garbage is gone.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
