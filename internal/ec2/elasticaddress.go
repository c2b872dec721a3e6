package ec2

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// elasticAddress is a public address that an account keeps (EC2 guide, "Elastic
// IP addresses"). What it is associated with knows so as well: see
// networkInterface.Elastic, which bind and unbind keep in step.
type elasticAddress struct {
	Allocation, IP string
	// Empty while it is associated with nothing.
	Association string `json:",omitempty"`
	Interface   string `json:",omitempty"`
	PrivateIP   string `json:",omitempty"`
	Instance    string `json:",omitempty"`
}

// maxElasticAddresses is AWS's default quota "EC2-VPC Elastic IPs".
const maxElasticAddresses = 5

// amazonPool is where addresses come from that nobody brought.
const amazonPool = "amazon"

var elasticTable = store.NewTable("ec2.address",
	store.Index[elasticAddress]{Name: "ip", Keys: func(_ string, a elasticAddress) []string { return []string{a.IP} }},
	store.Index[elasticAddress]{Name: "association", Keys: func(_ string, a elasticAddress) []string { return some(a.Association) }},
)

var elasticAddresses = listing[elasticAddress]{
	table: elasticTable,
	kind: identifier{
		prefix:    "eipalloc-",
		malformed: "InvalidAllocationID.Malformed", malformedText: `Invalid id: "%s" (expecting "eipalloc-...")`,
		missing: "InvalidAllocationID.NotFound", missingText: "The allocation ID '%s' does not exist",
		missingPlural: "The allocation IDs '%s' do not exist",
	},
	id: func(a elasticAddress) string { return a.Allocation },
	filters: filterTable[elasticAddress]{
		"allocation-id":        func(a elasticAddress) []string { return some(a.Allocation) },
		"association-id":       func(a elasticAddress) []string { return some(a.Association) },
		"domain":               func(elasticAddress) []string { return some("vpc") },
		"instance-id":          func(a elasticAddress) []string { return some(a.Instance) },
		"network-interface-id": func(a elasticAddress) []string { return some(a.Interface) },
		"private-ip-address":   func(a elasticAddress) []string { return some(a.PrivateIP) },
		"public-ip":            func(a elasticAddress) []string { return some(a.IP) },
	},
}

// elasticWithIP finds an address of the account's by itself.
func elasticWithIP(c *api.Call, ip string) (elasticAddress, bool, error) {
	for a, err := range elasticTable.Find(c.Tx, c.Scope(), "ip", ip) {
		return a, err == nil, err
	}
	return elasticAddress{}, false, nil
}

func noElasticAddress(ips ...string) error {
	return api.Error("InvalidAddress.NotFound", fmt.Sprintf("Address '%s' not found.", strings.Join(ips, ", ")))
}

// elasticOf resolves a request's address, by its allocation or by itself.
func elasticOf(c *api.Call, allocation, ip *string) (elasticAddress, error) {
	switch {
	case allocation != nil && ip != nil:
		return elasticAddress{}, invalidCombination("You may specify public IP or allocation id, but not both in the same call")
	case allocation != nil:
		return elasticAddresses.get(c, *allocation)
	case ip != nil:
		a, ok, err := elasticWithIP(c, *ip)
		if err == nil && !ok {
			err = noElasticAddress(*ip)
		}
		return a, err
	}
	return elasticAddress{}, api.Error("MissingParameter", "Either public IP or allocation id must be specified")
}

func (a elasticAddress) put(c *api.Call) error {
	return elasticTable.Put(c.Tx, c.Scope(), a.Allocation, a)
}

func (a elasticAddress) describe(c *api.Call, tags map[string]string) types.Address {
	d := types.Address{
		AllocationId: aws.String(a.Allocation), PublicIp: aws.String(a.IP), Domain: types.DomainTypeVpc,
		NetworkBorderGroup: aws.String(c.Region), PublicIpv4Pool: aws.String(amazonPool), Tags: describeTags(tags),
	}
	if a.Association != "" {
		d.AssociationId, d.NetworkInterfaceId, d.NetworkInterfaceOwnerId = aws.String(a.Association), aws.String(a.Interface), aws.String(c.Account)
		d.PrivateIpAddress, d.InstanceId = aws.String(a.PrivateIP), text(a.Instance)
	}
	return d
}

func (s *Service) addressOperations() []api.Operation {
	return []api.Operation{
		api.Op("AllocateAddress", func(c *api.Call, in *ec2.AllocateAddressInput) ([]api.Need, error) {
			n := need(c, "AllocateAddress", types.ResourceTypeElasticIp, "*")
			setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeElasticIp))
			return append([]api.Need{n}, tagNeeds(c, "AllocateAddress", in.TagSpecifications)...), nil
		}, s.allocateAddress),
		api.Op("ReleaseAddress", func(c *api.Call, in *ec2.ReleaseAddressInput) ([]api.Need, error) {
			n, err := elasticNeed(c, "ReleaseAddress", in.AllocationId, in.PublicIp)
			return []api.Need{n}, err
		}, s.releaseAddress),
		api.Op("AssociateAddress", s.associateAddressNeeds, s.associateAddress),
		api.Op("DisassociateAddress", s.disassociateAddressNeeds, s.disassociateAddress),
		api.Read("DescribeAddresses", anywhere[ec2.DescribeAddressesInput]("DescribeAddresses"), s.describeAddresses),
		api.Read("DescribeAddressesAttribute", anywhere[ec2.DescribeAddressesAttributeInput]("DescribeAddressesAttribute"), s.describeAddressesAttribute),
	}
}

