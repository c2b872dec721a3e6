package analyzer

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/policy/serviceref"
)

// conditionValues checks that the operator can read its values.
func (a *analysis) conditionValues(c *condition) {
	for _, v := range c.values {
		text := v.node.Text
		if a.variables(v, c.family()) {
			continue
		}
		at := v.location()
		switch c.family() {
		case "Bool", "Null":
			if !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
				a.at("TYPE_MISMATCH_BOOLEAN", at, "Add a valid Boolean value (true or false) for the condition operator %s.", c.block.name)
			}
		case "Numeric":
			if _, err := strconv.ParseFloat(text, 64); err != nil {
				a.at("TYPE_MISMATCH_NUMBER", at, "Add a valid numeric value for the condition operator %s.", c.block.name)
			}
		case "Date":
			a.date(text, at)
		case "Binary":
			if _, err := base64.StdEncoding.DecodeString(text); err != nil {
				a.at("TYPE_MISMATCH_STRING", at, "Add a valid base64-encoded string value for the condition operator %s.", c.block.name)
			}
		case "IPAddress":
			if _, _, ok := parseNetwork(text); !ok {
				a.at("TYPE_MISMATCH_IP_RANGE", at, "The condition operator %s is used with an invalid IP range value. Specify the IP range in standard CIDR format.", c.block.name)
			}
		case "String":
			if !c.like() && hasWildcard(text) {
				a.add("WILDCARD_WITHOUT_LIKE_OPERATOR", []Location{at}, "the operator that knows wildcards is "+likeOf(c.block.name),
					"Your condition value includes a * or ? character. If you meant to use a wildcard (*, ?), update the condition operator to include Like.")
			}
		}
	}
}

func likeOf(operator string) string {
	return strings.NewReplacer("EqualsIgnoreCase", "Like", "Equals", "Like").Replace(operator)
}

func hasWildcard(s string) bool { return strings.ContainsAny(s, "*?") }

// dates are the forms of W3C's date and time note, which the date operators read.
var dates = []string{
	"2006-01-02", "2006-01", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.999999999Z07:00",
	"2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z0700", "2006-01-02T15:04:05", "2006-01-02T15:04",
}

func (a *analysis) date(text string, at Location) {
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		a.at("INVALID_DATE_VALUE", at, "The date %s might not resolve as expected. We recommend that you use the YYYY-MM-DD format.", text)
		return
	}
	for _, layout := range dates {
		if _, err := time.Parse(layout, text); err == nil {
			return
		}
	}
	a.at("TYPE_MISMATCH_DATE", at, "The date condition operator is used with an invalid value. Specify a valid date using YYYY-MM-DD or other ISO 8601 date/time format.")
}

// keyType compares the operator with the type of the key. A string operator
// reads keys of every type but those that AWS names a mismatch for; AWS does not
// say which types it lets pass, so text, numbers and dates are compared only where
// the guide's operators page tells the families apart.
func (a *analysis) keyType(s *statement, c *condition, k *serviceref.Key) {
	at, name := c.key.key, c.key.name
	if c.null() {
		return
	}
	if !slices.Contains(familiesOf(k), c.family()) {
		a.at("TYPE_MISMATCH", at, "Use the operator type %s instead of operator %s for the condition key %s.", operatorType(k.Type.Single()), c.block.name, name)
	}
	if k.Type.Single() == serviceref.ARN && (c.base == "StringLike" || c.base == "StringNotLike") {
		a.add("STRING_LIKE_OPERATOR_WITH_ARN_CONDITION_KEYS", []Location{c.block.key, at}, "write "+strings.Replace(c.block.name, "String", "Arn", 1),
			fmt.Sprintf("Use the operator type %s instead of operator %s for the condition key %s.", operatorType(serviceref.ARN), c.block.name, name))
	}
	switch {
	case k.Type.Multivalued() && c.set == "":
		a.at("MISSING_QUALIFIER", at, "The request context key %s has multiple values. Use the ForAllValues or ForAnyValue condition key qualifiers in your policy.", name)
	case !k.Type.Multivalued() && c.set == "ForAllValues" && s.allows():
		// With Deny it denies more, not less.
		a.at("FORALLVALUES_WITH_SINGLE_VALUED_KEY", at, "Using ForAllValues qualifier with the single-valued condition key %s can be overly permissive. We recommend that you remove ForAllValues:.", name)
	}
}

