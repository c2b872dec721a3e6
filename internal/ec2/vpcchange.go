package ec2

import (
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// maxVPCs is AWS's default quota "VPCs per Region" (VPC guide, "Amazon VPC quotas").
const maxVPCs = 5

func (s *Service) vpcChangeOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpc", createVpcNeeds, s.createVpc),
		api.Op("DeleteVpc", onVPC("DeleteVpc", func(in *ec2.DeleteVpcInput) *string { return in.VpcId }), s.deleteVpc),
		api.Op("ModifyVpcAttribute", onVPC("ModifyVpcAttribute", func(in *ec2.ModifyVpcAttributeInput) *string { return in.VpcId }), s.modifyVpcAttribute),
		api.Op("ModifyVpcTenancy", func(c *api.Call, in *ec2.ModifyVpcTenancyInput) ([]api.Need, error) {
			n, err := vpcNeed(c, "ModifyVpcTenancy", aws.ToString(in.VpcId))
			setAttributes(&n, true, setting{"InstanceTenancy", string(in.InstanceTenancy)})
			return []api.Need{n}, err
		}, s.modifyVpcTenancy),
		api.Read("DescribeVpcAttribute", onVPC("DescribeVpcAttribute", func(in *ec2.DescribeVpcAttributeInput) *string { return in.VpcId }), s.describeVpcAttribute),
	}
}

// vpcOrDefault is the VPC with that id, or the default one where none is named.
func (s *Service) vpcOrDefault(c *api.Call, id *string) (vpc, error) {
	if id == nil {
		return s.defaultVPC(c)
	}
	if err := s.ensureNetwork(c); err != nil {
		return vpc{}, err
	}
	return vpcs.get(c, *id)
}

func createVpcNeeds(c *api.Call, in *ec2.CreateVpcInput) ([]api.Need, error) {
	n := need(c, "CreateVpc", types.ResourceTypeVpc, "*")
	setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeVpc))
	return append([]api.Need{n}, tagNeeds(c, "CreateVpc", in.TagSpecifications)...), nil
}

// vpcNeed is the need on a VPC, with what conditions ask of one.
func vpcNeed(c *api.Call, action, id string) (api.Need, error) {
	n, err := existingNeed(c, action, types.ResourceTypeVpc, id)
	if err != nil {
		return n, err
	}
	n.Context.Set("ec2:VpcID", id)
	if v, err := vpcs.get(c, id); err == nil {
		n.Context.Set("ec2:Tenancy", string(v.tenancy()))
	}
	return n, nil
}

// onVPC is the descriptor of an operation on one VPC.
func onVPC[In any](action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := vpcNeed(c, action, aws.ToString(id(in)))
		return []api.Need{n}, err
	}
}

// parseBlock reads the address block of a VPC or subnet, between /16 and /28
// (VPC guide, "VPC CIDR blocks"). Host bits are dropped, as AWS does.
func parseBlock(parameter, text, outOfRange string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || !p.Addr().Is4() {
		return p, invalidValue("Value (%s) for parameter %s is invalid. This is not a valid CIDR block.", text, parameter)
	}
	if p.Bits() < 16 || p.Bits() > 28 {
		return p, api.Error(outOfRange, "The CIDR '"+text+"' is invalid.")
	}
	return p.Masked(), nil
}

func refuseUnbuiltVpc(in *ec2.CreateVpcInput) error {
	if in.VpcEncryptionControl != nil {
		return notBuilt("VpcEncryptionControl")
	}
	return refuseUnbuiltBlock(&ec2.AssociateVpcCidrBlockInput{
		AmazonProvidedIpv6CidrBlock: in.AmazonProvidedIpv6CidrBlock, Ipv4IpamPoolId: in.Ipv4IpamPoolId, Ipv4NetmaskLength: in.Ipv4NetmaskLength,
		Ipv6CidrBlock: in.Ipv6CidrBlock, Ipv6CidrBlockNetworkBorderGroup: in.Ipv6CidrBlockNetworkBorderGroup,
		Ipv6IpamPoolId: in.Ipv6IpamPoolId, Ipv6NetmaskLength: in.Ipv6NetmaskLength, Ipv6Pool: in.Ipv6Pool,
	})
}

