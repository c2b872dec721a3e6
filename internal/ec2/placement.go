package ec2

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// placedIn is an instance's place in a placement group.
type placedIn struct {
	Group, GroupID string
	Partition      int32 `json:",omitempty"`
}

// placementGroupOf is the group that a request names, by one of the two.
func placementGroupOf(c *api.Call, name, id *string) (placementGroup, bool, error) {
	byName, byID := aws.ToString(name), aws.ToString(id)
	switch {
	case byName != "" && byID != "":
		return placementGroup{}, false, invalidCombination("The parameter GroupName cannot be used with the parameter GroupId")
	case byName != "":
		g, err := placementGroupNamed(c, byName)
		return g, err == nil, err
	case byID != "":
		g, err := placementGroupWithID(c, byID)
		return g, err == nil, err
	}
	return placementGroup{}, false, nil
}

// planPlacement finds a launch's placement group and sees that there is room.
// It wants the subnet, the count and the type.
func (p *launchPlan) planPlacement(c *api.Call, in *types.Placement) error {
	if in == nil {
		return nil
	}
	g, ok, err := placementGroupOf(c, in.GroupName, in.GroupId)
	if err != nil || !ok {
		if err == nil && in.PartitionNumber != nil {
			err = invalidCombination("The parameter PartitionNumber may only be used with a placement group of the partition strategy")
		}
		return err
	}
	p.placement = g
	p.instance.Placed = placedIn{Group: g.Name, GroupID: g.ID}
	if in.PartitionNumber != nil {
		p.instance.Placed.Partition = *in.PartitionNumber
	}
	return g.admit(c, p.instance, p.count)
}

// readmit refuses the start of a stopped instance whose group has no room for it:
// the limit of a spread group is on running instances (EC2 guide, "Placement
// strategies for your placement groups").
func (i *instance) readmit(c *api.Call) error {
	if i.Placed.Group == "" {
		return nil
	}
	g, err := placementGroupNamed(c, i.Placed.Group)
	if err != nil {
		return err
	}
	return g.admit(c, *i, 1)
}

// admit refuses instances that a group cannot have: count of them like i, which
// says the zone, the type and the partition.
func (g placementGroup) admit(c *api.Call, i instance, count int) error {
	if n := i.Placed.Partition; n != 0 && (g.Strategy != types.PlacementStrategyPartition || n < 0 || n > g.Partitions) {
		if g.Strategy != types.PlacementStrategyPartition {
			return invalidCombination("The parameter PartitionNumber may only be used with a placement group of the partition strategy")
		}
		return invalidValue("Value (%d) for parameter PartitionNumber is invalid. The placement group '%s' has %d partitions.", n, g.Name, g.Partitions)
	}
	members, err := membersOf(c, g.Name)
	if err != nil {
		return err
	}
	switch g.Strategy {
	case types.PlacementStrategyCluster:
		if t, _ := instanceTypeNamed(i.Type); t.Family != nil && !t.clusters() {
			return invalidCombination("Cluster placement groups are not supported by the '%s' instance type. Specify a supported instance type or change the placement group strategy, and try again.", t.Name)
		}
		for _, m := range members {
			if m.ID != i.ID && m.Zone != i.Zone {
				return api.Error("InvalidPlacementGroup.InUse", fmt.Sprintf("The placement group '%s' is in use in another availability zone: %s", g.Name, m.Zone))
			}
		}
	case types.PlacementStrategySpread:
		there := 0
		for _, m := range members {
			if m.ID != i.ID && m.Zone == i.Zone && m.State != types.InstanceStateNameStopped {
				there++
			}
		}
		if there+count > maxSpread {
			// The limit is documented, the words of the refusal are not.
			return api.Error("InsufficientInstanceCapacity", fmt.Sprintf("The placement group '%s' supports a maximum of %d running instances in the Availability Zone %s.", g.Name, maxSpread, i.Zone))
		}
	}
	return nil
}

// clusters reports whether a type may stand in a cluster placement group (EC2
// guide, "Placement strategies": not the burstable ones, nor M7i-flex).
func (t instanceType) clusters() bool {
	return !t.Family.Burstable && t.Family.Name != "m7i-flex" && !t.Family.Old
}

