package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func (w *world) summary() map[string]int32 {
	w.t.Helper()
	return must[awsiam.GetAccountSummaryOutput](w, "GetAccountSummary", &awsiam.GetAccountSummaryInput{}).SummaryMap
}

// summaryKeys are all that AWS tells in a summary (IAM API reference,
// "GetAccountSummary").
var summaryKeys = []string{
	"AccessKeysPerUserQuota", "AccountAccessKeysPresent", "AccountMFAEnabled", "AccountPasswordPresent", "AccountSigningCertificatesPresent",
	"AssumeRolePolicySizeQuota", "AttachedPoliciesPerGroupQuota", "AttachedPoliciesPerRoleQuota", "AttachedPoliciesPerUserQuota",
	"GlobalEndpointTokenVersion", "GroupPolicySizeQuota", "Groups", "GroupsPerUserQuota", "GroupsQuota", "InstanceProfiles",
	"InstanceProfilesQuota", "MFADevices", "MFADevicesInUse", "Policies", "PoliciesQuota", "PolicySizeQuota", "PolicyVersionsInUse",
	"PolicyVersionsInUseQuota", "Providers", "RolePolicySizeQuota", "Roles", "RolesQuota", "ServerCertificates", "ServerCertificatesQuota",
	"SigningCertificatesPerUserQuota", "UserPolicySizeQuota", "Users", "UsersQuota", "VersionsPerPolicyQuota",
}

func TestAccountSummary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.summary()
	for _, k := range summaryKeys {
		if _, ok := got[k]; !ok {
			t.Errorf("the summary has no %s", k)
		}
	}
	if len(got) != len(summaryKeys) {
		t.Errorf("the summary has %d entries, AWS's has %d", len(got), len(summaryKeys))
	}

	// A policy is in use that is attached or a boundary, once, whosever it is.
	w.person()
	person := aws.String("person")
	var arns []*string
	for _, name := range []string{"unused", "used", "boundary"} {
		arns = append(arns, must[awsiam.CreatePolicyOutput](w, "CreatePolicy", &awsiam.CreatePolicyInput{PolicyName: &name, PolicyDocument: document(`{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}`)}).Policy.Arn)
	}
	must[awsiam.CreateGroupOutput](w, "CreateGroup", &awsiam.CreateGroupInput{GroupName: aws.String("team")})
	must[awsiam.AttachUserPolicyOutput](w, "AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: person, PolicyArn: arns[1]})
	must[awsiam.AttachGroupPolicyOutput](w, "AttachGroupPolicy", &awsiam.AttachGroupPolicyInput{GroupName: aws.String("team"), PolicyArn: arns[1]})
	must[awsiam.PutUserPermissionsBoundaryOutput](w, "PutUserPermissionsBoundary", &awsiam.PutUserPermissionsBoundaryInput{UserName: person, PermissionsBoundary: arns[2]})
	must[awsiam.AttachUserPolicyOutput](w, "AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: person, PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
	if got = w.summary(); got["Policies"] != 3 || got["PolicyVersionsInUse"] != 3 || got["Users"] != 1 || got["Groups"] != 1 {
		t.Errorf("%d policies, %d in use, %d users, %d groups", got["Policies"], got["PolicyVersionsInUse"], got["Users"], got["Groups"])
	}
}

func TestTokenPreferences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		version types.GlobalEndpointTokenVersion
		want    int32
	}{{"", 1}, {types.GlobalEndpointTokenVersionV2Token, 2}, {types.GlobalEndpointTokenVersionV1Token, 1}} {
		if c.version != "" {
			must[awsiam.SetSecurityTokenServicePreferencesOutput](w, "SetSecurityTokenServicePreferences", &awsiam.SetSecurityTokenServicePreferencesInput{GlobalEndpointTokenVersion: c.version})
		}
		if got := w.summary()["GlobalEndpointTokenVersion"]; got != c.want {
			t.Errorf("after %q tokens are of version %d, want %d", c.version, got, c.want)
		}
	}
}
