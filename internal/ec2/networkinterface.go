package ec2

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// networkInterface connects an instance, a VPC endpoint or a NAT gateway to a
// subnet. Those that a launch makes come and go with their instance; others are
// made first and attached.
type networkInterface struct {
	ID                   string
	Subnet, VPC, Zone    string
	PrivateIP, PublicIP  string           // PublicIP: the one that AWS gives while the instance runs
	Secondary            []string         `json:",omitempty"` // further private addresses
	Elastic              []elasticBinding `json:",omitempty"`
	MAC                  string
	Description          string
	Groups               []groupName
	WantsPublicIP        bool
	IgnoreAddressChecks  bool // source/destination check is off
	Attachment, Instance string
	Device               int32 `json:",omitempty"` // its index at the instance
	AttachedAt           time.Time
	DeleteOnTermination  bool
	Endpoint             string `json:",omitempty"` // the VPC endpoint that it is of
	NATGateway           string `json:",omitempty"` // the NAT gateway that it is of
}

// elasticBinding is an Elastic IP address on one of the interface's private ones.
type elasticBinding struct {
	PrivateIP, PublicIP, Allocation, Association string
}

// kind is what the interface is of.
func (n networkInterface) kind() types.NetworkInterfaceType {
	switch {
	case n.Endpoint != "":
		return types.NetworkInterfaceTypeVpcEndpoint
	case n.NATGateway != "":
		return types.NetworkInterfaceTypeNatGateway
	}
	return types.NetworkInterfaceTypeInterface
}

// managed reports whether the interface is a service's, which alone changes it.
func (n networkInterface) managed() bool { return n.Endpoint != "" || n.NATGateway != "" }

// deviceIndex is where it is attached: AWS's own machines have theirs at 1.
func (n networkInterface) deviceIndex() int32 {
	if n.managed() {
		return 1
	}
	return n.Device
}

// awsMachines owns the machines that managed interfaces are attached to, and
// endpointRequester asked for those of VPC endpoints: an account of AWS's own,
// which differs by region (EC2 guide, "Requester-managed network interfaces").
const (
	awsMachines       = "amazon-aws"
	endpointRequester = "727180483921"
)

// requester is who made a managed interface: for a NAT gateway its own account.
func (n networkInterface) requester(c *api.Call) string {
	switch {
	case n.Endpoint != "":
		return endpointRequester
	case n.NATGateway != "":
		return c.Account
	}
	return ""
}

func (n networkInterface) attached() bool { return n.Attachment != "" }

func (n networkInterface) status() types.NetworkInterfaceStatus {
	if n.attached() {
		return types.NetworkInterfaceStatusInUse
	}
	return types.NetworkInterfaceStatusAvailable
}

// addresses are its private ones, the primary first.
func (n networkInterface) addresses() []string {
	return append([]string{n.PrivateIP}, n.Secondary...)
}

// binding is the Elastic IP address of a private one.
func (n networkInterface) binding(private string) (elasticBinding, bool) {
	i := slices.IndexFunc(n.Elastic, func(b elasticBinding) bool { return b.PrivateIP == private })
	if i < 0 {
		return elasticBinding{}, false
	}
	return n.Elastic[i], true
}

// public is the public address of a private one; empty if it has none.
func (n networkInterface) public(private string) string {
	if b, ok := n.binding(private); ok {
		return b.PublicIP
	}
	if private == n.PrivateIP {
		return n.PublicIP
	}
	return ""
}

// publics are all of its public addresses.
func (n networkInterface) publics() []string {
	var out []string
	for _, a := range n.addresses() {
		out = append(out, some(n.public(a))...)
	}
	return out
}

func (n networkInterface) bindings(value func(elasticBinding) string) []string {
	var out []string
	for _, b := range n.Elastic {
		out = append(out, value(b))
	}
	return out
}

// primaryBinding is a value of the primary address's Elastic IP address.
func (n networkInterface) primaryBinding(value func(elasticBinding) string) []string {
	b, ok := n.binding(n.PrivateIP)
	if !ok {
		return nil
	}
	return some(value(b))
}

func allocationOf(b elasticBinding) string  { return b.Allocation }
func associationOf(b elasticBinding) string { return b.Association }

func (n networkInterface) put(c *api.Call) error { return interfaceTable.Put(c.Tx, c.Scope(), n.ID, n) }

// groupName is a security group as those who use it show it.
type groupName struct {
	ID, Name string
}

