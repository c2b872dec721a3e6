package cloud

import (
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
)

// own adds the events that a service records by itself in the course of a call or
// of a task.
func (p *passage) own(call *api.Call) {
	for _, o := range call.Event.Own {
		p.events = append(p.events, p.cloud.ownEvent(call, o))
	}
}

// ownEvent is such an event (CloudTrail guide, "AWS service events"): nobody's of
// the account, or the caller's, through the service.
func (c *Cloud) ownEvent(call *api.Call, o api.OwnEvent) event {
	e := event{
		EventVersion:    eventVersion,
		UserIdentity:    userIdentity{AccountID: o.Account, InvokedBy: launch.Internal},
		EventTime:       call.Now.Format("2006-01-02T15:04:05Z"),
		EventSource:     call.Service + ".amazonaws.com",
		EventName:       o.Name,
		AWSRegion:       o.Region,
		SourceIPAddress: launch.Internal, UserAgent: launch.Internal,
		RequestID: call.RequestID, EventID: call.NewUUID(),
		Resources: o.Resources,
		EventType: "AwsServiceEvent", ManagementEvent: true,
		ServiceEventDetails: o.Details,
		RecipientAccountID:  o.Account, EventCategory: "Management",
		at: call.Now, cloud: c,
	}
	if o.ByCaller {
		e.UserIdentity, e.username = identityOf(call), eventUsername(call)
		e.UserIdentity.InvokedBy = e.EventSource
		e.SourceIPAddress, e.UserAgent, e.EventType = call.SourceIP, call.UserAgent, "AwsApiCall"
		e.RequestParameters, e.ResponseElements = o.RequestParameters, o.ResponseElements
	}
	return e
}
