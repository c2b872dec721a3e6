package ec2

import (
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// dhcpOptions is a set of what hosts of a VPC are told when they boot (VPC guide,
// "DHCP option sets in Amazon VPC"). It never changes.
type dhcpOptions struct {
	ID      string
	Options []dhcpOption
}

type dhcpOption struct {
	Key    string
	Values []string
}

// noDHCPOptions is what a VPC has that is associated with no set, in place of an id.
const noDHCPOptions = "default"

// amazonDNS stands for the resolver that each VPC has.
const amazonDNS = "AmazonProvidedDNS"

var dhcpTable = store.NewTable[dhcpOptions]("ec2.dhcpoptions")

var dhcpSets = listing[dhcpOptions]{
	table: dhcpTable,
	kind: identifier{
		prefix:    "dopt-",
		malformed: "InvalidDhcpOptionsId.Malformed", malformedText: `Invalid id: "%s" (expecting "dopt-...")`,
		missing: "InvalidDhcpOptionID.NotFound", missingText: "The dhcpOption ID '%s' does not exist",
		missingPlural: "The dhcpOption IDs '%s' do not exist",
	},
	id:    func(d dhcpOptions) string { return d.ID },
	pages: pageRule{least: 5, most: 1000, ids: "DhcpOptionsIds"},
	filters: filterTable[dhcpOptions]{
		"dhcp-options-id": func(d dhcpOptions) []string { return some(d.ID) },
		"key": func(d dhcpOptions) []string {
			var keys []string
			for _, o := range d.Options {
				keys = append(keys, o.Key)
			}
			return keys
		},
		"value": func(d dhcpOptions) []string {
			var values []string
			for _, o := range d.Options {
				values = append(values, o.Values...)
			}
			return values
		},
	},
}

// ensureDHCPOptions makes the region's own set, which new VPCs have.
func ensureDHCPOptions(c *api.Call) (string, error) {
	id := defaultID(c, "dopt-", "")
	_, err := dhcpSets.get(c, id)
	if errorCode(err) == "" {
		return id, err
	}
	domain := c.Region + ".compute.internal"
	if c.Region == "us-east-1" {
		domain = "ec2.internal"
	}
	return id, dhcpTable.Put(c.Tx, c.Scope(), id, dhcpOptions{ID: id, Options: []dhcpOption{
		{"domain-name", []string{domain}}, {"domain-name-servers", []string{amazonDNS}},
	}})
}

func (d dhcpOptions) describe(c *api.Call, tags map[string]string) types.DhcpOptions {
	out := types.DhcpOptions{DhcpOptionsId: aws.String(d.ID), OwnerId: aws.String(c.Account), Tags: answeredTags(describeTags(tags))}
	for _, o := range d.Options {
		shown := types.DhcpConfiguration{Key: aws.String(o.Key)}
		for _, v := range o.Values {
			shown.Values = append(shown.Values, types.AttributeValue{Value: aws.String(v)})
		}
		out.DhcpConfigurations = append(out.DhcpConfigurations, shown)
	}
	return out
}

func (s *Service) dhcpOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateDhcpOptions", func(c *api.Call, in *ec2.CreateDhcpOptionsInput) ([]api.Need, error) {
			n := need(c, "CreateDhcpOptions", types.ResourceTypeDhcpOptions, "*")
			setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeDhcpOptions))
			return append([]api.Need{n}, tagNeeds(c, "CreateDhcpOptions", in.TagSpecifications)...), nil
		}, s.createDhcpOptions),
		api.Op("DeleteDhcpOptions", func(c *api.Call, in *ec2.DeleteDhcpOptionsInput) ([]api.Need, error) {
			n, err := dhcpNeed(c, "DeleteDhcpOptions", in.DhcpOptionsId)
			return []api.Need{n}, err
		}, s.deleteDhcpOptions),
		api.Op("AssociateDhcpOptions", func(c *api.Call, in *ec2.AssociateDhcpOptionsInput) ([]api.Need, error) {
			n, err := dhcpNeed(c, "AssociateDhcpOptions", in.DhcpOptionsId)
			if err != nil {
				return nil, err
			}
			v, err := vpcNeed(c, "AssociateDhcpOptions", aws.ToString(in.VpcId))
			return []api.Need{n, v}, err
		}, s.associateDhcpOptions),
		api.Read("DescribeDhcpOptions", anywhere[ec2.DescribeDhcpOptionsInput]("DescribeDhcpOptions"), s.describeDhcpOptions),
	}
}

func dhcpNeed(c *api.Call, action string, id *string) (api.Need, error) {
	n, err := existingNeed(c, action, types.ResourceTypeDhcpOptions, aws.ToString(id))
	n.Context.Set("ec2:DhcpOptionsID", aws.ToString(id))
	return n, err
}

