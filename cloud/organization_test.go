package cloud_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/cloud"
)

// company is an organization with a member account, and the clients of an
// administrator of each.
type company struct {
	*stage
	id, root        string // of the organization and of its root
	member          string
	admin, inMember clients
}

func newCompany(t *testing.T, options ...cloud.Option) *company {
	t.Helper()
	s := newStage(t, options...)
	k := &company{stage: s}
	k.admin = s.user("admin", "arn:aws:iam::aws:policy/AdministratorAccess")
	made, err := k.admin.org.CreateOrganization(t.Context(), &organizations.CreateOrganizationInput{})
	s.must(err)
	k.id = *made.Organization.Id
	roots, err := k.admin.org.ListRoots(t.Context(), &organizations.ListRootsInput{})
	s.must(err)
	k.root = *roots.Roots[0].Id
	k.member = k.account("member")
	k.inMember = k.enter(k.member)
	return k
}

// account makes a member account and returns its id.
func (k *company) account(name string) string {
	k.Helper()
	asked, err := k.admin.org.CreateAccount(k.Context(), &organizations.CreateAccountInput{AccountName: &name, Email: aws.String(name + "@example.com")})
	k.must(err)
	if got := asked.CreateAccountStatus.State; got != orgtypes.CreateAccountStateInProgress {
		k.Errorf("CreateAccount answers %s, want IN_PROGRESS", got)
	}
	for range 100 {
		status, err := k.admin.org.DescribeCreateAccountStatus(k.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: asked.CreateAccountStatus.Id})
		k.must(err)
		switch status.CreateAccountStatus.State {
		case orgtypes.CreateAccountStateSucceeded:
			return *status.CreateAccountStatus.AccountId
		case orgtypes.CreateAccountStateFailed:
			k.Fatalf("no account: %s", status.CreateAccountStatus.FailureReason)
		}
		k.cloud.Advance(time.Second)
		time.Sleep(10 * time.Millisecond)
	}
	k.Fatal("the account never came")
	return ""
}

// enter assumes the role that a new account has for its management account.
func (k *company) enter(account string) clients {
	k.Helper()
	return k.enterIn(region, account)
}

func (k *company) enterIn(region, account string) clients {
	k.Helper()
	out, err := k.admin.sts.AssumeRole(k.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + account + ":role/OrganizationAccountAccessRole"), RoleSessionName: aws.String("admin"),
	})
	k.must(err)
	return k.in(region, *out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
}

// control makes a policy and attaches it.
func (k *company) control(kind orgtypes.PolicyType, to, document string) string {
	k.Helper()
	made, err := k.admin.org.CreatePolicy(k.Context(), &organizations.CreatePolicyInput{
		Name: aws.String("control-" + string(kind) + to), Description: aws.String(""), Type: kind, Content: &document,
	})
	k.must(err)
	id := made.Policy.PolicySummary.Id
	_, err = k.admin.org.AttachPolicy(k.Context(), &organizations.AttachPolicyInput{PolicyId: id, TargetId: &to})
	k.must(err)
	return *id
}

func (k *company) detach(policy, from string) {
	k.Helper()
	_, err := k.admin.org.DetachPolicy(k.Context(), &organizations.DetachPolicyInput{PolicyId: &policy, TargetId: &from})
	k.must(err)
}

// newMemberKey makes a key in the member account.
func (k *company) newMemberKey() string {
	k.Helper()
	out, err := k.inMember.kms.CreateKey(k.Context(), &kms.CreateKeyInput{})
	k.must(err)
	return *out.KeyMetadata.Arn
}

