package ec2

import (
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// peerGroup makes a rule about another group: one of the same VPC, or one across
// an active peering, of whichever account (VPC Peering guide, "Update your security
// groups to reference peer security groups").
func (s *Service) peerGroup(c *api.Call, of securityGroup, pair types.UserIdGroupPair, base groupRule) (groupRule, error) {
	r := base
	r.Group = aws.ToString(pair.GroupId)
	if i := slices.IndexFunc(of.Rules, r.same); i >= 0 && r.Group != "" {
		// A rule that is there may be named, and taken away, though it is stale.
		r.GroupOwner, r.Peering, r.PeerVPC = of.Rules[i].GroupOwner, of.Rules[i].Peering, of.Rules[i].PeerVPC
		return r, nil
	}
	owner := either(aws.ToString(pair.UserId), c.Account)
	missing := api.Error("InvalidGroup.NotFound", "The security group '"+aws.ToString(pair.GroupId)+"' does not exist")
	var other securityGroup
	var err error
	switch {
	case owner == c.Account:
		other, err = s.groupOf(c, pair.GroupId, pair.GroupName)
	case pair.GroupId == nil:
		err = missing
	default:
		other, err = groupTable.Get(c.Tx, store.Scope{Account: owner, Region: c.Region}, *pair.GroupId)
		if errors.Is(err, store.ErrNotFound) {
			err = missing
		}
	}
	if err != nil {
		return r, err
	}
	r.Group, r.GroupOwner = other.ID, owner
	if owner == c.Account && other.VPC == of.VPC {
		return r, nil
	}
	p, ok, err := activePeering(c, of.VPC, peer{Account: owner, Region: c.Region, VPC: other.VPC})
	switch {
	case err != nil:
		return r, err
	case !ok && owner != c.Account:
		return r, missing
	case !ok:
		return r, api.Error("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
	}
	r.Peering, r.PeerVPC = p.ID, other.VPC
	return r, nil
}

// peeringStatus is that of the peering which the rule crosses; empty for others.
func (r groupRule) peeringStatus(c *api.Call) string {
	if r.Peering == "" {
		return ""
	}
	p, err := getPeering(c, r.Peering)
	if err != nil {
		return string(types.VpcPeeringConnectionStateReasonCodeDeleted)
	}
	code, _ := p.status(c.Now)
	return string(code)
}

// stale reports whether the rule names a group that is gone, or across a peering
// that is.
func (r groupRule) stale(c *api.Call) (bool, error) {
	if r.Peering == "" {
		return false, nil
	}
	if r.peeringStatus(c) != string(types.VpcPeeringConnectionStateReasonCodeActive) {
		return true, nil
	}
	_, err := groupTable.Get(c.Tx, store.Scope{Account: r.GroupOwner, Region: c.Region}, r.Group)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return false, err
}

func (s *Service) describeSecurityGroupReferences(c *api.Call, in *ec2.DescribeSecurityGroupReferencesInput) (*ec2.DescribeSecurityGroupReferencesOutput, error) {
	if len(in.GroupId) == 0 {
		return nil, missingParameter("GroupId")
	}
	out := &ec2.DescribeSecurityGroupReferencesOutput{SecurityGroupReferenceSet: []types.SecurityGroupReference{}}
	all, err := peeringsHere(c)
	if err != nil {
		return nil, err
	}
	for _, id := range in.GroupId {
		g, err := s.groupOf(c, &id, nil)
		if err != nil {
			return nil, err
		}
		for _, p := range all {
			across, ok := p.other(c, g.VPC)
			if !ok || !p.active(c.Now) || across.Region != c.Region {
				continue
			}
			for other, err := range groupTable.All(c.Tx, across.scope()) {
				if err != nil {
					return nil, err
				}
				if other.VPC == across.VPC && slices.ContainsFunc(other.Rules, func(r groupRule) bool { return r.Group == g.ID && r.Peering == p.ID }) {
					out.SecurityGroupReferenceSet = append(out.SecurityGroupReferenceSet, types.SecurityGroupReference{
						GroupId: aws.String(g.ID), ReferencingVpcId: aws.String(across.VPC), VpcPeeringConnectionId: aws.String(p.ID),
					})
					break
				}
			}
		}
	}
	return out, nil
}

func (s *Service) describeStaleSecurityGroups(c *api.Call, in *ec2.DescribeStaleSecurityGroupsInput) (*ec2.DescribeStaleSecurityGroupsOutput, error) {
	v, err := s.vpcOrDefault(c, aws.String(aws.ToString(in.VpcId)))
	if err != nil {
		return nil, err
	}
	pages := pageRule{least: 5, most: 255}
	if err := pages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	var found []types.StaleSecurityGroup
	for g, err := range groupTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if g.VPC != v.ID {
			continue
		}
		d := types.StaleSecurityGroup{GroupId: aws.String(g.ID), GroupName: aws.String(g.Name), Description: aws.String(g.Description), VpcId: aws.String(g.VPC)}
		for _, r := range g.Rules {
			stale, err := r.stale(c)
			if err != nil {
				return nil, err
			}
			if !stale {
				continue
			}
			shown := types.StaleIpPermission{
				IpProtocol: aws.String(r.Protocol), FromPort: r.From, ToPort: r.To, IpRanges: []string{}, PrefixListIds: []string{},
				UserIdGroupPairs: describePermissions(c, []groupRule{r}, r.Egress)[0].UserIdGroupPairs,
			}
			if r.Egress {
				d.StaleIpPermissionsEgress = append(d.StaleIpPermissionsEgress, shown)
			} else {
				d.StaleIpPermissions = append(d.StaleIpPermissions, shown)
			}
		}
		if len(d.StaleIpPermissions)+len(d.StaleIpPermissionsEgress) > 0 {
			found = append(found, d)
		}
	}
	rows, next, err := page(found, func(g types.StaleSecurityGroup) string { return *g.GroupId }, pages, in.MaxResults, in.NextToken)
	if rows == nil {
		rows = []types.StaleSecurityGroup{}
	}
	return &ec2.DescribeStaleSecurityGroupsOutput{StaleSecurityGroupSet: rows, NextToken: next}, err
}

// getSecurityGroupsForVpc lists the groups that interfaces of a VPC may have.
// None is shared from elsewhere here, so these are the VPC's own.
func (s *Service) getSecurityGroupsForVpc(c *api.Call, in *ec2.GetSecurityGroupsForVpcInput) (*ec2.GetSecurityGroupsForVpcOutput, error) {
	v, err := s.vpcOrDefault(c, aws.String(aws.ToString(in.VpcId)))
	if err != nil {
		return nil, err
	}
	l := groups
	l.pages = pageRule{least: 5, most: 1000}
	l.filters = filterTable[securityGroup]{
		"group-id":       func(g securityGroup) []string { return some(g.ID) },
		"group-name":     func(g securityGroup) []string { return some(g.Name) },
		"description":    func(g securityGroup) []string { return some(g.Description) },
		"owner-id":       func(securityGroup) []string { return some(c.Account) },
		"primary-vpc-id": func(g securityGroup) []string { return some(g.VPC) },
	}
	filters := append(slices.Clone(in.Filters), types.Filter{Name: aws.String("primary-vpc-id"), Values: []string{v.ID}})
	found, next, err := l.find(c, query{nil, filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.GetSecurityGroupsForVpcOutput{SecurityGroupForVpcs: []types.SecurityGroupForVpc{}, NextToken: next}
	for _, g := range found {
		out.SecurityGroupForVpcs = append(out.SecurityGroupForVpcs, types.SecurityGroupForVpc{
			GroupId: aws.String(g.row.ID), GroupName: aws.String(g.row.Name), Description: aws.String(g.row.Description), OwnerId: aws.String(c.Account),
			PrimaryVpcId: aws.String(g.row.VPC), Tags: describeTags(g.tags),
		})
	}
	return out, nil
}

// checkLimit refuses more rules in a direction than a group may have. A prefix
// list counts as many as it may hold (VPC guide, "Amazon VPC quotas").
func (g securityGroup) checkLimit(c *api.Call) error {
	for _, egress := range []bool{false, true} {
		count := 0
		for _, r := range g.Rules {
			if r.Egress != egress {
				continue
			}
			count++
			if r.PrefixList == "" {
				continue
			}
			l, err := prefixListNamed(c, r.PrefixList)
			if err != nil && errorCode(err) == "" {
				return err
			}
			if !l.AWS {
				count += int(l.MaxEntries) - 1
			}
		}
		if count > maxGroupRules {
			return api.Error("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
		}
	}
	return nil
}

func noRule(ids ...string) error {
	return api.Error("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '"+strings.Join(ids, ", ")+"' does not exist")
}