// dhcpLimits are the options that there are, and how many values each may have
// (VPC guide, "DHCP option set concepts").
var dhcpLimits = map[string]int{
	"domain-name": 1, "domain-name-servers": 4, "ntp-servers": 4, "netbios-name-servers": 4, "netbios-node-type": 1,
	"ipv6-address-preferred-lease-time": 1,
}

// checkDHCPOption refuses an option that is none. The sentences rest on no source.
func checkDHCPOption(key string, values []string) error {
	limit, known := dhcpLimits[key]
	switch {
	case !known:
		return invalidValue("Value (%s) for parameter key is invalid. Unknown DHCP option.", key)
	case len(values) == 0:
		return missingParameter("value")
	case len(values) > limit:
		return invalidValue("The DHCP option %s takes no more than %d values.", key, limit)
	}
	for _, v := range values {
		switch key {
		case "domain-name-servers", "ntp-servers", "netbios-name-servers":
			if _, err := netip.ParseAddr(v); err != nil && (key != "domain-name-servers" || v != amazonDNS) {
				return invalidValue("Value (%s) for parameter value is invalid. Invalid IP address.", v)
			}
		case "netbios-node-type":
			if !slices.Contains([]string{"1", "2", "4", "8"}, v) {
				return invalidValue("Value (%s) for parameter value is invalid. The netbios-node-type must be 1, 2, 4 or 8.", v)
			}
		}
	}
	return nil
}

func (s *Service) createDhcpOptions(c *api.Call, in *ec2.CreateDhcpOptionsInput) (*ec2.CreateDhcpOptionsOutput, error) {
	if len(in.DhcpConfigurations) == 0 {
		return nil, missingParameter("dhcpConfiguration")
	}
	d := dhcpOptions{ID: c.NewID("dopt-")}
	for _, o := range in.DhcpConfigurations {
		key := aws.ToString(o.Key)
		if err := checkDHCPOption(key, o.Values); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(d.Options, func(other dhcpOption) bool { return other.Key == key }) {
			return nil, invalidValue("The DHCP option %s is given twice.", key)
		}
		d.Options = append(d.Options, dhcpOption{key, o.Values})
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeDhcpOptions))
	if err != nil {
		return nil, err
	}
	if err := dhcpTable.Put(c.Tx, c.Scope(), d.ID, d); err != nil {
		return nil, err
	}
	shown := d.describe(c, tags)
	return &ec2.CreateDhcpOptionsOutput{DhcpOptions: &shown}, putTags(c, string(types.ResourceTypeDhcpOptions), d.ID, tags)
}

func (s *Service) deleteDhcpOptions(c *api.Call, in *ec2.DeleteDhcpOptionsInput) (*ec2.DeleteDhcpOptionsOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
		return nil, err
	}
	d, err := dhcpSets.get(c, aws.ToString(in.DhcpOptionsId))
	if err != nil {
		return nil, err
	}
	for v, err := range vpcTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if v.DHCPOptions == d.ID {
			return nil, api.Error("DependencyViolation", "The dhcpOptions '"+d.ID+"' has dependencies and cannot be deleted.")
		}
	}
	return &ec2.DeleteDhcpOptionsOutput{}, deleteRow(c, dhcpSets, types.ResourceTypeDhcpOptions, d.ID)
}

func (s *Service) associateDhcpOptions(c *api.Call, in *ec2.AssociateDhcpOptionsInput) (*ec2.AssociateDhcpOptionsOutput, error) {
	v, err := s.vpcOrDefault(c, aws.String(aws.ToString(in.VpcId)))
	if err != nil {
		return nil, err
	}
	v.DHCPOptions = aws.ToString(in.DhcpOptionsId)
	if v.DHCPOptions != noDHCPOptions {
		if _, err := dhcpSets.get(c, v.DHCPOptions); err != nil {
			return nil, err
		}
	}
	return &ec2.AssociateDhcpOptionsOutput{}, vpcTable.Put(c.Tx, c.Scope(), v.ID, v)
}

func (s *Service) describeDhcpOptions(c *api.Call, in *ec2.DescribeDhcpOptionsInput) (*ec2.DescribeDhcpOptionsOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
		return nil, err
	}
	found, next, err := dhcpSets.owned(c).find(c, query{in.DhcpOptionsIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeDhcpOptionsOutput{DhcpOptions: []types.DhcpOptions{}, NextToken: next}
	for _, d := range found {
		out.DhcpOptions = append(out.DhcpOptions, d.row.describe(c, d.tags))
	}
	return out, nil
}
