package cloud

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/wire"
	"github.com/keyturn/keyturn/internal/wire/sigv4"
)

// statusError is an AWS error whose HTTP status no model tells.
type statusError struct {
	status        int
	code, message string
}

func (e *statusError) Error() string                 { return e.code + ": " + e.message }
func (e *statusError) ErrorCode() string             { return e.code }
func (e *statusError) ErrorMessage() string          { return e.message }
func (e *statusError) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

// HTTPStatus is read by the wire.
func (e *statusError) HTTPStatus() int { return e.status }

// authError puts a refused signature into the words of the service's protocol.
// An error of another kind passes unchanged.
func authError(model *wire.Service, err error) error {
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return err
	}
	protocol := string(model.Protocol())
	message := e.Message
	if protocol == string(wire.EC2) && (e.Kind == sigv4.InvalidAccessKey || e.Kind == sigv4.SignatureMismatch) {
		message = "AWS was not able to validate the provided access credentials"
	}
	if protocol == string(wire.Query) && e.Kind == sigv4.InvalidAccessKey {
		message = "The security token included in the request is invalid."
	}
	return &statusError{status: e.Kind.Status(protocol), code: e.Kind.Code(protocol), message: message}
}

func expiredMessage(model *wire.Service) string {
	if model.Protocol() == wire.EC2 {
		return "Request has expired."
	}
	return "The security token included in the request is expired"
}

// wrongScope refuses a signature for a service that is not here.
func wrongScope(model *wire.Service) error {
	return authError(model, &sigv4.Error{
		Kind:    sigv4.InvalidScope,
		Message: "Credential should be scoped to correct service: '" + model.Name() + "'. ",
	})
}

// wrongRegion refuses a signature for a region that AWS does not have.
func wrongRegion(model *wire.Service) error {
	return authError(model, &sigv4.Error{
		Kind:    sigv4.InvalidScope,
		Message: "Credential should be scoped to a valid region. ",
	})
}

// notBuilt answers for an operation that AWS has and Keyturn has not, in the
// form of the service, and names it.
func notBuilt(model *wire.Service, name string) error {
	code := "UnsupportedOperation"
	if p := model.Protocol(); p == wire.JSON || p == wire.RESTJSON {
		code = "UnsupportedOperationException"
	}
	return &statusError{
		status: http.StatusBadRequest, code: code,
		message: "The operation " + model.Name() + ":" + name + " is not supported: Keyturn does not have it yet.",
	}
}

// deniedError is a refused authorization, with the decision it came from.
type deniedError struct {
	statusError
	decision access.Decision
}

// denied words a decision as the service does (facts: IAM guide,
// "Troubleshoot access denied error messages").
func (c *Cloud) denied(call *api.Call, op *operation, d access.Decision) error {
	message := d.Message()
	switch op.wire.Service().Protocol() {
	case wire.EC2:
		message = "You are not authorized to perform this operation. " + message
		if d.Request.Resource != "*" {
			message += ". Encoded authorization failure message: " + c.sts.EncodeAuthorizationMessage(authorizationMessage(call, d))
		}
		return &deniedError{statusError{http.StatusForbidden, "UnauthorizedOperation", message}, d}
	case wire.JSON, wire.RESTJSON:
		return &deniedError{statusError{http.StatusBadRequest, "AccessDeniedException", message}, d}
	default:
		return &deniedError{statusError{http.StatusForbidden, "AccessDenied", message}, d}
	}
}

// dryRunDone answers a dry run that would have succeeded.
func dryRunDone(op *operation) error {
	if op.wire.Service().Protocol() == wire.EC2 {
		return &statusError{http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set."}
	}
	return &statusError{http.StatusPreconditionFailed, "DryRunOperationException", "The request would have succeeded, but the DryRun option is set."}
}

// panicError is a panic that was caught. What it says is for the log alone.
type panicError struct {
	cause any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.cause, e.stack) }

// describeError gives an error's AWS code and HTTP status, as far as known here.
func describeError(err error) (code string, status int) {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return "InternalFailure", http.StatusInternalServerError
	}
	if e.ErrorFault() == smithy.FaultServer {
		return e.ErrorCode(), http.StatusInternalServerError
	}
	return e.ErrorCode(), http.StatusBadRequest
}
