package analyzer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

var principalKeys = []string{policy.AWSPrincipal, policy.CanonicalUserPrincipal, policy.FederatedPrincipal, policy.ServicePrincipal}

// readPrincipals reads a Principal or NotPrincipal element. Of a policy that has
// none, its form does not matter.
func (a *analysis) readPrincipals(f field) []principal {
	if a.identityBased() || a.Kind == policy.ServiceControlPolicy {
		return nil
	}
	not := f.name == "NotPrincipal"
	switch f.node.Kind {
	case policy.StringNode:
		if f.node.Text == "*" {
			return []principal{{value: f.value, not: not}}
		}
		a.add("INVALID_PRINCIPAL_FORMAT", []Location{f.location()}, fmt.Sprintf(`such as {"AWS": %q}`, f.node.Text),
			"The Principal element contents are not valid. Specify a key-value pair in the Principal element.")
		return nil
	case policy.ArrayNode:
		a.at("INVALID_PRINCIPAL_FORMAT", f.location(), "The Principal element contents are not valid. Specify a key-value pair in the Principal element.")
		return nil
	}
	if !a.want(f.value, policy.ObjectNode) {
		return nil
	}
	const none = "This statement includes no principals and does not affect the policy. Specify principals."
	if len(f.node.Members) == 0 {
		a.at("EMPTY_OBJECT_PRINCIPAL", f.location(), none)
	}
	var list []principal
	for _, kind := range f.fields() {
		if !slices.Contains(principalKeys, kind.name) {
			a.add("INVALID_PRINCIPAL_KEY", []Location{kind.key}, a.didYouMean(kind.name, principalKeys, ""), fmt.Sprintf("The principal key %s is not valid.", kind.name))
			continue
		}
		if kind.node.Kind == policy.ArrayNode && len(kind.node.Items) == 0 {
			a.at("EMPTY_ARRAY_PRINCIPAL", kind.location(), none)
		}
		for _, v := range kind.items() {
			if a.want(v, policy.StringNode) {
				list = append(list, principal{value: v, kind: kind.name, not: not})
			}
		}
	}
	return list
}

// principals checks whom a statement names.
func (a *analysis) principals(s *statement) {
	element, has := s.elements["Principal"]
	if not, ok := s.elements["NotPrincipal"]; ok {
		element, has = not, true
	}
	switch {
	case a.Kind == policy.ResourceControlPolicy:
		a.everyone(s)
		return
	case has && a.Kind == policy.ServiceControlPolicy:
		a.at("SCP_SYNTAX_ERROR_PRINCIPAL", element.key, "SCPs do not support specifying principals. Remove the Principal or NotPrincipal element.")
		return
	case has && a.identityBased():
		kind, _ := PolicyType(a.Kind)
		a.at("UNSUPPORTED_PRINCIPAL", element.key, "The policy type %s does not support the Principal element. Remove the Principal element.", kind)
		return
	case !has && a.resourceBased():
		a.at("MISSING_PRINCIPAL", s.location(), "Add a Principal element to the policy statement.")
		return
	}
	if s.has("NotPrincipal") && s.allows() && a.Kind != policy.TrustPolicy {
		a.at("ALLOW_WITH_NOT_PRINCIPAL", element.key, "Using Allow with NotPrincipal can be overly permissive. We recommend that you use Principal instead.")
	}
	for _, p := range s.principals {
		a.principal(p)
	}
}

func (a *analysis) principal(p principal) {
	name, at := p.node.Text, p.location()
	switch {
	case p.kind == "" && a.Kind == policy.TrustPolicy:
		a.at("ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL", at, `"Principal:" "*" is not supported in the principal element of a role trust policy. Replace the wildcard with a valid principal value.`)
		return
	case p.kind == "" || !a.noVariables(p.value):
		return
	case p.kind == policy.FederatedPrincipal:
		a.federated(p)
		return
	case hasWildcard(name) && (p.kind != policy.AWSPrincipal || name != "*"):
		a.at("UNSUPPORTED_WILDCARD_IN_PRINCIPAL", at, "Wildcards (*, ?) are not supported with the principal key %s. Replace the wildcard with a valid principal value.", p.kind)
		return
	}
	switch {
	case p.kind == policy.ServicePrincipal && !servicePrincipal.MatchString(name):
		a.at("INVALID_SERVICE_PRINCIPAL_FORMAT", at, "The service principal does not match the expected format. Use the format service-name.amazonaws.com.")
	case p.kind == policy.AWSPrincipal && uniqueID(name, "AROA"):
		a.at("INVALID_ROLE_REFERENCE", at, "The Principal element includes the IAM role ID %s. We recommend that you use a role ARN instead.", name)
	case p.kind == policy.AWSPrincipal && uniqueID(name, "AIDA"):
		a.at("INVALID_USER_REFERENCE", at, "The Principal element includes the IAM user ID %s. We recommend that you use a user ARN instead.", name)
	}
}

