package iam

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) boundaryOperations() []api.Operation {
	return []api.Operation{
		op("PutUserPermissionsBoundary", onEntity(userKind, func(in *iam.PutUserPermissionsBoundaryInput) *string { return in.UserName },
			newBoundary(func(in *iam.PutUserPermissionsBoundaryInput) *string { return in.PermissionsBoundary })),
			func(c *api.Call, in *iam.PutUserPermissionsBoundaryInput) (*iam.PutUserPermissionsBoundaryOutput, error) {
				return &iam.PutUserPermissionsBoundaryOutput{}, setBoundary(c, userKind, in.UserName, value(in.PermissionsBoundary))
			}),
		op("PutRolePermissionsBoundary", onEntity(roleKind, func(in *iam.PutRolePermissionsBoundaryInput) *string { return in.RoleName },
			newBoundary(func(in *iam.PutRolePermissionsBoundaryInput) *string { return in.PermissionsBoundary })),
			func(c *api.Call, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
				return &iam.PutRolePermissionsBoundaryOutput{}, setBoundary(c, roleKind, in.RoleName, value(in.PermissionsBoundary))
			}),
		op("DeleteUserPermissionsBoundary", onEntity(userKind, func(in *iam.DeleteUserPermissionsBoundaryInput) *string { return in.UserName }, bounded),
			func(c *api.Call, in *iam.DeleteUserPermissionsBoundaryInput) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
				return &iam.DeleteUserPermissionsBoundaryOutput{}, setBoundary(c, userKind, in.UserName, "")
			}),
		op("DeleteRolePermissionsBoundary", onEntity(roleKind, func(in *iam.DeleteRolePermissionsBoundaryInput) *string { return in.RoleName }, bounded),
			func(c *api.Call, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
				return &iam.DeleteRolePermissionsBoundaryOutput{}, setBoundary(c, roleKind, in.RoleName, "")
			}),
	}
}

// newBoundary sets iam:PermissionsBoundary to the one that is asked for.
func newBoundary[In any](arn func(*In) *string) func(*api.Call, *In, entity, *target) error {
	return func(_ *api.Call, in *In, _ entity, t *target) error {
		t.context.Set("iam:PermissionsBoundary", value(arn(in)))
		return nil
	}
}

// setBoundary sets an entity's permissions boundary, or takes it away.
func setBoundary(c *api.Call, k *kind, name *string, arn string) error {
	e, err := changeable(c, k, name)
	if err != nil {
		return err
	}
	if arn == "" && e.Boundary == "" {
		return notFound("The permissions boundary for %s %s cannot be found.", k.noun, e.Name)
	}
	if arn != "" {
		if err := boundaryExists(c, arn); err != nil {
			return err
		}
	}
	e.Boundary = arn
	return e.save()
}

// boundaryExists checks that a managed policy may be a boundary here.
func boundaryExists(c *api.Call, arn string) error {
	_, err := attachable(c, &arn)
	return err
}
