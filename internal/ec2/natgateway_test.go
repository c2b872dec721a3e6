package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (w *world) natGateway(id string) types.NatGateway {
	w.t.Helper()
	return must[ec2.DescribeNatGatewaysOutput](w, "DescribeNatGateways", &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}}).NatGateways[0]
}

func TestNATGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.network("10.0.0.0/16", "10.0.1.0/24")
	address, ip := w.elastic()
	in := &ec2.CreateNatGatewayInput{SubnetId: &n.subnet, AllocationId: &address, ClientToken: aws.String("once")}
	made := must[ec2.CreateNatGatewayOutput](w, "CreateNatGateway", in).NatGateway
	id := *made.NatGatewayId
	if again := *must[ec2.CreateNatGatewayOutput](w, "CreateNatGateway", in).NatGateway.NatGatewayId; made.State != types.NatGatewayStatePending || again != id {
		t.Errorf("the gateway is %s, and again %s", made.State, again)
	}
	must[ec2.CreateRouteOutput](w, "CreateRoute", &ec2.CreateRouteInput{RouteTableId: &n.table, DestinationCidrBlock: aws.String("0.0.0.0/0"), NatGatewayId: &id})
	w.wait(time.Minute)
	g := w.natGateway(id)
	if a := g.NatGatewayAddresses[0]; g.State != types.NatGatewayStateAvailable || *a.PublicIp != ip || a.NetworkInterfaceId == nil {
		t.Fatalf("the gateway is %+v", g)
	}
	plug := w.interfaceNamed(*g.NatGatewayAddresses[0].NetworkInterfaceId)
	if plug.InterfaceType != types.NetworkInterfaceTypeNatGateway || !*plug.RequesterManaged || *plug.Association.PublicIp != ip || *plug.SourceDestCheck {
		t.Errorf("its interface is %+v", plug)
	}
	associated := must[ec2.DescribeAddressesOutput](w, "DescribeAddresses", &ec2.DescribeAddressesInput{AllocationIds: []string{address}}).Addresses[0]
	for _, row := range []struct {
		operation     string
		in            any
		code, message string
	}{
		{"DeleteSubnet", &ec2.DeleteSubnetInput{SubnetId: &n.subnet}, "DependencyViolation", "has dependencies"},
		{"DisassociateAddress", &ec2.DisassociateAddressInput{AssociationId: associated.AssociationId}, "AuthFailure", "You do not have permission to access the specified resource."},
		{"ReleaseAddress", &ec2.ReleaseAddressInput{AllocationId: &address}, "InvalidIPAddress.InUse", "in use"},
		{"DetachNetworkInterface", &ec2.DetachNetworkInterfaceInput{AttachmentId: plug.Attachment.AttachmentId}, "OperationNotPermitted", "You are not allowed to manage 'ela-attach' attachments."},
		{"CreateNatGateway", &ec2.CreateNatGatewayInput{SubnetId: &n.subnet}, "MissingParameter", "AllocationId"},
		{"CreateNatGateway", &ec2.CreateNatGatewayInput{SubnetId: &n.subnet, AllocationId: aws.String("eipalloc-0123456789abcdef0")}, "InvalidAllocationID.NotFound", "The allocation ID 'eipalloc-0123456789abcdef0' does not exist"},
		{"DescribeNatGateways", &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{"nat-0123456789abcdef0"}}, "NatGatewayNotFound", "NatGateway nat-0123456789abcdef0 was not found"},
	} {
		w.refused(row.operation, row.in, row.code, row.message)
	}
	second := *must[ec2.CreateNatGatewayOutput](w, "CreateNatGateway", &ec2.CreateNatGatewayInput{SubnetId: &n.subnet, AllocationId: &address}).NatGateway.NatGatewayId
	w.wait(time.Minute)
	if f := w.natGateway(second); f.State != types.NatGatewayStateFailed || *f.FailureCode != "Resource.AlreadyAssociated" || *f.FailureMessage != "Elastic IP address ["+address+"] is already associated" {
		t.Errorf("a gateway with an address in use is %+v", f)
	}
	must[ec2.DeleteNatGatewayOutput](w, "DeleteNatGateway", &ec2.DeleteNatGatewayInput{NatGatewayId: &id})
	if got := w.natGateway(id).State; got != types.NatGatewayStateDeleting {
		t.Errorf("the gateway is %s", got)
	}
	w.wait(time.Minute)
	if g := w.natGateway(id); g.State != types.NatGatewayStateDeleted || g.DeleteTime == nil {
		t.Errorf("the gateway is %+v", g)
	}
	for _, route := range w.tableNamed(n.table).Routes {
		if route.NatGatewayId != nil && route.State != types.RouteStateBlackhole {
			t.Errorf("the route is %s", route.State)
		}
	}
	must[ec2.ReleaseAddressOutput](w, "ReleaseAddress", &ec2.ReleaseAddressInput{AllocationId: &address})
	must[ec2.DeleteSubnetOutput](w, "DeleteSubnet", &ec2.DeleteSubnetInput{SubnetId: &n.subnet})
	w.wait(2 * time.Hour)
	if left := must[ec2.DescribeNatGatewaysOutput](w, "DescribeNatGateways", &ec2.DescribeNatGatewaysInput{}).NatGateways; len(left) != 0 {
		t.Errorf("%d gateways are still told of", len(left))
	}
}

// TestPrivateNATGateway: one without a public address needs no internet gateway,
// and a public one does.
func TestPrivateNATGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	vpc := *must[ec2.CreateVpcOutput](w, "CreateVpc", &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}).Vpc.VpcId
	subnet := *must[ec2.CreateSubnetOutput](w, "CreateSubnet", &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: aws.String("10.0.0.0/24")}).Subnet.SubnetId
	private := *must[ec2.CreateNatGatewayOutput](w, "CreateNatGateway", &ec2.CreateNatGatewayInput{SubnetId: &subnet, ConnectivityType: types.ConnectivityTypePrivate, PrivateIpAddress: aws.String("10.0.0.9")}).NatGateway.NatGatewayId
	address, _ := w.elastic()
	public := *must[ec2.CreateNatGatewayOutput](w, "CreateNatGateway", &ec2.CreateNatGatewayInput{SubnetId: &subnet, AllocationId: &address}).NatGateway.NatGatewayId
	w.wait(time.Minute)
	if g := w.natGateway(private); g.State != types.NatGatewayStateAvailable || *g.NatGatewayAddresses[0].PrivateIp != "10.0.0.9" {
		t.Errorf("%+v", g)
	}
	if g := w.natGateway(public); g.State != types.NatGatewayStateFailed || *g.FailureCode != "Gateway.NotAttached" {
		t.Errorf("%+v", g)
	}
}
