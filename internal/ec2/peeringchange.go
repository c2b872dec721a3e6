package ec2

import (
	"fmt"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// AWS's default quotas "Active VPC peering connections per VPC" and "Outstanding
// VPC peering connection requests" (VPC guide, "Amazon VPC quotas").
const (
	maxPeerings            = 50
	maxOutstandingPeerings = 25
)

func (s *Service) peeringOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpcPeeringConnection", createPeeringNeeds, s.createVpcPeeringConnection),
		api.Op("AcceptVpcPeeringConnection", func(c *api.Call, in *ec2.AcceptVpcPeeringConnectionInput) ([]api.Need, error) {
			n, p, err := peeringNeed(c, "AcceptVpcPeeringConnection", in.VpcPeeringConnectionId)
			if err != nil {
				return nil, err
			}
			v, err := vpcNeed(c, "AcceptVpcPeeringConnection", either(p.Accepter.VPC, "*"))
			return []api.Need{n, v}, err
		}, s.acceptVpcPeeringConnection),
		api.Op("RejectVpcPeeringConnection", onPeering("RejectVpcPeeringConnection", func(in *ec2.RejectVpcPeeringConnectionInput) *string { return in.VpcPeeringConnectionId }), s.rejectVpcPeeringConnection),
		api.Op("DeleteVpcPeeringConnection", onPeering("DeleteVpcPeeringConnection", func(in *ec2.DeleteVpcPeeringConnectionInput) *string { return in.VpcPeeringConnectionId }), s.deleteVpcPeeringConnection),
		api.Op("ModifyVpcPeeringConnectionOptions", onPeering("ModifyVpcPeeringConnectionOptions", func(in *ec2.ModifyVpcPeeringConnectionOptionsInput) *string { return in.VpcPeeringConnectionId }), s.modifyVpcPeeringConnectionOptions),
		api.Read("DescribeVpcPeeringConnections", anywhere[ec2.DescribeVpcPeeringConnectionsInput]("DescribeVpcPeeringConnections"), s.describeVpcPeeringConnections),
	}
}

// sidesOf are the two VPCs of a request.
func sidesOf(c *api.Call, in *ec2.CreateVpcPeeringConnectionInput) (requester, accepter peer) {
	return peer{Account: c.Account, Region: c.Region, VPC: aws.ToString(in.VpcId)}, peer{
		Account: either(aws.ToString(in.PeerOwnerId), c.Account), Region: either(aws.ToString(in.PeerRegion), c.Region), VPC: aws.ToString(in.PeerVpcId),
	}
}

func createPeeringNeeds(c *api.Call, in *ec2.CreateVpcPeeringConnectionInput) ([]api.Need, error) {
	requester, accepter := sidesOf(c, in)
	v, err := vpcNeed(c, "CreateVpcPeeringConnection", requester.VPC)
	if err != nil {
		return nil, err
	}
	n := need(c, "CreateVpcPeeringConnection", types.ResourceTypeVpcPeeringConnection, "*")
	n.Context.Set("ec2:RequesterVpc", requester.arn(c))
	n.Context.Set("ec2:AccepterVpc", accepter.arn(c))
	setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeVpcPeeringConnection))
	return append([]api.Need{v, n}, tagNeeds(c, "CreateVpcPeeringConnection", in.TagSpecifications)...), nil
}

func peeringNeed(c *api.Call, action string, id *string) (api.Need, peering, error) {
	p, err := getPeering(c, aws.ToString(id))
	if err != nil && errorCode(err) == "" {
		return api.Need{}, p, err
	}
	n, err := existingNeed(c, action, types.ResourceTypeVpcPeeringConnection, aws.ToString(id))
	n.Context.Set("ec2:VpcPeeringConnectionID", aws.ToString(id))
	if p.ID != "" {
		n.Context.Set("ec2:RequesterVpc", p.Requester.arn(c))
		n.Context.Set("ec2:AccepterVpc", p.Accepter.arn(c))
	}
	return n, p, err
}

// onPeering is the descriptor of an operation on one peering.
func onPeering[In any](action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, _, err := peeringNeed(c, action, id(in))
		return []api.Need{n}, err
	}
}

