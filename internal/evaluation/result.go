// Package evaluation gives decisions the form in which AWS's policy simulator
// answers: EvaluationResult of SimulatePrincipalPolicy and SimulateCustomPolicy
// (IAM API reference, "EvaluationResult", "ResourceSpecificResult").
//
// AWS's simulator knows no "depends": such a decision is an implicitDeny here,
// and MissingContextValues names the keys that were not given.
package evaluation

import (
	"maps"
	"slices"

	"github.com/keyturn/keyturn/access"
)

// Asked is a decision with the policies that it was made from.
type Asked struct {
	Decision access.Decision
	Policies *access.Policies
}

// Result is one EvaluationResult: an action's, over all the resources asked about.
type Result struct {
	EvalActionName string
	// EvalResourceName is the resource where one was asked about, as AWS was seen
	// to answer, and "*" where there were several or none. AWS documents the ARN
	// format of the action's resource type for several.
	EvalResourceName string
	// EvalDecision is the most restrictive of the resources' decisions.
	EvalDecision         access.Outcome
	MatchedStatements    []Statement
	MissingContextValues []string
	// OrganizationsDecisionDetail is nil where no SCPs were evaluated.
	OrganizationsDecisionDetail *OrganizationsDecision `json:",omitempty"`
	// PermissionsBoundaryDecisionDetail is nil where there is no boundary.
	PermissionsBoundaryDecisionDetail *BoundaryDecision `json:",omitempty"`
	// EvalDecisionDetails is filled across accounts only, empty within one, and nil
	// where all resources were asked about or an SCP ended the evaluation.
	EvalDecisionDetails     map[string]access.Outcome `json:",omitzero"`
	ResourceSpecificResults []ResourceResult          `json:",omitempty"`
}

// ResourceResult is one ResourceSpecificResult.
type ResourceResult struct {
	EvalResourceName                  string
	EvalResourceDecision              access.Outcome
	MatchedStatements                 []Statement
	MissingContextValues              []string                  `json:",omitempty"`
	EvalDecisionDetails               map[string]access.Outcome `json:",omitempty"`
	PermissionsBoundaryDecisionDetail *BoundaryDecision         `json:",omitempty"`
}

// OrganizationsDecision tells whether the SCPs let the request through.
type OrganizationsDecision struct{ AllowedByOrganizations bool }

// BoundaryDecision tells whether the permissions boundary does.
type BoundaryDecision struct{ AllowedByPermissionsBoundary bool }

// The names by which AWS was seen to call types of policy, in SourcePolicyType.
// That EvalDecisionDetails uses the same is assumed.
const (
	identityPolicy = "IAM Policy"
	resourcePolicy = "Resource Policy"
	boundaryPolicy = "Permissions Boundary Policy"
)

// Results gives one result for each principal and action, in the order in which
// they were first asked about (IAM API reference, "EvaluationResult": one result
// an action, however many resources).
func Results(asked []Asked) []Result {
	type key struct{ principal, action string }
	var order []key
	groups := make(map[key][]Asked)
	for _, a := range asked {
		r := &a.Decision.Request
		k := key{r.Principal.ARN + r.Principal.ServicePrincipal, r.Action}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], a)
	}
	results := []Result{}
	for _, k := range order {
		results = append(results, result(groups[k]))
	}
	return results
}

