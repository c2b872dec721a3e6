package organizations_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	awsorg "github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/organizations"
	"github.com/keyturn/keyturn/internal/store"
)

const management, stranger = "123456789012", "210987654321"

// world is an Organizations with a store of its own.
type world struct {
	t       testing.TB
	service *organizations.Service
	store   store.Store
	ops     map[string]api.Operation
	random  *rand.ChaCha8
	now     time.Time
	tasks   []api.Task
	roles   []string
	// linked are the accounts with a service-linked role; unlinkable: IAM refuses to make one.
	linked     map[string]bool
	unlinkable bool
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, store: store.Memory(), ops: map[string]api.Operation{}, linked: map[string]bool{}, random: rand.NewChaCha8([32]byte{1}), now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	w.service = organizations.New(w, w)
	for _, o := range w.service.Operations() {
		w.ops[o.Name()] = o
	}
	return w
}

// CreateAccountRole is IAM's part.
func (w *world) CreateAccountRole(_ *api.Call, account, name, trusted string) error {
	w.roles = append(w.roles, account+" "+name+" "+trusted)
	return nil
}

// LinkedRole and Invoke are IAM's part in service-linked roles.
func (w *world) LinkedRole(c *api.Call, arn, _ string) (api.Caller, error) {
	if want := "arn:aws:iam::" + c.Account + ":role/aws-service-role/organizations.amazonaws.com/AWSServiceRoleForOrganizations"; arn != want {
		w.t.Errorf("the role asked for is %s, want %s", arn, want)
	}
	if w.linked[c.Account] {
		return api.Caller{}, nil
	}
	return api.Caller{}, store.ErrNotFound
}

func (w *world) Invoke(c *api.Call, service, operation string, in any) (any, error) {
	if r, ok := in.(*iam.CreateServiceLinkedRoleInput); !ok || service != "iam" || operation != "CreateServiceLinkedRole" || *r.AWSServiceName != "organizations.amazonaws.com" {
		return nil, errors.New("no other service here")
	}
	if w.unlinkable {
		return nil, api.Error("AccessDenied", "not authorized")
	}
	w.linked[c.Account] = true
	return &iam.CreateServiceLinkedRoleOutput{}, nil
}

func (w *world) Schedule(_ *api.Call, t api.Task) error {
	w.tasks = append(w.tasks, t)
	return nil
}

func (w *world) call(account string) *api.Call {
	w.now = w.now.Add(time.Second)
	return &api.Call{
		Context: context.Background(), Account: account, Region: "us-east-1", Partition: "aws", Now: w.now, Rand: w.random, Door: w,
		Caller: api.Caller{Principal: access.Principal{Type: access.Root, Partition: "aws", Account: account}},
	}
}

// run carries an operation out for an account, its descriptor first.
func (w *world) run(account, operation string, in any) (out any, err error) {
	op, ok := w.ops[operation]
	if !ok {
		w.t.Fatalf("there is no operation %s", operation)
	}
	c := w.call(account)
	do := w.store.Update
	if op.Reads() {
		do = w.store.View
	}
	err = do(c.Context, func(tx store.Tx) error {
		c.Tx = tx
		if _, err := op.Needs(c, in); err != nil {
			return err
		}
		out, err = op.Do(c, in)
		return err
	})
	return out, err
}

func must[Out any](w *world, account, operation string, in any) *Out {
	out, err := w.run(account, operation, in)
	if err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
	return out.(*Out)
}

