package wire_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/wire"
)

// TestValidate: the words are AWS's, as recorded where a row says so.
func TestValidate(t *testing.T) {
	t.Parallel()
	long := make([]byte, 129)
	for i := range long {
		long[i] = 'a'
	}
	for _, v := range []struct {
		name, service, operation string
		in                       any
		code, message            string
	}{
		{
			"below the range (recorded)", "kms", "GenerateRandom", &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(0)},
			"ValidationException", "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1",
		},
		{
			"above the range (recorded)", "kms", "GenerateRandom", &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1025)},
			"ValidationException", "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024",
		},
		{
			"too long, in a list (recorded)", "kms", "TagResource",
			&kms.TagResourceInput{KeyId: aws.String("x"), Tags: []kmstypes.Tag{{TagKey: aws.String(string(long)), TagValue: aws.String("v")}}},
			"ValidationException", "1 validation error detected: Value '" + string(long) + "' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length less than or equal to 128",
		},
		{
			"required", "kms", "Encrypt", &kms.EncryptInput{KeyId: aws.String("x")},
			"ValidationException", "1 validation error detected: Value null at 'plaintext' failed to satisfy constraint: Member must not be null",
		},
		{
			"two at once", "kms", "Encrypt", &kms.EncryptInput{},
			"ValidationException", "2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; Value null at 'plaintext' failed to satisfy constraint: Member must not be null",
		},
		{
			"not in the enum", "kms", "GenerateDataKey", &kms.GenerateDataKeyInput{KeyId: aws.String("x"), KeySpec: "AES_512"},
			"ValidationException", "1 validation error detected: Value 'AES_512' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [AES_256, AES_128]",
		},
		{
			"IAM shows no value (recorded)", "iam", "DeleteServiceSpecificCredential", &iam.DeleteServiceSpecificCredentialInput{ServiceSpecificCredentialId: aws.String("totally-wrong-credential-id-with-hyphens")},
			"ValidationError", "1 validation error detected: Value at 'serviceSpecificCredentialId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w]+",
		},
		{
			"EC2 names the request's parameter", "ec2", "StartInstances", &ec2.StartInstancesInput{},
			"MissingParameter", "The request must contain the parameter InstanceId",
		},
		{"nothing wrong", "kms", "Encrypt", &kms.EncryptInput{KeyId: aws.String("x"), Plaintext: []byte("y")}, "", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			model, _ := wire.Lookup(v.service)
			o, _ := model.Operation(v.operation)
			err := o.Validate(v.in)
			if v.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var e smithy.APIError
			if !errors.As(err, &e) || e.ErrorCode() != v.code || e.ErrorMessage() != v.message {
				t.Errorf("got  %v\nwant %s: %s", err, v.code, v.message)
			}
		})
	}
}
