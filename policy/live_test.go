package policy_test

import (
	"runtime"
	"testing"

	"github.com/keyturn/keyturn/internal/iam/managed"
	"github.com/keyturn/keyturn/policy"
)

func BenchmarkLoadAWSManagedPolicies(b *testing.B) {
	var live, before uint64
	for b.Loop() {
		b.StopTimer()
		before = heap()
		b.StartTimer()
		var all []*policy.Policy
		for m := range managed.All() {
			v, _ := m.Version(m.Default)
			p, err := policy.Parse([]byte(v.Document()))
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, p)
		}
		b.StopTimer()
		live = heap() - before
		runtime.KeepAlive(all)
		b.ReportMetric(float64(len(all)), "policies")
		b.StartTimer()
	}
	b.ReportMetric(float64(live)/(1<<20), "MiB-live")
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
