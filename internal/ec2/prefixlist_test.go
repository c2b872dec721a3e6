package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (w *world) prefixList(name string, most int32, cidrs ...string) string {
	w.t.Helper()
	in := &ec2.CreateManagedPrefixListInput{PrefixListName: &name, AddressFamily: aws.String("IPv4"), MaxEntries: &most}
	for _, cidr := range cidrs {
		in.Entries = append(in.Entries, types.AddPrefixListEntry{Cidr: &cidr})
	}
	id := *must[ec2.CreateManagedPrefixListOutput](w, "CreateManagedPrefixList", in).PrefixList.PrefixListId
	w.wait(time.Minute)
	return id
}

func (w *world) prefixEntries(id string, version *int64) []string {
	w.t.Helper()
	var cidrs []string
	for _, e := range must[ec2.GetManagedPrefixListEntriesOutput](w, "GetManagedPrefixListEntries", &ec2.GetManagedPrefixListEntriesInput{PrefixListId: &id, TargetVersion: version}).Entries {
		cidrs = append(cidrs, *e.Cidr)
	}
	return cidrs
}

func TestPrefixLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.prefixList("offices", 2, "203.0.113.0/24")
	modify := &ec2.ModifyManagedPrefixListInput{
		PrefixListId: &id, CurrentVersion: aws.Int64(1), AddEntries: []types.AddPrefixListEntry{{Cidr: aws.String("198.51.100.7/24"), Description: aws.String("north")}},
	}
	if l := must[ec2.ModifyManagedPrefixListOutput](w, "ModifyManagedPrefixList", modify).PrefixList; *l.Version != 2 || l.State != types.PrefixListStateModifyInProgress {
		t.Errorf("the list is %+v", l)
	}
	modify.CurrentVersion = aws.Int64(2)
	w.refused("ModifyManagedPrefixList", modify, "IncorrectState", "modify-in-progress")
	w.wait(time.Minute)
	modify.CurrentVersion = aws.Int64(1)
	w.refused("ModifyManagedPrefixList", modify, "PrefixListVersionMismatch", "The prefix list has the incorrect version number.")
	modify.CurrentVersion, modify.AddEntries[0].Cidr = aws.Int64(2), aws.String("192.0.2.0/24")
	w.refused("ModifyManagedPrefixList", modify, "PrefixListMaxEntriesExceeded", "2")
	if got := w.prefixEntries(id, nil); len(got) != 2 || got[0] != "198.51.100.0/24" {
		t.Errorf("entries %v", got)
	}
	must[ec2.RestoreManagedPrefixListVersionOutput](w, "RestoreManagedPrefixListVersion", &ec2.RestoreManagedPrefixListVersionInput{PrefixListId: &id, CurrentVersion: aws.Int64(2), PreviousVersion: aws.Int64(1)})
	if got := w.prefixEntries(id, nil); len(got) != 1 || got[0] != "203.0.113.0/24" {
		t.Errorf("restored, the entries are %v", got)
	}
	n := w.network("10.0.0.0/16", "10.0.1.0/24")
	must[ec2.CreateRouteOutput](w, "CreateRoute", &ec2.CreateRouteInput{RouteTableId: &n.table, DestinationPrefixListId: &id, GatewayId: &n.gateway})
	group := w.group("web")
	permission := []types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443), PrefixListIds: []types.PrefixListId{{PrefixListId: &id}}}}
	must[ec2.AuthorizeSecurityGroupIngressOutput](w, "AuthorizeSecurityGroupIngress", &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: permission})
	shown := must[ec2.DescribeSecurityGroupsOutput](w, "DescribeSecurityGroups", &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{filter("ip-permission.prefix-list-id", id)}}).SecurityGroups
	if len(shown) != 1 || *shown[0].IpPermissions[0].PrefixListIds[0].PrefixListId != id {
		t.Errorf("groups %+v", shown)
	}
	if got := must[ec2.GetManagedPrefixListAssociationsOutput](w, "GetManagedPrefixListAssociations", &ec2.GetManagedPrefixListAssociationsInput{PrefixListId: &id}).PrefixListAssociations; len(got) != 2 {
		t.Errorf("associations %+v", got)
	}
	w.refused("DeleteManagedPrefixList", &ec2.DeleteManagedPrefixListInput{PrefixListId: &id}, "DependencyViolation", id)
	must[ec2.DeleteRouteOutput](w, "DeleteRoute", &ec2.DeleteRouteInput{RouteTableId: &n.table, DestinationPrefixListId: &id})
	must[ec2.RevokeSecurityGroupIngressOutput](w, "RevokeSecurityGroupIngress", &ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: permission})
	must[ec2.DeleteManagedPrefixListOutput](w, "DeleteManagedPrefixList", &ec2.DeleteManagedPrefixListInput{PrefixListId: &id})
	w.refused("DescribeManagedPrefixLists", &ec2.DescribeManagedPrefixListsInput{PrefixListIds: []string{id}}, "InvalidPrefixListID.NotFound", "The prefix list ID '"+id+"' does not exist")
	amazon := must[ec2.DescribeManagedPrefixListsOutput](w, "DescribeManagedPrefixLists", &ec2.DescribeManagedPrefixListsInput{Filters: []types.Filter{filter("prefix-list-name", "com.amazonaws.us-east-1.s3")}}).PrefixLists
	if len(amazon) != 1 || *amazon[0].OwnerId != "AWS" {
		t.Fatalf("AWS's lists %+v", amazon)
	}
	w.refused("DeleteManagedPrefixList", &ec2.DeleteManagedPrefixListInput{PrefixListId: amazon[0].PrefixListId}, "OperationNotPermitted", "managed by AWS")
	// A list counts as many rules as it may hold.
	large := w.prefixList("large", 61)
	permission[0].PrefixListIds[0].PrefixListId = &large
	w.refused("AuthorizeSecurityGroupIngress", &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: permission}, "RulesPerSecurityGroupLimitExceeded", "maximum number of rules")
}

