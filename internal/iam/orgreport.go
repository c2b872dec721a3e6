package iam

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy/serviceref"
)

const (
	// makeOrgReport is the task that makes a report on an organization.
	makeOrgReport = "iam.organizationsAccessReport"
	// orgReportReuse is how long the same question gets the same report.
	orgReportReuse = time.Minute
)

// orgReport is a report on the services that an organization's policies leave to
// accounts, and when those used them: a row of its table, in the scope of the
// management account.
type orgReport struct {
	ID, Owner  string
	EntityPath string
	PolicyID   string `json:",omitempty"`
	Created    time.Time
	Completed  time.Time    `json:",omitzero"`
	Failure    *failure     `json:",omitempty"`
	Services   []orgService `json:",omitempty"` // by namespace
}

// failure is why there is no report.
type failure struct{ Code, Message string }

// orgService is what is known of one service: how many accounts used it, and the
// last use.
type orgService struct {
	Namespace string
	Accounts  int32     `json:",omitempty"`
	At        time.Time `json:",omitzero"`
	Region    string    `json:",omitempty"`
	Path      string    `json:",omitempty"`
}

var orgReports = store.NewTable[orgReport]("iam.orgreport")

// What may be wrong with the question, as reports tell it.
var (
	reportDenied    = &failure{"ORGANIZATIONS_REPORT_ACCESS_DENIED", "Requester is not authorized to perform the required AWS Organizations Describe* and List* actions."}
	unknownEntity   = &failure{"INVALID_ORGANIZATIONS_ENTITY_PATH", "The entity with the specified path does not exist in your organization."}
	unknownOrgRules = &failure{"INVALID_ORGANIZATIONS_POLICY", "The policy with the specified ID does not exist in your organization."}
)

func (s *Service) orgReportOperations() []api.Operation {
	return []api.Operation{
		op("GenerateOrganizationsAccessReport", func(c *api.Call, in *iam.GenerateOrganizationsAccessReportInput) (target, error) {
			t := target{resource: arn(c, "access-report", "/", value(in.EntityPath))}
			if in.OrganizationsPolicyId != nil {
				t.context.Set("iam:OrganizationsPolicyId", *in.OrganizationsPolicyId)
			}
			return t, nil
		}, s.generateOrgReport),
		read("GetOrganizationsAccessReport", everywhere[iam.GetOrganizationsAccessReportInput], getOrgReport),
	}
}

// generateOrgReport is for the management account of an organization with SCPs.
// The messages to others rest on no source.
func (s *Service) generateOrgReport(c *api.Call, in *iam.GenerateOrganizationsAccessReportInput) (*iam.GenerateOrganizationsAccessReportOutput, error) {
	m, err := s.membership(c.Tx, c.Account)
	if err != nil {
		return nil, err
	}
	if m == nil || m.ManagementAccount != c.Account {
		return nil, api.Error("AccessDenied", "Only the management account of an organization can generate this report.")
	}
	if organization, _, _ := strings.Cut(value(in.EntityPath), "/"); organization != m.Organization {
		return nil, api.Error("AccessDenied", "The organization ID in the specified entity path is different than your organization ID.")
	}
	if m.ServiceControl == nil {
		return nil, api.Error("AccessDenied", "Service control policies are not enabled in the organization.")
	}
	r := orgReport{ID: c.NewUUID(), Owner: jobOwner(c), EntityPath: value(in.EntityPath), PolicyID: value(in.OrganizationsPolicyId), Created: c.Now}
	for old, err := range orgReports.All(c.Tx, c.Global()) {
		switch {
		case err != nil:
			return nil, err
		case old.Owner == r.Owner && old.EntityPath == r.EntityPath && old.PolicyID == r.PolicyID && c.Now.Sub(old.Created) < orgReportReuse:
			return &iam.GenerateOrganizationsAccessReportOutput{JobId: aws.String(old.ID)}, nil
		case old.Completed.IsZero():
			return nil, &types.ReportGenerationLimitExceededException{Message: aws.String("The request failed because the maximum number of concurrent requests for this account are already running.")}
		}
	}
	if err := errors.Join(c.Schedule(makeOrgReport, r.ID, jobTime, r.ID), c.Schedule(forgetReport, r.ID, reportsKept, r.ID)); err != nil {
		return nil, err
	}
	return &iam.GenerateOrganizationsAccessReportOutput{JobId: aws.String(r.ID)}, orgReports.Put(c.Tx, c.Global(), r.ID, r)
}

// finishOrgReport makes the report, or tells why there is none.
func (s *Service) finishOrgReport(c *api.Call, payload json.RawMessage) error {
	id, err := api.DecodePayload[string](payload)
	if err != nil {
		return err
	}
	r, err := orgReports.Get(c.Tx, c.Global(), id)
	if err != nil {
		return ignoreNotFound(err)
	}
	r.Completed = c.Now
	r.Failure, err = s.fillOrgReport(c, &r)
	// Who asked may have lost the permissions, or be gone.
	if _, refused := errors.AsType[smithy.APIError](err); refused {
		r.Failure, err = reportDenied, nil
	}
	if err != nil {
		return err
	}
	return orgReports.Put(c.Tx, c.Global(), id, r)
}

