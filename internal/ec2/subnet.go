package ec2

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// subnet is a part of a VPC, in one zone.
type subnet struct {
	ID, VPC   string
	Zone      string
	CIDR      string
	Default   bool      // the zone's default subnet
	PublicIPs bool      // instances get a public address at launch
	Names     hostnames `json:",omitzero"` // of instances launched here
	// ACL is its network ACL; empty for the VPC's own. ACLAssociation is the id of
	// what binds it to the subnet.
	ACL            string `json:",omitempty"`
	ACLAssociation string
}

var subnetTable = store.NewTable("ec2.subnet", store.Index[subnet]{
	Name: "zone", Keys: func(_ string, n subnet) []string {
		if !n.Default {
			return nil
		}
		return []string{n.Zone}
	},
})

var subnets = listing[subnet]{
	table: subnetTable,
	kind: identifier{
		prefix:    "subnet-",
		malformed: "InvalidSubnetID.Malformed", malformedText: `Invalid id: "%s" (expecting "subnet-...")`,
		missing: "InvalidSubnetID.NotFound", missingText: "The subnet ID '%s' does not exist",
	},
	id:    func(n subnet) string { return n.ID },
	pages: pageRule{least: 5, most: 1000, ids: "SubnetIds"},
	filters: filterTable[subnet]{
		"availability-zone":       func(n subnet) []string { return some(n.Zone) },
		"availabilityZone":        func(n subnet) []string { return some(n.Zone) },
		"cidr-block":              func(n subnet) []string { return some(n.CIDR) },
		"cidr":                    func(n subnet) []string { return some(n.CIDR) },
		"cidrBlock":               func(n subnet) []string { return some(n.CIDR) },
		"default-for-az":          func(n subnet) []string { return flag(n.Default) },
		"defaultForAz":            func(n subnet) []string { return flag(n.Default) },
		"enable-dns64":            func(subnet) []string { return flag(false) },
		"ipv6-native":             func(subnet) []string { return flag(false) },
		"map-public-ip-on-launch": func(n subnet) []string { return flag(n.PublicIPs) },
		"state":                   func(subnet) []string { return some("available") },
		"subnet-id":               func(n subnet) []string { return some(n.ID) },
		"vpc-id":                  func(n subnet) []string { return some(n.VPC) },

		"map-customer-owned-ip-on-launch":                                         func(subnet) []string { return flag(false) },
		"private-dns-name-options-on-launch.hostname-type":                        func(n subnet) []string { return some(string(n.Names.kind())) },
		"private-dns-name-options-on-launch.enable-resource-name-dns-a-record":    func(n subnet) []string { return flag(n.Names.A) },
		"private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": func(n subnet) []string { return flag(n.Names.AAAA) },
	}.without("customer-owned-ipv4-pool", "enable-lni-at-device-index", "ipv6-cidr-block-association.ipv6-cidr-block",
		"ipv6-cidr-block-association.association-id", "ipv6-cidr-block-association.state", "outpost-arn"),
}

// putDefaultSubnet makes the zone's default subnet, the i-th /20 of the VPC.
func putDefaultSubnet(c *api.Call, v vpc, z zone, i int, id partID) error {
	n := subnetOfDefault(v, z, i, id)
	return subnetTable.Put(c.Tx, c.Scope(), n.ID, n)
}

func subnetOfDefault(v vpc, z zone, i int, id partID) subnet {
	return subnet{
		ID: id("subnet-", z.Name), VPC: v.ID, Zone: z.Name,
		CIDR: fmt.Sprintf("172.31.%d.0/20", 16*i), Default: true, PublicIPs: true,
		ACLAssociation: id("aclassoc-", z.Name),
	}
}

// defaultSubnet returns the default subnet of a zone.
func (s *Service) defaultSubnet(c *api.Call, zone string) (subnet, error) {
	if _, err := s.defaultVPC(c); err != nil {
		return subnet{}, err
	}
	for n, err := range subnetTable.Find(c.Tx, c.Scope(), "zone", zone) {
		return n, err
	}
	return subnet{}, api.Error("MissingInput", "No default subnet for availability zone: '"+zone+"'.")
}

// prefix is the subnet's address block; rows hold only valid ones.
func (n subnet) prefix() netip.Prefix { return netip.MustParsePrefix(n.CIDR) }

// reservedAddresses are AWS's own in every subnet: the first four and the last
// (VPC guide, "Subnet CIDR blocks").
const reservedAddresses = 5

