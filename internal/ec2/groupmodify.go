package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) groupModifyOperations() []api.Operation {
	return []api.Operation{
		api.Op("ModifySecurityGroupRules", s.modifyRulesNeeds, s.modifySecurityGroupRules),
		api.Op("UpdateSecurityGroupRuleDescriptionsIngress", func(c *api.Call, in *ec2.UpdateSecurityGroupRuleDescriptionsIngressInput) ([]api.Need, error) {
			return s.groupNeed(c, "UpdateSecurityGroupRuleDescriptionsIngress", in.GroupId, in.GroupName)
		}, func(c *api.Call, in *ec2.UpdateSecurityGroupRuleDescriptionsIngressInput) (*ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput, error) {
			err := s.describeRulesAnew(c, groupChange{id: in.GroupId, name: in.GroupName, permissions: in.IpPermissions}, in.SecurityGroupRuleDescriptions)
			return &ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput{Return: aws.Bool(true)}, err
		}),
		api.Op("UpdateSecurityGroupRuleDescriptionsEgress", func(c *api.Call, in *ec2.UpdateSecurityGroupRuleDescriptionsEgressInput) ([]api.Need, error) {
			return s.groupNeed(c, "UpdateSecurityGroupRuleDescriptionsEgress", in.GroupId, in.GroupName)
		}, func(c *api.Call, in *ec2.UpdateSecurityGroupRuleDescriptionsEgressInput) (*ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput, error) {
			err := s.describeRulesAnew(c, groupChange{egress: true, id: in.GroupId, name: in.GroupName, permissions: in.IpPermissions}, in.SecurityGroupRuleDescriptions)
			return &ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput{Return: aws.Bool(true)}, err
		}),
		api.Read("DescribeSecurityGroupReferences", func(c *api.Call, in *ec2.DescribeSecurityGroupReferencesInput) ([]api.Need, error) {
			ids := in.GroupId
			if len(ids) == 0 {
				ids = []string{"*"}
			}
			return securityGroupNeeds(c, "DescribeSecurityGroupReferences", ids)
		}, s.describeSecurityGroupReferences),
		api.Read("DescribeStaleSecurityGroups", anywhere[ec2.DescribeStaleSecurityGroupsInput]("DescribeStaleSecurityGroups"), s.describeStaleSecurityGroups),
		api.Read("GetSecurityGroupsForVpc", onVPC("GetSecurityGroupsForVpc", func(in *ec2.GetSecurityGroupsForVpcInput) *string { return in.VpcId }), s.getSecurityGroupsForVpc),
	}
}

// modifyRulesNeeds are on the group, on each rule, and on the prefix lists that
// the rules are to name.
func (s *Service) modifyRulesNeeds(c *api.Call, in *ec2.ModifySecurityGroupRulesInput) ([]api.Need, error) {
	needs, err := s.groupNeed(c, "ModifySecurityGroupRules", in.GroupId, nil)
	if err != nil {
		return nil, err
	}
	for _, u := range in.SecurityGroupRules {
		n, err := existingNeed(c, "ModifySecurityGroupRules", types.ResourceTypeSecurityGroupRule, aws.ToString(u.SecurityGroupRuleId))
		if err != nil {
			return nil, err
		}
		needs = append(needs, n)
		if u.SecurityGroupRule == nil || u.SecurityGroupRule.PrefixListId == nil {
			continue
		}
		if n, err = prefixListNeed(c, "ModifySecurityGroupRules", *u.SecurityGroupRule.PrefixListId); err != nil {
			return nil, err
		}
		needs = append(needs, n)
	}
	return needs, nil
}

// modifySecurityGroupRules puts other rules in the place of a group's, under the
// same ids.
func (s *Service) modifySecurityGroupRules(c *api.Call, in *ec2.ModifySecurityGroupRulesInput) (*ec2.ModifySecurityGroupRulesOutput, error) {
	g, err := s.groupOf(c, in.GroupId, nil)
	if err != nil {
		return nil, err
	}
	if len(in.SecurityGroupRules) == 0 {
		return nil, missingParameter("SecurityGroupRules")
	}
	g.Rules = slices.Clone(g.Rules)
	for _, u := range in.SecurityGroupRules {
		id := aws.ToString(u.SecurityGroupRuleId)
		i := slices.IndexFunc(g.Rules, func(r groupRule) bool { return r.ID == id })
		if i < 0 {
			return nil, noRule(id)
		}
		if u.SecurityGroupRule == nil {
			return nil, missingParameter("SecurityGroupRule")
		}
		made, err := s.rulesOf(c, g, []types.IpPermission{permissionOf(*u.SecurityGroupRule)}, g.Rules[i].Egress)
		if err != nil {
			return nil, err
		}
		if len(made) != 1 {
			// A sentence without a source.
			return nil, invalidCombination("A security group rule must have exactly one source or destination.")
		}
		made[0].ID = id
		others := slices.Delete(slices.Clone(g.Rules), i, i+1)
		if slices.ContainsFunc(others, made[0].same) {
			return nil, made[0].duplicate()
		}
		g.Rules[i] = made[0]
	}
	if err := g.checkLimit(c); err != nil {
		return nil, err
	}
	return &ec2.ModifySecurityGroupRulesOutput{Return: aws.Bool(true)}, groupTable.Put(c.Tx, c.Scope(), g.ID, g)
}

// permissionOf is one rule in the form of the older operations.
func permissionOf(r types.SecurityGroupRuleRequest) types.IpPermission {
	p := types.IpPermission{IpProtocol: r.IpProtocol, FromPort: r.FromPort, ToPort: r.ToPort}
	if r.CidrIpv4 != nil {
		p.IpRanges = []types.IpRange{{CidrIp: r.CidrIpv4, Description: r.Description}}
	}
	if r.CidrIpv6 != nil {
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: r.CidrIpv6, Description: r.Description}}
	}
	if r.PrefixListId != nil {
		p.PrefixListIds = []types.PrefixListId{{PrefixListId: r.PrefixListId, Description: r.Description}}
	}
	if r.ReferencedGroupId != nil {
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: r.ReferencedGroupId, Description: r.Description}}
	}
	return p
}

// describeRulesAnew changes the descriptions of rules, which are named by what
// they allow or by their ids.
func (s *Service) describeRulesAnew(c *api.Call, change groupChange, byID []types.SecurityGroupRuleDescription) error {
	g, err := s.groupOf(c, change.id, change.name)
	if err != nil {
		return err
	}
	switch {
	case len(change.permissions) > 0 && len(byID) > 0:
		return invalidCombination("The parameter ipPermissions may not be used in combination with securityGroupRuleDescriptions")
	case len(change.permissions)+len(byID) == 0:
		return missingParameter("ipPermissions or securityGroupRuleDescriptions")
	}
	g.Rules = slices.Clone(g.Rules)
	rules, err := s.rulesOf(c, g, change.permissions, change.egress)
	if err != nil {
		return err
	}
	for _, r := range rules {
		i := slices.IndexFunc(g.Rules, r.same)
		if i < 0 {
			return api.Error("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		g.Rules[i].Description = r.Description
	}
	for _, d := range byID {
		id := aws.ToString(d.SecurityGroupRuleId)
		i := slices.IndexFunc(g.Rules, func(r groupRule) bool { return r.ID == id && r.Egress == change.egress })
		if i < 0 {
			return noRule(id)
		}
		g.Rules[i].Description = aws.ToString(d.Description)
	}
	return groupTable.Put(c.Tx, c.Scope(), g.ID, g)
}
