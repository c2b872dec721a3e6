package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (w *world) placementGroup(name string, strategy types.PlacementStrategy) *types.PlacementGroup {
	w.t.Helper()
	return must[ec2.CreatePlacementGroupOutput](w, "CreatePlacementGroup", &ec2.CreatePlacementGroupInput{GroupName: &name, Strategy: strategy}).PlacementGroup
}

func TestPlacementGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	spread := w.placementGroup("apart", types.PlacementStrategySpread)
	w.placementGroup("together", types.PlacementStrategyCluster)
	parts := w.placementGroup("parts", types.PlacementStrategyPartition)
	if spread.SpreadLevel != types.SpreadLevelRack || *parts.PartitionCount != 2 || *spread.GroupArn != "arn:aws:ec2:us-east-1:123456789012:placement-group/apart" {
		t.Errorf("%+v, %+v", spread, parts)
	}
	w.refused("CreatePlacementGroup", &ec2.CreatePlacementGroupInput{GroupName: aws.String("apart"), Strategy: types.PlacementStrategyCluster}, "InvalidPlacementGroup.Duplicate", "The Placement Group 'apart' already exists.")
	w.refused("DeletePlacementGroup", &ec2.DeletePlacementGroupInput{GroupName: aws.String("none")}, "InvalidPlacementGroup.Unknown", "The Placement Group 'none' is unknown.")

	in := w.request()
	in.Placement = &types.Placement{GroupName: aws.String("together"), AvailabilityZone: aws.String(testZone)}
	in.InstanceType = types.InstanceTypeT3Micro
	w.refused("RunInstances", in, "InvalidParameterCombination", "Cluster placement groups are not supported by the 't3.micro' instance type. Specify a supported instance type or change the placement group strategy, and try again.")
	in.InstanceType = types.InstanceTypeM5Large
	member := w.launch(in)
	in.Placement.AvailabilityZone = aws.String("us-east-1b")
	w.refused("RunInstances", in, "InvalidPlacementGroup.InUse", "The placement group 'together' is in use in another availability zone: us-east-1a")

	in.Placement = &types.Placement{GroupId: spread.GroupId}
	in.MinCount, in.MaxCount = aws.Int32(8), aws.Int32(8)
	w.refused("RunInstances", in, "InsufficientInstanceCapacity", "a maximum of 7 running instances")

	in.Placement = &types.Placement{GroupName: aws.String("parts")}
	in.MinCount, in.MaxCount = aws.Int32(4), aws.Int32(4)
	filled := map[int32]int{}
	for _, i := range must[ec2.RunInstancesOutput](w, "RunInstances", in).Instances {
		filled[*i.Placement.PartitionNumber]++
	}
	if filled[1] != 2 || filled[2] != 2 {
		t.Errorf("the partitions hold %v", filled)
	}
	w.wait(time.Minute)
	w.refused("DeletePlacementGroup", &ec2.DeletePlacementGroupInput{GroupName: aws.String("together")}, "InvalidPlacementGroup.InUse", "The placement group 'together' is in use and may not be deleted.")
	w.refused("ModifyInstancePlacement", &ec2.ModifyInstancePlacementInput{InstanceId: &member, GroupName: aws.String("")}, "IncorrectInstanceState", "is not in the 'stopped' state")
	must[ec2.StopInstancesOutput](w, "StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{member}})
	w.wait(time.Minute)
	must[ec2.ModifyInstancePlacementOutput](w, "ModifyInstancePlacement", &ec2.ModifyInstancePlacementInput{InstanceId: &member, GroupName: aws.String("parts"), PartitionNumber: aws.Int32(2)})
	if p := w.describe(member).Placement; *p.GroupName != "parts" || *p.PartitionNumber != 2 {
		t.Errorf("the instance stands in %+v", p)
	}
	found := must[ec2.DescribeInstancesOutput](w, "DescribeInstances", &ec2.DescribeInstancesInput{Filters: []types.Filter{filter("placement-group-name", "parts")}}).Reservations
	if len(found) != 2 {
		t.Errorf("%d launches in the group", len(found))
	}
	must[ec2.ModifyInstancePlacementOutput](w, "ModifyInstancePlacement", &ec2.ModifyInstancePlacementInput{InstanceId: &member, GroupName: aws.String("")})
	must[ec2.DeletePlacementGroupOutput](w, "DeletePlacementGroup", &ec2.DeletePlacementGroupInput{GroupName: aws.String("together")})
	if left := must[ec2.DescribePlacementGroupsOutput](w, "DescribePlacementGroups", &ec2.DescribePlacementGroupsInput{}).PlacementGroups; len(left) != 2 {
		t.Errorf("%d groups are left", len(left))
	}
}
