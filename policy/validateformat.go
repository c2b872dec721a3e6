package policy

import (
	"fmt"
	"slices"
	"strings"
)

// actionFormat wants vendor:Name, or the asterisk alone.
func (v *validator) actionFormat(s *Statement) {
	e := ActionElement
	if s.notAction {
		e = NotActionElement
	}
	for _, a := range s.actionList {
		vendor, name, found := strings.Cut(a, ":")
		switch {
		case a == "*":
		case !found:
			v.add(s, e, messageVendor, "the action %q has no service prefix", a)
		case strings.Contains(name, ":"):
			v.add(s, e, messageColons, "the action %q has more than one colon", a)
		case !isVendor(vendor):
			v.add(s, e, fmt.Sprintf("Vendor %s is not valid", vendor), "%q is no service prefix", vendor)
		}
	}
}

func isVendor(s string) bool {
	for i := range len(s) {
		switch c := lower(s[i]); {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '.', c == '*', c == '?':
		default:
			return false
		}
	}
	return s != ""
}

// partitions are those that AWS has told of (AWS General Reference, "AWS
// partitions").
var partitions = []string{"aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "*"}

// resourceFormat wants ARNs.
func (v *validator) resourceFormat(s *Statement) {
	e := ResourceElement
	if s.notResource {
		e = NotResourceElement
	}
	for _, r := range s.resourceList {
		if message := resourceMessage(r); message != "" {
			v.add(s, e, message, "%q names no resource", r)
		}
	}
}

func resourceMessage(r string) string {
	if r == "*" {
		return ""
	}
	parts := strings.SplitN(r, ":", 6)
	if len(parts) < 2 {
		return fmt.Sprintf("Resource %s must be in ARN format or \"*\".", r)
	}
	if !slices.Contains(partitions, parts[1]) {
		return fmt.Sprintf("Partition \"%s\" is not valid for resource \"arn:%s\".", parts[1], strings.Join(filled(parts), ":"))
	}
	if len(parts) < 3 || parts[2] == "" || hasWildcard(parts[2]) {
		return "Resource vendor must be fully qualified and cannot contain regexes."
	}
	if len(parts) < 4 || parts[3] == "" || parts[3] == "*" {
		return pathMessage(parts)
	}
	switch parts[2] {
	case "iam":
		return fmt.Sprintf("IAM resource %s cannot contain region information.", r)
	case "s3":
		return fmt.Sprintf("Resource %s can not contain region information.", r)
	}
	return ""
}

// filled gives an ARN's parts behind the first, with an asterisk for each that
// is missing.
func filled(parts []string) []string {
	out := slices.Clone(parts[1:])
	for len(out) < 5 {
		out = append(out, "*")
	}
	if out[1] == "" {
		out[1] = "*"
	}
	return out
}

// iamPaths are how the resource part of an IAM ARN may start.
var iamPaths = []string{
	"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
	"sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
}

func pathMessage(parts []string) string {
	// The root user is not in IAM's own list, but in AWS's own policies, such as
	// IAMAuditRootUserCredentials.
	if parts[2] != "iam" || len(parts) < 6 || parts[5] == "*" || parts[5] == "root" {
		return ""
	}
	kind, _, _ := strings.Cut(parts[5], "/")
	if hasWildcard(kind) || strings.Contains(kind, "$") {
		return ""
	}
	for _, p := range iamPaths {
		if strings.HasPrefix(parts[5], p) {
			return ""
		}
	}
	return "IAM resource path must either be \"*\" or start with " + strings.Join(iamPaths, ", ") + "."
}

// conditionFormat wants keys with a prefix and values that their operator can read.
func (v *validator) conditionFormat(s *Statement) {
	for i := range s.conditions {
		c := &s.conditions[i]
		if !strings.Contains(c.Key, ":") {
			v.add(s, ConditionElement, messageVendor, "the condition key %q has no prefix", c.Key)
		}
		for j, o := range c.operands {
			if _, ok := o.(nothing); ok {
				v.add(s, ConditionElement, messageLegacy, "%s cannot read the value %q of %s", c.Operator, c.Values[j], c.Key)
			}
		}
	}
}

// trustFields: a trust policy says who, not what: the role is its resource.
func (v *validator) trustFields(s *Statement) {
	for _, e := range [...]Element{ResourceElement, NotResourceElement} {
		if _, ok := s.ElementPosition(e); ok {
			v.add(s, e, fmt.Sprintf("Has prohibited field %s", e), "a trust policy has no %s: it is about its role", e)
		}
	}
	if _, ok := s.ElementPosition(NotPrincipalElement); ok {
		v.add(s, NotPrincipalElement, "Has prohibited field NotPrincipal", "a trust policy has no NotPrincipal")
	}
	if !s.present.has(hasPrincipal | hasNotPrincipal) {
		v.add(s, PrincipalElement, "Missing required field Principal", "the statement names no Principal")
	}
}

func (v *validator) trustPrincipal(s *Statement) {
	if s.present.has(hasPrincipal|hasNotPrincipal) && len(s.principals)+len(s.notPrincipals) == 0 {
		v.add(s, PrincipalElement, "Missing required field Principal cannot be empty!", "the Principal is empty")
	}
	for _, list := range [...][]PrincipalName{s.principals, s.notPrincipals} {
		for i := range list {
			if p := &list[i]; !p.wellFormed() {
				v.add(s, PrincipalElement, p.InvalidMessage(), "%q is no principal of type %s", p.Name, p.Type)
			}
		}
	}
}

// InvalidMessage is IAM's answer to a principal that is malformed or does not
// exist.
func (p *PrincipalName) InvalidMessage() string {
	kind := p.Type
	switch kind {
	case FederatedPrincipal:
		return "Federated principals must be valid domain names or SAML metadata ARNs"
	case ServicePrincipal:
		kind = strings.ToUpper(kind)
	}
	return fmt.Sprintf("Invalid principal in policy: %q:%q", kind, p.Name)
}

// wellFormed reports whether the value can name a principal of its type (IAM
// guide, "AWS JSON policy elements: Principal").
func (p *PrincipalName) wellFormed() bool {
	switch p.Type {
	case "":
		return true
	case ServicePrincipal:
		return p.form == everyone || strings.Contains(p.Name, ".") && !hasWildcard(p.Name)
	case AWSPrincipal:
		switch p.form {
		case everyone, uniqueID:
			return true
		case accountForm:
			return isAccountID(p.account)
		case arnForm:
			return isPrincipalARN(p.Name)
		}
		return false
	}
	return p.Name != ""
}

// isPrincipalARN tells the ARN of a user, a role, or a session of either kind.
func isPrincipalARN(arn string) bool {
	parts, ok := splitARN(arn)
	if !ok || hasWildcard(arn) || !isAccountID(parts[4]) || parts[3] != "" {
		return false
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	if name == "" {
		return false
	}
	switch parts[2] + ":" + kind {
	case "iam:user", "iam:role", "sts:federated-user":
		return true
	case "sts:assumed-role":
		return strings.Contains(name, "/")
	}
	return false
}

// trustActions are the actions that a trust policy is about (STS API reference).
var trustActions = []string{
	"sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:assumeroot", "sts:tagsession",
	"sts:setsourceidentity", "sts:setcontext",
}

func (v *validator) trustAction(s *Statement) {
	for _, a := range s.actionList {
		a = strings.ToLower(a)
		ok := strings.HasPrefix(a, "sts:") && hasWildcard(a) || slices.Contains(trustActions, a)
		if !ok {
			v.add(s, ActionElement, messageTrustActions, "%q is not how a role is assumed", a)
		}
	}
}

// keyPrincipal: KMS wants a principal in each statement and takes the rest as
// it comes (KMS API reference, PutKeyPolicy).
func (v *validator) keyPrincipal(s *Statement) {
	if len(s.principals)+len(s.notPrincipals) == 0 {
		v.add(s, PrincipalElement, messageKeyNobody, "the statement names no Principal")
	}
	for _, list := range [...][]PrincipalName{s.principals, s.notPrincipals} {
		for i := range list {
			if p := &list[i]; !p.wellFormed() {
				v.add(s, PrincipalElement, messageKeyPrincipal, "%q is no principal of type %s", p.Name, p.Type)
			}
		}
	}
}

// allowNotPrincipal: to allow everyone but some is not supported (IAM guide,
// "AWS JSON policy elements: NotPrincipal").
func (v *validator) allowNotPrincipal(s *Statement) {
	if s.effect == Allow && s.present.has(hasNotPrincipal) {
		v.add(s, NotPrincipalElement, messageSyntax, "NotPrincipal goes with Deny only")
	}
}

// keyCondition refuses ForAllValues where a key has one value only: it would
// match requests without it (KMS guide, "Condition keys for AWS KMS").
func (v *validator) keyCondition(s *Statement) {
	for i := range s.conditions {
		c := &s.conditions[i]
		if c.set != forAllValues || s.effect != Allow {
			continue
		}
		var what string
		switch {
		case strings.HasPrefix(c.lower, "kms:encryptioncontext:"):
			what = "encryption context"
		case strings.HasPrefix(c.lower, "aws:resourcetag/"), strings.HasPrefix(c.lower, "aws:requesttag/"):
			what = "tag"
		default:
			continue
		}
		v.add(s, ConditionElement, fmt.Sprintf(messageOverlyBroad, what), "%s with the single-valued key %s", c.Operator, c.Key)
	}
}

// resourceControl: an RCP denies, to everyone, named actions (Organizations
// guide, "RCP syntax").
func (v *validator) resourceControl(s *Statement) {
	if s.effect != Deny {
		v.add(s, "Effect", messageOrganization, "a resource control policy can only deny")
	}
	if !s.present.has(hasPrincipal) || len(s.principals) != 1 || s.principals[0].form != everyone {
		v.add(s, PrincipalElement, messageOrganization, "the Principal of a resource control policy is \"*\"")
	}
	if s.notAction || slices.Contains(s.actionList, "*") {
		v.add(s, ActionElement, messageOrganization, "a resource control policy names the actions of services")
	}
}
