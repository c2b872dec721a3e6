package cloudtrail

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// The key of an event data store is asked for as CloudTrail and as the caller,
// through CloudTrail: the guide wants both to have GenerateDataKey and Decrypt, and
// CloudTrail DescribeKey (CloudTrail guide, "Configure AWS KMS key policies for
// CloudTrail", "Required KMS key policy elements for event data stores"). As
// there, nothing can be said of aws:SourceArn. The encryption context is assumed
// to be as a trail's.

// useDataStoreKey gives an event data store its key.
func useDataStoreKey(c *api.Call, d *dataStore, id string) error {
	as := c.As(api.Caller{
		Principal: access.Principal{Type: access.Service, Partition: c.Partition, ServicePrincipal: principal},
		InvokedBy: principal,
	})
	key, err := api.Invoke[kms.DescribeKeyOutput](as, "kms", "DescribeKey", &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return dataStoreKeyError(id, err)
	}
	d.Key = aws.ToString(key.KeyMetadata.Arn)
	for _, by := range []*api.Call{as, c.Forward("cloudtrail", principal)} {
		if err := newDataKey(by, d); err != nil {
			return dataStoreKeyError(d.Key, err)
		}
		if err := openDataKey(by, *d); err != nil {
			return dataStoreKeyError(d.Key, err)
		}
	}
	return nil
}

func (d dataStore) encryptionContext() map[string]string {
	return map[string]string{"aws:cloudtrail:arn": d.arn()}
}

func newDataKey(c *api.Call, d *dataStore) error {
	out, err := api.Invoke[kms.GenerateDataKeyOutput](c, "kms", "GenerateDataKey", &kms.GenerateDataKeyInput{
		KeyId: &d.Key, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: d.encryptionContext(),
	})
	if err != nil {
		return err
	}
	clear(out.Plaintext)
	d.DataKey = out.CiphertextBlob
	return nil
}

func openDataKey(c *api.Call, d dataStore) error {
	out, err := api.Invoke[kms.DecryptOutput](c, "kms", "Decrypt", &kms.DecryptInput{
		KeyId: &d.Key, CiphertextBlob: d.DataKey, EncryptionContext: d.encryptionContext(),
	})
	if err != nil {
		return err
	}
	clear(out.Plaintext)
	return nil
}

// changeDataStoreKey is for a store that has none yet: one that it has can be
// neither changed nor taken away (API reference, "UpdateEventDataStore").
func changeDataStoreKey(c *api.Call, d *dataStore, id string) error {
	if d.Key == "" {
		if id == "" {
			return nil
		}
		return useDataStoreKey(c, d, id)
	}
	was := *d
	if id != "" {
		if err := useDataStoreKey(c, d, id); err != nil {
			return err
		}
	}
	if id == "" || d.Key != was.Key {
		return invalidParameter("The KMS key of an event data store cannot be changed or removed.")
	}
	return nil
}

// readsDataStore asks in the caller's name for what sees the events of a store.
func readsDataStore(c *api.Call, d dataStore, writes bool) error {
	if d.Key == "" {
		return nil
	}
	by := c.Forward("cloudtrail", principal)
	if err := openDataKey(by, d); err != nil {
		return dataStoreKeyError(d.Key, err)
	}
	if !writes {
		return nil
	}
	if err := newDataKey(by, &d); err != nil {
		return dataStoreKeyError(d.Key, err)
	}
	return nil
}

// dataStoreKeyError is how CloudTrail passes on a refusal of KMS.
func dataStoreKeyError(id string, err error) error {
	if refused, ok := errors.AsType[smithy.APIError](err); ok && refused.ErrorCode() == "AccessDeniedException" {
		// The wording rests on no source.
		return &types.InsufficientEncryptionPolicyException{Message: aws.String("Insufficient permissions to access KMS key " + id + ".")}
	}
	return keyError(trail{}, id, err)
}
