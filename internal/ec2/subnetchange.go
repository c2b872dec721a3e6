package ec2

import (
	"fmt"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// maxSubnets is AWS's default quota "Subnets per VPC" (VPC guide, "Amazon VPC quotas").
const maxSubnets = 200

func (s *Service) subnetChangeOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateSubnet", createSubnetNeeds, s.createSubnet),
		api.Op("DeleteSubnet", onSubnet("DeleteSubnet", func(in *ec2.DeleteSubnetInput) *string { return in.SubnetId }), s.deleteSubnet),
		api.Op("ModifySubnetAttribute", onSubnet("ModifySubnetAttribute", func(in *ec2.ModifySubnetAttributeInput) *string { return in.SubnetId }), s.modifySubnetAttribute),
	}
}

func createSubnetNeeds(c *api.Call, in *ec2.CreateSubnetInput) ([]api.Need, error) {
	n := need(c, "CreateSubnet", types.ResourceTypeSubnet, "*")
	setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeSubnet))
	network, err := vpcNeed(c, "CreateSubnet", aws.ToString(in.VpcId))
	if err != nil {
		return nil, err
	}
	n.Context.Set("ec2:Vpc", network.Resource)
	if in.AvailabilityZone != nil {
		n.Context.Set("ec2:AvailabilityZone", *in.AvailabilityZone)
	}
	return append([]api.Need{n, network}, tagNeeds(c, "CreateSubnet", in.TagSpecifications)...), nil
}

// subnetNeed is the need on a subnet, with what conditions ask of one.
func subnetNeed(c *api.Call, action, id string) (api.Need, error) {
	n, err := existingNeed(c, action, types.ResourceTypeSubnet, id)
	if err != nil {
		return n, err
	}
	n.Context.Set("ec2:SubnetID", id)
	if found, err := subnets.get(c, id); err == nil {
		n.Context.Set("ec2:Vpc", c.ARN("ec2", "vpc/"+found.VPC))
		n.Context.Set("ec2:AvailabilityZone", found.Zone)
	}
	return n, nil
}

func onSubnet[In any](action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := subnetNeed(c, action, aws.ToString(id(in)))
		return []api.Need{n}, err
	}
}

func refuseUnbuiltSubnet(in *ec2.CreateSubnetInput) error {
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"Ipv4IpamPoolId", in.Ipv4IpamPoolId != nil},
		{"Ipv4NetmaskLength", in.Ipv4NetmaskLength != nil},
		{"Ipv6CidrBlock", in.Ipv6CidrBlock != nil},
		{"Ipv6IpamPoolId", in.Ipv6IpamPoolId != nil},
		{"Ipv6Native", aws.ToBool(in.Ipv6Native)},
		{"Ipv6NetmaskLength", in.Ipv6NetmaskLength != nil},
		{"OutpostArn", in.OutpostArn != nil},
	} {
		if p.asked {
			return notBuilt(p.name)
		}
	}
	return nil
}

func (s *Service) createSubnet(c *api.Call, in *ec2.CreateSubnetInput) (*ec2.CreateSubnetOutput, error) {
	v, err := s.vpcOrDefault(c, in.VpcId)
	if err != nil {
		return nil, err
	}
	if err := refuseUnbuiltSubnet(in); err != nil {
		return nil, err
	}
	if in.CidrBlock == nil {
		return nil, missingParameter("cidrBlock")
	}
	block, err := parseBlock("cidrBlock", *in.CidrBlock, "InvalidSubnet.Range")
	if err != nil {
		return nil, err
	}
	if err := fits(c, v, block); err != nil {
		return nil, err
	}
	zone, err := zoneOf(c.Region, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	if zone == "" {
		zone = zonesOf(c.Region)[0].Name
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeSubnet))
	if err != nil {
		return nil, err
	}
	n := subnet{ID: c.NewID("subnet-"), VPC: v.ID, Zone: zone, CIDR: block.String(), ACLAssociation: c.NewID("aclassoc-")}
	if err := subnetTable.Put(c.Tx, c.Scope(), n.ID, n); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeSubnet), n.ID, tags); err != nil {
		return nil, err
	}
	d, err := n.describe(c, tags)
	return &ec2.CreateSubnetOutput{Subnet: &d}, err
}

// fits refuses a block that is not the VPC's, or another subnet's.
func fits(c *api.Call, v vpc, block netip.Prefix) error {
	if !v.holds(block) {
		return api.Error("InvalidSubnet.Range", fmt.Sprintf("The CIDR '%s' is invalid.", block))
	}
	there := 0
	for n, err := range subnetTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return err
		}
		if n.VPC != v.ID {
			continue
		}
		there++
		if n.prefix().Overlaps(block) {
			return api.Error("InvalidSubnet.Conflict", fmt.Sprintf("The CIDR '%s' conflicts with another subnet", block))
		}
	}
	if there >= maxSubnets {
		return api.Error("SubnetLimitExceeded", "The maximum number of subnets has been reached.")
	}
	return nil
}