// memberState awaits an instance of the member account.
func (k *company) memberState(id string) ec2types.Instance {
	k.Helper()
	for range 200 {
		out, err := k.inMember.ec2.DescribeInstances(k.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
		k.must(err)
		if i := out.Reservations[0].Instances[0]; settled[i.State.Name] {
			return i
		}
		k.cloud.Advance(time.Second)
		time.Sleep(10 * time.Millisecond)
	}
	k.Fatalf("%s does not settle", id)
	return ec2types.Instance{}
}

// stoppedInMember makes an instance in the member account and stops it.
func (k *company) stoppedInMember(key string) string {
	k.Helper()
	id := k.run(k.inMember, volume{"/dev/xvda", key, true})
	if i := k.memberState(id); i.State.Name != ec2types.InstanceStateNameRunning {
		k.Fatalf("the instance is %s: %s", i.State.Name, reason(i))
	}
	_, err := k.inMember.ec2.StopInstances(k.Context(), &ec2.StopInstancesInput{InstanceIds: []string{id}})
	k.must(err)
	k.memberState(id)
	return id
}

// denial is the last denied event of a name in an account's trail.
func (k *company) denial(by clients, name string) map[string]any {
	k.Helper()
	k.cloud.Advance(time.Second)
	out, err := by.trail.LookupEvents(k.Context(), &cloudtrail.LookupEventsInput{})
	k.must(err)
	for _, e := range out.Events {
		var event map[string]any
		k.must(json.Unmarshal([]byte(*e.CloudTrailEvent), &event))
		if event["eventName"] == name && event["errorCode"] == "AccessDenied" {
			return event
		}
	}
	k.Fatalf("no denied %s in the trail", name)
	return nil
}

// TestAccountOfAnOrganization is a working account of its own.
func TestAccountOfAnOrganization(t *testing.T) {
	t.Parallel()
	k := newCompany(t)
	who, err := k.inMember.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	k.must(err)
	if want := "arn:aws:sts::" + k.member + ":assumed-role/OrganizationAccountAccessRole/admin"; *who.Arn != want || *who.Account != k.member {
		t.Errorf("the caller is %s of %s, want %s", *who.Arn, *who.Account, want)
	}
	users, err := k.inMember.iam.ListUsers(t.Context(), &iam.ListUsersInput{})
	k.must(err)
	if len(users.Users) != 0 {
		t.Errorf("the account has users: %v", users.Users)
	}
	vpcs, err := k.inMember.ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	k.must(err)
	if len(vpcs.Vpcs) != 1 || *vpcs.Vpcs[0].OwnerId != k.member || !*vpcs.Vpcs[0].IsDefault {
		t.Errorf("VPCs %+v, want its own default VPC", vpcs.Vpcs)
	}
	k.stoppedInMember("")
	all, err := k.root0().DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
	k.must(err)
	if len(all.Reservations) != 0 {
		t.Errorf("the management account sees %d instances of the member", len(all.Reservations))
	}
}

// root0 is EC2 as the management account's root user.
func (k *company) root0() *ec2.Client { return k.stage.root.ec2 }

// TestLaunchUnderControl starts an instance whose owner may do everything, but
// for what the organization says (Organizations guide, "SCP evaluation").
func TestLaunchUnderControl(t *testing.T) {
	t.Parallel()
	const denyGrant = `{"Version":"2012-10-17","Statement":{"Sid":"NoGrants","Effect":"Deny","Action":"kms:CreateGrant","Resource":"*"}}`
	tests := []struct {
		name     string
		kind     orgtypes.PolicyType
		document string
		// below attaches it to the account, else to the root.
		below bool
		// alone: FullAWSAccess is detached.
		alone bool
		// denied is the call that fails, and what its message ends with; none: the launch works.
		denied, message string
	}{
		{"an SCP denies on the account", orgtypes.PolicyTypeServiceControlPolicy, denyGrant, true, false, "CreateGrant", "with an explicit deny in a service control policy"},
		{"an SCP denies on the root", orgtypes.PolicyTypeServiceControlPolicy, denyGrant, false, false, "CreateGrant", "with an explicit deny in a service control policy"},
		{
			"no SCP allows KMS", orgtypes.PolicyTypeServiceControlPolicy,
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["ec2:*","cloudtrail:*"],"Resource":"*"}}`, true, true,
			"CreateGrant", "because no service control policy allows the kms:CreateGrant action",
		},
		{
			"an SCP denies what is not for a service", orgtypes.PolicyTypeServiceControlPolicy,
			`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:CreateGrant","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"false"}}}}`, true, false,
			"", "",
		},
		{
			"an SCP by address catches EC2's infrastructure role", orgtypes.PolicyTypeServiceControlPolicy,
			`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:Decrypt","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}}`, true, false,
			"Decrypt", "with an explicit deny in a service control policy",
		},
		{
			"an SCP by address exempts the infrastructure role", orgtypes.PolicyTypeServiceControlPolicy,
			`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:Decrypt","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"},"ArnNotLikeIfExists":{"aws:PrincipalArn":"arn:aws:iam::*:role/aws:ec2-infrastructure"}}}}`, true, false,
			"", "",
		},
		{
			"an RCP denies on the key's account", orgtypes.PolicyTypeResourceControlPolicy,
			`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"kms:CreateGrant","Resource":"*"}}`, true, false,
			"CreateGrant", "with an explicit deny in a resource control policy",
		},
		{
			"an RCP keeps others out", orgtypes.PolicyTypeResourceControlPolicy,
			`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-elsewhere0"},"StringEquals":{"aws:PrincipalAccount":"210987654321"}}}}`, true, false,
			"", "",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			k := newCompany(t)
			key := k.newMemberKey()
			id := k.stoppedInMember(key)
			if test.kind == orgtypes.PolicyTypeResourceControlPolicy {
				_, err := k.admin.org.EnablePolicyType(t.Context(), &organizations.EnablePolicyTypeInput{RootId: &k.root, PolicyType: test.kind})
				k.must(err)
			}
			to := k.root
			if test.below {
				to = k.member
			}
			policy := k.control(test.kind, to, test.document)
			if test.alone {
				k.detach("p-FullAWSAccess", to)
			}
			k.start(k.inMember, id)
			i := k.memberState(id)
			if test.denied == "" {
				if i.State.Name != ec2types.InstanceStateNameRunning {
					t.Fatalf("the instance is %s: %s", i.State.Name, reason(i))
				}
				return
			}
			if got, want := string(i.State.Name)+" "+reason(i), "stopped Client.InternalError | Client.InternalError: Client error on launch"; got != want {
				t.Errorf("the instance is %s, want %s", got, want)
			}
			if message := k.denial(k.inMember, test.denied)["errorMessage"].(string); !strings.Contains(message, test.message) {
				t.Errorf("the event says %q, want %q", message, test.message)
			}
			// The management account's own instances are not touched.
			own := k.stopped(volume{"/dev/xvda", k.key(), true})
			k.start(k.admin, own)
			k.await(own, ec2types.InstanceStateNameRunning)
			// Without the policy the launch works.
			if test.alone {
				_, err := k.admin.org.AttachPolicy(t.Context(), &organizations.AttachPolicyInput{PolicyId: aws.String("p-FullAWSAccess"), TargetId: &to})
				k.must(err)
			}
			k.detach(policy, to)
			k.start(k.inMember, id)
			if i := k.memberState(id); i.State.Name != ec2types.InstanceStateNameRunning {
				t.Errorf("without the policy the instance is %s: %s", i.State.Name, reason(i))
			}
		})
	}
}