var interfaceTable = store.NewTable("ec2.networkinterface",
	store.Index[networkInterface]{Name: "subnet", Keys: func(_ string, n networkInterface) []string { return []string{n.Subnet} }},
	store.Index[networkInterface]{Name: "address", Keys: func(_ string, n networkInterface) []string {
		var keys []string
		for _, a := range n.addresses() {
			keys = append(keys, n.Subnet+" "+a)
		}
		if n.PublicIP != "" {
			keys = append(keys, "public "+n.PublicIP)
		}
		return keys
	}},
	store.Index[networkInterface]{Name: "instance", Keys: func(_ string, n networkInterface) []string { return some(n.Instance) }},
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
		"addresses.primary": func(n networkInterface) []string {
			if len(n.Secondary) > 0 {
				return []string{"true", "false"}
			}
			return flag(true)
		},
		"addresses.private-ip-address":         func(n networkInterface) []string { return n.addresses() },
		"addresses.association.public-ip":      func(n networkInterface) []string { return n.publics() },
		"addresses.association.allocation-id":  func(n networkInterface) []string { return n.bindings(allocationOf) },
		"addresses.association.association-id": func(n networkInterface) []string { return n.bindings(associationOf) },
		"association.allocation-id":            func(n networkInterface) []string { return n.primaryBinding(allocationOf) },
		"association.association-id":           func(n networkInterface) []string { return n.primaryBinding(associationOf) },
		"association.public-ip":                func(n networkInterface) []string { return some(n.public(n.PrivateIP)) },
		"attachment.attach-time":               func(n networkInterface) []string { return n.ifAttached(filterTime(n.AttachedAt)) },
		"attachment.attachment-id":             func(n networkInterface) []string { return some(n.Attachment) },
		"attachment.delete-on-termination":     func(n networkInterface) []string { return n.ifAttached(boolKey(n.DeleteOnTermination)) },
		"attachment.device-index":              func(n networkInterface) []string { return n.ifAttached(decimal(n.deviceIndex())) },
		"attachment.instance-id":               func(n networkInterface) []string { return some(n.Instance) },
		"attachment.network-card-index":        func(n networkInterface) []string { return n.ifAttached("0") },
		"attachment.status":                    func(n networkInterface) []string { return n.ifAttached("attached") },
		"availability-zone":                    func(n networkInterface) []string { return some(n.Zone) },
		"description":                          func(n networkInterface) []string { return some(n.Description) },
		"group-id":                             func(n networkInterface) []string { return n.groupIDs() },
		"group-name":                           func(n networkInterface) []string { return n.groupNames() },
		"interface-type":                       func(n networkInterface) []string { return some(string(n.kind())) },
		"mac-address":                          func(n networkInterface) []string { return some(n.MAC) },
		"network-interface-id":                 func(n networkInterface) []string { return some(n.ID) },
		"operator.managed":                     func(networkInterface) []string { return flag(false) },
		"private-ip-address":                   func(n networkInterface) []string { return n.addresses() },
		"requester-managed":                    func(n networkInterface) []string { return flag(n.managed()) },
		"source-dest-check":                    func(n networkInterface) []string { return flag(!n.IgnoreAddressChecks) },
		"status":                               func(n networkInterface) []string { return some(string(n.status())) },
		"subnet-id":                            func(n networkInterface) []string { return some(n.Subnet) },
		"vpc-id":                               func(n networkInterface) []string { return some(n.VPC) },
	}.without("operator.principal", "ipv6-addresses.ipv6-address"),
}

// ifAttached is a value that only an attached interface has.
func (n networkInterface) ifAttached(value string) []string {
	if !n.attached() {
		return nil
	}
	return some(value)
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
		if err != nil {
			return "", err
		}
		_, elastic, err := elasticWithIP(c, a)
		if err != nil || !taken && !elastic {
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
		RequesterId: text(n.requester(c)), RequesterManaged: aws.Bool(n.managed()),
		SourceDestCheck: aws.Bool(!n.IgnoreAddressChecks), Status: n.status(), TagSet: answeredTags(describeTags(tags)),
		Attachment: n.describeAttachment(c), Association: n.association(c, n.PrivateIP), PrivateIpAddresses: []types.NetworkInterfacePrivateIpAddress{},
	}
	for _, a := range n.addresses() {
		d.PrivateIpAddresses = append(d.PrivateIpAddresses, types.NetworkInterfacePrivateIpAddress{
			Primary: aws.Bool(a == n.PrivateIP), PrivateDnsName: aws.String(privateDNSName(c.Region, a)), PrivateIpAddress: aws.String(a),
			Association: n.association(c, a),
		})
	}
	return d
}

