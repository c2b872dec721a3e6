package iam_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// needs runs only an operation's descriptor.
func (w *world) needs(s step) []api.Need {
	w.t.Helper()
	var out []api.Need
	w.view(func(tx store.Tx) error {
		c := w.call(rootCaller(account), s.operation)
		c.Tx = tx
		var err error
		out, err = w.ops[s.operation].Needs(c, s.in)
		return err
	})
	return out
}

func TestWhatOperationsNeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do(step{"CreateUser", &awsiam.CreateUserInput{
		UserName: aws.String("test"), Path: aws.String("/dev/"), PermissionsBoundary: aws.String(ec2Full),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	}})
	w.newRole("r", trustEC2)
	w.do(step{"CreateInstanceProfile", &awsiam.CreateInstanceProfileInput{InstanceProfileName: aws.String("i"), Path: aws.String("/x/")}})
	user, iamARN := aws.String("test"), "arn:aws:iam::123456789012:"
	for rule, row := range map[string]struct {
		step
		want []string // action, resource, then key=values…
	}{
		"an existing user is named with its path and tags": {
			step{"DeleteUser", &awsiam.DeleteUserInput{UserName: user}},
			[]string{"iam:DeleteUser " + iamARN + "user/dev/test", "aws:resourcetag/team=blue", "iam:resourcetag/team=blue"},
		},
		"one that is not there is named as given": {
			step{"DeleteUser", &awsiam.DeleteUserInput{UserName: aws.String("x")}}, []string{"iam:DeleteUser " + iamARN + "user/x"},
		},
		"a new user's path, tags and boundary are the request's": {
			step{"CreateUser", &awsiam.CreateUserInput{
				UserName: aws.String("x"), Path: aws.String("/p/"), PermissionsBoundary: aws.String("arn:b"),
				Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
			}},
			[]string{
				"iam:CreateUser " + iamARN + "user/p/x", "aws:requesttag/k=v", "aws:tagkeys=k", "iam:permissionsboundary=arn:b",
				"iam:TagUser " + iamARN + "user/p/x", "aws:requesttag/k=v", "aws:tagkeys=k", "iam:permissionsboundary=arn:b",
			},
		},
		"nothing is tagged without tags": {
			step{"CreateRole", &awsiam.CreateRoleInput{RoleName: aws.String("x")}}, []string{"iam:CreateRole " + iamARN + "role/x"},
		},
		"an attachment names the policy and the user's boundary": {
			step{"AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: user, PolicyArn: aws.String("arn:p")}},
			[]string{
				"iam:AttachUserPolicy " + iamARN + "user/dev/test", "aws:resourcetag/team=blue",
				"iam:permissionsboundary=" + ec2Full, "iam:policyarn=arn:p", "iam:resourcetag/team=blue",
			},
		},
		"a new boundary is the one that counts": {
			step{"PutUserPermissionsBoundary", &awsiam.PutUserPermissionsBoundaryInput{UserName: user, PermissionsBoundary: aws.String("arn:b")}},
			[]string{
				"iam:PutUserPermissionsBoundary " + iamARN + "user/dev/test", "aws:resourcetag/team=blue",
				"iam:permissionsboundary=arn:b", "iam:resourcetag/team=blue",
			},
		},
		"a rename needs both names": {
			step{"UpdateUser", &awsiam.UpdateUserInput{UserName: user, NewUserName: aws.String("new"), NewPath: aws.String("/")}},
			[]string{
				"iam:UpdateUser " + iamARN + "user/dev/test", "aws:resourcetag/team=blue", "iam:resourcetag/team=blue",
				"iam:UpdateUser " + iamARN + "user/new", "aws:resourcetag/team=blue", "iam:resourcetag/team=blue",
			},
		},
		"a listing is of a path": {
			step{"ListRoles", &awsiam.ListRolesInput{PathPrefix: aws.String("/a/")}}, []string{"iam:ListRoles " + iamARN + "role/a/"},
		},
		"putting a role in a profile passes it to EC2": {
			step{"AddRoleToInstanceProfile", &awsiam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("i"), RoleName: aws.String("r")}},
			[]string{"iam:AddRoleToInstanceProfile " + iamARN + "instance-profile/x/i", "iam:PassRole " + iamARN + "role/r", "iam:passedtoservice=ec2.amazonaws.com"},
		},
		"a service-linked role names its service": {
			step{"CreateServiceLinkedRole", &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("spot.amazonaws.com")}},
			[]string{"iam:CreateServiceLinkedRole " + iamARN + "role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot", "iam:awsservicename=spot.amazonaws.com"},
		},
	} {
		var got []string
		for _, n := range w.needs(row.step) {
			got = append(got, n.Action+" "+n.Resource)
			for k, v := range n.Context.All() {
				got = append(got, k+"="+v[0])
			}
		}
		if d := cmp.Diff(row.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", rule, d)
		}
	}
}

func TestSimulatePrincipalPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller := w.newUser("test")
	w.do(step{"AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: aws.String(ec2Full)}})
	grant := `{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}]}`
	key := "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	simulate := func(in awsiam.SimulatePrincipalPolicyInput) []types.EvaluationResult {
		in.PolicySourceArn = &caller.Principal.ARN
		return must[awsiam.SimulatePrincipalPolicyOutput](w, "SimulatePrincipalPolicy", &in).EvaluationResults
	}
	got := simulate(awsiam.SimulatePrincipalPolicyInput{ActionNames: []string{"ec2:StartInstances", "kms:CreateGrant"}})
	if len(got) != 2 || got[0].EvalDecision != "allowed" || *got[0].MatchedStatements[0].SourcePolicyId != "AmazonEC2FullAccess" || got[1].EvalDecision != "implicitDeny" {
		t.Fatalf("%+v", got)
	}
	w.do(step{"PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: aws.String("test"), PolicyName: aws.String("grant"), PolicyDocument: &grant}})
	ask := awsiam.SimulatePrincipalPolicyInput{ActionNames: []string{"kms:CreateGrant"}, ResourceArns: []string{key}}
	got = simulate(ask)
	if got[0].EvalDecision != "implicitDeny" || !slices.Contains(got[0].MissingContextValues, "kms:GrantIsForAWSResource") {
		t.Errorf("without the key: %+v", got[0])
	}
	ask.ContextEntries = []types.ContextEntry{{ContextKeyName: aws.String("kms:GrantIsForAWSResource"), ContextKeyType: types.ContextKeyTypeEnumBoolean, ContextKeyValues: []string{"true"}}}
	got = simulate(ask)
	if got[0].EvalDecision != "allowed" || len(got[0].MatchedStatements) != 1 {
		t.Fatalf("with the key: %+v", got[0])
	}
	m := got[0].MatchedStatements[0]
	if *m.SourcePolicyId != "user_test_grant" || m.StartPosition.Line != 1 || m.StartPosition.Column != 38 || m.EndPosition.Line != 2 || m.EndPosition.Column != 121 {
		t.Errorf("statement %s from %+v to %+v", *m.SourcePolicyId, *m.StartPosition, *m.EndPosition)
	}
	keys := must[awsiam.GetContextKeysForPrincipalPolicyOutput](w, "GetContextKeysForPrincipalPolicy", &awsiam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: &caller.Principal.ARN})
	if !slices.Contains(keys.ContextKeyNames, "kms:GrantIsForAWSResource") {
		t.Errorf("keys = %v", keys.ContextKeyNames)
	}
	w.fails("SimulatePrincipalPolicy", &awsiam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::123456789012:user/x"), ActionNames: []string{"s3:*"}},
		"NoSuchEntity", "The user with name x cannot be found.")
}

func TestAuthorizationDetails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("test")
	w.newRole("r", trustEC2)
	own := w.newPolicy("own", allowS3)
	for _, s := range []step{
		{"CreateGroup", &awsiam.CreateGroupInput{GroupName: aws.String("g")}},
		{"AddUserToGroup", &awsiam.AddUserToGroupInput{GroupName: aws.String("g"), UserName: aws.String("test")}},
		{"PutGroupPolicy", &awsiam.PutGroupPolicyInput{GroupName: aws.String("g"), PolicyName: aws.String("p"), PolicyDocument: aws.String(allowS3)}},
		{"AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: aws.String(ec2Full)}},
		{"CreateInstanceProfile", &awsiam.CreateInstanceProfileInput{InstanceProfileName: aws.String("i")}},
		{"AddRoleToInstanceProfile", &awsiam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("i"), RoleName: aws.String("r")}},
	} {
		w.do(s)
	}
	out := must[awsiam.GetAccountAuthorizationDetailsOutput](w, "GetAccountAuthorizationDetails", &awsiam.GetAccountAuthorizationDetailsInput{})
	if len(out.UserDetailList) != 1 || out.UserDetailList[0].GroupList[0] != "g" || *out.UserDetailList[0].AttachedManagedPolicies[0].PolicyArn != ec2Full {
		t.Errorf("users = %+v", out.UserDetailList)
	}
	if len(out.GroupDetailList) != 1 || *out.GroupDetailList[0].GroupPolicyList[0].PolicyName != "p" {
		t.Errorf("groups = %+v", out.GroupDetailList)
	}
	if len(out.RoleDetailList) != 1 || *out.RoleDetailList[0].InstanceProfileList[0].InstanceProfileName != "i" {
		t.Errorf("roles = %+v", out.RoleDetailList)
	}
	var policies []string
	for _, p := range out.Policies {
		policies = append(policies, *p.Arn)
		if len(p.PolicyVersionList) == 0 || *p.PolicyVersionList[0].Document == "" {
			t.Errorf("%s has no document", *p.Arn)
		}
	}
	if d := cmp.Diff([]string{own, ec2Full}, policies); d != "" {
		t.Errorf("policies (-want +got):\n%s", d)
	}
	// Page by page it is the same.
	n := 0
	for in := (&awsiam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(1)}); ; {
		page := must[awsiam.GetAccountAuthorizationDetailsOutput](w, "GetAccountAuthorizationDetails", in)
		n += len(page.UserDetailList) + len(page.GroupDetailList) + len(page.RoleDetailList) + len(page.Policies)
		if in.Marker = page.Marker; page.Marker == nil {
			break
		}
	}
	if n != 5 {
		t.Errorf("%d entries page by page", n)
	}
	roles := must[awsiam.GetAccountAuthorizationDetailsOutput](w, "GetAccountAuthorizationDetails", &awsiam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeRole}})
	if len(roles.RoleDetailList) != 1 || len(roles.UserDetailList)+len(roles.GroupDetailList)+len(roles.Policies) != 0 {
		t.Errorf("roles only: %+v", roles)
	}
	summary := must[awsiam.GetAccountSummaryOutput](w, "GetAccountSummary", &awsiam.GetAccountSummaryInput{}).SummaryMap
	if summary["Users"] != 1 || summary["Roles"] != 1 || summary["Policies"] != 1 || summary["AccessKeysPerUserQuota"] != 2 {
		t.Errorf("summary = %v", summary)
	}
}

func TestAccountAlias(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do(step{"CreateAccountAlias", &awsiam.CreateAccountAliasInput{AccountAlias: aws.String("example")}})
	w.failsAs(rootCaller("210987654321"), "CreateAccountAlias", &awsiam.CreateAccountAliasInput{AccountAlias: aws.String("example")}, "EntityAlreadyExists", "The account alias example already exists.")
	w.do(step{"CreateAccountAlias", &awsiam.CreateAccountAliasInput{AccountAlias: aws.String("other")}})
	got := must[awsiam.ListAccountAliasesOutput](w, "ListAccountAliases", &awsiam.ListAccountAliasesInput{})
	if d := cmp.Diff([]string{"other"}, got.AccountAliases); d != "" {
		t.Errorf("aliases (-want +got):\n%s", d)
	}
}
