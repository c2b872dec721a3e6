package ec2

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/store"
)

const (
	kmsService = "com.amazonaws." + testRegion + ".kms"
	s3Service  = "com.amazonaws." + testRegion + ".s3"
)

// named makes the network's hosts have names, which private DNS needs.
func (w *world) named(n network) network {
	w.t.Helper()
	must[ec2.ModifyVpcAttributeOutput](w, "ModifyVpcAttribute", &ec2.ModifyVpcAttributeInput{VpcId: &n.vpc, EnableDnsHostnames: &types.AttributeBooleanValue{Value: aws.Bool(true)}})
	return n
}

func (w *world) endpointNamed(id string) types.VpcEndpoint {
	w.t.Helper()
	return must[ec2.DescribeVpcEndpointsOutput](w, "DescribeVpcEndpoints", &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{id}}).VpcEndpoints[0]
}

// TestInterfaceEndpoint is an endpoint from its request to its end.
func TestInterfaceEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.named(w.network("10.0.0.0/16", "10.0.1.0/24"))
	request := &ec2.CreateVpcEndpointInput{
		VpcId: &n.vpc, ServiceName: aws.String(kmsService), VpcEndpointType: types.VpcEndpointTypeInterface, SubnetIds: []string{n.subnet}, ClientToken: aws.String("once"),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeVpcEndpoint, Tags: []types.Tag{{Key: aws.String("for"), Value: aws.String("keys")}}}},
	}
	made := must[ec2.CreateVpcEndpointOutput](w, "CreateVpcEndpoint", request).VpcEndpoint
	id := *made.VpcEndpointId
	if again := must[ec2.CreateVpcEndpointOutput](w, "CreateVpcEndpoint", request).VpcEndpoint; *again.VpcEndpointId != id {
		t.Errorf("the same token made %s and %s", id, *again.VpcEndpointId)
	}
	host := *made.DnsEntries[0].DnsName
	if made.State != "pending" || !strings.HasPrefix(host, id+"-") || !strings.HasSuffix(host, ".kms."+testRegion+".vpce.amazonaws.com") {
		t.Errorf("the endpoint is %s, with the name %s", made.State, host)
	}
	if len(made.DnsEntries) != 3 || *made.DnsEntries[2].DnsName != "kms."+testRegion+".amazonaws.com" || !*made.PrivateDnsEnabled {
		t.Errorf("the endpoint's names are %d, the last %s", len(made.DnsEntries), *made.DnsEntries[len(made.DnsEntries)-1].DnsName)
	}
	label, _, _ := strings.Cut(host, ".")
	reachable := func() error {
		return w.store.View(context.Background(), func(tx store.Tx) error {
			_, err := w.service.Endpoint(tx, testRegion, label)
			return err
		})
	}
	if err := reachable(); err == nil {
		t.Error("a pending endpoint can be reached")
	}
	w.refused("ModifyVpcEndpoint", &ec2.ModifyVpcEndpointInput{VpcEndpointId: &id, ResetPolicy: aws.Bool(true)}, "IncorrectState", "pending")
	w.wait(time.Minute)
	if err := reachable(); err != nil {
		t.Errorf("the endpoint cannot be reached: %v", err)
	}
	got := w.endpointNamed(id)
	if got.State != "available" || len(got.Groups) != 1 || *got.Groups[0].GroupName != "default" || *got.Tags[0].Value != "keys" {
		t.Errorf("the endpoint is %+v", got)
	}
	shown := must[ec2.DescribeNetworkInterfacesOutput](w, "DescribeNetworkInterfaces", &ec2.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{{Name: aws.String("interface-type"), Values: []string{"vpc_endpoint"}}},
	}).NetworkInterfaces
	if len(shown) != 1 || shown[0].InterfaceType != "vpc_endpoint" || *shown[0].Description != "VPC Endpoint Interface "+id || !*shown[0].RequesterManaged ||
		shown[0].Attachment.InstanceId != nil || *shown[0].NetworkInterfaceId != got.NetworkInterfaceIds[0] {
		t.Errorf("its interfaces are %+v", shown)
	}
	w.refused("DeleteSubnet", &ec2.DeleteSubnetInput{SubnetId: &n.subnet}, "DependencyViolation", "")
	w.refused("DeleteVpc", &ec2.DeleteVpcInput{VpcId: &n.vpc}, "DependencyViolation", "")

	must[ec2.ModifyVpcEndpointOutput](w, "ModifyVpcEndpoint", &ec2.ModifyVpcEndpointInput{VpcEndpointId: &id, RemoveSubnetIds: []string{n.subnet}, PrivateDnsEnabled: aws.Bool(false)})
	if got = w.endpointNamed(id); len(got.SubnetIds) != 0 || len(got.DnsEntries) != 1 {
		t.Errorf("without subnet and private DNS it is in %v, named %v", got.SubnetIds, got.DnsEntries)
	}
	out := must[ec2.DeleteVpcEndpointsOutput](w, "DeleteVpcEndpoints", &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{id, "vpce-0123456789abcdef0"}})
	if len(out.Unsuccessful) != 1 || *out.Unsuccessful[0].Error.Code != "InvalidVpcEndpoint.NotFound" || *out.Unsuccessful[0].ResourceId != "vpce-0123456789abcdef0" {
		t.Errorf("not deleted: %+v", out.Unsuccessful)
	}
	if got = w.endpointNamed(id); got.State != "deleting" {
		t.Errorf("a deleted endpoint is %s", got.State)
	}
	w.wait(time.Minute)
	w.refused("DescribeVpcEndpoints", &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{id}}, "InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '"+id+"' does not exist")
	must[ec2.DeleteSubnetOutput](w, "DeleteSubnet", &ec2.DeleteSubnetInput{SubnetId: &n.subnet})
}

