package ec2

import (
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// route is one that somebody made; of the destinations and of the targets exactly
// one is set. An instance comes with its interface.
type route struct {
	CIDR, PrefixList             string `json:",omitempty"`
	Gateway, Interface, Instance string `json:",omitempty"`
	NAT, Peering                 string `json:",omitempty"`
}

// destination is what the route is for.
func (w route) destination() string { return w.CIDR + w.PrefixList }

// wayRequest is what CreateRoute and ReplaceRoute have in common.
type wayRequest struct {
	cidr, prefixList                              *string
	gateway, instance, networkInterface, nat, pcx *string
}

// way makes the route that a request describes.
func (q wayRequest) way(c *api.Call, r routeTable) (route, error) {
	w, err := q.to(c)
	if err != nil {
		return w, err
	}
	if isServicePrefixList(c, w.PrefixList) {
		// Only gateway endpoints route to AWS's lists. A sentence without a source.
		return w, invalidValue("The prefix list %s is managed by AWS and cannot be the destination of a route.", w.PrefixList)
	}
	targets := 0
	for _, t := range []*string{q.gateway, q.instance, q.networkInterface, q.nat, q.pcx} {
		if t != nil {
			targets++
		}
	}
	switch {
	case targets > 1:
		// A sentence without a source.
		return w, invalidCombination("Exactly one target must be specified for the route.")
	case q.gateway != nil:
		return w.throughGateway(c, r, *q.gateway)
	case q.networkInterface != nil:
		n, err := interfaces.get(c, *q.networkInterface)
		if err == nil && n.VPC != r.VPC {
			err = invalidValue("route table %s and interface %s belong to different networks", r.ID, n.ID)
		}
		w.Interface, w.Instance = n.ID, n.Instance
		return w, err
	case q.instance != nil:
		return w.throughInstance(c, r, *q.instance)
	case q.nat != nil:
		return w.throughNAT(c, r, *q.nat)
	case q.pcx != nil:
		return w.throughPeering(c, r, *q.pcx)
	}
	return w, missingParameter("gatewayId")
}

// to reads what the route is for. Of a block the host bits are dropped.
func (q wayRequest) to(c *api.Call) (route, error) {
	if q.prefixList != nil {
		if q.cidr != nil {
			return route{}, invalidCombination("The parameter destinationCidrBlock cannot be used with the parameter destinationPrefixListId")
		}
		l, err := prefixListNamed(c, *q.prefixList)
		return route{PrefixList: l.ID}, err
	}
	cidr, err := destination(q.cidr)
	return route{CIDR: cidr}, err
}

func (w route) throughGateway(c *api.Call, r routeTable, id string) (route, error) {
	g, err := gateways.get(c, id)
	if errorCode(err) != "" {
		return w, api.Error("InvalidGatewayID.NotFound", "The gateway ID '"+id+"' does not exist")
	}
	if err != nil {
		return w, err
	}
	if g.VPC != r.VPC {
		return w, invalidValue("route table %s and network gateway %s belong to different networks", r.ID, g.ID)
	}
	w.Gateway = g.ID
	return w, nil
}

func (w route) throughInstance(c *api.Call, r routeTable, id string) (route, error) {
	all, err := interfacesOf(c, id)
	if err != nil {
		return w, err
	}
	switch {
	case len(all) == 0:
		return w, api.Error("InvalidInstanceID.NotFound", "The instance ID '"+id+"' does not exist")
	case len(all) > 1:
		return w, severalInterfaces(id)
	case all[0].VPC != r.VPC:
		return w, invalidValue("route table %s and interface %s belong to different networks", r.ID, all[0].ID)
	}
	w.Interface, w.Instance = all[0].ID, id
	return w, nil
}

func (w route) throughNAT(c *api.Call, r routeTable, id string) (route, error) {
	g, err := natGateways.get(c, id)
	if errorCode(err) != "" || err == nil && g.State == types.NatGatewayStateDeleted {
		return w, api.Error("InvalidNatGatewayID.NotFound", "The natGateway ID '"+id+"' does not exist")
	}
	if err == nil && g.VPC != r.VPC {
		err = invalidValue("route table %s and NAT gateway %s belong to different networks", r.ID, g.ID)
	}
	w.NAT = g.ID
	return w, err
}

func (w route) throughPeering(c *api.Call, r routeTable, id string) (route, error) {
	p, err := getPeering(c, id)
	if err != nil {
		return w, err
	}
	if _, ok := p.other(c, r.VPC); !ok {
		return w, invalidValue("route table %s and VPC peering connection %s belong to different networks", r.ID, p.ID)
	}
	w.Peering = p.ID
	return w, nil
}

// destination reads the block that a route is for. Host bits are dropped.
func destination(text *string) (string, error) {
	if text == nil {
		return "", missingParameter("destinationCidrBlock")
	}
	p, err := netip.ParsePrefix(*text)
	if err != nil || !p.Addr().Is4() {
		return "", invalidValue("Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", *text)
	}
	return p.Masked().String(), nil
}

// leads reports whether a route leads anywhere.
func (w route) leads(c *api.Call, vpcID string) (bool, error) {
	var err error
	var ok bool
	switch {
	case w.Gateway != "":
		var g internetGateway
		g, err = gateways.get(c, w.Gateway)
		ok = g.VPC == vpcID
	case w.NAT != "":
		var g natGateway
		g, err = natGateways.get(c, w.NAT)
		ok = g.State == types.NatGatewayStateAvailable || g.State == types.NatGatewayStatePending
	case w.Peering != "":
		var p peering
		p, err = getPeering(c, w.Peering)
		ok = p.active(c.Now)
	default:
		var n networkInterface
		n, err = interfaces.get(c, w.Interface)
		ok = n.attached() && n.Instance == w.Instance
	}
	if errorCode(err) != "" {
		return false, nil
	}
	return ok, err
}

// state tells whether a route leads anywhere: one to what is gone is a black
// hole (VPC guide, "Route tables").
func (w route) state(c *api.Call, vpcID string) (types.RouteState, error) {
	ok, err := w.leads(c, vpcID)
	if ok {
		return types.RouteStateActive, err
	}
	return types.RouteStateBlackhole, err
}

func (w route) describe(c *api.Call, vpcID string) (types.Route, error) {
	state, err := w.state(c, vpcID)
	d := types.Route{
		DestinationCidrBlock: text(w.CIDR), DestinationPrefixListId: text(w.PrefixList), Origin: types.RouteOriginCreateRoute, State: state,
		GatewayId: text(w.Gateway), NatGatewayId: text(w.NAT), VpcPeeringConnectionId: text(w.Peering),
		NetworkInterfaceId: text(w.Interface), InstanceId: text(w.Instance),
	}
	if w.Instance != "" {
		d.InstanceOwnerId = aws.String(c.Account)
	}
	return d, err
}

// isServicePrefixList reports whether a list is one of AWS's own.
func isServicePrefixList(c *api.Call, id string) bool {
	l, err := prefixListNamed(c, id)
	return err == nil && l.AWS
}
