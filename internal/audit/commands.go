package audit

import (
	_ "embed"
	"encoding/json"
	"slices"
)

//go:embed commands.sh
var commands string

// Commands is a shell script that fills a folder for [Files] with the AWS CLI.
func Commands() string { return commands }

// permissions are the actions that an audit makes use of, and none of them changes
// anything. None is needed but iam:GetAccountAuthorizationDetails; each that is
// missing leaves something unread.
var permissions = []string{
	"iam:GetAccountAuthorizationDetails",
	"kms:ListKeys", "kms:ListAliases", "kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants", "kms:ListResourceTags",
	"ec2:DescribeVolumes", "ec2:DescribeInstances", "ec2:DescribeSnapshots", "ec2:DescribeImages",
	"ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions", "ec2:GetEbsDefaultKmsKeyId", "ec2:GetEbsEncryptionByDefault",
	"organizations:DescribeOrganization", "organizations:ListAccounts", "organizations:ListParents", "organizations:ListPoliciesForTarget", "organizations:DescribePolicy",
}

// PermissionsPolicy is the policy that lets somebody audit everything.
func PermissionsPolicy() string {
	type statement struct {
		Sid, Effect string
		Action      []string
		Resource    string
	}
	all := slices.Sorted(slices.Values(permissions))
	b, err := json.MarshalIndent(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{{"AuditEncryptedVolumes", "Allow", all, "*"}}}, "", "  ")
	if err != nil {
		panic(err) // it is made of texts
	}
	return string(b)
}
