package iam

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/evaluation"
	"github.com/keyturn/keyturn/policy"
)

func (s *Service) simulationOperations() []api.Operation {
	return []api.Operation{
		read("SimulatePrincipalPolicy", onSource(func(in *iam.SimulatePrincipalPolicyInput) *string { return in.PolicySourceArn }), s.simulatePrincipalPolicy),
		read("SimulateCustomPolicy", everywhere, s.simulateCustomPolicy),
		read("GetContextKeysForPrincipalPolicy", onSource(func(in *iam.GetContextKeysForPrincipalPolicyInput) *string { return in.PolicySourceArn }), s.getContextKeysForPrincipalPolicy),
		read("GetContextKeysForCustomPolicy", everywhere, s.getContextKeysForCustomPolicy),
	}
}

// onSource is the target of an operation on a user, group or role that is named by
// its ARN: the ARN that it has, for the name counts and not the path.
func onSource[In any](of func(*In) *string) func(*api.Call, *In) (target, error) {
	return func(c *api.Call, in *In) (target, error) {
		n, ok := parseARN(value(of(in)))
		i := slices.IndexFunc([]*kind{userKind, groupKind, roleKind}, func(k *kind) bool { return k.noun == n.noun })
		if !ok || i < 0 || n.account != c.Account {
			return target{resource: value(of(in))}, nil
		}
		k := []*kind{userKind, groupKind, roleKind}[i]
		if _, err := k.load(c.Tx, c.Global(), n.name); isMissing(err) {
			return target{resource: value(of(in))}, nil
		}
		return onEntity(k, func(*In) *string { return &n.name })(c, in)
	}
}

// simulation is what the two simulators have in common.
type simulation struct {
	principal access.Principal
	policies  access.Policies
	actions   []string
	resources []string
	owner     string // account of the resources whose ARN tells none
	context   access.Context
}

func (s *Service) simulatePrincipalPolicy(c *api.Call, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	if len(in.PolicyExclusionList) > 0 {
		return nil, invalidInput("The parameter PolicyExclusionList is not supported.")
	}
	who, held, err := s.source(c, value(in.PolicySourceArn))
	if err != nil {
		return nil, err
	}
	sim := simulation{principal: who, policies: held, actions: in.ActionNames, resources: in.ResourceArns}
	if err := sim.input(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy, in.ContextEntries); err != nil {
		return nil, err
	}
	if err := sim.caller(c, in.CallerArn, in.ResourceOwner); err != nil {
		return nil, err
	}
	if err := s.controlled(c, &sim); err != nil {
		return nil, err
	}
	p, err := paginate(sim.run(), evaluationKey, in.Marker, in.MaxItems)
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
}

// controlled adds the SCPs of the account (IAM guide, "IAM policy testing with
// the IAM policy simulator").
func (s *Service) controlled(c *api.Call, sim *simulation) error {
	if s.organizations == nil {
		return nil
	}
	place, err := s.organizations.Membership(c.Tx, c.Account)
	if err != nil || place == nil {
		return err
	}
	sim.policies.ServiceControl, sim.policies.ManagementAccount = place.ServiceControl, place.ManagementAccount
	return nil
}

