package diagnose

import (
	"fmt"
	"time"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

const (
	testInstance = "i-0123456789abcdef0"
	rootVolume   = "vol-0aaaaaaaaaaaaaaa1"
	dataVolume   = "vol-0bbbbbbbbbbbbbbb2"
	testRole     = "arn:aws:iam::123456789012:role/starter"
	testSession  = "arn:aws:sts::123456789012:assumed-role/starter/night"
	otherKey     = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"

	rootStatement = `{"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}`
	ec2Everything = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}`
	denyGrants    = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": \"*\"},\n    {\"Sid\": \"NoGrants\", \"Effect\": \"Deny\", \"Action\": \"kms:*\", \"Resource\": \"*\"}\n  ]\n}"
)

// startPolicy is the article's policy.
var startPolicy = fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["kms:CreateGrant"], "Resource": [%q, %q], "Condition": {"Bool": {"kms:GrantIsForAWSResource": true}}}]}`, testKey, otherKey)

func at10(minute, second int) time.Time {
	return time.Date(2026, 3, 1, 10, minute, second, 0, time.UTC)
}

func must(name, arn, text string) access.Document {
	p, err := policy.Parse([]byte(text))
	if err != nil {
		panic(name + ": " + err.Error())
	}
	return access.Document{Name: name, ARN: arn, Policy: p}
}

func held(name, text string) Held {
	return Held{Document: must("inline policy "+name+" of user test", "", text), Inline: true, Holder: "user", HolderName: "test", Policy: name}
}

func keyPolicyOf(statements string) *access.Document {
	d := must(keyPolicyName(testKey), "", `{"Version": "2012-10-17", "Statement": [`+statements+`]}`)
	return &d
}

// article is the evidence that the article tells of.
func article() *Evidence {
	return &Evidence{
		Site:   launch.Site{Partition: "aws", Account: "123456789012", Region: "eu-west-1"},
		Target: Target{Kind: InstanceTarget, Name: testInstance},
		Instance: Instance{
			Source: "ec2:DescribeInstances", ID: testInstance, State: "stopped", RootDevice: "/dev/xvda", Zone: "eu-west-1a",
			StateReason: Reason{Code: "Client.InternalError", Message: "Client.InternalError: Client error on launch"},
		},
		Volumes: []Volume{
			{Source: "ec2:DescribeVolumes", ID: rootVolume, Device: "/dev/xvda", Root: true, Encrypted: true, Key: testKey},
			{Source: "ec2:DescribeVolumes", ID: dataVolume, Device: "/dev/sdf", Encrypted: true, Key: testKey},
		},
		Keys: []Key{{
			Source: "kms:DescribeKey", ARN: testKey, Manager: "CUSTOMER", State: "Enabled", Description: "volumes",
			Aliases: []string{"alias/volumes"}, Origin: "AWS_KMS", Policy: keyPolicyOf(rootStatement), PolicySource: "kms:GetKeyPolicy",
		}},
		Start: &Event{Source: "cloudtrail:LookupEvents", ID: "3f1c1d0e-0000-4000-8000-000000000001", Name: "StartInstances", Time: at10(0, 0), Principal: testUser},
		Denied: &Event{
			Source: "cloudtrail:LookupEvents", ID: "3f1c1d0e-0000-4000-8000-000000000002", Name: "CreateGrant", Time: at10(0, 2),
			ErrorCode: "AccessDenied", ErrorMessage: denied + " on resource: " + testKey + " because no identity-based policy allows the kms:CreateGrant action",
			Principal: testUser, InvokedBy: launch.FrontEnd, Key: testKey,
		},
		Caller: &Caller{
			Source: "cloudtrail:LookupEvents", Told: phrase.Say("the denied %s event", "CreateGrant"), Type: "IAMUser", ARN: testUser,
			Policies: []PolicyRead{{Source: "iam:GetPolicyVersion", Name: "AmazonEC2FullAccess", ARN: "arn:aws:iam::aws:policy/AmazonEC2FullAccess"}},
			Principal: access.Principal{
				Type: access.User, Partition: "aws", Account: "123456789012", ARN: testUser, UserID: "AIDAEXAMPLE", Name: "test",
			},
			Identity: []Held{{
				Document: must("AmazonEC2FullAccess", "arn:aws:iam::aws:policy/AmazonEC2FullAccess", ec2Everything),
				Holder:   "user", HolderName: "test", Policy: "AmazonEC2FullAccess",
			}},
		},
	}
}

// permitted is the article's evidence with the article's policy attached.
func permitted() *Evidence {
	e := article()
	e.Caller.Identity = append(e.Caller.Identity, held("start", startPolicy))
	return e
}

// says words the denied event.
func (e *Evidence) says(ending string) *Evidence {
	e.Denied.ErrorMessage = "User: " + e.Caller.ARN + " is not authorized to perform: kms:CreateGrant on resource: " + testKey + ending
	return e
}

// asRole makes the caller a session of a role.
func (e *Evidence) asRole() *Evidence {
	c := e.Caller
	c.Type, c.ARN, c.Role = "AssumedRole", testSession, testRole
	c.Principal = access.Principal{
		Type: access.RoleSession, Partition: "aws", Account: "123456789012", ARN: testSession,
		UserID: "AROAEXAMPLE:night", Name: "night", RoleARN: testRole, RoleID: "AROAEXAMPLE",
	}
	for i := range c.Identity {
		c.Identity[i].Holder, c.Identity[i].HolderName = "role", "starter"
	}
	e.Start.Principal, e.Denied.Principal = testSession, testSession
	return e
}
