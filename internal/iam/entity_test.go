package iam_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// TestDeletionsWaitForWhatRefersToThem makes each thing that may be in the way,
// sees the deletion refused in AWS's words, and takes it away again.
func TestDeletionsWaitForWhatRefersToThem(t *testing.T) {
	t.Parallel()
	name, policyName := aws.String("test"), aws.String("p")
	deleteUser := step{"DeleteUser", &awsiam.DeleteUserInput{UserName: name}}
	deleteGroup := step{"DeleteGroup", &awsiam.DeleteGroupInput{GroupName: name}}
	deleteRole := step{"DeleteRole", &awsiam.DeleteRoleInput{RoleName: name}}
	for rule, row := range map[string]struct {
		delete    step
		put, away step
		message   string
	}{
		"a user with an attached policy": {
			deleteUser,
			step{"AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: name, PolicyArn: aws.String(ec2Full)}},
			step{"DetachUserPolicy", &awsiam.DetachUserPolicyInput{UserName: name, PolicyArn: aws.String(ec2Full)}},
			"Cannot delete entity, must detach all policies first.",
		},
		"a user with an inline policy": {
			deleteUser,
			step{"PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: name, PolicyName: policyName, PolicyDocument: aws.String(allowS3)}},
			step{"DeleteUserPolicy", &awsiam.DeleteUserPolicyInput{UserName: name, PolicyName: policyName}},
			"Cannot delete entity, must delete policies first.",
		},
		"a user in a group": {
			deleteUser,
			step{"AddUserToGroup", &awsiam.AddUserToGroupInput{UserName: name, GroupName: name}},
			step{"RemoveUserFromGroup", &awsiam.RemoveUserFromGroupInput{UserName: name, GroupName: name}},
			"Cannot delete entity, must remove users from group first.",
		},
		"a group with a user": {
			deleteGroup,
			step{"AddUserToGroup", &awsiam.AddUserToGroupInput{UserName: name, GroupName: name}},
			step{"RemoveUserFromGroup", &awsiam.RemoveUserFromGroupInput{UserName: name, GroupName: name}},
			"Cannot delete entity, must remove users from group first.",
		},
		"a group with an attached policy": {
			deleteGroup,
			step{"AttachGroupPolicy", &awsiam.AttachGroupPolicyInput{GroupName: name, PolicyArn: aws.String(ec2Full)}},
			step{"DetachGroupPolicy", &awsiam.DetachGroupPolicyInput{GroupName: name, PolicyArn: aws.String(ec2Full)}},
			"Cannot delete entity, must detach all policies first.",
		},
		"a group with an inline policy": {
			deleteGroup,
			step{"PutGroupPolicy", &awsiam.PutGroupPolicyInput{GroupName: name, PolicyName: policyName, PolicyDocument: aws.String(allowS3)}},
			step{"DeleteGroupPolicy", &awsiam.DeleteGroupPolicyInput{GroupName: name, PolicyName: policyName}},
			"Cannot delete entity, must delete policies first.",
		},
		"a role with an attached policy": {
			deleteRole,
			step{"AttachRolePolicy", &awsiam.AttachRolePolicyInput{RoleName: name, PolicyArn: aws.String(ec2Full)}},
			step{"DetachRolePolicy", &awsiam.DetachRolePolicyInput{RoleName: name, PolicyArn: aws.String(ec2Full)}},
			"Cannot delete entity, must detach all policies first.",
		},
		"a role with an inline policy": {
			deleteRole,
			step{"PutRolePolicy", &awsiam.PutRolePolicyInput{RoleName: name, PolicyName: policyName, PolicyDocument: aws.String(allowS3)}},
			step{"DeleteRolePolicy", &awsiam.DeleteRolePolicyInput{RoleName: name, PolicyName: policyName}},
			"Cannot delete entity, must delete policies first.",
		},
		"a role in an instance profile": {
			deleteRole,
			step{"AddRoleToInstanceProfile", &awsiam.AddRoleToInstanceProfileInput{RoleName: name, InstanceProfileName: name}},
			step{"RemoveRoleFromInstanceProfile", &awsiam.RemoveRoleFromInstanceProfileInput{RoleName: name, InstanceProfileName: name}},
			"Cannot delete entity, must remove roles from instance profile first.",
		},
		"an instance profile with a role": {
			step{"DeleteInstanceProfile", &awsiam.DeleteInstanceProfileInput{InstanceProfileName: name}},
			step{"AddRoleToInstanceProfile", &awsiam.AddRoleToInstanceProfileInput{RoleName: name, InstanceProfileName: name}},
			step{"RemoveRoleFromInstanceProfile", &awsiam.RemoveRoleFromInstanceProfileInput{RoleName: name, InstanceProfileName: name}},
			"Cannot delete entity, must remove roles from instance profile first.",
		},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.newUser("test")
			w.newRole("test", trustEC2)
			w.do(step{"CreateGroup", &awsiam.CreateGroupInput{GroupName: name}})
			w.do(step{"CreateInstanceProfile", &awsiam.CreateInstanceProfileInput{InstanceProfileName: name}})
			w.do(row.put)
			w.fails(row.delete.operation, row.delete.in, "DeleteConflict", row.message)
			w.do(row.away)
			w.do(row.delete)
			_, _, err := w.run(rootCaller(account), row.delete.operation, row.delete.in)
			if err == nil {
				t.Error("deleted twice")
			}
		})
	}
}

