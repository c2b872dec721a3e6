package ec2

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// AWS's default quotas "Network ACLs per VPC" and "Rules per network ACL", each
// direction counted by itself (VPC guide, "Amazon VPC quotas").
const (
	maxACLs       = 200
	maxACLEntries = 20
)

func (s *Service) aclOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateNetworkAcl", func(c *api.Call, in *ec2.CreateNetworkAclInput) ([]api.Need, error) {
			n := need(c, "CreateNetworkAcl", types.ResourceTypeNetworkAcl, "*")
			setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeNetworkAcl))
			v, err := vpcNeed(c, "CreateNetworkAcl", aws.ToString(in.VpcId))
			return append([]api.Need{n, v}, tagNeeds(c, "CreateNetworkAcl", in.TagSpecifications)...), err
		}, s.createNetworkAcl),
		api.Op("DeleteNetworkAcl", onACL("DeleteNetworkAcl", func(in *ec2.DeleteNetworkAclInput) *string { return in.NetworkAclId }), s.deleteNetworkAcl),
		api.Op("CreateNetworkAclEntry", onACL("CreateNetworkAclEntry", func(in *ec2.CreateNetworkAclEntryInput) *string { return in.NetworkAclId }), s.createNetworkAclEntry),
		api.Op("ReplaceNetworkAclEntry", onACL("ReplaceNetworkAclEntry", func(in *ec2.ReplaceNetworkAclEntryInput) *string { return in.NetworkAclId }), s.replaceNetworkAclEntry),
		api.Op("DeleteNetworkAclEntry", onACL("DeleteNetworkAclEntry", func(in *ec2.DeleteNetworkAclEntryInput) *string { return in.NetworkAclId }), s.deleteNetworkAclEntry),
		api.Op("ReplaceNetworkAclAssociation", replaceACLNeeds, s.replaceNetworkAclAssociation),
		api.Read("DescribeNetworkAcls", anywhere[ec2.DescribeNetworkAclsInput]("DescribeNetworkAcls"), s.describeNetworkAcls),
	}
}

func aclNeed(c *api.Call, action, id string) (api.Need, error) {
	n, err := existingNeed(c, action, types.ResourceTypeNetworkAcl, id)
	if err != nil {
		return n, err
	}
	n.Context.Set("ec2:NetworkAclID", id)
	if a, err := networkACLs.get(c, id); err == nil {
		n.Context.Set("ec2:Vpc", c.ARN("ec2", "vpc/"+a.VPC))
	}
	return n, nil
}

// onACL is the descriptor of an operation on one network ACL.
func onACL[In any](action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := aclNeed(c, action, aws.ToString(id(in)))
		return []api.Need{n}, err
	}
}

func replaceACLNeeds(c *api.Call, in *ec2.ReplaceNetworkAclAssociationInput) ([]api.Need, error) {
	a, err := aclNeed(c, "ReplaceNetworkAclAssociation", aws.ToString(in.NetworkAclId))
	if err != nil {
		return nil, err
	}
	at, err := subnetOfACLAssociation(c, aws.ToString(in.AssociationId))
	if err != nil && errorCode(err) == "" {
		return nil, err
	}
	n, err := subnetNeed(c, "ReplaceNetworkAclAssociation", either(at.ID, "*"))
	return []api.Need{a, n}, err
}

func (s *Service) existingACL(c *api.Call, id *string) (networkACL, error) {
	if err := s.ensureNetwork(c); err != nil {
		return networkACL{}, err
	}
	return networkACLs.get(c, aws.ToString(id))
}

func (s *Service) createNetworkAcl(c *api.Call, in *ec2.CreateNetworkAclInput) (*ec2.CreateNetworkAclOutput, error) {
	v, err := s.vpcOrDefault(c, aws.String(aws.ToString(in.VpcId)))
	if err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeNetworkAcl))
	if err != nil {
		return nil, err
	}
	earlier, err := usedToken(c, in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	a := newACL(c.NewID("acl-"), v.ID)
	if earlier != "" {
		if a, err = networkACLs.get(c, earlier); err != nil {
			return nil, err
		}
	} else {
		if err := room(aclTable.Find(c.Tx, c.Scope(), "vpc", v.ID), maxACLs, api.Error("NetworkAclLimitExceeded", "The maximum number of network acls has been reached.")); err != nil {
			return nil, err
		}
		if err := a.put(c); err != nil {
			return nil, err
		}
		if err := putTags(c, string(types.ResourceTypeNetworkAcl), a.ID, tags); err != nil {
			return nil, err
		}
		if err := keepToken(c, in.ClientToken, in, a.ID); err != nil {
			return nil, err
		}
	}
	d, err := a.describe(c, tags)
	return &ec2.CreateNetworkAclOutput{NetworkAcl: &d, ClientToken: in.ClientToken}, err
}

