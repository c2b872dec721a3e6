package ec2

import (
	"errors"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// fleet is an instant fleet: a launch that tries one override after the other,
// and is done (EC2 guide, "Configure an EC2 Fleet of type instant").
type fleet struct {
	ID        string
	State     types.FleetStateCode
	Created   time.Time
	Request   ec2.CreateFleetInput
	Instances []types.CreateFleetInstance
	Errors    []types.CreateFleetError
}

// fleetInvoker is how CloudTrail names who launches for a fleet.
const fleetInvoker = "ec2fleet.amazonaws.com"

var fleetTable = store.NewTable[fleet]("ec2.fleet")

func (f fleet) put(c *api.Call) error { return fleetTable.Put(c.Tx, c.Scope(), f.ID, f) }

// fleetID is the form of a fleet's id.
var fleetID = regexp.MustCompile(`^fleet-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func getFleet(c *api.Call, id string) (fleet, error) {
	if !fleetID.MatchString(id) {
		return fleet{}, api.Error("InvalidFleetId.Malformed", "The fleet ID '"+id+"' is malformed")
	}
	f, err := fleetTable.Get(c.Tx, c.Scope(), id)
	if errors.Is(err, store.ErrNotFound) {
		err = api.Error("InvalidFleetId.NotFound", "The fleet ID '"+id+"' does not exist")
	}
	return f, err
}

// fleetExists tells whether a fleet of any type has the id.
func fleetExists(c *api.Call, id string) error {
	f, ok, err := standing(c, id)
	if err != nil || ok && !f.isSpotFleet() {
		return err
	}
	_, err = getFleet(c, id)
	return err
}

func (s *Service) fleetOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateFleet", s.createFleetNeeds, s.createFleet),
		api.Op("ModifyFleet", modifyFleetNeeds, s.modifyFleet),
		api.Op("DeleteFleets", func(c *api.Call, in *ec2.DeleteFleetsInput) ([]api.Need, error) {
			var needs []api.Need
			for _, id := range in.FleetIds {
				n, err := existingNeed(c, "DeleteFleets", types.ResourceTypeFleet, id)
				if err != nil {
					return nil, err
				}
				needs = append(needs, n)
			}
			if len(needs) == 0 {
				return nil, missingParameter("FleetId")
			}
			return needs, nil
		}, s.deleteFleets),
		api.Read("DescribeFleets", anywhere[ec2.DescribeFleetsInput]("DescribeFleets"), s.describeFleets),
		api.Read("DescribeFleetInstances", onFleetNeeds("DescribeFleetInstances", func(in *ec2.DescribeFleetInstancesInput) *string { return in.FleetId }), s.describeFleetInstances),
		api.Read("DescribeFleetHistory", onFleetNeeds("DescribeFleetHistory", func(in *ec2.DescribeFleetHistoryInput) *string { return in.FleetId }), s.describeFleetHistory),
	}
}

// ofFleet are the tags of the fleet itself: those of its instances are asked for
// when they are launched.
func ofFleet(specs []types.TagSpecification) []types.TagSpecification {
	var own []types.TagSpecification
	for _, spec := range specs {
		if spec.ResourceType == types.ResourceTypeFleet {
			own = append(own, spec)
		}
	}
	return own
}

func (f fleet) activity() types.FleetActivityStatus {
	if len(f.Errors) > 0 && len(f.Instances) == 0 {
		return types.FleetActivityStatusError
	}
	return types.FleetActivityStatusFulfilled
}

func (f fleet) describe(tags map[string]string) (types.FleetData, error) {
	d := types.FleetData{
		FleetId: aws.String(f.ID), FleetState: f.State, ActivityStatus: f.activity(), CreateTime: aws.Time(f.Created), Type: types.FleetTypeInstant,
		ClientToken: f.Request.ClientToken, Context: f.Request.Context, Tags: answeredTags(describeTags(tags)),
		ReplaceUnhealthyInstances:   aws.Bool(aws.ToBool(f.Request.ReplaceUnhealthyInstances)),
		TargetCapacitySpecification: new(types.TargetCapacitySpecification),
	}
	fulfilled, onDemand := 0.0, 0.0
	for _, i := range f.Instances {
		units := float64(len(i.InstanceIds))
		if by := i.LaunchTemplateAndOverrides; by != nil && by.Overrides != nil {
			units *= weightOf(by.Overrides.WeightedCapacity)
		}
		fulfilled += units
		if i.Lifecycle == types.InstanceLifecycleOnDemand {
			onDemand += units
		}
	}
	d.FulfilledCapacity, d.FulfilledOnDemandCapacity = aws.Float64(fulfilled), aws.Float64(onDemand)
	for _, part := range []struct{ from, to any }{
		{f.Request.TargetCapacitySpecification, d.TargetCapacitySpecification},
		{f.Request.LaunchTemplateConfigs, &d.LaunchTemplateConfigs},
		{f.Request.OnDemandOptions, &d.OnDemandOptions},
		{f.Request.SpotOptions, &d.SpotOptions},
		{f.Instances, &d.Instances},
		{f.Errors, &d.Errors},
	} {
		if err := sameMembers(part.from, part.to); err != nil {
			return d, err
		}
	}
	return d, nil
}