// describeAttachment is nil where the interface is attached to nothing.
func (n networkInterface) describeAttachment(c *api.Call) *types.NetworkInterfaceAttachment {
	if !n.attached() {
		return nil
	}
	d := &types.NetworkInterfaceAttachment{
		AttachmentId: aws.String(n.Attachment), AttachTime: aws.Time(n.AttachedAt), DeleteOnTermination: aws.Bool(n.DeleteOnTermination),
		DeviceIndex: aws.Int32(n.deviceIndex()), NetworkCardIndex: aws.Int32(0), InstanceId: text(n.Instance),
		InstanceOwnerId: aws.String(n.machineOwner(c)), Status: types.AttachmentStatusAttached,
	}
	if n.managed() {
		d.NetworkCardIndex = nil
	}
	return d
}

// machineOwner owns what the interface is attached to.
func (n networkInterface) machineOwner(c *api.Call) string {
	if n.managed() {
		return awsMachines
	}
	return c.Account
}

// addressOwner owns a public address: the account an Elastic one, Amazon the
// others.
func (n networkInterface) addressOwner(c *api.Call, private string) string {
	if _, elastic := n.binding(private); elastic {
		return c.Account
	}
	if n.public(private) != "" {
		return "amazon"
	}
	return ""
}

// nameOf is the DNS name of one of its public addresses: only a VPC with DNS
// hostnames gives any (VPC guide, "DNS attributes in your VPC").
func (n networkInterface) nameOf(c *api.Call, public string) string {
	if v, err := vpcTable.Get(c.Tx, c.Scope(), n.VPC); err != nil || !v.DNSHostnames {
		return ""
	}
	return publicDNSName(c.Region, public)
}

// association is the public address of a private one, nil if it has none.
func (n networkInterface) association(c *api.Call, private string) *types.NetworkInterfaceAssociation {
	public := n.public(private)
	if public == "" {
		return nil
	}
	b, _ := n.binding(private)
	return &types.NetworkInterfaceAssociation{
		AllocationId: text(b.Allocation), AssociationId: text(b.Association), IpOwnerId: aws.String(n.addressOwner(c, private)),
		PublicDnsName: aws.String(n.nameOf(c, public)), PublicIp: aws.String(public),
	}
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
			DeviceIndex: aws.Int32(n.deviceIndex()), NetworkCardIndex: aws.Int32(0), Status: types.AttachmentStatusAttached,
		},
		Association: n.associationForInstance(c, n.PrivateIP), PrivateIpAddresses: []types.InstancePrivateIpAddress{},
	}
	for _, a := range n.addresses() {
		d.PrivateIpAddresses = append(d.PrivateIpAddresses, types.InstancePrivateIpAddress{
			Primary: aws.Bool(a == n.PrivateIP), PrivateDnsName: aws.String(privateDNSName(c.Region, a)), PrivateIpAddress: aws.String(a),
			Association: n.associationForInstance(c, a),
		})
	}
	return d
}

func (n networkInterface) associationForInstance(c *api.Call, private string) *types.InstanceNetworkInterfaceAssociation {
	a := n.association(c, private)
	if a == nil {
		return nil
	}
	return &types.InstanceNetworkInterfaceAssociation{IpOwnerId: a.IpOwnerId, PublicDnsName: a.PublicDnsName, PublicIp: a.PublicIp}
}

func (s *Service) describeNetworkInterfaces(c *api.Call, in *ec2.DescribeNetworkInterfacesInput) (*ec2.DescribeNetworkInterfacesOutput, error) {
	l := interfaces.owned(c)
	l.filters["attachment.instance-owner-id"] = func(n networkInterface) []string { return n.ifAttached(n.machineOwner(c)) }
	l.filters["addresses.association.owner-id"] = func(n networkInterface) []string {
		var owners []string
		for _, a := range n.addresses() {
			owners = append(owners, some(n.addressOwner(c, a))...)
		}
		return owners
	}
	l.filters["association.ip-owner-id"] = func(n networkInterface) []string { return some(n.addressOwner(c, n.PrivateIP)) }
	l.filters["association.public-dns-name"] = func(n networkInterface) []string { return some(n.publicName(c)) }
	l.filters["private-dns-name"] = func(n networkInterface) []string { return some(n.privateName(c)) }
	l.filters["requester-id"] = func(n networkInterface) []string { return some(n.requester(c)) }
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