// TestGatewayEndpoint puts its route into tables, and takes it away.
func TestGatewayEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.network("10.0.0.0/16", "10.0.1.0/24")
	made := must[ec2.CreateVpcEndpointOutput](w, "CreateVpcEndpoint", &ec2.CreateVpcEndpointInput{VpcId: &n.vpc, ServiceName: aws.String(s3Service), RouteTableIds: []string{n.table}}).VpcEndpoint
	if made.State != "available" || made.VpcEndpointType != types.VpcEndpointTypeGateway || *made.PolicyDocument != defaultGatewayPolicy {
		t.Errorf("the gateway is %+v", made)
	}
	lists := must[ec2.DescribePrefixListsOutput](w, "DescribePrefixLists", &ec2.DescribePrefixListsInput{
		Filters: []types.Filter{{Name: aws.String("prefix-list-name"), Values: []string{s3Service}}},
	}).PrefixLists
	routes := w.tableNamed(n.table).Routes
	if last := routes[len(routes)-1]; len(lists) != 1 || *last.DestinationPrefixListId != *lists[0].PrefixListId || *last.GatewayId != *made.VpcEndpointId {
		t.Errorf("the table's routes are %+v, the lists %+v", routes, lists)
	}
	found := must[ec2.DescribeRouteTablesOutput](w, "DescribeRouteTables", &ec2.DescribeRouteTablesInput{
		Filters: []types.Filter{{Name: aws.String("route.gateway-id"), Values: []string{"vpce-*"}}},
	}).RouteTables
	if len(found) != 1 || *found[0].RouteTableId != n.table {
		t.Errorf("found by the route: %+v", found)
	}
	w.refused("CreateVpcEndpoint", &ec2.CreateVpcEndpointInput{VpcId: &n.vpc, ServiceName: aws.String(s3Service), RouteTableIds: []string{n.table}},
		"RouteAlreadyExists", "route table "+n.table+" already has a route with destination-prefix-list-id "+*lists[0].PrefixListId)
	w.refused("DeleteRoute", &ec2.DeleteRouteInput{RouteTableId: &n.table, DestinationPrefixListId: lists[0].PrefixListId}, "InvalidParameterValue", "cannot remove VPC endpoint route")
	must[ec2.ModifyVpcEndpointOutput](w, "ModifyVpcEndpoint", &ec2.ModifyVpcEndpointInput{VpcEndpointId: made.VpcEndpointId, RemoveRouteTableIds: []string{n.table}})
	if routes := w.tableNamed(n.table).Routes; len(routes) != 1 {
		t.Errorf("after the gateway has left, the table's routes are %+v", routes)
	}
	must[ec2.ModifyVpcEndpointOutput](w, "ModifyVpcEndpoint", &ec2.ModifyVpcEndpointInput{VpcEndpointId: made.VpcEndpointId, AddRouteTableIds: []string{n.table}})
	must[ec2.DeleteRouteTableOutput](w, "DeleteRouteTable", &ec2.DeleteRouteTableInput{RouteTableId: &n.table})
	if got := w.endpointNamed(*made.VpcEndpointId).RouteTableIds; len(got) != 0 {
		t.Errorf("the gateway still routes in %v", got)
	}
}

