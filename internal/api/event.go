package api

import (
	"github.com/aws/smithy-go"
)

// Event is what a service adds to its call's CloudTrail event; the cloud fills
// in the rest (CloudTrail guide, "CloudTrail record contents").
type Event struct {
	Resources []EventResource
	// RequestParameters and ResponseElements replace what the cloud would make
	// of input and output by itself. NoRequestParameters makes them null.
	RequestParameters   map[string]any
	ResponseElements    map[string]any
	NoRequestParameters bool
	// Additional is additionalEventData.
	Additional map[string]any
	// SharedWith are further accounts that get a copy of the event: the key's
	// owner on a call from another account.
	SharedWith []string
	// ReadOnly, if set, replaces the operation's.
	ReadOnly *bool
	// Own are further events that come of the call if it succeeds, or of a task.
	Own []OwnEvent
}

// OwnEvent is an event that a service records by itself: of work that nobody asked
// for by that name (CloudTrail guide, "AWS service events"), or, ByCaller, of what
// it did for the caller in another Region. Account and Region are where it is
// recorded.
type OwnEvent struct {
	Name, Account, Region string
	Resources             []EventResource
	// Details are the serviceEventDetails of a service event.
	Details map[string]any
	// ByCaller makes it an AwsApiCall in the caller's name, with these members.
	ByCaller                            bool
	RequestParameters, ResponseElements map[string]any
}

// EventResource is one entry of an event's resources.
type EventResource struct {
	ARN     string `json:"ARN"`
	Account string `json:"accountId,omitempty"`
	Type    string `json:"type"`
}

// Error makes an AWS error that the SDK has no type for.
func Error(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}
}
