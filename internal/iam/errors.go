package iam

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

func notFound(format string, args ...any) error {
	return &types.NoSuchEntityException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// missing is the error for a user, group or role that is not there.
func missing(noun, name string) error {
	return notFound("The %s with name %s cannot be found.", noun, name)
}

func exists(format string, args ...any) error {
	return &types.EntityAlreadyExistsException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// inUse is the error for what cannot be deleted before something else is.
func inUse(message string) error {
	return &types.DeleteConflictException{Message: aws.String(message)}
}

func invalidInput(format string, args ...any) error {
	return &types.InvalidInputException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func malformed(message string) error {
	return &types.MalformedPolicyDocumentException{Message: aws.String(message)}
}

// quota is the error for going beyond one of the account's limits (IAM guide,
// "IAM and AWS STS quotas").
func quota(name string, limit int) error {
	return exceeded("Cannot exceed quota for %s: %d", name, limit)
}

func exceeded(format string, args ...any) error {
	return &types.LimitExceededException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func unmodifiable(message string) error {
	return &types.UnmodifiableEntityException{Message: aws.String(message)}
}

// invalid is the error of the checks that come before an operation's own.
func invalid(format string, args ...any) error {
	return api.Error("ValidationError", fmt.Sprintf(format, args...))
}

// errBadARN has AWS's two spaces.
func errBadARN() error { return invalid("Invalid ARN:  Could not be parsed!") }

// isMissing reports whether err says that something is not there.
func isMissing(err error) bool {
	var e *types.NoSuchEntityException
	return errors.As(err, &e)
}

// ignoreNotFound is err, unless it says that a row is not there.
func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