var idForm = regexp.MustCompile(`^[A-Z0-9]{16,}$`)

// uniqueID tells an identifier of a kind (IAM guide, "IAM identifiers").
func uniqueID(s, prefix string) bool { return strings.HasPrefix(s, prefix) && idForm.MatchString(s) }

var (
	providerARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:(saml-provider|oidc-provider)/.+$`)
	domain      = regexp.MustCompile(`^([A-Za-z0-9-]+\.)+[A-Za-z]{2,}(:[0-9]+)?(/[^*?]*)?$`)
)

func (a *analysis) federated(p principal) {
	name, at := p.node.Text, p.location()
	switch {
	case a.Kind != policy.TrustPolicy:
		a.at("FEDERATED_PRINCIPAL_NOT_SUPPORTED", at, "The policy type does not support a federated identity provider in the principal element. Use a supported principal.")
	case !providerARN.MatchString(name) && !domain.MatchString(name):
		a.at("INVALID_FEDERATED_PRINCIPAL_SYNTAX_IN_ROLE_TRUST_POLICY", at, "The principal value specifies a federated principal that does not match the expected format. Update the federated principal to a domain name or a SAML metadata ARN.")
	}
}

// sources are the keys that say for whom a service calls (IAM guide, "The
// confused deputy problem").
var sources = []string{"aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"}

// servicePrincipals checks statements that let services in. Roles are left out:
// which services honour the source keys when they assume one is not documented,
// and those that run for one account alone, such as EC2, need none.
func (a *analysis) servicePrincipals(s *statement) {
	var services []principal
	for _, p := range s.principals {
		if p.kind == policy.ServicePrincipal && !p.not {
			services = append(services, p)
		}
	}
	if len(services) == 0 || !s.allows() || a.Kind == policy.ResourceControlPolicy {
		return
	}
	if len(services) == len(s.principals) {
		a.neverOfServices(s)
	}
	if a.Kind == policy.TrustPolicy || s.hasKey(sources...) {
		return
	}
	for _, p := range services {
		if i := slices.IndexFunc(s.conditions, func(c condition) bool { return isWeakSource(c.key.name) }); i >= 0 {
			a.add("RECOMMENDED_CONDITION_KEY_FOR_SERVICE_PRINCIPAL", []Location{p.location(), s.conditions[i].key.key}, "",
				fmt.Sprintf("To restrict access to the service principal %s operating on your behalf, we recommend aws:SourceArn, aws:SourceAccount, aws:SourceOrgID, or aws:SourceOrgPaths instead of %s.", p.node.Text, s.conditions[i].key.name))
			continue
		}
		a.at("RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL", p.location(), "Granting access to a service principal without specifying a source is overly permissive. Use aws:SourceArn, aws:SourceAccount, aws:SourceOrgID, or aws:SourceOrgPaths condition key to grant fine-grained access.")
	}
}

// isWeakSource tells keys that are used in place of a source: aws:referer, which
// the guide names, and the owner of the source that older services sent.
func isWeakSource(key string) bool {
	return strings.EqualFold(key, "aws:referer") || strings.EqualFold(key, "aws:SourceOwner")
}

// neverOfServices finds keys that only users and roles have, by their
// "Availability" in the IAM guide's "AWS global condition context keys".
func (a *analysis) neverOfServices(s *statement) {
	for i := range s.conditions {
		c := &s.conditions[i]
		name := strings.ToLower(c.key.name)
		if c.ifExists || c.null() || c.negated() {
			continue
		}
		if name == "aws:principalorgid" || name == "aws:principalorgpaths" || name == "aws:username" || strings.HasPrefix(name, "aws:principaltag/") {
			a.at("UNSUPPORTED_CONDITION_KEY_FOR_SERVICE_PRINCIPAL", c.key.key, "The following condition keys are not supported when used with the service principal: %s.", c.key.name)
		}
	}
}
