package policy_test

import (
	"strings"
	"testing"

	"github.com/keyturn/keyturn/policy"
)

func statement(elements string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + elements + `}]}`
}

// TestLoadAnswersInTheServicesWords: an empty message means that the document
// is accepted. The texts are those that IAM, KMS and Organizations answer.
func TestLoadAnswersInTheServicesWords(t *testing.T) {
	t.Parallel()
	const (
		syntax       = "Syntax errors in policy."
		vendor       = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
		organization = "The provided policy document does not meet the requirements of the specified policy type."
		keySyntax    = "The request was rejected because the specified policy is not syntactically or semantically correct."
	)
	for _, c := range []struct {
		rule    string
		kind    policy.Kind
		text    string
		message string
	}{
		{"a good identity policy", policy.IdentityPolicy, statement(`"Action":"kms:*","Resource":"*"`), ""},
		{"no JSON", policy.IdentityPolicy, `{`, syntax},
		{"a version that does not exist", policy.ManagedPolicy, `{"Version":"2012-10-18","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`, syntax},
		{"an element that does not exist", policy.IdentityPolicy, statement(`"Actions":"kms:*","Resource":"*"`), syntax},
		{"no statement", policy.IdentityPolicy, `{"Version":"2012-10-17","Statement":[]}`, syntax},
		{"no version", policy.ManagedPolicy, `{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`, "Policy document must be version 2012-10-17 or greater."},
		{"the old version", policy.ManagedPolicy, `{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`, "Policy document must be version 2012-10-17 or greater."},
		{"an inline policy of the old version", policy.IdentityPolicy, `{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`, ""},
		{"a principal in an identity policy", policy.IdentityPolicy, statement(`"Principal":"*","Action":"kms:*","Resource":"*"`), "Policy document should not specify a principal."},
		{"no action", policy.IdentityPolicy, statement(`"Resource":"*"`), "Policy statement must contain actions."},
		{"an empty list of actions", policy.IdentityPolicy, statement(`"Action":[],"Resource":"*"`), "Policy statement must contain actions."},
		{"no resource", policy.IdentityPolicy, statement(`"Action":"kms:*"`), "Policy statement must contain resources."},
		{"an action without its service", policy.IdentityPolicy, statement(`"Action":"Decrypt","Resource":"*"`), vendor},
		{"an action with two colons", policy.IdentityPolicy, statement(`"Action":"kms:kms:Decrypt","Resource":"*"`), "Actions/Condition can contain only one colon."},
		{"a service that cannot be", policy.IdentityPolicy, statement(`"Action":"k s:Decrypt","Resource":"*"`), "Vendor k s is not valid"},
		{"a condition key without its service", policy.IdentityPolicy, statement(`"Action":"kms:*","Resource":"*","Condition":{"Bool":{"SecureTransport":true}}`), vendor},
		{"a resource that is no ARN", policy.IdentityPolicy, statement(`"Action":"kms:*","Resource":"key"`), `Resource key must be in ARN format or "*".`},
		{"a partition that does not exist", policy.IdentityPolicy, statement(`"Action":"kms:*","Resource":"arn:azure:kms"`), `Partition "azure" is not valid for resource "arn:azure:kms:*:*:*".`},
		{"a resource of any service", policy.IdentityPolicy, statement(`"Action":"kms:*","Resource":"arn:aws:*:*:*:key/a"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		{"an IAM resource with a region", policy.IdentityPolicy, statement(`"Action":"iam:*","Resource":"arn:aws:iam:eu-west-1:123456789012:user/a"`), "IAM resource arn:aws:iam:eu-west-1:123456789012:user/a cannot contain region information."},
		{"an IAM resource of no kind", policy.IdentityPolicy, statement(`"Action":"iam:*","Resource":"arn:aws:iam::123456789012:users/a"`), `IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`},
		{"a Sid with a space", policy.IdentityPolicy, statement(`"Sid":"a b","Action":"kms:*","Resource":"*"`), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		{"a Sid twice", policy.IdentityPolicy, `{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Action":"kms:*","Resource":"*"},{"Sid":"a","Effect":"Deny","Action":"kms:*","Resource":"*"}]}`, "Statement IDs (SID) in a single policy must be unique."},
		{"an empty Sid twice", policy.IdentityPolicy, `{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"kms:*","Resource":"*"},{"Sid":"","Effect":"Deny","Action":"kms:*","Resource":"*"}]}`, ""},
		{"a date that is none", policy.IdentityPolicy, statement(`"Action":"kms:*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}`), "The policy failed legacy parsing"},
		{"a boundary is an identity policy", policy.BoundaryPolicy, statement(`"Action":"kms:*"`), "Policy statement must contain resources."},
		{"a session policy that is no JSON", policy.SessionPolicy, `{"a"`, "This policy contains invalid Json"},

		{"a good trust policy", policy.TrustPolicy, statement(`"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"`), ""},
		{"a trust policy of the old version", policy.TrustPolicy, `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole","sts:TagSession"]}]}`, ""},
		{"a trust policy that is no JSON", policy.TrustPolicy, `{"Version":"2012-10-17",}`, "This policy contains invalid Json"},
		{"a trust policy with a resource", policy.TrustPolicy, statement(`"Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Resource":"*"`), "Has prohibited field Resource"},
		{"a trust policy without principal", policy.TrustPolicy, statement(`"Action":"sts:AssumeRole"`), "Missing required field Principal"},
		{"a trust policy about something else", policy.TrustPolicy, statement(`"Principal":{"AWS":"*"},"Action":"kms:Decrypt"`), "AssumeRole policy may only specify STS AssumeRole actions."},
		{"an STS action that does not exist", policy.TrustPolicy, statement(`"Principal":{"AWS":"*"},"Action":"sts:TagSessions"`), "AssumeRole policy may only specify STS AssumeRole actions."},
		{"a group is no principal", policy.TrustPolicy, statement(`"Principal":{"AWS":"arn:aws:iam::123456789012:group/a"},"Action":"sts:AssumeRole"`), `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:group/a"`},
		{"a wildcard in a principal", policy.TrustPolicy, statement(`"Principal":{"AWS":"arn:aws:iam::123456789012:role/*"},"Action":"sts:AssumeRole"`), `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:role/*"`},
		{"a service that is none", policy.TrustPolicy, statement(`"Principal":{"Service":"ec2"},"Action":"sts:AssumeRole"`), `Invalid principal in policy: "SERVICE":"ec2"`},
		{"a user, a session and an id are principals", policy.TrustPolicy, statement(`"Principal":{"AWS":["arn:aws:iam::123456789012:user/p/a","arn:aws:sts::123456789012:assumed-role/r/s","AROACKCEVSQ6C2EXAMPLE"]},"Action":"sts:AssumeRole"`), ""},

		{"a good key policy", policy.KeyPolicy, statement(`"Sid":"Enable IAM User Permissions","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"`), ""},
		{"a key policy may lack action and resource", policy.KeyPolicy, statement(`"Principal":"*"`), ""},
		{"a key policy that is no JSON", policy.KeyPolicy, `hello`, keySyntax},
		{"a key policy without statements", policy.KeyPolicy, `{"Statement":[]}`, keySyntax},
		{"a key policy without principal", policy.KeyPolicy, statement(`"Action":"kms:*","Resource":"*"`), "Policy contains a statement with no principal."},
		{"a key policy with an empty principal", policy.KeyPolicy, statement(`"Principal":{"AWS":[]},"Action":"kms:*","Resource":"*"`), "Policy contains a statement with no principal."},
		{"a key policy with a group", policy.KeyPolicy, statement(`"Principal":{"AWS":"arn:aws:iam::123456789012:group/a"},"Action":"kms:*","Resource":"*"`), "Policy contains a statement with one or more invalid principals."},
		{
			"ForAllValues with an encryption context", policy.KeyPolicy,
			statement(`"Principal":"*","Action":"kms:*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"kms:EncryptionContext:a":"b"}}`),
			"OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key matches requests without the specified encryption context or with an unspecified encryption context. To fix, remove ForAllValues.",
		},

		{"a key policy that allows everyone but some", policy.KeyPolicy, statement(`"NotPrincipal":{"AWS":"123456789012"},"Action":"kms:*","Resource":"*"`), keySyntax},
		{"a trust policy for everyone but some", policy.TrustPolicy, statement(`"NotPrincipal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"`), "Has prohibited field NotPrincipal"},

		{"a good SCP", policy.ServiceControlPolicy, statement(`"Action":"*","Resource":"*"`), ""},
		{"an SCP names nobody", policy.ServiceControlPolicy, statement(`"Principal":"*","Action":"*","Resource":"*"`), organization},
		{"an SCP that is no JSON", policy.ServiceControlPolicy, `x`, organization},
		{"an RCP only denies", policy.ResourceControlPolicy, statement(`"Principal":"*","Action":"kms:*","Resource":"*"`), organization},
		{"a good RCP", policy.ResourceControlPolicy, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*"}]}`, ""},
		{"an RCP is about everyone", policy.ResourceControlPolicy, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"123456789012"},"Action":"kms:*","Resource":"*"}]}`, organization},
		{"a good endpoint policy", policy.EndpointPolicy, `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Load([]byte(c.text), c.kind)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.message {
				t.Errorf("\n got %q\nwant %q", got, c.message)
			}
		})
	}
}

func TestViolationsTellWhere(t *testing.T) {
	t.Parallel()
	p := parse(t, "{\"Version\":\"2012-10-17\",\"Statement\":[\n{\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":\"*\"},\n{\"Effect\":\"Allow\",\n \"Action\":\"Decrypt\"}]}")
	list := policy.Validate(p, policy.IdentityPolicy)
	if len(list) != 2 {
		t.Fatalf("%d violations, want 2", len(list))
	}
	if v := list[1]; v.Statement != 1 || v.Position.Line != 4 || !strings.Contains(v.Detail(), `"Decrypt" has no service prefix`) {
		t.Errorf("%+v: %s", v, v.Detail())
	}
}

func TestSizeLeavesOutWhiteSpace(t *testing.T) {
	t.Parallel()
	if n := parse(t, "{\n\t\"Statement\": [ ],\r \"Id\": \"é\"}").Size(); n != len(`{"Statement":[],"Id":"é"}`)-1 {
		t.Errorf("size %d", n)
	}
}