// familiesOf are the operators that a key can be compared by. Texts are taken by
// the ARN operators, because many keys that hold ARNs are documented as String;
// times in seconds, such as aws:EpochTime, by the numeric ones.
func familiesOf(k *serviceref.Key) []string {
	switch k.Type.Single() {
	case serviceref.String, serviceref.ARN:
		return []string{"String", "ARN"}
	case serviceref.Date:
		return []string{"Date", "Numeric"}
	case serviceref.Numeric:
		return []string{"Numeric", "Date"}
	}
	return []string{string(k.Type.Single())}
}

func operatorType(t serviceref.Type) string {
	switch t {
	case serviceref.Bool:
		return "Boolean"
	case serviceref.IPAddress:
		return "IP address"
	}
	return string(t)
}

// parseNetwork reads an address or a CIDR block; exact is false if bits behind
// the mask are set.
func parseNetwork(s string) (p netip.Prefix, exact, ok bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), p.Masked() == p, true
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, false, false
	}
	return netip.PrefixFrom(addr, addr.BitLen()), true, true
}

// private are the ranges that no request comes from over the internet (RFC 1918,
// RFC 4193; the carriers' range of RFC 6598 is left out, because AWS uses it).
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fc00::/7"),
}

func isPrivate(p netip.Prefix) bool {
	return slices.ContainsFunc(private, func(r netip.Prefix) bool { return r.Bits() <= p.Bits() && r.Contains(p.Addr()) })
}

// addresses checks IP ranges.
func (a *analysis) addresses(c *condition) {
	if c.family() != "IPAddress" {
		return
	}
	read, hidden := 0, 0
	for _, v := range c.values {
		p, exact, ok := parseNetwork(v.node.Text)
		if !ok {
			continue
		}
		read++
		if isPrivate(p) {
			hidden++
		}
		if !exact {
			a.at("IMPROVE_IP_RANGE", v.location(), "The non-zero bits in the IP address after the masked bits are ignored. Replace address with %s.", p)
		}
	}
	if hidden == 0 || !strings.EqualFold(c.key.name, "aws:SourceIp") {
		return
	}
	at := c.key.location()
	const update = " Update the value to include only public IP addresses."
	switch mixed := hidden < read; {
	case !mixed && !c.negated():
		a.at("PRIVATE_IP_ADDRESS", at, "aws:SourceIp works only for public IP address ranges. The values for condition key aws:SourceIp include only private IP addresses and will not have the desired effect."+update)
	case !mixed:
		a.at("PRIVATE_NOT_IP_ADDRESS", at, "The values for condition key aws:SourceIp include only private IP addresses and has no effect. aws:SourceIp works only for public IP address ranges."+update)
	case !c.negated():
		a.at("PRIVATE_IP_ADDRESS_SUBSET", at, "The values for condition key aws:SourceIp include a mix of private and public IP addresses. The private addresses will not have the desired effect. aws:SourceIp works only for public IP address ranges. To define permissions for private IP ranges, use aws:VpcSourceIp.")
	default:
		a.at("PRIVATE_NOT_IP_ADDRESS_SUBSET", at, "The values for condition key aws:SourceIp include a mix of private and public IP addresses. The private addresses have no effect. aws:SourceIp works only for public IP address ranges. To define permissions for private IP ranges, use aws:VpcSourceIp.")
	}
}

// numbers finds comparisons with several numbers of which one decides.
func (a *analysis) numbers(c *condition) {
	less, greater := strings.Contains(c.base, "LessThan"), strings.Contains(c.base, "GreaterThan")
	if c.family() != "Numeric" || !less && !greater || len(c.values) < 2 || c.set == "ForAllValues" {
		return
	}
	which := "least"
	if less {
		which = "greatest"
	}
	a.at("REDUNDANT_CONDITION_VALUE_NUM", c.key.location(), "Multiple values in %s are redundant. Replace with the %s single value for %s.", c.block.name, which, c.key.name)
}

// sensitive are the keys that AWS calls sensitive (IAM guide, "AWS global
// condition context keys", Sensitive condition keys).
var sensitive = []string{
	"aws:principalaccount", "aws:principalorgid", "aws:resourceaccount", "aws:resourceorgid", "aws:sourceaccount", "aws:sourceorgid",
	"aws:sourcevpc", "aws:sourcevpce", "aws:vpceaccount", "aws:vpceorgid",
}

