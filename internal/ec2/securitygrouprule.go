package ec2

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// groupRule lets one peer in or out: a block of addresses or a security group.
type groupRule struct {
	ID         string
	Egress     bool   `json:",omitempty"`
	Protocol   string // "tcp", "udp", "icmp", "icmpv6", a number, or "-1" for all
	From, To   *int32 `json:",omitempty"` // ports; ICMP type and code; nil where the protocol has none
	CIDR       string `json:",omitempty"` // IPv4
	CIDR6      string `json:",omitempty"`
	PrefixList string `json:",omitempty"`
	Group      string `json:",omitempty"`
	GroupOwner string `json:",omitempty"`
	// Of a group across a peering: the peering and the VPC.
	Peering, PeerVPC string `json:",omitempty"`
	Description      string `json:",omitempty"`
}

const allProtocols = "-1"

// same reports whether two rules allow the same, whatever they are called.
func (r groupRule) same(o groupRule) bool {
	return r.Egress == o.Egress && r.Protocol == o.Protocol && equalPort(r.From, o.From) && equalPort(r.To, o.To) &&
		r.CIDR == o.CIDR && r.CIDR6 == o.CIDR6 && r.PrefixList == o.PrefixList && r.Group == o.Group
}

func equalPort(a, b *int32) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

// peer is the rule's other side, as messages name it.
func (r groupRule) peer() string {
	return r.CIDR + r.CIDR6 + r.PrefixList + r.Group
}

func (r groupRule) duplicate() error {
	protocol := strings.ToUpper(r.Protocol)
	if r.Protocol == allProtocols {
		protocol = "ALL"
	}
	text := "peer: " + r.peer() + ", " + protocol
	if r.From != nil {
		text += ", from port: " + strconv.Itoa(int(*r.From)) + ", to port: " + strconv.Itoa(int(aws.ToInt32(r.To)))
	}
	return api.Error("InvalidPermission.Duplicate", fmt.Sprintf("the specified rule %q already exists", text+", ALLOW"))
}

// protocolNames are the protocols that go by name.
var protocolNames = map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}

func protocolOf(p string) (string, error) {
	p = strings.ToLower(p)
	if name, ok := protocolNames[p]; ok {
		return name, nil
	}
	switch p {
	case "tcp", "udp", "icmp", "icmpv6", allProtocols:
		return p, nil
	case "all":
		return allProtocols, nil
	}
	if n, err := strconv.Atoi(p); err == nil && n >= 0 && n <= 255 {
		return strconv.Itoa(n), nil
	}
	return "", invalidValue("Invalid value '%s' for IP protocol. Unknown protocol.", p)
}

// rulesOf takes a request's permissions apart into one rule a peer.
func (s *Service) rulesOf(c *api.Call, of securityGroup, permissions []types.IpPermission, egress bool) ([]groupRule, error) {
	var rules []groupRule
	for _, p := range permissions {
		base, err := portsOf(p)
		if err != nil {
			return nil, err
		}
		base.Egress = egress
		peers, err := s.peersOf(c, of, p, base)
		if err != nil {
			return nil, err
		}
		if len(peers) == 0 {
			return nil, invalidValue("Must specify either a CIDR IP range, a security group or a prefix list.")
		}
		rules = append(rules, peers...)
	}
	return rules, nil
}

