package access_test

import (
	"testing"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

const (
	account = "123456789012"
	keyARN  = "arn:aws:kms:eu-west-1:123456789012:key/8e3426b8-87b4-434c-ae74-8e63dadf354a"
)

func document(t testing.TB, name, text string) access.Document {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return access.Document{Name: name, Policy: p}
}

const ec2FullAccess = `{
	"Version": "2012-10-17",
	"Statement": [
		{"Action": "ec2:*", "Effect": "Allow", "Resource": "*"},
		{"Effect": "Allow", "Action": "elasticloadbalancing:*", "Resource": "*"},
		{"Effect": "Allow", "Action": "cloudwatch:*", "Resource": "*"},
		{"Effect": "Allow", "Action": "autoscaling:*", "Resource": "*"},
		{"Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": "*",
		 "Condition": {"StringEquals": {"iam:AWSServiceName": [
			"autoscaling.amazonaws.com", "ec2scheduled.amazonaws.com", "elasticloadbalancing.amazonaws.com",
			"spot.amazonaws.com", "spotfleet.amazonaws.com", "transitgateway.amazonaws.com"]}}}
	]
}`

const articlePolicy = `{
	"Version": "2012-10-17",
	"Statement": [{
		"Effect": "Allow",
		"Action": ["kms:CreateGrant"],
		"Resource": ["` + keyARN + `"],
		"Condition": {"Bool": {"kms:GrantIsForAWSResource": true}}
	}]
}`

const defaultKeyPolicy = `{
	"Version": "2012-10-17",
	"Id": "key-default-1",
	"Statement": [{
		"Sid": "Enable IAM User Permissions",
		"Effect": "Allow",
		"Principal": {"AWS": "arn:aws:iam::123456789012:root"},
		"Action": "kms:*",
		"Resource": "*"
	}]
}`

func user(name string) access.Principal {
	return access.Principal{
		Type: access.User, Partition: "aws", Account: account, Name: name,
		ARN: "arn:aws:iam::" + account + ":user/" + name, UserID: "AIDACKCEVSQ6C2EXAMPLE",
	}
}

// articleRequest is the CreateGrant that EC2 makes for the caller when an
// instance with an encrypted volume starts.
func articleRequest() access.Request {
	r := access.Request{Principal: user("test"), Action: "kms:CreateGrant", Resource: keyARN, ResourceAccount: account}
	c := &r.Context
	c.Set("aws:ViaAWSService", "true")
	c.Set("aws:RequestedRegion", "eu-west-1")
	c.Set("kms:ViaService", "ec2.eu-west-1.amazonaws.com")
	c.Set("kms:GrantIsForAWSResource", "true")
	c.Set("kms:GrantOperations", "Decrypt")
	c.Set("kms:GranteePrincipal", "arn:aws:sts::123456789012:assumed-role/aws:ec2-infrastructure/i-0123456789abcdef0")
	c.Set("kms:RetiringPrincipal", "ec2.eu-west-1.amazonaws.com")
	c.Set("kms:GrantConstraintType", "EncryptionContextSubset")
	c.Set("kms:EncryptionContext:aws:ebs:id", "vol-0123456789abcdef0")
	c.Set("kms:EncryptionContextKeys", "aws:ebs:id")
	return r
}

func keyPolicy(t testing.TB, text string) *access.ResourcePolicy {
	return &access.ResourcePolicy{Kind: access.KMSKey, Document: document(t, "key policy", text)}
}

func TestArticle(t *testing.T) {
	t.Parallel()
	ec2 := document(t, "AmazonEC2FullAccess", ec2FullAccess)
	fix := document(t, "CreateGrantForEC2", articlePolicy)
	direct := articleRequest()
	direct.Context = access.Context{}
	direct.Context.Set("kms:GrantIsForAWSResource", "false")

	const denied = "User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:CreateGrant on resource: " +
		keyARN + " because no identity-based policy allows the kms:CreateGrant action"
	for _, c := range []struct {
		name     string
		request  access.Request
		identity []access.Document
		message  string
	}{
		{"all permissions of EC2 start no instance with an encrypted volume", articleRequest(), []access.Document{ec2}, denied},
		{"the article's policy is enough", articleRequest(), []access.Document{ec2, fix}, ""},
		{"the article's policy lets nobody else be granted anything", direct, []access.Document{ec2, fix}, denied},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := access.Policies{Identity: c.identity, Resource: keyPolicy(t, defaultKeyPolicy)}
			d := access.Decide(c.request, p)
			if got := d.Message(); got != c.message {
				t.Errorf("message\n got %q\nwant %q", got, c.message)
			}
			if got, want := d.Allowed(), c.message == ""; got != want {
				t.Errorf("allowed = %v, want %v", got, want)
			}
			if got := access.Check(&c.request, &p); got != d.Outcome {
				t.Errorf("Check says %s, Decide %s", got, d.Outcome)
			}
		})
	}
}

func BenchmarkDecideArticle(b *testing.B) {
	p := access.Policies{
		Identity: []access.Document{document(b, "AmazonEC2FullAccess", ec2FullAccess), document(b, "CreateGrantForEC2", articlePolicy)},
		Resource: keyPolicy(b, defaultKeyPolicy),
	}
	denied := p
	denied.Identity = p.Identity[:1]
	r := articleRequest()
	b.Run("question=denied", func(b *testing.B) { benchmark(b, r, denied, access.ImplicitDeny) })
	b.Run("question=allowed", func(b *testing.B) { benchmark(b, r, p, access.Allowed) })
}
