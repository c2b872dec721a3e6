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

// interfaceRequest is one network interface that a launch wants: said by the
// instance's own parameters, or by one of its interfaces'.
type interfaceRequest struct {
	existing             *string // the id of one that is there
	subnet, privateIP    *string
	groupIDs, groupNames []string
	secondary            []string
	secondaryCount       int32
	publicIP             *bool
	description          string
	device               int32
	deleteOnTermination  *bool
}

// plannedInterface is an interface that a launch will make, or attach.
type plannedInterface struct {
	existing  networkInterface // with an id if it is to be attached
	subnet    subnet
	groups    []groupName
	addresses plannedAddresses
	publicIP  bool
	device    int32
	// deleteOnTermination is whether it ends with the instance.
	deleteOnTermination bool
	description         string
}

func (s *Service) planNetwork(c *api.Call, in *ec2.RunInstancesInput, p *launchPlan) error {
	requests, err := interfaceRequestsOf(in)
	if err != nil {
		return err
	}
	t, known := instanceTypeNamed(p.instance.Type)
	if known {
		if err := t.checkInterfaces(len(requests)); err != nil {
			return err
		}
	}
	for _, r := range requests {
		planned, err := s.planInterface(c, r, towardsReservation(c, in))
		p.interfaces = append(p.interfaces, planned)
		if err != nil {
			return err
		}
		if first := p.interfaces[0].subnet; planned.subnet.Zone != first.Zone {
			// A sentence without a source.
			return invalidCombination("You may not attach a network interface to an instance if they are not in the same availability zone")
		}
		if known {
			if err := t.checkAddresses(1 + planned.addresses.more()); err != nil {
				return err
			}
		}
	}
	p.subnet = p.interfaces[0].subnet
	if len(p.interfaces) > 1 {
		// With several interfaces none gets a public address by itself.
		p.interfaces[0].publicIP = false
	}
	i := &p.instance
	i.Zone, i.Subnet, i.VPC = p.subnet.Zone, p.subnet.ID, p.subnet.VPC
	return nil
}

func (s *Service) planInterface(c *api.Call, r interfaceRequest, placement *types.Placement) (plannedInterface, error) {
	p := plannedInterface{device: r.device, description: r.description, deleteOnTermination: true}
	if r.deleteOnTermination != nil {
		p.deleteOnTermination = *r.deleteOnTermination
	}
	var err error
	if r.existing != nil {
		if p.existing, err = freeInterface(c, *r.existing); err != nil {
			return p, err
		}
		p.deleteOnTermination = aws.ToBool(r.deleteOnTermination)
		p.groups, r.subnet = p.existing.Groups, aws.String(p.existing.Subnet)
		p.subnet, err = s.subnetFor(c, r.subnet, placement)
		return p, err
	}
	if p.subnet, err = s.subnetFor(c, r.subnet, placement); err != nil {
		return p, err
	}
	if p.groups, err = s.groupsFor(c, r.groupIDs, r.groupNames, p.subnet); err != nil {
		return p, err
	}
	if p.publicIP = r.device == 0 && p.subnet.PublicIPs; r.publicIP != nil {
		p.publicIP = *r.publicIP
	}
	p.addresses, err = planAddresses(c, p.subnet, r.privateIP, r.secondary, r.secondaryCount)
	return p, err
}

// freeInterface is an interface that can be attached.
func freeInterface(c *api.Call, id string) (networkInterface, error) {
	n, err := interfaces.get(c, id)
	if err == nil && n.attached() {
		err = api.Error("InvalidNetworkInterface.InUse", "Interface: ["+n.ID+"] in use.")
	}
	return n, err
}

