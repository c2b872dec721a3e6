package sts

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keyturn/keyturn/internal/api"
)

// mfa reports whether a request proves possession of an MFA device. One that
// tries and fails is refused. take uses the code up.
func (s *Service) mfa(c *api.Call, serial, code *string, take bool) (bool, error) {
	if serial == nil && code == nil {
		return false, nil
	}
	ok, err := s.iam.VerifyMFA(c, aws.ToString(serial), aws.ToString(code), take)
	if err == nil && !ok {
		err = badMFA()
	}
	return ok, err
}
