package bench

import (
	"testing"

	"github.com/cedar-policy/cedar-go"

	"github.com/keyturn/keyturn/access"
)

// TestEnginesAgree: what is compared for speed is the same for content.
func TestEnginesAgree(t *testing.T) {
	t.Parallel()
	for _, q := range questions() {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			r, p, err := q.keyturn()
			if err != nil {
				t.Fatal(err)
			}
			set, entities, request, err := q.cedar()
			if err != nil {
				t.Fatal(err)
			}
			if d := access.Decide(r, p); d.Allowed() != q.allowed {
				t.Errorf("keyturn: %s", d.Explain())
			}
			if o := access.Check(&r, &p); (o == access.Allowed) != q.allowed {
				t.Errorf("keyturn without reasons: %s", o)
			}
			if d, why := cedar.Authorize(set, entities, request); bool(d) != q.allowed || len(why.Errors) > 0 {
				t.Errorf("cedar: %v %+v", d, why)
			}
			// The condition counts in both: without its key nobody is allowed.
			r.Context = access.Context{}
			request.Context = cedar.NewRecord(nil)
			if access.Check(&r, &p) == access.Allowed {
				t.Error("keyturn: allowed without the condition's key")
			}
			if d, why := cedar.Authorize(set, entities, request); bool(d) || len(why.Errors) > 0 {
				t.Errorf("cedar: without the condition's key %v %+v", d, why)
			}
		})
	}
}

// BenchmarkDecide is for benchstat -col /engine (see run). Policies are parsed and
// compiled beforehand, and the request is made.
func BenchmarkDecide(b *testing.B) {
	for _, q := range questions() {
		r, p, err := q.keyturn()
		if err != nil {
			b.Fatal(err)
		}
		set, entities, request, err := q.cedar()
		if err != nil {
			b.Fatal(err)
		}
		name := "question=" + q.name + "/engine="
		b.Run(name+"keyturn", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if (access.Check(&r, &p) == access.Allowed) != q.allowed {
					b.Fatal("wrong")
				}
			}
		})
		b.Run(name+"keyturn-reasons", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if access.Decide(r, p).Allowed() != q.allowed {
					b.Fatal("wrong")
				}
			}
		})
		b.Run(name+"cedar-go", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d, _ := cedar.Authorize(set, entities, request); bool(d) != q.allowed {
					b.Fatal("wrong")
				}
			}
		})
	}
}
