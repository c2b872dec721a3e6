package wire_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
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
			"not in the enum, in the order of AWS's set (recorded)", "kms", "GenerateMac",
			&kms.GenerateMacInput{KeyId: aws.String("x"), Message: []byte("m"), MacAlgorithm: "INVALID"},
			"ValidationException", "1 validation error detected: Value 'INVALID' at 'macAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [HMAC_SHA_384, HMAC_SHA_256, HMAC_SHA_224, HMAC_SHA_512]",
		},
		{
			"an enum of one (recorded)", "kms", "DeriveSharedSecret",
			&kms.DeriveSharedSecretInput{KeyId: aws.String("x"), PublicKey: []byte("p"), KeyAgreementAlgorithm: "INVALID"},
			"ValidationException", "1 validation error detected: Value 'INVALID' at 'keyAgreementAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [ECDH]",
		},
		{
			"the empty text in a list is an item", "kms", "UntagResource",
			&kms.UntagResourceInput{KeyId: aws.String("x"), TagKeys: []string{"a", ""}},
			"ValidationException", "1 validation error detected: Value '' at 'tagKeys.2.member' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
		{
			"a list that is too long is shown", "sts", "AssumeRole",
			&sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/ops"), RoleSessionName: aws.String("session"), TransitiveTagKeys: slices.Repeat([]string{"k"}, 51)},
			"ValidationError", "1 validation error detected: Value '[" + strings.Repeat("k, ", 50) + "k]' at 'transitiveTagKeys' failed to satisfy constraint: Member must have length less than or equal to 50",
		},
		{
			"a secret is not shown", "kms", "Encrypt", &kms.EncryptInput{KeyId: aws.String("x"), Plaintext: make([]byte, 4097)},
			"ValidationException", "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096",
		},
		{
			"bytes are shown as Java does", "kms", "Decrypt", &kms.DecryptInput{CiphertextBlob: []byte{}},
			"ValidationException", "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=0 cap=0]' at 'ciphertextBlob' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
		{
			"a session's name", "sts", "AssumeRole", &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/ops"), RoleSessionName: aws.String("two words")},
			"ValidationError", "1 validation error detected: Value 'two words' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
		},
		{
			"a pattern in Java's notation", "iam", "CreateRole", &iam.CreateRoleInput{RoleName: aws.String("ops"), AssumeRolePolicyDocument: aws.String("{}"), Description: aws.String("\u0100")},
			"ValidationError", "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*",
		},
		{
			"IAM's own words for names", "iam", "CreateUser", &iam.CreateUserInput{UserName: aws.String("two words")},
			"ValidationError", "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
		},
		{
			"and for paths", "iam", "CreateUser", &iam.CreateUserInput{UserName: aws.String("u"), Path: aws.String("/a")},
			"ValidationError", "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
		},
		{
			"and for the beginnings of paths", "iam", "ListPolicies", &iam.ListPoliciesInput{PathPrefix: aws.String("/foo")},
			"ValidationError", "The specified value for pathPrefix is invalid. It must begin with the / character and contain only alphanumeric characters and/or / characters.",
		},
		{
			"and for documents", "iam", "CreatePolicy", &iam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String("\u0100")},
			"ValidationError", "The specified value for policyDocument is invalid. It must contain only printable ASCII characters.",
		},
		{
			"but the framework's come first", "iam", "CreateUser", &iam.CreateUserInput{UserName: aws.String(strings.Repeat(" ", 65))},
			"ValidationError", "1 validation error detected: Value at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64",
		},
		{
			"EC2: out of range", "ec2", "DescribeInstanceConnectEndpoints", &ec2.DescribeInstanceConnectEndpointsInput{MaxResults: aws.Int32(51)},
			"InvalidParameterValue", "Value (51) for parameter MaxResults is invalid. Member must have value less than or equal to 50",
		},
		{
			"EC2: what a structure lacks", "ec2", "CreateImage", &ec2.CreateImageInput{InstanceId: aws.String("i-1")},
			"MissingParameter", "The request must contain the parameter Name",
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
