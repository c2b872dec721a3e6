package organizations

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
)

// The quotas of units (Organizations guide, "Quotas and service limits").
const (
	unitsMax = 2000 // OUs in an organization
	depthMax = 5    // OU maximum nesting in a root
)

// unit is an organizational unit.
type unit struct{ ID, Name, Parent string }

func (s *Service) unitOperations() []api.Operation {
	return []api.Operation{
		change("CreateOrganizationalUnit", func(_ *api.Call, o *organization, in *organizations.CreateOrganizationalUnitInput) target {
			return tagging(on(o.arnOf(aws.ToString(in.ParentId))), in.Tags)
		}, createUnit),
		change("UpdateOrganizationalUnit", func(_ *api.Call, o *organization, in *organizations.UpdateOrganizationalUnitInput) target {
			return on(o.arn("ou", "/"+aws.ToString(in.OrganizationalUnitId)))
		}, updateUnit),
		change("DeleteOrganizationalUnit", func(_ *api.Call, o *organization, in *organizations.DeleteOrganizationalUnitInput) target {
			return on(o.arn("ou", "/"+aws.ToString(in.OrganizationalUnitId)))
		}, deleteUnit),
		read("DescribeOrganizationalUnit", func(_ *api.Call, o *organization, in *organizations.DescribeOrganizationalUnitInput) target {
			return on(o.arn("ou", "/"+aws.ToString(in.OrganizationalUnitId)))
		}, describeUnit),
		read("ListOrganizationalUnitsForParent", func(_ *api.Call, o *organization, in *organizations.ListOrganizationalUnitsForParentInput) target {
			return on(o.arnOf(aws.ToString(in.ParentId)))
		}, listUnits),
		read("ListChildren", func(_ *api.Call, o *organization, in *organizations.ListChildrenInput) target {
			return on(o.arnOf(aws.ToString(in.ParentId)))
		}, listChildren),
		read("ListParents", func(_ *api.Call, o *organization, in *organizations.ListParentsInput) target {
			return on(o.arnOf(aws.ToString(in.ChildId)))
		}, listParents),
	}
}

func (o *organization) describeUnit(u unit) types.OrganizationalUnit {
	return types.OrganizationalUnit{Id: aws.String(u.ID), Arn: aws.String(o.arnOf(u.ID)), Name: aws.String(u.Name)}
}

// unitsIn are the units right below a root or unit.
func (o *organization) unitsIn(parent string) []unit {
	return slices.DeleteFunc(sorted(o.Units), func(u unit) bool { return u.Parent != parent })
}

func (o *organization) nameTaken(parent, name string) error {
	for _, u := range o.unitsIn(parent) {
		if u.Name == name {
			return &types.DuplicateOrganizationalUnitException{Message: aws.String("An OU with the same name already exists.")}
		}
	}
	return nil
}

func createUnit(c *api.Call, o *organization, in *organizations.CreateOrganizationalUnitInput) (*organizations.CreateOrganizationalUnitOutput, error) {
	parent := aws.ToString(in.ParentId)
	if !o.holds(parent) {
		return nil, parentNotFound()
	}
	if len(o.levels(parent)) > depthMax {
		return nil, constraint(types.ConstraintViolationExceptionReasonOuDepthLimitExceeded, "You have exceeded the number of levels deep that you can nest OUs.")
	}
	if len(o.Units) >= unitsMax {
		return nil, constraint(types.ConstraintViolationExceptionReasonOuNumberLimitExceeded, "You have exceeded the number of OUs in your organization.")
	}
	if err := o.nameTaken(parent, *in.Name); err != nil {
		return nil, err
	}
	u := unit{ID: "ou-" + strings.TrimPrefix(o.Root.ID, "r-") + "-" + newID(c, 8), Name: *in.Name, Parent: parent}
	if o.Units == nil {
		o.Units = map[string]unit{}
	}
	o.Units[u.ID] = u
	o.attachFull(u.ID)
	if err := o.tag(u.ID, in.Tags); err != nil {
		return nil, err
	}
	d := o.describeUnit(u)
	return &organizations.CreateOrganizationalUnitOutput{OrganizationalUnit: &d}, nil
}

