package ec2

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"pgregory.net/rapid"
)

// network is a VPC with a subnet behind a gateway.
type network struct{ vpc, subnet, gateway, table string }

func (w *world) network(cidr, block string) network {
	w.t.Helper()
	n := network{vpc: *must[ec2.CreateVpcOutput](w, "CreateVpc", &ec2.CreateVpcInput{CidrBlock: &cidr}).Vpc.VpcId}
	n.subnet = *must[ec2.CreateSubnetOutput](w, "CreateSubnet", &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: &block, AvailabilityZone: aws.String(testZone)}).Subnet.SubnetId
	n.gateway = *must[ec2.CreateInternetGatewayOutput](w, "CreateInternetGateway", &ec2.CreateInternetGatewayInput{}).InternetGateway.InternetGatewayId
	must[ec2.AttachInternetGatewayOutput](w, "AttachInternetGateway", &ec2.AttachInternetGatewayInput{InternetGatewayId: &n.gateway, VpcId: &n.vpc})
	n.table = *must[ec2.CreateRouteTableOutput](w, "CreateRouteTable", &ec2.CreateRouteTableInput{VpcId: &n.vpc}).RouteTable.RouteTableId
	return n
}

func (w *world) tableNamed(id string) types.RouteTable {
	w.t.Helper()
	return must[ec2.DescribeRouteTablesOutput](w, "DescribeRouteTables", &ec2.DescribeRouteTablesInput{RouteTableIds: []string{id}}).RouteTables[0]
}

