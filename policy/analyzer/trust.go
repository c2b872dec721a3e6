package analyzer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// trust checks a role's trust policy.
func (a *analysis) trust() {
	if a.Kind != policy.TrustPolicy {
		return
	}
	anywhere := make(map[string]bool)
	var first *principal
	for _, s := range a.statements {
		a.trustElements(s)
		a.trustActions(s)
		a.providers(s)
		a.redundantSessions(s)
		for i := range s.principals {
			if p := &s.principals[i]; s.allows() && p.kind == policy.ServicePrincipal && p.node.Text == "rolesanywhere.amazonaws.com" {
				first = p
				for _, action := range anywhereActions {
					if how, _ := s.grants(action); how != byNothing {
						anywhere[action] = true
					}
				}
			}
		}
	}
	if first != nil && len(anywhere) < len(anywhereActions) {
		a.at("MISSING_ACTION_FOR_ROLES_ANYWHERE_TRUST_POLICY", first.location(), "The rolesanywhere.amazonaws.com service principal requires the sts:AssumeRole, sts:SetSourceIdentity, and sts:TagSession permissions to assume a role. Add the missing permissions to the policy.")
	}
}

var anywhereActions = []string{"sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"}

func (a *analysis) trustElements(s *statement) {
	if f, ok := s.elements["NotPrincipal"]; ok {
		a.at("ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL", f.key, "Role trust policies do not support NotPrincipal. Update the policy to use a Principal element instead.")
	}
	for _, e := range [...]string{"Resource", "NotResource"} {
		if f, ok := s.elements[e]; ok {
			a.at("ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE", f.key, "Role trust policies apply to the role that they are attached to. You cannot specify a resource. Remove the Resource or NotResource element.")
		}
	}
}

// trustActions compares the actions with the principals: SAML providers have
// AssumeRoleWithSAML, OIDC providers AssumeRoleWithWebIdentity, all others
// AssumeRole. A statement with several kinds of principal is taken to be right if
// each action suits one of them.
func (a *analysis) trustActions(s *statement) {
	if s.notAction || len(s.actions)*len(s.principals) > maxPairs {
		return
	}
	for _, v := range s.actions {
		service, _, _ := strings.Cut(v.node.Text, ":")
		if _, known := serviceref.Lookup(service); known && !strings.EqualFold(service, "sts") {
			a.unsupportedAction(v)
			continue
		}
		var unfit []string
		at := []Location{v.location()}
		for _, p := range s.principals {
			if want := assumes(p); want != "" && !strings.EqualFold(v.node.Text, want) && slices.ContainsFunc(assumeActions, func(x string) bool { return strings.EqualFold(x, v.node.Text) }) {
				unfit = append(unfit, p.node.Text)
				at = append(at, p.location())
			}
		}
		if len(unfit) > 0 && len(unfit) == len(s.principals) {
			a.add("MISMATCHED_ACTION_FOR_PRINCIPAL", at, "", fmt.Sprintf("The %s action is invalid with the following principal(s): %s. Use a SAML provider principal with the sts:AssumeRoleWithSAML action or use an OIDC provider principal with the sts:AssumeRoleWithWebIdentity action. Ensure the provider is Federated if you use either of the two options.", v.node.Text, strings.Join(unfit, ", ")))
		}
	}
}

func (a *analysis) unsupportedAction(v value) {
	_, kind := PolicyType(a.Kind)
	a.at("UNSUPPORTED_ACTION_IN_POLICY", v.location(), "The action %s is not supported for the resource-based policy attached to the resource type %s.", v.node.Text, kind)
}

var assumeActions = []string{"sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"}

// assumes is the action by which a principal assumes a role; empty if it is not
// known.
func assumes(p principal) string {
	switch {
	case p.kind == policy.AWSPrincipal, p.kind == policy.ServicePrincipal:
		return assumeActions[0]
	case p.kind != policy.FederatedPrincipal:
		return ""
	case strings.Contains(p.node.Text, ":saml-provider/"):
		return assumeActions[1]
	case provider(p) != "":
		return assumeActions[2]
	}
	return ""
}

// provider is the host and path of an OIDC provider, which starts the names of
// its condition keys; empty for others.
func provider(p principal) string {
	if p.kind != policy.FederatedPrincipal {
		return ""
	}
	name := p.node.Text
	if _, host, found := strings.Cut(name, ":oidc-provider/"); found && providerARN.MatchString(name) {
		return strings.ToLower(host)
	}
	if domain.MatchString(name) {
		return strings.ToLower(name)
	}
	return ""
}

const github = "token.actions.githubusercontent.com"

