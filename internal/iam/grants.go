package iam

import (
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// What follows tells which services policies give some access to, as IAM's
// reports want to know it: whoever looks at them decides what to take away. They
// do not decide requests. Conditions are taken to hold for what is allowed and
// not to hold for what is denied (IAM guide, "Refine permissions in AWS using
// last accessed information", on what the reports include).

// potential is what some policies together may allow.
type potential struct{ allows, denies []*policy.Statement }

func newPotential(documents ...*policy.Policy) potential {
	var p potential
	for _, d := range documents {
		for i := range d.Len() {
			switch st := d.Statement(i); {
			case st.Effect() == policy.Allow:
				p.allows = append(p.allows, st)
			case len(st.Conditions()) == 0:
				p.denies = append(p.denies, st)
			}
		}
	}
	return p
}

// of is the part that bears on a service: most do on few.
func (p potential) of(service string) potential {
	touches := func(st *policy.Statement) bool { return names(st, service) }
	return potential{allows: filter(p.allows, touches), denies: filter(p.denies, touches)}
}

// names reports whether a statement may be about a service.
func names(st *policy.Statement, service string) bool {
	if len(st.NotActions()) > 0 {
		return true
	}
	return slices.ContainsFunc(st.Actions(), func(a string) bool { return inService(a, service) })
}

// inService reports whether an Action's value is about a service.
func inService(action, service string) bool {
	prefix, _, _ := strings.Cut(action, ":")
	return action == "*" || strings.EqualFold(prefix, service)
}

// allowed are the actions of a service that may be allowed on some resource;
// only the first if one is enough.
func (p potential) allowed(s *serviceref.Service, one bool) []*serviceref.Action {
	p = p.of(s.Prefix)
	if len(p.allows) == 0 {
		return nil
	}
	var found []*serviceref.Action
	for _, a := range s.Actions {
		if !p.mayAllow(a) {
			continue
		}
		found = append(found, a)
		if one {
			break
		}
	}
	return found
}

// mayAllow reports whether some resource is left on which an action is allowed.
func (p potential) mayAllow(a *serviceref.Action) bool {
	for _, st := range p.allows {
		if !about(st, a.String()) {
			continue
		}
		if len(st.NotResources()) > 0 {
			if !slices.Contains(st.NotResources(), "*") && !p.denied(a, "*") {
				return true
			}
			continue
		}
		for _, r := range st.Resources() {
			fits := r == "*" || len(a.ResourcesFor(r)) > 0
			if fits && !p.denied(a, r) {
				return true
			}
		}
	}
	return false
}

// denied reports whether an action is denied on all that an Allow's Resource
// value names.
func (p potential) denied(a *serviceref.Action, resource string) bool {
	return slices.ContainsFunc(p.denies, func(st *policy.Statement) bool {
		return about(st, a.String()) && slices.ContainsFunc(st.Resources(), func(r string) bool {
			return r == "*" || r == resource || strings.HasSuffix(r, "*") && strings.HasPrefix(resource, strings.TrimSuffix(r, "*")) && !strings.ContainsAny(strings.TrimSuffix(r, "*"), "*?$")
		})
	})
}

// about reports whether a statement is about an action.
func about(st *policy.Statement, action string) bool {
	matches := func(pattern string) bool { return policy.MatchAction(pattern, action) }
	if not := st.NotActions(); len(not) > 0 {
		return !slices.ContainsFunc(not, matches)
	}
	return slices.ContainsFunc(st.Actions(), matches)
}

// grants reports whether a document, by itself, gives some access to a service,
// be its actions known or not. Only a deny of the whole service, everywhere,
// takes it back.
func grants(d *policy.Policy, s *serviceref.Service) bool {
	p := newPotential(d).of(s.Prefix)
	whole := s.Prefix + ":*"
	covers := func(pattern string) bool { return pattern == "*" || strings.EqualFold(pattern, whole) }
	if slices.ContainsFunc(p.denies, func(st *policy.Statement) bool {
		return slices.ContainsFunc(st.Actions(), covers) && slices.Contains(st.Resources(), "*")
	}) {
		return false
	}
	return slices.ContainsFunc(p.allows, func(st *policy.Statement) bool {
		if slices.ContainsFunc(st.NotActions(), covers) {
			return false
		}
		if len(st.NotResources()) > 0 {
			return !slices.Contains(st.NotResources(), "*")
		}
		return slices.ContainsFunc(st.Resources(), func(r string) bool {
			return r == "*" || slices.ContainsFunc(s.ResourceTypes, func(t *serviceref.ResourceType) bool { return t.Fits(r) })
		})
	})
}

func filter[T any](list []T, keep func(T) bool) []T {
	var out []T
	for _, v := range list {
		if keep(v) {
			out = append(out, v)
		}
	}
	return out
}

// tracked are the services whose actions are told apart in reports: those of
// which the cloud records what is attempted. AWS publishes no list of actions in
// a form that is in the tables here, but reports none of EC2's Describe actions.
var tracked = map[string]bool{
	"autoscaling": true, "cloudtrail": true, "ec2": true, "iam": true, "kms": true, "organizations": true, "sts": true,
}

// permissionOnly are the actions of those services that are no operations: there
// is no attempt of one by itself.
var permissionOnly = map[string]bool{
	"iam:PassRole": true, "kms:ReEncryptFrom": true, "kms:ReEncryptTo": true,
	"sts:SetContext": true, "sts:SetSourceIdentity": true, "sts:TagSession": true,
}

// isTracked reports whether reports tell of an action by itself.
func isTracked(a *serviceref.Action) bool {
	return tracked[a.Service.Prefix] && !permissionOnly[a.String()] && !(a.Service.Prefix == "ec2" && strings.HasPrefix(a.Name, "Describe"))
}

// serviceNames are services that reports call otherwise than the Service
// Authorization Reference does.
var serviceNames = map[string]string{"iam": "AWS Identity and Access Management"}

func serviceName(s *serviceref.Service) string {
	if n, ok := serviceNames[s.Prefix]; ok {
		return n
	}
	return s.Name
}