// settle runs what was scheduled.
func (w *world) settle() {
	tasks := w.tasks
	w.tasks = nil
	for _, task := range tasks {
		raw, err := json.Marshal(task.Payload)
		if err == nil {
			err = w.store.Update(context.Background(), func(tx store.Tx) error {
				c := w.call(management)
				c.Tx = tx
				return w.service.Tasks()[task.Kind](c, raw)
			})
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// organized makes an organization and returns its root's id.
func (w *world) organized() string {
	must[awsorg.CreateOrganizationOutput](w, management, "CreateOrganization", &awsorg.CreateOrganizationInput{})
	return *must[awsorg.ListRootsOutput](w, management, "ListRoots", &awsorg.ListRootsInput{}).Roots[0].Id
}

func (w *world) unit(parent, name string) string {
	return *must[awsorg.CreateOrganizationalUnitOutput](w, management, "CreateOrganizationalUnit", &awsorg.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name}).OrganizationalUnit.Id
}

func (w *world) account(name string) types.CreateAccountStatus {
	asked := must[awsorg.CreateAccountOutput](w, management, "CreateAccount", &awsorg.CreateAccountInput{AccountName: &name, Email: aws.String(name + "@example.com")})
	w.settle()
	return *must[awsorg.DescribeCreateAccountStatusOutput](w, management, "DescribeCreateAccountStatus", &awsorg.DescribeCreateAccountStatusInput{CreateAccountRequestId: asked.CreateAccountStatus.Id}).CreateAccountStatus
}

func (w *world) policy(kind types.PolicyType, name, content string) string {
	return *must[awsorg.CreatePolicyOutput](w, management, "CreatePolicy", &awsorg.CreatePolicyInput{Name: &name, Description: aws.String(""), Type: kind, Content: &content}).Policy.PolicySummary.Id
}

const allowAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

// TestRefusals: what Organizations refuses, and with which exception (the
// "Errors" of each operation's page in the API reference).
func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.run(management, "DescribeOrganization", &awsorg.DescribeOrganizationInput{}); code(err) != "AWSOrganizationsNotInUseException" {
		t.Errorf("without an organization: %v", err)
	}
	root := w.organized()
	ou := w.unit(root, "apps")
	below := w.unit(ou, "below")
	member := *w.account("member").AccountId
	scp := w.policy(types.PolicyTypeServiceControlPolicy, "limits", allowAll)
	attached := w.policy(types.PolicyTypeServiceControlPolicy, "attached", allowAll)
	must[awsorg.AttachPolicyOutput](w, management, "AttachPolicy", &awsorg.AttachPolicyInput{PolicyId: &attached, TargetId: &ou})
	rcp := w.policy(types.PolicyTypeResourceControlPolicy, "rcp", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*"}}`)
	full := "p-FullAWSAccess"
	tests := []struct {
		name, account, operation string
		in                       any
		code, reason             string
	}{
		{"a second organization", management, "CreateOrganization", &awsorg.CreateOrganizationInput{}, "AlreadyInOrganizationException", ""},
		{"a member's organization", member, "CreateOrganization", &awsorg.CreateOrganizationInput{}, "AlreadyInOrganizationException", ""},
		{"an account outside", stranger, "ListAccounts", &awsorg.ListAccountsInput{}, "AWSOrganizationsNotInUseException", ""},
		{"a member looks at accounts", member, "ListAccounts", &awsorg.ListAccountsInput{}, "AccessDeniedException", ""},
		{"a member makes a policy", member, "CreatePolicy", &awsorg.CreatePolicyInput{Name: aws.String("x"), Description: aws.String(""), Type: types.PolicyTypeServiceControlPolicy, Content: aws.String(allowAll)}, "AccessDeniedException", ""},
		{"an organization that is not empty", management, "DeleteOrganization", &awsorg.DeleteOrganizationInput{}, "OrganizationNotEmptyException", ""},
		{"the management account leaves", management, "LeaveOrganization", &awsorg.LeaveOrganizationInput{}, "MasterCannotLeaveOrganizationException", ""},
		{"two units of one name", management, "CreateOrganizationalUnit", &awsorg.CreateOrganizationalUnitInput{ParentId: &root, Name: aws.String("apps")}, "DuplicateOrganizationalUnitException", ""},
		{"a unit below nothing", management, "CreateOrganizationalUnit", &awsorg.CreateOrganizationalUnitInput{ParentId: aws.String("ou-none-nonenone"), Name: aws.String("x")}, "ParentNotFoundException", ""},
		{"a unit that is not empty", management, "DeleteOrganizationalUnit", &awsorg.DeleteOrganizationalUnitInput{OrganizationalUnitId: &ou}, "OrganizationalUnitNotEmptyException", ""},
		{"a unit that is not there", management, "DescribeOrganizationalUnit", &awsorg.DescribeOrganizationalUnitInput{OrganizationalUnitId: aws.String("ou-none-nonenone")}, "OrganizationalUnitNotFoundException", ""},
		{"moving from elsewhere", management, "MoveAccount", &awsorg.MoveAccountInput{AccountId: &member, SourceParentId: &below, DestinationParentId: &ou}, "SourceParentNotFoundException", ""},
		{"moving to nowhere", management, "MoveAccount", &awsorg.MoveAccountInput{AccountId: &member, SourceParentId: &root, DestinationParentId: aws.String("ou-none-nonenone")}, "DestinationParentNotFoundException", ""},
		{"moving to where it is", management, "MoveAccount", &awsorg.MoveAccountInput{AccountId: &member, SourceParentId: &root, DestinationParentId: &root}, "DuplicateAccountException", ""},
		{"moving a stranger", management, "MoveAccount", &awsorg.MoveAccountInput{AccountId: aws.String(stranger), SourceParentId: &root, DestinationParentId: &ou}, "AccountNotFoundException", ""},
		{"a policy that is no policy", management, "CreatePolicy", &awsorg.CreatePolicyInput{Name: aws.String("bad"), Description: aws.String(""), Type: types.PolicyTypeServiceControlPolicy, Content: aws.String(`{"Statement":"x"}`)}, "MalformedPolicyDocumentException", ""},
		{"an SCP with a principal", management, "CreatePolicy", &awsorg.CreatePolicyInput{Name: aws.String("bad"), Description: aws.String(""), Type: types.PolicyTypeServiceControlPolicy, Content: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`)}, "MalformedPolicyDocumentException", ""},
		{"an RCP that allows", management, "CreatePolicy", &awsorg.CreatePolicyInput{Name: aws.String("bad"), Description: aws.String(""), Type: types.PolicyTypeResourceControlPolicy, Content: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}`)}, "MalformedPolicyDocumentException", ""},
		{"a policy beyond the size", management, "CreatePolicy", &awsorg.CreatePolicyInput{Name: aws.String("long"), Description: aws.String(""), Type: types.PolicyTypeServiceControlPolicy, Content: aws.String(allowAll + strings.Repeat(" ", 10240))}, "ConstraintViolationException", "POLICY_CONTENT_LIMIT_EXCEEDED"},
		{"two policies of one name", management, "CreatePolicy", &awsorg.CreatePolicyInput{Name: aws.String("limits"), Description: aws.String(""), Type: types.PolicyTypeServiceControlPolicy, Content: aws.String(allowAll)}, "DuplicatePolicyException", ""},
		{"AWS's policy changed", management, "UpdatePolicy", &awsorg.UpdatePolicyInput{PolicyId: &full, Name: aws.String("mine")}, "InvalidInputException", "IMMUTABLE_POLICY"},
		{"AWS's policy deleted", management, "DeletePolicy", &awsorg.DeletePolicyInput{PolicyId: &full}, "InvalidInputException", "IMMUTABLE_POLICY"},
		{"a policy in use deleted", management, "DeletePolicy", &awsorg.DeletePolicyInput{PolicyId: &attached}, "PolicyInUseException", ""},
		{"a policy that is not there", management, "DescribePolicy", &awsorg.DescribePolicyInput{PolicyId: aws.String("p-none0000")}, "PolicyNotFoundException", ""},
		{"attached twice", management, "AttachPolicy", &awsorg.AttachPolicyInput{PolicyId: &attached, TargetId: &ou}, "DuplicatePolicyAttachmentException", ""},
		{"attached to nothing", management, "AttachPolicy", &awsorg.AttachPolicyInput{PolicyId: &scp, TargetId: aws.String(stranger)}, "TargetNotFoundException", ""},
		{"of a type that is not enabled", management, "AttachPolicy", &awsorg.AttachPolicyInput{PolicyId: &rcp, TargetId: &ou}, "PolicyTypeNotEnabledException", ""},
		{"detached where it is not", management, "DetachPolicy", &awsorg.DetachPolicyInput{PolicyId: &scp, TargetId: &ou}, "PolicyNotAttachedException", ""},
		{"the last SCP detached", management, "DetachPolicy", &awsorg.DetachPolicyInput{PolicyId: &full, TargetId: &root}, "ConstraintViolationException", "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"},
		{"a type enabled twice", management, "EnablePolicyType", &awsorg.EnablePolicyTypeInput{RootId: &root, PolicyType: types.PolicyTypeServiceControlPolicy}, "PolicyTypeAlreadyEnabledException", ""},
		{"a type disabled that is not enabled", management, "DisablePolicyType", &awsorg.DisablePolicyTypeInput{RootId: &root, PolicyType: types.PolicyTypeTagPolicy}, "PolicyTypeNotEnabledException", ""},
		{"a root that is not there", management, "EnablePolicyType", &awsorg.EnablePolicyTypeInput{RootId: aws.String("r-none"), PolicyType: types.PolicyTypeTagPolicy}, "RootNotFoundException", ""},
		{"a delegate without service access", management, "RegisterDelegatedAdministrator", &awsorg.RegisterDelegatedAdministratorInput{AccountId: &member, ServicePrincipal: aws.String("guardduty.amazonaws.com")}, "ConstraintViolationException", "SERVICE_ACCESS_NOT_ENABLED"},
		{"the management account as delegate", management, "RegisterDelegatedAdministrator", &awsorg.RegisterDelegatedAdministratorInput{AccountId: aws.String(management), ServicePrincipal: aws.String("guardduty.amazonaws.com")}, "ConstraintViolationException", "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR"},
		{"no delegate", management, "DeregisterDelegatedAdministrator", &awsorg.DeregisterDelegatedAdministratorInput{AccountId: &member, ServicePrincipal: aws.String("guardduty.amazonaws.com")}, "AccountNotRegisteredException", ""},
		{"a service that is none", management, "EnableAWSServiceAccess", &awsorg.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("guardduty")}, "InvalidInputException", "UNRECOGNIZED_SERVICE_PRINCIPAL"},
		{"the management account closed", management, "CloseAccount", &awsorg.CloseAccountInput{AccountId: aws.String(management)}, "ConstraintViolationException", "CANNOT_CLOSE_MANAGEMENT_ACCOUNT"},
		{"a system tag", management, "TagResource", &awsorg.TagResourceInput{ResourceId: &ou, Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("y")}}}, "InvalidInputException", "INVALID_SYSTEM_TAGS_PARAMETER"},
		{"a tag twice", management, "TagResource", &awsorg.TagResourceInput{ResourceId: &ou, Tags: []types.Tag{{Key: aws.String("x"), Value: aws.String("y")}, {Key: aws.String("x"), Value: aws.String("z")}}}, "InvalidInputException", "DUPLICATE_TAG_KEY"},
		{"tags of nothing", management, "ListTagsForResource", &awsorg.ListTagsForResourceInput{ResourceId: aws.String("p-none0000")}, "TargetNotFoundException", ""},
		{"a token that is none", management, "ListAccounts", &awsorg.ListAccountsInput{NextToken: aws.String("%")}, "InvalidInputException", "INVALID_NEXT_TOKEN"},
		{"a handshake that is not there", stranger, "AcceptHandshake", &awsorg.AcceptHandshakeInput{HandshakeId: aws.String("h-none0000")}, "HandshakeNotFoundException", ""},
		{"an invitation to a member", management, "InviteAccountToOrganization", &awsorg.InviteAccountToOrganizationInput{Target: &types.HandshakeParty{Type: types.HandshakePartyTypeAccount, Id: &member}}, "DuplicateHandshakeException", ""},
		{"no effective policy", management, "DescribeEffectivePolicy", &awsorg.DescribeEffectivePolicyInput{PolicyType: types.EffectivePolicyTypeTagPolicy}, "EffectivePolicyNotFoundException", ""},
		{"no resource policy", management, "DescribeResourcePolicy", &awsorg.DescribeResourcePolicyInput{}, "ResourcePolicyNotFoundException", ""},
	}
	for _, test := range tests {
		_, err := w.run(test.account, test.operation, test.in)
		if got := code(err); got != test.code {
			t.Errorf("%s: %s answers %q (%v), want %s", test.name, test.operation, got, err, test.code)
		}
		if test.reason != "" && !strings.Contains(reason(err), test.reason) {
			t.Errorf("%s: reason %q, want %s", test.name, reason(err), test.reason)
		}
	}
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

