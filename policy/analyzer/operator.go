package analyzer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// operator is a condition operator taken apart: "ForAnyValue:StringLikeIfExists".
type operator struct {
	base     string // "StringLike"; empty if there is no such operator
	set      string // "ForAllValues", "ForAnyValue" or empty
	ifExists bool
}

// families maps the operators to what they compare (IAM guide, "IAM JSON policy
// elements: Condition operators").
var families = map[string]string{
	"StringEquals": "String", "StringNotEquals": "String", "StringEqualsIgnoreCase": "String", "StringNotEqualsIgnoreCase": "String",
	"StringLike": "String", "StringNotLike": "String",
	"NumericEquals": "Numeric", "NumericNotEquals": "Numeric", "NumericLessThan": "Numeric", "NumericLessThanEquals": "Numeric",
	"NumericGreaterThan": "Numeric", "NumericGreaterThanEquals": "Numeric",
	"DateEquals": "Date", "DateNotEquals": "Date", "DateLessThan": "Date", "DateLessThanEquals": "Date",
	"DateGreaterThan": "Date", "DateGreaterThanEquals": "Date",
	"Bool": "Bool", "BinaryEquals": "Binary", "IpAddress": "IPAddress", "NotIpAddress": "IPAddress",
	"ArnEquals": "ARN", "ArnLike": "ARN", "ArnNotEquals": "ARN", "ArnNotLike": "ARN",
	"Null": "Null",
}

var operatorNames = slices.Sorted(maps.Keys(families))

func readOperator(name string) operator {
	var o operator
	for _, set := range [...]string{"ForAllValues", "ForAnyValue"} {
		if rest, found := strings.CutPrefix(name, set+":"); found {
			o.set, name = set, rest
			break
		}
	}
	name, o.ifExists = strings.CutSuffix(name, "IfExists")
	if _, ok := families[name]; ok {
		o.base = name
	}
	return o
}

func (o operator) family() string { return families[o.base] }
func (o operator) negated() bool  { return strings.Contains(o.base, "Not") }
func (o operator) null() bool     { return o.base == "Null" }

// like: the operator takes * and ? for wildcards. The ARN operators all do.
func (o operator) like() bool { return strings.HasSuffix(o.base, "Like") || o.family() == "ARN" }

// readConditions reads a Condition element and notes what is wrong with its form.
func (a *analysis) readConditions(f field) []condition {
	if !a.want(f.value, policy.ObjectNode) {
		return nil
	}
	const empty = "This condition block is empty and it does not affect the policy. Specify conditions."
	if len(f.node.Members) == 0 {
		a.at("EMPTY_OBJECT_CONDITION", f.location(), empty)
	}
	var list []condition
	for _, block := range f.fields() {
		o := readOperator(block.name)
		switch {
		case o.base == "":
			a.add("INVALID_CONDITION_OPERATOR", []Location{block.key}, a.didYouMean(bareOperator(block.name), operatorNames, ""),
				fmt.Sprintf("The condition operator %s is not valid. Use a valid condition operator.", block.name))
		case o.null() && o.ifExists:
			a.at("NULL_WITH_IF_EXISTS", block.key, "The Null condition operator cannot be used with the IfExists suffix. Update the operator or the suffix.")
		case o.null() && o.set != "":
			a.at("NULL_WITH_QUALIFIER", block.key, "Avoid using the Null condition operator with the ForAllValues or ForAnyValue qualifiers because they always return a true or false respectively.")
		}
		if !a.want(block.value, policy.ObjectNode) {
			continue
		}
		if len(block.node.Members) == 0 {
			a.at("EMPTY_OBJECT_CONDITION", block.location(), empty)
		}
		a.differentCase(block)
		for _, key := range block.fields() {
			list = append(list, a.readCondition(o, block, key))
		}
	}
	return list
}

func bareOperator(name string) string {
	if _, rest, found := strings.Cut(name, ":"); found {
		name = rest
	}
	return strings.TrimSuffix(name, "IfExists")
}

func (a *analysis) differentCase(block field) {
	seen := make(map[string]field)
	for _, key := range block.fields() {
		lowered := strings.ToLower(key.name)
		if first, twice := seen[lowered]; twice {
			a.add("DUPLICATE_KEYS_WITH_DIFFERENT_CASE", []Location{key.key, first.key}, "",
				fmt.Sprintf("The condition key %s appears more than once with different capitalization in the same condition block. Remove the duplicate condition keys.", key.name))
			continue
		}
		seen[lowered] = key
	}
}

// readCondition reads the values of a key: strings, numbers and booleans, all of
// one type.
func (a *analysis) readCondition(o operator, block, key field) condition {
	c := condition{operator: o, block: block, key: key}
	if key.node.Kind == policy.ArrayNode && len(key.node.Items) == 0 {
		a.emptyValues(c)
	}
	var kind policy.NodeKind
	mixed := false
	for _, v := range key.items() {
		switch v.node.Kind {
		case policy.StringNode, policy.NumberNode, policy.BoolNode:
			mixed = mixed || kind != "" && kind != v.node.Kind
			kind = v.node.Kind
			c.values = append(c.values, v)
		default:
			a.want(v, policy.StringNode)
		}
	}
	if mixed {
		a.at("INVALID_CONDITION_DATA_TYPE", key.location(), "The condition value data types do not match. Use condition values of the same JSON data type.")
	}
	if len(c.values) > 1 && (o.base == "Bool" || o.null()) && o.set == "" {
		a.at("INVALID_CONDITION_MULTIPLE_BOOLEAN", key.location(), "The condition key does not support multiple Boolean values. Use a single Boolean value.")
	}
	return c
}