// TestNetworkFromNothing launches in a network that was made for it, and takes
// everything down in the wrong order and in the right one.
func TestNetworkFromNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.network("10.0.0.0/16", "10.0.1.0/24")
	must[ec2.CreateRouteOutput](w, "CreateRoute", &ec2.CreateRouteInput{RouteTableId: &n.table, DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: &n.gateway})
	bound := *must[ec2.AssociateRouteTableOutput](w, "AssociateRouteTable", &ec2.AssociateRouteTableInput{RouteTableId: &n.table, SubnetId: &n.subnet}).AssociationId
	again := *must[ec2.AssociateRouteTableOutput](w, "AssociateRouteTable", &ec2.AssociateRouteTableInput{RouteTableId: &n.table, SubnetId: &n.subnet}).AssociationId
	if again != bound {
		t.Errorf("associating again gives %s, not %s", again, bound)
	}
	must[ec2.ModifySubnetAttributeOutput](w, "ModifySubnetAttribute", &ec2.ModifySubnetAttributeInput{SubnetId: &n.subnet, MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: aws.Bool(true)}})

	in := w.request()
	in.SubnetId = &n.subnet
	id := w.launch(in)
	w.wait(time.Minute)
	i := must[ec2.DescribeInstancesOutput](w, "DescribeInstances", &ec2.DescribeInstancesInput{InstanceIds: []string{id}}).Reservations[0].Instances[0]
	if !netip.MustParsePrefix("10.0.1.0/24").Contains(netip.MustParseAddr(*i.PrivateIpAddress)) || *i.VpcId != n.vpc || i.PublicIpAddress == nil {
		t.Errorf("the instance has %s in %s, public %v", *i.PrivateIpAddress, *i.VpcId, i.PublicIpAddress)
	}
	group := must[ec2.DescribeSecurityGroupsOutput](w, "DescribeSecurityGroups", &ec2.DescribeSecurityGroupsInput{GroupIds: []string{*i.SecurityGroups[0].GroupId}}).SecurityGroups[0]
	if *group.VpcId != n.vpc || *group.GroupName != "default" {
		t.Errorf("the instance's group is %s of %s", *group.GroupName, *group.VpcId)
	}

	for _, refused := range []struct {
		operation string
		in        any
		message   string
	}{
		{"DeleteVpc", &ec2.DeleteVpcInput{VpcId: &n.vpc}, "The vpc '" + n.vpc + "' has dependencies and cannot be deleted."},
		{"DeleteSubnet", &ec2.DeleteSubnetInput{SubnetId: &n.subnet}, "The subnet '" + n.subnet + "' has dependencies and cannot be deleted."},
		{"DeleteInternetGateway", &ec2.DeleteInternetGatewayInput{InternetGatewayId: &n.gateway}, "The internetGateway '" + n.gateway + "' has dependencies and cannot be deleted."},
		{"DetachInternetGateway", &ec2.DetachInternetGatewayInput{InternetGatewayId: &n.gateway, VpcId: &n.vpc}, "Network " + n.vpc + " has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."},
		{"DeleteRouteTable", &ec2.DeleteRouteTableInput{RouteTableId: &n.table}, "The routeTable '" + n.table + "' has dependencies and cannot be deleted."},
	} {
		w.refused(refused.operation, refused.in, "DependencyViolation", refused.message)
	}

	must[ec2.TerminateInstancesOutput](w, "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	w.wait(time.Minute)
	must[ec2.DetachInternetGatewayOutput](w, "DetachInternetGateway", &ec2.DetachInternetGatewayInput{InternetGatewayId: &n.gateway, VpcId: &n.vpc})
	if got := w.tableNamed(n.table).Routes[1].State; got != types.RouteStateBlackhole {
		t.Errorf("the route to a detached gateway is %s", got)
	}
	must[ec2.DeleteInternetGatewayOutput](w, "DeleteInternetGateway", &ec2.DeleteInternetGatewayInput{InternetGatewayId: &n.gateway})
	must[ec2.DeleteSubnetOutput](w, "DeleteSubnet", &ec2.DeleteSubnetInput{SubnetId: &n.subnet})
	if left := w.tableNamed(n.table).Associations; len(left) != 0 {
		t.Errorf("the subnet is gone, its association stays: %+v", left)
	}
	must[ec2.DeleteRouteTableOutput](w, "DeleteRouteTable", &ec2.DeleteRouteTableInput{RouteTableId: &n.table})
	must[ec2.DeleteVpcOutput](w, "DeleteVpc", &ec2.DeleteVpcInput{VpcId: &n.vpc})
	w.refused("DescribeVpcs", &ec2.DescribeVpcsInput{VpcIds: []string{n.vpc}}, "InvalidVpcID.NotFound", "The vpc ID '"+n.vpc+"' does not exist")
	for _, g := range must[ec2.DescribeSecurityGroupsOutput](w, "DescribeSecurityGroups", &ec2.DescribeSecurityGroupsInput{}).SecurityGroups {
		if *g.VpcId == n.vpc {
			t.Errorf("group %s outlives its VPC", *g.GroupId)
		}
	}
}

