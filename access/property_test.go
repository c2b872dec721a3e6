package access_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// world is a random request and everything that bears on it, still as texts so
// that a test can change them.
type world struct {
	request                              access.Request
	identity, boundary, session          [][]string // documents of statements; nil: none
	resource                             []string
	kind                                 access.ResourceKind
	scp, rcp                             [][]string
	endpoint                             []string
	grants                               []access.Grant
	hasBoundary, hasSession, hasResource bool
	hasEndpoint                          bool
}

func (w *world) policies(t testing.TB) access.Policies {
	p := access.Policies{Grants: w.grants, HasSession: w.hasSession}
	for _, s := range w.identity {
		p.Identity = append(p.Identity, doc(t, "identity", s...))
	}
	if w.hasBoundary {
		d := doc(t, "boundary", w.boundary[0]...)
		p.Boundary = &d
	}
	if w.hasSession {
		for _, s := range w.session {
			p.Session = append(p.Session, doc(t, "session", s...))
		}
	}
	if w.hasResource {
		p.Resource = &access.ResourcePolicy{Kind: w.kind, Document: doc(t, "resource", w.resource...)}
	}
	for _, s := range w.scp {
		p.ServiceControl = append(p.ServiceControl, []access.Document{doc(t, "SCP", s...)})
	}
	for _, s := range w.rcp {
		p.ResourceControl = append(p.ResourceControl, []access.Document{doc(t, "RCP", s...)})
	}
	if w.hasEndpoint {
		d := doc(t, "endpoint", w.endpoint...)
		p.Endpoint = &d
	}
	return p
}

// drawStatement writes a statement that often bears on the request.
func drawStatement(t *rapid.T, effects, principals []string) string {
	s := map[string]any{
		"Effect":   rapid.SampledFrom(effects).Draw(t, "effect"),
		"Action":   rapid.SampledFrom([]string{"*", "kms:*", "kms:Decrypt", "ec2:*"}).Draw(t, "action"),
		"Resource": rapid.SampledFrom([]string{"*", "*", keyARN, "arn:aws:kms:*:210987654321:key/*"}).Draw(t, "resource"),
	}
	if len(principals) > 0 {
		s["Principal"] = json.RawMessage(rapid.SampledFrom(principals).Draw(t, "principal"))
	}
	if rapid.IntRange(0, 2).Draw(t, "condition") == 0 {
		s["Condition"] = map[string]any{
			rapid.SampledFrom([]string{"StringEquals", "StringNotEquals", "StringEqualsIfExists", "StringLike", "StringNotLike"}).Draw(t, "operator"): map[string]string{
				rapid.SampledFrom([]string{"x:a", "x:b"}).Draw(t, "key"): rapid.SampledFrom([]string{"1", "2", "1*"}).Draw(t, "value"),
			},
		}
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	bothEffects  = []string{"Allow", "Allow", "Allow", "Deny"}
	allPrincipal = []string{
		`"*"`, aws(account), aws(other), aws("arn:aws:iam::123456789012:root"), aws(roleARN), aws(sessARN),
		aws("arn:aws:iam::123456789012:user/test"), `{"Service":"ec2.eu-west-1.amazonaws.com"}`,
		aws("arn:aws:sts::123456789012:federated-user/f"),
	}
	everybody = []func() access.Principal{
		func() access.Principal { return user("test") }, root, session, infrastructure, federated, serviceLinked, ec2Service,
		func() access.Principal { return access.Principal{Type: access.Anonymous} },
	}
)

func drawWorld(t *rapid.T) world {
	statements := func(name string, principals []string) []string {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawStatement(t, bothEffects, principals) }), 0, 3).Draw(t, name)
	}
	documents := func(name string) [][]string {
		var out [][]string
		for range rapid.IntRange(1, 2).Draw(t, name) {
			out = append(out, statements(name, nil))
		}
		return out
	}
	w := world{
		request: access.Request{
			Principal: rapid.SampledFrom(everybody).Draw(t, "who")(), Action: "kms:Decrypt", Resource: keyARN,
			ResourceAccount: rapid.SampledFrom([]string{account, account, other}).Draw(t, "owner"),
		},
		identity: documents("identity"), boundary: documents("boundary"), session: documents("session"),
		resource: statements("resource", allPrincipal), endpoint: statements("endpoint", []string{`"*"`, aws(account)}),
		kind:        rapid.SampledFrom([]access.ResourceKind{access.OrdinaryResource, access.KMSKey, access.KMSKey, access.RoleTrust}).Draw(t, "kind"),
		hasBoundary: rapid.IntRange(0, 2).Draw(t, "has boundary") == 0,
		hasSession:  rapid.IntRange(0, 2).Draw(t, "has session") == 0,
		hasResource: rapid.IntRange(0, 3).Draw(t, "has resource") > 0,
		hasEndpoint: rapid.IntRange(0, 5).Draw(t, "has endpoint") == 0,
	}
	if rapid.IntRange(0, 3).Draw(t, "in an organization") == 0 {
		w.scp = documents("scp")
		w.rcp = [][]string{statements("rcp", []string{`"*"`})}
	}
	if rapid.IntRange(0, 3).Draw(t, "granted") == 0 {
		w.grants = []access.Grant{{
			ID: "0123", Operations: []string{rapid.SampledFrom([]string{"Decrypt", "Encrypt"}).Draw(t, "granted operation")},
			Grantee: rapid.SampledFrom([]string{user("test").ARN, roleARN, infrastructure().ARN, "ec2.eu-west-1.amazonaws.com"}).Draw(t, "grantee"),
		}}
	}
	for _, key := range []string{"x:a", "x:b"} {
		switch rapid.IntRange(0, 3).Draw(t, key) {
		case 0:
			w.request.Context.SetUnknown(key)
		case 1:
			w.request.Context.Set(key, "1")
		case 2:
			w.request.Context.Set(key, "2")
		}
	}
	return w
}