// TestKeysOfAWSAreOutOfReach: an RCP that shuts a whole account's keys does not
// shut aws/ebs (Organizations guide, "Resource control policies", on what they
// do not apply to).
func TestKeysOfAWSAreOutOfReach(t *testing.T) {
	t.Parallel()
	k := newCompany(t)
	key := k.newMemberKey()
	id := k.stoppedInMember("")
	_, err := k.admin.org.EnablePolicyType(t.Context(), &organizations.EnablePolicyTypeInput{RootId: &k.root, PolicyType: orgtypes.PolicyTypeResourceControlPolicy})
	k.must(err)
	k.control(orgtypes.PolicyTypeResourceControlPolicy, k.member, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*"}}`)
	k.start(k.inMember, id)
	if i := k.memberState(id); i.State.Name != ec2types.InstanceStateNameRunning {
		t.Errorf("under aws/ebs the instance is %s: %s", i.State.Name, reason(i))
	}
	_, err = k.inMember.kms.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &key})
	wantCode(t, err, "AccessDeniedException")
}

// TestKeyOfAnotherAccount: both sides must allow, and both trails tell of it
// (KMS guide, "Allowing users in other accounts to use a KMS key"; CloudTrail
// guide, on sharedEventID).
func TestKeyOfAnotherAccount(t *testing.T) {
	t.Parallel()
	k := newCompany(t)
	key := k.key()
	id := k.run(k.inMember, volume{"/dev/xvda", key, true})
	if i := k.memberState(id); i.State.Name != ec2types.InstanceStateNameTerminated {
		t.Fatalf("under a key that nobody shared the instance is %s", i.State.Name)
	}
	shared := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + k.member + `:root"},"Action":["kms:CreateGrant","kms:Decrypt","kms:DescribeKey","kms:GenerateDataKeyWithoutPlaintext","kms:ReEncrypt*"],"Resource":"*"}]}`
	_, err := k.stage.root.kms.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: &shared})
	k.must(err)
	k.stoppedInMember(key)
	mine, theirs := k.shared(k.inMember, "CreateGrant"), k.shared(k.admin, "CreateGrant")
	if mine["sharedEventID"] != theirs["sharedEventID"] || mine["eventID"] == theirs["eventID"] {
		t.Errorf("the events are not one: %v and %v, %v and %v", mine["sharedEventID"], theirs["sharedEventID"], mine["eventID"], theirs["eventID"])
	}
	if mine["recipientAccountId"] != k.member || theirs["recipientAccountId"] != "123456789012" {
		t.Errorf("the events are of %v and %v", mine["recipientAccountId"], theirs["recipientAccountId"])
	}
	_, err = k.inMember.kms.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: &shared})
	wantCode(t, err, "AccessDeniedException")
	_, err = k.inMember.kms.CreateGrant(t.Context(), &kms.CreateGrantInput{
		KeyId: &key, GranteePrincipal: aws.String("arn:aws:iam::" + k.member + ":root"), Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt},
	})
	k.must(err)
}