func reason(err error) string {
	if e, ok := errors.AsType[*types.ConstraintViolationException](err); ok {
		return string(e.Reason)
	}
	if e, ok := errors.AsType[*types.InvalidInputException](err); ok {
		return string(e.Reason)
	}
	return ""
}

// TestUnitsNestFiveDeep (Organizations guide, "Quotas and service limits").
func TestUnitsNestFiveDeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.organized()
	for i := range 5 {
		parent = w.unit(parent, fmt.Sprint("level", i))
	}
	_, err := w.run(management, "CreateOrganizationalUnit", &awsorg.CreateOrganizationalUnitInput{ParentId: &parent, Name: aws.String("sixth")})
	if code(err) != "ConstraintViolationException" || reason(err) != "OU_DEPTH_LIMIT_EXCEEDED" {
		t.Errorf("a sixth level: %v", err)
	}
}

// TestAccountsAreCreatedLater, up to the quota, one an address.
func TestAccountsAreCreatedLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.organized()
	first := w.account("first")
	if first.State != types.CreateAccountStateSucceeded || len(w.roles) != 1 || w.roles[0] != *first.AccountId+" OrganizationAccountAccessRole "+management {
		t.Fatalf("status %+v, roles %v", first, w.roles)
	}
	if again := w.account("first"); again.State != types.CreateAccountStateFailed || again.FailureReason != types.CreateAccountFailureReasonEmailAlreadyExists {
		t.Errorf("the same address again: %+v", again)
	}
	for i := range 8 {
		w.account(fmt.Sprint("more", i))
	}
	if over := w.account("over"); over.FailureReason != types.CreateAccountFailureReasonAccountLimitExceeded {
		t.Errorf("beyond the quota: %+v", over)
	}
	page := must[awsorg.ListAccountsOutput](w, management, "ListAccounts", &awsorg.ListAccountsInput{MaxResults: aws.Int32(4)})
	seen := len(page.Accounts)
	for page.NextToken != nil {
		page = must[awsorg.ListAccountsOutput](w, management, "ListAccounts", &awsorg.ListAccountsInput{MaxResults: aws.Int32(4), NextToken: page.NextToken})
		seen += len(page.Accounts)
	}
	if seen != 10 {
		t.Errorf("%d accounts page by page, want 10", seen)
	}
}

