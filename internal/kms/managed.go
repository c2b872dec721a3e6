package kms

import (
	"strings"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/api"
)

// ebsAlias is the AWS managed key for EBS, which comes into being in an account
// and region when somebody first names it.
const ebsAlias = "alias/aws/ebs"

// ebsDescription is AWS's.
const ebsDescription = "Default key that protects my EBS volumes when no other key is defined"

// createManagedKey makes an AWS managed key with its alias. In a read
// transaction it fails with store.ErrReadOnly, and the operation runs again.
func (s *Service) createManagedKey(c *api.Call, alias string) (aliasRow, error) {
	id := c.NewUUID()
	k := keyRow{
		ID: id, Account: c.Account, ARN: keyARN(c, c.Scope(), id), Description: ebsDescription,
		Created: c.Now, State: kmstypes.KeyStateEnabled, Manager: kmstypes.KeyManagerTypeAws,
		Spec: kmstypes.KeySpecSymmetricDefault, Usage: kmstypes.KeyUsageTypeEncryptDecrypt, Origin: kmstypes.OriginTypeAwsKms,
		// AWS managed keys rotate every year, and nobody can stop it.
		Rotation: rotation{Days: defaultRotationDays, Next: c.Now.Add(defaultRotationDays * day)},
	}
	t := target{scope: c.Scope(), id: id, arn: k.ARN, found: true, key: k}
	if err := s.putNewKey(c, &t, ebsPolicy(c)); err != nil {
		return aliasRow{}, err
	}
	if !c.DryRun {
		if err := scheduleRotation(c, t); err != nil {
			return aliasRow{}, err
		}
	}
	row := aliasRow{Name: alias, Key: id, Created: c.Now, Updated: c.Now}
	return row, aliases.Put(c.Tx, c.Scope(), alias, row)
}

// ebsPolicy is the key policy of alias/aws/ebs: whoever of the account may use
// EC2 may use the key, through EC2 only (KMS guide, "kms:CallerAccount").
func ebsPolicy(c *api.Call) string {
	host := "ec2." + c.Region + ".amazonaws.com"
	if c.Partition == "aws-cn" {
		host += ".cn"
	}
	return strings.NewReplacer(
		"ACCOUNT", c.Account, "HOST", host, "ROOT", "arn:"+c.Partition+":iam::"+c.Account+":root",
	).Replace(ebsPolicyText)
}

const ebsPolicyText = `{
  "Version" : "2012-10-17",
  "Id" : "auto-ebs-2",
  "Statement" : [ {
    "Sid" : "Allow access through EBS for all principals in the account that are authorized to use EBS",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "*"
    },
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : {
      "StringEquals" : {
        "kms:CallerAccount" : "ACCOUNT",
        "kms:ViaService" : "HOST"
      }
    }
  }, {
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "ROOT"
    },
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  } ]
}`
