package ec2

import (
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestDefaultNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	vpcs := must[ec2.DescribeVpcsOutput](w, "DescribeVpcs", &ec2.DescribeVpcsInput{}).Vpcs
	if len(vpcs) != 1 || !*vpcs[0].IsDefault || *vpcs[0].CidrBlock != "172.31.0.0/16" {
		t.Fatalf("VPCs %+v", vpcs)
	}
	whole := netip.MustParsePrefix(*vpcs[0].CidrBlock)
	subnets := must[ec2.DescribeSubnetsOutput](w, "DescribeSubnets", &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("default-for-az", "true")}}).Subnets
	if len(subnets) != 6 {
		t.Errorf("%d default subnets in us-east-1, want one a zone", len(subnets))
	}
	var blocks []netip.Prefix
	for _, n := range subnets {
		b := netip.MustParsePrefix(*n.CidrBlock)
		if b.Bits() != 20 || !whole.Overlaps(b) || *n.AvailableIpAddressCount != 4091 || !*n.MapPublicIpOnLaunch {
			t.Errorf("subnet %s with %d free addresses", b, *n.AvailableIpAddressCount)
		}
		for _, other := range blocks {
			if b.Overlaps(other) {
				t.Errorf("%s overlaps %s", b, other)
			}
		}
		blocks = append(blocks, b)
	}
	if n := len(must[ec2.DescribeInternetGatewaysOutput](w, "DescribeInternetGateways", &ec2.DescribeInternetGatewaysInput{}).InternetGateways); n != 1 {
		t.Errorf("%d gateways", n)
	}
	tables := must[ec2.DescribeRouteTablesOutput](w, "DescribeRouteTables", &ec2.DescribeRouteTablesInput{Filters: []types.Filter{filter("association.main", "true")}}).RouteTables
	if len(tables) != 1 || len(tables[0].Routes) != 2 {
		t.Errorf("route tables %+v", tables)
	}
	w.refused("CreateDefaultVpc", &ec2.CreateDefaultVpcInput{}, "DefaultVpcAlreadyExists", "")
}

// The network is the account's and the region's alone.
func TestDefaultNetworkOfAnotherRegion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here := *must[ec2.DescribeVpcsOutput](w, "DescribeVpcs", &ec2.DescribeVpcsInput{}).Vpcs[0].VpcId
	w.region = "eu-west-1"
	there := *must[ec2.DescribeVpcsOutput](w, "DescribeVpcs", &ec2.DescribeVpcsInput{}).Vpcs[0].VpcId
	if here == there {
		t.Errorf("both regions have %s", here)
	}
	w.refused("DescribeVpcs", &ec2.DescribeVpcsInput{VpcIds: []string{here}}, "InvalidVpcID.NotFound", "The vpc ID '"+here+"' does not exist")
}

func TestAddressesAreNotGivenTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.request()
	in.PrivateIpAddress = aws.String("172.31.0.9")
	id := w.launch(in)
	w.refused("RunInstances", in, "InvalidIPAddress.InUse", "Address 172.31.0.9 is in use.")
	in.PrivateIpAddress, in.MinCount, in.MaxCount = nil, aws.Int32(200), aws.Int32(200)
	seen := map[string]bool{"172.31.0.9": true}
	for _, i := range must[ec2.RunInstancesOutput](w, "RunInstances", in).Instances {
		if seen[*i.PrivateIpAddress] {
			t.Errorf("%s is given twice", *i.PrivateIpAddress)
		}
		seen[*i.PrivateIpAddress] = true
	}
	subnet := must[ec2.DescribeSubnetsOutput](w, "DescribeSubnets", &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("availability-zone", testZone)}}).Subnets[0]
	if *subnet.AvailableIpAddressCount != 4091-201 {
		t.Errorf("%d addresses are free", *subnet.AvailableIpAddressCount)
	}
	must[ec2.TerminateInstancesOutput](w, "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	w.wait(time.Minute)
	again := w.request()
	again.PrivateIpAddress = aws.String("172.31.0.9")
	w.launch(again)
}

func (w *world) group(name string) string {
	w.t.Helper()
	return *must[ec2.CreateSecurityGroupOutput](w, "CreateSecurityGroup", &ec2.CreateSecurityGroupInput{
		GroupName: aws.String(name), Description: aws.String("test"),
	}).GroupId
}

func TestSecurityGroupRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.group("web")
	ssh := types.IpPermission{
		IpProtocol: aws.String("6"), FromPort: aws.Int32(22), ToPort: aws.Int32(22),
		IpRanges: []types.IpRange{{CidrIp: aws.String("203.0.113.25/24"), Description: aws.String("office")}, {CidrIp: aws.String("198.51.100.0/24")}},
	}
	in := &ec2.AuthorizeSecurityGroupIngressInput{GroupId: aws.String(id), IpPermissions: []types.IpPermission{ssh}}
	made := must[ec2.AuthorizeSecurityGroupIngressOutput](w, "AuthorizeSecurityGroupIngress", in).SecurityGroupRules
	if len(made) != 2 || *made[0].CidrIpv4 != "203.0.113.0/24" || *made[0].IpProtocol != "tcp" || *made[0].IsEgress {
		t.Fatalf("rules %+v", made)
	}
	w.refused("AuthorizeSecurityGroupIngress", in, "InvalidPermission.Duplicate",
		`the specified rule "peer: 203.0.113.0/24, TCP, from port: 22, to port: 22, ALLOW" already exists`)
	g := must[ec2.DescribeSecurityGroupsOutput](w, "DescribeSecurityGroups", &ec2.DescribeSecurityGroupsInput{GroupNames: []string{"web"}}).SecurityGroups[0]
	if len(g.IpPermissions) != 1 || len(g.IpPermissions[0].IpRanges) != 2 || len(g.IpPermissionsEgress) != 1 || *g.IpPermissionsEgress[0].IpProtocol != "-1" {
		t.Errorf("the group shows %+v, %+v", g.IpPermissions, g.IpPermissionsEgress)
	}
	must[ec2.RevokeSecurityGroupIngressOutput](w, "RevokeSecurityGroupIngress", &ec2.RevokeSecurityGroupIngressInput{
		GroupId: aws.String(id), SecurityGroupRuleIds: []string{*made[0].SecurityGroupRuleId},
	})
	revoke := &ec2.RevokeSecurityGroupIngressInput{
		GroupName: aws.String("web"), IpProtocol: aws.String("tcp"), FromPort: aws.Int32(22), ToPort: aws.Int32(22), CidrIp: aws.String("198.51.100.0/24"),
	}
	must[ec2.RevokeSecurityGroupIngressOutput](w, "RevokeSecurityGroupIngress", revoke)
	w.refused("RevokeSecurityGroupIngress", revoke, "InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
	rules := must[ec2.DescribeSecurityGroupRulesOutput](w, "DescribeSecurityGroupRules", &ec2.DescribeSecurityGroupRulesInput{Filters: []types.Filter{filter("group-id", id)}}).SecurityGroupRules
	if len(rules) != 1 || !*rules[0].IsEgress {
		t.Errorf("rules left %+v", rules)
	}
}

func TestSecurityGroupRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, other := w.group("web"), w.group("db")
	permission := func(p types.IpPermission) *ec2.AuthorizeSecurityGroupIngressInput {
		return &ec2.AuthorizeSecurityGroupIngressInput{GroupId: aws.String(other), IpPermissions: []types.IpPermission{p}}
	}
	create := func(name, description string) *ec2.CreateSecurityGroupInput {
		return &ec2.CreateSecurityGroupInput{GroupName: aws.String(name), Description: aws.String(description)}
	}
	must[ec2.AuthorizeSecurityGroupIngressOutput](w, "AuthorizeSecurityGroupIngress", permission(types.IpPermission{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String(id)}},
	}))
	byDefault := must[ec2.DescribeSecurityGroupsOutput](w, "DescribeSecurityGroups", &ec2.DescribeSecurityGroupsInput{GroupNames: []string{"default"}}).SecurityGroups[0]
	all := []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}
	for _, row := range []struct {
		name, operation string
		in              any
		code, message   string
	}{
		{"the same name", "CreateSecurityGroup", create("web", "x"), "InvalidGroup.Duplicate", "The security group 'web' already exists for VPC"},
		{"the reserved name", "CreateSecurityGroup", create("default", "x"), "InvalidParameterValue", "Cannot use reserved security group name: default"},
		{"a name like an id", "CreateSecurityGroup", create("sg-web", "x"), "InvalidParameterValue", "Group names may not be in the format sg-*."},
		{"a description beyond ASCII", "CreateSecurityGroup", create("a", "größe"), "InvalidParameterValue", "Character sets beyond ASCII are not supported."},
		{"deleting the default group", "DeleteSecurityGroup", &ec2.DeleteSecurityGroupInput{GroupId: byDefault.GroupId}, "CannotDelete", `name: "default" cannot be deleted by a user`},
		{"deleting a group that a rule names", "DeleteSecurityGroup", &ec2.DeleteSecurityGroupInput{GroupId: aws.String(id)}, "DependencyViolation", "resource " + id + " has a dependent object"},
		{"no ports", "AuthorizeSecurityGroupIngress", permission(types.IpPermission{IpProtocol: aws.String("tcp"), IpRanges: all}), "InvalidParameterValue", "Must specify both from and to ports with TCP/UDP."},
		{"a port beyond the last", "AuthorizeSecurityGroupIngress", permission(types.IpPermission{IpProtocol: aws.String("udp"), FromPort: aws.Int32(1), ToPort: aws.Int32(70000), IpRanges: all}), "InvalidParameterValue", "TCP/UDP port (70000) out of range"},
		{"no such block", "AuthorizeSecurityGroupIngress", permission(types.IpPermission{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/33")}}}), "InvalidParameterValue", "CIDR block 10.0.0.0/33 is malformed"},
		{"no such protocol", "AuthorizeSecurityGroupIngress", permission(types.IpPermission{IpProtocol: aws.String("gopher"), IpRanges: all}), "InvalidParameterValue", "gopher"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w.t = t
			w.refused(row.operation, row.in, row.code, row.message)
		})
	}
}