// interfaceRequestsOf are the interfaces that a launch asks for, by their device
// index.
func interfaceRequestsOf(in *ec2.RunInstancesInput) ([]interfaceRequest, error) {
	if len(in.NetworkInterfaces) == 0 {
		r := interfaceRequest{subnet: in.SubnetId, privateIP: in.PrivateIpAddress, groupIDs: in.SecurityGroupIds, groupNames: in.SecurityGroups}
		if r.subnet != nil && len(r.groupNames) > 0 {
			return nil, invalidCombination("The parameter groupName cannot be used with the parameter subnet")
		}
		return []interfaceRequest{r}, nil
	}
	switch {
	case in.SubnetId != nil:
		return nil, invalidCombination("Network interfaces and an instance-level subnet ID may not be specified on the same request")
	case len(in.SecurityGroupIds)+len(in.SecurityGroups) > 0:
		return nil, invalidCombination("Network interfaces and an instance-level security groups may not be specified on the same request")
	case in.PrivateIpAddress != nil:
		return nil, invalidCombination("Network interfaces and an instance-level private address may not be specified on the same request")
	}
	var requests []interfaceRequest
	for i, n := range in.NetworkInterfaces {
		if err := refuseUnbuiltInterface(i+1, n); err != nil {
			return nil, err
		}
		r, err := interfaceRequestOf(n)
		if err != nil {
			return nil, err
		}
		if r.publicIP != nil && *r.publicIP && len(in.NetworkInterfaces) > 1 {
			return nil, invalidCombination("The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces.")
		}
		if r.existing != nil && aws.ToInt32(in.MaxCount) > 1 {
			return nil, invalidCombination("The parameter NetworkInterfaceId cannot be used with a count of more than one instance.")
		}
		if slices.ContainsFunc(requests, func(o interfaceRequest) bool { return o.device == r.device }) {
			return nil, invalidValue("Each network interface requires a unique device index.")
		}
		requests = append(requests, r)
	}
	slices.SortFunc(requests, func(a, b interfaceRequest) int { return int(a.device - b.device) })
	if requests[0].device != 0 {
		return nil, invalidValue("A network interface must be specified for device index 0.")
	}
	return requests, nil
}

func interfaceRequestOf(n types.InstanceNetworkInterfaceSpecification) (interfaceRequest, error) {
	r := interfaceRequest{
		existing: n.NetworkInterfaceId, subnet: n.SubnetId, groupIDs: n.Groups, publicIP: n.AssociatePublicIpAddress, privateIP: n.PrivateIpAddress,
		description: aws.ToString(n.Description), secondaryCount: aws.ToInt32(n.SecondaryPrivateIpAddressCount), deleteOnTermination: n.DeleteOnTermination,
	}
	if n.DeviceIndex == nil {
		return r, missingParameter("deviceIndex")
	}
	r.device = *n.DeviceIndex
	var err error
	if r.privateIP, r.secondary, err = splitAddresses(n.PrivateIpAddress, n.PrivateIpAddresses); err != nil {
		return r, err
	}
	if r.existing == nil {
		return r, nil
	}
	for _, with := range []struct {
		name  string
		asked bool
	}{
		{"subnetId", n.SubnetId != nil},
		{"groups", len(n.Groups) > 0},
		{"description", n.Description != nil},
		{"privateIpAddress", r.privateIP != nil || len(r.secondary) > 0},
		{"secondaryPrivateIpAddressCount", r.secondaryCount > 0},
		{"associatePublicIpAddress", n.AssociatePublicIpAddress != nil},
	} {
		if with.asked {
			// Each has a sentence of its own at AWS; this one rests on no source.
			return r, invalidCombination("A network interface may not specify both a network interface ID and a %s", with.name)
		}
	}
	return r, nil
}

// splitAddresses takes apart the primary address of a request and the others.
func splitAddresses(primary *string, list []types.PrivateIpAddressSpecification) (*string, []string, error) {
	var others []string
	for _, a := range list {
		switch {
		case !aws.ToBool(a.Primary):
			others = append(others, aws.ToString(a.PrivateIpAddress))
		case primary != nil:
			return nil, nil, invalidCombination("Only one primary private IP address can be specified.")
		default:
			primary = a.PrivateIpAddress
		}
	}
	return primary, others, nil
}

