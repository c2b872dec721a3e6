package serviceref

import (
	"iter"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// AccessLevel is what an action does to a resource (Service Authorization
// Reference, "Access level").
type AccessLevel string

// The access levels.
const (
	List                  AccessLevel = "List"
	Read                  AccessLevel = "Read"
	Write                 AccessLevel = "Write"
	Tagging               AccessLevel = "Tagging"
	PermissionsManagement AccessLevel = "Permissions management"
)

// Action is one action of a service.
type Action struct {
	Service *Service
	Name    string // "CreateGrant"
	Level   AccessLevel
	// Resources are the resource types that the action is checked on. An action
	// without any is checked on "*" only.
	Resources []ActionResource
	// Keys are the condition keys of the action itself. See KeysFor for all.
	Keys []*Key
	// Dependents are the actions that a caller needs besides, such as
	// "iam:PassRole".
	Dependents []string
}

// ActionResource is a resource type as one action uses it.
type ActionResource struct {
	Type *ResourceType
	// Required: every request names such a resource, so a statement that leaves
	// the type out allows none.
	Required bool
	// Keys exist when the action is checked on this type.
	Keys []*Key
	// Dependents are needed besides when such a resource is named.
	Dependents []string
}

// String gives the action as policies name it: "kms:CreateGrant".
func (a *Action) String() string { return a.Service.Prefix + ":" + a.Name }

// LookupAction finds an action such as "kms:CreateGrant".
func LookupAction(name string) (*Action, bool) {
	prefix, name, found := strings.Cut(name, ":")
	if !found {
		return nil, false
	}
	s, ok := Lookup(prefix)
	if !ok {
		return nil, false
	}
	return s.Action(name)
}

// Action finds an action by its name without the prefix.
func (s *Service) Action(name string) (*Action, bool) {
	i, ok := slices.BinarySearchFunc(s.Actions, name, func(a *Action, name string) int { return compareFold(a.Name, name) })
	if !ok {
		return nil, false
	}
	return s.Actions[i], true
}

// Actions yields the actions that a value of an Action element matches, such as
// "kms:Create*", "s3:?etObject" or "*" (IAM guide, "IAM JSON policy elements:
// Action"), by service and name.
func Actions(pattern string) iter.Seq[*Action] {
	return func(yield func(*Action) bool) {
		service, name, found := strings.Cut(pattern, ":")
		if !found {
			if pattern != "*" {
				return
			}
			name = "*"
		}
		if s, ok := Lookup(service); ok {
			s.matching(name, yield)
			return
		}
		if !strings.ContainsAny(service, "*?") {
			return
		}
		for _, prefix := range Prefixes() {
			if s, _ := Lookup(prefix); policy.MatchAction(service, prefix) && !s.matching(name, yield) {
				return
			}
		}
	}
}

// matching yields the actions that a pattern without prefix matches, and says
// whether to go on.
func (s *Service) matching(pattern string, yield func(*Action) bool) bool {
	head, _, _ := strings.Cut(pattern, "*")
	head, _, wild := strings.Cut(head, "?")
	if !wild && head == pattern {
		if a, ok := s.Action(pattern); ok {
			return yield(a)
		}
		return true
	}
	i, _ := slices.BinarySearchFunc(s.Actions, head, func(a *Action, head string) int { return compareFold(a.Name, head) })
	for ; i < len(s.Actions); i++ {
		a := s.Actions[i]
		if len(a.Name) < len(head) || compareFold(a.Name[:len(head)], head) != 0 {
			break
		}
		if policy.MatchAction(pattern, a.Name) && !yield(a) {
			return false
		}
	}
	return true
}

// ResourcesFor lists what the resource that an ARN names, or that an ARN with
// wildcards or policy variables may name, is to the action: no entry if the
// action is never checked on such a resource, as kms:Encrypt on an alias. For "*" it
// lists all.
func (a *Action) ResourcesFor(arn string) []*ActionResource {
	var list []*ActionResource
	for i := range a.Resources {
		if r := &a.Resources[i]; r.Type.Fits(arn) {
			list = append(list, r)
		}
	}
	return list
}
