package access_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/access"
)

// TestExact: a decision depends if, and only if, there are values of the unknown
// keys that allow and others that deny; what is missing is what matters for
// some values of the rest; and what settles it does. The worlds are tried one
// by one.
func TestExact(t *testing.T) {
	t.Parallel()
	// What conditions of drawStatement tell apart, and more.
	possible := [][]string{nil, {"1"}, {"2"}, {"3"}, {"12"}, {"1*"}, {""}}
	rapid.Check(t, func(r *rapid.T) {
		w := drawWorld(r)
		p := w.policies(t)
		var unknown []string
		for _, key := range []string{"x:a", "x:b"} {
			if _, _, u := w.request.Context.Get(key); u {
				unknown = append(unknown, key)
			}
		}
		outcomes := make(map[[2]int]bool)
		for i := range possible {
			for j := range possible {
				outcomes[[2]int{i, j}] = access.Check(in(w.request, unknown, possible, i, j), &p) == access.Allowed
			}
		}
		d := access.Decide(w.request, p)
		if got := access.Check(&w.request, &p); got != d.Outcome {
			r.Fatalf("Check says %s, Decide %s", got, d.Outcome)
		}
		var allowed, denied bool
		for _, o := range outcomes {
			allowed, denied = allowed || o, denied || !o
		}
		if (d.Outcome == access.Depends) != (allowed && denied) || d.Outcome == access.Allowed && !allowed {
			r.Fatalf("allowed in some worlds: %v, denied in some: %v\n%s", allowed, denied, d.Explain())
		}
		if d.Outcome != access.Depends {
			return
		}
		if diff := cmp.Diff(mattering(unknown, outcomes, len(possible)), sorted(d.Missing)); diff != "" {
			r.Fatalf("missing: %s\n%s", diff, d.Explain())
		}
		for _, s := range d.Settle {
			for _, a := range s.Allow {
				checkSettled(r, p, in(w.request, []string{s.Key}, [][]string{a.Values}, 0, 0), access.Allowed, d)
			}
			for _, a := range s.Deny {
				checkSettled(r, p, in(w.request, []string{s.Key}, [][]string{a.Values}, 0, 0), access.ImplicitDeny, d)
			}
		}
	})
}

func checkSettled(r *rapid.T, p access.Policies, request *access.Request, want access.Outcome, d access.Decision) {
	got := access.Check(request, &p)
	if got == access.Depends || (got == access.Allowed) != (want == access.Allowed) {
		r.Fatalf("settled, it is %s and not %s\n%s", got, want, d.Explain())
	}
}

// in is the request with the unknown keys settled: the first to the i-th of the
// possible values, the second to the j-th.
func in(r access.Request, unknown []string, possible [][]string, i, j int) *access.Request {
	var c access.Context
	for key, values := range r.Context.All() {
		c.Set(key, values...)
	}
	for _, key := range []string{"x:a", "x:b"} {
		_, _, u := r.Context.Get(key)
		at := slices.Index(unknown, key)
		switch values := possible[[]int{i, j}[max(0, min(1, at))]]; {
		case at >= 0 && values != nil:
			c.Set(key, values...)
		case at < 0 && u:
			c.SetUnknown(key)
		}
	}
	r.Context = c
	return &r
}

// mattering are the keys that change the outcome for some value of the other.
func mattering(unknown []string, outcomes map[[2]int]bool, n int) []string {
	var list []string
	for at, key := range unknown {
		matters := false
		for i := range n {
			for j := range n {
				for k := range n {
					a, b := [2]int{i, j}, [2]int{i, k}
					if at == 0 {
						a, b = [2]int{j, i}, [2]int{k, i}
					}
					matters = matters || outcomes[a] != outcomes[b]
				}
			}
		}
		if matters {
			list = append(list, key)
		}
	}
	return list
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}
