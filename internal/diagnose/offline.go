package diagnose

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// Offline are clients that ask nobody: every call ends with the error Offline
// before anything is sent. With log files for a trail a diagnosis can do without
// answers.
func Offline(trail Trail) Clients {
	c := NewClients(aws.Config{Region: "us-east-1", APIOptions: []func(*middleware.Stack) error{func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("Offline", func(context.Context, middleware.InitializeInput, middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return middleware.InitializeOutput{}, middleware.Metadata{}, &smithy.GenericAPIError{Code: "Offline", Message: "nobody was asked"}
		}), middleware.Before)
	}}})
	c.Trail = trail
	return c
}