func updateUnit(_ *api.Call, o *organization, in *organizations.UpdateOrganizationalUnitInput) (*organizations.UpdateOrganizationalUnitOutput, error) {
	u, ok := o.Units[aws.ToString(in.OrganizationalUnitId)]
	if !ok {
		return nil, unitNotFound()
	}
	if in.Name != nil && *in.Name != u.Name {
		if err := o.nameTaken(u.Parent, *in.Name); err != nil {
			return nil, err
		}
		u.Name = *in.Name
		o.Units[u.ID] = u
	}
	d := o.describeUnit(u)
	return &organizations.UpdateOrganizationalUnitOutput{OrganizationalUnit: &d}, nil
}

func deleteUnit(_ *api.Call, o *organization, in *organizations.DeleteOrganizationalUnitInput) (*organizations.DeleteOrganizationalUnitOutput, error) {
	id := aws.ToString(in.OrganizationalUnitId)
	if _, ok := o.Units[id]; !ok {
		return nil, unitNotFound()
	}
	if len(o.unitsIn(id)) > 0 || len(o.accountsIn(id)) > 0 {
		return nil, &types.OrganizationalUnitNotEmptyException{Message: aws.String("The organizational unit is not empty.")}
	}
	delete(o.Units, id)
	o.forget(id)
	return &organizations.DeleteOrganizationalUnitOutput{}, nil
}

// forget drops what is kept of an id beside its own row.
func (o *organization) forget(id string) {
	delete(o.Attached, id)
	delete(o.Tags, id)
}

func describeUnit(c *api.Call, in *organizations.DescribeOrganizationalUnitInput) (*organizations.DescribeOrganizationalUnitOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	u, ok := o.Units[aws.ToString(in.OrganizationalUnitId)]
	if !ok {
		return nil, unitNotFound()
	}
	d := o.describeUnit(u)
	return &organizations.DescribeOrganizationalUnitOutput{OrganizationalUnit: &d}, nil
}

func listUnits(c *api.Call, in *organizations.ListOrganizationalUnitsForParentInput) (*organizations.ListOrganizationalUnitsForParentOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	if !o.holds(aws.ToString(in.ParentId)) {
		return nil, parentNotFound()
	}
	items, next, err := paginate(o.unitsIn(*in.ParentId), func(u unit) string { return u.ID }, in.NextToken, in.MaxResults)
	return &organizations.ListOrganizationalUnitsForParentOutput{OrganizationalUnits: convert(items, o.describeUnit), NextToken: next}, err
}

func listChildren(c *api.Call, in *organizations.ListChildrenInput) (*organizations.ListChildrenOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	parent := aws.ToString(in.ParentId)
	if !o.holds(parent) {
		return nil, parentNotFound()
	}
	var ids []string
	if in.ChildType == types.ChildTypeAccount {
		ids = convert(o.accountsIn(parent), func(a account) string { return a.ID })
	} else {
		ids = convert(o.unitsIn(parent), func(u unit) string { return u.ID })
	}
	page, next, err := paginate(ids, func(id string) string { return id }, in.NextToken, in.MaxResults)
	return &organizations.ListChildrenOutput{
		Children: convert(page, func(id string) types.Child { return types.Child{Id: aws.String(id), Type: in.ChildType} }), NextToken: next,
	}, err
}

func listParents(c *api.Call, in *organizations.ListParentsInput) (*organizations.ListParentsOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	parent := o.parent(aws.ToString(in.ChildId))
	if parent == "" {
		return nil, childNotFound()
	}
	kind := types.ParentTypeOrganizationalUnit
	if parent == o.Root.ID {
		kind = types.ParentTypeRoot
	}
	return &organizations.ListParentsOutput{Parents: []types.Parent{{Id: &parent, Type: kind}}}, nil
}