func portsOf(p types.IpPermission) (groupRule, error) {
	if p.IpProtocol == nil {
		return groupRule{}, missingParameter("ipProtocol")
	}
	protocol, err := protocolOf(*p.IpProtocol)
	if err != nil {
		return groupRule{}, err
	}
	r := groupRule{Protocol: protocol}
	switch protocol {
	case "tcp", "udp":
		if p.FromPort == nil || p.ToPort == nil {
			return groupRule{}, api.Error("InvalidParameterValue", "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
		}
		for _, port := range []int32{*p.FromPort, *p.ToPort} {
			if port < 0 || port > 65535 {
				return groupRule{}, invalidValue("TCP/UDP port (%d) out of range", port)
			}
		}
		if *p.FromPort > *p.ToPort {
			return groupRule{}, invalidValue("Invalid TCP/UDP port range (%d-%d)", *p.FromPort, *p.ToPort)
		}
		r.From, r.To = p.FromPort, p.ToPort
	case "icmp", "icmpv6":
		r.From, r.To = aws.Int32(-1), aws.Int32(-1)
		if p.FromPort != nil {
			r.From = p.FromPort
		}
		if p.ToPort != nil {
			r.To = p.ToPort
		}
	}
	return r, nil
}

func (s *Service) peersOf(c *api.Call, of securityGroup, p types.IpPermission, base groupRule) ([]groupRule, error) {
	var rules []groupRule
	for _, list := range p.PrefixListIds {
		l, err := prefixListNamed(c, aws.ToString(list.PrefixListId))
		if err != nil {
			return nil, err
		}
		r := base
		r.PrefixList, r.Description = l.ID, aws.ToString(list.Description)
		rules = append(rules, r)
	}
	for _, block := range p.IpRanges {
		cidr, err := blockOf(aws.ToString(block.CidrIp), true)
		if err != nil {
			return nil, err
		}
		r := base
		r.CIDR, r.Description = cidr, aws.ToString(block.Description)
		rules = append(rules, r)
	}
	for _, block := range p.Ipv6Ranges {
		cidr, err := blockOf(aws.ToString(block.CidrIpv6), false)
		if err != nil {
			return nil, err
		}
		r := base
		r.CIDR6, r.Description = cidr, aws.ToString(block.Description)
		rules = append(rules, r)
	}
	for _, pair := range p.UserIdGroupPairs {
		r, err := s.peerGroup(c, of, pair, base)
		if err != nil {
			return nil, err
		}
		r.Description = aws.ToString(pair.Description)
		rules = append(rules, r)
	}
	return rules, nil
}

// blockOf gives a CIDR block in its canonical form, the host's bits zero.
func blockOf(text string, v4 bool) (string, error) {
	block, err := netip.ParsePrefix(text)
	if err != nil || block.Addr().Is4() != v4 {
		return "", invalidValue("CIDR block %s is malformed", text)
	}
	return block.Masked().String(), nil
}

// describePermissions groups rules of the same protocol and ports, as EC2 does.
func describePermissions(c *api.Call, rules []groupRule, egress bool) []types.IpPermission {
	out := []types.IpPermission{}
	for _, r := range rules {
		if r.Egress != egress {
			continue
		}
		i := slices.IndexFunc(out, func(p types.IpPermission) bool {
			return *p.IpProtocol == r.Protocol && equalPort(p.FromPort, r.From) && equalPort(p.ToPort, r.To)
		})
		if i < 0 {
			i = len(out)
			out = append(out, types.IpPermission{
				IpProtocol: aws.String(r.Protocol), FromPort: r.From, ToPort: r.To, IpRanges: []types.IpRange{},
				Ipv6Ranges: []types.Ipv6Range{}, PrefixListIds: []types.PrefixListId{}, UserIdGroupPairs: []types.UserIdGroupPair{},
			})
		}
		p := &out[i]
		switch {
		case r.CIDR != "":
			p.IpRanges = append(p.IpRanges, types.IpRange{CidrIp: aws.String(r.CIDR), Description: text(r.Description)})
		case r.CIDR6 != "":
			p.Ipv6Ranges = append(p.Ipv6Ranges, types.Ipv6Range{CidrIpv6: aws.String(r.CIDR6), Description: text(r.Description)})
		case r.PrefixList != "":
			p.PrefixListIds = append(p.PrefixListIds, types.PrefixListId{PrefixListId: aws.String(r.PrefixList), Description: text(r.Description)})
		default:
			p.UserIdGroupPairs = append(p.UserIdGroupPairs, types.UserIdGroupPair{
				GroupId: aws.String(r.Group), UserId: aws.String(r.GroupOwner), Description: text(r.Description),
				VpcId: text(r.PeerVPC), VpcPeeringConnectionId: text(r.Peering), PeeringStatus: text(r.peeringStatus(c)),
			})
		}
	}
	return out
}

// groupRuleFilters adds DescribeSecurityGroups' filters on rules.
func groupRuleFilters(t filterTable[securityGroup]) filterTable[securityGroup] {
	members := map[string]func(groupRule) string{
		"cidr":      func(r groupRule) string { return r.CIDR },
		"ipv6-cidr": func(r groupRule) string { return r.CIDR6 },
		"group-id":  func(r groupRule) string { return r.Group },

		"prefix-list-id": func(r groupRule) string { return r.PrefixList },
		"user-id":        func(r groupRule) string { return r.GroupOwner },
		"protocol":       func(r groupRule) string { return r.Protocol },
		"from-port":      func(r groupRule) string { return portText(r.From) },
		"to-port":        func(r groupRule) string { return portText(r.To) },
	}
	for name, member := range members {
		for prefix, egress := range map[string]bool{"ip-permission.": false, "egress.ip-permission.": true} {
			t[prefix+name] = func(g securityGroup) []string {
				var values []string
				for _, r := range g.Rules {
					if r.Egress == egress {
						values = append(values, some(member(r))...)
					}
				}
				return values
			}
		}
	}
	return t.without("ip-permission.group-name", "egress.ip-permission.group-name")
}

func portText(p *int32) string {
	if p == nil {
		return ""
	}
	return strconv.Itoa(int(*p))
}