func (a *analysis) emptyValues(c condition) {
	const null = " To determine if the request context is empty, we recommend that you use the Null condition operator with the value of true instead."
	name, at := c.key.name, c.key.location()
	switch {
	case c.set == "ForAllValues":
		a.at("EMPTY_ARRAY_CONDITION_FORALLVALUES", at, "The ForAllValues prefix with an empty condition key matches only if the key %s is missing from the request context."+null, name)
	case c.set == "ForAnyValue":
		a.at("EMPTY_ARRAY_CONDITION_FORANYVALUE", at, "The ForAnyValue prefix with an empty condition key %s never matches the request context and it does not affect the policy. Specify conditions.", name)
	case c.ifExists:
		a.at("EMPTY_ARRAY_CONDITION_IFEXISTS", at, "The IfExists suffix with an empty condition key matches only if the key %s is missing from the request context."+null, name)
	default:
		a.at("EMPTY_ARRAY_CONDITION", at, "There are no values for the condition key %s and it does not affect the policy. Specify conditions.", name)
	}
}

// conditions checks the keys and values of a statement's conditions.
func (a *analysis) conditions(s *statement) {
	for i := range s.conditions {
		c := &s.conditions[i]
		k := a.conditionKey(c)
		if c.base == "" {
			continue
		}
		a.conditionValues(c)
		a.sensitiveKey(c)
		a.wholeWildcards(c)
		if k != nil {
			a.keyType(s, c, k)
		}
		a.audience(s, c)
		a.addresses(c)
		a.numbers(c)
		a.namedValues(c)
		a.grantValues(c)
		a.untrustworthy(c)
	}
	a.pairs(s)
}

// conditionKey looks the key up and notes one that does not exist.
func (a *analysis) conditionKey(c *condition) *serviceref.Key {
	name, at := c.key.name, c.key.key
	prefix, rest, found := strings.Cut(name, ":")
	if !found || prefix == "" || rest == "" {
		a.at("INVALID_CONDITION_KEY_FORMAT", at, "The condition key format is not valid. Use the format service:keyname.")
		return nil
	}
	if k, ok := serviceref.LookupKey(name); ok {
		return k
	}
	if tag, missing := missingTag(name); missing {
		a.at("MISSING_TAG_KEY_IN_CONDITION", at, "The condition key %s must include a tag key to control access based on tags. Use the format %stag-key and specify a key name for tag-key.", tag, tag)
		return nil
	}
	s, known := serviceref.Lookup(prefix)
	switch {
	case strings.EqualFold(name, "aws:ARN"):
		a.oldARN(at)
	case strings.EqualFold(prefix, "aws"):
		if !slices.Contains(undocumented, strings.ToLower(name)) {
			a.add("INVALID_GLOBAL_CONDITION_KEY", []Location{at}, a.didYouMean(name, keyNames(serviceref.GlobalKeys()), ""),
				fmt.Sprintf("The condition key %s does not exist. Use a valid condition key.", name))
		}
	case known:
		a.add("INVALID_SERVICE_CONDITION_KEY", []Location{at}, a.didYouMean(name, keyNames(s.Keys), ""),
			fmt.Sprintf("The condition key %s does not exist in the service %s. Use a valid condition key.", name, s.Prefix))
	case !isProvider(prefix):
		a.add("INVALID_SERVICE", []Location{at}, a.didYouMean(prefix, serviceref.Prefixes(), ""), fmt.Sprintf("The service %s does not exist. Use a valid service name.", prefix))
	}
	return nil
}

// undocumented are global keys that AWS's own managed policies use.
var undocumented = []string{"aws:principalorgmasteraccountid"}

// oldARN is about aws:ARN. The guide has two checks for it; where which applies
// is not documented. The error names aws:SourceArn, so it is taken to be that of
// policies that services can meet.
func (a *analysis) oldARN(at Location) {
	if a.identityBased() {
		a.at("DEPRECATED_GLOBAL_CONDITION_KEY", at, "We recommend that you update aws:ARN to use the newer condition key aws:PrincipalArn.")
		return
	}
	a.at("UNSUPPORTED_GLOBAL_CONDITION_KEY", at, "The condition key aws:ARN is not supported. Use aws:PrincipalArn or aws:SourceArn instead.")
}

// missingTag tells a key such as aws:ResourceTag that lacks its tag, and gives
// the form up to it.
func missingTag(name string) (string, bool) {
	k, ok := serviceref.LookupKey(strings.TrimSuffix(name, "/") + "/x")
	if !ok {
		return "", false
	}
	before, ok := k.Variable()
	return before, ok && strings.HasSuffix(strings.ToLower(before), "tag/")
}

func keyNames(keys []*serviceref.Key) []string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.Name
	}
	return list
}

// isProvider tells the prefix of an identity provider's keys: a domain, perhaps
// with a path.
func isProvider(prefix string) bool { return strings.Contains(prefix, ".") }
