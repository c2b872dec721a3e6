package diagnose

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// Trail is where a diagnosis finds past calls: CloudTrail's event history, log
// files, or both.
type Trail interface {
	// Events are those that the question is about, newest first, each with its
	// Source. With an error come those that were read before it.
	Events(context.Context, Question) ([]Event, error)
	// Call names what is asked, as an action where it is one: it is what a report
	// says could not be read.
	Call() string
}

// Question asks a trail for events: those with one attribute, as LookupEvents has
// it, and of a time.
type Question struct {
	// Attribute and Value are what the events have: EventName CreateGrant,
	// ResourceName i-…, EventId ….
	Attribute cttypes.LookupAttributeKey
	Value     string
	// From and To bound the events' times, both inclusive. Zero: all that there is.
	From, To time.Time
	// Account and Region are the instance's, where they are known: files may have
	// those of a whole organization. The event history has one of each.
	Account, Region string
}

// String is the question for people.
func (q Question) String() string { return fmt.Sprintf("events with %s %s", q.Attribute, q.Value) }

// maxPages bounds how many pages of 50 events one lookup reads: the service
// takes two calls a second.
const maxPages = 4

// history is CloudTrail's event history (CloudTrail guide, "Working with
// CloudTrail event history"): management events of 90 days and one region.
type history struct{ client CloudTrail }

// NewHistory is the event history as a trail.
func NewHistory(client CloudTrail) Trail { return history{client} }

// Call implements Trail.
func (history) Call() string { return lookupEvents }

const lookupEvents = "cloudtrail:LookupEvents"

// Events implements Trail. No more than maxPages pages are read.
func (h history) Events(ctx context.Context, q Question) ([]Event, error) {
	in := &cloudtrail.LookupEventsInput{LookupAttributes: []cttypes.LookupAttribute{{AttributeKey: q.Attribute, AttributeValue: &q.Value}}}
	if !q.From.IsZero() {
		in.StartTime = &q.From
	}
	if !q.To.IsZero() {
		in.EndTime = &q.To
	}
	var all []Event
	pages := cloudtrail.NewLookupEventsPaginator(h.client, in)
	for n := 0; pages.HasMorePages() && n < maxPages; n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return all, err
		}
		for _, entry := range page.Events {
			e, err := ParseEvent(aws.ToString(entry.CloudTrailEvent))
			if err != nil {
				continue // CloudTrail's own text: one that is no JSON tells nothing
			}
			e.Source = lookupEvents
			all = append(all, e)
		}
	}
	return all, nil
}
