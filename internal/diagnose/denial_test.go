package diagnose

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
)

const (
	testUser = "arn:aws:iam::123456789012:user/test"
	testKey  = "arn:aws:kms:eu-west-1:123456789012:key/8e3426b8-87b4-434c-ae74-8e63dadf354a"
	denied   = "User: " + testUser + " is not authorized to perform: kms:CreateGrant"
)

// denialRows are the forms that AWS has used (IAM guide, "Troubleshoot access
// denied error messages"; the article).
var denialRows = []struct {
	name, message string
	want          Denial
}{
	{"no ending, as in the article", denied + " on resource: " + testKey, Denial{Resource: testKey}},
	{
		"identity policy, implicit", denied + " on resource: " + testKey + " because no identity-based policy allows the kms:CreateGrant action",
		Denial{Resource: testKey, Layer: access.IdentityLayer},
	},
	{
		"full stop", denied + " on resource: " + testKey + " because no identity-based policy allows the kms:CreateGrant action.",
		Denial{Resource: testKey, Layer: access.IdentityLayer},
	},
	{
		"identity policy, explicit", denied + " on resource: " + testKey + " with an explicit deny in an identity-based policy",
		Denial{Resource: testKey, Layer: access.IdentityLayer, Explicit: true},
	},
	{
		"key policy, implicit", denied + " on resource: " + testKey + " because no resource-based policy allows the kms:CreateGrant action",
		Denial{Resource: testKey, Layer: access.ResourceLayer},
	},
	{
		"key policy, explicit", denied + " on resource: " + testKey + " with an explicit deny in a resource-based policy",
		Denial{Resource: testKey, Layer: access.ResourceLayer, Explicit: true},
	},
	{
		"boundary, implicit", denied + " on resource: " + testKey + " because no permissions boundary allows the kms:CreateGrant action",
		Denial{Resource: testKey, Layer: access.BoundaryLayer},
	},
	{
		"session policy, explicit, misspelt as once printed", denied + " on resource: " + testKey + " with an explicit deny in a sessions policy",
		Denial{Resource: testKey, Layer: access.SessionLayer, Explicit: true},
	},
	{
		"control policy with its ARN", denied + " on resource: " + testKey + " with an explicit deny in a service control policy: arn:aws:organizations::210987654321:policy/o-exampleorgid/service_control_policy/p-example1",
		Denial{Resource: testKey, Layer: access.ServiceControlLayer, Explicit: true, Policy: "arn:aws:organizations::210987654321:policy/o-exampleorgid/service_control_policy/p-example1"},
	},
	{"explicit, no layer", denied + " on resource: " + testKey + " with an explicit deny", Denial{Resource: testKey, Explicit: true}},
	{
		"quoted resource", denied + ` on resource: "` + testKey + `" because no session policy allows the kms:CreateGrant action`,
		Denial{Resource: testKey, Layer: access.SessionLayer},
	},
	{"no resource", denied + " because no VPC endpoint policy allows the kms:CreateGrant action", Denial{Layer: access.EndpointLayer}},
	{"this resource", denied + " on this resource because no identity-based policy allows the kms:CreateGrant action", Denial{Layer: access.IdentityLayer}},
	{
		"another account's key", denied + " on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
		Denial{Layer: access.ResourceLayer, Hidden: true},
	},
	{
		"within EC2's message", "You are not authorized to perform this operation. " + denied + " on resource: " + testKey + " because no resource control policy allows the kms:CreateGrant action. Encoded authorization failure message: abcdef",
		Denial{Resource: testKey, Layer: access.ResourceControlLayer},
	},
}

func TestParseDenial(t *testing.T) {
	t.Parallel()
	for _, row := range denialRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.want.Principal, row.want.Action = testUser, "kms:CreateGrant"
			got, ok := ParseDenial(row.message)
			if !ok {
				t.Fatalf("not taken for a denial: %s", row.message)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("%s\n%s", row.message, diff)
			}
		})
	}
}

func TestParseDenialRefuses(t *testing.T) {
	t.Parallel()
	for _, message := range []string{
		"", testKey + " is disabled.", "User: is not authorized", denied[:len(denied)-len("kms:CreateGrant")],
		"User:  is not authorized to perform: kms:CreateGrant", "User: " + testUser + " is not authorized to perform: everything",
	} {
		if d, ok := ParseDenial(message); ok {
			t.Errorf("%q was taken for a denial: %+v", message, d)
		}
	}
}

// TestParseDenialReadsOurWords holds the parser against the words in which
// package access denies.
func TestParseDenialReadsOurWords(t *testing.T) {
	t.Parallel()
	e := article()
	trial := firstFailing(e.try())
	d, ok := ParseDenial(trial.decision.Message())
	if !ok || d.Layer != trial.decision.Layer || d.Resource != testKey || d.Principal != testUser || d.Explicit {
		t.Errorf("%q was read as %+v", trial.decision.Message(), d)
	}
}

func FuzzParseDenial(f *testing.F) {
	for _, row := range denialRows {
		f.Add(row.message)
	}
	f.Fuzz(func(t *testing.T, message string) {
		d, ok := ParseDenial(message)
		if !ok {
			if d != (Denial{}) {
				t.Errorf("no denial, and yet %+v", d)
			}
			return
		}
		for _, part := range []string{d.Principal, d.Action, d.Resource} {
			if !strings.Contains(message, part) {
				t.Errorf("%q is not in %q", part, message)
			}
		}
		if d.Principal == "" || !strings.Contains(d.Action, ":") {
			t.Errorf("a denial without principal or action: %+v", d)
		}
		if d.Policy != "" && !strings.HasPrefix(d.Policy, "arn:") {
			t.Errorf("the policy %q is no ARN", d.Policy)
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	f.Add(`{"eventName":"CreateGrant","errorCode":"AccessDenied","errorMessage":"` + denied + ` on resource: ` + testKey + `","userIdentity":{"arn":"` + testUser + `"},"requestParameters":null}`)
	f.Add(`{"requestParameters":{"keyId":"arn:aws:kms:x"},"resources":[{"ARN":"arn:aws:kms:y"}],"eventTime":"2026-03-01T10:00:00Z"}`)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseEvent(text)
		if err != nil {
			return
		}
		if e.Key != "" && !strings.Contains(e.Key, ":kms:") && e.request["keyId"] != e.Key {
			t.Errorf("the key %q is no key", e.Key)
		}
		e.mentions("i-0123456789abcdef0")
	})
}
