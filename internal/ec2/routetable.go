package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// routeTable tells where a VPC's packets go. Only the default VPC's is here: the
// VPC's own block stays local, everything else leaves by the gateway.
type routeTable struct {
	ID, VPC     string
	CIDR        string
	Gateway     string
	Association string // of the table with the VPC, as its main table
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
		"association.main":           func(routeTable) []string { return flag(true) },
		"association.route-table-id": func(r routeTable) []string { return some(r.ID) },
		"route-table-id":             func(r routeTable) []string { return some(r.ID) },
		"route.gateway-id":           func(r routeTable) []string { return some("local", r.Gateway) },
		"route.origin":               func(routeTable) []string { return some("CreateRouteTable", "CreateRoute") },
		"route.state":                func(routeTable) []string { return some("active") },
		"vpc-id":                     func(r routeTable) []string { return some(r.VPC) },

		"association.route-table-association-id": func(r routeTable) []string { return some(r.Association) },
		"route.destination-cidr-block":           func(r routeTable) []string { return some(r.CIDR, "0.0.0.0/0") },
	}.without("association.gateway-id", "association.subnet-id", "route.destination-ipv6-cidr-block",
		"route.destination-prefix-list-id", "route.egress-only-internet-gateway-id", "route.instance-id",
		"route.nat-gateway-id", "route.transit-gateway-id", "route.vpc-peering-connection-id"),
}

func putDefaultRouteTable(c *api.Call, v vpc) error {
	r := routeTable{
		ID: defaultID(c, "rtb-", ""), VPC: v.ID, CIDR: v.CIDR,
		Gateway: defaultID(c, "igw-", ""), Association: defaultID(c, "rtbassoc-", ""),
	}
	return routeTableTable.Put(c.Tx, c.Scope(), r.ID, r)
}

func (r routeTable) describe(c *api.Call, tags map[string]string) types.RouteTable {
	return types.RouteTable{
		RouteTableId: aws.String(r.ID), VpcId: aws.String(r.VPC), OwnerId: aws.String(c.Account), Tags: answeredTags(describeTags(tags)),
		PropagatingVgws: []types.PropagatingVgw{},
		Associations: []types.RouteTableAssociation{{
			Main: aws.Bool(true), RouteTableAssociationId: aws.String(r.Association), RouteTableId: aws.String(r.ID),
			AssociationState: &types.RouteTableAssociationState{State: types.RouteTableAssociationStateCodeAssociated},
		}},
		Routes: []types.Route{
			{DestinationCidrBlock: aws.String(r.CIDR), GatewayId: aws.String("local"), Origin: types.RouteOriginCreateRouteTable, State: types.RouteStateActive},
			{DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: aws.String(r.Gateway), Origin: types.RouteOriginCreateRoute, State: types.RouteStateActive},
		},
	}
}

func (s *Service) describeRouteTables(c *api.Call, in *ec2.DescribeRouteTablesInput) (*ec2.DescribeRouteTablesOutput, error) {
	if _, err := s.defaultVPC(c); err != nil {
		return nil, err
	}
	found, next, err := routeTables.owned(c).find(c, query{in.RouteTableIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeRouteTablesOutput{RouteTables: []types.RouteTable{}, NextToken: next}
	for _, r := range found {
		out.RouteTables = append(out.RouteTables, r.row.describe(c, r.tags))
	}
	return out, nil
}
