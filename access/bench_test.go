package access_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// Benchmarks are named for benchstat: each key=value is a column or a row to
// compare by. docs/benchmarks.md has the figures.

// benchmark decides one request with reasons, without, and on all cores.
func benchmark(b *testing.B, r access.Request, p access.Policies, want access.Outcome) {
	b.Helper()
	if d := access.Decide(r, p); d.Outcome != want {
		b.Fatal(d.Explain())
	}
	b.Run("answer=outcome", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if access.Check(&r, &p) != want {
				b.Fatal("wrong outcome")
			}
		}
	})
	b.Run("answer=reasons", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if access.Decide(r, p).Outcome != want {
				b.Fatal("wrong outcome")
			}
		}
	})
}

// manyStatements are 20 policies with 200 statements, one in ten for KMS.
func manyStatements(t testing.TB) []access.Document {
	var list []access.Document
	for i := range 20 {
		var statements []string
		for j := range 10 {
			service := fmt.Sprintf("service%d", (i*10+j)%40)
			if j == 9 {
				service = "kms"
			}
			statements = append(statements, st("Allow", "", service+":Describe*", fmt.Sprintf(`"Resource":"arn:aws:%s:*:%s:thing/%d"`, service, account, j)))
		}
		list = append(list, doc(t, fmt.Sprintf("policy %d", i), statements...))
	}
	return list
}

// BenchmarkDecideManyStatements asks the article's question of 20 policies with
// 200 statements.
func BenchmarkDecideManyStatements(b *testing.B) {
	r := articleRequest()
	p := access.Policies{Identity: manyStatements(b), Resource: keyPolicy(b, defaultKeyPolicy)}
	b.Run("question=denied", func(b *testing.B) { benchmark(b, r, p, access.ImplicitDeny) })
	p.Identity = append(p.Identity, document(b, "CreateGrantForEC2", articlePolicy))
	b.Run("question=allowed", func(b *testing.B) { benchmark(b, r, p, access.Allowed) })
}

// BenchmarkDecideParallel shows with -cpu 1,2,… that decisions share nothing.
func BenchmarkDecideParallel(b *testing.B) {
	r := articleRequest()
	p := access.Policies{
		Identity: append(manyStatements(b), document(b, "CreateGrantForEC2", articlePolicy)),
		Resource: keyPolicy(b, defaultKeyPolicy),
	}
	b.Run("answer=outcome", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				access.Check(&r, &p)
			}
		})
	})
	b.Run("answer=reasons", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				access.Decide(r, p)
			}
		})
	})
}

// BenchmarkDecideVariables puts variables in place in a resource and in
// conditions of several kinds.
func BenchmarkDecideVariables(b *testing.B) {
	r, p := variablesQuestion(b)
	benchmark(b, r, p, access.Allowed)
}

func variablesQuestion(t testing.TB) (access.Request, access.Policies) {
	r := access.Request{Principal: user("test"), Action: "s3:GetObject", Resource: "arn:aws:s3:::example/home/test/report", ResourceAccount: account}
	r.Principal.Tags = map[string]string{"team": "red"}
	r.Context.Set("s3:ExistingObjectTag/team", "RED")
	r.Context.Set("s3:prefix", "home/test/2026")
	r.Context.Set("aws:SourceArn", "arn:aws:iam::123456789012:user/test")
	return r, access.Policies{Identity: []access.Document{doc(t, "home", st("Allow", "", "s3:GetObject",
		`"Resource":"arn:aws:s3:::example/home/${aws:username}/*"`,
		`"Condition":{"StringEqualsIgnoreCase":{"s3:ExistingObjectTag/team":"${aws:PrincipalTag/team, 'none'}"},
			"StringLike":{"s3:prefix":"home/${aws:username}/*"},
			"StringEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"},
			"ArnLike":{"aws:SourceArn":"arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}"}}`))}}
}

// BenchmarkDecideOtherActions shows that what a decision costs does not grow
// with the statements about other actions, of other services or of the same.
func BenchmarkDecideOtherActions(b *testing.B) {
	r := articleRequest()
	for _, service := range []string{"same", "other"} {
		for _, n := range []int{10, 100, 1000, 10000} {
			p := access.Policies{
				Identity: []access.Document{doc(b, "others", otherActions(service, n)...), document(b, "CreateGrantForEC2", articlePolicy)},
				Resource: keyPolicy(b, defaultKeyPolicy),
			}
			name := fmt.Sprintf("service=%s/statements=%d", service, n)
			b.Run(name+"/question=allowed", func(b *testing.B) { benchmark(b, r, p, access.Allowed) })
			p.Identity = p.Identity[:1]
			b.Run(name+"/question=denied", func(b *testing.B) { benchmark(b, r, p, access.ImplicitDeny) })
		}
	}
}

// otherActions are n statements about actions other than kms:CreateGrant, each
// with a name and a pattern.
func otherActions(service string, n int) []string {
	statements := make([]string, n)
	for i := range statements {
		prefix := "kms"
		if service == "other" {
			prefix = fmt.Sprintf("service%d", i%100)
		}
		letters := strings.Map(func(c rune) rune { return c - '0' + 'a' }, strconv.Itoa(i))
		statements[i] = fmt.Sprintf(`{"Effect":"Allow","Action":["%[1]s:Get%[2]s","%[1]s:List%[2]s*"],"Resource":"*"}`, prefix, letters)
	}
	return statements
}

// TestCandidatesAreFew: of many statements only those that can match are looked
// at, whatever the machine's speed.
func TestCandidatesAreFew(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"same", "other"} {
		d := doc(t, "others", append(otherActions(service, 10000), st("Allow", "", "kms:Create*"), st("Allow", "", "kms:*"))...)
		env := policy.NewEnv("kms:CreateGrant", keyARN, nil, nil)
		// Keys are hashes: a few more may be found.
		if got := d.Policy.Candidates(&env, nil); len(got) < 2 || len(got) > 10 {
			t.Errorf("%s service: %d candidates among %d statements", service, len(got), d.Policy.Len())
		}
		if got := d.Policy.OfService(&env, nil, 20); service == "same" && len(got) != 20 || service == "other" && len(got) > 10 {
			t.Errorf("%s service: %d statements of it", service, len(got))
		}
	}
}

// TestCheckNeedsNoMemory, not even for policy variables.
func TestCheckNeedsNoMemory(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector the pool forgets on purpose")
	}
	r, p := variablesQuestion(t)
	article := articleRequest()
	articlePolicies := access.Policies{
		Identity: append(manyStatements(t), document(t, "CreateGrantForEC2", articlePolicy)), Resource: keyPolicy(t, defaultKeyPolicy),
	}
	for _, c := range []struct {
		name     string
		request  access.Request
		policies access.Policies
	}{{"variables", r, p}, {"the article's", article, articlePolicies}} {
		if o := access.Check(&c.request, &c.policies); o != access.Allowed {
			t.Errorf("%s: %s", c.name, o)
		}
		// The pool may lose one: the average is below one, not none.
		if n := testing.AllocsPerRun(1000, func() { access.Check(&c.request, &c.policies) }); n >= 1 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}