// result is one action's.
func result(asked []Asked) Result {
	r := Result{
		EvalActionName: asked[0].Decision.Request.Action, EvalResourceName: "*", EvalDecision: access.Allowed,
		MatchedStatements: []Statement{}, MissingContextValues: []string{},
	}
	if len(asked) == 1 {
		r.EvalResourceName = asked[0].Decision.Request.Resource
	}
	for i := range asked {
		a := &asked[i]
		one := a.one()
		if severity(one.EvalResourceDecision) > severity(r.EvalDecision) {
			r.EvalDecision = one.EvalResourceDecision
		}
		r.MatchedStatements = union(r.MatchedStatements, one.MatchedStatements)
		r.MissingContextValues = union(r.MissingContextValues, one.MissingContextValues)
		if o := a.organizations(); o != nil && (r.OrganizationsDecisionDetail == nil || !o.AllowedByOrganizations) {
			r.OrganizationsDecisionDetail = o
		}
		if b := one.PermissionsBoundaryDecisionDetail; b != nil && (r.PermissionsBoundaryDecisionDetail == nil || !b.AllowedByPermissionsBoundary) {
			r.PermissionsBoundaryDecisionDetail = b
		}
		if one.EvalResourceName == "*" {
			continue
		}
		r.EvalDecisionDetails = strictest(r.EvalDecisionDetails, one.EvalDecisionDetails)
		r.ResourceSpecificResults = append(r.ResourceSpecificResults, one)
	}
	slices.Sort(r.MissingContextValues)
	if o := r.OrganizationsDecisionDetail; o != nil && !o.AllowedByOrganizations {
		r.EvalDecisionDetails = nil
	}
	return r
}

// one is the result for one resource.
func (a *Asked) one() ResourceResult {
	r := ResourceResult{
		EvalResourceName: a.Decision.Request.Resource, EvalResourceDecision: decision(a.Decision.Outcome),
		MatchedStatements: a.matched(), MissingContextValues: a.missing(), EvalDecisionDetails: a.details(),
	}
	if l := a.layer(access.BoundaryLayer); l != nil && a.Policies.Boundary != nil {
		r.PermissionsBoundaryDecisionDetail = &BoundaryDecision{l.Verdict == access.Allows}
	}
	return r
}

// organizations is nil where no SCP bears on the request, or none could be read.
func (a *Asked) organizations() *OrganizationsDecision {
	l := a.layer(access.ServiceControlLayer)
	if l == nil || len(a.Policies.ServiceControl) == 0 || l.Verdict == access.Unknown {
		return nil
	}
	return &OrganizationsDecision{l.Verdict == access.Allows}
}

// details tells, across accounts, what each type of policy says by itself.
func (a *Asked) details() map[string]access.Outcome {
	r := &a.Decision.Request
	if r.ResourceAccount == "" || r.ResourceAccount == r.Principal.Account {
		return nil
	}
	all := make(map[string]access.Outcome)
	for name, layer := range map[string]access.Layer{
		identityPolicy: access.IdentityLayer, resourcePolicy: access.ResourceLayer, boundaryPolicy: access.BoundaryLayer,
	} {
		l := a.layer(layer)
		if l == nil {
			continue
		}
		switch l.Verdict {
		case access.Allows:
			all[name] = access.Allowed
		case access.Denies:
			all[name] = access.ExplicitDeny
		default:
			all[name] = access.ImplicitDeny
		}
	}
	return all
}

func (a *Asked) layer(name access.Layer) *access.LayerVerdict {
	for i := range a.Decision.Layers {
		if a.Decision.Layers[i].Layer == name {
			return &a.Decision.Layers[i]
		}
	}
	return nil
}

// decision is an outcome in the simulator's words, which has no "depends".
func decision(o access.Outcome) access.Outcome {
	if o == access.Depends {
		return access.ImplicitDeny
	}
	return o
}

func severity(o access.Outcome) int {
	return slices.Index([]access.Outcome{access.Allowed, access.ImplicitDeny, access.ExplicitDeny}, o)
}

// strictest is, for each type of policy, the more restrictive of two decisions.
func strictest(a, b map[string]access.Outcome) map[string]access.Outcome {
	all := make(map[string]access.Outcome, len(a))
	maps.Copy(all, a)
	for name, o := range b {
		if old, ok := all[name]; !ok || severity(o) > severity(old) {
			all[name] = o
		}
	}
	return all
}

// union adds what is not there yet.
func union[T comparable](list, more []T) []T {
	for _, v := range more {
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}
