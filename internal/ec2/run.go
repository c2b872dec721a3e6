package ec2

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
)

// runInstances launches instances: everything that the request says is checked
// now, everything that KMS has to say comes later.
func (s *Service) runInstances(c *api.Call, in *ec2.RunInstancesInput) (*ec2.RunInstancesOutput, error) {
	earlier, err := usedToken(c, in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	if earlier != "" {
		return s.runAgain(c, earlier)
	}
	from, err := withTemplate(c, in)
	if err != nil {
		return nil, err
	}
	p, err := s.planLaunch(c, from.RunInstancesInput)
	if err != nil {
		return nil, err
	}
	p.tags[types.ResourceTypeInstance] = from.mark(p.tags[types.ResourceTypeInstance])
	// The Spot service launches for a request that is there already.
	onSpot := p.spot
	p.spot = p.spot && c.Caller.Principal.RoleARN != spotService.arn(c)
	if p.spot {
		if err := s.ensureRole(c, spotService); err != nil {
			return nil, err
		}
	}
	reservation := c.NewID("r-")
	out := &ec2.RunInstancesOutput{
		ReservationId: aws.String(reservation), OwnerId: aws.String(c.Account), Groups: []types.GroupIdentifier{},
	}
	for n := range p.count {
		i := p.instance
		i.ID, i.Reservation, i.LaunchIndex = c.NewID("i-"), reservation, int32(n)
		if i.Profile.ARN != "" {
			i.Profile.bind(c)
		}
		if err := i.partition(c, p.placement); err != nil {
			return nil, err
		}
		if p.spot {
			if err := s.spotOf(c, from.RunInstancesInput, &i, p.tags[types.ResourceTypeSpotInstancesRequest]); err != nil {
				return nil, err
			}
		}
		if !onSpot {
			if err := i.occupy(c); err != nil {
				return nil, err
			}
		}
		if err := s.place(c, &i, p); err != nil {
			return nil, err
		}
		d, err := s.describeInstance(c, i)
		if err != nil {
			return nil, err
		}
		// The volumes are made after the answer: Describe operations show them.
		d.BlockDeviceMappings = []types.InstanceBlockDeviceMapping{}
		out.Instances = append(out.Instances, d)
	}
	return out, keepToken(c, in.ClientToken, in, reservation)
}

// runAgain answers a request that was carried out before: with the instances
// that it made, as they are now (EC2 API reference, "Ensuring idempotency").
func (s *Service) runAgain(c *api.Call, reservation string) (*ec2.RunInstancesOutput, error) {
	out := &ec2.RunInstancesOutput{
		ReservationId: aws.String(reservation), OwnerId: aws.String(c.Account), Groups: []types.GroupIdentifier{},
	}
	for i, err := range instanceTable.Find(c.Tx, c.Scope(), byReservation, reservation) {
		if err != nil {
			return nil, err
		}
		if i.gone() {
			return nil, api.Error("IdempotentInstanceTerminated", "The instance '"+i.ID+"' that the client token belongs to has been terminated.")
		}
		d, err := s.describeInstance(c, i)
		if err != nil {
			return nil, err
		}
		out.Instances = append(out.Instances, d)
	}
	if len(out.Instances) == 0 {
		return nil, api.Error("IdempotentInstanceTerminated", "The instances that the client token belongs to have been terminated.")
	}
	return out, nil
}

// place makes one instance of the launch with its interface and volumes, and
// schedules the rest.
func (s *Service) place(c *api.Call, i *instance, p launchPlan) error {
	for _, planned := range p.interfaces {
		if err := planned.place(c, i, p.tags[types.ResourceTypeNetworkInterface]); err != nil {
			return err
		}
	}
	if err := s.putInstance(c, *i); err != nil {
		return err
	}
	if err := putTags(c, string(types.ResourceTypeInstance), i.ID, p.tags[types.ResourceTypeInstance]); err != nil {
		return err
	}
	for _, planned := range p.volumes {
		if err := s.placeVolume(c, *i, planned); err != nil {
			return err
		}
	}
	return later(c, runTask, *i, launchTime)
}

func (s *Service) placeVolume(c *api.Call, i instance, planned plannedVolume) error {
	v, err := s.newVolume(c, planned.spec)
	if err != nil {
		return mappingError(err)
	}
	if t, _ := instanceTypeNamed(i.Type); v.Encrypted && t.encryption() == types.EbsEncryptionSupportUnsupported {
		return api.Error("EncryptedVolumesNotSupported", "The instance type '"+t.Name+"' does not support encrypted volumes.")
	}
	v.Attachments = []attachment{{
		Instance: i.ID, Device: planned.device, State: string(types.VolumeAttachmentStateAttaching),
		At: c.Now, DeleteOnTermination: planned.deleteOnTermination,
	}}
	return s.putVolume(c, v)
}

// mappingError words a refusal of a volume as one of its mapping: RunInstances
// has a code of its own for wrong values there.
func mappingError(err error) error {
	if errorCode(err) != "InvalidParameterValue" {
		return err
	}
	return api.Error("InvalidBlockDeviceMapping", errorMessage(err))
}

// place makes one of the instance's interfaces, or attaches it.
func (p plannedInterface) place(c *api.Call, i *instance, tags map[string]string) error {
	n := p.existing
	made := n.ID == ""
	if made {
		n = networkInterface{
			ID: c.NewID("eni-"), Subnet: p.subnet.ID, VPC: p.subnet.VPC, Zone: p.subnet.Zone, MAC: newMAC(c),
			Description: p.description, Groups: p.groups, WantsPublicIP: p.publicIP,
		}
	}
	n.attach(c, i.ID, p.device, p.deleteOnTermination)
	if p.device == 0 {
		i.Interface = n.ID
	}
	if !made {
		return n.move(c)
	}
	if err := p.addresses.take(c, &n, p.subnet); err != nil {
		return err
	}
	return putTags(c, string(types.ResourceTypeNetworkInterface), n.ID, tags)
}

// finishRun carries the launch out: the volumes get their data keys, then the
// instance decrypts them. If KMS refuses, the instance ends.
func (s *Service) finishRun(c *api.Call, i instance) error {
	volumes, err := s.volumesOf(c, i.ID)
	if err != nil {
		return err
	}
	err = s.connectNew(c, i, volumes)
	if err == nil {
		return s.running(c, i)
	}
	reason, answered := launchReason(err, false)
	if !answered {
		return err
	}
	return s.shutDown(c, &i, reason, reason.Code)
}

// connectNew fills each volume and connects it before the next: the order of
// requests to KMS is that of launch.Run. If one is refused, none stays connected.
func (s *Service) connectNew(c *api.Call, i instance, volumes []volume) error {
	for n := range volumes {
		v := &volumes[n]
		err := s.fillVolume(c, v, launch.RunVolume)
		if err == nil {
			err = s.connect(c, i, volumes[n:n+1])
		}
		if err == nil {
			continue
		}
		if errorCode(err) != "" {
			if undone := s.disconnect(c, i); undone != nil {
				return fmt.Errorf("ec2: launch of %s not undone: %w", i.ID, undone)
			}
		}
		return err
	}
	return nil
}
