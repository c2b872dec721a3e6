package diagnose

import (
	"slices"
	"strings"
)

// MissingPermissions is the smallest policy that lets the doctor read what it was
// denied, empty if it was denied nothing. What it reads then may lead it to more.
func (r *Report) MissingPermissions() string {
	actions := make(map[string][]string) // by resource
	for _, u := range r.Unread {
		if !u.Denied {
			continue
		}
		on := r.resourceOf(&u)
		if !slices.Contains(actions[on], u.Call) {
			actions[on] = append(actions[on], u.Call)
		}
	}
	var resources []string
	for on, calls := range actions {
		slices.Sort(calls)
		resources = append(resources, on)
	}
	if len(resources) == 0 {
		return ""
	}
	slices.Sort(resources)
	var all []statement
	// Resources that take the same actions share a statement.
	for _, on := range resources {
		same := slices.IndexFunc(all, func(s statement) bool {
			return slices.Equal(s.Action.([]string), actions[on]) && s.Resource.([]string)[0] != "*" && on != "*"
		})
		if same >= 0 {
			all[same].Resource = append(all[same].Resource.([]string), on)
			continue
		}
		all = append(all, statement{Effect: "Allow", Action: actions[on], Resource: []string{on}})
	}
	return newDocument(all...)
}

// resourceOf is what the permission is needed on. Most that the doctor reads takes
// permissions on everything (Service Authorization Reference: no resource type).
func (r *Report) resourceOf(u *Unread) string {
	service, action, _ := strings.Cut(u.Call, ":")
	switch {
	case service == "kms" && action != "ListAliases" && strings.HasPrefix(u.key, "arn:"):
		return u.key
	case action == "GetPolicy" || action == "GetPolicyVersion":
		if arn, ok := strings.CutPrefix(u.What, "managed policy "); ok {
			return arn
		}
	case service == "iam" && r.Caller != nil && (strings.Contains(action, "User") || strings.Contains(action, "Role")):
		// A session's ARN, unlike an event, does not tell the path of its role.
		if r.Caller.Principal.RoleARN == "" || r.Caller.Source != commandLine {
			return (&Evidence{Caller: r.Caller}).target()
		}
	}
	return "*"
}
