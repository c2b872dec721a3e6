package ec2

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

func (s *Service) interfaceOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateNetworkInterface", s.createInterfaceNeeds, s.createNetworkInterface),
		api.Op("DeleteNetworkInterface", onInterface("DeleteNetworkInterface", func(in *ec2.DeleteNetworkInterfaceInput) *string { return in.NetworkInterfaceId }), s.deleteNetworkInterface),
		api.Op("AttachNetworkInterface", s.attachInterfaceNeeds, s.attachNetworkInterface),
		api.Op("DetachNetworkInterface", s.detachInterfaceNeeds, s.detachNetworkInterface),
		api.Op("ModifyNetworkInterfaceAttribute", s.modifyInterfaceNeeds, s.modifyNetworkInterfaceAttribute),
		api.Read("DescribeNetworkInterfaceAttribute", anywhere[ec2.DescribeNetworkInterfaceAttributeInput]("DescribeNetworkInterfaceAttribute"), s.describeNetworkInterfaceAttribute),
		api.Op("ResetNetworkInterfaceAttribute", onInterface("ResetNetworkInterfaceAttribute", func(in *ec2.ResetNetworkInterfaceAttributeInput) *string { return in.NetworkInterfaceId }), s.resetNetworkInterfaceAttribute),
		api.Op("AssignPrivateIpAddresses", onInterface("AssignPrivateIpAddresses", func(in *ec2.AssignPrivateIpAddressesInput) *string { return in.NetworkInterfaceId }), s.assignPrivateIPAddresses),
		api.Op("UnassignPrivateIpAddresses", onInterface("UnassignPrivateIpAddresses", func(in *ec2.UnassignPrivateIpAddressesInput) *string { return in.NetworkInterfaceId }), s.unassignPrivateIPAddresses),
	}
}

// interfaceNeed is the need on an interface, with what conditions ask of one.
func interfaceNeed(c *api.Call, action, id string) (api.Need, error) {
	n, err := existingNeed(c, action, types.ResourceTypeNetworkInterface, id)
	if err != nil {
		return n, err
	}
	n.Context.Set("ec2:NetworkInterfaceID", id)
	found, err := interfaceTable.Get(c.Tx, c.Scope(), id)
	if errors.Is(err, store.ErrNotFound) {
		return n, nil
	}
	n.Context.Set("ec2:AvailabilityZone", found.Zone)
	n.Context.Set("ec2:Subnet", c.ARN("ec2", "subnet/"+found.Subnet))
	n.Context.Set("ec2:Vpc", c.ARN("ec2", "vpc/"+found.VPC))
	return n, err
}

// onInterface is the descriptor of an operation on one interface.
func onInterface[In any](action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := interfaceNeed(c, action, aws.ToString(id(in)))
		return []api.Need{n}, err
	}
}

// securityGroupNeeds are those on groups that a request names by id.
func securityGroupNeeds(c *api.Call, action string, ids []string) ([]api.Need, error) {
	var needs []api.Need
	for _, id := range ids {
		n, err := existingNeed(c, action, types.ResourceTypeSecurityGroup, id)
		if err != nil {
			return nil, err
		}
		n.Context.Set("ec2:SecurityGroupID", id)
		g, err := groupTable.Get(c.Tx, c.Scope(), id)
		switch {
		case err == nil:
			n.Context.Set("ec2:Vpc", c.ARN("ec2", "vpc/"+g.VPC))
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
		needs = append(needs, n)
	}
	return needs, nil
}

func (s *Service) createInterfaceNeeds(c *api.Call, in *ec2.CreateNetworkInterfaceInput) ([]api.Need, error) {
	n := need(c, "CreateNetworkInterface", types.ResourceTypeNetworkInterface, "*")
	setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeNetworkInterface))
	at, err := subnetNeed(c, "CreateNetworkInterface", aws.ToString(in.SubnetId))
	if err != nil {
		return nil, err
	}
	groups, err := securityGroupNeeds(c, "CreateNetworkInterface", in.Groups)
	needs := append([]api.Need{n, at}, groups...)
	return append(needs, tagNeeds(c, "CreateNetworkInterface", in.TagSpecifications)...), err
}

