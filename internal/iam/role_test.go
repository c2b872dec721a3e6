package iam_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/iam"
	"github.com/keyturn/keyturn/internal/store"
)

func trusting(principal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}]}`
}

func (w *world) trustOf(name string) string {
	w.t.Helper()
	r := must[awsiam.GetRoleOutput](w, "GetRole", &awsiam.GetRoleInput{RoleName: &name}).Role
	text, err := url.PathUnescape(*r.AssumeRolePolicyDocument)
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

func TestTrustPoliciesKeepPrincipalsByTheirIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user := w.newUser("test")
	document := trusting(`{"AWS": ["arn:aws:iam::123456789012:user/test", "123456789012"], "Service":"ec2.amazonaws.com"}`)
	r := w.newRole("r", document)
	if got := *r.AssumeRolePolicyDocument; got != strings.NewReplacer("+", "%20").Replace(url.QueryEscape(document)) {
		t.Errorf("CreateRole shows %s", got)
	}
	if got, want := w.trustOf("r"), strings.Replace(document, `"123456789012"`, `"arn:aws:iam::123456789012:root"`, 1); got != want {
		t.Errorf("shown as %s\nwant %s", got, want)
	}
	w.view(func(tx store.Tx) error {
		kept, err := w.iam.Role(tx, *r.Arn)
		if err != nil {
			return err
		}
		if text := kept.Trust.Text(); !strings.Contains(text, `"`+user.Principal.UserID+`"`) || strings.Contains(text, "user/test") {
			t.Errorf("kept as %s", text)
		}
		return nil
	})
	w.do(step{"UpdateUser", &awsiam.UpdateUserInput{UserName: aws.String("test"), NewUserName: aws.String("new")}})
	if got := w.trustOf("r"); !strings.Contains(got, "user/new") {
		t.Errorf("after a rename shown as %s", got)
	}
	w.do(step{"DeleteUser", &awsiam.DeleteUserInput{UserName: aws.String("new")}})
	w.newUser("test")
	if got := w.trustOf("r"); !strings.Contains(got, user.Principal.UserID) {
		t.Errorf("after deletion shown as %s", got)
	}
}

func TestTrustPolicyIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("test")
	for rule, row := range map[string]struct{ document, message string }{
		"no JSON":                               {`{`, "This policy contains invalid Json"},
		"a key twice":                           {`{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}`, "This policy contains invalid Json"},
		"no such effect":                        {strings.Replace(trusting(`"*"`), "Allow", "allow", 1), "Syntax errors in policy."},
		"a resource":                            {strings.Replace(trusting(`"*"`), `"Action"`, `"Resource":"*","Action"`, 1), "Has prohibited field Resource"},
		"no principal":                          {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}`, "Missing required field Principal"},
		"no action":                             {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*"}]}`, "Policy statement must contain actions."},
		"an action of STS that assumes no role": {strings.Replace(trusting(`"*"`), "sts:AssumeRole", "sts:GetSessionToken", 1), "AssumeRole policy may only specify STS AssumeRole actions."},
		"everybody but some":                    {strings.Replace(trusting(`{"AWS":"*"}`), "Principal", "NotPrincipal", 1), "Has prohibited field NotPrincipal"},
		"no principal in the list":              {trusting(`{"AWS":[]}`), "Missing required field Principal cannot be empty!"},
		"another service":                       {strings.Replace(trusting(`"*"`), "sts:AssumeRole", "s3:GetObject", 1), "AssumeRole policy may only specify STS AssumeRole actions."},
		"a user that is not":                    {trusting(`{"AWS":"arn:aws:iam::123456789012:user/nobody"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/nobody"`},
		"a user of another path":                {trusting(`{"AWS":"arn:aws:iam::123456789012:user/dev/test"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/dev/test"`},
		"a group":                               {trusting(`{"AWS":"arn:aws:iam::123456789012:group/test"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:group/test"`},
		"an id of nobody":                       {trusting(`{"AWS":"AIDAAAAAAAAAAAAAAAAAA"}`), `Invalid principal in policy: "AWS":"AIDAAAAAAAAAAAAAAAAAA"`},
		"no service":                            {trusting(`{"Service":"ec2"}`), `Invalid principal in policy: "SERVICE":"ec2"`},
	} {
		w.fails("CreateRole", &awsiam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: &row.document}, "MalformedPolicyDocument", row.message)
		if t.Failed() {
			t.Fatal(rule)
		}
	}
	long := trusting(`{"AWS":["` + strings.Repeat(`123456789012","`, 200) + `123456789012"]}`)
	w.fails("CreateRole", &awsiam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: &long}, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
	for _, p := range []string{`"*"`, `{"AWS":"*"}`, `{"AWS":"arn:aws:iam::210987654321:root"}`, `{"AWS":"arn:aws:sts::123456789012:assumed-role/a/b"}`, `{"Federated":"accounts.google.com"}`} {
		document := trusting(p)
		w.newRole("r", document)
		w.do(step{"DeleteRole", &awsiam.DeleteRoleInput{RoleName: aws.String("r")}})
	}
}

func TestRolesShowWhatAWSShowsOfThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	created := must[awsiam.CreateRoleOutput](w, "CreateRole", &awsiam.CreateRoleInput{
		RoleName: aws.String("r"), Path: aws.String("/dev/"), AssumeRolePolicyDocument: aws.String(trustEC2),
		Description: aws.String("d"), MaxSessionDuration: aws.Int32(7200), PermissionsBoundary: aws.String(ec2Full),
		Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	}).Role
	escaped := aws.String(url.PathEscape(trustEC2))
	*escaped = strings.NewReplacer(":", "%3A", "+", "%2B", "&", "%26").Replace(*escaped)
	want := types.Role{
		Arn: aws.String("arn:aws:iam::123456789012:role/dev/r"), CreateDate: created.CreateDate, Path: aws.String("/dev/"),
		RoleId: created.RoleId, RoleName: aws.String("r"), AssumeRolePolicyDocument: escaped, Description: aws.String("d"),
	}
	boundary := &types.AttachedPermissionsBoundary{PermissionsBoundaryArn: aws.String(ec2Full), PermissionsBoundaryType: "Policy"}
	full := want
	full.Tags, full.PermissionsBoundary = []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}, boundary
	if d := cmp.Diff(&full, created, ignoreSmithy); d != "" {
		t.Errorf("CreateRole (-want +got):\n%s", d)
	}
	full.MaxSessionDuration, full.RoleLastUsed = aws.Int32(7200), &types.RoleLastUsed{}
	if d := cmp.Diff(&full, must[awsiam.GetRoleOutput](w, "GetRole", &awsiam.GetRoleInput{RoleName: aws.String("r")}).Role, ignoreSmithy); d != "" {
		t.Errorf("GetRole (-want +got):\n%s", d)
	}
	want.MaxSessionDuration = aws.Int32(7200)
	if d := cmp.Diff([]types.Role{want}, must[awsiam.ListRolesOutput](w, "ListRoles", &awsiam.ListRolesInput{}).Roles, ignoreSmithy); d != "" {
		t.Errorf("ListRoles (-want +got):\n%s", d)
	}
}