// providers wants a condition on the tokens of OIDC providers.
func (a *analysis) providers(s *statement) {
	if !s.allows() {
		return
	}
	trusted := false
	for _, p := range s.principals {
		host := provider(p)
		if host == "" || p.not {
			continue
		}
		if !s.hasKey(host + ":") {
			a.at("MISSING_CONDITION_KEY_FOR_OIDC_PRINCIPAL", p.location(), "Using an Open ID Connect principal without a condition can be overly permissive. Add condition keys with a prefix that matches your federated OIDC principals to ensure that only the intended identity provider assumes the role.")
		}
		if host != github {
			continue
		}
		if !s.hasKey(github + ":sub") {
			a.at("MISSING_GITHUB_REPO_CONDITION_KEY", p.location(), "Granting a federated GitHub principal permissions without a condition key can allow more sources to assume the role than you intended. Add the token.actions.githubusercontent.com:sub condition key and specify the branch and repository name in the value.")
		}
		trusted = true
	}
	if trusted {
		a.branches(s)
	}
}

// branches finds subjects of more than one branch. A subject names the
// repository, repo:owner/name:, and behind it the branch or something else, to
// which the key ref adds the branch.
func (a *analysis) branches(s *statement) {
	for i := range s.conditions {
		c := &s.conditions[i]
		if !strings.EqualFold(c.key.name, github+":sub") || !c.like() || c.negated() {
			continue
		}
		for _, v := range c.values {
			repository := v.node.Text
			if part := strings.SplitN(repository, ":", 3); len(part) == 3 && part[0] == "repo" {
				repository = part[1]
			}
			if hasWildcard(repository) || hasWildcard(v.node.Text) && !s.hasKey(github+":ref") {
				a.at("SPECIFIC_GITHUB_REPO_AND_BRANCH_RECOMMENDED", v.location(), "Using a wildcard (*) in token.actions.githubusercontent.com:sub can allow requests from more sources than you intended. Specify the value of token.actions.githubusercontent.com:sub with the repository and branch name. If the subject claim does not include the branch, specify it in a token.actions.githubusercontent.com:ref condition key.")
			}
		}
	}
}

// audience finds set operators on the audience of an OIDC token. The providers in
// the Service Authorization Reference have one audience; of others it depends on
// the provider.
func (a *analysis) audience(s *statement, c *condition) {
	host, found := strings.CutSuffix(strings.ToLower(c.key.name), ":aud")
	if !found || !isProvider(host) || c.set == "" {
		return
	}
	_, known := serviceref.LookupKey(c.key.name)
	known = known || host == github
	switch {
	case c.set == "ForAnyValue" && known:
		a.at("FORANYVALUE_WITH_AUDIENCE_CLAIM_TYPE", c.key.key, "Using ForAnyValue qualifier with the single-valued condition key %s can be overly permissive. We recommend that you remove ForAnyValue:.", c.key.name)
	case !known:
		a.at("CONFIRM_AUDIENCE_CLAIM_TYPE", c.key.key, "The %q (audience) claim key identifies the recipients that the JSON web token is intended for. Because this claim is single-valued, do not use a qualifier.", c.key.name)
	case s.allows() && host == github:
		a.at("FORALLVALUES_WITH_SINGLE_VALUED_KEY", c.key.key, "Using ForAllValues qualifier with the single-valued condition key %s can be overly permissive. We recommend that you remove ForAllValues:.", c.key.name)
	}
}

// redundantSessions finds role sessions that stand beside their role.
func (a *analysis) redundantSessions(s *statement) {
	roles := make(map[string]principal)
	for _, p := range s.principals {
		if part := strings.SplitN(p.node.Text, ":", 6); p.kind == policy.AWSPrincipal && len(part) == 6 && part[2] == "iam" && strings.HasPrefix(part[5], "role/") {
			roles[part[4]+"/"+part[5][strings.LastIndexByte(part[5], '/')+1:]] = p
		}
	}
	for _, p := range s.principals {
		part := strings.SplitN(p.node.Text, ":", 6)
		if p.kind != policy.AWSPrincipal || len(part) < 6 {
			continue
		}
		rest, isSession := strings.CutPrefix(part[5], "assumed-role/")
		name, _, _ := strings.Cut(rest, "/")
		if role, ok := roles[part[4]+"/"+name]; isSession && ok {
			a.add("REDUNDANT_PRINCIPAL_IN_ROLE_TRUST_POLICY", []Location{p.location(), role.location()}, "",
				fmt.Sprintf("The assumed-role principal %s is redundant with its parent role %s. Remove the assumed-role principal.", p.node.Text, role.node.Text))
		}
	}
}
