// Package bench puts Keyturn's decisions beside those of cedar-go, the Go
// implementation of the Cedar policy language, in one run.
//
// Three questions are asked of both. An instance with an encrypted volume
// starts, and EC2 asks for a grant on its key in the caller's name: denied with
// AmazonEC2FullAccess alone, allowed with the statement that lets AWS services
// be granted the key, and allowed by that statement among twenty other
// policies with 200 statements. What the languages share is the same on both
// sides: the statements, the request, the condition and the outcome. Cedar has
// no layers, so the key policy's statement, which lets the account's own
// policies decide, is a condition on the account in each permit of Cedar's; and
// its decisions always come with their reasons.
//
// The module is nested so that Keyturn does not depend on cedar-go.
package bench

import (
	"fmt"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

const (
	account = "123456789012"
	keyARN  = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	userARN = "arn:aws:iam::123456789012:user/test"
)

// ec2FullAccess is AmazonEC2FullAccess.
var ec2FullAccess = []statement{
	{action: "ec2:*", resource: "*"},
	{action: "elasticloadbalancing:*", resource: "*"},
	{action: "cloudwatch:*", resource: "*"},
	{action: "autoscaling:*", resource: "*"},
	{
		action: "iam:CreateServiceLinkedRole", resource: "*",
		key: "iam:AWSServiceName", values: []string{
			"autoscaling.amazonaws.com", "ec2scheduled.amazonaws.com", "elasticloadbalancing.amazonaws.com",
			"spot.amazonaws.com", "spotfleet.amazonaws.com", "transitgateway.amazonaws.com",
		},
	},
}

// createGrant lets AWS services be granted the key in the caller's name.
var createGrant = []statement{{
	action: "kms:CreateGrant", resource: keyARN, key: "kms:GrantIsForAWSResource", values: []string{"true"},
}}

// statement is an Allow, as far as both languages have it: an action, a
// resource, and perhaps a key that must have one of some values.
type statement struct {
	action   string
	resource string
	key      string
	values   []string
}

// question is a request whose policies differ.
type question struct {
	name     string
	policies [][]statement
	allowed  bool
}

func questions() []question {
	return []question{
		{"article-denied", [][]statement{ec2FullAccess}, false},
		{"article-allowed", [][]statement{ec2FullAccess, createGrant}, true},
		{"200-statements", append(manyStatements(), createGrant), true},
	}
}

// manyStatements are twenty policies of ten statements, for forty services and,
// one statement in each, for KMS.
func manyStatements() [][]statement {
	var list [][]statement
	for i := range 20 {
		var p []statement
		for j := range 10 {
			service := fmt.Sprintf("service%d", (i*10+j)%40)
			if j == 9 {
				service = "kms"
			}
			p = append(p, statement{
				action: service + ":Describe*", resource: fmt.Sprintf("arn:aws:%s:*:%s:thing/%d", service, account, j),
			})
		}
		list = append(list, p)
	}
	return list
}

// requestContext are the condition keys of the request.
var requestContext = map[string]string{
	"aws:ViaAWSService":                "true",
	"aws:RequestedRegion":              "eu-west-1",
	"kms:ViaService":                   "ec2.eu-west-1.amazonaws.com",
	"kms:GrantIsForAWSResource":        "true",
	"kms:GrantOperations":              "Decrypt",
	"kms:GranteePrincipal":             "arn:aws:sts::123456789012:assumed-role/aws:ec2-infrastructure/i-0123456789abcdef0",
	"kms:RetiringPrincipal":            "ec2.eu-west-1.amazonaws.com",
	"kms:GrantConstraintType":          "EncryptionContextSubset",
	"kms:EncryptionContext:aws:ebs:id": "vol-0123456789abcdef0",
	"kms:EncryptionContextKeys":        "aws:ebs:id",
}

const action = "kms:CreateGrant"

// keyturn makes the question Keyturn's.
func (q *question) keyturn() (access.Request, access.Policies, error) {
	r := access.Request{
		Principal: access.Principal{
			Type: access.User, Partition: "aws", Account: account, Name: "test", ARN: userARN, UserID: "AIDACKCEVSQ6C2EXAMPLE",
		},
		Action: action, Resource: keyARN, ResourceAccount: account,
	}
	for k, v := range requestContext {
		r.Context.Set(k, v)
	}
	key, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}}`))
	if err != nil {
		return r, access.Policies{}, err
	}
	p := access.Policies{Resource: &access.ResourcePolicy{Kind: access.KMSKey, Document: access.Document{Name: "key policy", Policy: key}}}
	for i, list := range q.policies {
		var texts []string
		for _, s := range list {
			texts = append(texts, s.iam())
		}
		document, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[` + strings.Join(texts, ",") + `]}`))
		if err != nil {
			return r, p, err
		}
		p.Identity = append(p.Identity, access.Document{Name: fmt.Sprintf("policy %d", i+1), Policy: document})
	}
	return r, p, nil
}

// iam is the statement in AWS's language.
func (s *statement) iam() string {
	text := fmt.Sprintf(`{"Effect":"Allow","Action":%q,"Resource":%q`, s.action, s.resource)
	if s.key != "" {
		text += fmt.Sprintf(`,"Condition":{"StringEquals":{%q:%s}}`, s.key, quoted(s.values))
	}
	return text + "}"
}

func quoted(list []string) string {
	var out []string
	for _, s := range list {
		out = append(out, fmt.Sprintf("%q", s))
	}
	return "[" + strings.Join(out, ",") + "]"
}
