package ec2

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// vpcEndpoint connects a VPC to a service: with interfaces in its subnets, or
// with a route in its route tables (PrivateLink guide, "VPC endpoints").
type vpcEndpoint struct {
	ID, VPC, Service string
	// Suffix follows the id in the endpoint's DNS names; empty for a gateway.
	Suffix      string `json:",omitempty"`
	Gateway     bool
	State       endpointState
	Created     time.Time
	Policy      string
	PrivateDNS  bool
	Groups      []groupName      `json:",omitempty"`
	Attachments []endpointSubnet `json:",omitempty"`
	RouteTables []string         `json:",omitempty"`
}

// endpointState is as answers have it: in lower case, unlike the SDK's enum.
type endpointState string

// The states that an endpoint of an AWS service goes through (EC2 API
// reference, "VpcEndpoint").
const (
	endpointPending   endpointState = "pending"
	endpointAvailable endpointState = "available"
	endpointDeleting  endpointState = "deleting"
)

// endpointSubnet is a subnet that an endpoint has an interface in.
type endpointSubnet struct{ Subnet, Zone, Interface string }

var endpointTable = store.NewTable[vpcEndpoint]("ec2.vpcendpoint")

var vpcEndpoints = listing[vpcEndpoint]{
	table: endpointTable,
	kind: identifier{
		prefix:    "vpce-",
		malformed: "InvalidVpcEndpointId.Malformed", malformedText: "The Vpc Endpoint Id '%s' is malformed",
		missing: "InvalidVpcEndpointId.NotFound", missingText: "The Vpc Endpoint Id '%s' does not exist",
		missingPlural: "The Vpc Endpoint Ids '%s' do not exist",
	},
	id:    func(e vpcEndpoint) string { return e.ID },
	pages: pageRule{least: 1, most: 1000},
	filters: filterTable[vpcEndpoint]{
		"ip-address-type":    func(vpcEndpoint) []string { return some("ipv4") },
		"service-name":       func(e vpcEndpoint) []string { return some(e.Service) },
		"vpc-id":             func(e vpcEndpoint) []string { return some(e.VPC) },
		"vpc-endpoint-id":    func(e vpcEndpoint) []string { return some(e.ID) },
		"vpc-endpoint-state": func(e vpcEndpoint) []string { return some(string(e.State)) },
		"vpc-endpoint-type":  func(e vpcEndpoint) []string { return some(string(e.kind())) },
	},
}

func (e vpcEndpoint) put(c *api.Call) error { return endpointTable.Put(c.Tx, c.Scope(), e.ID, e) }

func (e vpcEndpoint) kind() types.VpcEndpointType {
	if e.Gateway {
		return types.VpcEndpointTypeGateway
	}
	return types.VpcEndpointTypeInterface
}

func (s *Service) endpointOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVpcEndpoint", createEndpointNeeds, s.createVpcEndpoint),
		api.Op("ModifyVpcEndpoint", modifyEndpointNeeds, s.modifyVpcEndpoint),
		api.Op("DeleteVpcEndpoints", deleteEndpointsNeeds, s.deleteVpcEndpoints),
		api.Read("DescribeVpcEndpoints", anywhere[ec2.DescribeVpcEndpointsInput]("DescribeVpcEndpoints"), s.describeVpcEndpoints),
		api.Read("DescribeVpcEndpointServices", anywhere[ec2.DescribeVpcEndpointServicesInput]("DescribeVpcEndpointServices"), s.describeVpcEndpointServices),
		api.Read("DescribePrefixLists", anywhere[ec2.DescribePrefixListsInput]("DescribePrefixLists"), s.describePrefixLists),
		api.Read("DescribeManagedPrefixLists", anywhere[ec2.DescribeManagedPrefixListsInput]("DescribeManagedPrefixLists"), s.describeManagedPrefixLists),
	}
}

// The tasks of an endpoint's life.
const (
	endpointUpTask   = "ec2.vpcendpoint.up"
	endpointDownTask = "ec2.vpcendpoint.down"
)

// endpointTime is how long an interface endpoint takes to come up, and any to go.
// AWS takes minutes.
const endpointTime = 2 * time.Second

func (s *Service) endpointTasks() map[string]func(*api.Call, json.RawMessage) error {
	return map[string]func(*api.Call, json.RawMessage) error{
		endpointUpTask: onEndpoint(endpointPending, func(c *api.Call, e vpcEndpoint) error {
			e.State = endpointAvailable
			return e.put(c)
		}),
		endpointDownTask: onEndpoint(endpointDeleting, forgetEndpoint),
	}
}