func (s *Service) simulateCustomPolicy(c *api.Call, in *iam.SimulateCustomPolicyInput) (*iam.SimulateCustomPolicyOutput, error) {
	if len(in.OrderedOrganizationPolicyInputList) > 0 {
		return nil, invalidInput("The parameter OrderedOrganizationPolicyInputList is not supported.")
	}
	sim := simulation{
		principal: access.Principal{Type: access.User, Partition: c.Partition, Account: c.Account},
		actions:   in.ActionNames, resources: in.ResourceArns,
	}
	if err := sim.input(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy, in.ContextEntries); err != nil {
		return nil, err
	}
	if err := sim.caller(c, in.CallerArn, in.ResourceOwner); err != nil {
		return nil, err
	}
	p, err := paginate(sim.run(), evaluationKey, in.Marker, in.MaxItems)
	return &iam.SimulateCustomPolicyOutput{EvaluationResults: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
}

func evaluationKey(r types.EvaluationResult) string {
	return *r.EvalActionName + " " + *r.EvalResourceName
}

// source is the user, group or role whose policies are asked about.
func (s *Service) source(c *api.Call, source string) (access.Principal, access.Policies, error) {
	p := access.Principal{Type: access.User, Partition: c.Partition, Account: c.Account, ARN: source}
	var out access.Policies
	n, ok := parseARN(source)
	if !ok || n.account != c.Account {
		return p, out, invalidInput("Invalid Entity Arn: %s does not clearly define entity type and name.", source)
	}
	scope := c.Global()
	switch n.noun {
	case "user":
		u, err := get(c.Tx, scope, users, "user", n.name)
		if err != nil {
			return p, out, err
		}
		p.UserID, p.Name, p.Tags = u.ID, u.Name, u.Tags.asMap()
		return p, out, s.allOf(c.Tx, scope, &u, &out)
	case "group":
		g, err := get(c.Tx, scope, groups, "group", n.name)
		if err != nil {
			return p, out, err
		}
		return p, out, s.held(c.Tx, scope, &g.holder, "group", &out)
	case "role":
		r, err := get(c.Tx, scope, roles, "role", n.name)
		if err != nil {
			return p, out, err
		}
		p.Type, p.RoleARN, p.RoleID, p.Tags = access.RoleSession, source, r.ID, r.Tags.asMap()
		return p, out, s.held(c.Tx, scope, &r.holder, "role", &out)
	}
	return p, out, invalidInput("Invalid Entity Arn: %s does not clearly define entity type and name.", source)
}

// input reads the policies and the context that come with the request.
func (m *simulation) input(identity, boundary []string, resource *string, entries []types.ContextEntry) error {
	for i, text := range identity {
		p, err := checkIdentity(text)
		if err != nil {
			return invalidInput("%s", inputReason(err))
		}
		m.policies.Identity = append(m.policies.Identity, access.Document{Name: fmt.Sprintf("PolicyInputList.%d", i+1), Policy: p})
	}
	for i, text := range boundary {
		p, err := checkIdentity(text)
		if err != nil {
			return invalidInput("%s", inputReason(err))
		}
		m.policies.Boundary = &access.Document{Name: fmt.Sprintf("PermissionsBoundaryPolicyInputList.%d", i+1), Policy: p}
	}
	if resource != nil {
		p, err := policy.Parse([]byte(*resource))
		if err != nil {
			return invalidInput("Syntax errors in policy.")
		}
		m.policies.Resource = &access.ResourcePolicy{Document: access.Document{Name: "ResourcePolicy", Policy: p}}
	}
	for _, e := range entries {
		m.context.Set(value(e.ContextKeyName), slices.Clone(e.ContextKeyValues)...)
	}
	return nil
}

// inputReason is the message of a document's error, without its code.
func inputReason(err error) string {
	if e := new(types.MalformedPolicyDocumentException); errors.As(err, &e) {
		return value(e.Message)
	}
	return err.Error()
}

// caller sets who the request is simulated for and who owns the resources.
func (m *simulation) caller(c *api.Call, caller, owner *string) error {
	if caller != nil {
		n, ok := parseARN(*caller)
		if !ok || n.noun != "user" {
			return invalidInput("Invalid Caller Arn: %s. Only user ARNs are supported.", *caller)
		}
		m.principal.Type, m.principal.ARN, m.principal.Name, m.principal.Account = access.User, *caller, n.name, n.account
	}
	if m.principal.ARN == "" {
		m.principal.ARN = arn(c, "user", "/", "simulated")
	}
	if owner != nil {
		m.owner = *owner
		if n, ok := parseARN(*owner); ok {
			m.owner = n.account
		}
	}
	if len(m.resources) == 0 {
		m.resources = []string{"*"}
	}
	return nil
}

// run evaluates every action on every resource.
func (m *simulation) run() []types.EvaluationResult {
	var asked []evaluation.Asked
	for _, a := range m.actions {
		for _, r := range m.resources {
			asked = append(asked, evaluation.Asked{
				Decision: access.Decide(access.Request{
					Principal: m.principal, Action: a, Resource: r, ResourceAccount: m.ownerOf(r), Context: m.context,
				}, m.policies),
				Policies: &m.policies,
			})
		}
	}
	var out []types.EvaluationResult
	for _, r := range evaluation.Results(asked) {
		out = append(out, evaluationResult(&r))
	}
	return out
}

// ownerOf is the account of a resource: ResourceOwner is for those whose ARN does
// not tell (IAM API reference, "SimulatePrincipalPolicy").
func (m *simulation) ownerOf(resource string) string {
	if parts := strings.SplitN(resource, ":", 6); len(parts) == 6 && parts[4] != "" && parts[4] != "*" {
		return parts[4]
	}
	return m.owner
}
