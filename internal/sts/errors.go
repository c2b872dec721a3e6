package sts

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/keyturn/keyturn/internal/api"
)

func invalid(format string, args ...any) error {
	return api.Error("ValidationError", fmt.Sprintf(format, args...))
}

func denied(format string, args ...any) error {
	return api.Error("AccessDenied", fmt.Sprintf(format, args...))
}

func malformed(message string) error {
	return &types.MalformedPolicyDocumentException{Message: aws.String(message)}
}

func tooLarge(format string, args ...any) error {
	return &types.PackedPolicyTooLargeException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// notAuthorized is the denial of an action on what may not even be there.
func notAuthorized(c *api.Call, action, resource string) error {
	return denied("User: %s is not authorized to perform: %s on resource: %s", c.Caller.Principal.ARN, action, resource)
}

// badMFA is the answer to a code of a device that the account does not have.
func badMFA() error {
	return denied("MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.")
}

// badToken is the answer to a token or an assertion that proves nothing.
func badToken(format string, args ...any) error {
	return &types.InvalidIdentityTokenException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func expired(format string, args ...any) error {
	return &types.ExpiredTokenException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func unreachable(format string, args ...any) error {
	return &types.IDPCommunicationErrorException{Message: aws.String(fmt.Sprintf(format, args...))}
}