// step is one operation.
type step struct {
	operation string
	in        any
}

func (w *world) do(s step) any {
	w.t.Helper()
	out, _, err := w.run(rootCaller(account), s.operation, s.in)
	if err != nil {
		w.t.Fatalf("%s: %v", s.operation, err)
	}
	return out
}

func TestNamesAreUniqueWithoutRegardToCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("Test")
	w.newRole("Test", trustEC2)
	w.newPolicy("Test", allowS3)
	w.do(step{"CreateGroup", &awsiam.CreateGroupInput{GroupName: aws.String("Test")}})
	w.do(step{"CreateInstanceProfile", &awsiam.CreateInstanceProfileInput{InstanceProfileName: aws.String("Test")}})
	const code = "EntityAlreadyExists"
	w.fails("CreateUser", &awsiam.CreateUserInput{UserName: aws.String("test")}, code, "User with name test already exists.")
	w.fails("CreateRole", &awsiam.CreateRoleInput{RoleName: aws.String("test"), AssumeRolePolicyDocument: aws.String(trustEC2)}, code, "Role with name test already exists.")
	w.fails("CreateGroup", &awsiam.CreateGroupInput{GroupName: aws.String("test")}, code, "Group with name test already exists.")
	w.fails("CreatePolicy", &awsiam.CreatePolicyInput{PolicyName: aws.String("test"), PolicyDocument: aws.String(allowS3)}, code, "A policy called test already exists. Duplicate names are not allowed.")
	w.fails("CreateInstanceProfile", &awsiam.CreateInstanceProfileInput{InstanceProfileName: aws.String("test")}, code, "Instance Profile test already exists.")
	w.fails("GetUser", &awsiam.GetUserInput{UserName: aws.String("test")}, "NoSuchEntity", "The user with name test cannot be found.")
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("test")
	x := aws.String("x")
	user := aws.String("test")
	own := "arn:aws:iam::123456789012:policy/x"
	for message, s := range map[string]step{
		"The user with name x cannot be found.":                                   {"GetUser", &awsiam.GetUserInput{UserName: x}},
		"The group with name x cannot be found.":                                  {"GetGroup", &awsiam.GetGroupInput{GroupName: x}},
		"The role with name x cannot be found.":                                   {"GetRole", &awsiam.GetRoleInput{RoleName: x}},
		"Instance Profile x cannot be found.":                                     {"GetInstanceProfile", &awsiam.GetInstanceProfileInput{InstanceProfileName: x}},
		"The user policy with name x cannot be found.":                            {"GetUserPolicy", &awsiam.GetUserPolicyInput{UserName: user, PolicyName: x}},
		"The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found.":            {"DeleteAccessKey", &awsiam.DeleteAccessKeyInput{UserName: user, AccessKeyId: aws.String("AKIAIOSFODNN7EXAMPLE")}},
		"Policy " + own + " was not found.":                                       {"GetPolicy", &awsiam.GetPolicyInput{PolicyArn: &own}},
		"Policy " + own + " does not exist or is not attachable.":                 {"AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: user, PolicyArn: &own}},
		"Policy " + ec2Full + " was not found.":                                   {"DetachUserPolicy", &awsiam.DetachUserPolicyInput{UserName: user, PolicyArn: aws.String(ec2Full)}},
		"Policy " + ec2Full + " version v77 does not exist or is not attachable.": {"GetPolicyVersion", &awsiam.GetPolicyVersionInput{PolicyArn: aws.String(ec2Full), VersionId: aws.String("v77")}},
		"The account alias x cannot be found.":                                    {"DeleteAccountAlias", &awsiam.DeleteAccountAliasInput{AccountAlias: x}},
	} {
		w.fails(s.operation, s.in, "NoSuchEntity", message)
	}
}

func TestListingsPageByNameAndPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, n := range []string{"eve", "Bob", "alice", "dan", "carol"} {
		path := "/"
		if n != "dan" {
			path = "/people/" + n[:1] + "/"
		}
		w.do(step{"CreateUser", &awsiam.CreateUserInput{UserName: &n, Path: &path}})
	}
	var got []string
	var marker *string
	for range 10 {
		out := must[awsiam.ListUsersOutput](w, "ListUsers", &awsiam.ListUsersInput{PathPrefix: aws.String("/people/"), MaxItems: aws.Int32(2), Marker: marker})
		for _, u := range out.Users {
			got = append(got, *u.UserName)
		}
		if out.IsTruncated != (out.Marker != nil) {
			t.Fatal("IsTruncated and Marker disagree")
		}
		if marker = out.Marker; marker == nil {
			break
		}
	}
	if d := cmp.Diff([]string{"alice", "Bob", "carol", "eve"}, got); d != "" {
		t.Errorf("names (-want +got):\n%s", d)
	}
	w.fails("ListUsers", &awsiam.ListUsersInput{Marker: aws.String("!")}, "ValidationError", "Invalid Marker.")
}

func TestAMarkerOutlivesItsItem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, n := range []string{"a", "b", "c"} {
		w.newUser(n)
	}
	out := must[awsiam.ListUsersOutput](w, "ListUsers", &awsiam.ListUsersInput{MaxItems: aws.Int32(2)})
	w.do(step{"DeleteUser", &awsiam.DeleteUserInput{UserName: aws.String("b")}})
	out = must[awsiam.ListUsersOutput](w, "ListUsers", &awsiam.ListUsersInput{Marker: out.Marker})
	if len(out.Users) != 1 || *out.Users[0].UserName != "c" {
		t.Errorf("users = %v", out.Users)
	}
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("test")
	user := aws.String("test")
	for i := range 10 {
		arn := w.newPolicy(fmt.Sprintf("p%d", i), allowS3)
		w.do(step{"AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: user, PolicyArn: &arn}})
		g := aws.String(fmt.Sprintf("g%d", i))
		w.do(step{"CreateGroup", &awsiam.CreateGroupInput{GroupName: g}})
		w.do(step{"AddUserToGroup", &awsiam.AddUserToGroupInput{GroupName: g, UserName: user}})
	}
	// What is there already does not count again.
	w.do(step{"AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: user, PolicyArn: aws.String("arn:aws:iam::123456789012:policy/p0")}})
	w.do(step{"CreateGroup", &awsiam.CreateGroupInput{GroupName: aws.String("more")}})
	for range 2 {
		w.do(step{"CreateAccessKey", &awsiam.CreateAccessKeyInput{UserName: user}})
	}
	const code = "LimitExceeded"
	w.fails("AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: user, PolicyArn: aws.String(ec2Full)}, code, "Cannot exceed quota for PoliciesPerUser: 10")
	w.fails("AddUserToGroup", &awsiam.AddUserToGroupInput{GroupName: aws.String("more"), UserName: user}, code, "Cannot exceed quota for GroupsPerUser: 10")
	w.fails("CreateAccessKey", &awsiam.CreateAccessKeyInput{UserName: user}, code, "Cannot exceed quota for AccessKeysPerUser: 2")
	long := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::` + strings.Repeat("x", 2000) + `"}]}`
	w.fails("PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: user, PolicyName: aws.String("long"), PolicyDocument: &long}, code, "Maximum policy size of 2048 bytes exceeded for user test")
	// White space does not count.
	wide := strings.Replace(allowS3, ",", ","+strings.Repeat(" \n\t", 1000), 1)
	w.do(step{"PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: user, PolicyName: aws.String("wide"), PolicyDocument: &wide}})
	huge := strings.Replace(long, "x", strings.Repeat("x", 5000), 1)
	w.fails("CreatePolicy", &awsiam.CreatePolicyInput{PolicyName: aws.String("huge"), PolicyDocument: &huge}, code, "Cannot exceed quota for PolicySize: 6144")
	w.newRole("r", trustEC2)
	w.do(step{"CreateInstanceProfile", &awsiam.CreateInstanceProfileInput{InstanceProfileName: aws.String("i")}})
	w.do(step{"AddRoleToInstanceProfile", &awsiam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("i"), RoleName: aws.String("r")}})
	w.fails("AddRoleToInstanceProfile", &awsiam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("i"), RoleName: aws.String("r")}, code, "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
}

func TestAnAccountIsFullAtItsQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 300 {
		w.do(step{"CreateGroup", &awsiam.CreateGroupInput{GroupName: aws.String(fmt.Sprint("g", i))}})
	}
	w.fails("CreateGroup", &awsiam.CreateGroupInput{GroupName: aws.String("more")}, "LimitExceeded", "Cannot exceed quota for GroupsPerAccount: 300")
	w.do(step{"DeleteGroup", &awsiam.DeleteGroupInput{GroupName: aws.String("g7")}})
	w.do(step{"CreateGroup", &awsiam.CreateGroupInput{GroupName: aws.String("more")}})
}

func TestTagsOfUsersFoldCaseAndThoseOfPoliciesDoNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("test")
	arn := w.newPolicy("p", allowS3)
	set := func(keys ...string) []types.Tag {
		var out []types.Tag
		for _, k := range keys {
			out = append(out, types.Tag{Key: &k, Value: aws.String("v" + k)})
		}
		return out
	}
	w.do(step{"TagUser", &awsiam.TagUserInput{UserName: aws.String("test"), Tags: set("Team")}})
	w.do(step{"TagUser", &awsiam.TagUserInput{UserName: aws.String("test"), Tags: set("team", "a")}})
	got := must[awsiam.ListUserTagsOutput](w, "ListUserTags", &awsiam.ListUserTagsInput{UserName: aws.String("test")})
	if d := cmp.Diff([]string{"a=va", "team=vteam"}, flat(got.Tags)); d != "" {
		t.Errorf("user's tags (-want +got):\n%s", d)
	}
	w.do(step{"TagPolicy", &awsiam.TagPolicyInput{PolicyArn: &arn, Tags: set("Team", "team")[:1]}})
	w.do(step{"TagPolicy", &awsiam.TagPolicyInput{PolicyArn: &arn, Tags: set("team")}})
	policyTags := must[awsiam.ListPolicyTagsOutput](w, "ListPolicyTags", &awsiam.ListPolicyTagsInput{PolicyArn: &arn})
	if d := cmp.Diff([]string{"Team=vTeam", "team=vteam"}, flat(policyTags.Tags)); d != "" {
		t.Errorf("policy's tags (-want +got):\n%s", d)
	}
	w.fails("TagUser", &awsiam.TagUserInput{UserName: aws.String("test"), Tags: set("x", "X")}, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
	w.do(step{"UntagUser", &awsiam.UntagUserInput{UserName: aws.String("test"), TagKeys: []string{"TEAM", "absent"}}})
	got = must[awsiam.ListUserTagsOutput](w, "ListUserTags", &awsiam.ListUserTagsInput{UserName: aws.String("test")})
	if d := cmp.Diff([]string{"a=va"}, flat(got.Tags)); d != "" {
		t.Errorf("tags left (-want +got):\n%s", d)
	}
	var many []string
	for i := range 50 {
		many = append(many, fmt.Sprint("k", i))
	}
	w.fails("TagUser", &awsiam.TagUserInput{UserName: aws.String("test"), Tags: set(many...)}, "LimitExceeded", "The number of tags has reached the maximum limit.")
}

func flat(list []types.Tag) []string {
	var out []string
	for _, v := range list {
		out = append(out, *v.Key+"="+*v.Value)
	}
	return out
}

func TestAccessKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller := w.newUser("test")
	key := mustAs[awsiam.CreateAccessKeyOutput](w, caller, "CreateAccessKey", &awsiam.CreateAccessKeyInput{}).AccessKey
	if len(*key.AccessKeyId) != 20 || !strings.HasPrefix(*key.AccessKeyId, "AKIA") || len(*key.SecretAccessKey) != 40 || *key.UserName != "test" {
		t.Fatalf("key = %+v", key)
	}
	credential := func() (out api.Credential, err error) {
		w.view(func(tx store.Tx) error { out, err = w.iam.Credential(tx, *key.AccessKeyId); return nil })
		return out, err
	}
	got, err := credential()
	want := api.Credential{Secret: *key.SecretAccessKey, Active: true, Principal: caller.Principal, CreatedAt: *key.CreateDate}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Fatalf("credential: %v\n%s", err, d)
	}
	mustAs[awsiam.UpdateAccessKeyOutput](w, caller, "UpdateAccessKey", &awsiam.UpdateAccessKeyInput{AccessKeyId: key.AccessKeyId, Status: types.StatusTypeInactive})
	if got, _ := credential(); got.Active {
		t.Error("an inactive key is active")
	}
	w.do(step{"UpdateUser", &awsiam.UpdateUserInput{UserName: aws.String("test"), NewUserName: aws.String("renamed")}})
	if got, err := credential(); err != nil || got.Principal.ARN != "arn:aws:iam::123456789012:user/renamed" {
		t.Errorf("after a rename: %+v, %v", got.Principal, err)
	}
	used := must[awsiam.GetAccessKeyLastUsedOutput](w, "GetAccessKeyLastUsed", &awsiam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId})
	if *used.AccessKeyLastUsed.ServiceName != "N/A" || *used.AccessKeyLastUsed.Region != "N/A" || *used.UserName != "renamed" {
		t.Errorf("unused key: %+v", used.AccessKeyLastUsed)
	}
	err = w.store.Update(t.Context(), func(tx store.Tx) error { return w.iam.TouchAccessKey(tx, *key.AccessKeyId, "ec2", "eu-west-1", start) })
	if err != nil {
		t.Fatal(err)
	}
	used = must[awsiam.GetAccessKeyLastUsedOutput](w, "GetAccessKeyLastUsed", &awsiam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId})
	if *used.AccessKeyLastUsed.ServiceName != "ec2" || !used.AccessKeyLastUsed.LastUsedDate.Equal(start) {
		t.Errorf("used key: %+v", used.AccessKeyLastUsed)
	}
	other := w.newUser("other")
	w.failsAs(other, "DeleteAccessKey", &awsiam.DeleteAccessKeyInput{AccessKeyId: key.AccessKeyId}, "NoSuchEntity", "The Access Key with id "+*key.AccessKeyId+" cannot be found.")
	w.fails("DeleteUser", &awsiam.DeleteUserInput{UserName: aws.String("renamed")}, "DeleteConflict", "Cannot delete entity, must delete access keys first.")
	w.do(step{"DeleteAccessKey", &awsiam.DeleteAccessKeyInput{UserName: aws.String("renamed"), AccessKeyId: key.AccessKeyId}})
	if _, err := credential(); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a deleted key: %v", err)
	}
}

func TestRootKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	put := func(id, secret string) {
		if err := w.store.Update(t.Context(), func(tx store.Tx) error { return w.iam.PutRootKey(tx, account, id, secret) }); err != nil {
			t.Fatal(err)
		}
	}
	const one, two = "AKIAROOTROOTROOTROOT", "AKIAOTHEROTHEROTHER2"
	put(one, "first")
	own := *must[awsiam.CreateAccessKeyOutput](w, "CreateAccessKey", &awsiam.CreateAccessKeyInput{}).AccessKey.AccessKeyId
	put(one, "second")
	find := func(id string) (out api.Credential, err error) {
		w.view(func(tx store.Tx) error { out, err = w.iam.Credential(tx, id); return nil })
		return out, err
	}
	got, err := find(one)
	if err != nil || got.Secret != "second" || !got.Active || got.Principal.Type != access.Root || got.Principal.UserID != account {
		t.Errorf("%+v, %v", got.Principal, err)
	}
	put(two, "third")
	if _, err := find(one); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the key given before: %v", err)
	}
	for _, id := range []string{two, own} {
		if got, err := find(id); err != nil || got.Principal.Type != access.Root {
			t.Errorf("%s: %+v, %v", id, got.Principal, err)
		}
	}
	out := must[awsiam.GetUserOutput](w, "GetUser", &awsiam.GetUserInput{})
	if *out.User.Arn != "arn:aws:iam::123456789012:root" || *out.User.UserId != account || out.User.UserName != nil || out.User.CreateDate == nil {
		t.Errorf("root = %+v", out.User)
	}
}

func TestGetUserWithoutNameIsTheCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller := w.newUser("test")
	out, needs, err := w.run(caller, "GetUser", &awsiam.GetUserInput{})
	if err != nil || *out.(*awsiam.GetUserOutput).User.UserName != "test" || needs[0].Resource != caller.Principal.ARN {
		t.Errorf("%v, %+v, %v", out, needs, err)
	}
	session := api.Caller{Principal: access.Principal{Type: access.RoleSession, Account: account, ARN: "arn:aws:sts::123456789012:assumed-role/r/s"}}
	w.failsAs(session, "GetUser", &awsiam.GetUserInput{}, "ValidationError", "Must specify userName when calling with non-User credentials")
}
