package ec2

import (
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// natGateway lets a private subnet's hosts reach other networks (VPC guide, "NAT
// gateways").
type natGateway struct {
	ID, VPC, Subnet, Zone string
	State                 types.NatGatewayState
	Connectivity          types.ConnectivityType
	Allocation            string `json:",omitempty"` // of its Elastic IP address, if it is public
	// Interface is there once the gateway is available, and until it is deleted.
	Interface                   string `json:",omitempty"`
	Wanted                      string `json:",omitempty"` // the private address that was asked for
	Address                     natAddress
	Created                     time.Time
	Deleted                     time.Time `json:",omitzero"`
	FailureCode, FailureMessage string    `json:",omitempty"`
}

// natAddress is what the gateway has of its interface; it is still told when the
// interface is gone.
type natAddress struct {
	Private, Public, Association, Interface string `json:",omitempty"`
}

// maxNATGateways is AWS's default quota "NAT gateways per Availability Zone".
const maxNATGateways = 5

var natTable = store.NewTable[natGateway]("ec2.natgateway")

var natGateways = listing[natGateway]{
	table: natTable,
	kind: identifier{
		prefix:    "nat-",
		malformed: "NatGatewayMalformed", malformedText: "The Nat Gateway ID '%s' is malformed",
		missing: "NatGatewayNotFound", missingText: "NatGateway %s was not found", missingPlural: "NatGateways %s were not found",
	},
	id:    func(g natGateway) string { return g.ID },
	pages: pageRule{least: 5, most: 1000, ids: "NatGatewayIds"},
	filters: filterTable[natGateway]{
		"nat-gateway-id": func(g natGateway) []string { return some(g.ID) },
		"state":          func(g natGateway) []string { return some(string(g.State)) },
		"subnet-id":      func(g natGateway) []string { return some(g.Subnet) },
		"vpc-id":         func(g natGateway) []string { return some(g.VPC) },
	},
}

func (g natGateway) put(c *api.Call) error { return natTable.Put(c.Tx, c.Scope(), g.ID, g) }

func (g natGateway) describe(tags map[string]string) types.NatGateway {
	d := types.NatGateway{
		NatGatewayId: aws.String(g.ID), VpcId: aws.String(g.VPC), SubnetId: aws.String(g.Subnet), State: g.State, ConnectivityType: g.Connectivity,
		CreateTime: aws.Time(g.Created), FailureCode: text(g.FailureCode), FailureMessage: text(g.FailureMessage), Tags: describeTags(tags),
		AvailabilityMode: types.AvailabilityModeZonal,
	}
	if !g.Deleted.IsZero() {
		d.DeleteTime = aws.Time(g.Deleted)
	}
	a := types.NatGatewayAddress{AllocationId: text(g.Allocation), IsPrimary: aws.Bool(true), Status: types.NatGatewayAddressStatusAssociating}
	if g.Address.Interface != "" {
		a.NetworkInterfaceId, a.PrivateIp, a.Status = aws.String(g.Address.Interface), aws.String(g.Address.Private), types.NatGatewayAddressStatusSucceeded
		a.PublicIp, a.AssociationId = text(g.Address.Public), text(g.Address.Association)
	}
	if g.State == types.NatGatewayStateFailed {
		a.Status, a.FailureMessage = types.NatGatewayAddressStatusFailed, text(g.FailureMessage)
	}
	d.NatGatewayAddresses = []types.NatGatewayAddress{a}
	return d
}

func (s *Service) natOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateNatGateway", s.createNATNeeds, s.createNatGateway),
		api.Op("DeleteNatGateway", func(c *api.Call, in *ec2.DeleteNatGatewayInput) ([]api.Need, error) {
			n, err := existingNeed(c, "DeleteNatGateway", types.ResourceTypeNatgateway, aws.ToString(in.NatGatewayId))
			return []api.Need{n}, err
		}, s.deleteNatGateway),
		api.Read("DescribeNatGateways", anywhere[ec2.DescribeNatGatewaysInput]("DescribeNatGateways"), s.describeNatGateways),
	}
}

func (s *Service) createNATNeeds(c *api.Call, in *ec2.CreateNatGatewayInput) ([]api.Need, error) {
	n := need(c, "CreateNatGateway", types.ResourceTypeNatgateway, "*")
	setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeNatgateway))
	at, err := subnetNeed(c, "CreateNatGateway", aws.ToString(in.SubnetId))
	if err != nil {
		return nil, err
	}
	needs := []api.Need{n, at}
	if in.AllocationId != nil {
		a, err := elasticNeed(c, "CreateNatGateway", in.AllocationId, nil)
		if err != nil {
			return nil, err
		}
		needs = append(needs, a)
	}
	return append(needs, tagNeeds(c, "CreateNatGateway", in.TagSpecifications)...), nil
}

