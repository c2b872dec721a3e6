package ec2

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// groupChange is a request to add rules to a security group or to remove some:
// the four operations differ in two flags only.
type groupChange struct {
	action      string
	egress      bool
	id, name    *string
	permissions []types.IpPermission
	// The older parameters, for one rule.
	protocol, cidr         *string
	from, to               *int32
	sourceName, sourceUser *string
	ruleIDs                []string // to remove, by id
	specs                  []types.TagSpecification
}

// maxGroupRules is AWS's limit on a group's rules in one direction.
const maxGroupRules = 60

// rules are those that the request names.
func (s *Service) changedRules(c *api.Call, of securityGroup, g groupChange) ([]groupRule, error) {
	if g.sourceUser != nil && g.sourceName == nil {
		return nil, missingParameter("SourceSecurityGroupName")
	}
	single := g.protocol != nil || g.cidr != nil || g.from != nil || g.to != nil || g.sourceName != nil
	permissions := g.permissions
	if single {
		if len(permissions) > 0 {
			return nil, invalidCombination("The parameter ipPermissions may not be used in combination with ipProtocol, fromPort, toPort or cidrIp")
		}
		p := types.IpPermission{IpProtocol: g.protocol, FromPort: g.from, ToPort: g.to}
		if g.cidr != nil {
			p.IpRanges = []types.IpRange{{CidrIp: g.cidr}}
		}
		if g.sourceName != nil {
			p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupName: g.sourceName, UserId: g.sourceUser}}
			if p.IpProtocol == nil {
				p.IpProtocol = aws.String(allProtocols)
			}
		}
		permissions = []types.IpPermission{p}
	}
	if len(permissions) == 0 && len(g.ruleIDs) == 0 {
		return nil, missingParameter("ipPermissions")
	}
	return s.rulesOf(c, of, permissions, g.egress)
}

func (s *Service) groupChangeNeeds(c *api.Call, g groupChange) ([]api.Need, error) {
	needs, err := s.groupNeed(c, g.action, g.id, g.name)
	if err != nil {
		return nil, err
	}
	setRequestTags(&needs[0].Context, specTags(g.specs, types.ResourceTypeSecurityGroupRule))
	return append(needs, tagNeeds(c, g.action, g.specs)...), nil
}

func (s *Service) authorizeGroup(c *api.Call, change groupChange) ([]types.SecurityGroupRule, error) {
	g, err := s.groupOf(c, change.id, change.name)
	if err != nil {
		return nil, err
	}
	rules, err := s.changedRules(c, g, change)
	if err != nil {
		return nil, err
	}
	tags, err := requestTags(change.specs, string(types.ResourceTypeSecurityGroupRule))
	if err != nil {
		return nil, err
	}
	out := []types.SecurityGroupRule{}
	for _, r := range rules {
		if slices.ContainsFunc(g.Rules, r.same) {
			return nil, r.duplicate()
		}
		r.ID = c.NewID("sgr-")
		g.Rules = append(g.Rules, r)
		if err := putTags(c, string(types.ResourceTypeSecurityGroupRule), r.ID, tags); err != nil {
			return nil, err
		}
		out = append(out, r.describe(c, g, tags))
	}
	if err := g.checkLimit(c); err != nil {
		return nil, err
	}
	return out, groupTable.Put(c.Tx, c.Scope(), g.ID, g)
}

func (s *Service) revokeGroup(c *api.Call, change groupChange) ([]types.RevokedSecurityGroupRule, error) {
	g, err := s.groupOf(c, change.id, change.name)
	if err != nil {
		return nil, err
	}
	rules, err := s.changedRules(c, g, change)
	if err != nil {
		return nil, err
	}
	out := []types.RevokedSecurityGroupRule{}
	remove := func(is func(groupRule) bool, missing error) error {
		at := slices.IndexFunc(g.Rules, is)
		if at < 0 {
			return missing
		}
		r := g.Rules[at]
		g.Rules = slices.Delete(slices.Clone(g.Rules), at, at+1)
		out = append(out, r.describeRevoked(g))
		return putTags(c, string(types.ResourceTypeSecurityGroupRule), r.ID, nil)
	}
	for _, id := range change.ruleIDs {
		missing := api.Error("InvalidSecurityGroupRuleId.NotFound", fmt.Sprintf("The security group rule ID '%s' does not exist", id))
		if err := remove(func(r groupRule) bool { return r.ID == id && r.Egress == change.egress }, missing); err != nil {
			return nil, err
		}
	}
	for _, r := range rules {
		missing := api.Error("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		if err := remove(r.same, missing); err != nil {
			return nil, err
		}
	}
	return out, groupTable.Put(c.Tx, c.Scope(), g.ID, g)
}

