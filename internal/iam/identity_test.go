package iam_test

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	allowKMS = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*"}]}`
	allowS3  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
	trustEC2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	ec2Full  = "arn:aws:iam::aws:policy/AmazonEC2FullAccess"
)

// newUser makes a user and returns it as a caller.
func (w *world) newUser(name string) api.Caller {
	w.t.Helper()
	out := must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: &name})
	return userCaller(name, *out.User.UserId)
}

func (w *world) newRole(name, trust string) *types.Role {
	w.t.Helper()
	return must[awsiam.CreateRoleOutput](w, "CreateRole", &awsiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}).Role
}

func (w *world) newPolicy(name, document string) string {
	w.t.Helper()
	return *must[awsiam.CreatePolicyOutput](w, "CreatePolicy", &awsiam.CreatePolicyInput{PolicyName: &name, PolicyDocument: &document}).Policy.Arn
}

func (w *world) identity(caller api.Caller) (access.Policies, api.Caller, error) {
	var out access.Policies
	var err error
	w.view(func(tx store.Tx) error {
		out, err = w.iam.Identity(tx, &caller)
		return nil
	})
	return out, caller, err
}

func names(list []access.Document) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.Name)
		if d.Policy == nil {
			out = append(out, "(no policy)")
		}
	}
	return out
}

func TestIdentityGathersEverythingThatBearsOnAUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller := w.newUser("test")
	own := w.newPolicy("Own", allowKMS)
	must[awsiam.PutUserPolicyOutput](w, "PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: aws.String("test"), PolicyName: aws.String("deploy"), PolicyDocument: aws.String(allowS3)})
	must[awsiam.AttachUserPolicyOutput](w, "AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: aws.String(ec2Full)})
	must[awsiam.AttachUserPolicyOutput](w, "AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: &own})
	must[awsiam.CreateGroupOutput](w, "CreateGroup", &awsiam.CreateGroupInput{GroupName: aws.String("Admins")})
	must[awsiam.PutGroupPolicyOutput](w, "PutGroupPolicy", &awsiam.PutGroupPolicyInput{GroupName: aws.String("Admins"), PolicyName: aws.String("all"), PolicyDocument: aws.String(allowS3)})
	must[awsiam.AddUserToGroupOutput](w, "AddUserToGroup", &awsiam.AddUserToGroupInput{GroupName: aws.String("Admins"), UserName: aws.String("test")})
	must[awsiam.PutUserPermissionsBoundaryOutput](w, "PutUserPermissionsBoundary", &awsiam.PutUserPermissionsBoundaryInput{UserName: aws.String("test"), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/PowerUserAccess")})
	must[awsiam.TagUserOutput](w, "TagUser", &awsiam.TagUserInput{UserName: aws.String("test"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}})

	got, caller, err := w.identity(caller)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"inline policy deploy of user test", "AmazonEC2FullAccess", "Own", "inline policy all of group Admins"}
	if d := cmp.Diff(want, names(got.Identity)); d != "" {
		t.Errorf("identity policies (-want +got):\n%s", d)
	}
	if got.Boundary == nil || got.Boundary.Name != "PowerUserAccess" || got.Boundary.ARN != "arn:aws:iam::aws:policy/PowerUserAccess" {
		t.Errorf("boundary = %+v", got.Boundary)
	}
	if d := cmp.Diff(map[string]string{"team": "blue"}, caller.Principal.Tags); d != "" {
		t.Errorf("tags (-want +got):\n%s", d)
	}
	if got.HasSession || got.Session != nil {
		t.Error("a user has no session policies")
	}
}

func TestIdentityOfARoleSessionIsTheRolesWithTheSessionsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.newRole("deploy", trustEC2)
	must[awsiam.PutRolePolicyOutput](w, "PutRolePolicy", &awsiam.PutRolePolicyInput{RoleName: r.RoleName, PolicyName: aws.String("p"), PolicyDocument: aws.String(allowKMS)})
	must[awsiam.TagRoleOutput](w, "TagRole", &awsiam.TagRoleInput{RoleName: r.RoleName, Tags: []types.Tag{
		{Key: aws.String("Team"), Value: aws.String("role's")}, {Key: aws.String("stage"), Value: aws.String("test")},
	}})
	caller := api.Caller{
		Principal: access.Principal{
			Type: access.RoleSession, Partition: "aws", Account: account, RoleARN: *r.Arn, RoleID: *r.RoleId,
			ARN: "arn:aws:sts::" + account + ":assumed-role/deploy/x", UserID: *r.RoleId + ":x", Tags: map[string]string{"team": "session's"},
		},
		HasSession: true, SessionPolicies: []api.SessionPolicy{{Name: "inline session policy", Document: allowS3}},
	}
	got, caller, err := w.identity(caller)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"inline policy p of role deploy"}, names(got.Identity)); d != "" {
		t.Errorf("identity policies (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"inline session policy"}, names(got.Session)); d != "" || !got.HasSession {
		t.Errorf("session policies (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]string{"team": "session's", "stage": "test"}, caller.Principal.Tags); d != "" {
		t.Errorf("tags (-want +got):\n%s", d)
	}
	stale := caller
	stale.Principal.RoleID = "AROAAAAAAAAAAAAAAAAAA"
	if _, _, err := w.identity(stale); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the session of a role that was deleted and made anew: error %v, want store.ErrNotFound", err)
	}
}

func TestIdentityOfWhoHasNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, caller := range map[string]api.Caller{
		"the root user":             rootCaller(account),
		"a service":                 {Principal: access.Principal{Type: access.Service, ServicePrincipal: "ec2.amazonaws.com"}},
		"the infrastructure's role": {Principal: access.Principal{Type: access.RoleSession, Account: account, IdentityOnly: true}},
	} {
		got, _, err := w.identity(caller)
		if err != nil || len(got.Identity) > 0 || got.Boundary != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestIdentityOfADeletedUserIsNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller := w.newUser("test")
	must[awsiam.DeleteUserOutput](w, "DeleteUser", &awsiam.DeleteUserInput{UserName: aws.String("test")})
	w.newUser("test")
	if _, _, err := w.identity(caller); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("error %v, want store.ErrNotFound", err)
	}
}