// sensitiveKey finds wildcards where they match what they must not. A policy
// variable is taken to act as one with the Like operators only, and not if it is
// itself a sensitive key: AWS's own examples compare aws:ResourceOrgID with
// ${aws:PrincipalOrgID}.
func (a *analysis) sensitiveKey(c *condition) {
	if c.base != "StringLike" && c.base != "StringNotLike" {
		return
	}
	name := strings.ToLower(c.key.name)
	isSensitive := slices.Contains(sensitive, name)
	if !isSensitive && name != "aws:userid" {
		return
	}
	const list = " Refer to https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html for the list of sensitive keys."
	for _, v := range c.values {
		text, at := v.node.Text, v.location()
		bare := variable.ReplaceAllStringFunc(text, func(v string) string {
			if slices.Contains(sensitive, strings.ToLower(v[2:len(v)-1])) {
				return "x"
			}
			return "$"
		})
		wild, varies := hasWildcard(bare), strings.Contains(bare, "$")
		switch {
		case isSensitive && wild:
			a.at("WILDCARD_USAGE_TOO_PERMISSIVE", at, "The wildcard is not allowed in the condition key %s. We consider the key to be sensitive and wildcards are not allowed to be used with sensitive keys."+list, c.key.name)
		case isSensitive && varies:
			a.at("VARIABLE_USAGE_TOO_PERMISSIVE", at, "The policy variable is not allowed in the condition key %s. We consider the key to be sensitive and policy variables can be evaluated as effective wildcards. Therefore policy variables are not allowed to be used with sensitive keys."+list, c.key.name)
		case isSensitive:
		case wild && widensID(bare, "*?"):
			a.at("WILDCARD_USAGE_TOO_PERMISSIVE", at, "Overly permissive use of wildcard with aws:userID. Use the wildcard on the right side of colon or as the only character on the left side of a colon.")
		case varies && widensID(bare, "$"):
			a.at("VARIABLE_USAGE_TOO_PERMISSIVE", at, "Overly permissive use of policy variable with aws:userID. Use the policy variable on the right side of colon or as the only character on the left side of a colon.")
		}
	}
}

// widensID reports whether one of the characters stands left of the colon of a
// unique id, but not alone.
func widensID(id, chars string) bool {
	left, _, found := strings.Cut(id, ":")
	return strings.ContainsAny(left, chars) && (!found || len(left) > 1)
}

// wholeWildcards finds conditions that a lone asterisk makes always or never
// hold. StringLike of "*" also tells whether a key is there, so it is idle only
// where the key always is, or where its absence passes too.
func (a *analysis) wholeWildcards(c *condition) {
	if !c.like() || !slices.ContainsFunc(c.values, func(v value) bool { return v.node.Text == "*" }) || c.family() != "String" {
		return
	}
	at := []Location{c.key.key}
	k, known := serviceref.LookupKey(c.key.name)
	switch {
	case c.negated() && !c.ifExists && known && k.Always:
		a.add("REDUNDANT_STATEMENT_DUE_TO_WILDCARD_IN_CONDITION", at, "",
			fmt.Sprintf("The key %s in the condition block of %s does not match any values. Remove this key to simplify the condition.", c.key.name, c.block.name))
	case !c.negated() && (c.ifExists || c.set == "ForAllValues" || known && k.Always):
		a.add("REDUNDANT_KEY_DUE_TO_WILDCARD_IN_CONDITION", at, "",
			fmt.Sprintf("The key %s in the condition block of %s is redundant because it is always matched. Remove this key to simplify the condition.", c.key.name, c.block.name))
	}
}

var (
	vpcID  = regexp.MustCompile(`^vpc-([0-9A-Za-z]{8}|[0-9A-Za-z]{17})$`)
	vpceID = regexp.MustCompile(`^vpce-([0-9A-Za-z]{8}|[0-9A-Za-z]{17})$`)
)

// namedValues checks the values of keys that have a form.
func (a *analysis) namedValues(c *condition) {
	if c.null() {
		return
	}
	name := strings.ToLower(c.key.name)
	for _, v := range c.values {
		text, at := v.node.Text, v.location()
		if hasWildcard(text) || strings.Contains(text, "${") {
			continue
		}
		switch name {
		case "aws:requestedregion", "ec2:region":
			a.region("INVALID_REGION", text, at, "The Region %s is not valid. Update the condition value to a supported Region.")
		case "aws:sourcevpc":
			if !vpcID.MatchString(text) {
				a.at("INVALID_VPC_FORMAT", at, "The VPC identifier in the condition key value is not valid. Use the prefix 'vpc-' followed by 8 or 17 alphanumeric characters.")
			}
		case "aws:sourcevpce":
			if !vpceID.MatchString(text) {
				a.at("INVALID_VPCE_FORMAT", at, "The VPCE identifier in the condition key value is not valid.  Use the prefix 'vpce-' followed by 8 or 17 alphanumeric characters.")
			}
		case "kms:viaservice":
			if !viaService.MatchString(text) {
				a.add("INVALID_SERVICE_PRINCIPAL_FORMAT", []Location{at}, "such as ec2.eu-west-1.amazonaws.com; with StringLike also ec2.*.amazonaws.com",
					"The service principal does not match the expected format. Use the format service-name.AWS_region.amazonaws.com.")
			}
		case "aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:principalservicename", "aws:principalservicenameslist", "iam:awsservicename", "iam:passedtoservice":
			if !servicePrincipal.MatchString(text) {
				a.at("INVALID_SERVICE_PRINCIPAL_FORMAT", at, "The service principal does not match the expected format. Use the format service-name.amazonaws.com.")
			}
		}
		if isKeyARNKey(name) && !isKeyARN(text) {
			a.at("INVALID_KMS_KEY_VALUE", at, "The %s condition key value must be a valid KMS key ARN.", c.key.name)
		}
	}
}