func level(o access.Outcome) int {
	switch o {
	case access.Allowed:
		return 2
	case access.Depends:
		return 1
	}
	return 0
}

func TestCheckIsDecide(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := drawWorld(r)
		p := w.policies(t)
		if d := access.Decide(w.request, p); access.Check(&w.request, &p) != d.Outcome {
			r.Fatalf("Check says %s\n%s", access.Check(&w.request, &p), d.Explain())
		}
	})
}

func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := drawWorld(r)
		before := access.Decide(w.request, w.policies(t))
		for _, s := range slices.Concat(w.identity, w.boundary, w.session, [][]string{w.resource, w.endpoint}) {
			slices.Reverse(s)
		}
		slices.Reverse(w.identity)
		slices.Reverse(w.session)
		after := access.Decide(w.request, w.policies(t))
		less := func(a, b string) bool { return a < b }
		if before.Outcome != after.Outcome || before.Layer != after.Layer || before.Message() != after.Message() ||
			!cmp.Equal(before.Missing, after.Missing, cmpopts.SortSlices(less)) {
			r.Fatalf("before:\n%s\nafter:\n%s", before.Explain(), after.Explain())
		}
	})
}

// TestStatementsOnlyMoveOneWay: a Deny more never allows, an Allow more never
// denies, wherever it stands.
func TestStatementsOnlyMoveOneWay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := drawWorld(r)
		before := access.Decide(w.request, w.policies(t))
		effect := rapid.SampledFrom([]string{"Allow", "Deny"}).Draw(r, "added effect")
		switch rapid.IntRange(0, 6).Draw(r, "where") {
		case 0:
			w.identity[0] = append(w.identity[0], drawStatement(r, []string{effect}, nil))
		case 1:
			w.boundary[0] = append(w.boundary[0], drawStatement(r, []string{effect}, nil))
		case 2:
			w.session[0] = append(w.session[0], drawStatement(r, []string{effect}, nil))
		case 3:
			w.resource = append(w.resource, drawStatement(r, []string{effect}, allPrincipal))
		case 4:
			w.endpoint = append(w.endpoint, drawStatement(r, []string{effect}, []string{`"*"`}))
		case 5:
			if len(w.scp) > 0 {
				w.scp[0] = append(w.scp[0], drawStatement(r, []string{effect}, nil))
			}
		case 6:
			if len(w.rcp) > 0 {
				w.rcp[0] = append(w.rcp[0], drawStatement(r, []string{effect}, []string{`"*"`}))
			}
		}
		after := access.Decide(w.request, w.policies(t))
		if a, b := level(after.Outcome), level(before.Outcome); effect == "Allow" && a < b || effect == "Deny" && a > b {
			r.Fatalf("with one more %s, before:\n%s\nafter:\n%s", effect, before.Explain(), after.Explain())
		}
	})
}

