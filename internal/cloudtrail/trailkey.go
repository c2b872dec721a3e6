package cloudtrail

import (
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// asService is the call in CloudTrail's own name, for a trail.
func asService(c *api.Call, t trail) *api.Call {
	return c.As(api.Caller{
		Principal: access.Principal{Type: access.Service, Partition: c.Partition, ServicePrincipal: principal},
		InvokedBy: principal, SourceARN: t.arn(),
	})
}

// checkKey asks KMS for what every delivery will need, as CloudTrail itself and
// with the encryption context that key policies test (CloudTrail guide,
// "Configure AWS KMS key policies for CloudTrail"), and returns the key's ARN.
func (s *Service) checkKey(c *api.Call, t trail, id string) (string, error) {
	key, err := api.Invoke[kms.DescribeKeyOutput](asService(c, t), "kms", "DescribeKey", &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return "", keyError(t, id, err)
	}
	arn := aws.ToString(key.KeyMetadata.Arn)
	if err := useKey(c, t, arn); err != nil {
		return "", keyError(t, arn, err)
	}
	return arn, nil
}

// useKey asks for a data key, only to see that it is given.
func useKey(c *api.Call, t trail, arn string) error {
	out, err := api.Invoke[kms.GenerateDataKeyOutput](asService(c, t), "kms", "GenerateDataKey", &kms.GenerateDataKeyInput{
		KeyId: &arn, KeySpec: kmstypes.DataKeySpecAes256,
		EncryptionContext: map[string]string{"aws:cloudtrail:arn": t.arn()},
	})
	if err != nil {
		return err
	}
	clear(out.Plaintext)
	return nil
}

// keyError is how CloudTrail passes on a refusal of KMS.
func keyError(t trail, id string, err error) error {
	refused, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	switch code := refused.ErrorCode(); {
	case code == "AccessDeniedException":
		return keyRefused(t.Bucket, id)
	case code == "InvalidArnException", code == "ValidationException", strings.HasPrefix(refused.ErrorMessage(), "Invalid keyId"):
		return invalidKeyID(id)
	case code == "NotFoundException":
		return keyNotFound(id)
	default:
		return keyUnusable(id, code)
	}
}