// onEndpoint makes a task about an endpoint that still is in a state.
func onEndpoint(in endpointState, do func(*api.Call, vpcEndpoint) error) func(*api.Call, json.RawMessage) error {
	return func(c *api.Call, raw json.RawMessage) error {
		id, err := api.DecodePayload[string](raw)
		if err != nil {
			return err
		}
		e, err := vpcEndpoints.get(c, id)
		if errorCode(err) != "" || err == nil && e.State != in {
			return nil
		}
		if err != nil {
			return err
		}
		return do(c, e)
	}
}

// names are the endpoint's DNS names: its own, those of its zones, and the
// service's where it takes that over.
func (e vpcEndpoint) names(region string) []types.DnsEntry {
	service, found, _ := endpointServiceNamed(region, e.Service, false)
	if e.Gateway || !found {
		return []types.DnsEntry{}
	}
	// The hosted zones' ids are AWS's, one a region and not published: none is shown
	// rather than a made-up one.
	host := e.ID + "-" + e.Suffix
	entries := []types.DnsEntry{{DnsName: aws.String(host + "." + service.base())}}
	for _, a := range e.Attachments {
		entries = append(entries, types.DnsEntry{DnsName: aws.String(host + "-" + a.Zone + "." + service.base())})
	}
	if e.PrivateDNS {
		entries = append(entries, types.DnsEntry{DnsName: aws.String(service.privateName())})
	}
	return entries
}

func (e vpcEndpoint) describe(c *api.Call, tags map[string]string) types.VpcEndpoint {
	d := types.VpcEndpoint{
		VpcEndpointId: aws.String(e.ID), VpcEndpointType: e.kind(), VpcId: aws.String(e.VPC), ServiceName: aws.String(e.Service), ServiceRegion: aws.String(c.Region),
		State: types.State(e.State), CreationTimestamp: aws.Time(e.Created), OwnerId: aws.String(c.Account), PolicyDocument: aws.String(e.Policy),
		PrivateDnsEnabled: aws.Bool(e.PrivateDNS), RequesterManaged: aws.Bool(false), DnsEntries: e.names(c.Region),
		Groups: []types.SecurityGroupIdentifier{}, RouteTableIds: []string{}, SubnetIds: []string{}, NetworkInterfaceIds: []string{},
		Tags: answeredTags(describeTags(tags)),
	}
	d.RouteTableIds = append(d.RouteTableIds, e.RouteTables...)
	if e.Gateway {
		return d
	}
	d.IpAddressType = types.IpAddressTypeIpv4
	d.DnsOptions = &types.DnsOptions{DnsRecordIpType: types.DnsRecordIpTypeIpv4}
	for _, g := range e.Groups {
		d.Groups = append(d.Groups, types.SecurityGroupIdentifier{GroupId: aws.String(g.ID), GroupName: aws.String(g.Name)})
	}
	for _, a := range e.Attachments {
		d.SubnetIds = append(d.SubnetIds, a.Subnet)
		d.NetworkInterfaceIds = append(d.NetworkInterfaceIds, a.Interface)
	}
	return d
}

func (s *Service) describeVpcEndpoints(c *api.Call, in *ec2.DescribeVpcEndpointsInput) (*ec2.DescribeVpcEndpointsOutput, error) {
	l := vpcEndpoints.owned(c)
	delete(l.filters, "owner-id")
	l.filters["service-region"] = func(vpcEndpoint) []string { return some(c.Region) }
	found, next, err := l.find(c, query{in.VpcEndpointIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcEndpointsOutput{VpcEndpoints: []types.VpcEndpoint{}, NextToken: next}
	for _, e := range found {
		out.VpcEndpoints = append(out.VpcEndpoints, e.row.describe(c, e.tags))
	}
	return out, nil
}

// endpointsOf lists the endpoints that a condition holds for.
func endpointsOf(c *api.Call, is func(vpcEndpoint) bool) ([]vpcEndpoint, error) {
	var found []vpcEndpoint
	for e, err := range endpointTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if is(e) {
			found = append(found, e)
		}
	}
	return found, nil
}

// leaveRouteTable takes a route table that is deleted off the gateways that
// route through it.
func leaveRouteTable(c *api.Call, id string) error {
	with, err := endpointsOf(c, func(e vpcEndpoint) bool { return slices.Contains(e.RouteTables, id) })
	if err != nil {
		return err
	}
	for _, e := range with {
		e.RouteTables = slices.DeleteFunc(slices.Clone(e.RouteTables), func(r string) bool { return r == id })
		if err := e.put(c); err != nil {
			return err
		}
	}
	return nil
}
