package ec2

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// networkACL is a firewall of subnets, without memory of connections (VPC guide,
// "Control subnet traffic with network access control lists"). Each subnet has
// exactly one, and knows which: see subnet.ACL.
type networkACL struct {
	ID, VPC string
	Default bool // the VPC's own
	Entries []aclEntry
}

// aclEntry is one numbered rule.
type aclEntry struct {
	Number   int32
	Egress   bool `json:",omitempty"`
	Allow    bool `json:",omitempty"`
	Protocol string
	CIDR     string `json:",omitempty"`
	CIDR6    string `json:",omitempty"`
	// Ports of TCP and UDP; type and code of ICMP.
	From, To   *int32 `json:",omitempty"`
	Type, Code *int32 `json:",omitempty"`
}

// lastEntry is the number of the rule that denies what no other one allows.
const lastEntry = 32767

// everyAddress is every IPv4 address, as blocks are written.
const everyAddress = "0.0.0.0/0"

var aclTable = store.NewTable("ec2.networkacl", store.Index[networkACL]{
	Name: "vpc", Keys: func(_ string, a networkACL) []string { return []string{a.VPC} },
})

var networkACLs = listing[networkACL]{
	table: aclTable,
	kind: identifier{
		prefix:    "acl-",
		malformed: "InvalidNetworkAclId.Malformed", malformedText: `Invalid id: "%s" (expecting "acl-...")`,
		missing: "InvalidNetworkAclID.NotFound", missingText: "The networkAcl ID '%s' does not exist",
		missingPlural: "The networkAcl IDs '%s' do not exist",
	},
	id:    func(a networkACL) string { return a.ID },
	pages: pageRule{least: 5, most: 1000, ids: "NetworkAclIds"},
	filters: filterTable[networkACL]{
		"default":         func(a networkACL) []string { return flag(a.Default) },
		"network-acl-id":  func(a networkACL) []string { return some(a.ID) },
		"vpc-id":          func(a networkACL) []string { return some(a.VPC) },
		"entry.cidr":      func(a networkACL) []string { return a.each(func(e aclEntry) string { return e.CIDR }) },
		"entry.ipv6-cidr": func(a networkACL) []string { return a.each(func(e aclEntry) string { return e.CIDR6 }) },
		"entry.egress":    func(a networkACL) []string { return a.each(func(e aclEntry) string { return boolKey(e.Egress) }) },
		"entry.icmp.code": func(a networkACL) []string { return a.each(func(e aclEntry) string { return optionalNumber(e.Code) }) },
		"entry.icmp.type": func(a networkACL) []string { return a.each(func(e aclEntry) string { return optionalNumber(e.Type) }) },
		"entry.protocol":  func(a networkACL) []string { return a.each(func(e aclEntry) string { return e.Protocol }) },
		"entry.port-range.from": func(a networkACL) []string {
			return a.each(func(e aclEntry) string { return optionalNumber(e.From) })
		},
		"entry.port-range.to": func(a networkACL) []string {
			return a.each(func(e aclEntry) string { return optionalNumber(e.To) })
		},
		"entry.rule-action": func(a networkACL) []string {
			return a.each(func(e aclEntry) string { return string(e.action()) })
		},
		"entry.rule-number": func(a networkACL) []string {
			return a.each(func(e aclEntry) string { return decimal(e.Number) })
		},
	},
}

// each are the values of a filter on entries.
func (a networkACL) each(value func(aclEntry) string) []string {
	var out []string
	for _, e := range a.Entries {
		out = append(out, some(value(e))...)
	}
	return out
}

func (e aclEntry) action() types.RuleAction {
	if e.Allow {
		return types.RuleActionAllow
	}
	return types.RuleActionDeny
}

func (a networkACL) put(c *api.Call) error { return aclTable.Put(c.Tx, c.Scope(), a.ID, a) }

// newACL denies everything.
func newACL(id, vpcID string) networkACL {
	return networkACL{ID: id, VPC: vpcID, Entries: []aclEntry{
		{Number: lastEntry, Egress: true, Protocol: allProtocols, CIDR: everyAddress}, {Number: lastEntry, Protocol: allProtocols, CIDR: everyAddress},
	}}
}

