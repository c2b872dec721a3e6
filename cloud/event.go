package cloud

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/cloudtrail"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/wire"
)

// eventVersion is the version of CloudTrail's record format that is written.
const eventVersion = "1.11"

// event is one CloudTrail record, its members in CloudTrail's order (CloudTrail
// guide, "CloudTrail record contents").
type event struct {
	EventVersion         string              `json:"eventVersion"`
	UserIdentity         userIdentity        `json:"userIdentity"`
	EventTime            string              `json:"eventTime"`
	EventSource          string              `json:"eventSource"`
	EventName            string              `json:"eventName"`
	AWSRegion            string              `json:"awsRegion"`
	SourceIPAddress      string              `json:"sourceIPAddress"`
	UserAgent            string              `json:"userAgent"`
	ErrorCode            string              `json:"errorCode,omitempty"`
	ErrorMessage         string              `json:"errorMessage,omitempty"`
	RequestParameters    map[string]any      `json:"requestParameters"`
	ResponseElements     map[string]any      `json:"responseElements"`
	AdditionalEventData  map[string]any      `json:"additionalEventData,omitempty"`
	RequestID            string              `json:"requestID"`
	EventID              string              `json:"eventID"`
	ReadOnly             bool                `json:"readOnly"`
	Resources            []api.EventResource `json:"resources,omitempty"`
	EventType            string              `json:"eventType"`
	ManagementEvent      bool                `json:"managementEvent"`
	RecipientAccountID   string              `json:"recipientAccountId"`
	ServiceEventDetails  map[string]any      `json:"serviceEventDetails,omitempty"`
	SharedEventID        string              `json:"sharedEventID,omitempty"`
	VPCEndpointID        string              `json:"vpcEndpointId,omitempty"`
	VPCEndpointAccountID string              `json:"vpcEndpointAccountId,omitempty"`
	EventCategory        string              `json:"eventCategory"`

	at        time.Time
	sharedTo  []string
	username  string
	cloud     *Cloud
	ec2Prefix bool
}

// newEvent records one call. What it takes from input and output it takes now:
// neither is kept.
func (c *Cloud) newEvent(call *api.Call, op *operation, in, out any, err error) (e event) {
	e = event{
		EventVersion:    eventVersion,
		UserIdentity:    identityOf(call),
		EventTime:       call.Now.Format("2006-01-02T15:04:05Z"),
		EventSource:     op.service + ".amazonaws.com",
		EventName:       op.Name(),
		AWSRegion:       actingRegion(call),
		SourceIPAddress: call.SourceIP, UserAgent: call.UserAgent,
		RequestID: call.RequestID, EventID: call.NewUUID(),
		ReadOnly:  op.ReadOnly(),
		EventType: "AwsApiCall", ManagementEvent: true,
		RecipientAccountID: call.Account, EventCategory: "Management",
		AdditionalEventData: call.Event.Additional,
		Resources:           call.Event.Resources,
		at:                  call.Now, sharedTo: call.Event.SharedWith,
		username: eventUsername(call), cloud: c,
		ec2Prefix: op.wire.Service().Protocol() == wire.EC2,
	}
	if call.Event.ReadOnly != nil {
		e.ReadOnly = *call.Event.ReadOnly
	}
	if !call.Event.NoRequestParameters {
		e.RequestParameters = call.Event.RequestParameters
		if e.RequestParameters == nil {
			e.RequestParameters = op.wire.EventParameters(in)
		}
		for _, name := range unrecorded {
			delete(e.RequestParameters, name)
		}
	}
	if call.Via != nil {
		e.VPCEndpointID, e.VPCEndpointAccountID = launch.Internal, launch.Internal
		e.SharedEventID = call.NewUUID()
	}
	if call.Endpoint != nil {
		e.VPCEndpointID, e.VPCEndpointAccountID = c.endpointIDs(call)
	}
	if len(e.sharedTo) > 0 && e.SharedEventID == "" {
		e.SharedEventID = call.NewUUID()
	}
	if e.ec2Prefix {
		defer e.shapeEC2(call)
	}
	if err != nil {
		e.fail(err)
		return e
	}
	// Reads show no answer, save where a service says what: AssumeRole is
	// read-only to CloudTrail, and its event names the credentials given out.
	e.ResponseElements = call.Event.ResponseElements
	if e.ResponseElements == nil && !e.ReadOnly {
		e.ResponseElements = op.wire.EventResponse(out)
	}
	return e
}

// unrecorded are parameters that would be good for something in the wrong
// hands, though the model calls them no secrets.
var unrecorded = []string{"tokenCode", "grantTokens"}

// accessDenied is the error code of the JSON services, where CloudTrail writes
// AccessDenied as for all others.
const accessDenied = "AccessDeniedException"

// maxErrorMessage is CloudTrail's limit on errorMessage, in bytes.
const maxErrorMessage = 1024