// TestNetworkRefusals: what is refused, in AWS's words.
func TestNetworkRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.network("10.0.0.0/16", "10.0.1.0/24")
	other := w.network("10.1.0.0/16", "10.1.1.0/24")
	main := must[ec2.DescribeRouteTablesOutput](w, "DescribeRouteTables", &ec2.DescribeRouteTablesInput{Filters: []types.Filter{filter("vpc-id", n.vpc), filter("association.main", "true")}}).RouteTables[0]
	must[ec2.AssociateRouteTableOutput](w, "AssociateRouteTable", &ec2.AssociateRouteTableInput{RouteTableId: &n.table, SubnetId: &n.subnet})
	all := aws.String("0.0.0.0/0")
	nothing := aws.String("vpc-0123456789abcdef0")
	tests := []struct {
		operation     string
		in            any
		code, message string
	}{
		{"CreateVpc", &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/8")}, "InvalidVpc.Range", "The CIDR '10.0.0.0/8' is invalid."},
		{"CreateVpc", &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0")}, "InvalidParameterValue", "Value (10.0.0.0) for parameter cidrBlock is invalid. This is not a valid CIDR block."},
		{"CreateVpc", &ec2.CreateVpcInput{}, "MissingParameter", "The request must contain the parameter cidrBlock"},
		{"CreateSubnet", &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: aws.String("10.0.1.128/25")}, "InvalidSubnet.Conflict", "The CIDR '10.0.1.128/25' conflicts with another subnet"},
		{"CreateSubnet", &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: aws.String("10.1.2.0/24")}, "InvalidSubnet.Range", "The CIDR '10.1.2.0/24' is invalid."},
		{"CreateSubnet", &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: aws.String("10.0.2.0/29")}, "InvalidSubnet.Range", "The CIDR '10.0.2.0/29' is invalid."},
		{"CreateSubnet", &ec2.CreateSubnetInput{VpcId: nothing, CidrBlock: aws.String("10.0.2.0/24")}, "InvalidVpcID.NotFound", "The vpc ID 'vpc-0123456789abcdef0' does not exist"},
		{"AttachInternetGateway", &ec2.AttachInternetGatewayInput{InternetGatewayId: &n.gateway, VpcId: &other.vpc}, "Resource.AlreadyAssociated", "resource " + n.gateway + " is already attached to network " + n.vpc},
		{"DetachInternetGateway", &ec2.DetachInternetGatewayInput{InternetGatewayId: &n.gateway, VpcId: &other.vpc}, "Gateway.NotAttached", "resource " + n.gateway + " is not attached to network " + other.vpc},
		{"CreateRoute", &ec2.CreateRouteInput{RouteTableId: &n.table, DestinationCidrBlock: all, GatewayId: &other.gateway}, "InvalidParameterValue", "route table " + n.table + " and network gateway " + other.gateway + " belong to different networks"},
		{"CreateRoute", &ec2.CreateRouteInput{RouteTableId: &n.table, DestinationCidrBlock: aws.String("10.0.0.0/16"), GatewayId: &n.gateway}, "RouteAlreadyExists", "The route identified by 10.0.0.0/16 already exists."},
		{"CreateRoute", &ec2.CreateRouteInput{RouteTableId: &n.table, DestinationCidrBlock: all, GatewayId: aws.String("igw-0123456789abcdef0")}, "InvalidGatewayID.NotFound", "The gateway ID 'igw-0123456789abcdef0' does not exist"},
		{"CreateRoute", &ec2.CreateRouteInput{RouteTableId: &n.table, DestinationCidrBlock: all, NatGatewayId: aws.String("nat-0123456789abcdef0")}, "InvalidNatGatewayID.NotFound", "The natGateway ID 'nat-0123456789abcdef0' does not exist"},
		{"ReplaceRoute", &ec2.ReplaceRouteInput{RouteTableId: &n.table, DestinationCidrBlock: all, GatewayId: &n.gateway}, "InvalidRoute.NotFound", "no route with destination-cidr-block 0.0.0.0/0 in route table " + n.table},
		{"DeleteRoute", &ec2.DeleteRouteInput{RouteTableId: &n.table, DestinationCidrBlock: aws.String("10.0.0.0/16")}, "InvalidParameterValue", "cannot remove local route 10.0.0.0/16 in route table " + n.table},
		{"AssociateRouteTable", &ec2.AssociateRouteTableInput{RouteTableId: main.RouteTableId, SubnetId: &n.subnet}, "Resource.AlreadyAssociated", "the specified association for route table " + *main.RouteTableId + " conflicts with an existing association"},
		{"AssociateRouteTable", &ec2.AssociateRouteTableInput{RouteTableId: &n.table, SubnetId: &other.subnet}, "InvalidParameterValue", "Route table " + n.table + " and subnet " + other.subnet + " belong to different networks"},
		{"DisassociateRouteTable", &ec2.DisassociateRouteTableInput{AssociationId: main.Associations[0].RouteTableAssociationId}, "InvalidParameterValue", "cannot disassociate the main route table association " + *main.Associations[0].RouteTableAssociationId},
		{"DisassociateRouteTable", &ec2.DisassociateRouteTableInput{AssociationId: aws.String("rtbassoc-0123456789abcdef0")}, "InvalidAssociationID.NotFound", "The association ID 'rtbassoc-0123456789abcdef0' does not exist"},
		{"DeleteRouteTable", &ec2.DeleteRouteTableInput{RouteTableId: main.RouteTableId}, "DependencyViolation", "The routeTable '" + *main.RouteTableId + "' has dependencies and cannot be deleted."},
		{"ModifyVpcAttribute", &ec2.ModifyVpcAttributeInput{VpcId: &n.vpc, EnableDnsSupport: &types.AttributeBooleanValue{Value: aws.Bool(true)}, EnableDnsHostnames: &types.AttributeBooleanValue{Value: aws.Bool(true)}}, "InvalidParameterCombination", "Fields for multiple attribute types specified"},
	}
	for _, test := range tests {
		w.refused(test.operation, test.in, test.code, test.message)
	}
	for i := range 2 {
		must[ec2.CreateVpcOutput](w, "CreateVpc", &ec2.CreateVpcInput{CidrBlock: aws.String(fmt.Sprintf("10.%d.0.0/16", 2+i))})
	}
	w.refused("CreateVpc", &ec2.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")}, "VpcLimitExceeded", "The maximum number of VPCs has been reached.")
}

