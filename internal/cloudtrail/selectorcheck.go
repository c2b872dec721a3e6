package cloudtrail

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// The bounds of selectors (API reference, "PutEventSelectors",
// "InvalidEventSelectorsException").
const (
	maxSelectors      = 5
	maxDataResources  = 250
	maxSelectorValues = 500
)

// excludable are the sources whose management events a trail can leave out (API
// reference, "EventSelector").
var excludable = []string{"kms.amazonaws.com", "rdsdata.amazonaws.com"}

// basicResources are the types of basic selectors' data resources, with how the
// ARNs begin that stand for all of a type.
var basicResources = map[string]string{
	"AWS::S3::Object": "s3", "AWS::Lambda::Function": "lambda", "AWS::DynamoDB::Table": "dynamodb",
}

// checkBasic holds basic selectors to the rules and gives them with defaults. The
// wording of its errors rests on no source but for two that are marked.
func checkBasic(selectors []types.EventSelector) ([]types.EventSelector, error) {
	if len(selectors) == 0 || len(selectors) > maxSelectors {
		return nil, invalidSelectors("Specify a valid number of selectors (1 to %d) for your trail.", maxSelectors)
	}
	data := 0
	out := make([]types.EventSelector, 0, len(selectors))
	for _, e := range selectors {
		if e.ReadWriteType == "" {
			e.ReadWriteType = types.ReadWriteTypeAll
		}
		if !slices.Contains(e.ReadWriteType.Values(), e.ReadWriteType) {
			return nil, invalidSelectors("Value %s for ReadWriteType is invalid.", e.ReadWriteType)
		}
		if e.IncludeManagementEvents == nil {
			e.IncludeManagementEvents = aws.Bool(true)
		}
		if e.DataResources == nil {
			e.DataResources = []types.DataResource{}
		}
		if e.ExcludeManagementEventSources == nil {
			e.ExcludeManagementEventSources = []string{}
		}
		if !*e.IncludeManagementEvents && len(e.ExcludeManagementEventSources) > 0 {
			return nil, invalidSelectors("ExcludeManagementEventSources can be specified only if IncludeManagementEvents is true.")
		}
		if !*e.IncludeManagementEvents && len(e.DataResources) == 0 {
			return nil, invalidSelectors("A selector must include management events or data resources.")
		}
		for _, source := range e.ExcludeManagementEventSources {
			if !slices.Contains(excludable, source) {
				return nil, invalidSelectors("Value %s for ExcludeManagementEventSources is invalid.", source)
			}
		}
		n, err := checkData(e.DataResources)
		if err != nil {
			return nil, err
		}
		data += n
		out = append(out, e)
	}
	if data > maxDataResources {
		// As clients have reported it.
		return nil, invalidSelectors("Specify a valid number of DataResources.Values (0 to %d) for all your selectors", maxDataResources)
	}
	return out, nil
}

// checkData returns how many resources are named; a prefix that stands for all
// counts for none.
func checkData(resources []types.DataResource) (named int, err error) {
	for _, r := range resources {
		service, ok := basicResources[aws.ToString(r.Type)]
		if !ok {
			return 0, invalidSelectors("Value %s for DataResources.Type is invalid.", aws.ToString(r.Type))
		}
		for _, v := range r.Values {
			parts := strings.SplitN(v, ":", 6)
			all := len(parts) == 3 || service == "s3" && len(parts) == 6 && parts[5] == "" // "arn:aws:s3", "arn:aws:s3:::"
			switch {
			case len(parts) < 3 || parts[0] != "arn" || parts[2] != service,
				!all && len(parts) < 6,
				!all && (parts[5] == "" || strings.Contains(v, "*")),
				// An object's prefix follows a bucket and a slash.
				!all && service == "s3" && strings.IndexByte(parts[5], '/') < 1:
				// As clients have reported it.
				return 0, invalidSelectors("Value %s for DataResources.Values is invalid.", v)
			}
			if !all {
				named++
			}
		}
	}
	return named, nil
}

// field is what an advanced selector can say of a field of events.
type field struct {
	// equals: only Equals; one: only one value. notEquals: only NotEquals.
	equals, one, notEquals bool
	// values, if there are any, are the only ones.
	values []string
}

// fields are what can be said of events of each category.
type fields map[string]map[string]field

// trailFields are those of trails (API reference, "AdvancedEventSelector",
// "AdvancedFieldSelector").
var trailFields = fields{
	"Management": {
		"eventSource": {notEquals: true, values: excludable},
		"readOnly":    {equals: true, one: true, values: []string{"true", "false"}},
	},
	"Data": {
		"resources.type": {equals: true, one: true}, "readOnly": {equals: true, one: true, values: []string{"true", "false"}},
		"eventName": {}, "eventSource": {}, "eventType": {}, "resources.ARN": {}, "userIdentity.arn": {},
		"sessionCredentialFromConsole": {equals: true, one: true, values: []string{"true", "false"}},
	},
	"NetworkActivity": {
		"eventSource": {equals: true}, "eventName": {}, "vpcEndpointId": {},
		"errorCode": {equals: true, one: true, values: []string{"VpceAccessDenied"}},
	},
}