func (s *Service) deleteSubnet(c *api.Call, in *ec2.DeleteSubnetInput) (*ec2.DeleteSubnetOutput, error) {
	n, err := s.existingSubnet(c, in.SubnetId)
	if err != nil {
		return nil, err
	}
	for _, err := range interfaceTable.Find(c.Tx, c.Scope(), "subnet", n.ID) {
		if err != nil {
			return nil, err
		}
		return nil, api.Error("DependencyViolation", "The subnet '"+n.ID+"' has dependencies and cannot be deleted.")
	}
	r, ok, err := tableOfSubnet(c, n.ID)
	if err != nil {
		return nil, err
	}
	if ok {
		if err := r.dissociate(func(a association) bool { return a.Subnet == n.ID }).put(c); err != nil {
			return nil, err
		}
	}
	return &ec2.DeleteSubnetOutput{}, deleteRow(c, subnets, types.ResourceTypeSubnet, n.ID)
}

func (s *Service) existingSubnet(c *api.Call, id *string) (subnet, error) {
	if err := s.ensureNetwork(c); err != nil {
		return subnet{}, err
	}
	return subnets.get(c, aws.ToString(id))
}

func (s *Service) modifySubnetAttribute(c *api.Call, in *ec2.ModifySubnetAttributeInput) (*ec2.ModifySubnetAttributeOutput, error) {
	n, err := s.existingSubnet(c, in.SubnetId)
	if err != nil {
		return nil, err
	}
	on := func(v *types.AttributeBooleanValue) bool { return v != nil && aws.ToBool(v.Value) }
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"AssignIpv6AddressOnCreation", on(in.AssignIpv6AddressOnCreation)},
		{"CustomerOwnedIpv4Pool", in.CustomerOwnedIpv4Pool != nil},
		{"EnableDns64", on(in.EnableDns64)},
		{"DisableLniAtDeviceIndex", in.DisableLniAtDeviceIndex != nil},
		{"EnableLniAtDeviceIndex", in.EnableLniAtDeviceIndex != nil},
		{"MapCustomerOwnedIpOnLaunch", on(in.MapCustomerOwnedIpOnLaunch)},
	} {
		if p.asked {
			return nil, notBuilt(p.name)
		}
	}
	if v := in.MapPublicIpOnLaunch; v != nil {
		n.PublicIPs = aws.ToBool(v.Value)
	}
	if in.PrivateDnsHostnameTypeOnLaunch != "" {
		n.Names.Type = in.PrivateDnsHostnameTypeOnLaunch
	}
	if v := in.EnableResourceNameDnsARecordOnLaunch; v != nil {
		n.Names.A = aws.ToBool(v.Value)
	}
	if v := in.EnableResourceNameDnsAAAARecordOnLaunch; v != nil {
		n.Names.AAAA = aws.ToBool(v.Value)
	}
	return &ec2.ModifySubnetAttributeOutput{}, subnetTable.Put(c.Tx, c.Scope(), n.ID, n)
}

// createDefaultSubnet makes a default subnet where a zone's was deleted: the first
// /20 of the VPC that is free.
func (s *Service) createDefaultSubnet(c *api.Call, in *ec2.CreateDefaultSubnetInput) (*ec2.CreateDefaultSubnetOutput, error) {
	if aws.ToBool(in.Ipv6Native) {
		return nil, notBuilt("Ipv6Native")
	}
	v, exists, err := s.findDefaultVPC(c)
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, api.Error("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.")
	}
	zone, err := zoneOf(c.Region, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	if zone == "" {
		return nil, missingParameter("availabilityZone")
	}
	for n, err := range subnetTable.Find(c.Tx, c.Scope(), "zone", zone) {
		if err != nil {
			return nil, err
		}
		return nil, api.Error("DefaultSubnetAlreadyExistsInAvailabilityZone", fmt.Sprintf("'%s' is already the default subnet in %s.", n.ID, zone))
	}
	z, _ := zoneNamed(c.Region, zone)
	for i := range 16 {
		n := subnetOfDefault(v, z, i, func(prefix, _ string) string { return c.NewID(prefix) })
		err := fits(c, v, n.prefix())
		if errorCode(err) == "InvalidSubnet.Conflict" {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := subnetTable.Put(c.Tx, c.Scope(), n.ID, n); err != nil {
			return nil, err
		}
		d, err := n.describe(c, nil)
		return &ec2.CreateDefaultSubnetOutput{Subnet: &d}, err
	}
	return nil, api.Error("InsufficientCidrBlocks", "There are not enough CIDR blocks in the default VPC '"+v.ID+"' for a default subnet.")
}