// TestUnknownsAreHonest: what is decided without a key stays so whatever the
// key turns out to be, and what depends names the keys that settle it.
func TestUnknownsAreHonest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := drawWorld(r)
		p := w.policies(t)
		d := access.Decide(w.request, p)
		if (d.Outcome == access.Depends) != (len(d.Missing) > 0) {
			r.Fatalf("%s with %v missing", d.Outcome, d.Missing)
		}
		settled := access.Request{Principal: w.request.Principal, Action: w.request.Action, Resource: w.request.Resource, ResourceAccount: w.request.ResourceAccount}
		for _, key := range []string{"x:a", "x:b"} {
			values, present, unknown := w.request.Context.Get(key)
			value := rapid.SampledFrom([]string{"", "1", "2", "3"}).Draw(r, "value of "+key)
			switch {
			case present:
				settled.Context.Set(key, values...)
			case unknown && d.Outcome == access.Depends && !slices.Contains(d.Missing, key):
				// Nobody asked for it: it may stay unknown.
				settled.Context.SetUnknown(key)
			case unknown && value != "":
				settled.Context.Set(key, value)
			}
		}
		after := access.Decide(settled, p)
		switch {
		case after.Outcome == access.Depends && d.Outcome != access.Depends, d.Outcome != access.Depends && after.Allowed() != d.Allowed():
			r.Fatalf("unknown:\n%s\nknown:\n%s", d.Explain(), after.Explain())
		}
	})
}

// TestReasonsAgreeWithTheOutcome: who allows or denies is among the reasons.
func TestReasonsAgreeWithTheOutcome(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := drawWorld(r)
		d := access.Decide(w.request, w.policies(t))
		switch {
		case d.Outcome == access.ExplicitDeny && (d.By == nil || d.By.Effect != policy.Deny || !d.By.Match || d.By.Layer != d.Layer):
			r.Fatalf("denied by %+v\n%s", d.By, d.Explain())
		case d.Outcome == access.Allowed && d.By == nil && w.request.Principal.Type != access.Root:
			r.Fatalf("allowed by nobody\n%s", d.Explain())
		case d.Outcome == access.Allowed && d.By != nil && (d.By.Effect != policy.Allow || !d.By.Match):
			r.Fatalf("allowed by %+v\n%s", d.By, d.Explain())
		}
		for _, l := range d.Layers {
			for i := 1; i < len(l.Reasons); i++ {
				if l.Reasons[i].Match && !l.Reasons[i-1].Match {
					r.Fatalf("a near miss comes before a match\n%s", d.Explain())
				}
			}
			if len(l.Reasons) == 0 && l.Note == "" {
				r.Fatalf("the %s gives no reason\n%s", l.Layer, d.Explain())
			}
		}
	})
}

func TestDecisionEqualsReference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := drawWorld(r)
		known := access.Request{Principal: w.request.Principal, Action: w.request.Action, Resource: w.request.Resource, ResourceAccount: w.request.ResourceAccount}
		for key, values := range w.request.Context.All() {
			known.Context.Set(key, values...)
		}
		p := w.policies(t)
		d := access.Decide(known, p)
		if want := referenceDecide(known, p); d.Outcome != want {
			r.Fatalf("the reference says %s\n%s", want, d.Explain())
		}
	})
}