func (s *Service) fillOrgReport(c *api.Call, r *orgReport) (*failure, error) {
	scope, wrong, err := readOrgScope(c, r.EntityPath, r.PolicyID)
	if wrong != nil || err != nil {
		return wrong, err
	}
	uses := make(map[string]*orgService)
	for _, a := range scope.accounts {
		if err := addAccountUses(c, a, uses); err != nil {
			return nil, err
		}
	}
	for service := range serviceref.Services() {
		if !scope.allows(service) {
			continue
		}
		found := orgService{Namespace: service.Prefix}
		if u := uses[service.Prefix]; u != nil {
			found = *u
		}
		r.Services = append(r.Services, found)
	}
	return nil, nil
}

// addAccountUses counts an account for every service that anybody in it used.
func addAccountUses(c *api.Call, a orgAccount, uses map[string]*orgService) error {
	seen := make(map[string]bool)
	for u, err := range actionUses.All(c.Tx, store.Scope{Account: a.id, Region: store.Global}) {
		if err != nil {
			return err
		}
		if c.Now.Sub(u.At) > usesKept {
			continue
		}
		of := uses[u.Service]
		if of == nil {
			of = &orgService{Namespace: u.Service}
			uses[u.Service] = of
		}
		if !seen[u.Service] {
			seen[u.Service] = true
			of.Accounts++
		}
		if u.At.After(of.At) {
			of.At, of.Region, of.Path = u.At, u.Region, a.path
		}
	}
	return nil
}

func getOrgReport(c *api.Call, in *iam.GetOrganizationsAccessReportInput) (*iam.GetOrganizationsAccessReportOutput, error) {
	r, err := orgReports.Get(c.Tx, c.Global(), value(in.JobId))
	if errors.Is(err, store.ErrNotFound) || err == nil && r.Owner != jobOwner(c) {
		return nil, notFound("Job %s does not exist.", value(in.JobId))
	}
	if err != nil {
		return nil, err
	}
	out := &iam.GetOrganizationsAccessReportOutput{JobStatus: types.JobStatusTypeInProgress, JobCreationDate: aws.Time(r.Created)}
	if r.Completed.IsZero() {
		return out, nil
	}
	out.JobCompletionDate = aws.Time(r.Completed)
	if r.Failure != nil {
		out.JobStatus, out.ErrorDetails = types.JobStatusTypeFailed, &types.ErrorDetails{Code: aws.String(r.Failure.Code), Message: aws.String(r.Failure.Message)}
		return out, nil
	}
	order := cmp.Or(in.SortKey, types.SortKeyTypeServiceNamespaceAscending)
	sortOrgServices(r.Services, order)
	p, err := pageOf(r.ID, string(order), r.Services, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	unused := filter(r.Services, func(v orgService) bool { return v.Accounts == 0 })
	out.JobStatus, out.IsTruncated, out.Marker = types.JobStatusTypeCompleted, p.truncated, p.marker
	out.NumberOfServicesAccessible, out.NumberOfServicesNotAccessed = aws.Int32(int32(len(r.Services))), aws.Int32(int32(len(unused)))
	out.AccessDetails = convert(p.items, func(v orgService) types.AccessDetail { return v.describe(c) })
	return out, nil
}

// sortOrgServices sorts what is by namespace already. Of two services that were
// used at the same time, or never, the namespaces tell.
func sortOrgServices(all []orgService, order types.SortKeyType) {
	if order == types.SortKeyTypeLastAuthenticatedTimeAscending || order == types.SortKeyTypeLastAuthenticatedTimeDescending {
		slices.SortStableFunc(all, func(a, b orgService) int { return a.At.Compare(b.At) })
	}
	if order == types.SortKeyTypeServiceNamespaceDescending || order == types.SortKeyTypeLastAuthenticatedTimeDescending {
		slices.Reverse(all)
	}
}

func (v orgService) describe(c *api.Call) types.AccessDetail {
	out := types.AccessDetail{ServiceNamespace: aws.String(v.Namespace), ServiceName: aws.String(v.Namespace), TotalAuthenticatedEntities: aws.Int32(v.Accounts)}
	if s, ok := serviceref.Lookup(v.Namespace); ok {
		out.ServiceName = aws.String(serviceName(s))
	}
	switch {
	case v.Accounts > 0:
		out.EntityPath, out.LastAuthenticatedTime, out.Region = aws.String(v.Path), aws.Time(v.At), aws.String(v.Region)
	case v.Namespace == "iam" && c.Partition == "aws":
		// AWS tells the region of IAM, used or not.
		out.Region = aws.String("us-east-1")
	}
	return out
}
