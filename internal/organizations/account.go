package organizations

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	// accountsMax is AWS's default quota of accounts in an organization.
	accountsMax = 10
	// accessRole is the role of a new account, if no other name is asked for.
	accessRole = "OrganizationAccountAccessRole"
	// createAccountTask ends the creation of an account.
	createAccountTask = "organizations.createAccount"
	creationTime      = 2 * time.Second
	// closeAccountTask ends the closing of an account.
	closeAccountTask = "organizations.closeAccount"
	closingTime      = 2 * time.Second
)

// account is a member of the organization.
type account struct {
	ID, Name, Email, Parent string
	Status                  types.AccountStatus
	Joined                  time.Time
	Method                  types.AccountJoinedMethod
}

// creation is a request for an account.
type creation struct {
	ID, Name, Email, Role string
	Requested, Completed  time.Time
	Account               string
	State                 types.CreateAccountState
	Failure               types.CreateAccountFailureReason
	Tags                  map[string]string `json:",omitempty"`
}

func (s *Service) accountOperations() []api.Operation {
	onAccount := func(o *organization, id *string) target { return on(o.arn("account", "/"+aws.ToString(id))) }
	return []api.Operation{
		change("CreateAccount", func(_ *api.Call, _ *organization, in *organizations.CreateAccountInput) target {
			return tagging(on(), in.Tags)
		}, createAccount),
		read("DescribeCreateAccountStatus", nil, describeCreation),
		read("ListCreateAccountStatus", nil, listCreations),
		read("DescribeAccount", func(_ *api.Call, o *organization, in *organizations.DescribeAccountInput) target {
			return onAccount(o, in.AccountId)
		}, describeAccount),
		read("ListAccounts", nil, listAccounts),
		read("ListAccountsForParent", func(_ *api.Call, o *organization, in *organizations.ListAccountsForParentInput) target {
			return on(o.arnOf(aws.ToString(in.ParentId)))
		}, listAccountsForParent),
		change("MoveAccount", func(_ *api.Call, o *organization, in *organizations.MoveAccountInput) target {
			return on(o.arn("account", "/"+aws.ToString(in.AccountId)), o.arnOf(aws.ToString(in.SourceParentId)), o.arnOf(aws.ToString(in.DestinationParentId)))
		}, moveAccount),
		change("RemoveAccountFromOrganization", func(_ *api.Call, o *organization, in *organizations.RemoveAccountFromOrganizationInput) target {
			return onAccount(o, in.AccountId)
		}, removeAccount),
		change("CloseAccount", func(_ *api.Call, o *organization, in *organizations.CloseAccountInput) target {
			return onAccount(o, in.AccountId)
		}, closeAccount),
	}
}

// Tasks are the works that Organizations does later.
func (s *Service) Tasks() map[string]func(*api.Call, json.RawMessage) error {
	return map[string]func(*api.Call, json.RawMessage) error{createAccountTask: s.finishCreation, closeAccountTask: finishClosing}
}

func (o *organization) describeAccount(a account) types.Account {
	return types.Account{
		Id: aws.String(a.ID), Arn: aws.String(o.arnOf(a.ID)), Name: aws.String(a.Name), Email: aws.String(a.Email),
		Status: a.Status, State: types.AccountState(a.Status), JoinedMethod: a.Method, JoinedTimestamp: aws.Time(a.Joined),
		Paths: []string{o.path(a.ID) + a.ID + "/"},
	}
}

// accountsIn are the accounts right below a root or unit.
func (o *organization) accountsIn(parent string) []account {
	return slices.DeleteFunc(sorted(o.Accounts), func(a account) bool { return a.Parent != parent })
}

func (c creation) describe() types.CreateAccountStatus {
	out := types.CreateAccountStatus{
		Id: aws.String(c.ID), AccountName: aws.String(c.Name), State: c.State, FailureReason: c.Failure,
		RequestedTimestamp: aws.Time(c.Requested),
	}
	if !c.Completed.IsZero() {
		out.CompletedTimestamp = aws.Time(c.Completed)
	}
	if c.Account != "" {
		out.AccountId = aws.String(c.Account)
	}
	return out
}

