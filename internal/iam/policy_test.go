package iam_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/internal/store"
)

// versions is what we expect of a managed policy's versions, beside the real ones.
type versions struct {
	w         *world
	arn       string
	documents map[int]string
	current   int
	last      int
}

func documentFor(n int) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/%d"}]}`, n)
}

func (v *versions) run(t *rapid.T, operation string, in any, wanted string) any {
	out, _, err := v.w.run(rootCaller(account), operation, in)
	var e smithy.APIError
	switch {
	case wanted == "" && err != nil:
		t.Fatalf("%s: %v", operation, err)
	case wanted != "" && (!errors.As(err, &e) || !strings.HasPrefix(e.ErrorCode(), wanted)):
		t.Fatalf("%s: error %v, want %s", operation, err, wanted)
	}
	return out
}

func (v *versions) create(t *rapid.T) {
	asDefault := rapid.Bool().Draw(t, "default")
	document := documentFor(v.last + 1)
	wanted := ""
	if len(v.documents) == 5 {
		wanted = "LimitExceeded"
	}
	v.run(t, "CreatePolicyVersion", &awsiam.CreatePolicyVersionInput{PolicyArn: &v.arn, PolicyDocument: &document, SetAsDefault: asDefault}, wanted)
	if wanted != "" {
		return
	}
	v.last++
	v.documents[v.last] = document
	if asDefault {
		v.current = v.last
	}
}

func (v *versions) pick(t *rapid.T) int { return rapid.IntRange(1, v.last+1).Draw(t, "version") }

func (v *versions) remove(t *rapid.T) {
	n := v.pick(t)
	wanted := ""
	if _, there := v.documents[n]; !there {
		wanted = "NoSuchEntity"
	} else if n == v.current {
		wanted = "DeleteConflict"
	}
	v.run(t, "DeletePolicyVersion", &awsiam.DeletePolicyVersionInput{PolicyArn: &v.arn, VersionId: aws.String("v" + strconv.Itoa(n))}, wanted)
	if wanted == "" {
		delete(v.documents, n)
	}
}

func (v *versions) setDefault(t *rapid.T) {
	n := v.pick(t)
	wanted := ""
	if _, there := v.documents[n]; !there {
		wanted = "NoSuchEntity"
	}
	v.run(t, "SetDefaultPolicyVersion", &awsiam.SetDefaultPolicyVersionInput{PolicyArn: &v.arn, VersionId: aws.String("v" + strconv.Itoa(n))}, wanted)
	if wanted == "" {
		v.current = n
	}
}

// check compares the listing, each document, and what a decision would use.
func (v *versions) check(t *rapid.T) {
	listed := v.run(t, "ListPolicyVersions", &awsiam.ListPolicyVersionsInput{PolicyArn: &v.arn}, "").(*awsiam.ListPolicyVersionsOutput)
	if len(listed.Versions) != len(v.documents) {
		t.Fatalf("%d versions, want %d", len(listed.Versions), len(v.documents))
	}
	for _, l := range listed.Versions {
		n, _ := strconv.Atoi((*l.VersionId)[1:])
		if l.IsDefaultVersion != (n == v.current) {
			t.Fatalf("v%d default: %v", n, l.IsDefaultVersion)
		}
		got := v.run(t, "GetPolicyVersion", &awsiam.GetPolicyVersionInput{PolicyArn: &v.arn, VersionId: l.VersionId}, "").(*awsiam.GetPolicyVersionOutput)
		if text, err := url.PathUnescape(*got.PolicyVersion.Document); err != nil || text != v.documents[n] {
			t.Fatalf("v%d is %s", n, text)
		}
	}
	v.w.view(func(tx store.Tx) error {
		_, text, err := v.w.iam.ManagedPolicy(tx, account, v.arn)
		if err != nil || text != v.documents[v.current] {
			t.Fatalf("the default in use is %s (%v), want v%d", text, err, v.current)
		}
		return nil
	})
	deleteWanted := "DeleteConflict"
	if len(v.documents) > 1 {
		v.run(t, "DeletePolicy", &awsiam.DeletePolicyInput{PolicyArn: &v.arn}, deleteWanted)
	}
}

func TestPolicyVersions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		v := &versions{w: w, documents: map[int]string{1: documentFor(1)}, current: 1, last: 1}
		v.arn = w.newPolicy("p", documentFor(1))
		rt.Repeat(map[string]func(*rapid.T){
			"create": v.create, "delete": v.remove, "set default": v.setDefault, "": v.check,
		})
	})
}

