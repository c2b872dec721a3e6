package organizations

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) serviceAccessOperations() []api.Operation {
	onService := func(service *string) target {
		var t target
		t.context.Set("organizations:ServicePrincipal", aws.ToString(service))
		return t
	}
	return []api.Operation{
		change("EnableAWSServiceAccess", func(_ *api.Call, _ *organization, in *organizations.EnableAWSServiceAccessInput) target {
			return onService(in.ServicePrincipal)
		}, enableService),
		change("DisableAWSServiceAccess", func(_ *api.Call, _ *organization, in *organizations.DisableAWSServiceAccessInput) target {
			return onService(in.ServicePrincipal)
		}, disableService),
		read("ListAWSServiceAccessForOrganization", nil, listServices),
	}
}

func checkService(name string) error {
	if !strings.HasSuffix(name, ".amazonaws.com") {
		return invalid(types.InvalidInputExceptionReasonUnrecognizedServicePrincipal, "You specified an unrecognized service principal.")
	}
	return nil
}

func enableService(c *api.Call, o *organization, in *organizations.EnableAWSServiceAccessInput) (*organizations.EnableAWSServiceAccessOutput, error) {
	name := aws.ToString(in.ServicePrincipal)
	if err := checkService(name); err != nil {
		return nil, err
	}
	if o.Features != types.OrganizationFeatureSetAll {
		return nil, constraint(types.ConstraintViolationExceptionReasonOrganizationNotInAllFeaturesMode, "You attempted to perform an operation that requires your organization to be configured to support all features.")
	}
	if o.Services == nil {
		o.Services = map[string]time.Time{}
	}
	if o.Services[name].IsZero() {
		o.Services[name] = c.Now
	}
	return &organizations.EnableAWSServiceAccessOutput{}, nil
}

func disableService(_ *api.Call, o *organization, in *organizations.DisableAWSServiceAccessInput) (*organizations.DisableAWSServiceAccessOutput, error) {
	name := aws.ToString(in.ServicePrincipal)
	if err := checkService(name); err != nil {
		return nil, err
	}
	for id := range o.Delegates {
		if !o.Delegates[id][name].IsZero() {
			return nil, constraint(types.ConstraintViolationExceptionReasonDelegatedAdministratorExistsForThisService, "You have delegated administrators for this service. Deregister them first.")
		}
	}
	delete(o.Services, name)
	return &organizations.DisableAWSServiceAccessOutput{}, nil
}

func listServices(c *api.Call, in *organizations.ListAWSServiceAccessForOrganizationInput) (*organizations.ListAWSServiceAccessForOrganizationOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	names, next, err := paginate(slices.Sorted(maps.Keys(o.Services)), func(n string) string { return n }, in.NextToken, in.MaxResults)
	return &organizations.ListAWSServiceAccessForOrganizationOutput{
		EnabledServicePrincipals: convert(names, func(n string) types.EnabledServicePrincipal {
			return types.EnabledServicePrincipal{ServicePrincipal: aws.String(n), DateEnabled: aws.Time(o.Services[n])}
		}), NextToken: next,
	}, err
}
