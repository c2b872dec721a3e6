package iam

import (
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/iam/managed"
	"github.com/keyturn/keyturn/internal/store"
)

var _ api.AccountRoles = (*Service)(nil)

// CreateAccountRole makes the role through which the management account reaches
// an account that it created, and the service-linked role that Organizations has
// in each of its accounts.
func (s *Service) CreateAccountRole(c *api.Call, account, name, trusted string) error {
	there := *c
	there.Account = account
	admin, ok := managed.Lookup("AdministratorAccess")
	if !ok {
		return store.ErrNotFound
	}
	trust, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": "sts:AssumeRole",
		"Principal": map[string]any{"AWS": "arn:" + c.Partition + ":iam::" + trusted + ":root"},
	}}})
	if err != nil {
		return err
	}
	r := role{
		holder:     holder{Name: name, Path: "/", ID: newID(c, rolePrefix), Created: c.Now},
		MaxSession: sessionDefault,
	}
	r.Attached = []string{"arn:" + c.Partition + ":iam::aws:" + admin.Resource()}
	if err := putNewRole(&there, r, string(trust)); err != nil {
		return err
	}
	_, err = s.createServiceLinkedRole(&there, &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("organizations.amazonaws.com")})
	return err
}