// refuseUnbuiltBlock refuses the ways of choosing an address block that are not
// built.
func refuseUnbuiltBlock(in *ec2.AssociateVpcCidrBlockInput) error {
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"AmazonProvidedIpv6CidrBlock", aws.ToBool(in.AmazonProvidedIpv6CidrBlock)},
		{"Ipv4IpamPoolId", in.Ipv4IpamPoolId != nil},
		{"Ipv4NetmaskLength", in.Ipv4NetmaskLength != nil},
		{"Ipv6CidrBlock", in.Ipv6CidrBlock != nil},
		{"Ipv6CidrBlockNetworkBorderGroup", in.Ipv6CidrBlockNetworkBorderGroup != nil},
		{"Ipv6IpamPoolId", in.Ipv6IpamPoolId != nil},
		{"Ipv6NetmaskLength", in.Ipv6NetmaskLength != nil},
		{"Ipv6Pool", in.Ipv6Pool != nil},
	} {
		if p.asked {
			return notBuilt(p.name)
		}
	}
	return nil
}

func (s *Service) createVpc(c *api.Call, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
		return nil, err
	}
	if err := refuseUnbuiltVpc(in); err != nil {
		return nil, err
	}
	if in.CidrBlock == nil {
		return nil, missingParameter("cidrBlock")
	}
	block, err := parseBlock("cidrBlock", *in.CidrBlock, "InvalidVpc.Range")
	if err != nil {
		return nil, err
	}
	if t := in.InstanceTenancy; t != "" && t != types.TenancyDefault && t != types.TenancyDedicated {
		return nil, invalidValue("Value (%s) for parameter instanceTenancy is invalid.", t)
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeVpc))
	if err != nil {
		return nil, err
	}
	if err := room(vpcTable.All(c.Tx, c.Scope()), maxVPCs, api.Error("VpcLimitExceeded", "The maximum number of VPCs has been reached.")); err != nil {
		return nil, err
	}
	v := vpc{ID: c.NewID("vpc-"), CIDR: block.String(), Association: c.NewID("vpc-cidr-assoc-"), Tenancy: in.InstanceTenancy}
	if v.DHCPOptions, err = ensureDHCPOptions(c); err != nil {
		return nil, err
	}
	if err := vpcTable.Put(c.Tx, c.Scope(), v.ID, v); err != nil {
		return nil, err
	}
	id := func(prefix, _ string) string { return c.NewID(prefix) }
	if err := putMainRouteTable(c, v, id); err != nil {
		return nil, err
	}
	if err := putDefaultSecurityGroup(c, v, id); err != nil {
		return nil, err
	}
	if err := putDefaultACL(c, v, id); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeVpc), v.ID, tags); err != nil {
		return nil, err
	}
	d := v.describe(c, tags)
	d.State = types.VpcStatePending
	return &ec2.CreateVpcOutput{Vpc: &d}, nil
}

// deleteVpc deletes a VPC that nothing but its main route table, its default
// security group and its default network ACL is left of: these go with it (EC2 API reference, "DeleteVpc").
func (s *Service) deleteVpc(c *api.Call, in *ec2.DeleteVpcInput) (*ec2.DeleteVpcOutput, error) {
	v, err := s.vpcOrDefault(c, in.VpcId)
	if err != nil {
		return nil, err
	}
	used, err := vpcInUse(c, v)
	if err != nil {
		return nil, err
	}
	if used {
		return nil, api.Error("DependencyViolation", "The vpc '"+v.ID+"' has dependencies and cannot be deleted.")
	}
	main, err := mainRouteTable(c, v.ID)
	if err != nil {
		return nil, err
	}
	if err := deleteRow(c, routeTables, types.ResourceTypeRouteTable, main.ID); err != nil {
		return nil, err
	}
	acl, err := defaultACL(c, v.ID)
	if err != nil {
		return nil, err
	}
	if err := deleteRow(c, networkACLs, types.ResourceTypeNetworkAcl, acl.ID); err != nil {
		return nil, err
	}
	g, _, err := groupByName(c, v.ID, defaultGroupName)
	if err != nil {
		return nil, err
	}
	if err := deleteRow(c, groups, types.ResourceTypeSecurityGroup, g.ID); err != nil {
		return nil, err
	}
	if err := endPeerings(c, v.ID); err != nil {
		return nil, err
	}
	if v.Default {
		if err := defaultVPCTable.Put(c.Tx, c.Scope(), "vpc", ""); err != nil {
			return nil, err
		}
	}
	return &ec2.DeleteVpcOutput{}, deleteRow(c, vpcs, types.ResourceTypeVpc, v.ID)
}