func refuseUnbuiltNAT(in *ec2.CreateNatGatewayInput) error {
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"AvailabilityMode", in.AvailabilityMode == types.AvailabilityModeRegional},
		{"AvailabilityZoneAddress", len(in.AvailabilityZoneAddresses) > 0},
		{"SecondaryAllocationId", len(in.SecondaryAllocationIds) > 0},
		{"SecondaryPrivateIpAddressCount", aws.ToInt32(in.SecondaryPrivateIpAddressCount) > 0},
		{"SecondaryPrivateIpAddress", len(in.SecondaryPrivateIpAddresses) > 0},
		{"VpcId", in.VpcId != nil},
	} {
		if p.asked {
			return notBuilt(p.name)
		}
	}
	return nil
}

// createNatGateway accepts the gateway; whether its address and its network do is
// found out afterwards, as at AWS: see finishNAT.
func (s *Service) createNatGateway(c *api.Call, in *ec2.CreateNatGatewayInput) (*ec2.CreateNatGatewayOutput, error) {
	if err := refuseUnbuiltNAT(in); err != nil {
		return nil, err
	}
	if in.SubnetId == nil {
		return nil, missingParameter("SubnetId")
	}
	at, err := s.existingSubnet(c, in.SubnetId)
	if err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeNatgateway))
	if err != nil {
		return nil, err
	}
	earlier, err := usedToken(c, in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	if earlier != "" {
		g, err := natGateways.get(c, earlier)
		d := g.describe(tags)
		return &ec2.CreateNatGatewayOutput{NatGateway: &d, ClientToken: in.ClientToken}, err
	}
	g, err := newNATGateway(c, in, at)
	if err != nil {
		return nil, err
	}
	if err := g.put(c); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeNatgateway), g.ID, tags); err != nil {
		return nil, err
	}
	if err := keepToken(c, in.ClientToken, in, g.ID); err != nil {
		return nil, err
	}
	d := g.describe(tags)
	return &ec2.CreateNatGatewayOutput{NatGateway: &d, ClientToken: in.ClientToken}, c.Schedule(natTask, g.ID, launchTime, natStep{g.ID})
}

func newNATGateway(c *api.Call, in *ec2.CreateNatGatewayInput, at subnet) (natGateway, error) {
	g := natGateway{
		ID: c.NewID("nat-"), VPC: at.VPC, Subnet: at.ID, Zone: at.Zone, State: types.NatGatewayStatePending, Created: wholeSecond(c),
		Connectivity: types.ConnectivityTypePublic, Allocation: aws.ToString(in.AllocationId), Wanted: aws.ToString(in.PrivateIpAddress),
	}
	if in.ConnectivityType != "" {
		g.Connectivity = in.ConnectivityType
	}
	if err := checkWords([]choice{choose("connectivityType", g.Connectivity, g.Connectivity.Values())}); err != nil {
		return g, err
	}
	switch private := g.Connectivity == types.ConnectivityTypePrivate; {
	case private && in.AllocationId != nil:
		return g, invalidCombination("The parameter AllocationId cannot be used with the connectivity type private")
	case !private && in.AllocationId == nil:
		return g, missingParameter("AllocationId")
	case !private:
		if _, err := elasticAddresses.get(c, g.Allocation); err != nil {
			return g, err
		}
	}
	if g.Wanted != "" {
		if _, err := freeAddress(c, at, g.Wanted); err != nil {
			return g, err
		}
	}
	there := 0
	for other, err := range natTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return g, err
		}
		if other.Zone == g.Zone && (other.State == types.NatGatewayStatePending || other.State == types.NatGatewayStateAvailable || other.State == types.NatGatewayStateDeleting) {
			there++
		}
	}
	if there >= maxNATGateways {
		return g, api.Error("NatGatewayLimitExceeded", "The maximum number of NAT Gateways has been reached.")
	}
	return g, nil
}

// natTask is the next step of a NAT gateway's life.
const natTask = "ec2.natgateway"

type natStep struct{ Gateway string }

func (s *Service) natTasks() map[string]func(*api.Call, json.RawMessage) error {
	return map[string]func(*api.Call, json.RawMessage) error{natTask: func(c *api.Call, raw json.RawMessage) error {
		payload, err := api.DecodePayload[natStep](raw)
		if err != nil {
			return err
		}
		g, err := natGateways.get(c, payload.Gateway)
		if errorCode(err) != "" {
			return nil // it is gone
		}
		if err != nil {
			return err
		}
		switch g.State {
		case types.NatGatewayStatePending:
			return g.finish(c)
		case types.NatGatewayStateDeleting:
			return g.end(c)
		case types.NatGatewayStateDeleted, types.NatGatewayStateFailed:
			if c.Now.Before(g.Deleted.Add(remembrance)) {
				return nil // the step that was overtaken
			}
			return deleteRow(c, natGateways, types.ResourceTypeNatgateway, g.ID)
		}
		return nil
	}}
}

