package ec2

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
)

func incorrectInstanceState(format, id string) error {
	return api.Error("IncorrectInstanceState", fmt.Sprintf(format, id))
}

// startInstances accepts the start: the state becomes pending, and what can go
// wrong with KMS goes wrong later (EC2 guide, "Instance terminates
// immediately"; the knowledge article "Why can't my IAM entity start my EC2
// instance").
func (s *Service) startInstances(c *api.Call, in *ec2.StartInstancesInput) (*ec2.StartInstancesOutput, error) {
	if in.AdditionalInfo != nil {
		return nil, notBuilt("AdditionalInfo")
	}
	instances, err := s.instancesFor(c, in.InstanceIds)
	if err != nil {
		return nil, err
	}
	out := &ec2.StartInstancesOutput{}
	for _, i := range instances {
		from := i.State
		switch from {
		case types.InstanceStateNamePending, types.InstanceStateNameRunning:
		case types.InstanceStateNameStopped:
			if err := s.checkRoot(c, i); err != nil {
				return nil, err
			}
			if err := i.readmit(c); err != nil {
				return nil, err
			}
			if err := i.occupy(c); err != nil {
				return nil, err
			}
			i.State, i.Reason, i.Transition, i.Launched = types.InstanceStateNamePending, reasonPending, "", wholeSecond(c)
			if err := s.putInstance(c, i); err != nil {
				return nil, err
			}
			if err := later(c, startTask, i, launchTime); err != nil {
				return nil, err
			}
		default:
			return nil, incorrectInstanceState("The instance '%s' is not in a state from which it can be started.", i.ID)
		}
		out.StartingInstances = append(out.StartingInstances, i.change(from))
	}
	recordChanges(c, out.StartingInstances)
	return out, nil
}

// wholeSecond is the time of the call as instances show times: EC2 counts their
// launches in seconds.
func wholeSecond(c *api.Call) time.Time { return c.Now.Truncate(time.Second) }

// checkRoot sees that the root volume was not taken away while the instance was
// stopped.
func (s *Service) checkRoot(c *api.Call, i instance) error {
	volumes, err := s.volumesOf(c, i.ID)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		if a, ok := v.attachmentOf(i.ID); ok && a.Device == i.RootDevice {
			return nil
		}
	}
	return invalidValue("Invalid value '%s' for instanceId. Instance does not have a volume attached at root (%s)", i.ID, i.RootDevice)
}

// finishStart carries the start out. If KMS refuses, the instance falls back to
// stopped and its StateReason says so; nobody called StopInstances, so no event
// does.
func (s *Service) finishStart(c *api.Call, i instance) error {
	volumes, err := s.volumesOf(c, i.ID)
	if err != nil {
		return err
	}
	if err := s.connect(c, i, volumes); err != nil {
		reason, answered := launchReason(err, true)
		if !answered {
			return err
		}
		i.State, i.Reason, i.Transition, i.Capacity = types.InstanceStateNameStopped, reason, reason.Code, ""
		return s.putInstance(c, i)
	}
	return s.running(c, i)
}

// connect decrypts the data key of every encrypted volume for the instance, as
// package launch says, and stores the grants with the volumes. If KMS refuses
// one, nothing is stored and the grants made so far are retired.
func (s *Service) connect(c *api.Call, i instance, volumes []volume) error {
	var done performed
	for n := range volumes {
		v := &volumes[n]
		a, attached := v.attachmentOf(i.ID)
		if !attached {
			return fmt.Errorf("ec2: volume %s is not attached to %s", v.ID, i.ID)
		}
		if v.Encrypted {
			steps := launch.Start(siteOf(c), i.ID, []launch.Volume{v.launchVolume()})
			p, err := s.perform(c, steps, v.DataKey)
			done.Grants = append(done.Grants, p.Grants...)
			if err != nil {
				if undone := s.retire(c, done); undone != nil {
					return undone
				}
				return err
			}
			a.Grant = p.grant()
		}
		a.State, v.State = string(types.VolumeAttachmentStateAttached), string(types.VolumeStateInUse)
	}
	for _, v := range volumes {
		if err := s.putVolume(c, v); err != nil {
			return err
		}
	}
	return nil
}

// running is the end of a start or a launch that went well.
func (s *Service) running(c *api.Call, i instance) error {
	if err := givePublicAddress(c, i); err != nil {
		return err
	}
	i.State, i.Reason, i.Transition = types.InstanceStateNameRunning, stateReason{}, ""
	return s.putInstance(c, i)
}

// disconnect retires the grants of an instance's volumes and gives its public
// address back: the end of running.
func (s *Service) disconnect(c *api.Call, i instance) error {
	volumes, err := s.volumesOf(c, i.ID)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		a, attached := v.attachmentOf(i.ID)
		if !attached || a.Grant == "" {
			continue
		}
		if err := s.retireGrant(c, v.Key, a.Grant); err != nil {
			return err
		}
		a.Grant = ""
		if err := s.putVolume(c, v); err != nil {
			return err
		}
	}
	n, ok, err := s.primaryInterface(c, i)
	if err != nil || !ok || n.PublicIP == "" {
		return err
	}
	n.PublicIP = ""
	return n.put(c)
}

// givePublicAddress gives an instance's only interface a public address, where
// it is to have one. With a second interface, or with an Elastic IP address,
// there is none (EC2 guide, "Amazon EC2 instance IP addressing").
func givePublicAddress(c *api.Call, i instance) error {
	all, err := interfacesOf(c, i.ID)
	if err != nil || len(all) != 1 || !all[0].WantsPublicIP || all[0].public(all[0].PrivateIP) != "" {
		return err
	}
	n := all[0]
	if n.PublicIP, err = allocatePublicAddress(c); err != nil {
		return err
	}
	return n.put(c)
}