func (r groupRule) describe(c *api.Call, g securityGroup, tags map[string]string) types.SecurityGroupRule {
	d := types.SecurityGroupRule{
		SecurityGroupRuleId: aws.String(r.ID), SecurityGroupRuleArn: aws.String(c.ARN("ec2", "security-group-rule/"+r.ID)),
		GroupId: aws.String(g.ID), GroupOwnerId: aws.String(c.Account), IsEgress: aws.Bool(r.Egress), IpProtocol: aws.String(r.Protocol),
		FromPort: anyPort(r.From), ToPort: anyPort(r.To), CidrIpv4: text(r.CIDR), CidrIpv6: text(r.CIDR6),
		PrefixListId: text(r.PrefixList), Description: text(r.Description), Tags: describeTags(tags),
	}
	if r.Group != "" {
		d.ReferencedGroupInfo = &types.ReferencedSecurityGroup{
			GroupId: aws.String(r.Group), UserId: aws.String(r.GroupOwner), VpcId: text(r.PeerVPC), VpcPeeringConnectionId: text(r.Peering),
			PeeringStatus: text(r.peeringStatus(c)),
		}
	}
	return d
}

// anyPort is a port as a rule by itself shows it: -1 where the protocol has none.
func anyPort(p *int32) *int32 {
	if p == nil {
		return aws.Int32(-1)
	}
	return p
}

func (r groupRule) describeRevoked(g securityGroup) types.RevokedSecurityGroupRule {
	return types.RevokedSecurityGroupRule{
		SecurityGroupRuleId: aws.String(r.ID), GroupId: aws.String(g.ID), IsEgress: aws.Bool(r.Egress), IpProtocol: aws.String(r.Protocol),
		FromPort: anyPort(r.From), ToPort: anyPort(r.To), CidrIpv4: text(r.CIDR), CidrIpv6: text(r.CIDR6),
		PrefixListId: text(r.PrefixList), ReferencedGroupId: text(r.Group), Description: text(r.Description),
	}
}

func ingressChange(in *ec2.AuthorizeSecurityGroupIngressInput) groupChange {
	return groupChange{
		action: "AuthorizeSecurityGroupIngress", id: in.GroupId, name: in.GroupName, permissions: in.IpPermissions, protocol: in.IpProtocol,
		cidr: in.CidrIp, from: in.FromPort, to: in.ToPort, sourceName: in.SourceSecurityGroupName, sourceUser: in.SourceSecurityGroupOwnerId,
		specs: in.TagSpecifications,
	}
}

func egressChange(in *ec2.AuthorizeSecurityGroupEgressInput) groupChange {
	return groupChange{
		action: "AuthorizeSecurityGroupEgress", egress: true, id: in.GroupId, permissions: in.IpPermissions, protocol: in.IpProtocol,
		cidr: in.CidrIp, from: in.FromPort, to: in.ToPort, sourceName: in.SourceSecurityGroupName, sourceUser: in.SourceSecurityGroupOwnerId,
		specs: in.TagSpecifications,
	}
}

func ingressRevocation(in *ec2.RevokeSecurityGroupIngressInput) groupChange {
	return groupChange{
		action: "RevokeSecurityGroupIngress", id: in.GroupId, name: in.GroupName, permissions: in.IpPermissions, protocol: in.IpProtocol,
		cidr: in.CidrIp, from: in.FromPort, to: in.ToPort, sourceName: in.SourceSecurityGroupName, sourceUser: in.SourceSecurityGroupOwnerId,
		ruleIDs: in.SecurityGroupRuleIds,
	}
}

func egressRevocation(in *ec2.RevokeSecurityGroupEgressInput) groupChange {
	return groupChange{
		action: "RevokeSecurityGroupEgress", egress: true, id: in.GroupId, permissions: in.IpPermissions, protocol: in.IpProtocol,
		cidr: in.CidrIp, from: in.FromPort, to: in.ToPort, sourceName: in.SourceSecurityGroupName, sourceUser: in.SourceSecurityGroupOwnerId,
		ruleIDs: in.SecurityGroupRuleIds,
	}
}

// changing makes the descriptor of one of the four operations.
func changing[In any](s *Service, of func(*In) groupChange) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) { return s.groupChangeNeeds(c, of(in)) }
}