// TestEndpointRefusals: what an endpoint cannot be.
func TestEndpointRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.network("10.0.0.0/16", "10.0.1.0/24")
	second := *must[ec2.CreateSubnetOutput](w, "CreateSubnet", &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: aws.String("10.0.2.0/24"), AvailabilityZone: aws.String(testZone)}).Subnet.SubnetId
	other := w.named(w.network("10.1.0.0/16", "10.1.1.0/24"))
	must[ec2.CreateVpcEndpointOutput](w, "CreateVpcEndpoint", &ec2.CreateVpcEndpointInput{VpcId: &other.vpc, ServiceName: aws.String(kmsService), VpcEndpointType: types.VpcEndpointTypeInterface})
	for _, test := range []struct {
		name          string
		change        func(*ec2.CreateVpcEndpointInput)
		code, message string
	}{
		{"a service that is not there", func(in *ec2.CreateVpcEndpointInput) { in.ServiceName = aws.String("com.amazonaws.us-east-1.none") }, "InvalidServiceName", "The Vpc Endpoint Service 'com.amazonaws.us-east-1.none' does not exist"},
		{"another region's service", func(in *ec2.CreateVpcEndpointInput) { in.ServiceName = aws.String("com.amazonaws.eu-west-1.kms") }, "InvalidServiceName", ""},
		{"a gateway to a service without one", func(in *ec2.CreateVpcEndpointInput) { in.VpcEndpointType = "" }, "InvalidParameter", "does not support endpoints of the type Gateway"},
		{"no VPC", func(in *ec2.CreateVpcEndpointInput) { in.VpcId = aws.String("vpc-0123456789abcdef0") }, "InvalidVpcID.NotFound", ""},
		{"private DNS where hosts have no names", func(in *ec2.CreateVpcEndpointInput) { in.PrivateDnsEnabled = nil }, "InvalidParameter", "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for " + n.vpc},
		{"private DNS of another endpoint", func(in *ec2.CreateVpcEndpointInput) { in.VpcId, in.PrivateDnsEnabled = &other.vpc, aws.Bool(true) }, "InvalidParameter", "private-dns-enabled cannot be set because there is already a conflicting DNS domain for kms.us-east-1.amazonaws.com in the VPC " + other.vpc},
		{"two subnets of a zone", func(in *ec2.CreateVpcEndpointInput) { in.SubnetIds = []string{n.subnet, second} }, "DuplicateSubnetsInSameZone", "Found another VPC endpoint subnet in the availability zone of " + second},
		{"a subnet of another VPC", func(in *ec2.CreateVpcEndpointInput) { in.SubnetIds = []string{other.subnet} }, "InvalidParameter", "belong to different networks"},
		{"route tables of an interface", func(in *ec2.CreateVpcEndpointInput) { in.RouteTableIds = []string{n.table} }, "InvalidParameter", "applicable only to Gateway"},
		{"subnets of a gateway", func(in *ec2.CreateVpcEndpointInput) {
			in.VpcEndpointType, in.ServiceName, in.SubnetIds = types.VpcEndpointTypeGateway, aws.String(s3Service), []string{n.subnet}
		}, "InvalidParameter", "SubnetIds is applicable only to Interface VPC Endpoints."},
		{"no JSON", func(in *ec2.CreateVpcEndpointInput) { in.PolicyDocument = aws.String(`{"Statement":`) }, "InvalidPolicyDocument", "The Policy Document is not valid. Syntax error at position (1,14)"},
		{"no policy", func(in *ec2.CreateVpcEndpointInput) {
			in.PolicyDocument = aws.String(`{"Statement":[{"Effect":"Perhaps"}]}`)
		}, "InvalidPolicyDocument", "Syntax error at position (1,"},
		{"too long a policy", func(in *ec2.CreateVpcEndpointInput) {
			in.PolicyDocument = aws.String(defaultGatewayPolicy + strings.Repeat(" ", 20480))
		}, "InvalidPolicyDocument", "20480"},
		{"an address type that is not built", func(in *ec2.CreateVpcEndpointInput) { in.IpAddressType = types.IpAddressTypeDualstack }, "UnsupportedOperation", "IpAddressType"},
		{"a kind that is not built", func(in *ec2.CreateVpcEndpointInput) { in.VpcEndpointType = types.VpcEndpointTypeGatewayLoadBalancer }, "UnsupportedOperation", "VpcEndpointType"},
		{"tags of something else", func(in *ec2.CreateVpcEndpointInput) {
			in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeVpc, Tags: []types.Tag{{Key: aws.String("a")}}}}
		}, "InvalidParameterValue", "not a valid taggable resource type"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := &ec2.CreateVpcEndpointInput{VpcId: &n.vpc, ServiceName: aws.String(kmsService), VpcEndpointType: types.VpcEndpointTypeInterface, PrivateDnsEnabled: aws.Bool(false)}
			test.change(in)
			(&world{t: t, service: w.service, store: w.store, ops: w.ops, now: w.now, account: w.account, region: w.region, random: w.random, kms: w.kms}).
				refused("CreateVpcEndpoint", in, test.code, test.message)
		})
	}
	w.refused("DeleteVpcEndpoints", &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{"vpce-none"}}, "InvalidVpcEndpointId.Malformed", "The Vpc Endpoint Id 'vpce-none' is malformed")
}

