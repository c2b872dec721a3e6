package iam_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

func TestGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, n := range []string{"b", "a"} {
		w.do(step{"CreateGroup", &awsiam.CreateGroupInput{GroupName: &n, Path: aws.String("/team/")}})
	}
	for _, n := range []string{"eve", "bob"} {
		w.newUser(n)
		for _, g := range []string{"a", "b"} {
			w.do(step{"AddUserToGroup", &awsiam.AddUserToGroupInput{GroupName: &g, UserName: &n}})
		}
	}
	// Being put in twice is no error, and counts once.
	w.do(step{"AddUserToGroup", &awsiam.AddUserToGroupInput{GroupName: aws.String("a"), UserName: aws.String("bob")}})
	w.do(step{"UpdateGroup", &awsiam.UpdateGroupInput{GroupName: aws.String("a"), NewGroupName: aws.String("z"), NewPath: aws.String("/")}})
	got := must[awsiam.GetGroupOutput](w, "GetGroup", &awsiam.GetGroupInput{GroupName: aws.String("z")})
	if *got.Group.Arn != "arn:aws:iam::123456789012:group/z" || len(got.Users) != 2 || *got.Users[0].UserName != "bob" || *got.Users[1].UserName != "eve" {
		t.Errorf("after a rename: %+v", got)
	}
	w.fails("UpdateGroup", &awsiam.UpdateGroupInput{GroupName: aws.String("z"), NewGroupName: aws.String("B")}, "EntityAlreadyExists", "Group with name B already exists.")
	in := must[awsiam.ListGroupsForUserOutput](w, "ListGroupsForUser", &awsiam.ListGroupsForUserInput{UserName: aws.String("bob")})
	if len(in.Groups) != 2 || *in.Groups[0].GroupName != "b" || *in.Groups[1].GroupName != "z" {
		t.Errorf("groups of a user: %+v", in.Groups)
	}
	listed := must[awsiam.ListGroupsOutput](w, "ListGroups", &awsiam.ListGroupsInput{PathPrefix: aws.String("/team/")})
	if len(listed.Groups) != 1 || *listed.Groups[0].GroupName != "b" {
		t.Errorf("groups of a path: %+v", listed.Groups)
	}
	if needs := w.needs(step{"UpdateGroup", &awsiam.UpdateGroupInput{GroupName: aws.String("b"), NewPath: aws.String("/")}}); len(needs) != 2 || needs[1].Resource != "arn:aws:iam::123456789012:group/b" {
		t.Errorf("a move needs %+v", needs)
	}
}

func TestInstanceProfiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newRole("r", trustEC2)
	for _, n := range []string{"b", "a"} {
		w.do(step{"CreateInstanceProfile", &awsiam.CreateInstanceProfileInput{InstanceProfileName: &n, Path: aws.String("/" + n + "/")}})
	}
	w.do(step{"AddRoleToInstanceProfile", &awsiam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("b"), RoleName: aws.String("r")}})
	w.do(step{"TagInstanceProfile", &awsiam.TagInstanceProfileInput{InstanceProfileName: aws.String("b"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}})
	got := must[awsiam.GetInstanceProfileOutput](w, "GetInstanceProfile", &awsiam.GetInstanceProfileInput{InstanceProfileName: aws.String("b")}).InstanceProfile
	if *got.Arn != "arn:aws:iam::123456789012:instance-profile/b/b" || len(got.Roles) != 1 || *got.Roles[0].RoleName != "r" || flat(got.Tags)[0] != "k=v" {
		t.Errorf("%+v", got)
	}
	all := must[awsiam.ListInstanceProfilesOutput](w, "ListInstanceProfiles", &awsiam.ListInstanceProfilesInput{MaxItems: aws.Int32(1)})
	if len(all.InstanceProfiles) != 1 || *all.InstanceProfiles[0].InstanceProfileName != "a" || !all.IsTruncated {
		t.Errorf("%+v", all)
	}
	of := must[awsiam.ListInstanceProfilesForRoleOutput](w, "ListInstanceProfilesForRole", &awsiam.ListInstanceProfilesForRoleInput{RoleName: aws.String("r")})
	if len(of.InstanceProfiles) != 1 || *of.InstanceProfiles[0].InstanceProfileName != "b" || of.InstanceProfiles[0].Tags != nil {
		t.Errorf("%+v", of)
	}
	w.do(step{"UntagInstanceProfile", &awsiam.UntagInstanceProfileInput{InstanceProfileName: aws.String("b"), TagKeys: []string{"k"}}})
	if left := must[awsiam.ListInstanceProfileTagsOutput](w, "ListInstanceProfileTags", &awsiam.ListInstanceProfileTagsInput{InstanceProfileName: aws.String("b")}); len(left.Tags) != 0 {
		t.Errorf("tags left: %v", flat(left.Tags))
	}
	w.fails("RemoveRoleFromInstanceProfile", &awsiam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: aws.String("a"), RoleName: aws.String("r")}, "NoSuchEntity", "The role with name r cannot be found.")
}

func TestInlinePoliciesOfEveryKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := aws.String("x")
	w.newUser("x")
	w.newRole("x", trustEC2)
	w.do(step{"CreateGroup", &awsiam.CreateGroupInput{GroupName: name}})
	p, document := aws.String("p"), aws.String(allowS3)
	for _, s := range []step{
		{"PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: name, PolicyName: p, PolicyDocument: document}},
		{"PutGroupPolicy", &awsiam.PutGroupPolicyInput{GroupName: name, PolicyName: p, PolicyDocument: document}},
		{"PutRolePolicy", &awsiam.PutRolePolicyInput{RoleName: name, PolicyName: p, PolicyDocument: document}},
	} {
		w.do(s)
		w.do(s) // in place of itself
	}
	lists := [][]string{
		must[awsiam.ListUserPoliciesOutput](w, "ListUserPolicies", &awsiam.ListUserPoliciesInput{UserName: name}).PolicyNames,
		must[awsiam.ListGroupPoliciesOutput](w, "ListGroupPolicies", &awsiam.ListGroupPoliciesInput{GroupName: name}).PolicyNames,
		must[awsiam.ListRolePoliciesOutput](w, "ListRolePolicies", &awsiam.ListRolePoliciesInput{RoleName: name}).PolicyNames,
	}
	if d := cmp.Diff([][]string{{"p"}, {"p"}, {"p"}}, lists); d != "" {
		t.Errorf("names (-want +got):\n%s", d)
	}
	group := must[awsiam.GetGroupPolicyOutput](w, "GetGroupPolicy", &awsiam.GetGroupPolicyInput{GroupName: name, PolicyName: p})
	role := must[awsiam.GetRolePolicyOutput](w, "GetRolePolicy", &awsiam.GetRolePolicyInput{RoleName: name, PolicyName: p})
	if *group.PolicyDocument != *role.PolicyDocument || *group.GroupName != "x" || *role.RoleName != "x" {
		t.Errorf("%+v, %+v", group, role)
	}
}

func TestRolesChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := *w.newRole("r", trustEC2).RoleId
	name := aws.String("r")
	w.do(step{"UpdateRole", &awsiam.UpdateRoleInput{RoleName: name, MaxSessionDuration: aws.Int32(7200)}})
	w.do(step{"UpdateRoleDescription", &awsiam.UpdateRoleDescriptionInput{RoleName: name, Description: aws.String("d")}})
	next := trusting(`"*"`)
	w.do(step{"UpdateAssumeRolePolicy", &awsiam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: &next}})
	w.do(step{"TagRole", &awsiam.TagRoleInput{RoleName: name, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}})
	w.do(step{"UntagRole", &awsiam.UntagRoleInput{RoleName: name, TagKeys: []string{"K"}}})
	w.do(step{"PutRolePermissionsBoundary", &awsiam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: aws.String(ec2Full)}})
	if err := w.store.Update(t.Context(), func(tx store.Tx) error { return w.iam.TouchRole(tx, account, id, "eu-west-1", start) }); err != nil {
		t.Fatal(err)
	}
	r := must[awsiam.GetRoleOutput](w, "GetRole", &awsiam.GetRoleInput{RoleName: name}).Role
	if *r.MaxSessionDuration != 7200 || *r.Description != "d" || w.trustOf("r") != next || r.Tags != nil || *r.RoleLastUsed.Region != "eu-west-1" || r.PermissionsBoundary == nil {
		t.Errorf("%+v", r)
	}
	w.do(step{"DeleteRolePermissionsBoundary", &awsiam.DeleteRolePermissionsBoundaryInput{RoleName: name}})
	if r := must[awsiam.GetRoleOutput](w, "GetRole", &awsiam.GetRoleInput{RoleName: name}).Role; r.PermissionsBoundary != nil {
		t.Error("the boundary is still there")
	}
}

func TestAPolicyThatIsABoundaryStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("x")
	own := w.newPolicy("p", allowS3)
	w.do(step{"PutUserPermissionsBoundary", &awsiam.PutUserPermissionsBoundaryInput{UserName: aws.String("x"), PermissionsBoundary: &own}})
	w.fails("DeletePolicy", &awsiam.DeletePolicyInput{PolicyArn: &own}, "DeleteConflict", "Cannot delete a policy attached to entities.")
	entities := must[awsiam.ListEntitiesForPolicyOutput](w, "ListEntitiesForPolicy", &awsiam.ListEntitiesForPolicyInput{PolicyArn: &own, PolicyUsageFilter: types.PolicyUsageTypePermissionsBoundary})
	if len(entities.PolicyUsers) != 1 {
		t.Errorf("%+v", entities)
	}
	w.do(step{"DeleteUserPermissionsBoundary", &awsiam.DeleteUserPermissionsBoundaryInput{UserName: aws.String("x")}})
	w.do(step{"DeletePolicy", &awsiam.DeletePolicyInput{PolicyArn: &own}})
}

func TestVersionsPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.newPolicy("p", allowS3)
	for range 4 {
		w.do(step{"CreatePolicyVersion", &awsiam.CreatePolicyVersionInput{PolicyArn: &own, PolicyDocument: aws.String(allowS3)}})
	}
	first := must[awsiam.ListPolicyVersionsOutput](w, "ListPolicyVersions", &awsiam.ListPolicyVersionsInput{PolicyArn: &own, MaxItems: aws.Int32(2)})
	w.do(step{"DeletePolicyVersion", &awsiam.DeletePolicyVersionInput{PolicyArn: &own, VersionId: first.Versions[1].VersionId}})
	rest := must[awsiam.ListPolicyVersionsOutput](w, "ListPolicyVersions", &awsiam.ListPolicyVersionsInput{PolicyArn: &own, Marker: first.Marker})
	var got []string
	for _, v := range slices.Concat(first.Versions, rest.Versions) {
		got = append(got, *v.VersionId)
	}
	if d := cmp.Diff([]string{"v5", "v4", "v3", "v2", "v1"}, got); d != "" {
		t.Errorf("versions (-want +got):\n%s", d)
	}
}

func TestIdentityOfAFederatedUserIsItsUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user := w.newUser("test")
	w.do(step{"AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: aws.String(ec2Full)}})
	caller := api.Caller{IssuerID: user.Principal.UserID, Principal: access.Principal{
		Type: access.FederatedUser, Partition: "aws", Account: account, ARN: "arn:aws:sts::123456789012:federated-user/bob", UserARN: user.Principal.ARN,
	}}
	got, _, err := w.identity(caller)
	if err != nil || len(got.Identity) != 1 || got.HasSession {
		t.Errorf("%v, %v", names(got.Identity), err)
	}
	caller.IssuerID = "AIDAAAAAAAAAAAAAAAAAA"
	if _, _, err := w.identity(caller); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of a user that is gone: %v", err)
	}
}

func TestSimulateCustomPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := &awsiam.SimulateCustomPolicyInput{
		ActionNames: []string{"s3:GetObject", "s3:PutObject"}, ResourceArns: []string{"arn:aws:s3:::b/x"}, PolicyInputList: []string{allowS3},
	}
	decisions := func() (out []string) {
		for _, r := range must[awsiam.SimulateCustomPolicyOutput](w, "SimulateCustomPolicy", in).EvaluationResults {
			out = append(out, string(r.EvalDecision))
		}
		return out
	}
	if d := cmp.Diff([]string{"allowed", "implicitDeny"}, decisions()); d != "" {
		t.Errorf("identity policy (-want +got):\n%s", d)
	}
	in.PermissionsBoundaryPolicyInputList = []string{allowKMS}
	if d := cmp.Diff([]string{"implicitDeny", "implicitDeny"}, decisions()); d != "" {
		t.Errorf("with a boundary (-want +got):\n%s", d)
	}
	in.PermissionsBoundaryPolicyInputList = nil
	in.PolicyInputList = append(in.PolicyInputList, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`)
	if d := cmp.Diff([]string{"explicitDeny", "explicitDeny"}, decisions()); d != "" {
		t.Errorf("with a denial (-want +got):\n%s", d)
	}
	in.PolicyInputList = []string{"{"}
	w.fails("SimulateCustomPolicy", in, "InvalidInput", "Syntax errors in policy.")
	keys := must[awsiam.GetContextKeysForCustomPolicyOutput](w, "GetContextKeysForCustomPolicy", &awsiam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}]}`,
	}})
	if d := cmp.Diff([]string{"aws:SecureTransport", "aws:username"}, keys.ContextKeyNames); d != "" {
		t.Errorf("keys (-want +got):\n%s", d)
	}
}
