package cloudtrail

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// maxResults is LookupEvents' largest page, and its default (API reference,
// "LookupEvents").
const maxResults = 50

func (s *Service) lookupOperations() []api.Operation {
	return []api.Operation{
		api.Read("LookupEvents", api.Anywhere[cloudtrail.LookupEventsInput]("cloudtrail:LookupEvents"), s.lookupEvents),
	}
}

// lookupEvents answers from the event history, newest first.
func (s *Service) lookupEvents(c *api.Call, in *cloudtrail.LookupEventsInput) (*cloudtrail.LookupEventsOutput, error) {
	if !s.limit.allow(c.Account, c.Region, c.Now) {
		return nil, api.Error("ThrottlingException", "Rate exceeded")
	}
	match, err := lookupMatch(in)
	if err != nil {
		return nil, err
	}
	limit, err := lookupPage(in.MaxResults)
	if err != nil {
		return nil, err
	}
	q, err := lookupQuery(c, in)
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.LookupEventsOutput{Events: []types.Event{}}
	if in.EventCategory != "" {
		// Insights are never made here, so there are none to find.
		return out, nil
	}
	var last store.Record
	for r, err := range c.Tx.Records(Stream(c.Account, c.Region), q) {
		if err != nil {
			return nil, err
		}
		e, err := readEntry(r)
		if err != nil {
			return nil, err
		}
		if !match(e) {
			continue
		}
		if len(out.Events) == limit {
			out.NextToken = aws.String(encodeToken(last, in))
			break
		}
		out.Events = append(out.Events, e.describe())
		last = r
	}
	return out, nil
}

func lookupPage(n *int32) (int, error) {
	if n == nil {
		return maxResults, nil
	}
	if *n < 1 || *n > maxResults {
		return 0, &types.InvalidMaxResultsException{Message: aws.String(
			fmt.Sprintf("A maximum results value of %d is invalid. Specify max results between 1 and %d.", *n, maxResults))}
	}
	return int(*n), nil
}

func lookupQuery(c *api.Call, in *cloudtrail.LookupEventsInput) (store.Query, error) {
	if in.EventCategory != "" && in.EventCategory != types.EventCategoryInsight {
		return store.Query{}, &types.InvalidEventCategoryException{Message: aws.String("Invalid event category.")}
	}
	q := store.Query{From: c.Now.Add(-Retention)}
	if in.StartTime != nil && in.StartTime.After(q.From) {
		q.From = *in.StartTime
	}
	if in.EndTime != nil {
		// Event times have whole seconds, and the end is inclusive.
		q.To = in.EndTime.Truncate(time.Second).Add(time.Second - time.Microsecond)
	}
	if in.StartTime != nil && in.EndTime != nil && in.StartTime.After(*in.EndTime) {
		return q, &types.InvalidTimeRangeException{Message: aws.String("Start time should be before end time.")}
	}
	if in.NextToken != nil {
		before, err := decodeToken(*in.NextToken, in)
		if err != nil {
			return q, err
		}
		q.Before = before
	}
	return q, nil
}

// attributeKeys are the documented lookup keys and how an event answers each.
var attributeKeys = map[types.LookupAttributeKey]func(Entry) []string{
	types.LookupAttributeKeyEventId:     func(e Entry) []string { return []string{e.ID} },
	types.LookupAttributeKeyEventName:   func(e Entry) []string { return []string{e.Name} },
	types.LookupAttributeKeyReadOnly:    func(e Entry) []string { return []string{strconv.FormatBool(e.ReadOnly)} },
	types.LookupAttributeKeyUsername:    func(e Entry) []string { return []string{e.Username} },
	types.LookupAttributeKeyEventSource: func(e Entry) []string { return []string{e.Source} },
	types.LookupAttributeKeyAccessKeyId: func(e Entry) []string { return []string{e.AccessKeyID} },
	types.LookupAttributeKeyResourceType: func(e Entry) []string {
		return eachResource(e, func(r Resource) string { return r.Type })
	},
	types.LookupAttributeKeyResourceName: func(e Entry) []string {
		return eachResource(e, func(r Resource) string { return r.Name })
	},
}

func eachResource(e Entry, part func(Resource) string) []string {
	values := make([]string, 0, len(e.Resources))
	for _, r := range e.Resources {
		values = append(values, part(r))
	}
	return values
}

func lookupMatch(in *cloudtrail.LookupEventsInput) (func(Entry) bool, error) {
	if len(in.LookupAttributes) == 0 {
		return func(Entry) bool { return true }, nil
	}
	if len(in.LookupAttributes) > 1 {
		return nil, &types.InvalidLookupAttributesException{Message: aws.String("Lookup attribute list may contain only one lookup attribute.")}
	}
	a := in.LookupAttributes[0]
	values, known := attributeKeys[a.AttributeKey]
	if !known || a.AttributeValue == nil || *a.AttributeValue == "" {
		return nil, &types.InvalidLookupAttributesException{Message: aws.String("The lookup attribute provided is invalid.")}
	}
	want := *a.AttributeValue
	if a.AttributeKey == types.LookupAttributeKeyReadOnly {
		want = strings.ToLower(want)
	}
	return func(e Entry) bool { return slices.Contains(values(e), want) }, nil
}

// describe gives the event in the SDK's shape.
func (e Entry) describe() types.Event {
	ev := types.Event{
		EventId:         aws.String(e.ID),
		EventName:       aws.String(e.Name),
		EventSource:     aws.String(e.Source),
		EventTime:       aws.Time(e.Time.Truncate(time.Second)),
		ReadOnly:        aws.String(strconv.FormatBool(e.ReadOnly)),
		Resources:       []types.Resource{},
		CloudTrailEvent: aws.String(string(e.JSON)),
	}
	if e.Username != "" {
		ev.Username = aws.String(e.Username)
	}
	if e.AccessKeyID != "" {
		ev.AccessKeyId = aws.String(e.AccessKeyID)
	}
	for _, r := range e.Resources {
		ev.Resources = append(ev.Resources, types.Resource{ResourceType: aws.String(r.Type), ResourceName: aws.String(r.Name)})
	}
	return ev
}

// lookupToken is what NextToken carries: where the listing stands, and which
// listing it is, since a token must come back with the same parameters.
type lookupToken struct {
	At    int64  `json:"at"` // microseconds
	ID    string `json:"id"`
	Query string `json:"q"`
}

func querySignature(in *cloudtrail.LookupEventsInput) string {
	q := *in
	q.NextToken, q.MaxResults = nil, nil
	raw, err := json.Marshal(struct {
		Start, End *time.Time
		Attributes []types.LookupAttribute
		Category   types.EventCategory
	}{q.StartTime, q.EndTime, q.LookupAttributes, q.EventCategory})
	if err != nil {
		return ""
	}
	return string(raw)
}

func encodeToken(last store.Record, in *cloudtrail.LookupEventsInput) string {
	raw, err := json.Marshal(lookupToken{At: last.At.UnixMicro(), ID: last.ID, Query: querySignature(in)})
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func decodeToken(token string, in *cloudtrail.LookupEventsInput) (store.Record, error) {
	invalid := &types.InvalidNextTokenException{Message: aws.String("Invalid next token.")}
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return store.Record{}, invalid
	}
	var t lookupToken
	if json.Unmarshal(raw, &t) != nil || t.ID == "" || t.Query != querySignature(in) {
		return store.Record{}, invalid
	}
	return store.Record{At: time.UnixMicro(t.At).UTC(), ID: t.ID}, nil
}