// TestInvitation: an account of its own joins, and leaves again.
func TestInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.organized()
	to := &awsorg.InviteAccountToOrganizationInput{Target: &types.HandshakeParty{Type: types.HandshakePartyTypeAccount, Id: aws.String(stranger)}}
	h := must[awsorg.InviteAccountToOrganizationOutput](w, management, "InviteAccountToOrganization", to).Handshake
	if h.State != types.HandshakeStateOpen {
		t.Errorf("the handshake is %s", h.State)
	}
	if _, err := w.run(management, "InviteAccountToOrganization", to); code(err) != "DuplicateHandshakeException" {
		t.Errorf("invited twice: %v", err)
	}
	if _, err := w.run(management, "AcceptHandshake", &awsorg.AcceptHandshakeInput{HandshakeId: h.Id}); code(err) != "AccessDeniedException" {
		t.Errorf("the sender accepts: %v", err)
	}
	list := must[awsorg.ListHandshakesForAccountOutput](w, stranger, "ListHandshakesForAccount", &awsorg.ListHandshakesForAccountInput{})
	if len(list.Handshakes) != 1 || *list.Handshakes[0].Id != *h.Id {
		t.Errorf("the invited account sees %+v", list.Handshakes)
	}
	must[awsorg.AcceptHandshakeOutput](w, stranger, "AcceptHandshake", &awsorg.AcceptHandshakeInput{HandshakeId: h.Id})
	if _, err := w.run(stranger, "DeclineHandshake", &awsorg.DeclineHandshakeInput{HandshakeId: h.Id}); code(err) != "InvalidHandshakeTransitionException" {
		t.Errorf("declined after all: %v", err)
	}
	a := must[awsorg.DescribeAccountOutput](w, management, "DescribeAccount", &awsorg.DescribeAccountInput{AccountId: aws.String(stranger)}).Account
	if a.JoinedMethod != types.AccountJoinedMethodInvited {
		t.Errorf("joined by %s", a.JoinedMethod)
	}
	must[awsorg.LeaveOrganizationOutput](w, stranger, "LeaveOrganization", &awsorg.LeaveOrganizationInput{})
	if _, err := w.run(stranger, "DescribeOrganization", &awsorg.DescribeOrganizationInput{}); code(err) != "AWSOrganizationsNotInUseException" {
		t.Errorf("having left: %v", err)
	}
	h = must[awsorg.InviteAccountToOrganizationOutput](w, management, "InviteAccountToOrganization", to).Handshake
	w.now = w.now.Add(16 * 24 * time.Hour)
	if got := must[awsorg.DescribeHandshakeOutput](w, stranger, "DescribeHandshake", &awsorg.DescribeHandshakeInput{HandshakeId: h.Id}).Handshake.State; got != types.HandshakeStateExpired {
		t.Errorf("after sixteen days the handshake is %s", got)
	}
}