func TestRulesAreModified(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	group := w.group("web")
	port := func(n int32, cidr string) types.IpPermission {
		return types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: &n, ToPort: &n, IpRanges: []types.IpRange{{CidrIp: &cidr, Description: aws.String("first")}}}
	}
	rules := must[ec2.AuthorizeSecurityGroupIngressOutput](w, "AuthorizeSecurityGroupIngress", &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &group, IpPermissions: []types.IpPermission{port(22, "203.0.113.0/24"), port(80, "203.0.113.0/24")},
	}).SecurityGroupRules
	update := func(id *string, n int32, cidr string) *ec2.ModifySecurityGroupRulesInput {
		return &ec2.ModifySecurityGroupRulesInput{GroupId: &group, SecurityGroupRules: []types.SecurityGroupRuleUpdate{{
			SecurityGroupRuleId: id, SecurityGroupRule: &types.SecurityGroupRuleRequest{IpProtocol: aws.String("tcp"), FromPort: &n, ToPort: &n, CidrIpv4: &cidr, Description: aws.String("new")},
		}}}
	}
	must[ec2.ModifySecurityGroupRulesOutput](w, "ModifySecurityGroupRules", update(rules[0].SecurityGroupRuleId, 2222, "198.51.100.0/24"))
	w.refused("ModifySecurityGroupRules", update(rules[0].SecurityGroupRuleId, 80, "203.0.113.0/24"), "InvalidPermission.Duplicate", "already exists")
	w.refused("ModifySecurityGroupRules", update(aws.String("sgr-0123456789abcdef0"), 80, "203.0.113.0/24"), "InvalidSecurityGroupRuleId.NotFound", "The security group rule ID 'sgr-0123456789abcdef0' does not exist")
	renamed := port(80, "203.0.113.0/24")
	renamed.IpRanges[0].Description = aws.String("renamed")
	must[ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput](w, "UpdateSecurityGroupRuleDescriptionsIngress", &ec2.UpdateSecurityGroupRuleDescriptionsIngressInput{GroupId: &group, IpPermissions: []types.IpPermission{renamed}})
	w.refused("UpdateSecurityGroupRuleDescriptionsIngress", &ec2.UpdateSecurityGroupRuleDescriptionsIngressInput{GroupId: &group, IpPermissions: []types.IpPermission{port(81, "203.0.113.0/24")}}, "InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
	must[ec2.CreateTagsOutput](w, "CreateTags", &ec2.CreateTagsInput{Resources: []string{*rules[0].SecurityGroupRuleId}, Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("ssh")}}})
	got := map[int32]types.SecurityGroupRule{}
	for _, r := range must[ec2.DescribeSecurityGroupRulesOutput](w, "DescribeSecurityGroupRules", &ec2.DescribeSecurityGroupRulesInput{Filters: []types.Filter{filter("group-id", group)}}).SecurityGroupRules {
		got[*r.FromPort] = r
	}
	if r := got[2222]; *r.SecurityGroupRuleId != *rules[0].SecurityGroupRuleId || *r.CidrIpv4 != "198.51.100.0/24" || *r.Description != "new" || len(r.Tags) != 1 {
		t.Errorf("the first rule is %+v", r)
	}
	if r := got[80]; *r.Description != "renamed" {
		t.Errorf("the second is %+v", r)
	}
	if all := must[ec2.GetSecurityGroupsForVpcOutput](w, "GetSecurityGroupsForVpc", &ec2.GetSecurityGroupsForVpcInput{VpcId: must[ec2.DescribeVpcsOutput](w, "DescribeVpcs", &ec2.DescribeVpcsInput{}).Vpcs[0].VpcId}).SecurityGroupForVpcs; len(all) != 2 {
		t.Errorf("groups of the VPC %+v", all)
	}
}

