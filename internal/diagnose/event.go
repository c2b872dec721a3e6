package diagnose

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// identity is an event's userIdentity (CloudTrail guide, "CloudTrail
// userIdentity element").
type identity struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	AccessKeyID string `json:"accessKeyId"`
	UserName    string `json:"userName"`
	InvokedBy   string `json:"invokedBy"`
	Session     struct {
		Issuer struct {
			Type        string `json:"type"`
			PrincipalID string `json:"principalId"`
			ARN         string `json:"arn"`
			AccountID   string `json:"accountId"`
			UserName    string `json:"userName"`
		} `json:"sessionIssuer"`
		Attributes struct {
			Created string `json:"creationDate"`
			MFA     string `json:"mfaAuthenticated"`
		} `json:"attributes"`
		SourceIdentity string `json:"sourceIdentity"`
	} `json:"sessionContext"`
}

// record is the JSON text of an event (CloudTrail guide, "CloudTrail record
// contents"). Anything may be missing.
type record struct {
	ID           string          `json:"eventID"`
	Name         string          `json:"eventName"`
	Time         string          `json:"eventTime"`
	Region       string          `json:"awsRegion"`
	ErrorCode    string          `json:"errorCode"`
	ErrorMessage string          `json:"errorMessage"`
	Identity     identity        `json:"userIdentity"`
	Request      json.RawMessage `json:"requestParameters"`
	Response     json.RawMessage `json:"responseElements"`
	Resources    []struct {
		ARN string `json:"ARN"`
	} `json:"resources"`
}

// ParseEvent reads the CloudTrailEvent text of a looked-up event.
func ParseEvent(text string) (Event, error) {
	var r record
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return Event{}, fmt.Errorf("the event is not JSON as CloudTrail writes it: %w", err)
	}
	e := Event{
		ID: r.ID, Name: r.Name, ErrorCode: r.ErrorCode, ErrorMessage: r.ErrorMessage,
		Principal: r.Identity.ARN, InvokedBy: r.Identity.InvokedBy,
		region: r.Region, identity: r.Identity, request: object(r.Request), response: object(r.Response),
	}
	if t, err := time.Parse(time.RFC3339, r.Time); err == nil {
		e.Time = t.UTC()
	}
	for _, resource := range r.Resources {
		if strings.Contains(resource.ARN, ":kms:") {
			e.Key = resource.ARN
		}
	}
	if e.Key == "" {
		e.Key = e.keyInMessage()
	}
	if key, ok := e.request["keyId"].(string); ok && e.Key == "" && strings.HasPrefix(key, "arn:") {
		e.Key = key
	}
	return e, nil
}

// object reads a JSON object; CloudTrail writes null for none.
func object(raw json.RawMessage) map[string]any {
	var m map[string]any
	if json.Unmarshal(raw, &m) != nil {
		return nil
	}
	return m
}

// keyInMessage is the key ARN that an error names: denied events often have no
// resources.
func (e *Event) keyInMessage() string {
	if d, ok := ParseDenial(e.ErrorMessage); ok {
		if strings.Contains(d.Resource, ":kms:") {
			return d.Resource
		}
		return ""
	}
	for word := range strings.FieldsSeq(e.ErrorMessage) {
		word = strings.Trim(word, `'".,`)
		if strings.HasPrefix(word, "arn:") && strings.Contains(word, ":kms:") && strings.Contains(word, ":key/") {
			return word
		}
	}
	return ""
}

// failed tells whether the request was refused.
func (e *Event) failed() bool { return e.ErrorCode != "" }

// mentions tells whether the request's parameters or the error name a thing,
// such as an instance's or a volume's id.
func (e *Event) mentions(id string) bool {
	return id != "" && (contains(e.request, id) || contains(e.response, id) || strings.Contains(e.ErrorMessage, id))
}

// contains looks for a string within any value.
func contains(v any, s string) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, s)
	case map[string]any:
		for _, m := range v {
			if contains(m, s) {
				return true
			}
		}
	case []any:
		for _, m := range v {
			if contains(m, s) {
				return true
			}
		}
	}
	return false
}

// at walks down an object by names; "items" of lists are written as CloudTrail
// writes them.
func at(m map[string]any, path ...string) any {
	var v any = m
	for _, p := range path {
		o, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = o[p]
	}
	return v
}