// deleteRow deletes a row and its tags.
func deleteRow[T any](c *api.Call, l listing[T], kind types.ResourceType, id string) error {
	if err := l.table.Delete(c.Tx, c.Scope(), id); err != nil {
		return err
	}
	return putTags(c, string(kind), id, nil)
}

// vpcInUse reports whether something lies in the VPC that does not go with it.
func vpcInUse(c *api.Call, v vpc) (bool, error) {
	for n, err := range subnetTable.All(c.Tx, c.Scope()) {
		if err != nil || n.VPC == v.ID {
			return true, err
		}
	}
	for g, err := range gatewayTable.All(c.Tx, c.Scope()) {
		if err != nil || g.VPC == v.ID {
			return true, err
		}
	}
	for e, err := range endpointTable.All(c.Tx, c.Scope()) {
		if err != nil || e.VPC == v.ID {
			return true, err
		}
	}
	for g, err := range groupTable.All(c.Tx, c.Scope()) {
		if err != nil || g.VPC == v.ID && g.Name != defaultGroupName {
			return true, err
		}
	}
	for a, err := range aclTable.Find(c.Tx, c.Scope(), "vpc", v.ID) {
		if err != nil || !a.Default {
			return true, err
		}
	}
	for r, err := range routeTableTable.All(c.Tx, c.Scope()) {
		if err != nil || r.VPC == v.ID && !r.main() {
			return true, err
		}
	}
	return false, nil
}

// modifyVpcAttribute sets one attribute; names for hosts need a resolver (EC2
// API reference, "ModifyVpcAttribute").
func (s *Service) modifyVpcAttribute(c *api.Call, in *ec2.ModifyVpcAttributeInput) (*ec2.ModifyVpcAttributeOutput, error) {
	v, err := s.vpcOrDefault(c, in.VpcId)
	if err != nil {
		return nil, err
	}
	given := 0
	if a := in.EnableDnsSupport; a != nil {
		given++
		v.NoDNSSupport = !aws.ToBool(a.Value)
	}
	if a := in.EnableDnsHostnames; a != nil {
		given++
		v.DNSHostnames = aws.ToBool(a.Value)
	}
	if a := in.EnableNetworkAddressUsageMetrics; a != nil {
		given++
		v.AddressUsageMetrics = aws.ToBool(a.Value)
	}
	switch {
	case given == 0:
		return nil, missingParameter("attribute")
	case given > 1:
		return nil, invalidCombination("Fields for multiple attribute types specified")
	case v.NoDNSSupport && v.DNSHostnames:
		return nil, invalidCombination("In order to enable DNS Hostnames you must also enable DNS Support")
	}
	return &ec2.ModifyVpcAttributeOutput{}, vpcTable.Put(c.Tx, c.Scope(), v.ID, v)
}

func (s *Service) describeVpcAttribute(c *api.Call, in *ec2.DescribeVpcAttributeInput) (*ec2.DescribeVpcAttributeOutput, error) {
	v, err := s.vpcOrDefault(c, in.VpcId)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcAttributeOutput{VpcId: aws.String(v.ID)}
	switch in.Attribute {
	case types.VpcAttributeNameEnableDnsSupport:
		out.EnableDnsSupport = &types.AttributeBooleanValue{Value: aws.Bool(!v.NoDNSSupport)}
	case types.VpcAttributeNameEnableDnsHostnames:
		out.EnableDnsHostnames = &types.AttributeBooleanValue{Value: aws.Bool(v.DNSHostnames)}
	case types.VpcAttributeNameEnableNetworkAddressUsageMetrics:
		out.EnableNetworkAddressUsageMetrics = &types.AttributeBooleanValue{Value: aws.Bool(v.AddressUsageMetrics)}
	default:
		return nil, invalidValue("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

// modifyVpcTenancy takes a dedicated VPC back to default: there is no other way
// (EC2 API reference, "ModifyVpcTenancy").
func (s *Service) modifyVpcTenancy(c *api.Call, in *ec2.ModifyVpcTenancyInput) (*ec2.ModifyVpcTenancyOutput, error) {
	v, err := s.vpcOrDefault(c, aws.String(aws.ToString(in.VpcId)))
	if err != nil {
		return nil, err
	}
	if in.InstanceTenancy != types.VpcTenancyDefault {
		return nil, invalidValue("Value (%s) for parameter instanceTenancy is invalid. Expected: default.", in.InstanceTenancy)
	}
	v.Tenancy = ""
	return &ec2.ModifyVpcTenancyOutput{ReturnValue: aws.Bool(true)}, vpcTable.Put(c.Tx, c.Scope(), v.ID, v)
}
