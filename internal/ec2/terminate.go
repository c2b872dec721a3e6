package ec2

import (
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) terminateInstances(c *api.Call, in *ec2.TerminateInstancesInput) (*ec2.TerminateInstancesOutput, error) {
	instances, err := s.instancesFor(c, in.InstanceIds)
	if err != nil {
		return nil, err
	}
	out := &ec2.TerminateInstancesOutput{}
	for _, i := range instances {
		from := i.State
		if !i.gone() {
			if i.KeepAlive {
				return nil, notPermitted("The instance '%s' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.", i.ID)
			}
			if err := s.shutDown(c, &i, reasonUserShutdown, userInitiated(c.Now)); err != nil {
				return nil, err
			}
		}
		out.TerminatingInstances = append(out.TerminatingInstances, i.change(from))
	}
	recordChanges(c, out.TerminatingInstances)
	return out, nil
}

// shutDown begins an instance's end.
func (s *Service) shutDown(c *api.Call, i *instance, reason stateReason, transition string) error {
	i.State, i.Reason, i.Transition, i.Capacity = types.InstanceStateNameShuttingDown, reason, transition, ""
	if err := s.putInstance(c, *i); err != nil {
		return err
	}
	return later(c, terminateTask, *i, shutdownTime)
}

// finishTermination ends an instance: its grants, its interface, and the
// volumes that are to go with it. The row stays for a while, as at AWS, so that
// people can read why.
func (s *Service) finishTermination(c *api.Call, i instance) error {
	if err := s.disconnect(c, i); err != nil {
		return err
	}
	volumes, err := s.volumesOf(c, i.ID)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		if err := s.leave(c, v, i.ID); err != nil {
			return err
		}
	}
	all, err := interfacesOf(c, i.ID)
	if err != nil {
		return err
	}
	for _, n := range all {
		if err := n.leave(c); err != nil {
			return err
		}
	}
	if err := s.spotEnded(c, i); err != nil {
		return err
	}
	i.Interface, i.State = "", types.InstanceStateNameTerminated
	if err := s.putInstance(c, i); err != nil {
		return err
	}
	if err := fleetLost(c, i); err != nil {
		return err
	}
	return later(c, forgetTask, i, remembrance)
}

// leave takes a volume off an instance that ends. One that was never filled has
// no data key, so nothing could ever read it: it goes in any case.
func (s *Service) leave(c *api.Call, v volume, instanceID string) error {
	a, attached := v.attachmentOf(instanceID)
	if !attached {
		return nil
	}
	if a.DeleteOnTermination && len(v.Attachments) == 1 || v.State == string(types.VolumeStateCreating) {
		return s.dropVolume(c, v)
	}
	var others []attachment
	for _, a := range v.Attachments {
		if a.Instance != instanceID {
			others = append(others, a)
		}
	}
	v.Attachments = others
	if len(others) == 0 {
		v.State = string(types.VolumeStateAvailable)
	}
	return s.putVolume(c, v)
}

// forget removes a terminated instance's row.
func (s *Service) forget(c *api.Call, i instance) error {
	if err := putTags(c, string(types.ResourceTypeInstance), i.ID, nil); err != nil {
		return err
	}
	return instanceTable.Delete(c.Tx, c.Scope(), i.ID)
}
