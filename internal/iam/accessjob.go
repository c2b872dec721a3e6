package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy/serviceref"
)

const (
	// jobTime is how long the making of a report takes, makeAccessReport the task
	// that makes it.
	jobTime          = time.Second
	makeAccessReport = "iam.accessReport"
	// reportsKept is how long a report can be read, forgetReport the task that takes
	// it away. AWS does not say how long it keeps them.
	reportsKept  = 7 * 24 * time.Hour
	forgetReport = "iam.forgetReport"
	// servicesPage is how many services a page has if none is asked for: AWS gives
	// twice as many as its reference says.
	servicesPage = 200
)

// accessJob is a report on the services that a user, group, role or policy gives
// access to, and when they were used: a row of its table. Who is in it is kept by
// unique ids, so that a new name is shown and a deleted one is not.
type accessJob struct {
	ID, Owner          string
	ARN                string
	ActionLevel        bool `json:",omitempty"`
	Created, Completed time.Time
	// Members are the users and roles whose use is told of, in the order in which
	// reports give those that never used a service.
	Members  []string          `json:",omitempty"`
	Services []accessedService `json:",omitempty"`
}

// accessedService is what is known of one service.
type accessedService struct {
	Namespace string
	Uses      []serviceUse     `json:",omitempty"` // the latest first
	Actions   []accessedAction `json:",omitempty"`
}

// serviceUse is a member's last use of a service.
type serviceUse struct {
	Member string
	At     time.Time
	Region string
}

type accessedAction struct {
	Name string
	Last *serviceUse `json:",omitempty"`
}

var accessJobs = store.NewTable[accessJob]("iam.accessjob")

func (s *Service) lastAccessedOperations() []api.Operation {
	return []api.Operation{
		op("GenerateServiceLastAccessedDetails", func(c *api.Call, in *iam.GenerateServiceLastAccessedDetailsInput) (target, error) {
			src, err := s.reportSource(c, value(in.Arn))
			if isMissing(err) {
				return target{resource: value(in.Arn)}, nil
			}
			return src.target(), err
		}, s.generateServiceLastAccessed),
		read("GetServiceLastAccessedDetails", everywhere[iam.GetServiceLastAccessedDetailsInput], s.getServiceLastAccessed),
		read("GetServiceLastAccessedDetailsWithEntities", everywhere[iam.GetServiceLastAccessedDetailsWithEntitiesInput], s.getServiceLastAccessedWithEntities),
		read("ListPoliciesGrantingServiceAccess", func(c *api.Call, in *iam.ListPoliciesGrantingServiceAccessInput) (target, error) {
			src, err := s.grantSource(c, value(in.Arn))
			if isMissing(err) {
				return target{resource: value(in.Arn)}, nil
			}
			return src.target(), err
		}, s.listPoliciesGranting),
	}
}

// jobOwner is who may see a report: the user, whatever key it has, or one session.
func jobOwner(c *api.Call) string {
	switch p := c.Caller.Principal; {
	case p.Type == access.User || p.Type == access.Root:
		return p.UserID
	case c.Caller.AccessKeyID != "":
		return c.Caller.AccessKeyID
	default:
		return p.ARN
	}
}

func (s *Service) generateServiceLastAccessed(c *api.Call, in *iam.GenerateServiceLastAccessedDetailsInput) (*iam.GenerateServiceLastAccessedDetailsOutput, error) {
	src, err := s.reportSource(c, value(in.Arn))
	if err != nil {
		return nil, err
	}
	j := accessJob{
		ID: c.NewUUID(), Owner: jobOwner(c), ARN: src.arn, Created: c.Now,
		ActionLevel: in.Granularity == types.AccessAdvisorUsageGranularityTypeActionLevel,
	}
	if err := errors.Join(c.Schedule(makeAccessReport, j.ID, jobTime, j.ID), c.Schedule(forgetReport, j.ID, reportsKept, j.ID)); err != nil {
		return nil, err
	}
	if err := src.report(c, &j); err != nil {
		return nil, err
	}
	return &iam.GenerateServiceLastAccessedDetailsOutput{JobId: aws.String(j.ID)}, accessJobs.Put(c.Tx, c.Global(), j.ID, j)
}

// finishAccessReport lets a report be seen. What stands in it was so when it was
// asked for.
func finishAccessReport(c *api.Call, payload json.RawMessage) error {
	id, err := api.DecodePayload[string](payload)
	if err != nil {
		return err
	}
	j, err := accessJobs.Get(c.Tx, c.Global(), id)
	if err != nil {
		return ignoreNotFound(err)
	}
	j.Completed = c.Now
	return accessJobs.Put(c.Tx, c.Global(), id, j)
}

