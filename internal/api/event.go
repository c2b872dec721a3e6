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
