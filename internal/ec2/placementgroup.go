package ec2

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// placementGroup says how instances stand to each other (EC2 guide, "Placement
// groups for your Amazon EC2 instances").
type placementGroup struct {
	ID, Name   string
	Strategy   types.PlacementStrategy
	Partitions int32 `json:",omitempty"`
}

// Placement groups are kept by their name.
var placementGroupTable = store.NewTable("ec2.placementgroup", store.Index[placementGroup]{
	Name: "id", Keys: func(_ string, g placementGroup) []string { return []string{g.ID} },
})

// AWS's limits on placement groups (EC2 guide, the same page).
const (
	maxPlacementGroups = 500
	maxPartitions      = 7
	defaultPartitions  = 2
	// maxSpread is how many running instances a spread group has in one zone.
	maxSpread = 7
)

func (s *Service) placementOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreatePlacementGroup", func(c *api.Call, in *ec2.CreatePlacementGroupInput) ([]api.Need, error) {
			n := need(c, "CreatePlacementGroup", types.ResourceTypePlacementGroup, either(aws.ToString(in.GroupName), "*"))
			n.Context.Set("ec2:PlacementGroupName", aws.ToString(in.GroupName))
			n.Context.Set("ec2:PlacementGroupStrategy", string(in.Strategy))
			setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypePlacementGroup))
			return append([]api.Need{n}, tagNeeds(c, "CreatePlacementGroup", in.TagSpecifications)...), nil
		}, s.createPlacementGroup),
		api.Op("DeletePlacementGroup", func(c *api.Call, in *ec2.DeletePlacementGroupInput) ([]api.Need, error) {
			n, err := placementGroupNeed(c, "DeletePlacementGroup", placementGroup{Name: either(aws.ToString(in.GroupName), "*")})
			return []api.Need{n}, err
		}, s.deletePlacementGroup),
		api.Read("DescribePlacementGroups", anywhere[ec2.DescribePlacementGroupsInput]("DescribePlacementGroups"), s.describePlacementGroups),
		api.Op("ModifyInstancePlacement", s.modifyPlacementNeeds, s.modifyInstancePlacement),
	}
}

// placementGroupNeed is the need on a group, which has its name in its ARN.
func placementGroupNeed(c *api.Call, action string, g placementGroup) (api.Need, error) {
	n := need(c, action, types.ResourceTypePlacementGroup, g.Name)
	n.Context.Set("ec2:PlacementGroupName", g.Name)
	found, err := placementGroupNamed(c, g.Name)
	if errorCode(err) != "" {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	n.Context.Set("ec2:PlacementGroupStrategy", string(found.Strategy))
	tags, err := tagsOf(c, found.ID)
	setResourceTags(&n.Context, tags)
	return n, err
}

func placementGroupNamed(c *api.Call, name string) (placementGroup, error) {
	g, err := placementGroupTable.Get(c.Tx, c.Scope(), name)
	if errors.Is(err, store.ErrNotFound) {
		return g, api.Error("InvalidPlacementGroup.Unknown", fmt.Sprintf("The Placement Group '%s' is unknown.", name))
	}
	return g, err
}

func placementGroupWithID(c *api.Call, id string) (placementGroup, error) {
	for g, err := range placementGroupTable.Find(c.Tx, c.Scope(), "id", id) {
		return g, err
	}
	return placementGroup{}, api.Error("InvalidPlacementGroupId.NotFound", fmt.Sprintf("The Placement Group '%s' does not exist.", id))
}

func (g placementGroup) arn(c *api.Call) string { return c.ARN("ec2", "placement-group/"+g.Name) }

// spreadLevel is how far a spread group spreads: hosts are for Outposts only.
func (g placementGroup) spreadLevel() types.SpreadLevel {
	if g.Strategy == types.PlacementStrategySpread {
		return types.SpreadLevelRack
	}
	return ""
}

func (g placementGroup) describe(c *api.Call, tags map[string]string) types.PlacementGroup {
	d := types.PlacementGroup{
		GroupId: aws.String(g.ID), GroupName: aws.String(g.Name), GroupArn: aws.String(g.arn(c)), Strategy: g.Strategy,
		SpreadLevel: g.spreadLevel(), State: types.PlacementGroupStateAvailable, Tags: describeTags(tags),
	}
	if g.Strategy == types.PlacementStrategyPartition {
		d.PartitionCount = aws.Int32(g.Partitions)
	}
	return d
}

func refuseUnbuiltPlacementGroup(in *ec2.CreatePlacementGroupInput) error {
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"LinkedGroupId", in.LinkedGroupId != nil},
		{"Operator", in.Operator != nil},
		{"ParentGroupId", in.ParentGroupId != nil},
		{"SpreadLevel", in.SpreadLevel == types.SpreadLevelHost},
		{"Strategy", in.Strategy == "precision-time"},
	} {
		if p.asked {
			return notBuilt(p.name)
		}
	}
	return nil
}

