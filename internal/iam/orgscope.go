package iam

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// orgScope is the part of an organization that a report is about. It is read with
// the caller's own permissions, through Organizations' operations.
type orgScope struct {
	// levels are the policies from the root down, a list for each level; all
	// services are open where there is none.
	levels   [][]*policy.Policy
	accounts []orgAccount
}

// orgAccount is an account with its path: "o-…/r-…/ou-…/210987654321".
type orgAccount struct{ id, path string }

// allows reports whether every level leaves some action of a service. What is
// denied on one level is denied on all.
func (o *orgScope) allows(s *serviceref.Service) bool {
	if o.levels == nil {
		return true
	}
	all := newPotential(slices.Concat(o.levels...)...).of(s.Prefix)
	levels := make([]potential, 0, len(o.levels))
	for _, l := range o.levels {
		p := newPotential(l...).of(s.Prefix)
		p.denies = all.denies
		if len(p.allows) == 0 {
			return false
		}
		levels = append(levels, p)
	}
	return slices.ContainsFunc(s.Actions, func(a *serviceref.Action) bool {
		return !slices.ContainsFunc(levels, func(p potential) bool { return !p.mayAllow(a) })
	})
}

// orgReader asks Organizations on the caller's behalf.
type orgReader struct{ c *api.Call }

func newOrgReader(c *api.Call) orgReader { return orgReader{c.Forward("iam", iamService)} }

// readOrgScope follows a path down from the root. The management account is not
// limited by policies, and is in no report but its own (IAM guide, "View last
// accessed information for Organizations").
func readOrgScope(c *api.Call, path, policyID string) (*orgScope, *failure, error) {
	o := newOrgReader(c)
	ids := strings.Split(path, "/")[1:]
	roots, err := api.Invoke[organizations.ListRootsOutput](o.c, "organizations", "ListRoots", &organizations.ListRootsInput{})
	if err != nil {
		return nil, nil, err
	}
	if len(roots.Roots) == 0 || aws.ToString(roots.Roots[0].Id) != ids[0] {
		return nil, unknownEntity, nil
	}
	for i, id := range ids[1:] {
		kind := types.ChildTypeOrganizationalUnit
		if accountPattern.MatchString(id) {
			kind = types.ChildTypeAccount
		}
		in, err := o.children(ids[i], kind)
		if err != nil {
			return nil, nil, err
		}
		if accountPattern.MatchString(ids[i]) || !slices.Contains(in, id) {
			return nil, unknownEntity, nil
		}
	}
	entity := ids[len(ids)-1]
	if entity == c.Account {
		return &orgScope{accounts: []orgAccount{{entity, path}}}, nil, nil
	}
	scope := &orgScope{}
	if scope.accounts, err = o.accounts(entity, path); err != nil {
		return nil, nil, err
	}
	if policyID != "" {
		wrong, err := o.one(scope, policyID, entity, path)
		return scope, wrong, err
	}
	for _, id := range ids {
		level, err := o.policies(id)
		if err != nil {
			return nil, nil, err
		}
		scope.levels = append(scope.levels, level)
	}
	return scope, nil, nil
}

// one narrows a scope to one policy, and to the accounts that it bears on from
// where it is attached at or below the entity.
func (o orgReader) one(scope *orgScope, policyID, entity, path string) (*failure, error) {
	p, err := o.policy(policyID)
	if _, unknown := errors.AsType[*types.PolicyNotFoundException](err); unknown {
		return unknownOrgRules, nil
	}
	if err != nil {
		return nil, err
	}
	scope.levels = [][]*policy.Policy{{p}}
	var targets []string
	in := &organizations.ListTargetsForPolicyInput{PolicyId: &policyID}
	for {
		out, err := api.Invoke[organizations.ListTargetsForPolicyOutput](o.c, "organizations", "ListTargetsForPolicy", in)
		if err != nil {
			return nil, err
		}
		for _, t := range out.Targets {
			targets = append(targets, aws.ToString(t.TargetId))
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	scope.accounts = filter(scope.accounts, func(a orgAccount) bool {
		below := entity + strings.TrimPrefix(a.path, path)
		return slices.ContainsFunc(strings.Split(below, "/"), func(id string) bool { return slices.Contains(targets, id) })
	})
	return nil, nil
}

// children are the ids of the units or accounts in a root or unit.
func (o orgReader) children(parent string, kind types.ChildType) ([]string, error) {
	var ids []string
	in := &organizations.ListChildrenInput{ParentId: &parent, ChildType: kind}
	for {
		out, err := api.Invoke[organizations.ListChildrenOutput](o.c, "organizations", "ListChildren", in)
		if _, unknown := errors.AsType[*types.ParentNotFoundException](err); unknown {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, c := range out.Children {
			ids = append(ids, aws.ToString(c.Id))
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return ids, nil
		}
	}
}

// accounts are those at or below an entity, without the management account.
func (o orgReader) accounts(entity, path string) ([]orgAccount, error) {
	if accountPattern.MatchString(entity) {
		return []orgAccount{{entity, path}}, nil
	}
	in, err := o.children(entity, types.ChildTypeAccount)
	if err != nil {
		return nil, err
	}
	var all []orgAccount
	for _, id := range in {
		if id != o.c.Account {
			all = append(all, orgAccount{id, path + "/" + id})
		}
	}
	units, err := o.children(entity, types.ChildTypeOrganizationalUnit)
	if err != nil {
		return nil, err
	}
	for _, id := range units {
		below, err := o.accounts(id, path+"/"+id)
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}

// policies are the SCPs that are attached to a root, unit or account.
func (o orgReader) policies(target string) ([]*policy.Policy, error) {
	var all []*policy.Policy
	in := &organizations.ListPoliciesForTargetInput{TargetId: &target, Filter: types.PolicyTypeServiceControlPolicy}
	for {
		out, err := api.Invoke[organizations.ListPoliciesForTargetOutput](o.c, "organizations", "ListPoliciesForTarget", in)
		if err != nil {
			return nil, err
		}
		for _, p := range out.Policies {
			read, err := o.policy(aws.ToString(p.Id))
			if err != nil {
				return nil, err
			}
			all = append(all, read)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}

func (o orgReader) policy(id string) (*policy.Policy, error) {
	out, err := api.Invoke[organizations.DescribePolicyOutput](o.c, "organizations", "DescribePolicy", &organizations.DescribePolicyInput{PolicyId: &id})
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse([]byte(aws.ToString(out.Policy.Content)))
	if err != nil {
		return nil, fmt.Errorf("iam: policy %s of an organization: %w", id, err)
	}
	return p, nil
}
