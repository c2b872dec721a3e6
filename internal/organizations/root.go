package organizations

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
)

// root is the top of the tree.
type root struct{ ID, Name string }

func (s *Service) rootOperations() []api.Operation {
	return []api.Operation{
		read("ListRoots", nil, listRoots),
		change("EnablePolicyType", func(_ *api.Call, o *organization, in *organizations.EnablePolicyTypeInput) target {
			return o.onType(in.RootId, in.PolicyType)
		}, enablePolicyType),
		change("DisablePolicyType", func(_ *api.Call, o *organization, in *organizations.DisablePolicyTypeInput) target {
			return o.onType(in.RootId, in.PolicyType)
		}, disablePolicyType),
	}
}

func (o *organization) onType(id *string, kind types.PolicyType) target {
	t := on(o.arn("root", "/"+aws.ToString(id)))
	t.context.Set("organizations:PolicyType", string(kind))
	return t
}

func (o *organization) describeRoot() types.Root {
	out := types.Root{
		Id: aws.String(o.Root.ID), Arn: aws.String(o.arnOf(o.Root.ID)), Name: aws.String(o.Root.Name),
		PolicyTypes: []types.PolicyTypeSummary{},
	}
	for _, kind := range types.PolicyType("").Values() {
		if o.Enabled[kind] {
			out.PolicyTypes = append(out.PolicyTypes, types.PolicyTypeSummary{Type: kind, Status: types.PolicyTypeStatusEnabled})
		}
	}
	return out
}

func listRoots(c *api.Call, in *organizations.ListRootsInput) (*organizations.ListRootsOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	items, next, err := paginate([]types.Root{o.describeRoot()}, func(r types.Root) string { return *r.Id }, in.NextToken, in.MaxResults)
	return &organizations.ListRootsOutput{Roots: items, NextToken: next}, err
}

func enablePolicyType(_ *api.Call, o *organization, in *organizations.EnablePolicyTypeInput) (*organizations.EnablePolicyTypeOutput, error) {
	if aws.ToString(in.RootId) != o.Root.ID {
		return nil, rootNotFound()
	}
	if o.Features != types.OrganizationFeatureSetAll {
		return nil, &types.PolicyTypeNotAvailableForOrganizationException{Message: aws.String("You can't use the specified policy type with the feature set currently enabled for this organization.")}
	}
	if o.Enabled[in.PolicyType] {
		return nil, &types.PolicyTypeAlreadyEnabledException{Message: aws.String("The specified policy type is already enabled.")}
	}
	o.enable(in.PolicyType)
	r := o.describeRoot()
	return &organizations.EnablePolicyTypeOutput{Root: &r}, nil
}

// enable attaches the policy that allows everything everywhere, where the type
// has one: what nobody allows is denied (Organizations guide, "SCP evaluation").
func (o *organization) enable(kind types.PolicyType) {
	if o.Enabled == nil {
		o.Enabled = map[types.PolicyType]bool{}
	}
	o.Enabled[kind] = true
	full, ok := fullAccess[kind]
	if !ok {
		return
	}
	for _, id := range o.everything() {
		o.Attached[id] = append([]string{full}, o.Attached[id]...)
	}
}

func disablePolicyType(_ *api.Call, o *organization, in *organizations.DisablePolicyTypeInput) (*organizations.DisablePolicyTypeOutput, error) {
	if aws.ToString(in.RootId) != o.Root.ID {
		return nil, rootNotFound()
	}
	if !o.Enabled[in.PolicyType] {
		return nil, &types.PolicyTypeNotEnabledException{Message: aws.String("This operation can be performed only for enabled policy types.")}
	}
	delete(o.Enabled, in.PolicyType)
	// All attachments of the type are lost (Organizations API reference, "DisablePolicyType").
	for _, id := range o.everything() {
		o.detachAll(id, in.PolicyType)
	}
	r := o.describeRoot()
	return &organizations.DisablePolicyTypeOutput{Root: &r}, nil
}

// everything is what policies can be attached to: the root, units and accounts.
func (o *organization) everything() []string {
	all := []string{o.Root.ID}
	for id := range o.Units {
		all = append(all, id)
	}
	for id := range o.Accounts {
		all = append(all, id)
	}
	return all
}
