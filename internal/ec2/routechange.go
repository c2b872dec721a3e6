package ec2

import (
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// maxRouteTables is AWS's default quota "Route tables per VPC" (VPC guide,
// "Amazon VPC quotas").
const maxRouteTables = 200

func (s *Service) routeOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateRouteTable", createRouteTableNeeds, s.createRouteTable),
		api.Op("DeleteRouteTable", onRouteTable("DeleteRouteTable", func(in *ec2.DeleteRouteTableInput) *string { return in.RouteTableId }), s.deleteRouteTable),
		api.Op("CreateRoute", onRouteTable("CreateRoute", func(in *ec2.CreateRouteInput) *string { return in.RouteTableId }), s.createRoute),
		api.Op("ReplaceRoute", onRouteTable("ReplaceRoute", func(in *ec2.ReplaceRouteInput) *string { return in.RouteTableId }), s.replaceRoute),
		api.Op("DeleteRoute", onRouteTable("DeleteRoute", func(in *ec2.DeleteRouteInput) *string { return in.RouteTableId }), s.deleteRoute),
		api.Op("AssociateRouteTable", associateNeeds, s.associateRouteTable),
		api.Op("DisassociateRouteTable", disassociateNeeds, s.disassociateRouteTable),
		api.Op("ReplaceRouteTableAssociation", replaceAssociationNeeds, s.replaceRouteTableAssociation),
	}
}

func createRouteTableNeeds(c *api.Call, in *ec2.CreateRouteTableInput) ([]api.Need, error) {
	n := need(c, "CreateRouteTable", types.ResourceTypeRouteTable, "*")
	setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeRouteTable))
	network, err := vpcNeed(c, "CreateRouteTable", aws.ToString(in.VpcId))
	if err != nil {
		return nil, err
	}
	n.Context.Set("ec2:Vpc", network.Resource)
	return append([]api.Need{n, network}, tagNeeds(c, "CreateRouteTable", in.TagSpecifications)...), nil
}

func routeTableNeed(c *api.Call, action, id string) (api.Need, error) {
	n, err := existingNeed(c, action, types.ResourceTypeRouteTable, id)
	if err != nil {
		return n, err
	}
	n.Context.Set("ec2:RouteTableID", id)
	if r, err := routeTables.get(c, id); err == nil {
		n.Context.Set("ec2:Vpc", c.ARN("ec2", "vpc/"+r.VPC))
	}
	return n, nil
}

func onRouteTable[In any](action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := routeTableNeed(c, action, aws.ToString(id(in)))
		return []api.Need{n}, err
	}
}

func associateNeeds(c *api.Call, in *ec2.AssociateRouteTableInput) ([]api.Need, error) {
	n, err := routeTableNeed(c, "AssociateRouteTable", aws.ToString(in.RouteTableId))
	if err != nil || in.SubnetId == nil {
		return []api.Need{n}, err
	}
	at, err := subnetNeed(c, "AssociateRouteTable", *in.SubnetId)
	return []api.Need{n, at}, err
}

// disassociateNeeds are on the table and on what it is taken from.
func disassociateNeeds(c *api.Call, in *ec2.DisassociateRouteTableInput) ([]api.Need, error) {
	return needsOfAssociation(c, "DisassociateRouteTable", in.AssociationId)
}

func needsOfAssociation(c *api.Call, action string, id *string) ([]api.Need, error) {
	r, a, err := associated(c, aws.ToString(id))
	if errorCode(err) != "" {
		n, err := routeTableNeed(c, action, "*")
		return []api.Need{n}, err
	}
	if err != nil {
		return nil, err
	}
	n, err := routeTableNeed(c, action, r.ID)
	if err != nil || a.Subnet == "" {
		return []api.Need{n}, err
	}
	at, err := subnetNeed(c, action, a.Subnet)
	return []api.Need{n, at}, err
}

func replaceAssociationNeeds(c *api.Call, in *ec2.ReplaceRouteTableAssociationInput) ([]api.Need, error) {
	needs, err := needsOfAssociation(c, "ReplaceRouteTableAssociation", in.AssociationId)
	if err != nil {
		return nil, err
	}
	to, err := routeTableNeed(c, "ReplaceRouteTableAssociation", aws.ToString(in.RouteTableId))
	return append(needs, to), err
}

func (s *Service) existingTable(c *api.Call, id *string) (routeTable, error) {
	if err := s.ensureNetwork(c); err != nil {
		return routeTable{}, err
	}
	return routeTables.get(c, aws.ToString(id))
}

