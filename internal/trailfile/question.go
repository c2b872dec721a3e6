package trailfile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Question says which events are looked for. An event answers it if it fits all
// that is set; an empty question has every event for an answer.
type Question struct {
	// ID is the event's eventID.
	ID string
	// Names are values of eventName, one of which the event has.
	Names []string
	// Mentions is a text that stands in some string of the event: an instance's id
	// in its parameters or its error message.
	Mentions string
	// From and To bound the event's time; both are included, and zero is no bound.
	From, To time.Time
	// Region is the event's awsRegion.
	Region string
	// Account is the account that the event was recorded for. Events of old do not
	// tell (recipientAccountId came in version 1.02); they fit any.
	Account string
}

// Event is an event that was found.
type Event struct {
	ID   string
	Name string
	Time time.Time
	// File is where it was found: the path below the folder that was searched, or
	// the name of the file.
	File string
	// Number counts the events of a file from 1.
	Number int64
	// JSON is the event's text (CloudTrail guide, "CloudTrail record contents").
	JSON string
}

// head is what a question looks at.
type head struct {
	ID      string `json:"eventID"`
	Name    string `json:"eventName"`
	Time    string `json:"eventTime"`
	Region  string `json:"awsRegion"`
	Account string `json:"recipientAccountId"`
}

// answer reads an event that may be an answer; ok tells whether it is one.
func (q *Question) answer(text []byte) (e Event, ok bool, err error) {
	var h head
	if err := json.Unmarshal(text, &h); err != nil {
		return e, false, fmt.Errorf("an event is not JSON as CloudTrail writes it: %w", err)
	}
	// CloudTrail writes times in UTC, with a Z and nothing else.
	at, err := time.Parse("2006-01-02T15:04:05Z", h.Time)
	if err != nil {
		return e, false, fmt.Errorf("an event's eventTime is %q, not a time as CloudTrail writes it", h.Time)
	}
	switch {
	case q.ID != "" && h.ID != q.ID,
		len(q.Names) > 0 && !slices.Contains(q.Names, h.Name),
		!q.From.IsZero() && at.Before(q.From),
		!q.To.IsZero() && at.After(q.To),
		q.Region != "" && h.Region != q.Region,
		q.Account != "" && h.Account != "" && h.Account != q.Account,
		q.Mentions != "" && !mentions(text, q.Mentions):
		return e, false, nil
	}
	return Event{ID: h.ID, Name: h.Name, Time: at, JSON: string(text)}, true, nil
}

// mentions looks for a text in every string of a JSON text.
func mentions(text []byte, s string) bool {
	var v any
	return json.Unmarshal(text, &v) == nil && within(v, s)
}

func within(v any, s string) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, s)
	case map[string]any:
		for name, m := range v {
			if strings.Contains(name, s) || within(m, s) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(m any) bool { return within(m, s) })
	}
	return false
}
