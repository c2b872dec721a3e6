package ec2

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// networkRequest is where a launch wants to stand: said by the instance's own
// parameters, or by those of its one network interface.
type networkRequest struct {
	subnet, privateIP    *string
	groupIDs, groupNames []string
	publicIP             *bool
	description          string
}

func (s *Service) planNetwork(c *api.Call, in *ec2.RunInstancesInput, p *launchPlan) error {
	r, err := networkRequestOf(in)
	if err != nil {
		return err
	}
	if p.subnet, err = s.subnetFor(c, r.subnet, in.Placement); err != nil {
		return err
	}
	if p.groups, err = s.groupsFor(c, r, p.subnet); err != nil {
		return err
	}
	p.publicIP, p.interfaceDescription = p.subnet.PublicIPs, r.description
	if r.publicIP != nil {
		p.publicIP = *r.publicIP
	}
	i := &p.instance
	i.Zone, i.Subnet, i.VPC = p.subnet.Zone, p.subnet.ID, p.subnet.VPC
	if aws.ToString(r.privateIP) == "" {
		return nil
	}
	if p.privateIP, err = netip.ParseAddr(*r.privateIP); err != nil {
		return invalidValue("invalid value for parameter address: [%s]", *r.privateIP)
	}
	if !p.subnet.usable(p.privateIP) {
		return invalidValue("Address %s does not fall within the subnet's address range", p.privateIP)
	}
	taken, err := addressTaken(c, p.subnet.ID, p.privateIP.String())
	if err != nil {
		return err
	}
	if taken {
		return api.Error("InvalidIPAddress.InUse", fmt.Sprintf("Address %s is in use.", p.privateIP))
	}
	return nil
}

func networkRequestOf(in *ec2.RunInstancesInput) (networkRequest, error) {
	r := networkRequest{
		subnet: in.SubnetId, privateIP: in.PrivateIpAddress, groupIDs: in.SecurityGroupIds, groupNames: in.SecurityGroups,
	}
	if len(in.NetworkInterfaces) == 0 {
		if r.subnet != nil && len(r.groupNames) > 0 {
			return r, invalidCombination("The parameter groupName cannot be used with the parameter subnet")
		}
		return r, nil
	}
	switch {
	case in.SubnetId != nil:
		return r, invalidCombination("Network interfaces and an instance-level subnet ID may not be specified on the same request")
	case len(in.SecurityGroupIds)+len(in.SecurityGroups) > 0:
		return r, invalidCombination("Network interfaces and an instance-level security groups may not be specified on the same request")
	case in.PrivateIpAddress != nil:
		return r, invalidCombination("Network interfaces and an instance-level private address may not be specified on the same request")
	case len(in.NetworkInterfaces) > 1:
		return r, notBuilt("NetworkInterface.2")
	}
	n := in.NetworkInterfaces[0]
	if err := refuseUnbuiltInterface(n); err != nil {
		return r, err
	}
	r.subnet, r.groupIDs, r.publicIP = n.SubnetId, n.Groups, n.AssociatePublicIpAddress
	r.privateIP, r.description = n.PrivateIpAddress, aws.ToString(n.Description)
	for _, a := range n.PrivateIpAddresses {
		if !aws.ToBool(a.Primary) || len(n.PrivateIpAddresses) > 1 {
			return r, notBuilt("NetworkInterface.1.PrivateIpAddresses")
		}
		r.privateIP = a.PrivateIpAddress
	}
	return r, nil
}

func refuseUnbuiltInterface(n types.InstanceNetworkInterfaceSpecification) error {
	if n.NetworkInterfaceId != nil {
		return interfaces.kind.notFound(*n.NetworkInterfaceId)
	}
	if n.DeviceIndex == nil {
		return missingParameter("deviceIndex")
	}
	if *n.DeviceIndex != 0 {
		return invalidValue("A network interface must be specified for device index 0.")
	}
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"AssociateCarrierIpAddress", aws.ToBool(n.AssociateCarrierIpAddress)},
		{"ConnectionTrackingSpecification", n.ConnectionTrackingSpecification != nil},
		{"DeleteOnTermination", n.DeleteOnTermination != nil && !*n.DeleteOnTermination},
		{"EnaQueueCount", n.EnaQueueCount != nil},
		{"EnaSrdSpecification", n.EnaSrdSpecification != nil},
		{"InterfaceType", n.InterfaceType != nil && *n.InterfaceType != "interface"},
		{"Ipv4Prefix", len(n.Ipv4Prefixes) > 0 || aws.ToInt32(n.Ipv4PrefixCount) > 0},
		{"Ipv6Addresses", len(n.Ipv6Addresses) > 0 || aws.ToInt32(n.Ipv6AddressCount) > 0},
		{"Ipv6Prefix", len(n.Ipv6Prefixes) > 0 || aws.ToInt32(n.Ipv6PrefixCount) > 0},
		{"NetworkCardIndex", aws.ToInt32(n.NetworkCardIndex) != 0},
		{"PrimaryIpv6", aws.ToBool(n.PrimaryIpv6)},
		{"SecondaryPrivateIpAddressCount", aws.ToInt32(n.SecondaryPrivateIpAddressCount) > 0},
	} {
		if p.asked {
			return notBuilt("NetworkInterface.1." + p.name)
		}
	}
	return nil
}

// subnetFor finds the subnet of a launch: the one that was named, or the
// default subnet of the zone that was, or of the first.
func (s *Service) subnetFor(c *api.Call, id *string, placement *types.Placement) (subnet, error) {
	if err := s.ensureNetwork(c); err != nil {
		return subnet{}, err
	}
	zone := ""
	if placement != nil {
		var err error
		if zone, err = zoneOf(c.Region, placement.AvailabilityZone, placement.AvailabilityZoneId); err != nil {
			return subnet{}, err
		}
	}
	if aws.ToString(id) != "" {
		n, err := subnets.get(c, *id)
		if err == nil && zone != "" && zone != n.Zone {
			return n, invalidCombination("The availability zone '%s' does not match the zone '%s' of the subnet '%s'.", zone, n.Zone, n.ID)
		}
		return n, err
	}
	if zone == "" {
		zones := zonesOf(c.Region)
		if len(zones) == 0 {
			return subnet{}, fmt.Errorf("ec2: region %s has no zones", c.Region)
		}
		zone = zones[0].Name
	}
	return s.defaultSubnet(c, zone)
}

// maxGroups is how many security groups an interface may have.
const maxGroups = 5

func (s *Service) groupsFor(c *api.Call, r networkRequest, n subnet) ([]groupName, error) {
	var found []groupName
	add := func(g securityGroup, err error) error {
		if err != nil {
			return err
		}
		if g.VPC != n.VPC {
			return api.Error("InvalidParameter", fmt.Sprintf("Security group %s and subnet %s belong to different networks.", g.ID, n.ID))
		}
		if name := (groupName{g.ID, g.Name}); !slices.Contains(found, name) {
			found = append(found, name)
		}
		return nil
	}
	for _, id := range r.groupIDs {
		if err := add(groups.get(c, id)); err != nil {
			return nil, err
		}
	}
	for _, name := range r.groupNames {
		if err := add(s.groupOf(c, nil, &name)); err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		g, _, err := groupByName(c, n.VPC, defaultGroupName)
		if err := add(g, err); err != nil {
			return nil, err
		}
	}
	if len(found) > maxGroups {
		return nil, api.Error("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	return found, nil
}