// createVpcPeeringConnection asks the owner of the other VPC. A request that
// cannot come to anything is accepted, too, and fails afterwards.
func (s *Service) createVpcPeeringConnection(c *api.Call, in *ec2.CreateVpcPeeringConnectionInput) (*ec2.CreateVpcPeeringConnectionOutput, error) {
	if in.PeerVpcId == nil {
		return nil, missingParameter("peerVpcId")
	}
	requester, accepter := sidesOf(c, in)
	own, err := s.vpcOrDefault(c, &requester.VPC)
	if err != nil {
		return nil, err
	}
	if err := vpcs.kind.check(accepter.VPC); err != nil {
		return nil, err
	}
	if _, ok := regionNamed(accepter.Region); !ok {
		return nil, invalidValue("Value (%s) for parameter peerRegion is invalid.", accepter.Region)
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeVpcPeeringConnection))
	if err != nil {
		return nil, err
	}
	if p, ok, err := requestedBefore(c, requester, accepter); err != nil || ok {
		d, err2 := p.describe(c, tags)
		return &ec2.CreateVpcPeeringConnectionOutput{VpcPeeringConnection: &d}, firstError(err, err2)
	}
	other, err := accepter.vpc(c)
	if err != nil {
		return nil, err
	}
	if accepter.here(c) && other.ID == "" {
		return nil, vpcs.kind.notFound(accepter.VPC)
	}
	p := peering{ID: c.NewID("pcx-"), Requester: requester, Accepter: accepter, Requested: wholeSecond(c)}
	status, message := types.VpcPeeringConnectionStateReasonCodePendingAcceptance, "Pending Acceptance by "+accepter.Account
	if other.ID == "" || requester == accepter || own.overlaps(other) {
		status, message = types.VpcPeeringConnectionStateReasonCodeFailed, "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"
	}
	if err := p.turn(c, types.VpcPeeringConnectionStateReasonCodeInitiatingRequest, status, message); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeVpcPeeringConnection), p.ID, tags); err != nil {
		return nil, err
	}
	d, err := p.describe(c, tags)
	return &ec2.CreateVpcPeeringConnectionOutput{VpcPeeringConnection: &d}, err
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// requestedBefore is a request for the same two VPCs that is still open, which
// AWS answers again; a connection that is there already is an error.
func requestedBefore(c *api.Call, requester, accepter peer) (peering, bool, error) {
	all, err := peeringsHere(c)
	if err != nil {
		return peering{}, false, err
	}
	outstanding := 0
	for _, p := range all {
		code, _ := p.status(c.Now)
		waiting := code == types.VpcPeeringConnectionStateReasonCodePendingAcceptance || code == types.VpcPeeringConnectionStateReasonCodeInitiatingRequest
		across, ok := p.other(c, requester.VPC)
		same := ok && across.VPC == accepter.VPC && across.scope() == accepter.scope()
		switch {
		case same && waiting:
			return p, true, nil
		case same && p.active(c.Now):
			return p, false, api.Error("VpcPeeringConnectionAlreadyExists", fmt.Sprintf("A VPC peering connection between %s and %s already exists.", requester.VPC, accepter.VPC))
		case waiting && p.Requester.here(c):
			outstanding++
		}
	}
	if outstanding >= maxOutstandingPeerings {
		return peering{}, false, api.Error("OutstandingVpcPeeringConnectionLimitExceeded", "The maximum number of outstanding VPC peering connection requests has been reached.")
	}
	return peering{}, false, nil
}

func (v vpc) overlaps(o vpc) bool {
	for _, a := range v.cidrs() {
		for _, b := range o.cidrs() {
			if netip.MustParsePrefix(a).Overlaps(netip.MustParsePrefix(b)) {
				return true
			}
		}
	}
	return false
}

// acceptable is a request that the call's account may accept or reject.
func acceptable(c *api.Call, id *string, to types.VpcPeeringConnectionStateReasonCode, word string) (peering, error) {
	p, err := getPeering(c, aws.ToString(id))
	if err != nil {
		return p, err
	}
	if p.Accepter.Account != c.Account {
		return p, notPermitted("User (%s) cannot %s peering %s", c.Account, word, p.ID)
	}
	if p.Accepter.Region != c.Region {
		return p, notPermitted("Incorrect region (%s) specified for this request. VPC peering connection %s must be %sed in region %s", c.Region, p.ID, word, p.Accepter.Region)
	}
	code, _ := p.status(c.Now)
	if code == types.VpcPeeringConnectionStateReasonCodeInitiatingRequest {
		// The request settles in less time than its next one takes at AWS, and
		// scripts rely on it.
		code = p.Status
	}
	if code != types.VpcPeeringConnectionStateReasonCodePendingAcceptance {
		return p, p.invalidTransition(c.Now, to)
	}
	return p, nil
}

func (s *Service) acceptVpcPeeringConnection(c *api.Call, in *ec2.AcceptVpcPeeringConnectionInput) (*ec2.AcceptVpcPeeringConnectionOutput, error) {
	p, err := acceptable(c, in.VpcPeeringConnectionId, types.VpcPeeringConnectionStateReasonCodeActive, "accept")
	if err != nil {
		return nil, err
	}
	all, err := peeringsHere(c)
	if err != nil {
		return nil, err
	}
	there := 0
	for _, o := range all {
		if _, ok := o.other(c, p.Accepter.VPC); ok && o.active(c.Now) {
			there++
		}
	}
	if there >= maxPeerings {
		return nil, api.Error("ActiveVpcPeeringConnectionPerVpcLimitExceeded", "The maximum number of active VPC peering connections for the VPC has been reached.")
	}
	if err := p.turn(c, types.VpcPeeringConnectionStateReasonCodeProvisioning, types.VpcPeeringConnectionStateReasonCodeActive, "Active"); err != nil {
		return nil, err
	}
	tags, err := tagsOf(c, p.ID)
	if err != nil {
		return nil, err
	}
	d, err := p.describe(c, tags)
	return &ec2.AcceptVpcPeeringConnectionOutput{VpcPeeringConnection: &d}, err
}

