package iam_test

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// TestWhatIsAllowedIsReported: whatever a user is allowed, its service and its
// action stand in the user's report, and its service has a policy that grants it.
func TestWhatIsAllowedIsReported(t *testing.T) {
	t.Parallel()
	requests := []struct{ service, action, resource string }{
		{"kms", "Encrypt", "arn:aws:kms:eu-west-1:123456789012:key/a"},
		{"kms", "ListKeys", "*"},
		{"iam", "GetUser", "arn:aws:iam::123456789012:user/a"},
		{"iam", "ListUsers", "*"},
		{"sts", "AssumeRole", "arn:aws:iam::123456789012:role/a"},
	}
	patterns := []string{"*", "arn:aws:kms:*:123456789012:key/*", "arn:aws:kms:eu-west-1:123456789012:key/a", "arn:aws:iam::123456789012:user/*", "arn:aws:iam::*:role/a", "arn:aws:iam::123456789012:*"}
	actions := []string{"*", "kms:*", "kms:Encrypt", "kms:List*", "iam:*", "iam:Get*", "iam:ListUsers", "sts:AssumeRole"}
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		id := w.person()
		var statements []map[string]any
		for range rapid.IntRange(1, 4).Draw(r, "statements") {
			statements = append(statements, map[string]any{
				"Effect": rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(r, "effect"),
				rapid.SampledFrom([]string{"Action", "Action", "NotAction"}).Draw(r, "actions"):         rapid.SliceOfNDistinct(rapid.SampledFrom(actions), 1, 3, rapid.ID[string]).Draw(r, "of"),
				rapid.SampledFrom([]string{"Resource", "Resource", "NotResource"}).Draw(r, "resources"): rapid.SliceOfNDistinct(rapid.SampledFrom(patterns), 1, 2, rapid.ID[string]).Draw(r, "on"),
			})
		}
		text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
		if err != nil {
			r.Fatal(err)
		}
		must[awsiam.PutUserPolicyOutput](w, "PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: aws.String("person"), PolicyName: aws.String("drawn"), PolicyDocument: aws.String(string(text))})
		p, err := policy.Parse(text)
		if err != nil {
			r.Fatal(err)
		}
		arn := "arn:aws:iam::123456789012:user/person"
		reported := map[string]bool{}
		all := &awsiam.GetServiceLastAccessedDetailsInput{JobId: w.generateJob(arn, types.AccessAdvisorUsageGranularityTypeActionLevel), MaxItems: aws.Int32(1000)}
		for _, s := range must[awsiam.GetServiceLastAccessedDetailsOutput](w, "GetServiceLastAccessedDetails", all).ServicesLastAccessed {
			reported[*s.ServiceNamespace] = true
			for _, a := range s.TrackedActionsLastAccessed {
				reported[*s.ServiceNamespace+":"+*a.ActionName] = true
			}
		}
		for _, q := range requests {
			d := access.Decide(access.Request{
				Principal: userCaller("person", id).Principal, Action: q.service + ":" + q.action, Resource: q.resource, ResourceAccount: account,
			}, access.Policies{Identity: []access.Document{{Name: "drawn", Policy: p}}})
			if d.Outcome != access.Allowed {
				continue
			}
			if !reported[q.service] || !reported[q.service+":"+q.action] {
				r.Fatalf("%s:%s on %s is allowed and not reported: %s", q.service, q.action, q.resource, text)
			}
			granting := must[awsiam.ListPoliciesGrantingServiceAccessOutput](w, "ListPoliciesGrantingServiceAccess", &awsiam.ListPoliciesGrantingServiceAccessInput{Arn: &arn, ServiceNamespaces: []string{q.service}})
			if len(granting.PoliciesGrantingServiceAccess[0].Policies) != 1 {
				r.Fatalf("%s:%s on %s is allowed and no policy grants it: %s", q.service, q.action, q.resource, text)
			}
		}
	})
}