// fail turns the event into that of a failed call.
func (e *event) fail(err error) {
	code, message := wire.Code(err)
	denied := code == accessDenied
	switch {
	case e.ec2Prefix && isServerFault(err):
		code = "Server." + code
	case e.ec2Prefix:
		code = "Client." + code
	case denied:
		code = "AccessDenied"
	}
	if len(message) > maxErrorMessage {
		message = message[:maxErrorMessage]
	}
	e.ErrorCode, e.ErrorMessage = code, message
	e.ResponseElements = nil
	if denied && e.EventSource == "kms.amazonaws.com" {
		// KMS logs a denied call without its parameters and without the key: the
		// message is where the key stands. A denial is the caller's account's alone.
		e.RequestParameters, e.Resources, e.sharedTo = nil, nil, nil
	}
}

func isServerFault(err error) bool {
	if _, ok := errors.AsType[smithy.APIError](err); !ok {
		return true
	}
	_, status := describeError(err)
	return status >= http.StatusInternalServerError
}

// entries gives the event as the history keeps it: a copy for the caller's
// account, and one for each account it is shared with.
func (e event) entries() ([]streamEntry, error) {
	all := make([]streamEntry, 0, 1+len(e.sharedTo))
	for i, account := range append([]string{e.RecipientAccountID}, e.sharedTo...) {
		if i > 0 && account == e.RecipientAccountID {
			continue
		}
		copied := e
		copied.RecipientAccountID = account
		if i > 0 {
			copied.EventID = e.cloud.newRequestID()
			copied.UserIdentity = e.UserIdentity.reduced()
		}
		raw, err := json.Marshal(copied)
		if err != nil {
			return nil, err
		}
		all = append(all, streamEntry{
			account: account, region: e.AWSRegion,
			entry: cloudtrail.Entry{
				ID: copied.EventID, Name: e.EventName, Source: e.EventSource,
				Username: e.username, AccessKeyID: e.UserIdentity.AccessKeyID,
				ReadOnly: e.ReadOnly, Time: e.at, Resources: e.lookupResources(), JSON: raw,
			},
		})
	}
	return all, nil
}

// streamEntry is an event for the history and the trails of an account in a region.
type streamEntry struct {
	account, region string
	entry           cloudtrail.Entry
}

// lookupResources are what LookupEvents finds the event by: its resources, and
// those that its parameters name.
func (e event) lookupResources() []cloudtrail.Resource {
	var found []cloudtrail.Resource
	for _, r := range e.Resources {
		found = append(found, cloudtrail.Resource{Type: r.Type, Name: r.ARN})
	}
	named := make(map[string][]string)
	collectNames(e.RequestParameters, named)
	collectNames(e.ResponseElements, named)
	for _, n := range namedResources {
		if n.parameter == "groupName" && e.ec2Prefix {
			continue // EC2's groups are not IAM's
		}
		for _, v := range named[n.parameter] {
			r := cloudtrail.Resource{Type: n.kind, Name: v}
			if !slices.Contains(found, r) {
				found = append(found, r)
			}
		}
	}
	return found
}

// namedResources are the parameters that name a resource (CloudTrail guide,
// "Filtering events by resource").
var namedResources = []struct{ parameter, kind string }{
	{"instanceId", "AWS::EC2::Instance"},
	{"volumeId", "AWS::EC2::Volume"},
	{"snapshotId", "AWS::EC2::Snapshot"},
	{"imageId", "AWS::EC2::Ami"},
	{"groupId", "AWS::EC2::SecurityGroup"},
	{"subnetId", "AWS::EC2::Subnet"},
	{"vpcId", "AWS::EC2::VPC"},
	{"networkInterfaceId", "AWS::EC2::NetworkInterface"},
	{"keyName", "AWS::EC2::KeyPair"},
	{"userName", "AWS::IAM::User"},
	{"groupName", "AWS::IAM::Group"},
	{"roleName", "AWS::IAM::Role"},
	{"policyArn", "AWS::IAM::Policy"},
	{"instanceProfileName", "AWS::IAM::InstanceProfile"},
	{"accessKeyId", "AWS::IAM::AccessKey"},
}

// collectNames gathers the string values of every member, at any depth.
func collectNames(v any, into map[string][]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, member := range v {
			if s, ok := member.(string); ok {
				if s != "" && k != "" { // a map's key is the caller's, and may be anything
					k = strings.ToLower(k[:1]) + k[1:]
					into[k] = append(into[k], s)
				}
				continue
			}
			collectNames(member, into)
		}
	case []any:
		for _, item := range v {
			collectNames(item, into)
		}
	case []map[string]any:
		for _, item := range v {
			collectNames(item, into)
		}
	}
}

// eventUsername is what LookupEvents calls the Username: the user's name, or
// the session's.
func eventUsername(call *api.Call) string {
	switch p := call.Caller.Principal; p.Type {
	case access.Root:
		return "root"
	case access.Service:
		return ""
	default:
		if i := strings.LastIndexByte(p.ARN, '/'); p.Name == "" && i >= 0 {
			return p.ARN[i+1:]
		}
		return p.Name
	}
}
