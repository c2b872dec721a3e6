package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// modifyFleet changes a fleet that maintains its target: no other can be
// modified (EC2 guide, "Modify an EC2 Fleet").
func (s *Service) modifyFleet(c *api.Call, in *ec2.ModifyFleetInput) (*ec2.ModifyFleetOutput, error) {
	f, ok, err := standing(c, aws.ToString(in.FleetId))
	if err != nil {
		return nil, err
	}
	if !ok || f.isSpotFleet() {
		if _, err := getFleet(c, aws.ToString(in.FleetId)); err != nil {
			return nil, err
		}
	}
	if !ok || f.Type != types.FleetTypeMaintain {
		return nil, unsupported("Only fleets of type maintain can be modified.")
	}
	if f.State != types.FleetStateCodeActive && f.State != types.FleetStateCodeSubmitted {
		return nil, incorrectState("The fleet '%s' is in the state '%s' and cannot be modified.", f.ID, f.State)
	}
	shown := *f.Fleet
	if in.ExcessCapacityTerminationPolicy != "" {
		shown.ExcessCapacityTerminationPolicy = in.ExcessCapacityTerminationPolicy
		f.KeepExcess = in.ExcessCapacityTerminationPolicy == types.FleetExcessCapacityTerminationPolicyNoTermination
	}
	if in.Context != nil {
		shown.Context = in.Context
	}
	if in.TargetCapacitySpecification != nil {
		t := *in.TargetCapacitySpecification
		if t.DefaultTargetCapacityType == "" {
			t.DefaultTargetCapacityType = f.Fleet.TargetCapacitySpecification.DefaultTargetCapacityType
		}
		if err := f.aim(&t); err != nil {
			return nil, err
		}
		shown.TargetCapacitySpecification = &t
	}
	if len(in.LaunchTemplateConfigs) > 0 {
		if f.Ways, err = waysOf(c, in.LaunchTemplateConfigs); err != nil {
			return nil, err
		}
		f.forgetWays()
		shown.LaunchTemplateConfigs = in.LaunchTemplateConfigs
	}
	f.Fleet = &shown
	return &ec2.ModifyFleetOutput{Return: aws.Bool(true)}, f.modify(c)
}

// forgetWays has the fleet's instances be of no way any more: its ways are others.
func (f *standingFleet) forgetWays() {
	for i := range f.Members {
		f.Members[i].Way = -1
	}
}

// modify keeps a fleet that was changed; it acts by that a little later.
func (f *standingFleet) modify(c *api.Call) error {
	if f.State == types.FleetStateCodeActive {
		f.State = types.FleetStateCodeModifying
		if err := f.tell(c, fleetChanged, "modify_in_progress", "", ""); err != nil {
			return err
		}
	}
	if err := f.put(c); err != nil {
		return err
	}
	return wakeFleet(c, f.ID, max(fleetTime, f.From.Sub(c.Now)))
}

// AWS's limits on the fleets of one DeleteFleets (EC2 API reference, "DeleteFleets").
const (
	maxInstantDeleted  = 25
	maxStandingDeleted = 100
)

// deleteFleets deletes fleets; the instances of an instant one go with it (EC2
// API reference, "DeleteFleets").
func (s *Service) deleteFleets(c *api.Call, in *ec2.DeleteFleetsInput) (*ec2.DeleteFleetsOutput, error) {
	out := &ec2.DeleteFleetsOutput{}
	counts := make(map[bool]int)
	for _, id := range in.FleetIds {
		was, is, failed, err := s.deleteFleet(c, id, aws.ToBool(in.TerminateInstances), counts)
		switch {
		case err != nil:
			return nil, err
		case failed != nil:
			out.UnsuccessfulFleetDeletions = append(out.UnsuccessfulFleetDeletions, types.DeleteFleetErrorItem{FleetId: aws.String(id), Error: failed})
		default:
			out.SuccessfulFleetDeletions = append(out.SuccessfulFleetDeletions, types.DeleteFleetSuccessItem{FleetId: aws.String(id), PreviousFleetState: was, CurrentFleetState: is})
		}
	}
	if counts[true] > maxInstantDeleted || counts[false] > maxStandingDeleted {
		return nil, invalidValue("You can delete up to %d fleets of type instant and up to %d fleets of type maintain or request in a single request.", maxInstantDeleted, maxStandingDeleted)
	}
	return out, nil
}

func deleteFleetError(code types.DeleteFleetErrorCode, message string) *types.DeleteFleetError {
	return &types.DeleteFleetError{Code: code, Message: aws.String(message)}
}

// deleteFleet deletes one fleet, and counts it by whether it is instant.
func (s *Service) deleteFleet(c *api.Call, id string, terminate bool, counts map[bool]int) (was, is types.FleetStateCode, failed *types.DeleteFleetError, err error) {
	f, ok, err := standing(c, id)
	if err != nil {
		return "", "", nil, err
	}
	if !ok || f.isSpotFleet() {
		return s.deleteInstant(c, id, terminate, counts)
	}
	counts[false]++
	if was = f.State; f.deleted() {
		return "", "", deleteFleetError(types.DeleteFleetErrorCodeFleetNotInDeletableState, "The fleet '"+id+"' is in the state '"+string(was)+"' and cannot be deleted."), nil
	}
	if err := f.delete(c, terminate); err != nil {
		return "", "", nil, err
	}
	if err := f.put(c); err != nil {
		return "", "", nil, err
	}
	return was, f.State, nil, wakeFleet(c, f.ID, 0)
}

func (s *Service) deleteInstant(c *api.Call, id string, terminate bool, counts map[bool]int) (was, is types.FleetStateCode, failed *types.DeleteFleetError, err error) {
	f, err := getFleet(c, id)
	switch errorCode(err) {
	case "":
	case "InvalidFleetId.Malformed":
		return "", "", deleteFleetError(types.DeleteFleetErrorCodeFleetIdMalformed, errorMessage(err)), nil
	default:
		return "", "", deleteFleetError(types.DeleteFleetErrorCodeFleetIdDoesNotExist, errorMessage(err)), nil
	}
	if err != nil {
		return "", "", nil, err
	}
	counts[true]++
	if !terminate {
		return "", "", deleteFleetError(types.DeleteFleetErrorCodeUnexpectedError, "NoTerminateInstancesNotSupported: instant fleets can be deleted only with their instances."), nil
	}
	was = f.State
	err = s.endFleet(c, &f)
	return was, f.State, nil, err
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
