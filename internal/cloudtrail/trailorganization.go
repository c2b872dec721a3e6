package cloudtrail

import (
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

const linkedRole = "AWSServiceRoleForCloudTrail"

// administers wants the caller's account to be the management account, or the
// organization's delegated administrator for CloudTrail.
func (s *Service) administers(c *api.Call, management string) error {
	m, err := s.organizations.Membership(c.Tx, c.Account)
	switch {
	case err != nil:
		return err
	case m == nil:
		return noOrganization()
	case m.ManagementAccount != management || c.Account != management && !slices.Contains(m.Administers, principal):
		return notManagement()
	}
	return nil
}

// applyOrganization makes a trail one of the organization, or no longer
// (CloudTrail guide, "Creating a trail for an organization"). It is the
// management account's, whoever of its administrators makes it.
func (s *Service) applyOrganization(c *api.Call, t *trail, want *bool) error {
	if want == nil || *want == t.Organization {
		return nil
	}
	m, err := s.administered(c, *want)
	if err != nil {
		return err
	}
	if !*want {
		t.Organization, t.OrganizationID = false, ""
		return nil
	}
	t.Account, t.Organization, t.OrganizationID = m.ManagementAccount, true, m.Organization
	return nil
}

// administered is the organization that the caller's account administers. Who
// wants to enable something for it must have it trust CloudTrail.
func (s *Service) administered(c *api.Call, enable bool) (*api.Membership, error) {
	m, err := s.organizations.Membership(c.Tx, c.Account)
	switch {
	case err != nil:
		return nil, err
	case m == nil:
		return nil, noOrganization()
	}
	if err := s.administers(c, m.ManagementAccount); err != nil {
		return nil, err
	}
	switch {
	case !enable:
		return m, nil
	case !m.AllFeatures:
		return nil, notAllFeatures()
	case !slices.Contains(m.Trusted, principal):
		return nil, accessNotEnabled()
	}
	return m, s.ensureRole(c, m.ManagementAccount)
}

// ensureRole has CloudTrail's role come into being in the caller's name. A
// delegated administrator cannot make it: the management account must have it.
func (s *Service) ensureRole(c *api.Call, management string) error {
	if s.linked == nil {
		return nil
	}
	there := *c
	there.Account = management
	arn := "arn:" + c.Partition + ":iam::" + management + ":role/aws-service-role/" + principal + "/" + linkedRole
	if _, err := s.linked.LinkedRole(&there, arn, "CloudTrail"); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if c.Account != management {
		return &types.NoManagementAccountSLRExistsException{Message: aws.String("The management account does not have the service-linked role " + linkedRole + ".")}
	}
	_, err := api.Invoke[iam.CreateServiceLinkedRoleOutput](c.Forward("cloudtrail", principal), "iam", "CreateServiceLinkedRole", &iam.CreateServiceLinkedRoleInput{
		AWSServiceName: aws.String(principal),
	})
	if _, refused := errors.AsType[smithy.APIError](err); refused {
		return dependencyDenied()
	}
	return err
}
