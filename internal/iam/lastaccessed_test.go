package iam_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/store"
)

// generateJob asks for a report and waits for it.
func (w *world) generateJob(arn string, level types.AccessAdvisorUsageGranularityType) *string {
	w.t.Helper()
	id := must[awsiam.GenerateServiceLastAccessedDetailsOutput](w, "GenerateServiceLastAccessedDetails", &awsiam.GenerateServiceLastAccessedDetailsInput{Arn: &arn, Granularity: level}).JobId
	w.runTasks()
	return id
}

func (w *world) details(id *string) *awsiam.GetServiceLastAccessedDetailsOutput {
	w.t.Helper()
	return must[awsiam.GetServiceLastAccessedDetailsOutput](w, "GetServiceLastAccessedDetails", &awsiam.GetServiceLastAccessedDetailsInput{JobId: id})
}

func namespaces(services []types.ServiceLastAccessed) string {
	var all []string
	for _, s := range services {
		all = append(all, *s.ServiceNamespace)
	}
	return strings.Join(all, " ")
}

// touch records an attempt at a time before now.
func (w *world) touch(id, service, action, region string, ago time.Duration) time.Time {
	w.t.Helper()
	at := w.now.Add(-ago)
	if err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
		return w.iam.TouchAction(tx, account, id, service, action, region, at)
	}); err != nil {
		w.t.Fatal(err)
	}
	return at
}

// statement is a policy of one statement for each argument.
func document(statements ...string) *string {
	return aws.String(`{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ",") + `]}`)
}

// TestServicesOfPolicies: which services a report and the list of granting
// policies find in a policy. The rules are what AWS was seen to answer.
func TestServicesOfPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person()
	person := "arn:aws:iam::123456789012:user/person"
	const allowS3 = `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}`
	for _, c := range []struct {
		rule       string
		statements []string
		report     string // of s3, sqs and iam
		granting   string
	}{
		{"an action is of its service", []string{allowS3}, "s3", "s3"},
		{"case does not count", []string{`{"Effect": "Allow", "Action": "S3:GETOBJECT", "Resource": "*"}`}, "s3", "s3"},
		{"a deny alone allows nothing", []string{`{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}`}, "", ""},
		{"a denied service is not allowed", []string{allowS3, `{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}`}, "", ""},
		{"a denied action is not allowed, but its policy grants", []string{allowS3, `{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}`}, "", "s3"},
		{"a conditional deny is taken not to apply", []string{allowS3, `{"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"aws:username": "nobody"}}}`}, "s3", "s3"},
		{"a condition is taken to hold", []string{`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"StringEquals": {"aws:username": "nobody"}}}`}, "s3", "s3"},
		{"a deny of another resource leaves some", []string{allowS3, `{"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::a/*"}`}, "s3", "s3"},
		{"a deny of the same resource leaves none", []string{`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/b/*"}`, `{"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::a/*"}`}, "", "s3"},
		{"a resource of another type is no resource of the action", []string{`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:iam::123456789012:user/nobody"}`}, "", ""},
		{"an action that nobody knows is in no report", []string{`{"Effect": "Allow", "Action": "s3:Unmodelled", "Resource": "*"}`}, "", "s3"},
		{"all but one service", []string{`{"Effect": "Allow", "NotAction": ["s3:*", "iam:*"], "Resource": "*"}`}, "sqs", "sqs"},
		{"PassRole is an action of IAM", []string{`{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}`}, "iam", "iam"},
		{"everything", []string{`{"Effect": "Allow", "Action": "*", "Resource": "*"}`}, "iam s3 sqs", "iam s3 sqs"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			must[awsiam.PutUserPolicyOutput](w, "PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: aws.String("person"), PolicyName: aws.String("selection"), PolicyDocument: document(c.statements...)})
			var found []string
			all := &awsiam.GetServiceLastAccessedDetailsInput{JobId: w.generateJob(person, ""), MaxItems: aws.Int32(1000)}
			for _, s := range must[awsiam.GetServiceLastAccessedDetailsOutput](w, "GetServiceLastAccessedDetails", all).ServicesLastAccessed {
				if slices.Contains([]string{"s3", "sqs", "iam"}, *s.ServiceNamespace) {
					found = append(found, *s.ServiceNamespace)
				}
			}
			if got := strings.Join(found, " "); got != c.report {
				t.Errorf("the report has %q, want %q", got, c.report)
			}
			found = nil
			for _, l := range must[awsiam.ListPoliciesGrantingServiceAccessOutput](w, "ListPoliciesGrantingServiceAccess", &awsiam.ListPoliciesGrantingServiceAccessInput{Arn: &person, ServiceNamespaces: []string{"iam", "s3", "sqs"}}).PoliciesGrantingServiceAccess {
				if len(l.Policies) > 0 {
					found = append(found, *l.ServiceNamespace)
				}
			}
			if got := strings.Join(found, " "); got != c.granting {
				t.Errorf("policies grant %q, want %q", got, c.granting)
			}
		})
	}
}