func (s *Service) rejectVpcPeeringConnection(c *api.Call, in *ec2.RejectVpcPeeringConnectionInput) (*ec2.RejectVpcPeeringConnectionOutput, error) {
	p, err := acceptable(c, in.VpcPeeringConnectionId, types.VpcPeeringConnectionStateReasonCodeRejected, "reject")
	if err != nil {
		return nil, err
	}
	return &ec2.RejectVpcPeeringConnectionOutput{Return: aws.Bool(true)}, p.turn(c, "", types.VpcPeeringConnectionStateReasonCodeRejected, "Rejected by "+c.Account)
}

// deleteVpcPeeringConnection ends a connection from either side, or takes a
// request back.
func (s *Service) deleteVpcPeeringConnection(c *api.Call, in *ec2.DeleteVpcPeeringConnectionInput) (*ec2.DeleteVpcPeeringConnectionOutput, error) {
	p, err := getPeering(c, aws.ToString(in.VpcPeeringConnectionId))
	if err != nil {
		return nil, err
	}
	code, _ := p.status(c.Now)
	takenBack := code == types.VpcPeeringConnectionStateReasonCodePendingAcceptance && p.Requester.here(c)
	if !takenBack && code != types.VpcPeeringConnectionStateReasonCodeActive && code != types.VpcPeeringConnectionStateReasonCodeProvisioning {
		return nil, p.invalidTransition(c.Now, types.VpcPeeringConnectionStateReasonCodeDeleted)
	}
	return &ec2.DeleteVpcPeeringConnectionOutput{Return: aws.Bool(true)}, p.turn(c, "", types.VpcPeeringConnectionStateReasonCodeDeleted, "Deleted by "+c.Account)
}

// endPeerings is what becomes of a VPC's peerings when it is deleted.
func endPeerings(c *api.Call, vpcID string) error {
	all, err := peeringsHere(c)
	if err != nil {
		return err
	}
	for _, p := range all {
		code, _ := p.status(c.Now)
		ended := code != types.VpcPeeringConnectionStateReasonCodePendingAcceptance && code != types.VpcPeeringConnectionStateReasonCodeInitiatingRequest &&
			!p.active(c.Now) && code != types.VpcPeeringConnectionStateReasonCodeProvisioning
		if _, ok := p.other(c, vpcID); !ok || ended {
			continue
		}
		if err := p.turn(c, "", types.VpcPeeringConnectionStateReasonCodeDeleted, "Deleted by "+c.Account); err != nil {
			return err
		}
	}
	return nil
}

// modifyVpcPeeringConnectionOptions sets a side's options: each account its own
// side's, both where both are its own.
func (s *Service) modifyVpcPeeringConnectionOptions(c *api.Call, in *ec2.ModifyVpcPeeringConnectionOptionsInput) (*ec2.ModifyVpcPeeringConnectionOptionsOutput, error) {
	p, err := getPeering(c, aws.ToString(in.VpcPeeringConnectionId))
	if err != nil {
		return nil, err
	}
	if !p.active(c.Now) {
		return nil, notPermitted("Peering %s is not active. Peering options can be added only to active peerings.", p.ID)
	}
	out := &ec2.ModifyVpcPeeringConnectionOptionsOutput{}
	for _, side := range []struct {
		name  string
		peer  *peer
		asked *types.PeeringConnectionOptionsRequest
		shown **types.PeeringConnectionOptions
	}{
		{"requester", &p.Requester, in.RequesterPeeringConnectionOptions, &out.RequesterPeeringConnectionOptions},
		{"accepter", &p.Accepter, in.AccepterPeeringConnectionOptions, &out.AccepterPeeringConnectionOptions},
	} {
		if side.asked == nil {
			continue
		}
		if !side.peer.here(c) {
			// A sentence without a source.
			return nil, notPermitted("User (%s) cannot modify the %s options of peering %s in region %s", c.Account, side.name, p.ID, c.Region)
		}
		if aws.ToBool(side.asked.AllowEgressFromLocalClassicLinkToRemoteVpc) || aws.ToBool(side.asked.AllowEgressFromLocalVpcToRemoteClassicLink) {
			return nil, notBuilt("ClassicLink")
		}
		if v := side.asked.AllowDnsResolutionFromRemoteVpc; v != nil {
			side.peer.ResolvesNames = *v
		}
		*side.shown = &types.PeeringConnectionOptions{
			AllowDnsResolutionFromRemoteVpc: aws.Bool(side.peer.ResolvesNames), AllowEgressFromLocalClassicLinkToRemoteVpc: aws.Bool(false),
			AllowEgressFromLocalVpcToRemoteClassicLink: aws.Bool(false),
		}
	}
	return out, p.put(c)
}
