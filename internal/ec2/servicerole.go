package ec2

import (
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// serviceRole is a service-linked role that a part of EC2's acts as (EC2 guide,
// "Service-linked role for Spot Instance requests", "… for EC2 Fleet", "… for
// Spot Fleet").
type serviceRole struct {
	principal, name string
	description     string
	of              string // what it is for, in the words of an error
}

var (
	spotService = serviceRole{
		"spot.amazonaws.com", "AWSServiceRoleForEC2Spot", "Default EC2 Spot Service Linked Role", "EC2 Spot Instances",
	}
	fleetService = serviceRole{
		"ec2fleet.amazonaws.com", "AWSServiceRoleForEC2Fleet", "Default EC2 Fleet Service Linked Role", "EC2 Fleet",
	}
	spotFleetService = serviceRole{
		"spotfleet.amazonaws.com", "AWSServiceRoleForEC2SpotFleet", "Default EC2 Spot Fleet Service Linked Role", "EC2 Spot Fleet",
	}
)

func (r serviceRole) arn(c *api.Call) string {
	return "arn:" + c.Partition + ":iam::" + c.Account + ":role/aws-service-role/" + r.principal + "/" + r.name
}

// ensureRole has the role come into being in the caller's name, the first time
// that somebody asks for what it is for. The words of the refusal are Spot's; that
// they are the same for fleets is an assumption.
func (s *Service) ensureRole(c *api.Call, r serviceRole) error {
	if s.linked == nil {
		return nil
	}
	_, err := s.linked.LinkedRole(c, r.arn(c), r.name)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	service, _, _ := strings.Cut(r.principal, ".")
	_, err = api.Invoke[iam.CreateServiceLinkedRoleOutput](c.Forward(service, r.principal), "iam", "CreateServiceLinkedRole", &iam.CreateServiceLinkedRoleInput{
		AWSServiceName: aws.String(r.principal), Description: aws.String(r.description),
	})
	switch {
	case errors.Is(err, api.ErrDryRun):
		return nil // it would be made
	case errorCode(err) != "":
		return api.Error("AuthFailure.ServiceLinkedRoleCreationNotPermitted", "The provided credentials do not have permission to create the service-linked role for "+r.of+".")
	}
	return err
}

// as is the call in the name of the role, or store.ErrNotFound if that is gone.
func (s *Service) as(c *api.Call, r serviceRole) (*api.Call, error) {
	if s.linked == nil {
		return nil, store.ErrNotFound
	}
	caller, err := s.linked.LinkedRole(c, r.arn(c), r.name)
	if err != nil {
		return nil, err
	}
	caller.InvokedBy = r.principal
	return c.As(caller), nil
}