// isKeyARNKey tells keys whose value is the ARN of a KMS key. AWS does not list
// them; these are the one of S3 that the S3 guide says so of, and those of type
// ARN that are named for it.
func isKeyARNKey(name string) bool {
	if name == "s3:x-amz-server-side-encryption-aws-kms-key-id" {
		return true
	}
	if !strings.Contains(name, "kmskey") {
		return false
	}
	k, ok := serviceref.LookupKey(name)
	return ok && k.Type.Single() == serviceref.ARN
}

// isKeyARN tells the ARN of a KMS key.
func isKeyARN(arn string) bool {
	s, _ := serviceref.Lookup("kms")
	key, ok := s.ResourceType("key")
	return ok && key.Fits(arn)
}

// viaService is the form of kms:ViaService (KMS guide, "kms:ViaService").
var viaService = regexp.MustCompile(`^[a-z0-9-]+\.[a-z]{2,}(-[a-z]+)+-[0-9]+\.amazonaws\.(com|com\.cn|eu)$`)

// servicePrincipal is the form of a service principal's name. Besides
// amazonaws.com AWS has those of its own network and of its partitions.
var servicePrincipal = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|amazon\.com|aws\.internal|aws\.dev|c2s\.ic\.gov|sc2s\.sgov\.gov|adc-e\.uk|csp\.hci\.ic\.gov)$`)

// untrustworthy finds keys that the caller sets (IAM guide, "AWS global condition
// context keys", aws:referer and aws:UserAgent).
func (a *analysis) untrustworthy(c *condition) {
	switch strings.ToLower(c.key.name) {
	case "aws:referer", "aws:useragent":
		a.at("UNTRUSTWORTHY_CONDITION_KEY", c.key.key, "The %s condition key is not recommended for access control as it can be spoofed/manipulated by the caller.", c.key.name)
	}
}

// pairs finds keys that are safe only with others.
func (a *analysis) pairs(s *statement) {
	for i := range s.conditions {
		c := &s.conditions[i]
		switch strings.ToLower(c.key.name) {
		case "aws:vpcsourceip":
			// An address of a private network says nothing without the network.
			if !s.hasKey("aws:sourcevpc", "aws:sourcevpce", "aws:sourcevpcarn") {
				a.at("MISSING_PAIRED_CONDITION_KEYS", c.key.key, "Using the condition key %s can be overly permissive without also using the following condition keys: aws:SourceVpc. Condition keys like this one are more secure when paired with a related key. We recommend that you add the related condition keys to the same condition block.", c.key.name)
			}
		case "dynamodb:attributes":
			if s.allows() && !s.hasKey("dynamodb:select") {
				a.at("DYNAMODB_ATTRIBUTES_WITHOUT_SELECT", c.key.key, "Restricting dynamodb:Attributes without also setting dynamodb:Select to SPECIFIC_ATTRIBUTES allows all attributes to be returned on read requests that omit a projection expression. We recommend that you also set dynamodb:Select to SPECIFIC_ATTRIBUTES.")
			}
		case "s3:prefix":
			if c.family() == "String" && (s.denies() && !c.negated() || s.allows() && c.negated()) {
				a.at("S3_PREFIX_IN_NEGATIVE_CONTEXT", c.key.key, "Using the s3:prefix condition key in a Deny statement or with a negated string operator does not block listing the objects under the matching prefixes. A request that specifies a shorter prefix does not match the condition and can still list those objects. To restrict listing to specific prefixes, use s3:prefix with StringLike in an Allow statement, or use a Deny statement with StringNotLike.")
			}
		}
	}
}