func TestIdentityFollowsARename(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller := w.newUser("test")
	must[awsiam.AttachUserPolicyOutput](w, "AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: aws.String(ec2Full)})
	must[awsiam.UpdateUserOutput](w, "UpdateUser", &awsiam.UpdateUserInput{UserName: aws.String("test"), NewUserName: aws.String("other"), NewPath: aws.String("/dev/")})
	got, _, err := w.identity(caller)
	if err != nil || len(got.Identity) != 1 {
		t.Errorf("%v, %v", names(got.Identity), err)
	}
}

// The document that answers carry is the one that was given, escaped.
func TestDocumentsComeBackEscaped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("test")
	document := "{\n \"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": [\"apigateway:PUT\"],\n \"Resource\": [\"arn:aws:apigateway:us-east-1::/tags/arn%3Aaws%3Aapigateway*\"]}]}"
	must[awsiam.PutUserPolicyOutput](w, "PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: aws.String("test"), PolicyName: aws.String("p"), PolicyDocument: &document})
	out := must[awsiam.GetUserPolicyOutput](w, "GetUserPolicy", &awsiam.GetUserPolicyInput{UserName: aws.String("test"), PolicyName: aws.String("p")})
	plain, err := url.PathUnescape(*out.PolicyDocument)
	if err != nil || plain != document {
		t.Errorf("%q, %v", plain, err)
	}
	for _, c := range *out.PolicyDocument {
		if c == '+' || c == '"' || c == ' ' || c == '*' {
			t.Fatalf("%q is not escaped", c)
		}
	}
}

func BenchmarkIdentity(b *testing.B) {
	w := newWorld(b)
	caller := w.newUser("test")
	must[awsiam.PutUserPolicyOutput](w, "PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: aws.String("test"), PolicyName: aws.String("p"), PolicyDocument: aws.String(allowKMS)})
	must[awsiam.AttachUserPolicyOutput](w, "AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: aws.String(ec2Full)})
	err := w.store.View(context.Background(), func(tx store.Tx) error {
		b.ReportAllocs()
		for b.Loop() {
			c := caller
			if _, err := w.iam.Identity(tx, &c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkCredential(b *testing.B) {
	w := newWorld(b)
	w.newUser("test")
	key := must[awsiam.CreateAccessKeyOutput](w, "CreateAccessKey", &awsiam.CreateAccessKeyInput{UserName: aws.String("test")}).AccessKey
	err := w.store.View(context.Background(), func(tx store.Tx) error {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.iam.Credential(tx, *key.AccessKeyId); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