// dropReport takes a report away, of whichever kind.
func dropReport(c *api.Call, payload json.RawMessage) error {
	id, err := api.DecodePayload[string](payload)
	if err != nil {
		return err
	}
	return errors.Join(accessJobs.Delete(c.Tx, c.Global(), id), orgReports.Delete(c.Tx, c.Global(), id))
}

// report fills in what a source gives access to, and who used it when.
func (src *source) report(c *api.Call, j *accessJob) error {
	var all []actionUse
	for _, m := range src.members {
		j.Members = append(j.Members, m)
		uses, err := usesOf(c, m)
		if err != nil {
			return err
		}
		all = append(all, uses...)
	}
	// The latest first, and what is as late in the order of the members.
	slices.SortStableFunc(all, func(a, b actionUse) int { return b.At.Compare(a.At) })
	may := newPotential(src.documents()...)
	for service := range serviceref.Services() {
		allowed := may.allowed(service, !j.ActionLevel || !tracked[service.Prefix])
		if len(allowed) == 0 {
			continue
		}
		a := accessedService{Namespace: service.Prefix}
		for _, u := range all {
			if u.Service == service.Prefix && !slices.ContainsFunc(a.Uses, func(v serviceUse) bool { return v.Member == u.Principal }) {
				a.Uses = append(a.Uses, serviceUse{Member: u.Principal, At: u.At, Region: u.Region})
			}
		}
		if j.ActionLevel {
			a.Actions = actionsUsed(allowed, all)
		}
		j.Services = append(j.Services, a)
	}
	return nil
}

func actionsUsed(allowed []*serviceref.Action, uses []actionUse) []accessedAction {
	var out []accessedAction
	for _, a := range allowed {
		if !isTracked(a) {
			continue
		}
		t := accessedAction{Name: a.Name}
		if i := slices.IndexFunc(uses, func(u actionUse) bool { return u.Service == a.Service.Prefix && u.Action == a.Name }); i >= 0 {
			t.Last = &serviceUse{Member: uses[i].Principal, At: uses[i].At, Region: uses[i].Region}
		}
		out = append(out, t)
	}
	return out
}