// partition gives an instance of a partition group the partition with the fewest
// instances, where it asked for none.
func (i *instance) partition(c *api.Call, g placementGroup) error {
	if g.Strategy != types.PlacementStrategyPartition || i.Placed.Partition != 0 {
		return nil
	}
	members, err := membersOf(c, g.Name)
	if err != nil {
		return err
	}
	filled := make([]int, g.Partitions+1)
	for _, m := range members {
		if n := m.Placed.Partition; m.ID != i.ID && n > 0 && n <= g.Partitions {
			filled[n]++
		}
	}
	i.Placed.Partition = 1
	for n := int32(2); n <= g.Partitions; n++ {
		if filled[n] < filled[i.Placed.Partition] {
			i.Placed.Partition = n
		}
	}
	return nil
}

func (i instance) describePlacement(c *api.Call) *types.Placement {
	p := &types.Placement{
		AvailabilityZone: aws.String(i.Zone), AvailabilityZoneId: text(zoneID(c, i.Zone)), GroupName: aws.String(i.Placed.Group),
		GroupId: text(i.Placed.GroupID), Tenancy: i.Tenancy,
	}
	if i.Placed.Partition != 0 {
		p.PartitionNumber = aws.Int32(i.Placed.Partition)
	}
	return p
}

// placementNeeds authorize the use of a placement group that a request names.
func placementNeeds(c *api.Call, action string, name, id *string) ([]api.Need, error) {
	if aws.ToString(name) == "" && aws.ToString(id) == "" {
		return nil, nil
	}
	g, _, err := placementGroupOf(c, name, id)
	if err != nil && errorCode(err) == "" {
		return nil, err
	}
	g.Name = either(g.Name, either(aws.ToString(name), "*"))
	n, err := placementGroupNeed(c, action, g)
	return []api.Need{n}, err
}

func (s *Service) modifyPlacementNeeds(c *api.Call, in *ec2.ModifyInstancePlacementInput) ([]api.Need, error) {
	n, err := s.instanceNeed(c, "ModifyInstancePlacement", aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	setAttributes(&n, true, setting{"GroupName", aws.ToString(in.GroupName)}, setting{"GroupId", aws.ToString(in.GroupId)},
		setting{"Tenancy", string(in.Tenancy)}, setting{"Affinity", string(in.Affinity)}, setting{"PartitionNumber", optionalNumber(in.PartitionNumber)})
	more, err := placementNeeds(c, "ModifyInstancePlacement", in.GroupName, in.GroupId)
	return append([]api.Need{n}, more...), err
}

// modifyInstancePlacement moves a stopped instance into a placement group, or,
// with an empty name, out of one (EC2 API reference, "ModifyInstancePlacement").
func (s *Service) modifyInstancePlacement(c *api.Call, in *ec2.ModifyInstancePlacementInput) (*ec2.ModifyInstancePlacementOutput, error) {
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	switch {
	case in.HostId != nil:
		return nil, api.Error("InvalidHostID.NotFound", fmt.Sprintf("The specified host ID '%s' does not exist", *in.HostId))
	case in.HostResourceGroupArn != nil:
		return nil, notBuilt("HostResourceGroupArn")
	case in.Affinity == types.AffinityHost:
		return nil, notBuilt("Affinity")
	case in.Tenancy == types.HostTenancyHost:
		return nil, notBuilt("Tenancy")
	case in.GroupName == nil && in.GroupId == nil && in.PartitionNumber == nil && in.Tenancy == "" && in.Affinity == "":
		return nil, invalidCombination("No attributes specified.")
	case i.State != types.InstanceStateNameStopped:
		return nil, incorrectInstanceState("The instance '%s' is not in the 'stopped' state.", i.ID)
	case in.Tenancy != "" && string(in.Tenancy) != string(i.Tenancy):
		// Between default and dedicated there is no way (EC2 guide, "Change the
		// tenancy of an instance"); the text rests on no source.
		return nil, invalidValue("The tenancy of the instance '%s' cannot be changed from %s to %s.", i.ID, i.Tenancy, in.Tenancy)
	}
	g, ok, err := placementGroupOf(c, in.GroupName, in.GroupId)
	switch {
	case err != nil:
		return nil, err
	case ok && g.Name != i.Placed.Group:
		i.Placed = placedIn{Group: g.Name, GroupID: g.ID}
	case in.GroupName != nil && *in.GroupName == "":
		i.Placed = placedIn{}
	case !ok && i.Placed.Group != "":
		if g, err = placementGroupNamed(c, i.Placed.Group); err != nil {
			return nil, err
		}
	}
	if in.PartitionNumber != nil {
		i.Placed.Partition = *in.PartitionNumber
	}
	if err := g.admit(c, i, 1); err != nil {
		return nil, err
	}
	if err := i.partition(c, g); err != nil {
		return nil, err
	}
	return &ec2.ModifyInstancePlacementOutput{Return: aws.Bool(true)}, s.putInstance(c, i)
}
