package organizations

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

func notInUse() error {
	return &types.AWSOrganizationsNotInUseException{Message: aws.String("Your account is not a member of an organization.")}
}

func accessDenied() error {
	return &types.AccessDeniedException{Message: aws.String("You don't have permissions to access this resource.")}
}

func invalid(reason types.InvalidInputExceptionReason, format string, args ...any) error {
	return &types.InvalidInputException{Reason: reason, Message: aws.String(fmt.Sprintf(format, args...))}
}

func constraint(reason types.ConstraintViolationExceptionReason, message string) error {
	return &types.ConstraintViolationException{Reason: reason, Message: aws.String(message)}
}

func accountNotFound() error {
	return &types.AccountNotFoundException{Message: aws.String("You specified an account that doesn't exist.")}
}

func unitNotFound() error {
	return &types.OrganizationalUnitNotFoundException{Message: aws.String("You specified an organizational unit that doesn't exist.")}
}

func rootNotFound() error {
	return &types.RootNotFoundException{Message: aws.String("You specified a root that doesn't exist.")}
}

func parentNotFound() error {
	return &types.ParentNotFoundException{Message: aws.String("You specified parent that doesn't exist.")}
}

func childNotFound() error {
	return &types.ChildNotFoundException{Message: aws.String("You specified a child that doesn't exist.")}
}

func targetNotFound() error {
	return &types.TargetNotFoundException{Message: aws.String("You specified a target that doesn't exist.")}
}

func policyNotFound() error {
	return &types.PolicyNotFoundException{Message: aws.String("You specified a policy that doesn't exist.")}
}
