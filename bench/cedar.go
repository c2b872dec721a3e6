package bench

import (
	"fmt"
	"strings"

	"github.com/cedar-policy/cedar-go"
)

// cedar makes the question Cedar's. An action is an entity of Cedar's, in the
// group of its service and in that of its verb, so that "kms:*" and
// "kms:Describe*" are the membership tests that Cedar is quickest at; a
// resource is an entity whose ARN is an attribute, since Cedar compares ids only
// as a whole.
func (q *question) cedar() (*cedar.PolicySet, cedar.EntityMap, cedar.Request, error) {
	var text strings.Builder
	for _, list := range q.policies {
		for _, s := range list {
			text.WriteString(s.cedar())
		}
	}
	set, err := cedar.NewPolicySetFromBytes("policies.cedar", []byte(text.String()))
	if err != nil {
		return nil, nil, cedar.Request{}, err
	}
	user, key := cedar.NewEntityUID("User", userARN), cedar.NewEntityUID("Key", keyARN)
	grant := cedar.NewEntityUID("Action", action)
	record := cedar.RecordMap{}
	for k, v := range requestContext {
		record[cedar.String(k)] = cedar.String(v)
	}
	entities := cedar.EntityMap{
		user:  {UID: user, Attributes: cedar.NewRecord(cedar.RecordMap{"account": cedar.String(account)})},
		key:   {UID: key, Attributes: cedar.NewRecord(cedar.RecordMap{"account": cedar.String(account), "arn": cedar.String(keyARN)})},
		grant: {UID: grant, Parents: cedar.NewEntityUIDSet(cedar.NewEntityUID("Action", "kms:*"), cedar.NewEntityUID("Action", "kms:Create*"))},
	}
	return set, entities, cedar.Request{Principal: user, Action: grant, Resource: key, Context: cedar.NewRecord(record)}, nil
}

// cedar is the statement in Cedar's language, in the form that cedar-go is
// quickest at: what has no wildcard is compared with ==, in the policy's scope.
func (s *statement) cedar() string {
	scope := fmt.Sprintf("principal == User::%q, action in Action::%q", userARN, s.action)
	if !strings.Contains(s.action, "*") {
		scope = fmt.Sprintf("principal == User::%q, action == Action::%q", userARN, s.action)
	}
	conditions := []string{"principal.account == resource.account"}
	switch {
	case s.resource == "*":
		scope += ", resource"
	case strings.Contains(s.resource, "*"):
		scope += ", resource"
		conditions = append(conditions, fmt.Sprintf("resource.arn like %q", s.resource))
	default:
		scope += fmt.Sprintf(", resource == Key::%q", s.resource)
	}
	switch len(s.values) {
	case 0:
	case 1:
		conditions = append(conditions, fmt.Sprintf("context has %q && context[%q] == %q", s.key, s.key, s.values[0]))
	default:
		conditions = append(conditions, fmt.Sprintf("context has %q && %s.contains(context[%q])", s.key, quoted(s.values), s.key))
	}
	return fmt.Sprintf("permit (%s) when { %s };\n", scope, strings.Join(conditions, " && "))
}
