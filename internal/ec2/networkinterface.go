package ec2

import (
	"net/netip"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// networkInterface connects an instance or a VPC endpoint to a subnet.
// Interfaces come and go with what they are of.
type networkInterface struct {
	ID                   string
	Subnet, VPC, Zone    string
	PrivateIP, PublicIP  string // PublicIP only while the instance runs
	MAC                  string
	Description          string
	Groups               []groupName
	WantsPublicIP        bool
	IgnoreAddressChecks  bool // source/destination check is off
	Attachment, Instance string
	AttachedAt           time.Time
	DeleteOnTermination  bool
	Endpoint             string `json:",omitempty"` // the VPC endpoint that it is of
}

// kind is what the interface is of.
func (n networkInterface) kind() types.NetworkInterfaceType {
	if n.Endpoint != "" {
		return types.NetworkInterfaceTypeVpcEndpoint
	}
	return types.NetworkInterfaceTypeInterface
}

// deviceIndex is where it is attached: AWS's own machines have theirs at 1.
func (n networkInterface) deviceIndex() int32 {
	if n.Endpoint != "" {
		return 1
	}
	return 0
}

// endpointMachines owns the machines that interfaces of VPC endpoints are
// attached to, and endpointRequester asked for these: an account of AWS's own,
// which differs by region (EC2 guide, "Requester-managed network interfaces").
const (
	endpointMachines  = "amazon-aws"
	endpointRequester = "727180483921"
)

// groupName is a security group as those who use it show it.
type groupName struct {
	ID, Name string
}

var interfaceTable = store.NewTable("ec2.networkinterface",
	store.Index[networkInterface]{Name: "subnet", Keys: func(_ string, n networkInterface) []string { return []string{n.Subnet} }},
	store.Index[networkInterface]{Name: "address", Keys: func(_ string, n networkInterface) []string {
		keys := []string{n.Subnet + " " + n.PrivateIP}
		if n.PublicIP != "" {
			keys = append(keys, "public "+n.PublicIP)
		}
		return keys
	}},
	store.Index[networkInterface]{Name: "group", Keys: func(_ string, n networkInterface) []string {
		var keys []string
		for _, g := range n.Groups {
			keys = append(keys, g.ID)
		}
		return keys
	}},
)

// addressTaken reports whether an interface has the address. where is a subnet,
// or "public".
func addressTaken(c *api.Call, where, address string) (bool, error) {
	for _, err := range interfaceTable.Find(c.Tx, c.Scope(), "address", where+" "+address) {
		return err == nil, err
	}
	return false, nil
}

var interfaces = listing[networkInterface]{
	table: interfaceTable,
	kind: identifier{
		prefix:    "eni-",
		malformed: "InvalidNetworkInterfaceId.Malformed", malformedText: `Invalid id: "%s" (expecting "eni-...")`,
		missing: "InvalidNetworkInterfaceID.NotFound", missingText: "The networkInterface ID '%s' does not exist",
	},
	id:    func(n networkInterface) string { return n.ID },
	pages: pageRule{least: 5, most: 1000, ids: "NetworkInterfaceIds"},
	filters: filterTable[networkInterface]{
		"addresses.primary":                func(networkInterface) []string { return flag(true) },
		"addresses.private-ip-address":     func(n networkInterface) []string { return some(n.PrivateIP) },
		"addresses.association.public-ip":  func(n networkInterface) []string { return some(n.PublicIP) },
		"association.public-ip":            func(n networkInterface) []string { return some(n.PublicIP) },
		"attachment.attach-time":           func(n networkInterface) []string { return some(filterTime(n.AttachedAt)) },
		"attachment.attachment-id":         func(n networkInterface) []string { return some(n.Attachment) },
		"attachment.delete-on-termination": func(n networkInterface) []string { return flag(n.DeleteOnTermination) },
		"attachment.device-index":          func(n networkInterface) []string { return some(decimal(n.deviceIndex())) },
		"attachment.instance-id":           func(n networkInterface) []string { return some(n.Instance) },
		"attachment.status":                func(networkInterface) []string { return some("attached") },
		"availability-zone":                func(n networkInterface) []string { return some(n.Zone) },
		"description":                      func(n networkInterface) []string { return some(n.Description) },
		"group-id":                         func(n networkInterface) []string { return n.groupIDs() },
		"group-name":                       func(n networkInterface) []string { return n.groupNames() },
		"interface-type":                   func(n networkInterface) []string { return some(string(n.kind())) },
		"mac-address":                      func(n networkInterface) []string { return some(n.MAC) },
		"network-interface-id":             func(n networkInterface) []string { return some(n.ID) },
		"operator.managed":                 func(networkInterface) []string { return flag(false) },
		"private-ip-address":               func(n networkInterface) []string { return some(n.PrivateIP) },
		"requester-id":                     func(n networkInterface) []string { return n.requester() },
		"requester-managed":                func(n networkInterface) []string { return flag(n.Endpoint != "") },
		"source-dest-check":                func(n networkInterface) []string { return flag(!n.IgnoreAddressChecks) },
		"status":                           func(networkInterface) []string { return some("in-use") },
		"subnet-id":                        func(n networkInterface) []string { return some(n.Subnet) },
		"vpc-id":                           func(n networkInterface) []string { return some(n.VPC) },
	}.without("association.allocation-id", "association.association-id", "operator.principal",
		"ipv6-addresses.ipv6-address"),
}

func (n networkInterface) requester() []string {
	if n.Endpoint == "" {
		return nil
	}
	return some(endpointRequester)
}

func (n networkInterface) groupIDs() []string {
	var ids []string
	for _, g := range n.Groups {
		ids = append(ids, g.ID)
	}
	return ids
}

func (n networkInterface) groupNames() []string {
	var names []string
	for _, g := range n.Groups {
		names = append(names, g.Name)
	}
	return names
}

// newMAC makes a MAC address in the range that AWS's local ones begin with.
func newMAC(c *api.Call) string {
	h := c.NewHex(10)
	return "0e:" + h[0:2] + ":" + h[2:4] + ":" + h[4:6] + ":" + h[6:8] + ":" + h[8:10]
}

// publicAddresses is where public addresses come from: the range that RFC 2544
// keeps for benchmarks, so that nobody's client reaches a stranger's host.
var publicAddresses = netip.MustParsePrefix("198.18.0.0/15")

func allocatePublicAddress(c *api.Call) (string, error) {
	n := subnet{CIDR: publicAddresses.String()}
	for {
		a := n.at(int(randomNumber(c) % uint32(n.size()))).String()
		taken, err := addressTaken(c, "public", a)
		if err != nil || !taken {
			return a, err
		}
	}
}

// privateDNSName is an address's name within AWS (VPC guide, "DNS attributes").
func privateDNSName(region, address string) string {
	name := "ip-" + strings.ReplaceAll(address, ".", "-")
	if region == "us-east-1" {
		return name + ".ec2.internal"
	}
	return name + "." + region + ".compute.internal"
}

func publicDNSName(region, address string) string {
	if address == "" {
		return ""
	}
	name := "ec2-" + strings.ReplaceAll(address, ".", "-")
	if region == "us-east-1" {
		return name + ".compute-1.amazonaws.com"
	}
	suffix := "amazonaws.com"
	if r, _ := regionNamed(region); r.Partition == "aws-cn" {
		suffix = "amazonaws.com.cn"
	}
	return name + "." + region + ".compute." + suffix
}

func describeGroups(groups []groupName) []types.GroupIdentifier {
	out := []types.GroupIdentifier{}
	for _, g := range groups {
		out = append(out, types.GroupIdentifier{GroupId: aws.String(g.ID), GroupName: aws.String(g.Name)})
	}
	return out
}

func (n networkInterface) describe(c *api.Call, tags map[string]string) types.NetworkInterface {
	z, _ := zoneNamed(c.Region, n.Zone)
	d := types.NetworkInterface{
		NetworkInterfaceId: aws.String(n.ID), SubnetId: aws.String(n.Subnet), VpcId: aws.String(n.VPC),
		AvailabilityZone: aws.String(n.Zone), AvailabilityZoneId: aws.String(z.ID), Description: aws.String(n.Description),
		Groups: describeGroups(n.Groups), InterfaceType: n.kind(), MacAddress: aws.String(n.MAC),
		Ipv6Addresses: []types.NetworkInterfaceIpv6Address{}, OwnerId: aws.String(c.Account),
		PrivateDnsName: aws.String(privateDNSName(c.Region, n.PrivateIP)), PrivateIpAddress: aws.String(n.PrivateIP),
		RequesterManaged: aws.Bool(false), SourceDestCheck: aws.Bool(!n.IgnoreAddressChecks), Status: types.NetworkInterfaceStatusInUse,
		TagSet: answeredTags(describeTags(tags)),
		Attachment: &types.NetworkInterfaceAttachment{
			AttachmentId: aws.String(n.Attachment), AttachTime: aws.Time(n.AttachedAt), DeleteOnTermination: aws.Bool(n.DeleteOnTermination),
			DeviceIndex: aws.Int32(0), NetworkCardIndex: aws.Int32(0), InstanceId: aws.String(n.Instance),
			InstanceOwnerId: aws.String(c.Account), Status: types.AttachmentStatusAttached,
		},
	}
	if n.Endpoint != "" {
		d.RequesterManaged, d.RequesterId = aws.Bool(true), aws.String(endpointRequester)
		d.Attachment.DeviceIndex, d.Attachment.InstanceId, d.Attachment.InstanceOwnerId = aws.Int32(n.deviceIndex()), nil, aws.String(endpointMachines)
	}
	address := types.NetworkInterfacePrivateIpAddress{
		Primary: aws.Bool(true), PrivateDnsName: d.PrivateDnsName, PrivateIpAddress: d.PrivateIpAddress,
	}
	if n.PublicIP != "" {
		d.Association = &types.NetworkInterfaceAssociation{
			IpOwnerId: aws.String("amazon"), PublicDnsName: aws.String(publicDNSName(c.Region, n.PublicIP)), PublicIp: aws.String(n.PublicIP),
		}
		address.Association = d.Association
	}
	d.PrivateIpAddresses = []types.NetworkInterfacePrivateIpAddress{address}
	return d
}

// describeForInstance is the interface as its instance shows it.
func (n networkInterface) describeForInstance(c *api.Call) types.InstanceNetworkInterface {
	d := types.InstanceNetworkInterface{
		NetworkInterfaceId: aws.String(n.ID), SubnetId: aws.String(n.Subnet), VpcId: aws.String(n.VPC),
		Description: aws.String(n.Description), Groups: describeGroups(n.Groups), InterfaceType: aws.String("interface"),
		Ipv6Addresses: []types.InstanceIpv6Address{}, MacAddress: aws.String(n.MAC), OwnerId: aws.String(c.Account),
		PrivateDnsName: aws.String(privateDNSName(c.Region, n.PrivateIP)), PrivateIpAddress: aws.String(n.PrivateIP),
		SourceDestCheck: aws.Bool(!n.IgnoreAddressChecks), Status: types.NetworkInterfaceStatusInUse,
		Attachment: &types.InstanceNetworkInterfaceAttachment{
			AttachmentId: aws.String(n.Attachment), AttachTime: aws.Time(n.AttachedAt), DeleteOnTermination: aws.Bool(n.DeleteOnTermination),
			DeviceIndex: aws.Int32(0), NetworkCardIndex: aws.Int32(0), Status: types.AttachmentStatusAttached,
		},
	}
	address := types.InstancePrivateIpAddress{Primary: aws.Bool(true), PrivateDnsName: d.PrivateDnsName, PrivateIpAddress: d.PrivateIpAddress}
	if n.PublicIP != "" {
		d.Association = &types.InstanceNetworkInterfaceAssociation{
			IpOwnerId: aws.String("amazon"), PublicDnsName: aws.String(publicDNSName(c.Region, n.PublicIP)), PublicIp: aws.String(n.PublicIP),
		}
		address.Association = d.Association
	}
	d.PrivateIpAddresses = []types.InstancePrivateIpAddress{address}
	return d
}

func (s *Service) describeNetworkInterfaces(c *api.Call, in *ec2.DescribeNetworkInterfacesInput) (*ec2.DescribeNetworkInterfacesOutput, error) {
	l := interfaces.owned(c)
	l.filters["attachment.instance-owner-id"] = func(n networkInterface) []string {
		if n.Endpoint != "" {
			return some(endpointMachines)
		}
		return some(c.Account)
	}
	l.filters["addresses.association.owner-id"] = func(n networkInterface) []string {
		if n.PublicIP == "" {
			return nil
		}
		return some("amazon")
	}
	l.filters["association.ip-owner-id"] = l.filters["addresses.association.owner-id"]
	l.filters["association.public-dns-name"] = func(n networkInterface) []string { return some(publicDNSName(c.Region, n.PublicIP)) }
	l.filters["private-dns-name"] = func(n networkInterface) []string { return some(privateDNSName(c.Region, n.PrivateIP)) }
	l.filters["availability-zone-id"] = func(n networkInterface) []string {
		z, _ := zoneNamed(c.Region, n.Zone)
		return some(z.ID)
	}
	found, next, err := l.find(c, query{in.NetworkInterfaceIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []types.NetworkInterface{}, NextToken: next}
	for _, n := range found {
		out.NetworkInterfaces = append(out.NetworkInterfaces, n.row.describe(c, n.tags))
	}
	return out, nil
}
