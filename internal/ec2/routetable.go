package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// routeTable tells where a VPC's packets go: those for the VPC's own block stay
// local, the others go by the routes that people made.
type routeTable struct {
	ID, VPC      string
	CIDR         string // the VPC's own
	Routes       []route
	Associations []association
}

// route is one that somebody made; exactly one target is set.
type route struct {
	CIDR                         string
	Gateway, Interface, Instance string
}

// association binds the table to a subnet, or to the VPC as its main table.
type association struct {
	ID, Subnet string
}

var routeTableTable = store.NewTable[routeTable]("ec2.routetable")

var routeTables = listing[routeTable]{
	table: routeTableTable,
	kind: identifier{
		prefix:    "rtb-",
		malformed: "InvalidRouteTableId.Malformed", malformedText: `Invalid id: "%s" (expecting "rtb-...")`,
		missing: "InvalidRouteTableID.NotFound", missingText: "The routeTable ID '%s' does not exist",
	},
	id:    func(r routeTable) string { return r.ID },
	pages: pageRule{least: 5, most: 100, ids: "RouteTableIds"},
	filters: filterTable[routeTable]{
		"association.main": func(r routeTable) []string {
			return r.each(func(a association) string { return flag(a.Subnet == "")[0] })
		},
		"association.route-table-id": func(r routeTable) []string {
			return r.each(func(association) string { return r.ID })
		},
		"association.route-table-association-id": func(r routeTable) []string {
			return r.each(func(a association) string { return a.ID })
		},
		"association.subnet-id": func(r routeTable) []string { return r.each(func(a association) string { return a.Subnet }) },
		"route-table-id":        func(r routeTable) []string { return some(r.ID) },
		"route.gateway-id": func(r routeTable) []string {
			return append(some("local"), r.ways(func(w route) string { return w.Gateway })...)
		},
		"route.instance-id": func(r routeTable) []string { return r.ways(func(w route) string { return w.Instance }) },
		"route.origin": func(r routeTable) []string {
			return append(some("CreateRouteTable"), r.ways(func(route) string { return "CreateRoute" })...)
		},
		"route.destination-cidr-block": func(r routeTable) []string {
			return append(some(r.CIDR), r.ways(func(w route) string { return w.CIDR })...)
		},
		"vpc-id": func(r routeTable) []string { return some(r.VPC) },
	}.without("association.gateway-id", "route.destination-ipv6-cidr-block",
		"route.destination-prefix-list-id", "route.egress-only-internet-gateway-id",
		"route.nat-gateway-id", "route.transit-gateway-id", "route.vpc-peering-connection-id"),
}

// each are the values of a filter on associations.
func (r routeTable) each(value func(association) string) []string {
	var out []string
	for _, a := range r.Associations {
		out = append(out, some(value(a))...)
	}
	return out
}

// ways are the values of a filter on routes.
func (r routeTable) ways(value func(route) string) []string {
	var out []string
	for _, w := range r.Routes {
		out = append(out, some(value(w))...)
	}
	return out
}

// main reports whether the table is its VPC's main one.
func (r routeTable) main() bool {
	return slices.ContainsFunc(r.Associations, func(a association) bool { return a.Subnet == "" })
}

func (r routeTable) put(c *api.Call) error { return routeTableTable.Put(c.Tx, c.Scope(), r.ID, r) }

// dissociate is the table without some of its associations.
func (r routeTable) dissociate(gone func(association) bool) routeTable {
	r.Associations = slices.DeleteFunc(slices.Clone(r.Associations), gone)
	return r
}

func putMainRouteTable(c *api.Call, v vpc, id partID, routes ...route) error {
	return routeTable{
		ID: id("rtb-", ""), VPC: v.ID, CIDR: v.CIDR, Routes: routes, Associations: []association{{ID: id("rtbassoc-", "")}},
	}.put(c)
}

// mainRouteTable is a VPC's main table.
func mainRouteTable(c *api.Call, vpcID string) (routeTable, error) {
	for r, err := range routeTableTable.All(c.Tx, c.Scope()) {
		if err != nil || r.VPC == vpcID && r.main() {
			return r, err
		}
	}
	return routeTable{}, store.ErrNotFound
}

// tableOfSubnet is the table that a subnet is associated with.
func tableOfSubnet(c *api.Call, id string) (routeTable, bool, error) {
	for r, err := range routeTableTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return r, false, err
		}
		if slices.ContainsFunc(r.Associations, func(a association) bool { return a.Subnet == id }) {
			return r, true, nil
		}
	}
	return routeTable{}, false, nil
}

// associated is the table with an association of that id.
func associated(c *api.Call, id string) (routeTable, association, error) {
	for r, err := range routeTableTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return r, association{}, err
		}
		for _, a := range r.Associations {
			if a.ID == id {
				return r, a, nil
			}
		}
	}
	return routeTable{}, association{}, api.Error("InvalidAssociationID.NotFound", "The association ID '"+id+"' does not exist")
}

