package access_test

import (
	"fmt"
	"testing"

	"github.com/keyturn/keyturn/access"
)

// BenchmarkDecideManyStatements asks the article's question of 20 policies with
// 200 statements.
func BenchmarkDecideManyStatements(b *testing.B) {
	var p access.Policies
	for i := range 20 {
		var statements []string
		for j := range 10 {
			service := fmt.Sprintf("service%d", (i*10+j)%40)
			if j == 9 {
				service = "kms"
			}
			statements = append(statements, st("Allow", "", service+":Describe*", fmt.Sprintf(`"Resource":"arn:aws:%s:*:%s:thing/%d"`, service, account, j)))
		}
		p.Identity = append(p.Identity, doc(b, fmt.Sprintf("policy %d", i), statements...))
	}
	p.Identity = append(p.Identity, document(b, "CreateGrantForEC2", articlePolicy))
	p.Resource = keyPolicy(b, defaultKeyPolicy)
	r := articleRequest()
	b.Run("reasons", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			access.Decide(r, p)
		}
	})
	b.Run("outcome", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			access.Check(&r, &p)
		}
	})
	b.Run("outcome/parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				access.Check(&r, &p)
			}
		})
	})
}
