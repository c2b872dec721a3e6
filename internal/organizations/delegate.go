package organizations

import (
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) delegationOperations() []api.Operation {
	onDelegate := func(o *organization, account, service *string) target {
		t := on(o.arn("account", "/"+aws.ToString(account)))
		t.context.Set("organizations:ServicePrincipal", aws.ToString(service))
		return t
	}
	return []api.Operation{
		change("RegisterDelegatedAdministrator", func(_ *api.Call, o *organization, in *organizations.RegisterDelegatedAdministratorInput) target {
			return onDelegate(o, in.AccountId, in.ServicePrincipal)
		}, registerDelegate),
		change("DeregisterDelegatedAdministrator", func(_ *api.Call, o *organization, in *organizations.DeregisterDelegatedAdministratorInput) target {
			return onDelegate(o, in.AccountId, in.ServicePrincipal)
		}, deregisterDelegate),
		read("ListDelegatedAdministrators", func(_ *api.Call, _ *organization, in *organizations.ListDelegatedAdministratorsInput) target {
			var t target
			if in.ServicePrincipal != nil {
				t.context.Set("organizations:ServicePrincipal", *in.ServicePrincipal)
			}
			return t
		}, listDelegates),
		read("ListDelegatedServicesForAccount", func(_ *api.Call, o *organization, in *organizations.ListDelegatedServicesForAccountInput) target {
			return on(o.arn("account", "/"+aws.ToString(in.AccountId)))
		}, listDelegatedServices),
	}
}

func registerDelegate(c *api.Call, o *organization, in *organizations.RegisterDelegatedAdministratorInput) (*organizations.RegisterDelegatedAdministratorOutput, error) {
	id, service := aws.ToString(in.AccountId), aws.ToString(in.ServicePrincipal)
	a, ok := o.Accounts[id]
	switch {
	case !ok:
		return nil, accountNotFound()
	case id == o.Management:
		return nil, constraint(types.ConstraintViolationExceptionReasonCannotRegisterMasterAsDelegatedAdministrator, "You cannot register the master account of an organization as a delegated administrator.")
	case a.Status != types.AccountStatusActive:
		return nil, constraint(types.ConstraintViolationExceptionReasonCannotRegisterSuspendedAccountAsDelegatedAdministrator, "You cannot register a suspended account as a delegated administrator.")
	case o.Services[service].IsZero():
		return nil, constraint(types.ConstraintViolationExceptionReasonServiceAccessNotEnabled, "You must enable service access before you register a delegated administrator for the service.")
	case !o.Delegates[id][service].IsZero():
		return nil, &types.AccountAlreadyRegisteredException{Message: aws.String("The provided account is already a delegated administrator for your organization.")}
	}
	if o.Delegates == nil {
		o.Delegates = map[string]map[string]time.Time{}
	}
	if o.Delegates[id] == nil {
		o.Delegates[id] = map[string]time.Time{}
	}
	o.Delegates[id][service] = c.Now
	return &organizations.RegisterDelegatedAdministratorOutput{}, nil
}

func deregisterDelegate(_ *api.Call, o *organization, in *organizations.DeregisterDelegatedAdministratorInput) (*organizations.DeregisterDelegatedAdministratorOutput, error) {
	id, service := aws.ToString(in.AccountId), aws.ToString(in.ServicePrincipal)
	if _, ok := o.Accounts[id]; !ok {
		return nil, accountNotFound()
	}
	if o.Delegates[id][service].IsZero() {
		return nil, &types.AccountNotRegisteredException{Message: aws.String("The provided account is not a registered delegated administrator for your organization.")}
	}
	if delete(o.Delegates[id], service); len(o.Delegates[id]) == 0 {
		delete(o.Delegates, id)
	}
	return &organizations.DeregisterDelegatedAdministratorOutput{}, nil
}

func listDelegates(c *api.Call, in *organizations.ListDelegatedAdministratorsInput) (*organizations.ListDelegatedAdministratorsOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	ids := slices.DeleteFunc(slices.Sorted(maps.Keys(o.Delegates)), func(id string) bool {
		return in.ServicePrincipal != nil && o.Delegates[id][*in.ServicePrincipal].IsZero()
	})
	page, next, err := paginate(ids, func(id string) string { return id }, in.NextToken, in.MaxResults)
	return &organizations.ListDelegatedAdministratorsOutput{DelegatedAdministrators: convert(page, o.describeDelegate), NextToken: next}, err
}

func (o *organization) describeDelegate(id string) types.DelegatedAdministrator {
	a := o.describeAccount(o.Accounts[id])
	since := slices.MinFunc(sorted(o.Delegates[id]), time.Time.Compare)
	return types.DelegatedAdministrator{
		Id: a.Id, Arn: a.Arn, Name: a.Name, Email: a.Email, Status: a.Status, State: a.State,
		JoinedMethod: a.JoinedMethod, JoinedTimestamp: a.JoinedTimestamp, DelegationEnabledDate: &since,
	}
}

func listDelegatedServices(c *api.Call, in *organizations.ListDelegatedServicesForAccountInput) (*organizations.ListDelegatedServicesForAccountOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	id := aws.ToString(in.AccountId)
	if _, ok := o.Accounts[id]; !ok {
		return nil, accountNotFound()
	}
	if len(o.Delegates[id]) == 0 {
		return nil, &types.AccountNotRegisteredException{Message: aws.String("The provided account is not a registered delegated administrator for your organization.")}
	}
	names, next, err := paginate(slices.Sorted(maps.Keys(o.Delegates[id])), func(n string) string { return n }, in.NextToken, in.MaxResults)
	return &organizations.ListDelegatedServicesForAccountOutput{
		DelegatedServices: convert(names, func(n string) types.DelegatedService {
			return types.DelegatedService{ServicePrincipal: aws.String(n), DelegationEnabledDate: aws.Time(o.Delegates[id][n])}
		}), NextToken: next,
	}, err
}