func (s *Service) createPlacementGroup(c *api.Call, in *ec2.CreatePlacementGroupInput) (*ec2.CreatePlacementGroupOutput, error) {
	if err := refuseUnbuiltPlacementGroup(in); err != nil {
		return nil, err
	}
	g, err := newPlacementGroup(c, in)
	if err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypePlacementGroup))
	if err != nil {
		return nil, err
	}
	there := 0
	for other, err := range placementGroupTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if other.Name == g.Name {
			return nil, api.Error("InvalidPlacementGroup.Duplicate", fmt.Sprintf("The Placement Group '%s' already exists.", g.Name))
		}
		there++
	}
	if there >= maxPlacementGroups {
		return nil, api.Error("PlacementGroupLimitExceeded", "The maximum number of placement groups has been reached.")
	}
	if err := placementGroupTable.Put(c.Tx, c.Scope(), g.Name, g); err != nil {
		return nil, err
	}
	d := g.describe(c, tags)
	return &ec2.CreatePlacementGroupOutput{PlacementGroup: &d}, putTags(c, string(types.ResourceTypePlacementGroup), g.ID, tags)
}

func newPlacementGroup(c *api.Call, in *ec2.CreatePlacementGroupInput) (placementGroup, error) {
	g := placementGroup{ID: c.NewID("pg-"), Name: aws.ToString(in.GroupName), Strategy: in.Strategy}
	if g.Name == "" {
		return g, missingParameter("groupName")
	}
	if g.Strategy == "" {
		return g, missingParameter("strategy")
	}
	if err := checkWords([]choice{
		choose("strategy", g.Strategy, []types.PlacementStrategy{types.PlacementStrategyCluster, types.PlacementStrategyPartition, types.PlacementStrategySpread}),
		choose("spreadLevel", in.SpreadLevel, in.SpreadLevel.Values()),
	}); err != nil {
		return g, err
	}
	switch {
	case in.PartitionCount != nil && g.Strategy != types.PlacementStrategyPartition:
		return g, invalidCombination("The parameter partitionCount cannot be used with the strategy %s", g.Strategy)
	case in.SpreadLevel != "" && g.Strategy != types.PlacementStrategySpread:
		return g, invalidCombination("The parameter spreadLevel cannot be used with the strategy %s", g.Strategy)
	case g.Strategy == types.PlacementStrategyPartition:
		g.Partitions = defaultPartitions
		if in.PartitionCount != nil {
			g.Partitions = *in.PartitionCount
		}
		if g.Partitions < 1 || g.Partitions > maxPartitions {
			return g, invalidValue("Value (%d) for parameter partitionCount is invalid. The value must be between 1 and %d.", g.Partitions, maxPartitions)
		}
	}
	return g, nil
}

func (s *Service) deletePlacementGroup(c *api.Call, in *ec2.DeletePlacementGroupInput) (*ec2.DeletePlacementGroupOutput, error) {
	g, err := placementGroupNamed(c, aws.ToString(in.GroupName))
	if err != nil {
		return nil, err
	}
	members, err := membersOf(c, g.Name)
	if err != nil {
		return nil, err
	}
	if len(members) > 0 {
		return nil, api.Error("InvalidPlacementGroup.InUse", fmt.Sprintf("The placement group '%s' is in use and may not be deleted.", g.Name))
	}
	if err := placementGroupTable.Delete(c.Tx, c.Scope(), g.Name); err != nil {
		return nil, err
	}
	return &ec2.DeletePlacementGroupOutput{}, putTags(c, string(types.ResourceTypePlacementGroup), g.ID, nil)
}

// membersOf are the instances of a group that have not ended.
func membersOf(c *api.Call, group string) ([]instance, error) {
	var members []instance
	for i, err := range instanceTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if i.Placed.Group == group && i.State != types.InstanceStateNameTerminated {
			members = append(members, i)
		}
	}
	return members, nil
}

func (s *Service) describePlacementGroups(c *api.Call, in *ec2.DescribePlacementGroupsInput) (*ec2.DescribePlacementGroupsOutput, error) {
	filters := filterTable[placementGroup]{
		"group-arn":    func(g placementGroup) []string { return some(g.arn(c)) },
		"group-name":   func(g placementGroup) []string { return some(g.Name) },
		"spread-level": func(g placementGroup) []string { return some(string(g.spreadLevel())) },
		"state":        func(placementGroup) []string { return some("available") },
		"strategy":     func(g placementGroup) []string { return some(string(g.Strategy)) },
	}
	if err := checkFilters(in.Filters, filters.known); err != nil {
		return nil, err
	}
	for _, name := range in.GroupNames {
		if _, err := placementGroupNamed(c, name); err != nil {
			return nil, err
		}
	}
	for _, id := range in.GroupIds {
		if _, err := placementGroupWithID(c, id); err != nil {
			return nil, err
		}
	}
	named := len(in.GroupNames)+len(in.GroupIds) > 0
	out := &ec2.DescribePlacementGroupsOutput{PlacementGroups: []types.PlacementGroup{}}
	for g, err := range placementGroupTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if named && !slices.Contains(in.GroupNames, g.Name) && !slices.Contains(in.GroupIds, g.ID) {
			continue
		}
		tags, err := tagsOf(c, g.ID)
		if err != nil {
			return nil, err
		}
		ok, err := filters.matches(in.Filters, g, tags)
		if err != nil {
			return nil, err
		}
		if ok {
			out.PlacementGroups = append(out.PlacementGroups, g.describe(c, tags))
		}
	}
	return out, nil
}