func (n subnet) size() int { return 1 << (32 - n.prefix().Bits()) }

// free counts the addresses that no network interface has.
func (n subnet) free(c *api.Call) (int, error) {
	used := 0
	for i, err := range interfaceTable.Find(c.Tx, c.Scope(), "subnet", n.ID) {
		if err != nil {
			return 0, err
		}
		used += len(i.addresses())
	}
	return n.size() - reservedAddresses - used, nil
}

// usable reports whether an instance may have the address.
func (n subnet) usable(a netip.Addr) bool {
	if !a.Is4() || !n.prefix().Contains(a) {
		return false
	}
	offset := int(addressNumber(a) - addressNumber(n.prefix().Addr()))
	return offset >= 4 && offset < n.size()-1
}

func addressNumber(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// at is the subnet's address with that offset.
func (n subnet) at(offset int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], addressNumber(n.prefix().Addr())+uint32(offset))
	return netip.AddrFrom4(b)
}

// allocate picks a free address, at random as AWS does.
func (n subnet) allocate(c *api.Call) (netip.Addr, error) {
	usable := n.size() - reservedAddresses
	start := int(randomNumber(c) % uint32(usable))
	for i := range usable {
		a := n.at(4 + (start+i)%usable)
		taken, err := addressTaken(c, n.ID, a.String())
		if err != nil {
			return netip.Addr{}, err
		}
		if !taken {
			return a, nil
		}
	}
	return netip.Addr{}, insufficientAddresses(n.ID)
}

func insufficientAddresses(id string) error {
	return api.Error("InsufficientFreeAddressesInSubnet", "There are not enough free addresses in subnet '"+id+"' to satisfy the requested number of instances.")
}

func randomNumber(c *api.Call) uint32 {
	n, err := strconv.ParseUint(c.NewHex(8), 16, 32)
	if err != nil {
		panic("ec2: hex digits that are no number: " + err.Error())
	}
	return uint32(n)
}

func (n subnet) describe(c *api.Call, tags map[string]string) (types.Subnet, error) {
	free, err := n.free(c)
	if err != nil {
		return types.Subnet{}, err
	}
	z, _ := zoneNamed(c.Region, n.Zone)
	return types.Subnet{
		SubnetId: aws.String(n.ID), SubnetArn: aws.String(c.ARN("ec2", "subnet/"+n.ID)), VpcId: aws.String(n.VPC),
		AvailabilityZone: aws.String(n.Zone), AvailabilityZoneId: aws.String(z.ID), CidrBlock: aws.String(n.CIDR),
		AvailableIpAddressCount: aws.Int32(int32(free)), DefaultForAz: aws.Bool(n.Default), MapPublicIpOnLaunch: aws.Bool(n.PublicIPs),
		AssignIpv6AddressOnCreation: aws.Bool(false), EnableDns64: aws.Bool(false), Ipv6Native: aws.Bool(false),
		MapCustomerOwnedIpOnLaunch: aws.Bool(false), OwnerId: aws.String(c.Account), State: types.SubnetStateAvailable,
		PrivateDnsNameOptionsOnLaunch: &types.PrivateDnsNameOptionsOnLaunch{
			HostnameType: n.Names.kind(), EnableResourceNameDnsARecord: aws.Bool(n.Names.A), EnableResourceNameDnsAAAARecord: aws.Bool(n.Names.AAAA),
		},
		Tags: describeTags(tags),
	}, nil
}

func (s *Service) describeSubnets(c *api.Call, in *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
		return nil, err
	}
	l := subnets.owned(c)
	l.filters["subnet-arn"] = func(n subnet) []string { return some(c.ARN("ec2", "subnet/"+n.ID)) }
	l.filters["availability-zone-id"] = func(n subnet) []string {
		z, _ := zoneNamed(c.Region, n.Zone)
		return some(z.ID)
	}
	l.filters["availabilityZoneId"] = l.filters["availability-zone-id"]
	l.filters["available-ip-address-count"] = func(n subnet) []string {
		free, err := n.free(c)
		if err != nil {
			return nil
		}
		return some(strconv.Itoa(free))
	}
	found, next, err := l.find(c, query{in.SubnetIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSubnetsOutput{Subnets: []types.Subnet{}, NextToken: next}
	for _, n := range found {
		d, err := n.row.describe(c, n.tags)
		if err != nil {
			return nil, err
		}
		out.Subnets = append(out.Subnets, d)
	}
	return out, nil
}