func TestServiceLastAccessed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.person()
	other := *must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: aws.String("another"), Path: aws.String("/x/")}).User.UserId
	must[awsiam.CreateGroupOutput](w, "CreateGroup", &awsiam.CreateGroupInput{GroupName: aws.String("team")})
	for _, u := range []string{"person", "another"} {
		must[awsiam.AddUserToGroupOutput](w, "AddUserToGroup", &awsiam.AddUserToGroupInput{GroupName: aws.String("team"), UserName: &u})
	}
	p := must[awsiam.CreatePolicyOutput](w, "CreatePolicy", &awsiam.CreatePolicyInput{PolicyName: aws.String("shared"), PolicyDocument: document(`{"Effect": "Allow", "Action": ["iam:GetUser", "iam:PassRole", "iam:ListUsers", "ec2:DescribeInstances", "s3:GetObject"], "Resource": "*"}`)}).Policy
	must[awsiam.AttachGroupPolicyOutput](w, "AttachGroupPolicy", &awsiam.AttachGroupPolicyInput{GroupName: aws.String("team"), PolicyArn: p.Arn})

	w.touch(id, "iam", "GetUser", "us-east-1", 3*time.Hour)
	last := w.touch(other, "iam", "ListUsers", "us-east-1", time.Hour)
	w.touch(id, "kms", "Decrypt", "eu-west-1", time.Hour) // which no policy allows
	w.touch(id, "ec2", "DescribeInstances", "eu-west-1", 401*24*time.Hour)

	job := must[awsiam.GenerateServiceLastAccessedDetailsOutput](w, "GenerateServiceLastAccessedDetails", &awsiam.GenerateServiceLastAccessedDetailsInput{Arn: p.Arn, Granularity: types.AccessAdvisorUsageGranularityTypeActionLevel}).JobId
	if got := w.details(job); got.JobStatus != types.JobStatusTypeInProgress || got.JobCompletionDate != nil || got.JobType != "" || got.ServicesLastAccessed != nil {
		t.Errorf("a report that is being made: %+v", got)
	}
	w.runTasks()
	got := w.details(job)
	if got.JobStatus != types.JobStatusTypeCompleted || got.JobType != types.AccessAdvisorUsageGranularityTypeActionLevel || got.IsTruncated || namespaces(got.ServicesLastAccessed) != "ec2 iam s3" {
		t.Fatalf("the report is %+v of %s", got, namespaces(got.ServicesLastAccessed))
	}
	ec2, iam := got.ServicesLastAccessed[0], got.ServicesLastAccessed[1]
	if *ec2.ServiceName != "Amazon EC2" || *ec2.TotalAuthenticatedEntities != 0 || ec2.LastAuthenticated != nil || ec2.TrackedActionsLastAccessed != nil {
		t.Errorf("EC2: %+v", ec2)
	}
	if *iam.ServiceName != "AWS Identity and Access Management" || *iam.TotalAuthenticatedEntities != 2 || !iam.LastAuthenticated.Equal(last) ||
		*iam.LastAuthenticatedEntity != "arn:aws:iam::123456789012:user/x/another" || *iam.LastAuthenticatedRegion != "us-east-1" {
		t.Errorf("IAM: %+v", iam)
	}
	var actions []string
	for _, a := range iam.TrackedActionsLastAccessed {
		actions = append(actions, fmt.Sprintf("%s by %s", *a.ActionName, aws.ToString(a.LastAccessedEntity)))
	}
	if want := "GetUser by arn:aws:iam::123456789012:user/person, ListUsers by arn:aws:iam::123456789012:user/x/another"; strings.Join(actions, ", ") != want {
		t.Errorf("IAM's actions are %v, want %s", actions, want)
	}

	entities := func(namespace string) string {
		var all []string
		for _, e := range must[awsiam.GetServiceLastAccessedDetailsWithEntitiesOutput](w, "GetServiceLastAccessedDetailsWithEntities", &awsiam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: job, ServiceNamespace: &namespace}).EntityDetailsList {
			all = append(all, fmt.Sprintf("%s %s %v", e.EntityInfo.Type, *e.EntityInfo.Name, e.LastAuthenticated != nil))
		}
		return strings.Join(all, ", ")
	}
	for namespace, want := range map[string]string{
		"iam": "USER another true, USER person true", "ec2": "USER another false, USER person false", "sqs": "",
	} {
		if got := entities(namespace); got != want {
			t.Errorf("entities of %s: %q, want %q", namespace, got, want)
		}
	}

	// What was reported stays; who it was is told by today's name.
	must[awsiam.UpdateUserOutput](w, "UpdateUser", &awsiam.UpdateUserInput{UserName: aws.String("person"), NewUserName: aws.String("somebody")})
	must[awsiam.RemoveUserFromGroupOutput](w, "RemoveUserFromGroup", &awsiam.RemoveUserFromGroupInput{GroupName: aws.String("team"), UserName: aws.String("another")})
	must[awsiam.DeleteUserOutput](w, "DeleteUser", &awsiam.DeleteUserInput{UserName: aws.String("another")})
	if got := entities("iam"); got != "USER somebody true" {
		t.Errorf("entities later: %q", got)
	}

	// A report belongs to who asked for it.
	w.failsAs(userCaller("somebody", id), "GetServiceLastAccessedDetails", &awsiam.GetServiceLastAccessedDetailsInput{JobId: job}, "NoSuchEntity", "Job "+*job+" does not exist.")
	first := must[awsiam.GetServiceLastAccessedDetailsOutput](w, "GetServiceLastAccessedDetails", &awsiam.GetServiceLastAccessedDetailsInput{JobId: job, MaxItems: aws.Int32(1)})
	if !first.IsTruncated || namespaces(first.ServicesLastAccessed) != "ec2" {
		t.Errorf("the first page: %+v", first)
	}
	if rest := must[awsiam.GetServiceLastAccessedDetailsOutput](w, "GetServiceLastAccessedDetails", &awsiam.GetServiceLastAccessedDetailsInput{JobId: job, Marker: first.Marker}); rest.IsTruncated || namespaces(rest.ServicesLastAccessed) != "iam s3" {
		t.Errorf("the other page: %+v", rest)
	}
	w.fails("GetServiceLastAccessedDetailsWithEntities", &awsiam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: job, ServiceNamespace: aws.String("s3"), Marker: first.Marker}, "InvalidInput", "The marker passed in the request was invalid.")
	// A report is kept for a week.
	defer func() {
		w.now = w.now.AddDate(0, 0, 8)
		w.runTasks()
		w.fails("GetServiceLastAccessedDetails", &awsiam.GetServiceLastAccessedDetailsInput{JobId: job}, "NoSuchEntity", "Job "+*job+" does not exist.")
	}()
	w.fails("GetServiceLastAccessedDetailsWithEntities", &awsiam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: job, ServiceNamespace: aws.String("S3")}, "InvalidInput", "Service namepace S3 is either invalid or unsupported.")
}