// finish makes the gateway's interface, or has it fail for AWS's reasons (VPC
// guide, "Troubleshoot NAT gateways").
func (g natGateway) finish(c *api.Call) error {
	err := g.connect(c)
	if errorCode(err) == "" {
		return err
	}
	g.State, g.FailureCode, g.FailureMessage = types.NatGatewayStateFailed, errorCode(err), errorMessage(err)
	g.Deleted = wholeSecond(c)
	if err := g.put(c); err != nil {
		return err
	}
	return c.Schedule(natTask, g.ID, remembrance, natStep{g.ID})
}

func (g natGateway) connect(c *api.Call) error {
	at, err := subnets.get(c, g.Subnet)
	if err != nil {
		return err
	}
	public := g.Connectivity == types.ConnectivityTypePublic
	var elastic elasticAddress
	if public {
		connected, err := reachable(c, g.VPC)
		if err != nil {
			return err
		}
		if !connected {
			return api.Error("Gateway.NotAttached", "Network "+g.VPC+" has no Internet gateway attached")
		}
		if elastic, err = elasticAddresses.get(c, g.Allocation); err != nil {
			return err
		}
		if elastic.Association != "" {
			return api.Error("Resource.AlreadyAssociated", "Elastic IP address ["+g.Allocation+"] is already associated")
		}
	}
	addresses, err := planAddresses(c, at, &g.Wanted, nil, 0)
	if err != nil {
		return err
	}
	n := networkInterface{
		ID: c.NewID("eni-"), Subnet: at.ID, VPC: at.VPC, Zone: at.Zone, MAC: newMAC(c), Description: "Interface for NAT Gateway " + g.ID,
		NATGateway: g.ID, IgnoreAddressChecks: true, Attachment: c.NewID("ela-attach-"), AttachedAt: wholeSecond(c),
	}
	if err := addresses.take(c, &n, at); err != nil {
		return err
	}
	g.State, g.Interface, g.Address = types.NatGatewayStateAvailable, n.ID, natAddress{Private: n.PrivateIP, Interface: n.ID}
	if public {
		g.Address.Public = elastic.IP
		if g.Address.Association, err = bind(c, elastic, n, n.PrivateIP); err != nil {
			return err
		}
	}
	return g.put(c)
}

// end takes the gateway's interface away; its Elastic IP address stays the
// account's. The row stays for a while, as at AWS.
func (g natGateway) end(c *api.Call) error {
	if g.Interface != "" {
		n, err := interfaces.get(c, g.Interface)
		if err != nil {
			return err
		}
		if err := n.remove(c); err != nil {
			return err
		}
	}
	g.State, g.Interface, g.Deleted = types.NatGatewayStateDeleted, "", wholeSecond(c)
	if err := g.put(c); err != nil {
		return err
	}
	return c.Schedule(natTask, g.ID, remembrance, natStep{g.ID})
}

func (s *Service) deleteNatGateway(c *api.Call, in *ec2.DeleteNatGatewayInput) (*ec2.DeleteNatGatewayOutput, error) {
	g, err := natGateways.get(c, aws.ToString(in.NatGatewayId))
	if err != nil {
		return nil, err
	}
	out := &ec2.DeleteNatGatewayOutput{NatGatewayId: aws.String(g.ID)}
	switch g.State {
	case types.NatGatewayStateDeleted:
		return nil, natGateways.kind.notFound(g.ID)
	case types.NatGatewayStateDeleting, types.NatGatewayStateFailed:
		return out, nil
	}
	g.State = types.NatGatewayStateDeleting
	if err := g.put(c); err != nil {
		return nil, err
	}
	return out, c.Schedule(natTask, g.ID, shutdownTime, natStep{g.ID})
}

func (s *Service) describeNatGateways(c *api.Call, in *ec2.DescribeNatGatewaysInput) (*ec2.DescribeNatGatewaysOutput, error) {
	found, next, err := natGateways.find(c, query{in.NatGatewayIds, in.Filter, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNatGatewaysOutput{NatGateways: []types.NatGateway{}, NextToken: next}
	for _, g := range found {
		out.NatGateways = append(out.NatGateways, g.row.describe(g.tags))
	}
	return out, nil
}