func (s *Service) createRouteTable(c *api.Call, in *ec2.CreateRouteTableInput) (*ec2.CreateRouteTableOutput, error) {
	v, err := s.vpcOrDefault(c, in.VpcId)
	if err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeRouteTable))
	if err != nil {
		return nil, err
	}
	there := 0
	for r, err := range routeTableTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if r.VPC == v.ID {
			there++
		}
	}
	if there >= maxRouteTables {
		return nil, api.Error("RouteTableLimitExceeded", "The maximum number of route tables has been reached.")
	}
	r := routeTable{ID: c.NewID("rtb-"), VPC: v.ID}
	if err := r.put(c); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeRouteTable), r.ID, tags); err != nil {
		return nil, err
	}
	d, err := r.describe(c, tags)
	return &ec2.CreateRouteTableOutput{RouteTable: &d}, err
}

func (s *Service) deleteRouteTable(c *api.Call, in *ec2.DeleteRouteTableInput) (*ec2.DeleteRouteTableOutput, error) {
	r, err := s.existingTable(c, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	if len(r.Associations) > 0 {
		return nil, api.Error("DependencyViolation", "The routeTable '"+r.ID+"' has dependencies and cannot be deleted.")
	}
	if err := leaveRouteTable(c, r.ID); err != nil {
		return nil, err
	}
	return &ec2.DeleteRouteTableOutput{}, deleteRow(c, routeTables, types.ResourceTypeRouteTable, r.ID)
}

// refuseUnbuiltRoute refuses the members of a route's request that name what is
// not here. in is the request of CreateRoute or ReplaceRoute, which share them.
func refuseUnbuiltRoute(in any) error {
	for _, name := range []string{
		"CarrierGatewayId", "CoreNetworkArn", "DestinationIpv6CidrBlock", "EgressOnlyInternetGatewayId", "LocalGatewayId",
		"LocalTarget", "OdbNetworkArn", "TransitGatewayId", "VpcEndpointId",
	} {
		// LocalTarget is a member of one of the two alone.
		if m := reflect.ValueOf(in).Elem().FieldByName(name); m.IsValid() && !m.IsZero() {
			return notBuilt(name)
		}
	}
	return nil
}

func (r routeTable) index(destination string) int {
	return slices.IndexFunc(r.Routes, func(w route) bool { return w.destination() == destination })
}

func (s *Service) createRoute(c *api.Call, in *ec2.CreateRouteInput) (*ec2.CreateRouteOutput, error) {
	r, err := s.existingTable(c, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	if err := refuseUnbuiltRoute(in); err != nil {
		return nil, err
	}
	w, err := wayRequest{
		cidr: in.DestinationCidrBlock, prefixList: in.DestinationPrefixListId, gateway: in.GatewayId, instance: in.InstanceId,
		networkInterface: in.NetworkInterfaceId, nat: in.NatGatewayId, pcx: in.VpcPeeringConnectionId,
	}.way(c, r)
	if err != nil {
		return nil, err
	}
	locals, err := r.locals(c)
	if err != nil {
		return nil, err
	}
	if slices.Contains(locals, w.CIDR) || r.index(w.destination()) >= 0 {
		return nil, api.Error("RouteAlreadyExists", "The route identified by "+w.destination()+" already exists.")
	}
	r.Routes = append(r.Routes, w)
	return &ec2.CreateRouteOutput{Return: aws.Bool(true)}, r.put(c)
}

func (s *Service) replaceRoute(c *api.Call, in *ec2.ReplaceRouteInput) (*ec2.ReplaceRouteOutput, error) {
	r, err := s.existingTable(c, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	if err := refuseUnbuiltRoute(in); err != nil {
		return nil, err
	}
	w, err := wayRequest{
		cidr: in.DestinationCidrBlock, prefixList: in.DestinationPrefixListId, gateway: in.GatewayId, instance: in.InstanceId,
		networkInterface: in.NetworkInterfaceId, nat: in.NatGatewayId, pcx: in.VpcPeeringConnectionId,
	}.way(c, r)
	if err != nil {
		return nil, err
	}
	i := r.index(w.destination())
	if i < 0 {
		return nil, noRoute(c, r, w)
	}
	r.Routes[i] = w
	return &ec2.ReplaceRouteOutput{}, r.put(c)
}

func noRoute(c *api.Call, r routeTable, w route) error {
	if w.PrefixList != "" {
		return api.Error("InvalidRoute.NotFound", "no route with destination-prefix-list-id "+w.PrefixList+" in route table "+r.ID)
	}
	locals, err := r.locals(c)
	if err != nil {
		return err
	}
	if slices.Contains(locals, w.CIDR) {
		return invalidValue("cannot remove local route %s in route table %s", w.CIDR, r.ID)
	}
	return api.Error("InvalidRoute.NotFound", "no route with destination-cidr-block "+w.CIDR+" in route table "+r.ID)
}

func (s *Service) deleteRoute(c *api.Call, in *ec2.DeleteRouteInput) (*ec2.DeleteRouteOutput, error) {
	r, err := s.existingTable(c, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	w, err := wayRequest{cidr: in.DestinationCidrBlock, prefixList: in.DestinationPrefixListId}.to(c)
	if err != nil {
		return nil, err
	}
	i := r.index(w.destination())
	if i < 0 && isServicePrefixList(c, w.PrefixList) {
		// A gateway endpoint's, which takes its routes away itself.
		return nil, invalidValue("cannot remove VPC endpoint route %s in route table %s", w.PrefixList, r.ID)
	}
	if i < 0 {
		return nil, noRoute(c, r, w)
	}
	r.Routes = slices.Delete(r.Routes, i, i+1)
	return &ec2.DeleteRouteOutput{}, r.put(c)
}

func (s *Service) associateRouteTable(c *api.Call, in *ec2.AssociateRouteTableInput) (*ec2.AssociateRouteTableOutput, error) {
	r, err := s.existingTable(c, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	if in.GatewayId != nil {
		return nil, notBuilt("GatewayId")
	}
	n, err := subnets.get(c, aws.ToString(in.SubnetId))
	if err != nil {
		return nil, err
	}
	if n.VPC != r.VPC {
		return nil, invalidValue("Route table %s and subnet %s belong to different networks", r.ID, n.ID)
	}
	old, ok, err := tableOfSubnet(c, n.ID)
	if err != nil {
		return nil, err
	}
	if ok {
		// Associating with the same table again gives the same association.
		for _, a := range old.Associations {
			if a.Subnet == n.ID && old.ID == r.ID {
				return &ec2.AssociateRouteTableOutput{AssociationId: aws.String(a.ID), AssociationState: associatedState()}, nil
			}
		}
		return nil, api.Error("Resource.AlreadyAssociated", "the specified association for route table "+r.ID+" conflicts with an existing association")
	}
	a := association{ID: c.NewID("rtbassoc-"), Subnet: n.ID}
	r.Associations = append(r.Associations, a)
	return &ec2.AssociateRouteTableOutput{AssociationId: aws.String(a.ID), AssociationState: associatedState()}, r.put(c)
}

func (s *Service) disassociateRouteTable(c *api.Call, in *ec2.DisassociateRouteTableInput) (*ec2.DisassociateRouteTableOutput, error) {
	r, a, err := associated(c, aws.ToString(in.AssociationId))
	if err != nil {
		return nil, err
	}
	if a.Subnet == "" {
		return nil, invalidValue("cannot disassociate the main route table association %s", a.ID)
	}
	return &ec2.DisassociateRouteTableOutput{}, r.dissociate(func(b association) bool { return b == a }).put(c)
}

// replaceRouteTableAssociation moves a subnet, or the VPC's main association, to
// another table; the association gets a new id.
func (s *Service) replaceRouteTableAssociation(c *api.Call, in *ec2.ReplaceRouteTableAssociationInput) (*ec2.ReplaceRouteTableAssociationOutput, error) {
	from, a, err := associated(c, aws.ToString(in.AssociationId))
	if err != nil {
		return nil, err
	}
	to, err := s.existingTable(c, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	if from.VPC != to.VPC {
		return nil, invalidValue("Route table %s and network %s belong to different networks", to.ID, from.VPC)
	}
	if err := from.dissociate(func(b association) bool { return b == a }).put(c); err != nil {
		return nil, err
	}
	if to.ID == from.ID {
		to = from.dissociate(func(b association) bool { return b == a })
	}
	moved := association{ID: c.NewID("rtbassoc-"), Subnet: a.Subnet}
	to.Associations = append(to.Associations, moved)
	return &ec2.ReplaceRouteTableAssociationOutput{NewAssociationId: aws.String(moved.ID), AssociationState: associatedState()}, to.put(c)
}
