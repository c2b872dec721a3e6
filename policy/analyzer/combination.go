package analyzer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// named are the actions that a statement names without wildcards and that exist.
// Those with wildcards are not held against resources and conditions: some of
// what they match may fit.
func (s *statement) named() []namedAction {
	if s.notAction {
		return nil
	}
	var list []namedAction
	for _, v := range s.actions {
		if action, ok := serviceref.LookupAction(v.node.Text); ok {
			list = append(list, namedAction{v, action})
		}
	}
	return list
}

type namedAction struct {
	value
	action *serviceref.Action
}

// actionsAndResources finds actions that are checked on no resource of their
// statement, so that the statement says nothing about them. An action of which
// no type is required may be checked on "*", which only "*" matches.
func (a *analysis) actionsAndResources(s *statement) {
	if !a.identityBased() && a.Kind != policy.ServiceControlPolicy || s.notResource || s.badResources || len(s.resources) == 0 {
		return
	}
	named := s.named()
	if len(named)*len(s.resources) > maxPairs {
		return
	}
	for _, n := range named {
		if len(n.action.Resources) == 0 {
			continue
		}
		if slices.ContainsFunc(s.resources, func(v value) bool { return len(n.action.ResourcesFor(v.node.Text)) > 0 }) {
			continue
		}
		if n.action.Service.Prefix == "kms" && slices.ContainsFunc(s.resources, func(v value) bool { return isAlias(v.node.Text) }) {
			a.aliases(s, n)
			continue
		}
		var formats []string
		for _, r := range n.action.Resources[:min(3, len(n.action.Resources))] {
			formats = append(formats, r.Type.ARN)
		}
		a.add("ACTION_WITHOUT_MATCHING_RESOURCE", []Location{n.location(), s.resourceElement().location()}, "it is checked on "+strings.Join(formats, ", "),
			fmt.Sprintf("The action %s is checked on no resource of this statement, which does not affect it.", n.action))
	}
}

func (s *statement) resourceElement() field {
	if f, ok := s.elements["Resource"]; ok {
		return f
	}
	return s.elements["NotResource"]
}

// actionsAndConditions finds condition keys that an action does not have.
func (a *analysis) actionsAndConditions(s *statement) {
	named := s.named()
	if len(named)*len(s.conditions) > maxPairs {
		return
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		if c.base == "" || c.ifExists || c.null() {
			continue // which ask about absence
		}
		a.fewServices(s, c)
		k, ok := serviceref.LookupKey(c.key.name)
		if !ok || k.Global || strings.Contains(strings.ToLower(k.Name), "tag/") {
			continue
		}
		a.unsupported(c, named)
	}
	a.missingActions(s)
}

func (a *analysis) unsupported(c *condition, named []namedAction) {
	var names []string
	var at []Location
	for _, n := range named {
		if !n.action.HasKey(c.key.name) {
			names = append(names, n.action.String())
			at = append(at, n.location())
		}
	}
	if len(names) == 0 {
		return
	}
	a.add("UNSUPPORTED_ACTION_FOR_CONDITION_KEY", append(at, c.key.key), "", fmt.Sprintf("The following actions: %s are not supported by the condition key %s. The condition will not be evaluated for these actions. We recommend that you move these actions to a different statement without this condition key.", strings.Join(names, ", "), c.key.name))
}

// sessionActions are the actions that let a session have what a key compares
// (IAM guide, "AWS STS condition keys").
var sessionActions = map[string]string{
	"sts:sourceidentity": "sts:SetSourceIdentity", "sts:transitivetagkeys": "sts:TagSession", "aws:tagkeys": "sts:TagSession", "aws:requesttag/": "sts:TagSession",
}

// missingActions finds conditions of a trust policy on session tags and source
// identities that nobody may set. A negated or IfExists operator holds without.
func (a *analysis) missingActions(s *statement) {
	if a.Kind != policy.TrustPolicy || !s.allows() || s.notAction || len(s.actions) == 0 {
		return
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		name := strings.ToLower(c.key.name)
		if strings.HasPrefix(name, "aws:requesttag/") {
			name = "aws:requesttag/"
		}
		action, ok := sessionActions[name]
		if !ok || c.negated() || c.ifExists || c.null() || c.set == "ForAllValues" {
			continue
		}
		if how, _ := s.grants(action); how == byNothing {
			a.at("MISSING_ACTION_FOR_CONDITION_KEY", c.key.key, "The %[1]s action must be in the action block to allow setting values for the condition key %[2]s. Add %[1]s to the action block.", action, c.key.name)
		}
	}
}