// shared is the last successful event of a name that has a sharedEventID.
func (k *company) shared(by clients, name string) map[string]any {
	k.Helper()
	k.cloud.Advance(time.Second)
	out, err := by.trail.LookupEvents(k.Context(), &cloudtrail.LookupEventsInput{})
	k.must(err)
	for _, e := range out.Events {
		var event map[string]any
		k.must(json.Unmarshal([]byte(*e.CloudTrailEvent), &event))
		if event["eventName"] == name && event["errorCode"] == nil && event["sharedEventID"] != nil {
			return event
		}
	}
	k.Fatalf("no shared %s in the trail", name)
	return nil
}

// TestDelegatedPolicies: the organization's resource policy lets a member manage
// policies, as far as it and the member's own policies say (Organizations guide,
// "Delegated administrator for AWS Organizations").
func TestDelegatedPolicies(t *testing.T) {
	t.Parallel()
	k := newCompany(t)
	create := func(by clients, kind orgtypes.PolicyType, name string) error {
		content := `{"tags":{"team":{"tag_key":{"@@assign":"Team"}}}}`
		if kind == orgtypes.PolicyTypeServiceControlPolicy {
			content = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*"}}`
		}
		_, err := by.org.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Name: &name, Description: aws.String(""), Type: kind, Content: &content})
		return err
	}
	list := func(by clients) error {
		_, err := by.org.ListAccounts(t.Context(), &organizations.ListAccountsInput{})
		return err
	}
	put := func(content string) error {
		_, err := k.admin.org.PutResourcePolicy(t.Context(), &organizations.PutResourcePolicyInput{Content: &content})
		return err
	}
	wantCode(t, create(k.inMember, orgtypes.PolicyTypeTagPolicy, "before"), "AccessDeniedException")
	wantCode(t, list(k.inMember), "AccessDeniedException")

	principal := `"Principal":{"AWS":"arn:aws:iam::` + k.member + `:root"}`
	for name, statement := range map[string]string{
		"what only the management account does": `{"Effect":"Allow",` + principal + `,"Action":"organizations:CloseAccount","Resource":"*"}`,
		"an action of another service":          `{"Effect":"Allow",` + principal + `,"Action":"iam:ListUsers","Resource":"*"}`,
		"NotAction":                             `{"Effect":"Allow",` + principal + `,"NotAction":"organizations:CloseAccount","Resource":"*"}`,
		"NotResource":                           `{"Effect":"Allow",` + principal + `,"Action":"organizations:ListRoots","NotResource":"arn:aws:organizations::123456789012:root/o-example/r-1"}`,
	} {
		if err := put(`{"Version":"2012-10-17","Statement":[` + statement + `]}`); err == nil {
			t.Errorf("%s can be delegated", name)
		} else {
			wantCode(t, err, "InvalidInputException")
		}
	}
	k.must(put(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow",` + principal + `,"Action":["organizations:List*","organizations:Describe*"],"Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"` + k.id + `"}}},
		{"Effect":"Allow",` + principal + `,"Action":"organizations:CreatePolicy","Resource":"*","Condition":{"StringEquals":{"organizations:PolicyType":"TAG_POLICY"}}}]}`))
	k.must(list(k.inMember))
	k.must(create(k.inMember, orgtypes.PolicyTypeTagPolicy, "tags"))
	wantCode(t, create(k.inMember, orgtypes.PolicyTypeServiceControlPolicy, "control"), "AccessDeniedException")
	_, err := k.inMember.org.CloseAccount(t.Context(), &organizations.CloseAccountInput{AccountId: &k.member})
	wantCode(t, err, "AccessDeniedException")
	found, err := k.admin.org.ListPolicies(t.Context(), &organizations.ListPoliciesInput{Filter: orgtypes.PolicyTypeTagPolicy})
	k.must(err)
	if len(found.Policies) != 1 || *found.Policies[0].Name != "tags" {
		t.Errorf("the organization has the tag policies %+v", found.Policies)
	}

	// The member's own policies must allow as well.
	nobody := k.memberUser("nobody")
	wantCode(t, list(nobody), "AccessDeniedException")
	wantCode(t, create(nobody, orgtypes.PolicyTypeTagPolicy, "nobody's"), "AccessDeniedException")

	_, err = k.admin.org.DeleteResourcePolicy(t.Context(), &organizations.DeleteResourcePolicyInput{})
	k.must(err)
	wantCode(t, create(k.inMember, orgtypes.PolicyTypeTagPolicy, "after"), "AccessDeniedException")
}

// memberUser makes a user without policies in the member account.
func (k *company) memberUser(name string) clients {
	k.Helper()
	_, err := k.inMember.iam.CreateUser(k.Context(), &iam.CreateUserInput{UserName: &name})
	k.must(err)
	key, err := k.inMember.iam.CreateAccessKey(k.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	k.must(err)
	return k.as(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
}

// TestTagsOfTheOrganizationDecide: aws:ResourceTag is an account's own tag.
func TestTagsOfTheOrganizationDecide(t *testing.T) {
	t.Parallel()
	k := newCompany(t)
	by := k.user("tagged")
	k.allow("tagged", "tagged", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"organizations:DescribeAccount","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"apps"}}}}`)
	look := func() error {
		_, err := by.org.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: &k.member})
		return err
	}
	wantCode(t, look(), "AccessDeniedException")
	_, err := k.admin.org.TagResource(t.Context(), &organizations.TagResourceInput{
		ResourceId: &k.member, Tags: []orgtypes.Tag{{Key: aws.String("team"), Value: aws.String("apps")}},
	})
	k.must(err)
	k.must(look())
}