func refuseUnbuiltInterface(number int, n types.InstanceNetworkInterfaceSpecification) error {
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"AssociateCarrierIpAddress", aws.ToBool(n.AssociateCarrierIpAddress)},
		{"ConnectionTrackingSpecification", n.ConnectionTrackingSpecification != nil},
		{"EnaQueueCount", n.EnaQueueCount != nil},
		{"EnaSrdSpecification", n.EnaSrdSpecification != nil},
		{"InterfaceType", n.InterfaceType != nil && *n.InterfaceType != "interface"},
		{"Ipv4Prefix", len(n.Ipv4Prefixes) > 0 || aws.ToInt32(n.Ipv4PrefixCount) > 0},
		{"Ipv6Addresses", len(n.Ipv6Addresses) > 0 || aws.ToInt32(n.Ipv6AddressCount) > 0},
		{"Ipv6Prefix", len(n.Ipv6Prefixes) > 0 || aws.ToInt32(n.Ipv6PrefixCount) > 0},
		{"NetworkCardIndex", aws.ToInt32(n.NetworkCardIndex) != 0},
		{"PrimaryIpv6", aws.ToBool(n.PrimaryIpv6)},
	} {
		if p.asked {
			return notBuilt(fmt.Sprintf("NetworkInterface.%d.%s", number, p.name))
		}
	}
	return nil
}

// plannedAddresses are the private addresses of an interface to be made: those
// that were named, and how many others.
type plannedAddresses struct {
	primary   netip.Addr // invalid: any
	secondary []netip.Addr
	count     int // further secondary ones
}

// more is the number of secondary addresses.
func (p plannedAddresses) more() int { return len(p.secondary) + p.count }

// named reports whether an address was asked for by name.
func (p plannedAddresses) named() bool { return p.primary.IsValid() || len(p.secondary) > 0 }

// planAddresses checks the addresses that a request names.
func planAddresses(c *api.Call, n subnet, primary *string, secondary []string, count int32) (plannedAddresses, error) {
	p := plannedAddresses{count: int(count)}
	if count < 0 {
		return p, invalidValue("Value (%d) for parameter secondaryPrivateIpAddressCount is invalid.", count)
	}
	if len(secondary) > 0 && count > 0 {
		return p, invalidCombination("The parameter secondaryPrivateIpAddressCount cannot be used with the parameter privateIpAddresses")
	}
	var err error
	if aws.ToString(primary) != "" {
		if p.primary, err = freeAddress(c, n, *primary); err != nil {
			return p, err
		}
	}
	for _, text := range secondary {
		a, err := freeAddress(c, n, text)
		if err != nil {
			return p, err
		}
		p.secondary = append(p.secondary, a)
	}
	return p, nil
}

// freeAddress reads an address that an interface may have.
func freeAddress(c *api.Call, n subnet, text string) (netip.Addr, error) {
	a, err := subnetAddress(n, text)
	if err != nil {
		return a, err
	}
	taken, err := addressTaken(c, n.ID, a.String())
	if err == nil && taken {
		err = api.Error("InvalidIPAddress.InUse", fmt.Sprintf("Address %s is in use.", a))
	}
	return a, err
}

func subnetAddress(n subnet, text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return a, invalidValue("invalid value for parameter address: [%s]", text)
	}
	if !n.usable(a) {
		return a, invalidValue("Address %s does not fall within the subnet's address range", a)
	}
	return a, nil
}

// take gives a new interface its addresses and stores it.
func (p plannedAddresses) take(c *api.Call, n *networkInterface, in subnet) error {
	n.PrivateIP = p.primary.String()
	if !p.primary.IsValid() {
		a, err := in.allocate(c)
		if err != nil {
			return err
		}
		n.PrivateIP = a.String()
	}
	for _, a := range p.secondary {
		n.Secondary = append(n.Secondary, a.String())
	}
	if err := n.put(c); err != nil {
		return err
	}
	for range p.count {
		a, err := in.allocate(c)
		if err != nil {
			return err
		}
		n.Secondary = append(n.Secondary, a.String())
		if err := n.put(c); err != nil {
			return err
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

// groupsFor are the groups that are named, or the VPC's default one.
func (s *Service) groupsFor(c *api.Call, ids, names []string, n subnet) ([]groupName, error) {
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
	for _, id := range ids {
		if err := add(groups.get(c, id)); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
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