func refuseUnbuiltInterfaceCreation(in *ec2.CreateNetworkInterfaceInput) error {
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"ConnectionTrackingSpecification", in.ConnectionTrackingSpecification != nil},
		{"EnablePrimaryIpv6", aws.ToBool(in.EnablePrimaryIpv6)},
		{"InterfaceType", in.InterfaceType != ""},
		{"Ipv4Prefix", len(in.Ipv4Prefixes) > 0 || aws.ToInt32(in.Ipv4PrefixCount) > 0},
		{"Ipv6Addresses", len(in.Ipv6Addresses) > 0 || aws.ToInt32(in.Ipv6AddressCount) > 0},
		{"Ipv6Prefix", len(in.Ipv6Prefixes) > 0 || aws.ToInt32(in.Ipv6PrefixCount) > 0},
		{"Operator", in.Operator != nil},
	} {
		if p.asked {
			return notBuilt(p.name)
		}
	}
	return nil
}

// maxInterfaces is AWS's default quota "Network interfaces per Region" (VPC
// guide, "Amazon VPC quotas").
const maxInterfaces = 5000

func (s *Service) createNetworkInterface(c *api.Call, in *ec2.CreateNetworkInterfaceInput) (*ec2.CreateNetworkInterfaceOutput, error) {
	at, err := s.existingSubnet(c, in.SubnetId)
	if err != nil {
		return nil, err
	}
	if err := refuseUnbuiltInterfaceCreation(in); err != nil {
		return nil, err
	}
	earlier, err := usedToken(c, in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	if earlier != "" {
		n, err := interfaces.get(c, earlier)
		if err != nil {
			return nil, err
		}
		return createdInterface(c, in, n)
	}
	primary, others, err := splitAddresses(in.PrivateIpAddress, in.PrivateIpAddresses)
	if err != nil {
		return nil, err
	}
	addresses, err := planAddresses(c, at, primary, others, aws.ToInt32(in.SecondaryPrivateIpAddressCount))
	if err != nil {
		return nil, err
	}
	groups, err := s.groupsFor(c, in.Groups, nil, at)
	if err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeNetworkInterface))
	if err != nil {
		return nil, err
	}
	if err := room(interfaceTable.All(c.Tx, c.Scope()), maxInterfaces, api.Error("NetworkInterfaceLimitExceeded", "The maximum number of network interfaces has been reached.")); err != nil {
		return nil, err
	}
	n := networkInterface{
		ID: c.NewID("eni-"), Subnet: at.ID, VPC: at.VPC, Zone: at.Zone, MAC: newMAC(c), Description: aws.ToString(in.Description), Groups: groups,
	}
	if err := addresses.take(c, &n, at); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeNetworkInterface), n.ID, tags); err != nil {
		return nil, err
	}
	if err := keepToken(c, in.ClientToken, in, n.ID); err != nil {
		return nil, err
	}
	return createdInterface(c, in, n)
}

// createdInterface is the answer: a new interface says that it is pending.
func createdInterface(c *api.Call, in *ec2.CreateNetworkInterfaceInput, n networkInterface) (*ec2.CreateNetworkInterfaceOutput, error) {
	tags, err := tagsOf(c, n.ID)
	d := n.describe(c, tags)
	// A word that the SDK's enum does not have.
	d.Status = "pending"
	return &ec2.CreateNetworkInterfaceOutput{NetworkInterface: &d, ClientToken: in.ClientToken}, err
}

func (s *Service) deleteNetworkInterface(c *api.Call, in *ec2.DeleteNetworkInterfaceInput) (*ec2.DeleteNetworkInterfaceOutput, error) {
	n, err := interfaces.get(c, aws.ToString(in.NetworkInterfaceId))
	if err != nil {
		return nil, err
	}
	if n.attached() {
		return nil, invalidValue("Network interface '%s' is currently in use.", n.ID)
	}
	return &ec2.DeleteNetworkInterfaceOutput{}, n.remove(c)
}

// remove deletes an interface; its Elastic IP addresses stay allocated.
func (n networkInterface) remove(c *api.Call) error {
	for _, b := range n.Elastic {
		if err := unbind(c, b.Allocation); err != nil {
			return err
		}
	}
	return deleteRow(c, interfaces, types.ResourceTypeNetworkInterface, n.ID)
}
