package ec2

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// managedKeyAlias names the AWS managed key that EBS takes where nothing else
// is set.
const managedKeyAlias = "alias/aws/ebs"

// ebsDefault is what an account has set for EBS in a region.
type ebsDefault struct {
	Encrypt bool   `json:"encrypt,omitempty"` // encryption by default
	Key     string `json:"key,omitempty"`     // key ARN; empty: the AWS managed key
}

// key is the reference of the default key.
func (d ebsDefault) key() string {
	if d.Key == "" {
		return managedKeyAlias
	}
	return d.Key
}

var ebsDefaultTable = store.NewTable[ebsDefault]("ec2.ebs-default")

// ebsDefaultID is the id of the one row that a region has.
const ebsDefaultID = "default"

func ebsDefaultOf(c *api.Call) (ebsDefault, error) {
	d, err := ebsDefaultTable.Get(c.Tx, c.Scope(), ebsDefaultID)
	if errors.Is(err, store.ErrNotFound) {
		return ebsDefault{}, nil
	}
	return d, err
}

// changeEBSDefault applies a change to the account's setting.
func changeEBSDefault(c *api.Call, change func(*ebsDefault)) (ebsDefault, error) {
	d, err := ebsDefaultOf(c)
	if err != nil {
		return d, err
	}
	change(&d)
	return d, ebsDefaultTable.Put(c.Tx, c.Scope(), ebsDefaultID, d)
}

func (s *Service) ebsDefaultOperations() []api.Operation {
	return []api.Operation{
		api.Op("EnableEbsEncryptionByDefault", anywhere[ec2.EnableEbsEncryptionByDefaultInput]("EnableEbsEncryptionByDefault"),
			func(c *api.Call, _ *ec2.EnableEbsEncryptionByDefaultInput) (*ec2.EnableEbsEncryptionByDefaultOutput, error) {
				d, err := changeEBSDefault(c, func(d *ebsDefault) { d.Encrypt = true })
				return &ec2.EnableEbsEncryptionByDefaultOutput{EbsEncryptionByDefault: aws.Bool(d.Encrypt)}, err
			}),
		api.Op("DisableEbsEncryptionByDefault", anywhere[ec2.DisableEbsEncryptionByDefaultInput]("DisableEbsEncryptionByDefault"),
			func(c *api.Call, _ *ec2.DisableEbsEncryptionByDefaultInput) (*ec2.DisableEbsEncryptionByDefaultOutput, error) {
				d, err := changeEBSDefault(c, func(d *ebsDefault) { d.Encrypt = false })
				return &ec2.DisableEbsEncryptionByDefaultOutput{EbsEncryptionByDefault: aws.Bool(d.Encrypt)}, err
			}),
		api.Read("GetEbsEncryptionByDefault", anywhere[ec2.GetEbsEncryptionByDefaultInput]("GetEbsEncryptionByDefault"),
			func(c *api.Call, _ *ec2.GetEbsEncryptionByDefaultInput) (*ec2.GetEbsEncryptionByDefaultOutput, error) {
				d, err := ebsDefaultOf(c)
				return &ec2.GetEbsEncryptionByDefaultOutput{EbsEncryptionByDefault: aws.Bool(d.Encrypt)}, err
			}),
		api.Read("GetEbsDefaultKmsKeyId", anywhere[ec2.GetEbsDefaultKmsKeyIdInput]("GetEbsDefaultKmsKeyId"),
			func(c *api.Call, _ *ec2.GetEbsDefaultKmsKeyIdInput) (*ec2.GetEbsDefaultKmsKeyIdOutput, error) {
				d, err := ebsDefaultOf(c)
				return &ec2.GetEbsDefaultKmsKeyIdOutput{KmsKeyId: aws.String(d.key())}, err
			}),
		api.Op("ModifyEbsDefaultKmsKeyId", anywhere[ec2.ModifyEbsDefaultKmsKeyIdInput]("ModifyEbsDefaultKmsKeyId"), s.modifyEBSDefaultKey),
		api.Op("ResetEbsDefaultKmsKeyId", anywhere[ec2.ResetEbsDefaultKmsKeyIdInput]("ResetEbsDefaultKmsKeyId"),
			func(c *api.Call, _ *ec2.ResetEbsDefaultKmsKeyIdInput) (*ec2.ResetEbsDefaultKmsKeyIdOutput, error) {
				d, err := changeEBSDefault(c, func(d *ebsDefault) { d.Key = "" })
				return &ec2.ResetEbsDefaultKmsKeyIdOutput{KmsKeyId: aws.String(d.key())}, err
			}),
	}
}

// modifyEBSDefaultKey keeps the key under its ARN. Whether it exists and may be
// used shows when a volume is made: EC2 authenticates the key asynchronously
// (EC2 API reference, "ModifyEbsDefaultKmsKeyId"). Only an alias has to be
// looked up now, since what it points at may change.
func (s *Service) modifyEBSDefaultKey(c *api.Call, in *ec2.ModifyEbsDefaultKmsKeyIdInput) (*ec2.ModifyEbsDefaultKmsKeyIdOutput, error) {
	if aws.ToString(in.KmsKeyId) == "" {
		return nil, missingParameter("KmsKeyId")
	}
	key, managed, err := resolveKey(c, keyReference(c, *in.KmsKeyId))
	switch {
	case err == nil:
	case errorCode(err) == "":
		return nil, err
	default:
		return nil, invalidValue("Value (%s) for parameter KmsKeyId is invalid. %s", *in.KmsKeyId, inaccessibleKey)
	}
	if managed {
		key = ""
	}
	d, err := changeEBSDefault(c, func(d *ebsDefault) { d.Key = key })
	return &ec2.ModifyEbsDefaultKmsKeyIdOutput{KmsKeyId: aws.String(d.key())}, err
}