// TestSimulationKnowsTheOrganization: the simulator says what an SCP takes away.
func TestSimulationKnowsTheOrganization(t *testing.T) {
	t.Parallel()
	k := newCompany(t)
	k.control(orgtypes.PolicyTypeServiceControlPolicy, k.member, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:CreateGrant","Resource":"*"}}`)
	out, err := k.inMember.iam.SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String("arn:aws:iam::" + k.member + ":role/OrganizationAccountAccessRole"), ActionNames: []string{"kms:CreateGrant", "kms:Decrypt"},
	})
	k.must(err)
	got := map[string]bool{}
	for _, r := range out.EvaluationResults {
		if r.OrganizationsDecisionDetail == nil {
			t.Fatalf("%s has no decision of the organization", *r.EvalActionName)
		}
		if allowed := r.OrganizationsDecisionDetail.AllowedByOrganizations; allowed != (r.EvalDecision == iamtypes.PolicyEvaluationDecisionTypeAllowed) {
			t.Errorf("%s is %s, and the organization allows it: %v", *r.EvalActionName, r.EvalDecision, allowed)
		}
		got[*r.EvalActionName] = r.OrganizationsDecisionDetail.AllowedByOrganizations
	}
	if got["kms:CreateGrant"] || !got["kms:Decrypt"] {
		t.Errorf("the organization allows %v", got)
	}
}

// TestOrganizationsHasARole: the service-linked role is in every account, made
// in the name of whoever brought the account in.
func TestOrganizationsHasARole(t *testing.T) {
	t.Parallel()
	k := newCompany(t)
	for account, by := range map[string]clients{"the management account": k.admin, "the member": k.inMember} {
		if _, err := by.iam.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("AWSServiceRoleForOrganizations")}); err != nil {
			t.Errorf("%s has no role: %v", account, err)
		}
	}
}
