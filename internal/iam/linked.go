package iam

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/iam/managed"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	// deleteLinked is the task that ends the deletion of a service-linked role.
	deleteLinked = "iam.deleteServiceLinkedRole"
	// deletionTime is how long such a deletion takes.
	deletionTime = 2 * time.Second
)

// deletion is a row of its table: the deletion of a service-linked role.
type deletion struct {
	Task         string
	Role, RoleID string
	Done         bool
}

var deletions = store.NewTable[deletion]("iam.deletion")

func (s *Service) linkedOperations() []api.Operation {
	return []api.Operation{
		op("CreateServiceLinkedRole", createLinkedTarget, s.createServiceLinkedRole),
		op("DeleteServiceLinkedRole", deleteLinkedTarget, s.deleteServiceLinkedRole),
		read("GetServiceLinkedRoleDeletionStatus", func(c *api.Call, in *iam.GetServiceLinkedRoleDeletionStatusInput) (target, error) {
			path, found := strings.CutPrefix(value(in.DeletionTaskId), "task/")
			if i := strings.LastIndexByte(path, '/'); found && i > 0 {
				return target{resource: arn(c, "role", "/", path[:i])}, nil
			}
			return target{resource: "*"}, nil
		}, s.getServiceLinkedRoleDeletionStatus),
	}
}

// Tasks are the works that IAM does later.
func (s *Service) Tasks() map[string]func(*api.Call, json.RawMessage) error {
	return map[string]func(*api.Call, json.RawMessage) error{
		deleteLinked: finishDeletion, makeReport: s.finishReport, makeAccessReport: finishAccessReport, makeOrgReport: s.finishOrgReport,
		forgetReport: dropReport,
	}
}

// linkedPath is the path of a service's linked roles.
func linkedPath(service string) string { return "/aws-service-role/" + service + "/" }

// linkedName is the name of a service's linked role.
func linkedName(service string, suffix *string) string {
	name := linkedServices[service].role
	if suffix != nil {
		name += "_" + *suffix
	}
	return name
}

func createLinkedTarget(c *api.Call, in *iam.CreateServiceLinkedRoleInput) (target, error) {
	service := value(in.AWSServiceName)
	name := linkedName(service, in.CustomSuffix)
	if name == "" {
		name = "*"
	}
	t := target{resource: arn(c, "role", linkedPath(service), name)}
	t.context.Set("iam:AWSServiceName", service)
	return t, nil
}

func deleteLinkedTarget(c *api.Call, in *iam.DeleteServiceLinkedRoleInput) (target, error) {
	return onEntity(roleKind, func(in *iam.DeleteServiceLinkedRoleInput) *string { return in.RoleName },
		func(_ *api.Call, _ *iam.DeleteServiceLinkedRoleInput, e entity, t *target) error {
			if e.linked != "" {
				t.context.Set("iam:AWSServiceName", e.linked)
			}
			return nil
		})(c, in)
}

func (s *Service) createServiceLinkedRole(c *api.Call, in *iam.CreateServiceLinkedRoleInput) (*iam.CreateServiceLinkedRoleOutput, error) {
	service := value(in.AWSServiceName)
	of, known := linkedServices[service]
	if !known {
		return nil, invalidInput("Service-linked roles are not supported for %s", service)
	}
	if in.CustomSuffix != nil && !of.suffix {
		return nil, invalidInput("Custom suffix is not allowed for %s", service)
	}
	r := role{
		holder:      holder{Name: linkedName(service, in.CustomSuffix), Path: linkedPath(service), ID: newID(c, rolePrefix), Created: c.Now},
		Description: value(in.Description), MaxSession: sessionDefault, Linked: service,
	}
	if err := free(c, roles, r.Name, invalidInput("Service role name %s has been taken in this account, please try a different suffix.", r.Name)); err != nil {
		return nil, err
	}
	if p, found := managed.Lookup(of.policy); found {
		r.Attached = []string{"arn:" + c.Partition + ":iam::aws:" + p.Resource()}
	}
	trust, err := json.Marshal(linkedTrust{Version: "2012-10-17", Statement: []linkedStatement{{
		Action: []string{"sts:AssumeRole"}, Effect: "Allow", Principal: map[string][]string{"Service": {service}},
	}}})
	if err != nil {
		return nil, err
	}
	if err := putNewRole(c, r, string(trust)); err != nil {
		return nil, err
	}
	out, err := r.describe(c)
	out.MaxSessionDuration = nil // which AWS does not show here
	return &iam.CreateServiceLinkedRoleOutput{Role: &out}, err
}

var _ api.LinkedRoles = (*Service)(nil)

// LinkedRole opens a session of a service-linked role for the service behind it.
func (s *Service) LinkedRole(c *api.Call, roleARN, session string) (api.Caller, error) {
	r, err := s.Role(c.Tx, roleARN)
	if err != nil {
		return api.Caller{}, err
	}
	if !r.Linked {
		return api.Caller{}, store.ErrNotFound
	}
	return api.Caller{
		Principal: access.Principal{
			Type: access.RoleSession, Partition: c.Partition, Account: c.Account,
			ARN:    "arn:" + c.Partition + ":sts::" + c.Account + ":assumed-role/" + r.Name + "/" + session,
			UserID: r.ID + ":" + session, Name: session, RoleARN: r.ARN, RoleID: r.ID, ServiceLinked: true,
		},
		IssuedAt: c.Now, Expires: c.Now.Add(r.MaxSession),
	}, nil
}

type linkedTrust struct {
	Version   string
	Statement []linkedStatement
}

type linkedStatement struct {
	Action    []string
	Effect    string
	Principal map[string][]string
}

func (s *Service) deleteServiceLinkedRole(c *api.Call, in *iam.DeleteServiceLinkedRoleInput) (*iam.DeleteServiceLinkedRoleOutput, error) {
	r, err := get(c.Tx, c.Global(), roles, "role", value(in.RoleName))
	if err != nil {
		return nil, err
	}
	if r.Linked == "" {
		return nil, missing("role", r.Name)
	}
	d := deletion{Task: "task" + r.Path + r.Name + "/" + c.NewUUID(), Role: r.Name, RoleID: r.ID}
	if err := deletions.Put(c.Tx, c.Global(), d.Task, d); err != nil {
		return nil, err
	}
	if err := c.Schedule(deleteLinked, d.Task, deletionTime, d); err != nil {
		return nil, err
	}
	return &iam.DeleteServiceLinkedRoleOutput{DeletionTaskId: aws.String(d.Task)}, nil
}

// finishDeletion removes the role, unless it is gone or another by now.
func finishDeletion(c *api.Call, payload json.RawMessage) error {
	d, err := api.DecodePayload[deletion](payload)
	if err != nil {
		return err
	}
	r, err := roles.Get(c.Tx, c.Global(), rowID(d.Role))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil && r.ID == d.RoleID {
		if err := removeRole(c, r); err != nil {
			return err
		}
	}
	d.Done = true
	return deletions.Put(c.Tx, c.Global(), d.Task, d)
}

func (s *Service) getServiceLinkedRoleDeletionStatus(c *api.Call, in *iam.GetServiceLinkedRoleDeletionStatusInput) (*iam.GetServiceLinkedRoleDeletionStatusOutput, error) {
	d, err := deletions.Get(c.Tx, c.Global(), value(in.DeletionTaskId))
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound("Deletion task %s cannot be found.", value(in.DeletionTaskId))
	}
	if err != nil {
		return nil, err
	}
	if d.Done {
		return &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: types.DeletionTaskStatusTypeSucceeded}, nil
	}
	return &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: types.DeletionTaskStatusTypeInProgress}, nil
}