func (s *Service) deleteNetworkAcl(c *api.Call, in *ec2.DeleteNetworkAclInput) (*ec2.DeleteNetworkAclOutput, error) {
	a, err := s.existingACL(c, in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	if a.Default {
		return nil, invalidValue("cannot delete default network ACL %s", a.ID)
	}
	used, err := subnetsOfACL(c, a)
	if err != nil {
		return nil, err
	}
	if len(used) > 0 {
		return nil, api.Error("DependencyViolation", "The networkAcl '"+a.ID+"' has dependencies and cannot be deleted.")
	}
	return &ec2.DeleteNetworkAclOutput{}, deleteRow(c, networkACLs, types.ResourceTypeNetworkAcl, a.ID)
}

// entryRequest is what CreateNetworkAclEntry and ReplaceNetworkAclEntry have in
// common.
type entryRequest struct {
	number      *int32
	egress      *bool
	action      types.RuleAction
	protocol    *string
	cidr, cidr6 *string
	ports       *types.PortRange
	icmp        *types.IcmpTypeCode
}

// protocolNumbers are the protocols that a network ACL, which keeps numbers, takes
// by name as well.
var protocolNumbers = map[string]string{"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58", "all": allProtocols}

func (q entryRequest) entry() (aclEntry, error) {
	e := aclEntry{Number: aws.ToInt32(q.number), Egress: aws.ToBool(q.egress), Allow: q.action == types.RuleActionAllow}
	if err := checkEntryNumber(e.Number); err != nil {
		return e, err
	}
	if q.protocol == nil {
		return e, missingParameter("protocol")
	}
	if q.action != types.RuleActionAllow && q.action != types.RuleActionDeny {
		return e, invalidValue("Value (%s) for parameter ruleAction is invalid. Expected: allow, deny.", q.action)
	}
	e.Protocol = strings.ToLower(*q.protocol)
	if n, named := protocolNumbers[e.Protocol]; named {
		e.Protocol = n
	}
	if n, err := strconv.Atoi(e.Protocol); err != nil || n < -1 || n > 255 {
		return e, invalidValue("Invalid value '%s' for IP protocol. Unknown protocol.", *q.protocol)
	}
	var err error
	switch {
	case q.cidr != nil && q.cidr6 != nil:
		return e, invalidCombination("The parameter cidrBlock cannot be used with the parameter ipv6CidrBlock")
	case q.cidr != nil:
		e.CIDR, err = blockOf(*q.cidr, true)
	case q.cidr6 != nil:
		e.CIDR6, err = blockOf(*q.cidr6, false)
	default:
		err = missingParameter("cidrBlock or ipv6CidrBlock")
	}
	if err != nil {
		return e, err
	}
	return q.withPorts(e)
}

// withPorts adds what the entry's protocol wants besides.
func (q entryRequest) withPorts(e aclEntry) (aclEntry, error) {
	switch e.Protocol {
	case "6", "17":
		if q.ports == nil || q.ports.From == nil || q.ports.To == nil {
			return e, invalidValue("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
		}
		for _, port := range []int32{*q.ports.From, *q.ports.To} {
			if port < 0 || port > 65535 {
				return e, invalidValue("TCP/UDP port (%d) out of range", port)
			}
		}
		if *q.ports.From > *q.ports.To {
			return e, invalidValue("Invalid TCP/UDP port range (%d-%d)", *q.ports.From, *q.ports.To)
		}
		e.From, e.To = q.ports.From, q.ports.To
	case "1", "58":
		if q.icmp == nil || q.icmp.Type == nil || q.icmp.Code == nil {
			return e, missingParameter("icmpTypeCode")
		}
		e.Type, e.Code = q.icmp.Type, q.icmp.Code
	}
	return e, nil
}

func checkEntryNumber(n int32) error {
	if n < 1 || n >= lastEntry {
		return invalidValue("Value (%d) for parameter ruleNumber is invalid. Rule numbers must be between 1 and %d.", n, lastEntry-1)
	}
	return nil
}

func (a networkACL) index(number int32, egress bool) int {
	return slices.IndexFunc(a.Entries, func(e aclEntry) bool { return e.Number == number && e.Egress == egress })
}

func noEntry(number int32) error {
	return api.Error("InvalidNetworkAclEntry.NotFound", fmt.Sprintf("The network acl entry identified by rule number %d does not exist.", number))
}

func (s *Service) createNetworkAclEntry(c *api.Call, in *ec2.CreateNetworkAclEntryInput) (*ec2.CreateNetworkAclEntryOutput, error) {
	a, err := s.existingACL(c, in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	e, err := entryRequest{in.RuleNumber, in.Egress, in.RuleAction, in.Protocol, in.CidrBlock, in.Ipv6CidrBlock, in.PortRange, in.IcmpTypeCode}.entry()
	if err != nil {
		return nil, err
	}
	if a.index(e.Number, e.Egress) >= 0 {
		return nil, api.Error("NetworkAclEntryAlreadyExists", fmt.Sprintf("The network acl entry identified by %d already exists.", e.Number))
	}
	there := 0
	for _, other := range a.Entries {
		if other.Egress == e.Egress && other.Number != lastEntry {
			there++
		}
	}
	if there >= maxACLEntries {
		return nil, api.Error("NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached.")
	}
	a.Entries = append(a.Entries, e)
	return &ec2.CreateNetworkAclEntryOutput{}, a.put(c)
}

func (s *Service) replaceNetworkAclEntry(c *api.Call, in *ec2.ReplaceNetworkAclEntryInput) (*ec2.ReplaceNetworkAclEntryOutput, error) {
	a, err := s.existingACL(c, in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	e, err := entryRequest{in.RuleNumber, in.Egress, in.RuleAction, in.Protocol, in.CidrBlock, in.Ipv6CidrBlock, in.PortRange, in.IcmpTypeCode}.entry()
	if err != nil {
		return nil, err
	}
	i := a.index(e.Number, e.Egress)
	if i < 0 {
		return nil, noEntry(e.Number)
	}
	a.Entries[i] = e
	return &ec2.ReplaceNetworkAclEntryOutput{}, a.put(c)
}

func (s *Service) deleteNetworkAclEntry(c *api.Call, in *ec2.DeleteNetworkAclEntryInput) (*ec2.DeleteNetworkAclEntryOutput, error) {
	a, err := s.existingACL(c, in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	number := aws.ToInt32(in.RuleNumber)
	if err := checkEntryNumber(number); err != nil {
		return nil, err
	}
	i := a.index(number, aws.ToBool(in.Egress))
	if i < 0 {
		return nil, noEntry(number)
	}
	a.Entries = slices.Delete(a.Entries, i, i+1)
	return &ec2.DeleteNetworkAclEntryOutput{}, a.put(c)
}

// subnetOfACLAssociation is the subnet that an association of that id is of.
func subnetOfACLAssociation(c *api.Call, id string) (subnet, error) {
	for n, err := range subnetTable.All(c.Tx, c.Scope()) {
		if err != nil || n.ACLAssociation == id && id != "" {
			return n, err
		}
	}
	return subnet{}, api.Error("InvalidAssociationID.NotFound", "The association ID '"+id+"' does not exist")
}

// replaceNetworkAclAssociation gives a subnet another list; the association gets a
// new id.
func (s *Service) replaceNetworkAclAssociation(c *api.Call, in *ec2.ReplaceNetworkAclAssociationInput) (*ec2.ReplaceNetworkAclAssociationOutput, error) {
	a, err := s.existingACL(c, in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	n, err := subnetOfACLAssociation(c, aws.ToString(in.AssociationId))
	if err != nil {
		return nil, err
	}
	if n.VPC != a.VPC {
		return nil, invalidValue("Network ACL %s and subnet %s belong to different networks", a.ID, n.ID)
	}
	n.ACL, n.ACLAssociation = a.ID, c.NewID("aclassoc-")
	if a.Default {
		n.ACL = ""
	}
	return &ec2.ReplaceNetworkAclAssociationOutput{NewAssociationId: aws.String(n.ACLAssociation)}, subnetTable.Put(c.Tx, c.Scope(), n.ID, n)
}
