package kms

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// The messages are AWS's own.

func keyNotFound(arn string) error {
	return &kmstypes.NotFoundException{Message: aws.String("Key '" + arn + "' does not exist")}
}

func invalidKeyID(id string) error {
	return &kmstypes.NotFoundException{Message: aws.String("Invalid keyId '" + id + "'")}
}

func aliasNotFound(arn string) error {
	return &kmstypes.NotFoundException{Message: aws.String("Alias " + arn + " is not found.")}
}

func foreignRegion(region string) error {
	return &kmstypes.NotFoundException{Message: aws.String("Invalid arn " + region)}
}

// aliasUnsupported refuses an alias where only a key's id or ARN will do.
func aliasUnsupported() error { return invalidARN("Key Aliases are not supported for this operation.") }

func invalidARN(message string) error {
	return &kmstypes.InvalidArnException{Message: aws.String(message)}
}

func validation(format string, args ...any) error {
	return api.Error("ValidationException", fmt.Sprintf(format, args...))
}

// missing is what the model's own check would say, for members that are
// required only with others.
func missing(member string) error {
	return validation("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
}

func unsupported(format string, args ...any) error {
	return &kmstypes.UnsupportedOperationException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func tagError(message string) error {
	return &kmstypes.TagException{Message: aws.String(message)}
}

func limitExceeded(message string) error {
	return &kmstypes.LimitExceededException{Message: aws.String(message)}
}

func malformedPolicy(message string) error {
	return &kmstypes.MalformedPolicyDocumentException{Message: aws.String(message)}
}

func invalidGrantToken() error {
	return &kmstypes.InvalidGrantTokenException{Message: aws.String("The grant token is not valid.")}
}

func grantNotFound(id string) error {
	return &kmstypes.NotFoundException{Message: aws.String("Grant ID " + id + " not found")}
}

// incorrectKey says that a ciphertext is not of the key that was named.
func incorrectKey() error {
	return &kmstypes.IncorrectKeyException{
		Message: aws.String("The key ID in the request does not identify a CMK that can perform this operation."),
	}
}

// invalidCiphertext has no message at AWS: it tells nothing of what is wrong.
func invalidCiphertext() error { return &kmstypes.InvalidCiphertextException{} }

// unknownCiphertext denies what the caller cannot be told more about: the
// ciphertext names a key that is not in this Region.
func unknownCiphertext(p access.Principal, action string) error {
	who := p.ARN
	if who == "" {
		who = p.ServicePrincipal
	}
	return api.Error("AccessDeniedException", "User: "+who+" is not authorized to perform: "+action+
		" on the resource associated with this ciphertext because the resource does not exist in this Region,"+
		" no resource-based policies allow access, or a resource-based policy explicitly denies access")
}
