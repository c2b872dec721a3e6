package analyzer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// resources checks the ARNs of a statement.
func (a *analysis) resources(s *statement) {
	if a.Kind == policy.TrustPolicy {
		return // which has none: see trustElements
	}
	before := len(a.report.Findings)
	for _, v := range s.resources {
		a.variables(v, "")
		a.resource(v)
	}
	s.badResources = len(a.report.Findings) > before
	a.redundant("REDUNDANT_RESOURCE", s.resources, plainText, func(n int, example string) string {
		return fmt.Sprintf("The %d resource ARN(s) are redundant because they reference the same resource. Review the use of wildcards (*), as in %s", n, example)
	})
}

// partitions are those that AWS has told of (AWS General Reference, "AWS
// partitions").
var partitions = []string{"aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"}

// resource checks one value of a Resource element. Parts with wildcards or
// variables are not looked into.
func (a *analysis) resource(v value) {
	text, at := v.node.Text, v.location()
	if text == "*" || strings.HasPrefix(text, "${") {
		return
	}
	if !strings.HasPrefix(text, "arn:") && !(hasWildcard(text) && strings.HasPrefix(text, "arn")) {
		a.add("INVALID_ARN_PREFIX", []Location{at}, `a resource is "*" or an ARN`, "Add the required prefix (arn) to the resource ARN.")
		return
	}
	part := strings.SplitN(variable.ReplaceAllString(text, "*"), ":", 6)
	if len(part) < 6 {
		// An asterisk also stands for colons.
		if !strings.HasSuffix(part[len(part)-1], "*") {
			a.at("MISSING_ARN_FIELD", at, "Resource ARNs must include at least 6 fields in the following structure: arn:partition:service:region:account:resource")
		}
		return
	}
	if p := part[1]; !hasWildcard(p) && !slices.Contains(partitions, p) {
		a.add("INVALID_PARTITION", []Location{at}, a.didYouMean(p, partitions, ""),
			fmt.Sprintf("The resource ARN for the service %s does not support the partition %s. Use the supported values: [%s]", part[2], p, strings.Join(partitions, ", ")))
		return
	}
	service := part[2]
	if hasWildcard(service) {
		a.wildcardService(v)
		return
	}
	types := serviceref.ResourceTypes(service)
	if len(types) == 0 {
		a.namespace(service, at)
		return
	}
	a.formats(part, types, at)
}

func (a *analysis) namespace(service string, at Location) {
	lowered := strings.ToLower(service)
	_, known := serviceref.Lookup(lowered)
	switch known = known || len(serviceref.ResourceTypes(lowered)) > 0; {
	case known && lowered != service:
		a.at("INVALID_ARN_SERVICE_CASE", at, "Update the service name %s in the resource ARN to use all lowercase letters.", service)
	case !known:
		a.add("INVALID_SERVICE", []Location{at}, a.didYouMean(service, serviceref.Prefixes(), ""), fmt.Sprintf("The service %s does not exist. Use a valid service name.", service))
	}
}

// formats compares an ARN with the formats of its service. Which of the findings
// AWS makes where several apply is not documented: a Region or an account that is
// wrong for every type whose resource part fits is named, else the resource part.
func (a *analysis) formats(part []string, types []*serviceref.ResourceType, at Location) {
	region, account := part[3], part[4]
	if region != "" && !hasWildcard(region) {
		a.region("INVALID_ARN_REGION", region, at, "The Region %s is not valid for this resource. Update the resource ARN to include a supported Region.")
	}
	if account != "" && !hasWildcard(account) && !isAccount(account) && !ownedByAWS(account, types) {
		a.at("INVALID_ARN_ACCOUNT", at, "The resource ARN account ID %s is not valid. Provide a 12-digit account ID.", account)
		return
	}
	arn := func(region, account string) string {
		return strings.Join([]string{part[0], part[1], part[2], region, account, part[5]}, ":")
	}
	var candidates []*serviceref.ResourceType // that fit but for Region and account
	for _, t := range types {
		if t.Fits(arn(region, account)) {
			return
		}
		if own := strings.SplitN(t.ARN, ":", 6); t.Fits(arn(filled(own[3]), filled(own[4]))) {
			candidates = append(candidates, t)
		}
	}
	if len(candidates) == 0 {
		hint := "the formats of the service's ARNs: " + some(types)
		a.add("INVALID_ARN_RESOURCE", []Location{at}, hint, "Resource ARN does not match the expected ARN format. Update the resource portion of the ARN.")
		return
	}
	switch wanted, hint := strings.SplitN(candidates[0].ARN, ":", 6), "the format is "+candidates[0].ARN; {
	case region == "" && wanted[3] != "":
		a.add("MISSING_ARN_REGION", []Location{at}, hint, fmt.Sprintf("Add a Region to the %s resource ARN.", part[2]))
	case region != "" && wanted[3] == "":
		a.add("ARN_REGION_NOT_ALLOWED", []Location{at}, hint, fmt.Sprintf("The service %s does not support specifying a Region in the resource ARN.", part[2]))
	case account == "" && wanted[4] != "":
		a.add("MISSING_ARN_ACCOUNT", []Location{at}, hint, fmt.Sprintf("The resource %s in the arn is missing an account id. Please provide a 12 digit account id.", candidates[0].Name))
	case account != "" && wanted[4] == "":
		a.add("ARN_ACCOUNT_NOT_ALLOWED", []Location{at}, hint, fmt.Sprintf("The service %s does not support specifying an account ID in the resource ARN.", part[2]))
	default:
		a.add("INVALID_ARN_RESOURCE", []Location{at}, hint, "Resource ARN does not match the expected ARN format. Update the resource portion of the ARN.")
	}
}

// filled is a part of a format with something in place of its variable.
func filled(part string) string {
	if strings.ContainsAny(part, "$*") {
		return "x"
	}
	return part
}

// some names a few formats.
func some(types []*serviceref.ResourceType) string {
	const few = 3
	var list []string
	for _, t := range types[:min(few, len(types))] {
		list = append(list, t.ARN)
	}
	if len(types) > few {
		list = append(list, "…")
	}
	return strings.Join(list, ", ")
}

func isAccount(s string) bool {
	return len(s) == 12 && !strings.ContainsFunc(s, func(c rune) bool { return c < '0' || c > '9' })
}

// ownedByAWS tells the words that stand for an account in ARNs of what AWS owns,
// such as arn:aws:iam::aws:policy/AdministratorAccess.
func ownedByAWS(account string, types []*serviceref.ResourceType) bool {
	switch account {
	case "aws", "aws-marketplace", "aws-managed", "amazon", "cloudfront", "third-party", "self", "public", "system":
		return true
	}
	return slices.ContainsFunc(types, func(t *serviceref.ResourceType) bool { return strings.SplitN(t.ARN, ":", 6)[4] == account })
}
