package ec2

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) stopInstancesNeeds(c *api.Call, in *ec2.StopInstancesInput) ([]api.Need, error) {
	needs, err := onInstances(s, "StopInstances", func(in *ec2.StopInstancesInput) []string { return in.InstanceIds })(c, in)
	c.Event.RequestParameters["force"] = aws.ToBool(in.Force)
	return needs, err
}

// stopInstances begins the stop. Force and SkipOsShutdown are about an operating
// system that does not answer; none runs here, so they change nothing.
func (s *Service) stopInstances(c *api.Call, in *ec2.StopInstancesInput) (*ec2.StopInstancesOutput, error) {
	instances, err := s.instancesFor(c, in.InstanceIds)
	if err != nil {
		return nil, err
	}
	out := &ec2.StopInstancesOutput{}
	for _, i := range instances {
		from := i.State
		if aws.ToBool(in.Hibernate) {
			return nil, api.Error("UnsupportedHibernationConfiguration", fmt.Sprintf("The instance '%s' is not enabled for hibernation.", i.ID))
		}
		switch from {
		case types.InstanceStateNameStopping, types.InstanceStateNameStopped:
		case types.InstanceStateNameRunning:
			if err := s.stoppable(c, i); err != nil {
				return nil, err
			}
			if i.KeepRunning {
				return nil, notPermitted("The instance '%s' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.", i.ID)
			}
			i.State, i.Reason, i.Transition = types.InstanceStateNameStopping, reasonUserShutdown, userInitiated(c.Now)
			if err := s.putInstance(c, i); err != nil {
				return nil, err
			}
			if err := later(c, stopTask, i, shutdownTime); err != nil {
				return nil, err
			}
		default:
			return nil, incorrectInstanceState("This instance '%s' is not in a state from which it can be stopped.", i.ID)
		}
		out.StoppingInstances = append(out.StoppingInstances, i.change(from))
	}
	recordChanges(c, out.StoppingInstances)
	return out, nil
}

// finishStop ends the stop: the volumes' data keys are out of memory, so their
// grants go.
func (s *Service) finishStop(c *api.Call, i instance) error {
	if err := s.disconnect(c, i); err != nil {
		return err
	}
	i.State, i.Capacity = types.InstanceStateNameStopped, ""
	if err := s.putInstance(c, i); err != nil {
		return err
	}
	return fleetLost(c, i)
}

// rebootInstances restarts what runs on the instance; the instance itself stays
// where it is, with its grants and addresses.
func (s *Service) rebootInstances(c *api.Call, in *ec2.RebootInstancesInput) (*ec2.RebootInstancesOutput, error) {
	instances, err := s.instancesFor(c, in.InstanceIds)
	if err != nil {
		return nil, err
	}
	for _, i := range instances {
		if i.State != types.InstanceStateNameRunning && i.State != types.InstanceStateNamePending {
			return nil, incorrectInstanceState("The instance '%s' is not in a state from which it can be rebooted.", i.ID)
		}
	}
	return &ec2.RebootInstancesOutput{}, nil
}
