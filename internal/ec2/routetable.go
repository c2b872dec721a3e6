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
	Routes       []route
	Associations []association
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
		"route.destination-prefix-list-id": func(r routeTable) []string { return r.ways(func(w route) string { return w.PrefixList }) },
		"route.nat-gateway-id":             func(r routeTable) []string { return r.ways(func(w route) string { return w.NAT }) },
		"route.vpc-peering-connection-id":  func(r routeTable) []string { return r.ways(func(w route) string { return w.Peering }) },
		"vpc-id":                           func(r routeTable) []string { return some(r.VPC) },
	}.without("association.gateway-id", "route.destination-ipv6-cidr-block", "route.egress-only-internet-gateway-id", "route.transit-gateway-id"),
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
		ID: id("rtb-", ""), VPC: v.ID, Routes: routes, Associations: []association{{ID: id("rtbassoc-", "")}},
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

// locals are the blocks of the table's VPC, to which it always has routes.
func (r routeTable) locals(c *api.Call) ([]string, error) {
	v, err := vpcs.get(c, r.VPC)
	return v.cidrs(), err
}

func (r routeTable) describe(c *api.Call, tags map[string]string) (types.RouteTable, error) {
	d := types.RouteTable{
		RouteTableId: aws.String(r.ID), VpcId: aws.String(r.VPC), OwnerId: aws.String(c.Account), Tags: answeredTags(describeTags(tags)),
		PropagatingVgws: []types.PropagatingVgw{}, Associations: []types.RouteTableAssociation{},
		Routes: []types.Route{},
	}
	locals, err := r.locals(c)
	if err != nil {
		return d, err
	}
	for _, cidr := range locals {
		d.Routes = append(d.Routes, types.Route{
			DestinationCidrBlock: aws.String(cidr), GatewayId: aws.String("local"), Origin: types.RouteOriginCreateRouteTable, State: types.RouteStateActive,
		})
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
		shown, err := w.describe(c, r.VPC)
		if err != nil {
			return d, err
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
	l.filters["route.destination-cidr-block"] = func(r routeTable) []string {
		locals, err := r.locals(c)
		if err != nil {
			return nil
		}
		return append(locals, r.ways(func(w route) string { return w.CIDR })...)
	}
	toList, byGateway := l.filters["route.destination-prefix-list-id"], byEndpoint(func(e vpcEndpoint) string { return prefixListID(e.Service) })
	l.filters["route.destination-prefix-list-id"] = func(r routeTable) []string { return slices.Concat(toList(r), byGateway(r)) }
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
