package ec2

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
)

// stateReason is why an instance is in its state (EC2 API reference,
// "StateReason").
type stateReason struct {
	Code, Message string
}

func (r stateReason) describe() *types.StateReason {
	if r.Code == "" {
		return nil
	}
	return &types.StateReason{Code: aws.String(r.Code), Message: aws.String(r.Message)}
}

// The state reasons that an instance's life has here.
var (
	reasonPending       = stateReason{"pending", "pending"}
	reasonUserShutdown  = stateReason{"Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"}
	reasonClientError   = stateReason{"Client.InternalError", "Client.InternalError: Client error on launch"}
	reasonKeyState      = stateReason{"Client.InvalidKMSKey.InvalidState", "Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state"}
	reasonInternalError = stateReason{"Server.InternalError", "Server.InternalError: Internal error on launch"}
	reasonNoSnapshot    = stateReason{"Client.InvalidSnapshot.NotFound", "Client.InvalidSnapshot.NotFound: The snapshot was not found"}
)

// launchReasons is what an instance says of a launch that KMS refused, by KMS's
// error code. AWS documents only the text for a start without kms:CreateGrant
// (EC2 guide, "Instance terminates immediately"). For a key in a wrong state
// users report the other text; they report it as well for new launches that
// lack permission, where started instances keep the older one.
var launchReasons = map[string]struct{ start, run stateReason }{
	"AccessDeniedException":      {start: reasonClientError, run: reasonKeyState},
	"DisabledException":          {start: reasonKeyState, run: reasonKeyState},
	"KMSInvalidStateException":   {start: reasonKeyState, run: reasonKeyState},
	"NotFoundException":          {start: reasonKeyState, run: reasonKeyState},
	"KeyUnavailableException":    {start: reasonKeyState, run: reasonKeyState},
	"InvalidKeyUsageException":   {start: reasonKeyState, run: reasonKeyState},
	"InvalidCiphertextException": {start: reasonClientError, run: reasonClientError},
	"LimitExceededException":     {start: reasonClientError, run: reasonClientError},
	"InvalidSnapshot.NotFound":   {start: reasonClientError, run: reasonNoSnapshot},
}

// launchReason tells the state reason of a launch that ended with err, and
// whether err is an answer at all: an error of our own making (a conflict in
// the store, a canceled context) is not the launch's end.
func launchReason(err error, started bool) (stateReason, bool) {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return stateReason{}, false
	}
	r, known := launchReasons[answer.ErrorCode()]
	switch {
	case !known && answer.ErrorFault() == smithy.FaultServer:
		return reasonInternalError, true
	case !known:
		return reasonClientError, true
	case started:
		return r.start, true
	default:
		return r.run, true
	}
}

// errorCode is the AWS code of an error, empty if it has none.
func errorCode(err error) string {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return ""
	}
	return answer.ErrorCode()
}

// errorMessage is the AWS message of an error, empty if it has none.
func errorMessage(err error) string {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return ""
	}
	return answer.ErrorMessage()
}

// userInitiated is the StateTransitionReason of a stop or termination through
// the API: "User initiated (2020-04-26 18:28:48 GMT)".
func userInitiated(at time.Time) string {
	return "User initiated (" + at.UTC().Format(time.DateTime) + " GMT)"
}