// TestVpcAttributes: names for hosts need a resolver (EC2 API reference,
// "ModifyVpcAttribute").
func TestVpcAttributes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := *must[ec2.CreateVpcOutput](w, "CreateVpc", &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.5.7/16")}).Vpc.VpcId
	get := func(id string, name types.VpcAttributeName) bool {
		out := must[ec2.DescribeVpcAttributeOutput](w, "DescribeVpcAttribute", &ec2.DescribeVpcAttributeInput{VpcId: &id, Attribute: name})
		for _, v := range []*types.AttributeBooleanValue{out.EnableDnsHostnames, out.EnableDnsSupport, out.EnableNetworkAddressUsageMetrics} {
			if v != nil {
				return *v.Value
			}
		}
		t.Fatalf("no attribute %s", name)
		return false
	}
	if !get(id, types.VpcAttributeNameEnableDnsSupport) || get(id, types.VpcAttributeNameEnableDnsHostnames) {
		t.Error("a new VPC has a resolver and no names")
	}
	fallback := *must[ec2.DescribeVpcsOutput](w, "DescribeVpcs", &ec2.DescribeVpcsInput{Filters: []types.Filter{filter("is-default", "true")}}).Vpcs[0].VpcId
	if !get(fallback, types.VpcAttributeNameEnableDnsHostnames) {
		t.Error("the default VPC gives names")
	}
	if got := *must[ec2.DescribeVpcsOutput](w, "DescribeVpcs", &ec2.DescribeVpcsInput{VpcIds: []string{id}}).Vpcs[0].CidrBlock; got != "10.0.0.0/16" {
		t.Errorf("the block is %s: host bits are dropped", got)
	}
	value := func(v bool) *types.AttributeBooleanValue { return &types.AttributeBooleanValue{Value: &v} }
	must[ec2.ModifyVpcAttributeOutput](w, "ModifyVpcAttribute", &ec2.ModifyVpcAttributeInput{VpcId: &id, EnableDnsHostnames: value(true)})
	if !get(id, types.VpcAttributeNameEnableDnsHostnames) {
		t.Error("names were not enabled")
	}
	w.refused("ModifyVpcAttribute", &ec2.ModifyVpcAttributeInput{VpcId: &id, EnableDnsSupport: value(false)}, "InvalidParameterCombination", "In order to enable DNS Hostnames you must also enable DNS Support")
}

