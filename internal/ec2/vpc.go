package ec2

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// vpc is a virtual private cloud.
type vpc struct {
	ID          string
	CIDR        string
	Association string     // id of the CIDR block's association
	More        []vpcBlock `json:",omitempty"`
	DHCPOptions string
	Default     bool
	Tenancy     types.Tenancy // as asked for; empty is default
	// Attributes that ModifyVpcAttribute sets.
	NoDNSSupport, DNSHostnames, AddressUsageMetrics bool
}

// defaultCIDR is every default VPC's (VPC guide, "Default VPC components").
const defaultCIDR = "172.31.0.0/16"

var vpcTable = store.NewTable[vpc]("ec2.vpc")

// defaultVPCTable holds the id of the scope's default VPC under the row "vpc": an
// empty one if it was deleted.
var defaultVPCTable = store.NewTable[string]("ec2.defaultvpc")

var vpcs = listing[vpc]{
	table: vpcTable,
	kind: identifier{
		prefix: "vpc-", parameter: "vpcId",
		malformed: "InvalidVpcID.Malformed", malformedText: `Invalid id: "%s" (expecting "vpc-...")`,
		missing: "InvalidVpcID.NotFound", missingText: "The vpc ID '%s' does not exist",
	},
	id:    func(v vpc) string { return v.ID },
	pages: pageRule{least: 5, most: 1000, ids: "VpcIds"},
	filters: filterTable[vpc]{
		"cidr":            func(v vpc) []string { return some(v.CIDR) },
		"cidr-block":      func(v vpc) []string { return some(v.CIDR) },
		"cidrBlock":       func(v vpc) []string { return some(v.CIDR) },
		"dhcp-options-id": func(v vpc) []string { return some(v.DHCPOptions) },
		"is-default":      func(v vpc) []string { return flag(v.Default) },
		"isDefault":       func(v vpc) []string { return flag(v.Default) },
		"state":           func(vpc) []string { return some("available") },
		"vpc-id":          func(v vpc) []string { return some(v.ID) },

		"cidr-block-association.cidr-block": func(v vpc) []string { return v.cidrs() },
		"cidr-block-association.association-id": func(v vpc) []string {
			var ids []string
			for _, b := range v.blocks() {
				ids = append(ids, b.Association)
			}
			return ids
		},
		"cidr-block-association.state": func(vpc) []string { return some("associated") },
	}.without("ipv6-cidr-block-association.ipv6-cidr-block", "ipv6-cidr-block-association.ipv6-pool",
		"ipv6-cidr-block-association.association-id", "ipv6-cidr-block-association.state"),
}

func (v vpc) describe(c *api.Call, tags map[string]string) types.Vpc {
	d := types.Vpc{
		VpcId: aws.String(v.ID), CidrBlock: aws.String(v.CIDR), DhcpOptionsId: aws.String(v.DHCPOptions),
		InstanceTenancy: v.tenancy(), IsDefault: aws.Bool(v.Default), OwnerId: aws.String(c.Account),
		State: types.VpcStateAvailable, Tags: describeTags(tags),
	}
	for _, b := range v.blocks() {
		d.CidrBlockAssociationSet = append(d.CidrBlockAssociationSet, *b.describe(types.VpcCidrBlockStateCodeAssociated))
	}
	return d
}

func (v vpc) tenancy() types.Tenancy {
	if v.Tenancy == "" {
		return types.TenancyDefault
	}
	return v.Tenancy
}

// defaultVPC returns the scope's default VPC, or noDefaultVPC if it was deleted.
// Every account has one in every region; here it comes into being with its
// subnets, gateway, route table and security group when somebody first looks, so
// a reader may get store.ErrReadOnly and be run again.
func (s *Service) defaultVPC(c *api.Call) (vpc, error) {
	v, ok, err := s.findDefaultVPC(c)
	if err == nil && !ok {
		err = noDefaultVPC()
	}
	return v, err
}

// ensureNetwork has the default network come into being, for those who look at
// all there is.
func (s *Service) ensureNetwork(c *api.Call) error {
	_, _, err := s.findDefaultVPC(c)
	return err
}

func (s *Service) findDefaultVPC(c *api.Call) (vpc, bool, error) {
	id, err := defaultVPCTable.Get(c.Tx, c.Scope(), "vpc")
	if errors.Is(err, store.ErrNotFound) {
		v, err := s.createDefaultNetwork(c, func(prefix, part string) string { return defaultID(c, prefix, part) })
		return v, err == nil, err
	}
	if err != nil || id == "" {
		return vpc{}, false, err
	}
	v, err := vpcTable.Get(c.Tx, c.Scope(), id)
	return v, err == nil, err
}

func noDefaultVPC() error {
	return api.Error("VPCIdNotSpecified", "No default VPC for this user")
}

// partID makes the id of a part of a new network.
type partID func(prefix, part string) string