// elasticNeed is the need on an address that a request names.
func elasticNeed(c *api.Call, action string, allocation, ip *string) (api.Need, error) {
	a, err := elasticOf(c, allocation, ip)
	if err != nil && errorCode(err) == "" {
		return api.Need{}, err
	}
	id := either(a.Allocation, either(aws.ToString(allocation), "*"))
	n, err := existingNeed(c, action, types.ResourceTypeElasticIp, id)
	if err != nil {
		return n, err
	}
	n.Context.Set("ec2:Domain", "vpc")
	if a.Allocation != "" {
		n.Context.Set("ec2:AllocationId", a.Allocation)
		n.Context.Set("ec2:PublicIpAddress", a.IP)
	}
	return n, nil
}

func (s *Service) allocateAddress(c *api.Call, in *ec2.AllocateAddressInput) (*ec2.AllocateAddressOutput, error) {
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"Address", in.Address != nil},
		{"CustomerOwnedIpv4Pool", in.CustomerOwnedIpv4Pool != nil},
		{"Domain", in.Domain == types.DomainTypeStandard},
		{"IpamPoolId", in.IpamPoolId != nil},
		{"PublicIpv4Pool", in.PublicIpv4Pool != nil && *in.PublicIpv4Pool != amazonPool},
	} {
		if p.asked {
			return nil, notBuilt(p.name)
		}
	}
	if g := aws.ToString(in.NetworkBorderGroup); g != "" && g != c.Region {
		return nil, invalidValue("Invalid network border group: %s", g)
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeElasticIp))
	if err != nil {
		return nil, err
	}
	if err := room(elasticTable.All(c.Tx, c.Scope()), maxElasticAddresses, api.Error("AddressLimitExceeded", "The maximum number of addresses has been reached.")); err != nil {
		return nil, err
	}
	ip, err := allocatePublicAddress(c)
	if err != nil {
		return nil, err
	}
	a := elasticAddress{Allocation: c.NewID("eipalloc-"), IP: ip}
	if err := a.put(c); err != nil {
		return nil, err
	}
	return &ec2.AllocateAddressOutput{
		AllocationId: aws.String(a.Allocation), PublicIp: aws.String(a.IP), Domain: types.DomainTypeVpc,
		NetworkBorderGroup: aws.String(c.Region), PublicIpv4Pool: aws.String(amazonPool),
	}, putTags(c, string(types.ResourceTypeElasticIp), a.Allocation, tags)
}

func (s *Service) releaseAddress(c *api.Call, in *ec2.ReleaseAddressInput) (*ec2.ReleaseAddressOutput, error) {
	a, err := elasticOf(c, in.AllocationId, in.PublicIp)
	if err != nil {
		return nil, err
	}
	if in.AllocationId == nil {
		return nil, invalidValue("You must specify an allocation id when releasing a VPC elastic IP address")
	}
	if g := aws.ToString(in.NetworkBorderGroup); g != "" && g != c.Region {
		return nil, invalidValue("Invalid network border group: %s", g)
	}
	if a.Association != "" {
		return nil, api.Error("InvalidIPAddress.InUse", "Address "+a.IP+" is in use.")
	}
	return &ec2.ReleaseAddressOutput{}, deleteRow(c, elasticAddresses, types.ResourceTypeElasticIp, a.Allocation)
}

func (s *Service) describeAddresses(c *api.Call, in *ec2.DescribeAddressesInput) (*ec2.DescribeAddressesOutput, error) {
	ids := slices.Clone(in.AllocationIds)
	var missing []string
	for _, ip := range in.PublicIps {
		a, ok, err := elasticWithIP(c, ip)
		if err != nil {
			return nil, err
		}
		if !ok {
			missing = append(missing, ip)
		}
		ids = append(ids, a.Allocation)
	}
	if len(missing) > 0 {
		return nil, noElasticAddress(missing...)
	}
	l := elasticAddresses.owned(c)
	l.filters["network-border-group"] = func(elasticAddress) []string { return some(c.Region) }
	l.filters["network-interface-owner-id"] = func(a elasticAddress) []string {
		if a.Interface == "" {
			return nil
		}
		return some(c.Account)
	}
	delete(l.filters, "owner-id")
	found, _, err := l.find(c, query{ids: ids, filters: in.Filters})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeAddressesOutput{Addresses: []types.Address{}}
	for _, a := range found {
		out.Addresses = append(out.Addresses, a.row.describe(c, a.tags))
	}
	return out, nil
}

// describeAddressesAttribute shows the domain name that each address resolves to
// in reverse. None has one: it can be set only where a name server knows the name,
// and none is asked here.
func (s *Service) describeAddressesAttribute(c *api.Call, in *ec2.DescribeAddressesAttributeInput) (*ec2.DescribeAddressesAttributeOutput, error) {
	if in.Attribute != "" && in.Attribute != types.AddressAttributeNameDomainName {
		return nil, invalidValue("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	l := elasticAddresses
	l.pages = pageRule{least: 1, most: 1000}
	found, next, err := l.find(c, query{ids: in.AllocationIds, maxResults: in.MaxResults, token: in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeAddressesAttributeOutput{Addresses: []types.AddressAttribute{}, NextToken: next}
	for _, a := range found {
		out.Addresses = append(out.Addresses, types.AddressAttribute{AllocationId: aws.String(a.row.Allocation), PublicIp: aws.String(a.row.IP)})
	}
	return out, nil
}