// storeFields are those of event data stores: more can be said of management
// events, and there are categories that no trail logs. Of these no event comes
// into being here.
var storeFields = fields{
	"Management": {
		"eventSource": {}, "eventName": {}, "eventType": {}, "userIdentity.arn": {},
		"readOnly":                     {equals: true, one: true, values: []string{"true", "false"}},
		"sessionCredentialFromConsole": {one: true, values: []string{"true", "false"}},
	},
	"Data": trailFields["Data"], "NetworkActivity": trailFields["NetworkActivity"],
	"ConfigurationItem": {}, "Evidence": {}, "ActivityAuditLog": {}, "Insight": {},
}

// requiredFields must be said of events of a category.
var requiredFields = map[string][]string{"Data": {"resources.type"}, "NetworkActivity": {"eventSource"}}

// checkAdvanced holds advanced selectors to the rules. The wording of its errors
// rests on no source.
func checkAdvanced(selectors []types.AdvancedEventSelector, of fields) error {
	values := 0
	for _, e := range selectors {
		category, err := categoryOf(e, of)
		if err != nil {
			return err
		}
		var seen []string
		for _, f := range e.FieldSelectors {
			name := aws.ToString(f.Field)
			if slices.Contains(seen, name) {
				return invalidSelectors("Field %s is specified more than once in an advanced event selector.", name)
			}
			seen = append(seen, name)
			n, err := checkField(of[category], category, name, f)
			if err != nil {
				return err
			}
			values += n
		}
		for _, name := range requiredFields[category] {
			if !slices.Contains(seen, name) {
				return invalidSelectors("Field %s is required for eventCategory %s.", name, category)
			}
		}
	}
	if values > maxSelectorValues {
		return invalidSelectors("Specify up to %d values for all conditions in all advanced event selectors.", maxSelectorValues)
	}
	return nil
}

// categoryOf is the one category of events that a selector is about.
func categoryOf(e types.AdvancedEventSelector, of fields) (string, error) {
	for _, f := range e.FieldSelectors {
		if aws.ToString(f.Field) != "eventCategory" {
			continue
		}
		if len(f.Equals) != 1 || len(operatorsOf(f)) != 1 || of[f.Equals[0]] == nil {
			return "", invalidSelectors("Field eventCategory must equal one of %s.", strings.Join(slices.Sorted(maps.Keys(of)), ", "))
		}
		return f.Equals[0], nil
	}
	return "", invalidSelectors("Field eventCategory is required in every advanced event selector.")
}

func checkField(rules map[string]field, category, name string, f types.AdvancedFieldSelector) (values int, err error) {
	operators := operatorsOf(f)
	for _, o := range operators {
		values += len(o.values)
	}
	if len(operators) == 0 {
		return 0, invalidSelectors("Field %s has no operator.", name)
	}
	if name == "eventCategory" {
		return values, nil
	}
	rule, ok := rules[name]
	if !ok {
		return 0, invalidSelectors("Field %s is invalid for eventCategory %s.", name, category)
	}
	for _, o := range operators {
		if rule.equals && o.name != "Equals" || rule.notEquals && o.name != "NotEquals" {
			return 0, invalidSelectors("Operator %s is invalid for field %s of eventCategory %s.", o.name, name, category)
		}
		if rule.one && len(o.values) != 1 {
			return 0, invalidSelectors("Field %s takes one value.", name)
		}
		for _, v := range o.values {
			if rule.values != nil && !slices.Contains(rule.values, v) {
				return 0, invalidSelectors("Value %s is invalid for field %s of eventCategory %s.", v, name, category)
			}
		}
	}
	return values, nil
}

// operator is one condition on a field.
type operator struct {
	name   string
	values []string
	// holds compares a field's value with one of the operator's; not turns the
	// operator around.
	holds func(value, with string) bool
	not   bool
}

func operatorsOf(f types.AdvancedFieldSelector) []operator {
	equal := func(a, b string) bool { return a == b }
	return slices.DeleteFunc([]operator{
		{"Equals", f.Equals, equal, false},
		{"NotEquals", f.NotEquals, equal, true},
		{"StartsWith", f.StartsWith, strings.HasPrefix, false},
		{"NotStartsWith", f.NotStartsWith, strings.HasPrefix, true},
		{"EndsWith", f.EndsWith, strings.HasSuffix, false},
		{"NotEndsWith", f.NotEndsWith, strings.HasSuffix, true},
	}, func(o operator) bool { return o.values == nil })
}