// defaultID makes an id for a part of the default network. It follows from the
// account and the region alone: a denied request that would have made the
// network is rolled back, and its message must still name the subnet that the
// next one finds.
func defaultID(c *api.Call, prefix, part string) string {
	sum := sha256.Sum256([]byte(c.Account + "/" + c.Region + "/" + prefix + part))
	return prefix + hex.EncodeToString(sum[:])[:17]
}

func (s *Service) createDefaultNetwork(c *api.Call, id partID) (vpc, error) {
	v := vpc{
		ID: id("vpc-", ""), CIDR: defaultCIDR, Default: true, DNSHostnames: true,
		Association: id("vpc-cidr-assoc-", ""),
	}
	var err error
	if v.DHCPOptions, err = ensureDHCPOptions(c); err != nil {
		return vpc{}, err
	}
	if err := putDefaultACL(c, v, id); err != nil {
		return vpc{}, err
	}
	if err := vpcTable.Put(c.Tx, c.Scope(), v.ID, v); err != nil {
		return vpc{}, err
	}
	if err := defaultVPCTable.Put(c.Tx, c.Scope(), "vpc", v.ID); err != nil {
		return vpc{}, err
	}
	for i, z := range zonesOf(c.Region) {
		if err := putDefaultSubnet(c, v, z, i, id); err != nil {
			return vpc{}, err
		}
	}
	g := internetGateway{ID: id("igw-", ""), VPC: v.ID}
	if err := gatewayTable.Put(c.Tx, c.Scope(), g.ID, g); err != nil {
		return vpc{}, err
	}
	way := route{CIDR: "0.0.0.0/0", Gateway: g.ID}
	if err := putMainRouteTable(c, v, id, way); err != nil {
		return vpc{}, err
	}
	return v, putDefaultSecurityGroup(c, v, id)
}

func (s *Service) describeVpcs(c *api.Call, in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
		return nil, err
	}
	found, next, err := vpcs.owned(c).find(c, query{in.VpcIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcsOutput{Vpcs: []types.Vpc{}, NextToken: next}
	for _, v := range found {
		out.Vpcs = append(out.Vpcs, v.row.describe(c, v.tags))
	}
	return out, nil
}

// owned adds the filter owner-id, whose value is the call's.
func (l listing[T]) owned(c *api.Call) listing[T] {
	filters := make(filterTable[T], len(l.filters)+1)
	maps.Copy(filters, l.filters)
	filters["owner-id"] = func(T) []string { return some(c.Account) }
	l.filters = filters
	return l
}

// createDefaultVpc makes a default VPC where the account's was deleted.
func (s *Service) createDefaultVpc(c *api.Call, _ *ec2.CreateDefaultVpcInput) (*ec2.CreateDefaultVpcOutput, error) {
	_, exists, err := s.findDefaultVPC(c)
	if err != nil {
		return nil, err
	}
	if exists {
		return nil, api.Error("DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region.")
	}
	v, err := s.createDefaultNetwork(c, func(prefix, _ string) string { return c.NewID(prefix) })
	if err != nil {
		return nil, err
	}
	d := v.describe(c, nil)
	return &ec2.CreateDefaultVpcOutput{Vpc: &d}, nil
}

func (s *Service) networkOperations() []api.Operation {
	return slices.Concat(s.groupOperations(), s.vpcChangeOperations(), s.classicLinkOperations(), s.subnetChangeOperations(), s.gatewayOperations(), s.routeOperations(), s.interfaceOperations(), s.addressOperations(),
		s.dhcpOperations(), s.aclOperations(), s.cidrOperations(), s.natOperations(), s.peeringOperations(),
		s.prefixListOperations(), s.groupModifyOperations(), []api.Operation{
			api.Read("DescribeVpcs", anywhere[ec2.DescribeVpcsInput]("DescribeVpcs"), s.describeVpcs),
			api.Op("CreateDefaultSubnet", anywhere[ec2.CreateDefaultSubnetInput]("CreateDefaultSubnet"), s.createDefaultSubnet),
			api.Op("CreateDefaultVpc", anywhere[ec2.CreateDefaultVpcInput]("CreateDefaultVpc"), s.createDefaultVpc),
			api.Read("DescribeSubnets", anywhere[ec2.DescribeSubnetsInput]("DescribeSubnets"), s.describeSubnets),
			api.Read("DescribeInternetGateways", anywhere[ec2.DescribeInternetGatewaysInput]("DescribeInternetGateways"), s.describeInternetGateways),
			api.Read("DescribeRouteTables", anywhere[ec2.DescribeRouteTablesInput]("DescribeRouteTables"), s.describeRouteTables),
			api.Read("DescribeNetworkInterfaces", anywhere[ec2.DescribeNetworkInterfacesInput]("DescribeNetworkInterfaces"), s.describeNetworkInterfaces),
		})
}