// putDefaultACL makes a VPC's own list, which allows everything.
func putDefaultACL(c *api.Call, v vpc, id partID) error {
	a := newACL(id("acl-", ""), v.ID)
	a.Default = true
	for _, egress := range []bool{true, false} {
		a.Entries = append(a.Entries, aclEntry{Number: 100, Egress: egress, Allow: true, Protocol: allProtocols, CIDR: everyAddress})
	}
	return a.put(c)
}

// defaultACL is a VPC's own list.
func defaultACL(c *api.Call, vpcID string) (networkACL, error) {
	for a, err := range aclTable.Find(c.Tx, c.Scope(), "vpc", vpcID) {
		if err != nil || a.Default {
			return a, err
		}
	}
	return networkACL{}, store.ErrNotFound
}

// subnetsOfACL are the subnets that have the list.
func subnetsOfACL(c *api.Call, a networkACL) ([]subnet, error) {
	var found []subnet
	for n, err := range subnetTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if n.VPC == a.VPC && (n.ACL == a.ID || n.ACL == "" && a.Default) {
			found = append(found, n)
		}
	}
	return found, nil
}

func (a networkACL) describe(c *api.Call, tags map[string]string) (types.NetworkAcl, error) {
	d := types.NetworkAcl{
		NetworkAclId: aws.String(a.ID), VpcId: aws.String(a.VPC), IsDefault: aws.Bool(a.Default), OwnerId: aws.String(c.Account),
		Tags: answeredTags(describeTags(tags)), Associations: []types.NetworkAclAssociation{}, Entries: []types.NetworkAclEntry{},
	}
	in, err := subnetsOfACL(c, a)
	for _, n := range in {
		d.Associations = append(d.Associations, types.NetworkAclAssociation{
			NetworkAclAssociationId: aws.String(n.ACLAssociation), NetworkAclId: aws.String(a.ID), SubnetId: aws.String(n.ID),
		})
	}
	// What leaves comes first.
	entries := slices.SortedFunc(slices.Values(a.Entries), func(x, y aclEntry) int {
		if x.Egress != y.Egress {
			return cmp.Compare(boolKey(y.Egress), boolKey(x.Egress))
		}
		return cmp.Compare(x.Number, y.Number)
	})
	for _, e := range entries {
		d.Entries = append(d.Entries, e.describe())
	}
	return d, err
}

func (e aclEntry) describe() types.NetworkAclEntry {
	d := types.NetworkAclEntry{
		RuleNumber: aws.Int32(e.Number), Egress: aws.Bool(e.Egress), Protocol: aws.String(e.Protocol), RuleAction: e.action(),
		CidrBlock: text(e.CIDR), Ipv6CidrBlock: text(e.CIDR6),
	}
	if e.From != nil {
		d.PortRange = &types.PortRange{From: e.From, To: e.To}
	}
	if e.Type != nil {
		d.IcmpTypeCode = &types.IcmpTypeCode{Type: e.Type, Code: e.Code}
	}
	return d
}

func (s *Service) describeNetworkAcls(c *api.Call, in *ec2.DescribeNetworkAclsInput) (*ec2.DescribeNetworkAclsOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
		return nil, err
	}
	l := networkACLs.owned(c)
	for name, value := range map[string]func(networkACL, subnet) string{
		"association.association-id": func(_ networkACL, n subnet) string { return n.ACLAssociation },
		"association.network-acl-id": func(a networkACL, _ subnet) string { return a.ID },
		"association.subnet-id":      func(_ networkACL, n subnet) string { return n.ID },
	} {
		l.filters[name] = func(a networkACL) []string {
			in, err := subnetsOfACL(c, a)
			if err != nil {
				return nil
			}
			var values []string
			for _, n := range in {
				values = append(values, value(a, n))
			}
			return values
		}
	}
	found, next, err := l.find(c, query{in.NetworkAclIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNetworkAclsOutput{NetworkAcls: []types.NetworkAcl{}, NextToken: next}
	for _, a := range found {
		d, err := a.row.describe(c, a.tags)
		if err != nil {
			return nil, err
		}
		out.NetworkAcls = append(out.NetworkAcls, d)
	}
	return out, nil
}