// endpointServices support the keys about the owner of a VPC endpoint (IAM guide,
// "AWS global condition context keys", aws:VpceAccount); and, besides these,
// organizationServices those about its organization (aws:VpceOrgID; the list of
// aws:VpceOrgPaths is taken to be the same).
var (
	endpointServices = []string{
		"apprunner", "discovery", "athena", "servicediscovery", "applicationinsights", "cloudformation", "comprehendmedical", "compute-optimizer", "ecr", "ecs",
		"kinesisanalytics", "route53", "datasync", "dynamodb", "ebs", "scheduler", "firehose", "gamelift", "medical-imaging", "healthlake", "omics", "iam",
		"iotfleetwise", "iotwireless", "kms", "lambda", "payment-cryptography", "polly", "acm-pca", "rbin", "rekognition", "servicequotas", "s3", "shield",
		"storagegateway", "ssm-contacts", "textract", "transcribe", "transfer",
	}
	organizationServices = []string{
		"b2bi", "cognito-identity", "dms", "ds-data", "identitystore", "iottwinmaker", "cassandra", "network-firewall", "sms-voice", "pricing", "ses", "sqs",
	}
)

func (a *analysis) fewServices(s *statement, c *condition) {
	name := strings.ToLower(c.key.name)
	var ok bool
	switch name {
	case "aws:vpceaccount", "aws:vpceorgid", "aws:vpceorgpaths":
		ok = !s.notAction && len(s.actions) > 0
	default:
		return
	}
	for _, v := range s.actions {
		service, _, _ := strings.Cut(strings.ToLower(v.node.Text), ":")
		ok = ok && (slices.Contains(endpointServices, service) || name != "aws:vpceaccount" && slices.Contains(organizationServices, service))
	}
	if !ok {
		a.at("USE_CONDITION_KEY_ONLY_WITH_SUPPORTED_SERVICES", c.key.key, "The condition key %s works only with specific AWS services and must be scoped to supported services in your policies.", c.key.name)
	}
}

// tagConditions finds conditions on aws:ResourceTag of actions that do not know
// it. A pattern is held against its whole service; "*" is taken to be meant.
func (a *analysis) tagConditions(s *statement) {
	if len(s.actions)*len(s.conditions) > maxPairs {
		return
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		if !strings.HasPrefix(strings.ToLower(c.key.name), "aws:resourcetag/") || c.ifExists || c.null() || c.negated() || s.effect == "" {
			continue
		}
		name := c.key.name
		if s.notAction {
			at := []Location{c.key.key, s.elements["NotAction"].key}
			if s.denies() {
				a.add("DENY_NOTACTION_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE", at, "", fmt.Sprintf("Using the effect Deny with NotAction and the tag condition key %s can be overly permissive because some service actions are not denied by this statement. This is because the condition key doesn't apply to some service actions. We recommend that you use Action instead of NotAction.", name))
			} else {
				a.add("ALLOW_NOTACTION_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE", at, "", fmt.Sprintf("Using the effect Allow with NotAction and the tag condition key %s allows only service actions that support the condition key. The condition key doesn't apply to some service actions. We recommend that you use Action instead of NotAction.", name))
			}
			continue
		}
		services, at := s.untagged()
		if len(services) == 0 {
			continue
		}
		at = append([]Location{c.key.key}, at...)
		const move = " We recommend that you move these actions to a different statement without this condition key."
		if s.denies() {
			a.add("DENY_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE", at, "", fmt.Sprintf("Using the effect Deny with the tag condition key %s and actions for services with the following prefixes can be overly permissive: %s. Actions for the listed services are not denied by this statement."+move, name, strings.Join(services, ", ")))
		} else {
			a.add("ALLOW_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE", at, "", fmt.Sprintf("Using the effect Allow with the tag condition key %s and actions for services with the following prefixes does not affect the policy: %s. Actions for the listed service are not allowed by this statement."+move, name, strings.Join(services, ", ")))
		}
	}
}

const resourceTag = "aws:ResourceTag/x"

// untagged lists the services of actions that do not know aws:ResourceTag.
func (s *statement) untagged() (services []string, at []Location) {
	for _, v := range s.actions {
		prefix, name, found := strings.Cut(v.node.Text, ":")
		service, ok := serviceref.Lookup(prefix)
		if !found || !ok {
			continue
		}
		if action, ok := service.Action(name); ok {
			if knowsTag(action) {
				continue
			}
		} else if _, ok := service.Key(resourceTag); ok {
			continue
		}
		at = append(at, v.location())
		if !slices.Contains(services, service.Prefix) {
			services = append(services, service.Prefix)
		}
	}
	return services, at
}

func knowsTag(action *serviceref.Action) bool {
	fits := func(k *serviceref.Key) bool { return k.Fits(resourceTag) }
	return slices.ContainsFunc(action.Keys, fits) || slices.ContainsFunc(action.Resources, func(r serviceref.ActionResource) bool {
		return slices.ContainsFunc(r.Keys, fits) || slices.ContainsFunc(r.Type.Keys, fits)
	})
}
