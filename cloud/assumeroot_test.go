package cloud_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
)

const auditTask = "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"

func (k *company) assumeRoot(by clients, target, task string) (*sts.AssumeRootOutput, error) {
	k.Helper()
	return by.sts.AssumeRoot(k.Context(), &sts.AssumeRootInput{TargetPrincipal: &target, TaskPolicyArn: &ststypes.PolicyDescriptorType{Arn: &task}})
}

// TestAssumeRoot: the management account does a member's root user's tasks, once
// it has arranged for it, and nothing else (IAM guide, "Centrally manage root
// access for member accounts").
func TestAssumeRoot(t *testing.T) {
	t.Parallel()
	k := newCompany(t)
	ctx := t.Context()
	enable := func(by clients) error {
		_, err := by.iam.EnableOrganizationsRootCredentialsManagement(ctx, &iam.EnableOrganizationsRootCredentialsManagementInput{})
		return err
	}
	wantCode(t, enable(k.admin), "ServiceAccessNotEnabledException")
	_, err := k.assumeRoot(k.admin, k.member, auditTask)
	wantCode(t, err, "AccessDenied")
	_, err = k.admin.org.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("iam.amazonaws.com")})
	k.must(err)
	wantCode(t, enable(k.inMember), "AccountNotManagementOrDelegatedAdministratorException")
	k.must(enable(k.admin))
	listed, err := k.admin.iam.ListOrganizationsFeatures(ctx, &iam.ListOrganizationsFeaturesInput{})
	k.must(err)
	if len(listed.EnabledFeatures) != 1 || listed.EnabledFeatures[0] != "RootCredentialsManagement" || *listed.OrganizationId != k.id {
		t.Errorf("features are %+v", listed)
	}

	out, err := k.assumeRoot(k.admin, k.member, auditTask)
	k.must(err)
	if left := out.Credentials.Expiration.Sub(k.cloud.Now()); left > 15*time.Minute || left < 14*time.Minute {
		t.Errorf("the session lasts %s", left)
	}
	root := k.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	who, err := root.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	k.must(err)
	if *who.Arn != "arn:aws:iam::"+k.member+":root" {
		t.Errorf("the session is %s", *who.Arn)
	}
	if _, err := root.iam.ListAccessKeys(ctx, &iam.ListAccessKeysInput{}); err != nil {
		t.Errorf("the task cannot be done: %v", err)
	}
	_, err = root.iam.ListUsers(ctx, &iam.ListUsersInput{})
	wantCode(t, err, "AccessDenied")
	_, err = root.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	wantCode(t, err, "UnauthorizedOperation")

	weak := k.user("weak")
	for rule, c := range map[string]struct {
		by           clients
		target, task string
	}{
		"who has no permission":          {weak, k.member, auditTask},
		"the management account's own":   {k.admin, "123456789012", auditTask},
		"an account of nobody's":         {k.admin, "210987654321", auditTask},
		"a policy that is no task":       {k.admin, k.member, "arn:aws:iam::aws:policy/AdministratorAccess"},
		"a task that was not arranged":   {k.admin, k.member, "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"},
		"a member is not the management": {k.inMember, k.member, auditTask},
		"the root user itself":           {k.stage.root, k.member, auditTask},
	} {
		_, err := k.assumeRoot(c.by, c.target, c.task)
		if err == nil {
			t.Errorf("%s: allowed", rule)
			continue
		}
		wantCode(t, err, "AccessDenied")
	}
	_, err = k.assumeRoot(k.admin, "somebody-else", auditTask)
	wantCode(t, err, "ValidationError")

	if len(k.global().events("CreateOrganization")) == 0 {
		t.Error("the organization's events are not in the region of the global services")
	}
	// Both accounts have the event, the member the session's own calls too.
	other := *k.stage
	other.root = k.inMember
	if len(other.events("AssumeRoot")) == 0 {
		t.Error("the member's trail does not have the event")
	}
	other.root = k.enterIn("us-east-1", k.member)
	if raw := *other.events("ListAccessKeys")[0].CloudTrailEvent; !strings.Contains(raw, `"assumedRoot":"true"`) {
		t.Errorf("the session's event is %s", raw)
	}
	if raw := *k.events("AssumeRoot")[0].CloudTrailEvent; strings.Contains(raw, *out.Credentials.SecretAccessKey) || !strings.Contains(raw, `"targetPrincipal"`) {
		t.Errorf("the event is %s", raw)
	}

	_, err = k.admin.iam.DisableOrganizationsRootCredentialsManagement(ctx, &iam.DisableOrganizationsRootCredentialsManagementInput{})
	k.must(err)
	_, err = k.assumeRoot(k.admin, k.member, auditTask)
	wantCode(t, err, "AccessDenied")
}