// TestEndpointServices: what an endpoint can lead to.
func TestEndpointServices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := must[ec2.DescribeVpcEndpointServicesOutput](w, "DescribeVpcEndpointServices", &ec2.DescribeVpcEndpointServicesInput{})
	kinds := make(map[string]int)
	for _, d := range all.ServiceDetails {
		kinds[*d.ServiceName]++
	}
	if kinds[kmsService] != 1 || kinds[s3Service] != 2 || len(kinds) != len(all.ServiceNames) {
		t.Errorf("the services are %v", kinds)
	}
	var paged []string
	in := &ec2.DescribeVpcEndpointServicesInput{MaxResults: aws.Int32(7)}
	for {
		out := must[ec2.DescribeVpcEndpointServicesOutput](w, "DescribeVpcEndpointServices", in)
		for _, d := range out.ServiceDetails {
			paged = append(paged, *d.ServiceId)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if len(paged) != len(all.ServiceDetails) {
		t.Errorf("the pages hold %d services, not %d", len(paged), len(all.ServiceDetails))
	}
	one := must[ec2.DescribeVpcEndpointServicesOutput](w, "DescribeVpcEndpointServices", &ec2.DescribeVpcEndpointServicesInput{
		ServiceNames: []string{s3Service}, Filters: []types.Filter{{Name: aws.String("service-type"), Values: []string{"Gateway"}}},
	}).ServiceDetails
	if len(one) != 1 || one[0].ServiceType[0].ServiceType != types.ServiceTypeGateway {
		t.Errorf("S3's gateway is %+v", one)
	}
	w.refused("DescribeVpcEndpointServices", &ec2.DescribeVpcEndpointServicesInput{ServiceNames: []string{"s3"}}, "InvalidServiceName", "The Vpc Endpoint Service 's3' does not exist")
}
