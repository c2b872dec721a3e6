package serviceref

import (
	"iter"
	"strings"
)

// Service is an AWS service as policies know it.
type Service struct {
	Prefix string // "kms"
	Name   string // "AWS Key Management Service"
	// ResourceControl: resource control policies reach the service
	// (Organizations guide, "List of AWS services that support RCPs").
	ResourceControl bool
	// Each list is sorted by name.
	Actions       []*Action
	ResourceTypes []*ResourceType
	// Keys are the condition keys that the service lists: its own, and those of
	// all services that it documents for its actions.
	Keys []*Key
}

// Lookup finds a service by its prefix.
func Lookup(prefix string) (*Service, bool) {
	e, ok := table().services[strings.ToLower(prefix)]
	if !ok {
		return nil, false
	}
	return e.service(), true
}

// Prefixes lists the prefix of every service, sorted.
func Prefixes() []string { return table().prefixes }

// Services yields every service, sorted by prefix.
func Services() iter.Seq[*Service] {
	return func(yield func(*Service) bool) {
		t := table()
		for _, p := range t.prefixes {
			if !yield(t.services[p].service()) {
				return
			}
		}
	}
}