// job reads one of the caller's reports.
func job(c *api.Call, id *string) (accessJob, error) {
	j, err := accessJobs.Get(c.Tx, c.Global(), value(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && j.Owner != jobOwner(c) {
		return accessJob{}, notFound("Job %s does not exist.", value(id))
	}
	return j, err
}

// pageOf cuts a page out of a part of a report. A marker is good for the same
// part of the same report only.
func pageOf[T any](report, part string, all []T, marker *string, max *int32) (page[T], error) {
	type numbered struct {
		at   int
		item T
	}
	list := make([]numbered, len(all))
	for i, v := range all {
		list[i] = numbered{i, v}
	}
	key := func(v numbered) string { return fmt.Sprintf("%s %s %06d", report, part, v.at) }
	if marker != nil {
		last, err := decodeMarker(*marker)
		if err != nil {
			return page[T]{}, err
		}
		if !strings.HasPrefix(last, report+" "+part+" ") {
			return page[T]{}, invalidInput("The marker passed in the request was invalid.")
		}
	}
	p, err := paginate(list, key, marker, max)
	return page[T]{items: convert(p.items, func(v numbered) T { return v.item }), truncated: p.truncated, marker: p.marker}, err
}

func (s *Service) getServiceLastAccessed(c *api.Call, in *iam.GetServiceLastAccessedDetailsInput) (*iam.GetServiceLastAccessedDetailsOutput, error) {
	j, err := job(c, in.JobId)
	if err != nil {
		return nil, err
	}
	if j.Completed.IsZero() {
		return &iam.GetServiceLastAccessedDetailsOutput{JobStatus: types.JobStatusTypeInProgress, JobCreationDate: aws.Time(j.Created)}, nil
	}
	size := in.MaxItems
	if size == nil {
		size = aws.Int32(servicesPage)
	}
	p, err := pageOf(j.ID, "services", j.Services, in.Marker, size)
	if err != nil {
		return nil, err
	}
	out := &iam.GetServiceLastAccessedDetailsOutput{
		JobStatus: types.JobStatusTypeCompleted, JobCreationDate: aws.Time(j.Created), JobCompletionDate: aws.Time(j.Completed),
		JobType: types.AccessAdvisorUsageGranularityTypeServiceLevel, ServicesLastAccessed: []types.ServiceLastAccessed{},
		IsTruncated: p.truncated, Marker: p.marker,
	}
	if j.ActionLevel {
		out.JobType = types.AccessAdvisorUsageGranularityTypeActionLevel
	}
	for _, a := range p.items {
		out.ServicesLastAccessed = append(out.ServicesLastAccessed, a.describe(c))
	}
	return out, nil
}

func (a accessedService) describe(c *api.Call) types.ServiceLastAccessed {
	out := types.ServiceLastAccessed{
		ServiceNamespace: aws.String(a.Namespace), ServiceName: aws.String(a.Namespace), TotalAuthenticatedEntities: aws.Int32(int32(len(a.Uses))),
	}
	if s, ok := serviceref.Lookup(a.Namespace); ok {
		out.ServiceName = aws.String(serviceName(s))
	}
	if len(a.Uses) > 0 {
		last := a.Uses[0]
		out.LastAuthenticated, out.LastAuthenticatedRegion, out.LastAuthenticatedEntity = aws.Time(last.At), aws.String(last.Region), memberARN(c, last.Member)
	}
	for _, t := range a.Actions {
		shown := types.TrackedActionLastAccessed{ActionName: aws.String(t.Name)}
		if t.Last != nil {
			shown.LastAccessedTime, shown.LastAccessedRegion, shown.LastAccessedEntity = aws.Time(t.Last.At), aws.String(t.Last.Region), memberARN(c, t.Last.Member)
		}
		out.TrackedActionsLastAccessed = append(out.TrackedActionsLastAccessed, shown)
	}
	return out
}

// memberARN is the ARN that a user or role has now, nil if it is gone.
func memberARN(c *api.Call, id string) *string {
	p, err := principals.Get(c.Tx, outside, id)
	if err != nil {
		return nil
	}
	return aws.String(p.ARN)
}

func (s *Service) getServiceLastAccessedWithEntities(c *api.Call, in *iam.GetServiceLastAccessedDetailsWithEntitiesInput) (*iam.GetServiceLastAccessedDetailsWithEntitiesOutput, error) {
	namespace := value(in.ServiceNamespace)
	if _, ok := knownNamespace(namespace); !ok {
		// The typing error is AWS's.
		return nil, invalidInput("Service namepace %s is either invalid or unsupported.", namespace)
	}
	j, err := job(c, in.JobId)
	if err != nil {
		return nil, err
	}
	if j.Completed.IsZero() {
		return &iam.GetServiceLastAccessedDetailsWithEntitiesOutput{JobStatus: types.JobStatusTypeInProgress, JobCreationDate: aws.Time(j.Created)}, nil
	}
	all, err := j.entities(c, namespace)
	if err != nil {
		return nil, err
	}
	p, err := pageOf(j.ID, "entities", all, in.Marker, in.MaxItems)
	return &iam.GetServiceLastAccessedDetailsWithEntitiesOutput{
		JobStatus: types.JobStatusTypeCompleted, JobCreationDate: aws.Time(j.Created), JobCompletionDate: aws.Time(j.Completed),
		EntityDetailsList: p.items, IsTruncated: p.truncated, Marker: p.marker,
	}, err
}

// entities are the members that a service is open to, with their use of it: the
// latest first, then those that never used it.
func (j accessJob) entities(c *api.Call, namespace string) ([]types.EntityDetails, error) {
	i := slices.IndexFunc(j.Services, func(a accessedService) bool { return a.Namespace == namespace })
	if i < 0 {
		return nil, nil
	}
	var all []types.EntityDetails
	add := func(id string, at *time.Time) error {
		info, err := memberInfo(c, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		all = append(all, types.EntityDetails{EntityInfo: info, LastAuthenticated: at})
		return err
	}
	uses := j.Services[i].Uses
	for _, u := range uses {
		if err := add(u.Member, aws.Time(u.At)); err != nil {
			return nil, err
		}
	}
	for _, m := range j.Members {
		if slices.ContainsFunc(uses, func(u serviceUse) bool { return u.Member == m }) {
			continue
		}
		if err := add(m, nil); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// memberInfo describes the user or role with a unique id.
func memberInfo(c *api.Call, id string) (*types.EntityInfo, error) {
	if strings.HasPrefix(id, rolePrefix) {
		r, err := first(roles.Find(c.Tx, c.Global(), "id", id))
		return &types.EntityInfo{
			Arn: aws.String(arn(c, "role", r.Path, r.Name)), Id: aws.String(r.ID), Name: aws.String(r.Name), Path: aws.String(r.Path), Type: types.PolicyOwnerEntityTypeRole,
		}, err
	}
	u, err := first(users.Find(c.Tx, c.Global(), "id", id))
	return &types.EntityInfo{
		Arn: aws.String(arn(c, "user", u.Path, u.Name)), Id: aws.String(u.ID), Name: aws.String(u.Name), Path: aws.String(u.Path), Type: types.PolicyOwnerEntityTypeUser,
	}, err
}

// knownNamespace finds a service by its namespace, which has its case.
func knownNamespace(namespace string) (*serviceref.Service, bool) {
	s, ok := serviceref.Lookup(namespace)
	return s, ok && s.Prefix == namespace
}