func TestLastAccessedSources(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person()
	must[awsiam.CreatePolicyOutput](w, "CreatePolicy", &awsiam.CreatePolicyInput{PolicyName: aws.String("shared"), PolicyDocument: document(`{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}`)})
	for _, c := range []struct{ arn, code, generate, list string }{
		{"arn:aws:iam::123456789012:user/nobody", "NoSuchEntity", "ARN arn:aws:iam::123456789012:user/nobody does not exist.", ""},
		{"arn:aws:iam::123456789012:policy/nothing", "NoSuchEntity", "ARN arn:aws:iam::123456789012:policy/nothing does not exist.", "-"},
		{"arn:aws:iam::999999999999:user/person", "AccessDenied", "User: arn:aws:iam::123456789012:root is not authorized to perform the operation on arn:aws:iam::999999999999:user/person", ""},
		{"arn:aws:s3::123456789012:user/person", "ValidationError", "Invalid service in ARN", ""},
		{"arn:aws-cn:iam::123456789012:user/person", "ValidationError", "Invalid ARN partition", ""},
		{"arn:aws:iam::123456789012:root", "InvalidInput", "Invalid Entity Arn: arn:aws:iam::123456789012:root is not supported.", "Could not extract entity from ARN : arn:aws:iam::123456789012:root"},
	} {
		w.fails("GenerateServiceLastAccessedDetails", &awsiam.GenerateServiceLastAccessedDetailsInput{Arn: &c.arn}, c.code, c.generate)
		if c.list == "" {
			c.list = c.generate
		}
		if c.list != "-" {
			w.fails("ListPoliciesGrantingServiceAccess", &awsiam.ListPoliciesGrantingServiceAccessInput{Arn: &c.arn, ServiceNamespaces: []string{"s3"}}, c.code, c.list)
		}
	}
	policy := "arn:aws:iam::123456789012:policy/shared"
	w.fails("ListPoliciesGrantingServiceAccess", &awsiam.ListPoliciesGrantingServiceAccessInput{Arn: &policy, ServiceNamespaces: []string{"s3"}}, "InvalidInput", "Invalid Entity Arn: "+policy+" is not supported.")
	person := "arn:aws:iam::123456789012:user/some/path/person" // paths do not count
	w.fails("ListPoliciesGrantingServiceAccess", &awsiam.ListPoliciesGrantingServiceAccessInput{Arn: &person, ServiceNamespaces: []string{"S3", "sqs", "none"}}, "InvalidInput", "Invalid service namespace: [S3, none]")
	none := "00000000-0000-0000-0000-000000000000"
	w.fails("GetServiceLastAccessedDetails", &awsiam.GetServiceLastAccessedDetailsInput{JobId: &none}, "NoSuchEntity", "Job "+none+" does not exist.")

	// A policy that nobody has still says what it would give.
	if got := w.details(w.generateJob(policy, "")); namespaces(got.ServicesLastAccessed) != "s3" || *got.ServicesLastAccessed[0].TotalAuthenticatedEntities != 0 {
		t.Errorf("an unattached policy: %+v", got.ServicesLastAccessed)
	}
	admin := "arn:aws:iam::aws:policy/AdministratorAccess"
	if got := w.details(w.generateJob(admin, "")); len(got.ServicesLastAccessed) != 200 || !got.IsTruncated {
		t.Errorf("a page of all services has %d", len(got.ServicesLastAccessed))
	}
	must[awsiam.AttachUserPolicyOutput](w, "AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("person"), PolicyArn: &policy})
	must[awsiam.PutUserPolicyOutput](w, "PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: aws.String("person"), PolicyName: aws.String("own"), PolicyDocument: document(`{"Effect": "Allow", "Action": "*", "Resource": "*"}`)})
	list := must[awsiam.ListPoliciesGrantingServiceAccessOutput](w, "ListPoliciesGrantingServiceAccess", &awsiam.ListPoliciesGrantingServiceAccessInput{Arn: &person, ServiceNamespaces: []string{"sqs", "s3", "s3"}}).PoliciesGrantingServiceAccess
	if len(list) != 2 || *list[0].ServiceNamespace != "sqs" || len(list[0].Policies) != 1 || len(list[1].Policies) != 2 {
		t.Fatalf("granting: %+v", list)
	}
	inline, managed := list[1].Policies[0], list[1].Policies[1]
	if inline.PolicyType != types.PolicyTypeInline || *inline.EntityName != "person" || inline.EntityType != types.PolicyOwnerEntityTypeUser || inline.PolicyArn != nil {
		t.Errorf("inline: %+v", inline)
	}
	if managed.PolicyType != types.PolicyTypeManaged || *managed.PolicyArn != policy || managed.EntityName != nil || *managed.PolicyName != "shared" {
		t.Errorf("managed: %+v", managed)
	}
}

// TestReportIsAskedForOnItsSource: the permission is checked on the ARN that the
// entity has, whatever path it is asked for with.
func TestReportIsAskedForOnItsSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: aws.String("person"), Path: aws.String("/x/"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}})
	_, needs, err := w.run(rootCaller(account), "GenerateServiceLastAccessedDetails", &awsiam.GenerateServiceLastAccessedDetailsInput{Arn: aws.String("arn:aws:iam::123456789012:user/person")})
	if err != nil {
		t.Fatal(err)
	}
	if len(needs) != 1 || needs[0].Action != "iam:GenerateServiceLastAccessedDetails" || needs[0].Resource != "arn:aws:iam::123456789012:user/x/person" {
		t.Fatalf("needs %+v", needs)
	}
	if v, _, _ := needs[0].Context.Get("iam:ResourceTag/team"); !slices.Equal(v, []string{"a"}) {
		t.Errorf("the user's tag is %v", v)
	}
}
