package analyzer

import (
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// broad is a pair of families of checks: an action on roles that is dangerous
// with all roles.
type broad struct {
	action string
	// code starts the codes of the family.
	code string
	// key is a condition key that narrows the roles as well as a resource does.
	key string
	// words complete the details: "Using … with NotResource can be overly
	// permissive because …".
	danger, remedy string
}

// broadRoleActions are passing a role to a service, and creating a service-linked
// role. AWS says of iam:PassedToService that it helps; iam:AWSServiceName, which
// narrows the other action alike, is taken to help too.
var broadRoleActions = [...]broad{
	{
		action: "iam:PassRole", code: "PASS_ROLE", key: "iam:passedtoservice",
		danger: "can be overly permissive because it can allow iam:PassRole permissions on multiple resources.",
		remedy: " We recommend that you specify resource ARNs or add the iam:PassedToService condition key to your statement.",
	},
	{
		action: "iam:CreateServiceLinkedRole", code: "CREATE_SLR", key: "iam:awsservicename",
		danger: "can allow creation of unintended service-linked roles because it can allow iam:CreateServiceLinkedRole permissions on multiple resources.",
		remedy: " We recommend that you specify resource ARNs instead.",
	},
}

// holding is how a statement's actions hold an action.
type holding int

const (
	byNothing holding = iota
	byName
	byWildcard
	byExclusion // NotAction leaves it in
)

// forms end the codes of a family, and say what the details complain of: with
// NotResource, and with a resource that holds all roles.
var forms = map[holding]struct{ notResource, usingNotResource, star, usingStar string }{
	byName:      {"_WITH_NOT_RESOURCE", "the %s action with NotResource", "_WITH_STAR_IN_RESOURCE", "the %s action with wildcards (*) in the resource"},
	byWildcard:  {"_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE", "an action with a wildcard (*) and NotResource", "_WITH_STAR_IN_ACTION_AND_RESOURCE", "wildcards (*) in the action and the resource"},
	byExclusion: {"_WITH_NOT_ACTION_AND_NOT_RESOURCE", "NotAction with NotResource", "_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION", "a resource with wildcards (*) and NotAction"},
}

// broadRoles finds statements that allow an action on roles for all roles.
func (a *analysis) broadRoles(s *statement) {
	if !a.identityBased() || !s.allows() || len(s.actions) == 0 {
		return
	}
	for _, b := range broadRoleActions {
		how, at := s.grants(b.action)
		if how == byNothing {
			continue
		}
		form := forms[how]
		using := func(format string) string {
			return "Using " + strings.Replace(format, "%s", b.action, 1) + " " + b.danger
		}
		if s.notResource {
			a.add(Code(b.code+form.notResource), []Location{at, s.elements["NotResource"].location()}, "",
				using(form.usingNotResource)+" We recommend that you specify resource ARNs instead.")
			continue
		}
		if star, found := s.everyRole(); found && !s.hasKey(b.key) {
			a.add(Code(b.code+form.star), []Location{at, star}, "", using(form.usingStar)+b.remedy)
		}
	}
}

// grants tells how a statement's actions hold one, and where.
func (s *statement) grants(action string) (how holding, at Location) {
	if s.notAction {
		for _, v := range s.actions {
			if policy.MatchAction(v.node.Text, action) {
				return byNothing, Location{}
			}
		}
		return byExclusion, s.elements["NotAction"].location()
	}
	for _, v := range s.actions {
		switch {
		case strings.EqualFold(v.node.Text, action):
			return byName, v.location()
		case how == byNothing && policy.MatchAction(v.node.Text, action):
			how, at = byWildcard, v.location()
		}
	}
	return how, at
}

// everyRole finds a resource that holds all roles of an account: the guide says
// that a name with a start, such as role/Service*, may be meant.
func (s *statement) everyRole() (Location, bool) {
	for _, v := range s.resources {
		text := v.node.Text
		resource := text
		if part := strings.SplitN(text, ":", 6); len(part) == 6 {
			resource = part[5]
		}
		switch resource {
		case "*", "role/*", "role*", "role/aws-service-role/*":
			return v.location(), true
		}
	}
	return Location{}, false
}
