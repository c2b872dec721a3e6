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

func (s *Service) fleetOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateFleet", func(c *api.Call, in *ec2.CreateFleetInput) ([]api.Need, error) {
			n := need(c, "CreateFleet", types.ResourceTypeFleet, "*")
			setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeFleet))
			return append([]api.Need{n}, tagNeeds(c, "CreateFleet", ofFleet(in.TagSpecifications))...), nil
		}, s.createFleet),
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

// describeFleets shows the fleets that are named: an instant fleet is in no
// listing (EC2 API reference, "DescribeFleets").
func (s *Service) describeFleets(c *api.Call, in *ec2.DescribeFleetsInput) (*ec2.DescribeFleetsOutput, error) {
	known := func(name string) bool {
		switch name {
		case "activity-status", "excess-capacity-termination-policy", "fleet-state", "replace-unhealthy-instances", "type":
			return true
		}
		return false
	}
	if err := checkFilters(in.Filters, known); err != nil {
		return nil, err
	}
	out := &ec2.DescribeFleetsOutput{Fleets: []types.FleetData{}}
	for _, id := range in.FleetIds {
		f, err := getFleet(c, id)
		if err != nil {
			return nil, err
		}
		tags, err := tagsOf(c, id)
		if err != nil {
			return nil, err
		}
		ok, err := matchesTagged(c, id, in.Filters, f.filter)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		d, err := f.describe(tags)
		if err != nil {
			return nil, err
		}
		out.Fleets = append(out.Fleets, d)
	}
	return out, nil
}

// filter gives the fleet's values under a filter.
func (f fleet) filter(tags map[string]string, name string) ([]string, bool) {
	if values, known := tagFilter(tags, name); known {
		return values, true
	}
	switch name {
	case "activity-status":
		return some(string(f.activity())), true
	case "excess-capacity-termination-policy":
		return some(string(f.Request.ExcessCapacityTerminationPolicy)), true
	case "fleet-state":
		return some(string(f.State)), true
	case "replace-unhealthy-instances":
		return flag(aws.ToBool(f.Request.ReplaceUnhealthyInstances)), true
	case "type":
		return some(string(types.FleetTypeInstant)), true
	}
	return nil, false
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
	fulfilled, onDemand := 0, 0
	for _, i := range f.Instances {
		fulfilled += len(i.InstanceIds)
		if i.Lifecycle == types.InstanceLifecycleOnDemand {
			onDemand += len(i.InstanceIds)
		}
	}
	d.FulfilledCapacity, d.FulfilledOnDemandCapacity = aws.Float64(float64(fulfilled)), aws.Float64(float64(onDemand))
	for _, part := range []struct{ from, to any }{
		{f.Request.TargetCapacitySpecification, d.TargetCapacitySpecification},
		{f.Request.LaunchTemplateConfigs, &d.LaunchTemplateConfigs},
		{f.Instances, &d.Instances},
		{f.Errors, &d.Errors},
	} {
		if err := sameMembers(part.from, part.to); err != nil {
			return d, err
		}
	}
	return d, nil
}

// deleteFleets deletes fleets; the instances of an instant one go with it (EC2
// API reference, "DeleteFleets").
func (s *Service) deleteFleets(c *api.Call, in *ec2.DeleteFleetsInput) (*ec2.DeleteFleetsOutput, error) {
	out := &ec2.DeleteFleetsOutput{}
	for _, id := range in.FleetIds {
		f, err := getFleet(c, id)
		failed := &types.DeleteFleetError{Code: types.DeleteFleetErrorCodeFleetIdDoesNotExist, Message: aws.String(errorMessage(err))}
		switch {
		case errorCode(err) != "":
		case err != nil:
			return nil, err
		case !aws.ToBool(in.TerminateInstances):
			failed = &types.DeleteFleetError{Code: types.DeleteFleetErrorCodeUnexpectedError, Message: aws.String("NoTerminateInstancesNotSupported: instant fleets can be deleted only with their instances.")}
		default:
			failed = nil
		}
		if failed != nil {
			out.UnsuccessfulFleetDeletions = append(out.UnsuccessfulFleetDeletions, types.DeleteFleetErrorItem{FleetId: aws.String(id), Error: failed})
			continue
		}
		was := f.State
		if err := s.endFleet(c, &f); err != nil {
			return nil, err
		}
		out.SuccessfulFleetDeletions = append(out.SuccessfulFleetDeletions, types.DeleteFleetSuccessItem{FleetId: aws.String(id), PreviousFleetState: was, CurrentFleetState: f.State})
	}
	return out, nil
}

// endFleet terminates a fleet's instances in the caller's name.
func (s *Service) endFleet(c *api.Call, f *fleet) error {
	f.State = types.FleetStateCodeDeletedTerminatingInstances
	for _, some := range f.Instances {
		_, err := api.Invoke[ec2.TerminateInstancesOutput](c.Forward("ec2", fleetInvoker), "ec2", "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: some.InstanceIds})
		if err != nil && errorCode(err) != "InvalidInstanceID.NotFound" {
			return err
		}
	}
	return f.put(c)
}