func (s *Service) groupOperations() []api.Operation {
	return []api.Operation{
		api.Read("DescribeSecurityGroups", anywhere[ec2.DescribeSecurityGroupsInput]("DescribeSecurityGroups"), s.describeSecurityGroups),
		api.Read("DescribeSecurityGroupRules", anywhere[ec2.DescribeSecurityGroupRulesInput]("DescribeSecurityGroupRules"), s.describeSecurityGroupRules),
		api.Op("CreateSecurityGroup", s.createSecurityGroupNeeds, s.createSecurityGroup),
		api.Op("DeleteSecurityGroup", func(c *api.Call, in *ec2.DeleteSecurityGroupInput) ([]api.Need, error) {
			return s.groupNeed(c, "DeleteSecurityGroup", in.GroupId, in.GroupName)
		}, s.deleteSecurityGroup),
		api.Op("AuthorizeSecurityGroupIngress", changing(s, ingressChange), func(c *api.Call, in *ec2.AuthorizeSecurityGroupIngressInput) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
			rules, err := s.authorizeGroup(c, ingressChange(in))
			return &ec2.AuthorizeSecurityGroupIngressOutput{Return: aws.Bool(true), SecurityGroupRules: rules}, err
		}),
		api.Op("AuthorizeSecurityGroupEgress", changing(s, egressChange), func(c *api.Call, in *ec2.AuthorizeSecurityGroupEgressInput) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
			rules, err := s.authorizeGroup(c, egressChange(in))
			return &ec2.AuthorizeSecurityGroupEgressOutput{Return: aws.Bool(true), SecurityGroupRules: rules}, err
		}),
		api.Op("RevokeSecurityGroupIngress", changing(s, ingressRevocation), func(c *api.Call, in *ec2.RevokeSecurityGroupIngressInput) (*ec2.RevokeSecurityGroupIngressOutput, error) {
			rules, err := s.revokeGroup(c, ingressRevocation(in))
			return &ec2.RevokeSecurityGroupIngressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: rules}, err
		}),
		api.Op("RevokeSecurityGroupEgress", changing(s, egressRevocation), func(c *api.Call, in *ec2.RevokeSecurityGroupEgressInput) (*ec2.RevokeSecurityGroupEgressOutput, error) {
			rules, err := s.revokeGroup(c, egressRevocation(in))
			return &ec2.RevokeSecurityGroupEgressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: rules}, err
		}),
	}
}

// memberRule is a rule with the group that it belongs to.
type memberRule struct {
	groupRule
	group securityGroup
}

var memberRuleFilters = filterTable[memberRule]{
	"group-id":               func(m memberRule) []string { return some(m.group.ID) },
	"security-group-rule-id": func(m memberRule) []string { return some(m.ID) },
}

func (s *Service) describeSecurityGroupRules(c *api.Call, in *ec2.DescribeSecurityGroupRulesInput) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
		return nil, err
	}
	pages := pageRule{least: 5, most: 1000, ids: "SecurityGroupRuleIds"}
	if err := pages.check(in.MaxResults, in.SecurityGroupRuleIds); err != nil {
		return nil, err
	}
	if err := checkFilters(in.Filters, memberRuleFilters.known); err != nil {
		return nil, err
	}
	missing := slices.Clone(in.SecurityGroupRuleIds)
	var found []tagged[memberRule]
	for g, err := range groupTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		for _, r := range g.Rules {
			missing = slices.DeleteFunc(missing, func(id string) bool { return id == r.ID })
			if len(in.SecurityGroupRuleIds) > 0 && !slices.Contains(in.SecurityGroupRuleIds, r.ID) {
				continue
			}
			tags, err := tagsOf(c, r.ID)
			if err != nil {
				return nil, err
			}
			ok, err := memberRuleFilters.matches(in.Filters, memberRule{r, g}, tags)
			if err != nil {
				return nil, err
			}
			if ok {
				found = append(found, tagged[memberRule]{memberRule{r, g}, tags})
			}
		}
	}
	if len(missing) > 0 {
		return nil, api.Error("InvalidSecurityGroupRuleId.NotFound", fmt.Sprintf("The security group rule ID '%s' does not exist", strings.Join(missing, ", ")))
	}
	slices.SortFunc(found, func(a, b tagged[memberRule]) int { return strings.Compare(a.row.ID, b.row.ID) })
	rows, next, err := page(found, func(t tagged[memberRule]) string { return t.row.ID }, pages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSecurityGroupRulesOutput{SecurityGroupRules: []types.SecurityGroupRule{}, NextToken: next}
	for _, m := range rows {
		out.SecurityGroupRules = append(out.SecurityGroupRules, m.row.describe(c, m.row.group, m.tags))
	}
	return out, nil
}
