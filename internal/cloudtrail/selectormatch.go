package cloudtrail

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// matcher tells which events a trail's selectors select: any of those that any
// of them does. Every event here is a management event, so the selectors of data
// and of network activity select none.
type matcher []func(Entry) bool

func (m matcher) selects(e Entry) bool {
	return slices.ContainsFunc(m, func(one func(Entry) bool) bool { return one(e) })
}

func newMatcher(t trail) matcher {
	var m matcher
	for _, a := range t.Advanced {
		m = append(m, advancedMatcher(a))
	}
	basic := t.Basic
	if basic == nil && t.Advanced == nil {
		basic = defaultSelectors()
	}
	for _, b := range basic {
		if aws.ToBool(b.IncludeManagementEvents) {
			m = append(m, basicMatcher(b))
		}
	}
	return m
}

func basicMatcher(b types.EventSelector) func(Entry) bool {
	return func(e Entry) bool {
		switch b.ReadWriteType {
		case types.ReadWriteTypeReadOnly:
			if !e.ReadOnly {
				return false
			}
		case types.ReadWriteTypeWriteOnly:
			if e.ReadOnly {
				return false
			}
		}
		return !slices.Contains(b.ExcludeManagementEventSources, e.Source)
	}
}

// advancedMatcher wants every field to have a value that every operator allows.
func advancedMatcher(a types.AdvancedEventSelector) func(Entry) bool {
	return func(e Entry) bool {
		for _, f := range a.FieldSelectors {
			value := ""
			switch aws.ToString(f.Field) {
			case "eventCategory":
				value = "Management"
			case "eventSource":
				value = e.Source
			case "eventName":
				value = e.Name
			case "readOnly":
				value = strconv.FormatBool(e.ReadOnly)
			case "eventType", "userIdentity.arn", "sessionCredentialFromConsole":
				value = e.member(aws.ToString(f.Field))
			default:
				return false // a field that management events do not have
			}
			for _, o := range operatorsOf(f) {
				if o.not == slices.ContainsFunc(o.values, func(v string) bool { return o.holds(value, v) }) {
					return false
				}
			}
		}
		return true
	}
}

// member is what an event itself says in a field that stands nowhere apart.
func (e Entry) member(name string) string {
	var said struct {
		EventType                    string
		SessionCredentialFromConsole string
		UserIdentity                 struct{ ARN string }
	}
	if json.Unmarshal(e.JSON, &said) != nil {
		return ""
	}
	switch name {
	case "eventType":
		return said.EventType
	case "userIdentity.arn":
		return said.UserIdentity.ARN
	case "sessionCredentialFromConsole":
		return strconv.FormatBool(said.SessionCredentialFromConsole == "true")
	}
	return ""
}