// TestDefaultVPCComesAndGoes: it can be deleted, and made again (VPC guide,
// "Delete your default subnets and default VPC").
func TestDefaultVPCComesAndGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := must[ec2.DescribeVpcsOutput](w, "DescribeVpcs", &ec2.DescribeVpcsInput{}).Vpcs[0]
	for _, n := range must[ec2.DescribeSubnetsOutput](w, "DescribeSubnets", &ec2.DescribeSubnetsInput{}).Subnets {
		must[ec2.DeleteSubnetOutput](w, "DeleteSubnet", &ec2.DeleteSubnetInput{SubnetId: n.SubnetId})
	}
	g := must[ec2.DescribeInternetGatewaysOutput](w, "DescribeInternetGateways", &ec2.DescribeInternetGatewaysInput{}).InternetGateways[0]
	must[ec2.DetachInternetGatewayOutput](w, "DetachInternetGateway", &ec2.DetachInternetGatewayInput{InternetGatewayId: g.InternetGatewayId, VpcId: v.VpcId})
	must[ec2.DeleteInternetGatewayOutput](w, "DeleteInternetGateway", &ec2.DeleteInternetGatewayInput{InternetGatewayId: g.InternetGatewayId})
	must[ec2.DeleteVpcOutput](w, "DeleteVpc", &ec2.DeleteVpcInput{VpcId: v.VpcId})
	if left := must[ec2.DescribeVpcsOutput](w, "DescribeVpcs", &ec2.DescribeVpcsInput{}).Vpcs; len(left) != 0 {
		t.Errorf("VPCs %+v after the last was deleted", left)
	}
	w.refused("RunInstances", w.request(), "VPCIdNotSpecified", "No default VPC for this user")
	made := must[ec2.CreateDefaultVpcOutput](w, "CreateDefaultVpc", &ec2.CreateDefaultVpcInput{}).Vpc
	if !*made.IsDefault || *made.VpcId == *v.VpcId {
		t.Errorf("the new default VPC is %+v", made)
	}
	w.launch(w.request())
}

// TestRouteTablesHoldTogether: whatever is associated with what, a subnet has at
// most one table, and a VPC exactly one main table.
func TestRouteTablesHoldTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		n := w.network("10.0.0.0/16", "10.0.1.0/24")
		second := *must[ec2.CreateRouteTableOutput](w, "CreateRouteTable", &ec2.CreateRouteTableInput{VpcId: &n.vpc}).RouteTable.RouteTableId
		tables := func() []types.RouteTable {
			return must[ec2.DescribeRouteTablesOutput](w, "DescribeRouteTables", &ec2.DescribeRouteTablesInput{Filters: []types.Filter{filter("vpc-id", n.vpc)}}).RouteTables
		}
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			var ids []string
			for _, table := range tables() {
				for _, a := range table.Associations {
					ids = append(ids, *a.RouteTableAssociationId)
				}
			}
			to, of := rapid.SampledFrom([]string{n.table, second}).Draw(r, "table"), rapid.SampledFrom(ids).Draw(r, "association")
			var err error
			switch rapid.IntRange(0, 2).Draw(r, "what") {
			case 0:
				_, err = w.run("AssociateRouteTable", &ec2.AssociateRouteTableInput{RouteTableId: &to, SubnetId: &n.subnet})
			case 1:
				_, err = w.run("DisassociateRouteTable", &ec2.DisassociateRouteTableInput{AssociationId: &of})
			case 2:
				_, err = w.run("ReplaceRouteTableAssociation", &ec2.ReplaceRouteTableAssociationInput{RouteTableId: &to, AssociationId: &of})
			}
			if err != nil && errorCode(err) == "" {
				r.Fatal(err)
			}
			main, subnets := 0, 0
			for _, table := range tables() {
				for _, a := range table.Associations {
					if *a.Main {
						main++
					} else {
						subnets++
					}
				}
			}
			if main != 1 || subnets > 1 {
				r.Fatalf("%d main tables, %d tables of the subnet", main, subnets)
			}
		}
	})
}