// state tells whether a route leads anywhere: one to what is gone is a black
// hole (VPC guide, "Route tables").
func (w route) state(c *api.Call, vpcID string) (types.RouteState, error) {
	if w.Gateway == "" {
		n, err := interfaces.get(c, w.Interface)
		if errorCode(err) != "" || err == nil && n.Instance != w.Instance {
			return types.RouteStateBlackhole, nil
		}
		return types.RouteStateActive, err
	}
	g, err := gateways.get(c, w.Gateway)
	if errorCode(err) != "" || err == nil && g.VPC != vpcID {
		return types.RouteStateBlackhole, nil
	}
	return types.RouteStateActive, err
}

func (r routeTable) describe(c *api.Call, tags map[string]string) (types.RouteTable, error) {
	d := types.RouteTable{
		RouteTableId: aws.String(r.ID), VpcId: aws.String(r.VPC), OwnerId: aws.String(c.Account), Tags: answeredTags(describeTags(tags)),
		PropagatingVgws: []types.PropagatingVgw{}, Associations: []types.RouteTableAssociation{},
		Routes: []types.Route{
			{DestinationCidrBlock: aws.String(r.CIDR), GatewayId: aws.String("local"), Origin: types.RouteOriginCreateRouteTable, State: types.RouteStateActive},
		},
	}
	for _, a := range r.Associations {
		shown := types.RouteTableAssociation{
			Main: aws.Bool(a.Subnet == ""), RouteTableAssociationId: aws.String(a.ID), RouteTableId: aws.String(r.ID),
			AssociationState: associatedState(),
		}
		if a.Subnet != "" {
			shown.SubnetId = aws.String(a.Subnet)
		}
		d.Associations = append(d.Associations, shown)
	}
	for _, w := range r.Routes {
		state, err := w.state(c, r.VPC)
		if err != nil {
			return d, err
		}
		shown := types.Route{DestinationCidrBlock: aws.String(w.CIDR), Origin: types.RouteOriginCreateRoute, State: state}
		if w.Gateway != "" {
			shown.GatewayId = aws.String(w.Gateway)
		}
		if w.Interface != "" {
			shown.NetworkInterfaceId = aws.String(w.Interface)
		}
		if w.Instance != "" {
			shown.InstanceId, shown.InstanceOwnerId = aws.String(w.Instance), aws.String(c.Account)
		}
		d.Routes = append(d.Routes, shown)
	}
	through, err := r.endpoints(c)
	for _, e := range through {
		d.Routes = append(d.Routes, types.Route{
			DestinationPrefixListId: aws.String(prefixListID(e.Service)), GatewayId: aws.String(e.ID),
			Origin: types.RouteOriginCreateRoute, State: types.RouteStateActive,
		})
	}
	return d, err
}

// endpoints are the gateway endpoints that the table routes to: their routes are
// theirs, not the table's.
func (r routeTable) endpoints(c *api.Call) ([]vpcEndpoint, error) {
	return endpointsOf(c, func(e vpcEndpoint) bool { return slices.Contains(e.RouteTables, r.ID) })
}

func associatedState() *types.RouteTableAssociationState {
	return &types.RouteTableAssociationState{State: types.RouteTableAssociationStateCodeAssociated}
}

func (s *Service) describeRouteTables(c *api.Call, in *ec2.DescribeRouteTablesInput) (*ec2.DescribeRouteTablesOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
		return nil, err
	}
	l := routeTables.owned(c)
	l.filters["route.state"] = func(r routeTable) []string {
		return append(some("active"), r.ways(func(w route) string {
			state, err := w.state(c, r.VPC)
			if err != nil {
				return ""
			}
			return string(state)
		})...)
	}
	byEndpoint := func(value func(vpcEndpoint) string) func(routeTable) []string {
		return func(r routeTable) []string {
			through, err := r.endpoints(c)
			if err != nil {
				return nil
			}
			var values []string
			for _, e := range through {
				values = append(values, value(e))
			}
			return values
		}
	}
	l.filters["route.destination-prefix-list-id"] = byEndpoint(func(e vpcEndpoint) string { return prefixListID(e.Service) })
	throughGateway, throughEndpoint := l.filters["route.gateway-id"], byEndpoint(func(e vpcEndpoint) string { return e.ID })
	l.filters["route.gateway-id"] = func(r routeTable) []string { return slices.Concat(throughGateway(r), throughEndpoint(r)) }
	found, next, err := l.find(c, query{in.RouteTableIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeRouteTablesOutput{RouteTables: []types.RouteTable{}, NextToken: next}
	for _, r := range found {
		d, err := r.row.describe(c, r.tags)
		if err != nil {
			return nil, err
		}
		out.RouteTables = append(out.RouteTables, d)
	}
	return out, nil
}
