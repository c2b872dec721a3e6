package organizations

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// principal is Organizations as a service principal.
const principal = "organizations.amazonaws.com"

// linkedRole is the path and name of Organizations' service-linked role.
const linkedRole = "aws-service-role/" + principal + "/AWSServiceRoleForOrganizations"

// link sees that the caller's account has Organizations' service-linked role.
// An account that comes into an organization with all features gets it in its
// caller's name (Organizations guide, "Using service-linked roles for AWS
// Organizations").
func (s *Service) link(c *api.Call) error {
	_, err := s.linked.LinkedRole(c, "arn:"+c.Partition+":iam::"+c.Account+":role/"+linkedRole, "organizations")
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	_, err = api.Invoke[iam.CreateServiceLinkedRoleOutput](c.Forward("organizations", principal), "iam", "CreateServiceLinkedRole", &iam.CreateServiceLinkedRoleInput{
		AWSServiceName: aws.String(principal),
		Description:    aws.String("Service-linked role used by AWS Organizations to enable integration of other AWS services with your organization."),
	})
	if e := smithy.APIError(nil); errors.As(err, &e) {
		return &types.AccessDeniedForDependencyException{
			Message: aws.String("The request failed because your credentials do not have permission to create the service-linked role required by AWS Organizations."),
			Reason:  types.AccessDeniedForDependencyExceptionReasonAccessDeniedDuringCreateServiceLinkedRole,
		}
	}
	return err
}
