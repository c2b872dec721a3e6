package cloudtrail

import (
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/api"
)

// maxDelegates is the quota of delegated administrators (CloudTrail guide,
// "Quotas in AWS CloudTrail").
const maxDelegates = 3

func (s *Service) delegateOperations() []api.Operation {
	return []api.Operation{
		api.Op("RegisterOrganizationDelegatedAdmin", api.Anywhere[cloudtrail.RegisterOrganizationDelegatedAdminInput]("cloudtrail:RegisterOrganizationDelegatedAdmin"), s.registerDelegate),
		api.Op("DeregisterOrganizationDelegatedAdmin", api.Anywhere[cloudtrail.DeregisterOrganizationDelegatedAdminInput]("cloudtrail:DeregisterOrganizationDelegatedAdmin"), s.deregisterDelegate),
	}
}

// organizationOf wants the caller's account to be the management account of an
// organization that trusts CloudTrail.
func (s *Service) organizationOf(c *api.Call) error {
	m, err := s.organizations.Membership(c.Tx, c.Account)
	switch {
	case err != nil:
		return err
	case m == nil:
		return noOrganization()
	case m.ManagementAccount != c.Account:
		return &types.NotOrganizationManagementAccountException{Message: aws.String("The account is not the management account of an organization.")}
	case !m.AllFeatures:
		return notAllFeatures()
	case !slices.Contains(m.Trusted, principal):
		return accessNotEnabled()
	}
	return nil
}

// registerDelegate asks Organizations, in the caller's name, and has CloudTrail's
// role come into being.
func (s *Service) registerDelegate(c *api.Call, in *cloudtrail.RegisterOrganizationDelegatedAdminInput) (*cloudtrail.RegisterOrganizationDelegatedAdminOutput, error) {
	if err := s.organizationOf(c); err != nil {
		return nil, err
	}
	member := aws.ToString(in.MemberAccountId)
	if member == c.Account {
		return nil, &types.CannotDelegateManagementAccountException{Message: aws.String("The management account cannot be registered as a delegated administrator.")}
	}
	as := c.Forward("cloudtrail", principal)
	now, err := api.Invoke[organizations.ListDelegatedAdministratorsOutput](as, "organizations", "ListDelegatedAdministrators", &organizations.ListDelegatedAdministratorsInput{ServicePrincipal: aws.String(principal)})
	if err != nil {
		return nil, delegateError(err)
	}
	if len(now.DelegatedAdministrators) >= maxDelegates {
		return nil, &types.DelegatedAdminAccountLimitExceededException{Message: aws.String("The maximum number of delegated administrators for CloudTrail is reached.")}
	}
	if err := s.ensureRole(c, c.Account); err != nil {
		return nil, err
	}
	_, err = api.Invoke[organizations.RegisterDelegatedAdministratorOutput](as, "organizations", "RegisterDelegatedAdministrator", &organizations.RegisterDelegatedAdministratorInput{
		AccountId: &member, ServicePrincipal: aws.String(principal),
	})
	if err != nil {
		return nil, delegateError(err)
	}
	return &cloudtrail.RegisterOrganizationDelegatedAdminOutput{}, nil
}

func (s *Service) deregisterDelegate(c *api.Call, in *cloudtrail.DeregisterOrganizationDelegatedAdminInput) (*cloudtrail.DeregisterOrganizationDelegatedAdminOutput, error) {
	if err := s.organizationOf(c); err != nil {
		return nil, err
	}
	_, err := api.Invoke[organizations.DeregisterDelegatedAdministratorOutput](c.Forward("cloudtrail", principal), "organizations", "DeregisterDelegatedAdministrator", &organizations.DeregisterDelegatedAdministratorInput{
		AccountId: in.DelegatedAdminAccountId, ServicePrincipal: aws.String(principal),
	})
	if err != nil {
		return nil, delegateError(err)
	}
	return &cloudtrail.DeregisterOrganizationDelegatedAdminOutput{}, nil
}

// delegateError is how CloudTrail passes on a refusal of Organizations.
func delegateError(err error) error {
	refused, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	message := aws.String(refused.ErrorMessage())
	switch refused.ErrorCode() {
	case "AccountNotFoundException":
		return &types.AccountNotFoundException{Message: message}
	case "AccountAlreadyRegisteredException":
		return &types.AccountRegisteredException{Message: message}
	case "AccountNotRegisteredException":
		return &types.AccountNotRegisteredException{Message: message}
	case "AccessDeniedException":
		return &types.InsufficientDependencyServiceAccessPermissionException{Message: message}
	}
	return &types.OperationNotPermittedException{Message: message}
}
