package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (w *world) peering(id string) types.VpcPeeringConnection {
	w.t.Helper()
	return must[ec2.DescribeVpcPeeringConnectionsOutput](w, "DescribeVpcPeeringConnections", &ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{id}}).VpcPeeringConnections[0]
}

func (w *world) wantPeering(id string, code types.VpcPeeringConnectionStateReasonCode, message string) {
	w.t.Helper()
	if s := w.peering(id).Status; s.Code != code || *s.Message != message {
		w.t.Errorf("the peering is %s: %s", s.Code, *s.Message)
	}
}

func TestPeeringOfTwoAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	near := w.network("10.0.0.0/16", "10.0.1.0/24")
	w.account = otherAccount
	far := w.network("10.1.0.0/16", "10.1.1.0/24")
	w.account = testAccount
	ask := &ec2.CreateVpcPeeringConnectionInput{VpcId: &near.vpc, PeerVpcId: &far.vpc, PeerOwnerId: aws.String(otherAccount)}
	made := must[ec2.CreateVpcPeeringConnectionOutput](w, "CreateVpcPeeringConnection", ask).VpcPeeringConnection
	id := *made.VpcPeeringConnectionId
	if made.Status.Code != types.VpcPeeringConnectionStateReasonCodeInitiatingRequest || *made.Status.Message != "Initiating Request to "+otherAccount {
		t.Errorf("the request is %+v", made.Status)
	}
	if again := *must[ec2.CreateVpcPeeringConnectionOutput](w, "CreateVpcPeeringConnection", ask).VpcPeeringConnection.VpcPeeringConnectionId; again != id {
		t.Errorf("the same request makes %s, too", again)
	}
	w.wait(time.Minute)
	w.wantPeering(id, types.VpcPeeringConnectionStateReasonCodePendingAcceptance, "Pending Acceptance by "+otherAccount)
	if d := w.peering(id); d.AccepterVpcInfo.CidrBlock != nil || d.ExpirationTime == nil {
		t.Errorf("before it is accepted it shows %+v", d.AccepterVpcInfo)
	}
	must[ec2.CreateRouteOutput](w, "CreateRoute", &ec2.CreateRouteInput{RouteTableId: &near.table, DestinationCidrBlock: aws.String("10.1.0.0/16"), VpcPeeringConnectionId: &id})
	if got := w.tableNamed(near.table).Routes[1].State; got != types.RouteStateBlackhole {
		t.Errorf("a route to a request is %s", got)
	}
	w.refused("AcceptVpcPeeringConnection", &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &id}, "OperationNotPermitted", "User ("+testAccount+") cannot accept peering "+id)
	w.account = otherAccount
	if got := must[ec2.AcceptVpcPeeringConnectionOutput](w, "AcceptVpcPeeringConnection", &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &id}).VpcPeeringConnection.Status.Code; got != types.VpcPeeringConnectionStateReasonCodeProvisioning {
		t.Errorf("accepted, it is %s", got)
	}
	w.wait(time.Minute)
	w.wantPeering(id, types.VpcPeeringConnectionStateReasonCodeActive, "Active")
	must[ec2.CreateTagsOutput](w, "CreateTags", &ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: aws.String("side"), Value: aws.String("accepter")}}})
	w.refused("AcceptVpcPeeringConnection", &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &id}, "InvalidStateTransition", "Invalid state transition for "+id+", attempted to transition from active to active")
	w.account = testAccount
	if got := w.tableNamed(near.table).Routes[1].State; got != types.RouteStateActive {
		t.Errorf("the route is %s", got)
	}
	if d := w.peering(id); *d.AccepterVpcInfo.CidrBlock != "10.1.0.0/16" || len(d.Tags) != 0 {
		t.Errorf("the requester sees %+v, tagged %+v", d.AccepterVpcInfo, d.Tags)
	}
	w.refused("CreateVpcPeeringConnection", ask, "VpcPeeringConnectionAlreadyExists", "already exists")
	option := &types.PeeringConnectionOptionsRequest{AllowDnsResolutionFromRemoteVpc: aws.Bool(true)}
	must[ec2.ModifyVpcPeeringConnectionOptionsOutput](w, "ModifyVpcPeeringConnectionOptions", &ec2.ModifyVpcPeeringConnectionOptionsInput{VpcPeeringConnectionId: &id, RequesterPeeringConnectionOptions: option})
	w.refused("ModifyVpcPeeringConnectionOptions", &ec2.ModifyVpcPeeringConnectionOptionsInput{VpcPeeringConnectionId: &id, AccepterPeeringConnectionOptions: option}, "OperationNotPermitted", "accepter")
	must[ec2.DeleteVpcPeeringConnectionOutput](w, "DeleteVpcPeeringConnection", &ec2.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: &id})
	w.wantPeering(id, types.VpcPeeringConnectionStateReasonCodeDeleted, "Deleted by "+testAccount)
	w.account = "333333333333"
	w.refused("DescribeVpcPeeringConnections", &ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{id}}, "InvalidVpcPeeringConnectionID.NotFound", "The vpcPeeringConnection ID '"+id+"' does not exist")
	w.account = testAccount
	w.wait(3 * time.Hour)
	w.refused("DescribeVpcPeeringConnections", &ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{id}}, "InvalidVpcPeeringConnectionID.NotFound", id)
}

// TestPeeringComesToNothing: what fails, is rejected and expires (VPC Peering
// guide, "VPC peering connection lifecycle").
func TestPeeringComesToNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.network("10.0.0.0/16", "10.0.1.0/24"), w.network("10.1.0.0/16", "10.1.1.0/24")
	same := w.network("10.0.0.0/16", "10.0.1.0/24")
	ask := func(other string) string {
		return *must[ec2.CreateVpcPeeringConnectionOutput](w, "CreateVpcPeeringConnection", &ec2.CreateVpcPeeringConnectionInput{VpcId: &a.vpc, PeerVpcId: &other}).VpcPeeringConnection.VpcPeeringConnectionId
	}
	overlapping := ask(same.vpc)
	w.wait(time.Minute)
	w.wantPeering(overlapping, types.VpcPeeringConnectionStateReasonCodeFailed, "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range")
	rejected := ask(b.vpc)
	w.wait(time.Minute)
	must[ec2.RejectVpcPeeringConnectionOutput](w, "RejectVpcPeeringConnection", &ec2.RejectVpcPeeringConnectionInput{VpcPeeringConnectionId: &rejected})
	w.wantPeering(rejected, types.VpcPeeringConnectionStateReasonCodeRejected, "Rejected by "+testAccount)
	expired := ask(b.vpc)
	w.wait(8 * 24 * time.Hour)
	w.wantPeering(expired, types.VpcPeeringConnectionStateReasonCodeExpired, "Expired")
	w.refused("AcceptVpcPeeringConnection", &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &expired}, "InvalidStateTransition", "from expired to active")
	w.refused("CreateVpcPeeringConnection", &ec2.CreateVpcPeeringConnectionInput{VpcId: &a.vpc, PeerVpcId: aws.String("vpc-0123456789abcdef0")}, "InvalidVpcID.NotFound", "The vpc ID 'vpc-0123456789abcdef0' does not exist")
}