// ignoreSmithy leaves out the SDK's unexported marker fields.
var ignoreSmithy = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".noSmithyDocumentSerde" }, cmp.Ignore())

func TestServiceLinkedRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := must[awsiam.CreateServiceLinkedRoleOutput](w, "CreateServiceLinkedRole", &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("autoscaling.amazonaws.com"), CustomSuffix: aws.String("blue")})
	name := "AWSServiceRoleForAutoScaling_blue"
	if *out.Role.Arn != "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/"+name {
		t.Errorf("ARN = %s", *out.Role.Arn)
	}
	var trust struct {
		Statement []struct{ Principal struct{ Service []string } }
	}
	if err := json.Unmarshal([]byte(w.trustOf(name)), &trust); err != nil || trust.Statement[0].Principal.Service[0] != "autoscaling.amazonaws.com" {
		t.Errorf("trust = %+v, %v", trust, err)
	}
	attached := must[awsiam.ListAttachedRolePoliciesOutput](w, "ListAttachedRolePolicies", &awsiam.ListAttachedRolePoliciesInput{RoleName: &name})
	if len(attached.AttachedPolicies) != 1 || *attached.AttachedPolicies[0].PolicyArn != "arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy" {
		t.Errorf("attached = %v", attached.AttachedPolicies)
	}
	w.fails("CreateServiceLinkedRole", &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("autoscaling.amazonaws.com"), CustomSuffix: aws.String("blue")},
		"InvalidInput", "Service role name "+name+" has been taken in this account, please try a different suffix.")
	protected := "Cannot perform the operation on the protected role '" + name + "' - this role is only modifiable by AWS"
	for _, s := range []step{
		{"DeleteRole", &awsiam.DeleteRoleInput{RoleName: &name}},
		{"AttachRolePolicy", &awsiam.AttachRolePolicyInput{RoleName: &name, PolicyArn: aws.String(ec2Full)}},
		{"PutRolePolicy", &awsiam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: aws.String(allowS3)}},
		{"PutRolePermissionsBoundary", &awsiam.PutRolePermissionsBoundaryInput{RoleName: &name, PermissionsBoundary: aws.String(ec2Full)}},
		{"UpdateAssumeRolePolicy", &awsiam.UpdateAssumeRolePolicyInput{RoleName: &name, PolicyDocument: aws.String(trustEC2)}},
		{"UpdateRole", &awsiam.UpdateRoleInput{RoleName: &name, MaxSessionDuration: aws.Int32(7200)}},
	} {
		w.fails(s.operation, s.in, "UnmodifiableEntity", protected)
	}
	deleted := must[awsiam.DeleteServiceLinkedRoleOutput](w, "DeleteServiceLinkedRole", &awsiam.DeleteServiceLinkedRoleInput{RoleName: &name})
	status := func() types.DeletionTaskStatusType {
		return must[awsiam.GetServiceLinkedRoleDeletionStatusOutput](w, "GetServiceLinkedRoleDeletionStatus", &awsiam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: deleted.DeletionTaskId}).Status
	}
	if got := status(); got != types.DeletionTaskStatusTypeInProgress {
		t.Errorf("status = %s", got)
	}
	w.runTasks()
	if got := status(); got != types.DeletionTaskStatusTypeSucceeded {
		t.Errorf("status = %s", got)
	}
	w.fails("GetRole", &awsiam.GetRoleInput{RoleName: &name}, "NoSuchEntity", "The role with name "+name+" cannot be found.")
}

func TestServiceActsAsItsLinkedRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := must[awsiam.CreateServiceLinkedRoleOutput](w, "CreateServiceLinkedRole", &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("autoscaling.amazonaws.com")}).Role
	must[awsiam.CreateRoleOutput](w, "CreateRole", &awsiam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(trustEC2)})
	w.view(func(tx store.Tx) error {
		c := w.call(rootCaller(account), "CreateAutoScalingGroup")
		c.Tx = tx
		got, err := w.iam.LinkedRole(c, *made.Arn, "AutoScaling")
		if err != nil {
			return err
		}
		if p := got.Principal; p.ARN != "arn:aws:sts::123456789012:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling" || p.UserID != *made.RoleId+":AutoScaling" || !p.ServiceLinked {
			t.Errorf("principal = %+v", p)
		}
		policies, err := w.iam.Identity(tx, &got)
		if err != nil || len(policies.Identity) != 1 {
			t.Errorf("policies = %v, %v", policies.Identity, err)
		}
		for _, arn := range []string{"arn:aws:iam::123456789012:role/app", *made.Arn + "_blue"} {
			if _, err := w.iam.LinkedRole(c, arn, "AutoScaling"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v, want %v", arn, err, store.ErrNotFound)
			}
		}
		return nil
	})
}

func TestEveryServiceLinkedRoleHasItsPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, service := range iam.LinkedServices() {
		out := must[awsiam.CreateServiceLinkedRoleOutput](w, "CreateServiceLinkedRole", &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: &service})
		attached := must[awsiam.ListAttachedRolePoliciesOutput](w, "ListAttachedRolePolicies", &awsiam.ListAttachedRolePoliciesInput{RoleName: out.Role.RoleName})
		if len(attached.AttachedPolicies) != 1 || !strings.Contains(*attached.AttachedPolicies[0].PolicyArn, ":policy/aws-service-role/") {
			t.Errorf("%s: policies %v", service, attached.AttachedPolicies)
		}
		if len(*out.Role.RoleName) > 64 {
			t.Errorf("%s: the name %s is too long", service, *out.Role.RoleName)
		}
	}
}
