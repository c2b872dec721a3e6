package iam

import (
	"maps"
	"slices"
)

// LinkedServices are the services that have a linked role.
func LinkedServices() []string { return slices.Sorted(maps.Keys(linkedServices)) }
