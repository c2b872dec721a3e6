package cloud_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// reported asks for a report on an entity and waits until it is made.
func (k *company) reported(by clients, path string, policy *string) *iam.GetOrganizationsAccessReportOutput {
	k.Helper()
	made, err := by.iam.GenerateOrganizationsAccessReport(k.Context(), &iam.GenerateOrganizationsAccessReportInput{EntityPath: &path, OrganizationsPolicyId: policy})
	k.must(err)
	k.cloud.Advance(2 * time.Second)
	for range 400 {
		got, err := by.iam.GetOrganizationsAccessReport(k.Context(), &iam.GetOrganizationsAccessReportInput{JobId: made.JobId, MaxItems: aws.Int32(1000)})
		k.must(err)
		if got.JobStatus != types.JobStatusTypeInProgress {
			return got
		}
		time.Sleep(10 * time.Millisecond)
	}
	k.Fatal("the report is not made")
	return nil
}

func accessed(details []types.AccessDetail) map[string]types.AccessDetail {
	all := map[string]types.AccessDetail{}
	for _, d := range details {
		all[*d.ServiceNamespace] = d
	}
	return all
}

// TestOrganizationsAccessReport: what the organization leaves to its accounts, and
// when they used it (IAM guide, "View last accessed information for Organizations").
func TestOrganizationsAccessReport(t *testing.T) {
	t.Parallel()
	k := newCompany(t)
	ctx := t.Context()
	_, err := k.inMember.kms.CreateKey(ctx, &kms.CreateKeyInput{})
	k.must(err)
	k.events("CreateKey") // which are in the store, then
	root, member := k.id+"/"+k.root, k.id+"/"+k.root+"/"+k.member

	got := k.reported(k.admin, root, nil)
	all := accessed(got.AccessDetails)
	used := all["kms"]
	if got.JobStatus != types.JobStatusTypeCompleted || *got.NumberOfServicesAccessible < 400 || *used.TotalAuthenticatedEntities != 1 || aws.ToString(used.EntityPath) != member || aws.ToString(used.Region) != region || used.LastAuthenticatedTime == nil {
		t.Errorf("the root's report: %s of %d services, KMS %+v", got.JobStatus, aws.ToInt32(got.NumberOfServicesAccessible), used)
	}
	if *all["organizations"].TotalAuthenticatedEntities != 0 || *got.NumberOfServicesNotAccessed >= *got.NumberOfServicesAccessible {
		t.Errorf("the management account is in the report: %+v, %d of %d not used", all["organizations"], *got.NumberOfServicesNotAccessed, *got.NumberOfServicesAccessible)
	}
	latest, err := k.admin.iam.GenerateOrganizationsAccessReport(ctx, &iam.GenerateOrganizationsAccessReportInput{EntityPath: &root})
	k.must(err)
	sorted, err := k.admin.iam.GetOrganizationsAccessReport(ctx, &iam.GetOrganizationsAccessReportInput{JobId: latest.JobId, MaxItems: aws.Int32(1), SortKey: types.SortKeyTypeLastAuthenticatedTimeDescending})
	k.must(err)
	if len(sorted.AccessDetails) != 1 || sorted.AccessDetails[0].LastAuthenticatedTime == nil || !sorted.IsTruncated {
		t.Errorf("the latest first, of the same report: %+v", sorted.AccessDetails)
	}
	_, err = k.admin.iam.GetOrganizationsAccessReport(ctx, &iam.GetOrganizationsAccessReportInput{JobId: latest.JobId, Marker: sorted.Marker})
	wantCode(t, err, "InvalidInput")

	denial := k.control(orgtypes.PolicyTypeServiceControlPolicy, k.member, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":["s3:*","sqs:SendMessage"],"Resource":"*"}}`)
	all = accessed(k.reported(k.admin, member, nil).AccessDetails)
	if _, s3 := all["s3"]; s3 || *all["kms"].TotalAuthenticatedEntities != 1 || all["sqs"].ServiceName == nil {
		t.Errorf("what is denied is in the report: %v, KMS %+v, SQS %+v", s3, all["kms"], all["sqs"])
	}
	if got := k.reported(k.admin, root, &denial); *got.NumberOfServicesAccessible != 0 {
		t.Errorf("a policy that allows nothing leaves %d services", *got.NumberOfServicesAccessible)
	}
	allowance, err := k.admin.org.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: aws.String("kms"), Description: aws.String(""), Type: orgtypes.PolicyTypeServiceControlPolicy,
		Content: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`),
	})
	k.must(err)
	only := allowance.Policy.PolicySummary.Id
	if got := k.reported(k.admin, root, only); *got.NumberOfServicesAccessible != 1 || *got.NumberOfServicesNotAccessed != 1 {
		t.Errorf("a policy of nobody's: %+v", got.AccessDetails)
	}
	_, err = k.admin.org.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: only, TargetId: &k.member})
	k.must(err)
	k.cloud.Advance(time.Minute) // until then it is the same report
	if got := k.reported(k.admin, root, only); *got.NumberOfServicesAccessible != 1 || *got.NumberOfServicesNotAccessed != 0 || *got.AccessDetails[0].EntityPath != member {
		t.Errorf("one policy: %+v", got.AccessDetails)
	}
	management := k.reported(k.admin, root+"/123456789012", nil)
	if all = accessed(management.AccessDetails); *all["organizations"].TotalAuthenticatedEntities != 1 || all["s3"].ServiceName == nil {
		t.Errorf("the management account's own report: %+v", all["organizations"])
	}

	for path, code := range map[string]string{
		root + "/ou-exam-exampleouid": "INVALID_ORGANIZATIONS_ENTITY_PATH", root + "/": "INVALID_ORGANIZATIONS_ENTITY_PATH",
		k.id + "/r-none": "INVALID_ORGANIZATIONS_ENTITY_PATH", root + "/999999999999": "INVALID_ORGANIZATIONS_ENTITY_PATH",
	} {
		if got := k.reported(k.admin, path, nil); got.JobStatus != types.JobStatusTypeFailed || *got.ErrorDetails.Code != code {
			t.Errorf("%s: %s %+v", path, got.JobStatus, got.ErrorDetails)
		}
	}
	if got := k.reported(k.admin, root, aws.String("p-notthere1")); got.ErrorDetails == nil || *got.ErrorDetails.Code != "INVALID_ORGANIZATIONS_POLICY" {
		t.Errorf("a policy that is not there: %+v", got.ErrorDetails)
	}
	reporter := k.user("reporter", "arn:aws:iam::aws:policy/IAMFullAccess")
	k.allow("reporter", "no", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"organizations:*","Resource":"*"}}`)
	if got := k.reported(reporter, root, nil); got.ErrorDetails == nil || *got.ErrorDetails.Code != "ORGANIZATIONS_REPORT_ACCESS_DENIED" {
		t.Errorf("who may not read the organization: %+v", got.ErrorDetails)
	}
	_, err = reporter.iam.GetOrganizationsAccessReport(ctx, &iam.GetOrganizationsAccessReportInput{JobId: latest.JobId})
	wantCode(t, err, "NoSuchEntity")
	_, err = k.admin.iam.GenerateOrganizationsAccessReport(ctx, &iam.GenerateOrganizationsAccessReportInput{EntityPath: aws.String("o-zzzzzzzzzz/" + k.root)})
	wantCode(t, err, "AccessDenied")
	_, err = k.inMember.iam.GenerateOrganizationsAccessReport(ctx, &iam.GenerateOrganizationsAccessReportInput{EntityPath: &root})
	wantCode(t, err, "AccessDenied")
}