// TestEffectiveTagPolicy merges from the root down (Organizations guide,
// "Understanding management policy inheritance").
func TestEffectiveTagPolicy(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, root, unit, want string }{
		{
			"a unit appends", `{"tags":{"project":{"tag_key":{"@@assign":"Project"},"tag_value":{"@@assign":["a"]}}}}`,
			`{"tags":{"project":{"tag_value":{"@@append":["b"]}}}}`, `{"tags":{"project":{"tag_key":"Project","tag_value":["a","b"]}}}`,
		},
		{
			"a unit removes", `{"tags":{"project":{"tag_value":{"@@assign":["a","b"]}}}}`,
			`{"tags":{"project":{"tag_value":{"@@remove":["a"]}}}}`, `{"tags":{"project":{"tag_value":["b"]}}}`,
		},
		{
			"a unit assigns anew", `{"tags":{"project":{"tag_value":{"@@assign":["a"]}}}}`,
			`{"tags":{"project":{"tag_value":{"@@assign":["c"]}}}}`, `{"tags":{"project":{"tag_value":["c"]}}}`,
		},
		{
			"the root lets nobody below", `{"tags":{"project":{"tag_value":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":["a"]}}}}`,
			`{"tags":{"project":{"tag_value":{"@@assign":["c"]}}}}`, `{"tags":{"project":{"tag_value":["a"]}}}`,
		},
		{
			"the root lets below append only", `{"tags":{"@@operators_allowed_for_child_policies":["@@append"],"project":{"tag_value":{"@@assign":["a"]}}}}`,
			`{"tags":{"project":{"tag_value":{"@@assign":["c"],"@@append":["d"]}}}}`, `{"tags":{"project":{"tag_value":["a","d"]}}}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			root := w.organized()
			ou := w.unit(root, "apps")
			member := *w.account("member").AccountId
			must[awsorg.MoveAccountOutput](w, management, "MoveAccount", &awsorg.MoveAccountInput{AccountId: &member, SourceParentId: &root, DestinationParentId: &ou})
			must[awsorg.EnablePolicyTypeOutput](w, management, "EnablePolicyType", &awsorg.EnablePolicyTypeInput{RootId: &root, PolicyType: types.PolicyTypeTagPolicy})
			for at, content := range map[string]string{root: test.root, ou: test.unit} {
				id := w.policy(types.PolicyTypeTagPolicy, "tags-"+at, content)
				must[awsorg.AttachPolicyOutput](w, management, "AttachPolicy", &awsorg.AttachPolicyInput{PolicyId: &id, TargetId: &at})
			}
			got := must[awsorg.DescribeEffectivePolicyOutput](w, member, "DescribeEffectivePolicy", &awsorg.DescribeEffectivePolicyInput{PolicyType: types.EffectivePolicyTypeTagPolicy})
			if diff := cmp.Diff(test.want, *got.EffectivePolicy.PolicyContent); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestTreeHoldsTogether: whatever is done, every account is in the tree, is
// subject to a list of policies for each level above it, and nothing is lost.
func TestTreeHoldsTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		root := w.organized()
		places := []string{root}
		accounts := map[string]string{} // id → parent
		any := func(label string, of []string) string { return rapid.SampledFrom(of).Draw(r, label) }
		for range rapid.IntRange(1, 25).Draw(r, "steps") {
			switch rapid.IntRange(0, 4).Draw(r, "what") {
			case 0:
				out, err := w.run(management, "CreateOrganizationalUnit", &awsorg.CreateOrganizationalUnitInput{ParentId: aws.String(any("parent", places)), Name: aws.String(strconv.Itoa(len(places)))})
				if err == nil {
					places = append(places, *out.(*awsorg.CreateOrganizationalUnitOutput).OrganizationalUnit.Id)
				}
			case 1:
				if s := w.account(fmt.Sprint("a", w.now.Unix())); s.State == types.CreateAccountStateSucceeded {
					accounts[*s.AccountId] = root
				}
			case 2:
				for id, from := range accounts {
					to := any("to", places)
					if _, err := w.run(management, "MoveAccount", &awsorg.MoveAccountInput{AccountId: &id, SourceParentId: &from, DestinationParentId: &to}); err == nil {
						accounts[id] = to
					}
					break
				}
			case 3:
				for id := range accounts {
					must[awsorg.RemoveAccountFromOrganizationOutput](w, management, "RemoveAccountFromOrganization", &awsorg.RemoveAccountFromOrganizationInput{AccountId: &id})
					delete(accounts, id)
					break
				}
			case 4:
				gone := any("gone", places)
				if _, err := w.run(management, "DeleteOrganizationalUnit", &awsorg.DeleteOrganizationalUnitInput{OrganizationalUnitId: &gone}); err == nil {
					for i, p := range places {
						if p == gone {
							places = append(places[:i:i], places[i+1:]...)
						}
					}
				}
			}
		}
		for id, parent := range accounts {
			levels := 1
			for at := id; at != root; levels++ {
				at = *must[awsorg.ListParentsOutput](w, management, "ListParents", &awsorg.ListParentsInput{ChildId: &at}).Parents[0].Id
			}
			if got := *must[awsorg.ListParentsOutput](w, management, "ListParents", &awsorg.ListParentsInput{ChildId: &id}).Parents[0].Id; got != parent {
				r.Errorf("%s is in %s, want %s", id, got, parent)
			}
			err := w.store.View(context.Background(), func(tx store.Tx) error {
				m, err := w.service.Membership(tx, id)
				if err == nil && (m == nil || len(m.ServiceControl) != levels) {
					r.Errorf("%s at level %d is subject to %+v", id, levels, m)
				}
				return err
			})
			if err != nil {
				r.Fatal(err)
			}
		}
	})
}

// TestServiceLinkedRole: an organization with all features needs the role of its
// own, which IAM may refuse; one that only bills together does not.
func TestServiceLinkedRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unlinkable = true
	_, err := w.run(management, "CreateOrganization", &awsorg.CreateOrganizationInput{})
	if e, ok := errors.AsType[*types.AccessDeniedForDependencyException](err); !ok || e.Reason != types.AccessDeniedForDependencyExceptionReasonAccessDeniedDuringCreateServiceLinkedRole {
		t.Errorf("without permission to make the role: %v", err)
	}
	if _, err := w.run(management, "DescribeOrganization", &awsorg.DescribeOrganizationInput{}); code(err) != "AWSOrganizationsNotInUseException" {
		t.Errorf("what was refused is there: %v", err)
	}
	must[awsorg.CreateOrganizationOutput](w, management, "CreateOrganization", &awsorg.CreateOrganizationInput{FeatureSet: types.OrganizationFeatureSetConsolidatedBilling})
	must[awsorg.DeleteOrganizationOutput](w, management, "DeleteOrganization", &awsorg.DeleteOrganizationInput{})
	w.unlinkable = false
	must[awsorg.CreateOrganizationOutput](w, management, "CreateOrganization", &awsorg.CreateOrganizationInput{})
	invitation := must[awsorg.InviteAccountToOrganizationOutput](w, management, "InviteAccountToOrganization", &awsorg.InviteAccountToOrganizationInput{
		Target: &types.HandshakeParty{Type: types.HandshakePartyTypeAccount, Id: aws.String(stranger)},
	}).Handshake
	must[awsorg.AcceptHandshakeOutput](w, stranger, "AcceptHandshake", &awsorg.AcceptHandshakeInput{HandshakeId: invitation.Id})
	if !w.linked[management] || !w.linked[stranger] {
		t.Errorf("the role is in %v, want it in both accounts", w.linked)
	}
}

// TestAllFeatures: every invited account must approve before the management
// account can finish (Organizations guide, "Enabling all features for an
// organization").
func TestAllFeatures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must[awsorg.CreateOrganizationOutput](w, management, "CreateOrganization", &awsorg.CreateOrganizationInput{FeatureSet: types.OrganizationFeatureSetConsolidatedBilling})
	invitation := must[awsorg.InviteAccountToOrganizationOutput](w, management, "InviteAccountToOrganization", &awsorg.InviteAccountToOrganizationInput{
		Target: &types.HandshakeParty{Type: types.HandshakePartyTypeAccount, Id: aws.String(stranger)},
	}).Handshake
	must[awsorg.AcceptHandshakeOutput](w, stranger, "AcceptHandshake", &awsorg.AcceptHandshakeInput{HandshakeId: invitation.Id})
	all := must[awsorg.EnableAllFeaturesOutput](w, management, "EnableAllFeatures", &awsorg.EnableAllFeaturesInput{}).Handshake
	if all.Action != types.ActionTypeEnableAllFeatures || all.State != types.HandshakeStateRequested || !strings.Contains(*all.Arn, "/enable_all_features/") {
		t.Errorf("the handshake is %s %s %s", all.Action, all.State, *all.Arn)
	}
	if _, err := w.run(management, "EnableAllFeatures", &awsorg.EnableAllFeaturesInput{}); code(err) != "HandshakeConstraintViolationException" {
		t.Errorf("asked twice: %v", err)
	}
	if _, err := w.run(management, "InviteAccountToOrganization", &awsorg.InviteAccountToOrganizationInput{
		Target: &types.HandshakeParty{Type: types.HandshakePartyTypeAccount, Id: aws.String("333333333333")},
	}); code(err) != "HandshakeConstraintViolationException" {
		t.Errorf("an invitation in between: %v", err)
	}
	if _, err := w.run(management, "AcceptHandshake", &awsorg.AcceptHandshakeInput{HandshakeId: all.Id}); code(err) != "InvalidHandshakeTransitionException" {
		t.Errorf("finished before all have approved: %v", err)
	}
	asked := must[awsorg.ListHandshakesForAccountOutput](w, stranger, "ListHandshakesForAccount", &awsorg.ListHandshakesForAccountInput{
		Filter: &types.HandshakeFilter{ActionType: types.ActionTypeApproveAllFeatures},
	}).Handshakes
	if len(asked) != 1 {
		t.Fatalf("the invited account is asked %d times", len(asked))
	}
	must[awsorg.AcceptHandshakeOutput](w, stranger, "AcceptHandshake", &awsorg.AcceptHandshakeInput{HandshakeId: asked[0].Id})
	if got := must[awsorg.DescribeHandshakeOutput](w, management, "DescribeHandshake", &awsorg.DescribeHandshakeInput{HandshakeId: all.Id}).Handshake.State; got != types.HandshakeStateOpen {
		t.Errorf("after the approval the handshake is %s", got)
	}
	if _, err := w.run(stranger, "AcceptHandshake", &awsorg.AcceptHandshakeInput{HandshakeId: all.Id}); code(err) != "HandshakeNotFoundException" {
		t.Errorf("the member finishes: %v", err)
	}
	must[awsorg.AcceptHandshakeOutput](w, management, "AcceptHandshake", &awsorg.AcceptHandshakeInput{HandshakeId: all.Id})
	o := must[awsorg.DescribeOrganizationOutput](w, stranger, "DescribeOrganization", &awsorg.DescribeOrganizationInput{}).Organization
	if o.FeatureSet != types.OrganizationFeatureSetAll || len(o.AvailablePolicyTypes) != 1 || !w.linked[stranger] || !w.linked[management] {
		t.Errorf("the organization has %s, %v; roles in %v", o.FeatureSet, o.AvailablePolicyTypes, w.linked)
	}
	if _, err := w.run(management, "EnableAllFeatures", &awsorg.EnableAllFeaturesInput{}); code(err) != "HandshakeConstraintViolationException" {
		t.Errorf("with all features: %v", err)
	}
}
