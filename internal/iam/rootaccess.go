package iam

import (
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// rootFeatures is the only row of its table in a management account's scope: how
// far root access to member accounts is central (IAM guide, "Centrally manage
// root access for member accounts").
type rootFeatures struct{ Enabled []types.FeatureType }

var rootFeatureRows = store.NewTable[rootFeatures]("iam.rootfeatures")

const rootFeatureRow = "1"

// rootTasks are the policies that a privileged session may have, and the feature
// that each belongs to (IAM guide, "Perform a privileged task on an AWS
// Organizations member account").
var rootTasks = map[string]types.FeatureType{
	"IAMAuditRootUserCredentials":  types.FeatureTypeRootCredentialsManagement,
	"IAMCreateRootUserPassword":    types.FeatureTypeRootCredentialsManagement,
	"IAMDeleteRootUserCredentials": types.FeatureTypeRootCredentialsManagement,
	"S3UnlockBucketPolicy":         types.FeatureTypeRootSessions,
	"SQSUnlockQueuePolicy":         types.FeatureTypeRootSessions,
}

func (s *Service) rootAccessOperations() []api.Operation {
	return []api.Operation{
		op("EnableOrganizationsRootCredentialsManagement", everywhere[iam.EnableOrganizationsRootCredentialsManagementInput],
			func(c *api.Call, _ *iam.EnableOrganizationsRootCredentialsManagementInput) (*iam.EnableOrganizationsRootCredentialsManagementOutput, error) {
				f, id, err := s.changeRootFeatures(c, types.FeatureTypeRootCredentialsManagement, true)
				return &iam.EnableOrganizationsRootCredentialsManagementOutput{EnabledFeatures: f, OrganizationId: id}, err
			}),
		op("DisableOrganizationsRootCredentialsManagement", everywhere[iam.DisableOrganizationsRootCredentialsManagementInput],
			func(c *api.Call, _ *iam.DisableOrganizationsRootCredentialsManagementInput) (*iam.DisableOrganizationsRootCredentialsManagementOutput, error) {
				f, id, err := s.changeRootFeatures(c, types.FeatureTypeRootCredentialsManagement, false)
				return &iam.DisableOrganizationsRootCredentialsManagementOutput{EnabledFeatures: f, OrganizationId: id}, err
			}),
		op("EnableOrganizationsRootSessions", everywhere[iam.EnableOrganizationsRootSessionsInput],
			func(c *api.Call, _ *iam.EnableOrganizationsRootSessionsInput) (*iam.EnableOrganizationsRootSessionsOutput, error) {
				f, id, err := s.changeRootFeatures(c, types.FeatureTypeRootSessions, true)
				return &iam.EnableOrganizationsRootSessionsOutput{EnabledFeatures: f, OrganizationId: id}, err
			}),
		op("DisableOrganizationsRootSessions", everywhere[iam.DisableOrganizationsRootSessionsInput],
			func(c *api.Call, _ *iam.DisableOrganizationsRootSessionsInput) (*iam.DisableOrganizationsRootSessionsOutput, error) {
				f, id, err := s.changeRootFeatures(c, types.FeatureTypeRootSessions, false)
				return &iam.DisableOrganizationsRootSessionsOutput{EnabledFeatures: f, OrganizationId: id}, err
			}),
		read("ListOrganizationsFeatures", everywhere[iam.ListOrganizationsFeaturesInput],
			func(c *api.Call, _ *iam.ListOrganizationsFeaturesInput) (*iam.ListOrganizationsFeaturesOutput, error) {
				m, f, err := s.rootFeaturesOf(c)
				if err != nil {
					return nil, err
				}
				return &iam.ListOrganizationsFeaturesOutput{EnabledFeatures: f.Enabled, OrganizationId: aws.String(m.Organization)}, nil
			}),
	}
}

// iamService is what Organizations calls IAM, where it trusts services and has
// accounts administer them.
const iamService = "iam.amazonaws.com"

// rootFeaturesOf are the features of the caller's organization, if its account
// may see them.
func (s *Service) rootFeaturesOf(c *api.Call) (*api.Membership, rootFeatures, error) {
	m, err := s.membership(c.Tx, c.Account)
	switch {
	case err != nil:
		return nil, rootFeatures{}, err
	case m == nil:
		return nil, rootFeatures{}, &types.OrganizationNotFoundException{Message: aws.String("The account " + c.Account + " is not a member of an organization.")}
	case m.ManagementAccount != c.Account && !slices.Contains(m.Administers, iamService):
		return nil, rootFeatures{}, &types.AccountNotManagementOrDelegatedAdministratorException{Message: aws.String("The account " + c.Account + " is neither the management account nor a delegated administrator for IAM.")}
	case !m.AllFeatures:
		return nil, rootFeatures{}, &types.OrganizationNotInAllFeaturesModeException{Message: aws.String("The organization " + m.Organization + " does not have all features enabled.")}
	case !slices.Contains(m.Trusted, iamService):
		return nil, rootFeatures{}, &types.ServiceAccessNotEnabledException{Message: aws.String("Trusted access for IAM is not enabled in AWS Organizations.")}
	}
	f, err := rootFeatureRows.Get(c.Tx, store.Scope{Account: m.ManagementAccount, Region: store.Global}, rootFeatureRow)
	return m, f, ignoreNotFound(err)
}

func (s *Service) membership(tx store.Tx, account string) (*api.Membership, error) {
	if s.organizations == nil {
		return nil, nil
	}
	return s.organizations.Membership(tx, account)
}

func (s *Service) changeRootFeatures(c *api.Call, feature types.FeatureType, on bool) ([]types.FeatureType, *string, error) {
	m, f, err := s.rootFeaturesOf(c)
	if err != nil {
		return nil, nil, err
	}
	f.Enabled = slices.DeleteFunc(slices.Clone(f.Enabled), func(x types.FeatureType) bool { return x == feature })
	if on {
		f.Enabled = append(f.Enabled, feature)
		slices.Sort(f.Enabled)
	}
	scope := store.Scope{Account: m.ManagementAccount, Region: store.Global}
	return f.Enabled, aws.String(m.Organization), rootFeatureRows.Put(c.Tx, scope, rootFeatureRow, f)
}

// RootTask returns the name and the text of the policy of a privileged session on
// a member account, if the calling account may have one; store.ErrNotFound
// otherwise. It does not ask whether the caller may.
func (s *Service) RootTask(c *api.Call, target, policyARN string) (name, text string, err error) {
	name, ok := strings.CutPrefix(policyARN, "arn:"+c.Partition+":iam::aws:policy/root-task/")
	feature, known := rootTasks[name]
	if !ok || !known {
		return "", "", store.ErrNotFound
	}
	m, f, err := s.rootFeaturesOf(c)
	if refusal := smithy.APIError(nil); errors.As(err, &refusal) || err == nil && !slices.Contains(f.Enabled, feature) {
		return "", "", store.ErrNotFound
	}
	if err != nil {
		return "", "", err
	}
	other, err := s.membership(c.Tx, target)
	if err != nil {
		return "", "", err
	}
	if other == nil || other.Organization != m.Organization || target == m.ManagementAccount || other.Suspended {
		return "", "", store.ErrNotFound
	}
	return s.ManagedPolicy(c.Tx, c.Account, policyARN)
}