// createAccount begins the creation of an account, which is done a little later
// (Organizations API reference, "CreateAccount").
func createAccount(c *api.Call, o *organization, in *organizations.CreateAccountInput) (*organizations.CreateAccountOutput, error) {
	r := creation{
		ID: "car-" + c.NewHex(32), Name: *in.AccountName, Email: *in.Email, Role: aws.ToString(in.RoleName),
		Requested: c.Now, State: types.CreateAccountStateInProgress,
	}
	if r.Role == "" {
		r.Role = accessRole
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	r.Tags = tags
	if o.Creations == nil {
		o.Creations = map[string]creation{}
	}
	o.Creations[r.ID] = r
	c.Event.RequestParameters = map[string]any{"accountName": hidden, "email": hidden, "roleName": r.Role}
	status := r.describe()
	return &organizations.CreateAccountOutput{CreateAccountStatus: &status}, c.Schedule(createAccountTask, r.ID, creationTime, r.ID)
}

// hidden stands in events for what CloudTrail does not show.
const hidden = "HIDDEN_DUE_TO_SECURITY_REASONS"

// finishCreation makes the account, or says why not.
func (s *Service) finishCreation(c *api.Call, raw json.RawMessage) error {
	id, err := api.DecodePayload[string](raw)
	if err != nil {
		return err
	}
	o, err := find(c.Tx, c.Account)
	if err != nil || o == nil {
		return err
	}
	r, ok := o.Creations[id]
	if !ok || r.State != types.CreateAccountStateInProgress {
		return nil
	}
	r.Completed, r.State = c.Now, types.CreateAccountStateFailed
	switch {
	case len(o.Accounts) >= accountsMax:
		r.Failure = types.CreateAccountFailureReasonAccountLimitExceeded
	case slices.ContainsFunc(sorted(o.Accounts), func(a account) bool { return strings.EqualFold(a.Email, r.Email) }):
		r.Failure = types.CreateAccountFailureReasonEmailAlreadyExists
	default:
		if r.Account, err = s.open(c, o, r); err != nil {
			return err
		}
		r.State = types.CreateAccountStateSucceeded
	}
	o.Creations[id] = r
	return o.put(c.Tx)
}

// open makes an account in the organization with the role through which it is
// reached, and returns its id.
func (s *Service) open(c *api.Call, o *organization, r creation) (string, error) {
	id := o.newAccountID(c)
	a := account{ID: id, Name: r.Name, Email: r.Email, Status: types.AccountStatusActive, Method: types.AccountJoinedMethodCreated}
	if err := o.join(c, a); err != nil {
		return "", err
	}
	if len(r.Tags) > 0 {
		o.setTags(id, r.Tags)
	}
	return id, s.roles.CreateAccountRole(c, id, r.Role, o.Management)
}

// join puts an account below the root.
func (o *organization) join(c *api.Call, a account) error {
	a.Parent, a.Joined = o.Root.ID, c.Now
	o.Accounts[a.ID] = a
	o.attachFull(a.ID)
	return members.Put(c.Tx, scopeOf(a.ID), row, member{Management: o.Management})
}

func describeCreation(c *api.Call, in *organizations.DescribeCreateAccountStatusInput) (*organizations.DescribeCreateAccountStatusOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	r, ok := o.Creations[aws.ToString(in.CreateAccountRequestId)]
	if !ok {
		return nil, &types.CreateAccountStatusNotFoundException{Message: aws.String("You specified a create account request that doesn't exist.")}
	}
	status := r.describe()
	return &organizations.DescribeCreateAccountStatusOutput{CreateAccountStatus: &status}, nil
}

func listCreations(c *api.Call, in *organizations.ListCreateAccountStatusInput) (*organizations.ListCreateAccountStatusOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(sorted(o.Creations), func(r creation) bool { return len(in.States) > 0 && !slices.Contains(in.States, r.State) })
	items, next, err := paginate(all, func(r creation) string { return r.ID }, in.NextToken, in.MaxResults)
	return &organizations.ListCreateAccountStatusOutput{CreateAccountStatuses: convert(items, creation.describe), NextToken: next}, err
}

func describeAccount(c *api.Call, in *organizations.DescribeAccountInput) (*organizations.DescribeAccountOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	a, ok := o.Accounts[aws.ToString(in.AccountId)]
	if !ok {
		return nil, accountNotFound()
	}
	d := o.describeAccount(a)
	return &organizations.DescribeAccountOutput{Account: &d}, nil
}

func listAccounts(c *api.Call, in *organizations.ListAccountsInput) (*organizations.ListAccountsOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	items, next, err := paginate(sorted(o.Accounts), func(a account) string { return a.ID }, in.NextToken, in.MaxResults)
	return &organizations.ListAccountsOutput{Accounts: convert(items, o.describeAccount), NextToken: next}, err
}

func listAccountsForParent(c *api.Call, in *organizations.ListAccountsForParentInput) (*organizations.ListAccountsForParentOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	if !o.holds(aws.ToString(in.ParentId)) {
		return nil, parentNotFound()
	}
	items, next, err := paginate(o.accountsIn(*in.ParentId), func(a account) string { return a.ID }, in.NextToken, in.MaxResults)
	return &organizations.ListAccountsForParentOutput{Accounts: convert(items, o.describeAccount), NextToken: next}, err
}

func moveAccount(_ *api.Call, o *organization, in *organizations.MoveAccountInput) (*organizations.MoveAccountOutput, error) {
	a, ok := o.Accounts[aws.ToString(in.AccountId)]
	switch from, to := aws.ToString(in.SourceParentId), aws.ToString(in.DestinationParentId); {
	case !ok:
		return nil, accountNotFound()
	case !o.holds(from) || a.Parent != from:
		return nil, &types.SourceParentNotFoundException{Message: aws.String("You specified a source parent that doesn't exist.")}
	case !o.holds(to):
		return nil, &types.DestinationParentNotFoundException{Message: aws.String("You specified a destination parent that doesn't exist.")}
	case from == to:
		return nil, &types.DuplicateAccountException{Message: aws.String("The account already exists in the destination parent.")}
	default:
		a.Parent = to
	}
	o.Accounts[a.ID] = a
	return &organizations.MoveAccountOutput{}, nil
}

func removeAccount(c *api.Call, o *organization, in *organizations.RemoveAccountFromOrganizationInput) (*organizations.RemoveAccountFromOrganizationOutput, error) {
	return &organizations.RemoveAccountFromOrganizationOutput{}, o.removeAccount(c.Tx, aws.ToString(in.AccountId), c.Now)
}

// removeAccount takes an account out of the organization: it goes on by itself,
// without the organization's policies.
func (o *organization) removeAccount(tx store.Tx, id string, now time.Time) error {
	switch _, ok := o.Accounts[id]; {
	case !ok:
		return accountNotFound()
	case id == o.Management:
		return &types.MasterCannotLeaveOrganizationException{Message: aws.String("The master account cannot leave the organization.")}
	case len(o.Delegates[id]) > 0:
		return constraint(types.ConstraintViolationExceptionReasonCannotRemoveDelegatedAdministratorFromOrg,
			"You can't remove the account from the organization because it is a delegated administrator. Deregister it first.")
	}
	delete(o.Accounts, id)
	o.forget(id)
	// One voice less that the change to all features waits for.
	o.approve(now)
	return members.Delete(tx, scopeOf(id), row)
}

func closeAccount(c *api.Call, o *organization, in *organizations.CloseAccountInput) (*organizations.CloseAccountOutput, error) {
	a, ok := o.Accounts[aws.ToString(in.AccountId)]
	switch {
	case !ok:
		return nil, accountNotFound()
	case a.ID == o.Management:
		return nil, constraint(types.ConstraintViolationExceptionReasonCannotCloseManagementAccount, "You can't close the management account of an organization.")
	case a.Status == types.AccountStatusSuspended:
		return nil, &types.AccountAlreadyClosedException{Message: aws.String("You attempted to close an account that is already closed.")}
	case a.Status == types.AccountStatusPendingClosure:
		return nil, &types.ConflictException{Message: aws.String("The request failed because it conflicts with the current state of the specified resource.")}
	}
	a.Status = types.AccountStatusPendingClosure
	o.Accounts[a.ID] = a
	return &organizations.CloseAccountOutput{}, c.Schedule(closeAccountTask, a.ID, closingTime, a.ID)
}

func finishClosing(c *api.Call, raw json.RawMessage) error {
	id, err := api.DecodePayload[string](raw)
	if err != nil {
		return err
	}
	o, err := find(c.Tx, c.Account)
	if err != nil || o == nil {
		return err
	}
	a, ok := o.Accounts[id]
	if !ok || a.Status != types.AccountStatusPendingClosure {
		return nil
	}
	a.Status = types.AccountStatusSuspended
	o.Accounts[id] = a
	return o.put(c.Tx)
}
