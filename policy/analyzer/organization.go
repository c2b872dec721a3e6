package analyzer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// everyone wants the principal of a resource control policy to be the asterisk.
func (a *analysis) everyone(s *statement) {
	at := s.location()
	f, has := s.elements["Principal"]
	not, hasNot := s.elements["NotPrincipal"]
	switch {
	case hasNot:
		at = not.key
	case has && f.node.Kind == policy.StringNode && f.node.Text == "*":
		return
	case has:
		at = f.location()
	}
	a.at("RCP_SYNTAX_ERROR_PRINCIPAL", at, `The Principal element contents are not valid. RCPs only support specifying all principals ("*") in the Principal element. The NotPrincipal element is not supported for RCPs.`)
}

// organizations checks what only resource control policies have (Organizations
// guide, "RCP syntax").
func (a *analysis) organizations(s *statement) {
	if a.Kind != policy.ResourceControlPolicy {
		return
	}
	if f, ok := s.elements["NotAction"]; ok {
		a.at("RCP_SYNTAX_ERROR_NOTACTION", f.key, "RCPs do not support the NotAction element. Update to use the Action element.")
	}
	if s.allows() {
		a.allowAll(s)
		return
	}
	if !s.notAction {
		for _, v := range s.actions {
			service, _, _ := strings.Cut(v.node.Text, ":")
			if known, ok := serviceref.Lookup(service); v.node.Text == "*" || ok && !known.ResourceControl {
				a.add("RCP_SYNTAX_ERROR_ACTION", []Location{v.location()}, "name actions of services such as s3, sts, kms, sqs and secretsmanager",
					"RCPs only support specifying select service prefixes in the Action element. Learn more here.")
			}
		}
	}
	a.services(s)
}

// allowAll: the one statement that allows is that of RCPFullAWSAccess.
func (a *analysis) allowAll(s *statement) {
	whole := !s.has("Condition") && s.has("Resource") && len(s.resources) == 1 && s.resources[0].node.Text == "*"
	if !whole {
		a.at("RCP_SYNTAX_ERROR_ALLOW", s.location(), `RCPs only support specifying all principals ("*") in the Principal element, all resources ("*") in the Resource element, and no Condition element with an effect of Allow.`)
	}
}

// services finds conditions that hit services together with principals. Which
// keys are about principals and which about sources is in the IAM guide's "AWS
// global condition context keys".
func (a *analysis) services(s *statement) {
	if s.hasKey("aws:principalisawsservice") {
		a.sourceNull(s)
		return
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		name := strings.ToLower(c.key.name)
		const impact = "RCPs impact IAM roles, users, and AWS service principals. To prevent unintended impact to "
		switch {
		case slices.Contains(sources, name):
			a.at("RCP_MISSING_RELATED_SERVICE_PRINCIPAL_CONDITION_KEY", c.key.key, "%s", impact+fmt.Sprintf(`your principals, an additional statement should be added to the Condition block "BoolIfExists": { "aws:PrincipalIsAWSService": "true"} whenever the key %s is used.`, c.key.name))
		case strings.HasPrefix(name, "aws:principal") && !strings.HasPrefix(name, "aws:principalservicename"):
			a.at("RCP_MISSING_RELATED_PRINCIPAL_CONDITION_KEY", c.key.key, "%s", impact+fmt.Sprintf(`services acting on your behalf using a service principal, an additional statement should be added to the Condition block "BoolIfExists": { "aws:PrincipalIsAWSService": "false"} whenever a principal key %s is used.`, c.key.name))
		}
	}
	a.sourceNull(s)
}

// sourceNull: a service that calls without a source has no organization of one.
func (a *analysis) sourceNull(s *statement) {
	asked := false
	for i := range s.conditions {
		c := &s.conditions[i]
		name := strings.ToLower(c.key.name)
		asked = asked || c.null() && (name == "aws:sourceaccount" || name == "aws:sourcearn")
	}
	if asked {
		return
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		if name := strings.ToLower(c.key.name); name == "aws:sourceorgid" || name == "aws:sourceorgpaths" {
			a.at("RCP_MISSING_SERVICE_CONDITION_KEY_NULL_CHECK", c.key.key, `The specified service may have a service integration that does not require the use of the %[1]s condition key. To prevent unintended impact to services acting on your behalf using a service principal, an additional statement should be added to the Condition block "Null": { "aws:SourceAccount": "false"} or "Null": { "aws:SourceArn": "false"} whenever the key %[1]s is used.`, c.key.name)
		}
	}
}
