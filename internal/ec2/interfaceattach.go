package ec2

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// attach puts the interface to an instance's device index.
func (n *networkInterface) attach(c *api.Call, instance string, device int32, deleteOnTermination bool) {
	n.Attachment, n.Instance, n.Device = c.NewID("eni-attach-"), instance, device
	n.AttachedAt, n.DeleteOnTermination = wholeSecond(c), deleteOnTermination
}

// detached is the interface by itself.
func (n networkInterface) detached() networkInterface {
	n.Attachment, n.Instance, n.Device, n.DeleteOnTermination, n.PublicIP = "", "", 0, false, ""
	return n
}

// leave is what becomes of the interface when its instance ends.
func (n networkInterface) leave(c *api.Call) error {
	if n.DeleteOnTermination {
		return n.remove(c)
	}
	return n.detached().move(c)
}

// move stores an interface that came to an instance or left one: its Elastic IP
// addresses come along.
func (n networkInterface) move(c *api.Call) error {
	for _, b := range n.Elastic {
		a, err := elasticAddresses.get(c, b.Allocation)
		if err != nil {
			return err
		}
		a.Instance = n.Instance
		if err := a.put(c); err != nil {
			return err
		}
	}
	return n.put(c)
}

// attachmentOfID finds an interface by its attachment's id.
func attachmentOfID(c *api.Call, id string) (networkInterface, error) {
	if id != "" {
		for n, err := range interfaceTable.All(c.Tx, c.Scope()) {
			if err != nil || n.Attachment == id {
				return n, err
			}
		}
	}
	return networkInterface{}, api.Error("InvalidAttachmentID.NotFound", fmt.Sprintf("The attachment ID '%s' does not exist", id))
}

func (s *Service) attachInterfaceNeeds(c *api.Call, in *ec2.AttachNetworkInterfaceInput) ([]api.Need, error) {
	i, err := s.instanceNeed(c, "AttachNetworkInterface", aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	n, err := interfaceNeed(c, "AttachNetworkInterface", aws.ToString(in.NetworkInterfaceId))
	return []api.Need{i, n}, err
}

func (s *Service) detachInterfaceNeeds(c *api.Call, in *ec2.DetachNetworkInterfaceInput) ([]api.Need, error) {
	found, err := attachmentOfID(c, aws.ToString(in.AttachmentId))
	if err != nil && errorCode(err) == "" {
		return nil, err
	}
	i, err := s.instanceNeed(c, "DetachNetworkInterface", either(found.Instance, "*"))
	if err != nil {
		return nil, err
	}
	n, err := interfaceNeed(c, "DetachNetworkInterface", either(found.ID, "*"))
	return []api.Need{i, n}, err
}

func (s *Service) attachNetworkInterface(c *api.Call, in *ec2.AttachNetworkInterfaceInput) (*ec2.AttachNetworkInterfaceOutput, error) {
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"EnaQueueCount", in.EnaQueueCount != nil},
		{"EnaSrdSpecification", in.EnaSrdSpecification != nil},
		{"NetworkCardIndex", aws.ToInt32(in.NetworkCardIndex) != 0},
	} {
		if p.asked {
			return nil, notBuilt(p.name)
		}
	}
	if in.DeviceIndex == nil {
		return nil, missingParameter("deviceIndex")
	}
	n, err := freeInterface(c, aws.ToString(in.NetworkInterfaceId))
	if err != nil {
		return nil, err
	}
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	if err := attachable(c, n, i, *in.DeviceIndex); err != nil {
		return nil, err
	}
	// An interface that is attached later stays when the instance ends (EC2 API
	// reference, "AttachNetworkInterface").
	n.attach(c, i.ID, *in.DeviceIndex, false)
	return &ec2.AttachNetworkInterfaceOutput{AttachmentId: aws.String(n.Attachment), NetworkCardIndex: aws.Int32(0)}, n.move(c)
}

func attachable(c *api.Call, n networkInterface, i instance, device int32) error {
	if i.State != types.InstanceStateNameRunning && i.State != types.InstanceStateNameStopped {
		return incorrectInstanceState("Instance '%s' is not 'running' or 'stopped'.", i.ID)
	}
	if n.Zone != i.Zone {
		return invalidCombination("You may not attach a network interface to an instance if they are not in the same availability zone")
	}
	all, err := interfacesOf(c, i.ID)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.Device == device {
			return invalidValue("Instance '%s' already has an interface attached at device index '%d'.", i.ID, device)
		}
	}
	t, _ := instanceTypeNamed(i.Type)
	if err := t.checkInterfaces(len(all) + 1); err != nil {
		return err
	}
	return t.checkAddresses(len(n.addresses()))
}

func (s *Service) detachNetworkInterface(c *api.Call, in *ec2.DetachNetworkInterfaceInput) (*ec2.DetachNetworkInterfaceOutput, error) {
	n, err := attachmentOfID(c, aws.ToString(in.AttachmentId))
	if err != nil {
		return nil, err
	}
	if n.managed() {
		return nil, notPermitted("You are not allowed to manage 'ela-attach' attachments.")
	}
	if n.Device == 0 {
		return nil, notPermitted("The network interface at device index 0 cannot be detached.")
	}
	return &ec2.DetachNetworkInterfaceOutput{}, n.detached().move(c)
}