// TestGroupsAcrossAPeering: a rule may name a group across an active peering; once
// that is gone the rule is stale.
func TestGroupsAcrossAPeering(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	groupIn := func(n network) string {
		return *must[ec2.CreateSecurityGroupOutput](w, "CreateSecurityGroup", &ec2.CreateSecurityGroupInput{VpcId: &n.vpc, GroupName: aws.String("peer"), Description: aws.String("test")}).GroupId
	}
	near := w.network("10.0.0.0/16", "10.0.1.0/24")
	own := groupIn(near)
	w.account = otherAccount
	far := w.network("10.1.0.0/16", "10.1.1.0/24")
	theirs := groupIn(far)
	w.account = testAccount
	authorize := &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &own, IpPermissions: []types.IpPermission{{
		IpProtocol: aws.String("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &theirs, UserId: aws.String(otherAccount)}},
	}}}
	w.refused("AuthorizeSecurityGroupIngress", authorize, "InvalidGroup.NotFound", "The security group '"+theirs+"' does not exist")
	id := *must[ec2.CreateVpcPeeringConnectionOutput](w, "CreateVpcPeeringConnection", &ec2.CreateVpcPeeringConnectionInput{VpcId: &near.vpc, PeerVpcId: &far.vpc, PeerOwnerId: aws.String(otherAccount)}).VpcPeeringConnection.VpcPeeringConnectionId
	w.wait(time.Minute)
	w.account = otherAccount
	must[ec2.AcceptVpcPeeringConnectionOutput](w, "AcceptVpcPeeringConnection", &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &id})
	w.account = testAccount
	w.wait(time.Minute)
	made := must[ec2.AuthorizeSecurityGroupIngressOutput](w, "AuthorizeSecurityGroupIngress", authorize).SecurityGroupRules[0].ReferencedGroupInfo
	if *made.VpcPeeringConnectionId != id || *made.PeeringStatus != "active" || *made.UserId != otherAccount {
		t.Errorf("the rule names %+v", made)
	}
	stale := func() int {
		return len(must[ec2.DescribeStaleSecurityGroupsOutput](w, "DescribeStaleSecurityGroups", &ec2.DescribeStaleSecurityGroupsInput{VpcId: &near.vpc}).StaleSecurityGroupSet)
	}
	if stale() != 0 {
		t.Error("a rule is stale that is not")
	}
	w.account = otherAccount
	if refs := must[ec2.DescribeSecurityGroupReferencesOutput](w, "DescribeSecurityGroupReferences", &ec2.DescribeSecurityGroupReferencesInput{GroupId: []string{theirs}}).SecurityGroupReferenceSet; len(refs) != 1 || *refs[0].ReferencingVpcId != near.vpc {
		t.Errorf("references %+v", refs)
	}
	must[ec2.DeleteSecurityGroupOutput](w, "DeleteSecurityGroup", &ec2.DeleteSecurityGroupInput{GroupId: &theirs})
	w.account = testAccount
	if stale() != 1 {
		t.Error("a rule that names a group that is gone is not stale")
	}
	must[ec2.RevokeSecurityGroupIngressOutput](w, "RevokeSecurityGroupIngress", &ec2.RevokeSecurityGroupIngressInput{GroupId: &own, IpPermissions: authorize.IpPermissions})
	if stale() != 0 {
		t.Error("the stale rule was not taken away")
	}
}