func TestPoliciesOfAWS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("test")
	got := must[awsiam.GetPolicyOutput](w, "GetPolicy", &awsiam.GetPolicyInput{PolicyArn: aws.String(ec2Full)}).Policy
	if *got.PolicyName != "AmazonEC2FullAccess" || *got.DefaultVersionId != "v5" || *got.AttachmentCount != 0 || got.CreateDate.Year() != 2015 {
		t.Errorf("policy = %+v", got)
	}
	w.do(step{"AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: aws.String(ec2Full)}})
	got = must[awsiam.GetPolicyOutput](w, "GetPolicy", &awsiam.GetPolicyInput{PolicyArn: aws.String(ec2Full)}).Policy
	if *got.AttachmentCount != 1 {
		t.Errorf("attached %d times", *got.AttachmentCount)
	}
	version := must[awsiam.GetPolicyVersionOutput](w, "GetPolicyVersion", &awsiam.GetPolicyVersionInput{PolicyArn: aws.String(ec2Full), VersionId: aws.String("v5")}).PolicyVersion
	if text, _ := url.PathUnescape(*version.Document); !strings.Contains(text, `"ec2:*"`) || strings.Contains(text, "kms:") {
		t.Errorf("document = %s", text)
	}
	entities := must[awsiam.ListEntitiesForPolicyOutput](w, "ListEntitiesForPolicy", &awsiam.ListEntitiesForPolicyInput{PolicyArn: aws.String(ec2Full)})
	if len(entities.PolicyUsers) != 1 || *entities.PolicyUsers[0].UserName != "test" {
		t.Errorf("entities = %+v", entities)
	}
	w.fails("CreatePolicyVersion", &awsiam.CreatePolicyVersionInput{PolicyArn: aws.String(ec2Full), PolicyDocument: aws.String(allowS3)}, "AccessDenied", "Policy is outside your own account.")
	w.fails("AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: aws.String("arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy")},
		"PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role.")
	w.fails("GetPolicy", &awsiam.GetPolicyInput{PolicyArn: aws.String("arn:aws:iam::aws:policy/service-role/AmazonEC2FullAccess")}, "NoSuchEntity", "Policy arn:aws:iam::aws:policy/service-role/AmazonEC2FullAccess was not found.")
}

func TestListPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("test")
	used, boundary := w.newPolicy("used", allowS3), w.newPolicy("boundary", allowS3)
	w.newPolicy("Unused", allowS3)
	w.do(step{"AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: &used}})
	w.do(step{"AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: aws.String(ec2Full)}})
	w.do(step{"PutUserPermissionsBoundary", &awsiam.PutUserPermissionsBoundaryInput{UserName: aws.String("test"), PermissionsBoundary: &boundary}})
	for rule, row := range map[string]struct {
		in   awsiam.ListPoliciesInput
		want string
	}{
		"the account's own":        {awsiam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal}, "boundary Unused used"},
		"attached, of anybody":     {awsiam.ListPoliciesInput{OnlyAttached: true}, "used AmazonEC2FullAccess"},
		"attached, of AWS":         {awsiam.ListPoliciesInput{OnlyAttached: true, Scope: types.PolicyScopeTypeAws}, "AmazonEC2FullAccess"},
		"used as boundary":         {awsiam.ListPoliciesInput{PolicyUsageFilter: types.PolicyUsageTypePermissionsBoundary}, "boundary"},
		"by path, of AWS, in part": {awsiam.ListPoliciesInput{PathPrefix: aws.String("/job-function/"), MaxItems: aws.Int32(2)}, "SupportUser SystemAdministrator"},
	} {
		var names []string
		for _, p := range must[awsiam.ListPoliciesOutput](w, "ListPolicies", &row.in).Policies {
			names = append(names, *p.PolicyName)
		}
		if strings.HasSuffix(rule, "in part") {
			slices.Sort(names)
			if len(names) != 2 {
				t.Errorf("%s: %v", rule, names)
			}
			continue
		}
		if got := strings.Join(names, " "); got != row.want {
			t.Errorf("%s: %s, want %s", rule, got, row.want)
		}
	}
	// Every policy is listed once, whatever the page.
	seen := map[string]bool{}
	var marker *string
	for range 30 {
		out := must[awsiam.ListPoliciesOutput](w, "ListPolicies", &awsiam.ListPoliciesInput{Marker: marker})
		for _, p := range out.Policies {
			if seen[*p.Arn] {
				t.Fatalf("%s stands twice", *p.Arn)
			}
			seen[*p.Arn] = true
		}
		if marker = out.Marker; marker == nil {
			break
		}
	}
	if len(seen) < 1500 || marker != nil {
		t.Errorf("%d policies listed", len(seen))
	}
}

func TestDocumentsAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("test")
	statement := func(s string) string { return `{"Version":"2012-10-17","Statement":[` + s + `]}` }
	for rule, row := range map[string]struct{ document, message string }{
		"null":                         {`null`, "Syntax errors in policy."},
		"no statement":                 {statement(``), "Syntax errors in policy."},
		"an unknown element":           {statement(`{"Effect":"Allow","Action":"s3:*","Resource":"*","Foo":1}`), "Syntax errors in policy."},
		"an effect in lower case":      {statement(`{"Effect":"allow","Action":"s3:*","Resource":"*"}`), "Syntax errors in policy."},
		"no action":                    {statement(`{"Effect":"Allow","Resource":"*"}`), "Policy statement must contain actions."},
		"an empty list of actions":     {statement(`{"Effect":"Allow","Action":[],"Resource":"*"}`), "Policy statement must contain actions."},
		"no resource":                  {statement(`{"Effect":"Allow","Action":"s3:*"}`), "Policy statement must contain resources."},
		"an action of no service":      {statement(`{"Effect":"Allow","Action":"GetObject","Resource":"*"}`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		"an action with two colons":    {statement(`{"Effect":"Allow","Action":"ec2:ec2:RunInstances","Resource":"*"}`), "Actions/Condition can contain only one colon."},
		"a vendor with a space":        {statement(`{"Effect":"Allow","Action":"e c2:RunInstances","Resource":"*"}`), "Vendor e c2 is not valid"},
		"a condition key of no vendor": {statement(`{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"x":"true"}}}`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		"a resource that is no ARN":    {statement(`{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}`), `Resource bucket must be in ARN format or "*".`},
		"a partition that is not":      {statement(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:cloud:s3:::b"}`), `Partition "cloud" is not valid for resource "arn:cloud:s3:::b".`},
		"a wildcard for the service":   {statement(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:*:::b"}`), "Resource vendor must be fully qualified and cannot contain regexes."},
		"S3 in a region":               {statement(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:eu-west-1::b"}`), "Resource arn:aws:s3:eu-west-1::b can not contain region information."},
		"a date that is none":          {statement(`{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"soon"}}}`), "The policy failed legacy parsing"},
		"IAM in a region":              {statement(`{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam:us-east-1:123456789012:user/x"}`), "IAM resource arn:aws:iam:us-east-1:123456789012:user/x cannot contain region information."},
		"a principal":                  {statement(`{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}`), "Policy document should not specify a principal."},
		"a Sid twice":                  {statement(`{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"}`), "Statement IDs (SID) in a single policy must be unique."},
		"a Sid with a space":           {statement(`{"Sid":"a b","Effect":"Allow","Action":"s3:*","Resource":"*"}`), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		"an old version":               {strings.Replace(allowS3, "2012-10-17", "2008-10-17", 1), "Policy document must be version 2012-10-17 or greater."},
	} {
		w.fails("CreatePolicy", &awsiam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: &row.document}, "MalformedPolicyDocument", row.message)
		if t.Failed() {
			t.Fatal(rule)
		}
	}
	for _, ok := range []string{
		statement(`{"Effect":"Allow","NotAction":"iam:*","Resource":["arn:aws:s3:::b/*","arn:aws:iam::123456789012:user/${aws:username}"]}`),
		statement(`{"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::b"}`),
		statement(`{"Effect":"Allow","Action":"iam:*","Resource":["arn:aws:iam::*:*","arn:aws:iam::123456789012:root","arn:*:kms:*:*:key/*"]}`),
	} {
		w.do(step{"PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: aws.String("test"), PolicyName: aws.String("p"), PolicyDocument: &ok}})
	}
}

func FuzzDocument(f *testing.F) {
	f.Add(allowS3)
	f.Add(trustEC2)
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam:::"}]}`)
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"arn:"}]}`)
	f.Fuzz(func(t *testing.T, document string) {
		w := newWorld(t)
		w.newUser("test")
		// Whatever is accepted must serve decisions and come back as it was.
		_, _, err := w.run(rootCaller(account), "PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: aws.String("test"), PolicyName: aws.String("p"), PolicyDocument: &document})
		if err == nil {
			out := must[awsiam.GetUserPolicyOutput](w, "GetUserPolicy", &awsiam.GetUserPolicyInput{UserName: aws.String("test"), PolicyName: aws.String("p")})
			if text, err := url.PathUnescape(*out.PolicyDocument); err != nil || text != document {
				t.Fatalf("%q came back as %q", document, text)
			}
		}
		_, _, err = w.run(rootCaller(account), "CreateRole", &awsiam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: &document})
		if err == nil {
			w.trustOf("r")
		}
	})
}
