package ec2

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// securityGroup is a set of firewall rules that interfaces share.
type securityGroup struct {
	ID, Name, Description, VPC string
	Rules                      []groupRule
}

// defaultGroupName is the name of the group that every VPC has.
const defaultGroupName = "default"

var groupTable = store.NewTable("ec2.securitygroup", store.Index[securityGroup]{
	Name: "name", Keys: func(_ string, g securityGroup) []string { return []string{g.VPC + " " + g.Name} },
})

var groups = listing[securityGroup]{
	table: groupTable,
	kind: identifier{
		prefix:    "sg-",
		malformed: "InvalidGroupId.Malformed", malformedText: `Invalid id: "%s" (expecting "sg-...")`,
		missing: "InvalidGroup.NotFound", missingText: "The security group '%s' does not exist",
	},
	id:    func(g securityGroup) string { return g.ID },
	pages: pageRule{least: 5, most: 1000, ids: "GroupIds"},
	filters: groupRuleFilters(filterTable[securityGroup]{
		"description": func(g securityGroup) []string { return some(g.Description) },
		"group-id":    func(g securityGroup) []string { return some(g.ID) },
		"group-name":  func(g securityGroup) []string { return some(g.Name) },
		"vpc-id":      func(g securityGroup) []string { return some(g.VPC) },
	}),
}

func putDefaultSecurityGroup(c *api.Call, v vpc, id partID) error {
	g := securityGroup{
		ID: id("sg-", defaultGroupName), Name: defaultGroupName, Description: "default VPC security group", VPC: v.ID,
	}
	g.Rules = []groupRule{
		{ID: id("sgr-", "ingress"), Protocol: allProtocols, Group: g.ID, GroupOwner: c.Account},
		{ID: id("sgr-", "egress"), Egress: true, Protocol: allProtocols, CIDR: "0.0.0.0/0"},
	}
	return groupTable.Put(c.Tx, c.Scope(), g.ID, g)
}

// groupByName returns a VPC's group of a name.
func groupByName(c *api.Call, vpcID, name string) (securityGroup, bool, error) {
	for g, err := range groupTable.Find(c.Tx, c.Scope(), "name", vpcID+" "+name) {
		return g, err == nil, err
	}
	return securityGroup{}, false, nil
}

// groupOf resolves a request's group, given by id, or by name in the default VPC.
func (s *Service) groupOf(c *api.Call, id, name *string) (securityGroup, error) {
	if err := s.ensureNetwork(c); err != nil {
		return securityGroup{}, err
	}
	switch {
	case aws.ToString(id) != "":
		return groups.get(c, *id)
	case aws.ToString(name) != "":
		v, err := s.defaultVPC(c)
		if err != nil {
			return securityGroup{}, err
		}
		g, ok, err := groupByName(c, v.ID, *name)
		if err == nil && !ok {
			err = noGroupNamed(v, *name)
		}
		return g, err
	default:
		return securityGroup{}, missingParameter("groupName or groupId")
	}
}

func noGroupNamed(v vpc, name string) error {
	return api.Error("InvalidGroup.NotFound", fmt.Sprintf("The security group '%s' does not exist in default VPC '%s'", name, v.ID))
}

func (g securityGroup) describe(c *api.Call, tags map[string]string) types.SecurityGroup {
	return types.SecurityGroup{
		GroupId: aws.String(g.ID), GroupName: aws.String(g.Name), Description: aws.String(g.Description),
		OwnerId: aws.String(c.Account), SecurityGroupArn: aws.String(c.ARN("ec2", "security-group/"+g.ID)), VpcId: aws.String(g.VPC),
		IpPermissions: describePermissions(c, g.Rules, false), IpPermissionsEgress: describePermissions(c, g.Rules, true),
		Tags: describeTags(tags),
	}
}

func (s *Service) describeSecurityGroups(c *api.Call, in *ec2.DescribeSecurityGroupsInput) (*ec2.DescribeSecurityGroupsOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
		return nil, err
	}
	ids := in.GroupIds
	for _, name := range in.GroupNames {
		v, err := s.defaultVPC(c)
		if err != nil {
			return nil, err
		}
		g, ok, err := groupByName(c, v.ID, name)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, noGroupNamed(v, name)
		}
		ids = append(slices.Clone(ids), g.ID)
	}
	found, next, err := groups.owned(c).find(c, query{ids, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSecurityGroupsOutput{SecurityGroups: []types.SecurityGroup{}, NextToken: next}
	for _, g := range found {
		out.SecurityGroups = append(out.SecurityGroups, g.row.describe(c, g.tags))
	}
	return out, nil
}

func (s *Service) createSecurityGroupNeeds(c *api.Call, in *ec2.CreateSecurityGroupInput) ([]api.Need, error) {
	v, _, err := s.findDefaultVPC(c)
	if err != nil {
		return nil, err
	}
	if in.VpcId != nil {
		v.ID = *in.VpcId
	}
	group := need(c, "CreateSecurityGroup", types.ResourceTypeSecurityGroup, "*")
	setRequestTags(&group.Context, specTags(in.TagSpecifications, types.ResourceTypeSecurityGroup))
	network, err := existingNeed(c, "CreateSecurityGroup", types.ResourceTypeVpc, v.ID)
	if err != nil {
		return nil, err
	}
	network.Context.Set("ec2:VpcID", v.ID)
	return append([]api.Need{group, network}, tagNeeds(c, "CreateSecurityGroup", in.TagSpecifications)...), nil
}

// existingNeed is a need on a resource with that id, with its tags.
func existingNeed(c *api.Call, action string, kind types.ResourceType, id string) (api.Need, error) {
	n := need(c, action, kind, id)
	tags, err := tagsOf(c, id)
	setResourceTags(&n.Context, tags)
	return n, err
}

// maxGroupText is the limit of a security group's name and description.
const maxGroupText = 255

func (s *Service) createSecurityGroup(c *api.Call, in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
	v, err := s.vpcOrDefault(c, in.VpcId)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.GroupName)
	if err := checkGroupTexts(name, aws.ToString(in.Description)); err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeSecurityGroup))
	if err != nil {
		return nil, err
	}
	_, exists, err := groupByName(c, v.ID, name)
	if err != nil {
		return nil, err
	}
	if exists {
		return nil, api.Error("InvalidGroup.Duplicate", fmt.Sprintf("The security group '%s' already exists for VPC '%s'", name, v.ID))
	}
	g := securityGroup{ID: c.NewID("sg-"), Name: name, Description: aws.ToString(in.Description), VPC: v.ID}
	g.Rules = []groupRule{{ID: c.NewID("sgr-"), Egress: true, Protocol: allProtocols, CIDR: "0.0.0.0/0"}}
	if err := groupTable.Put(c.Tx, c.Scope(), g.ID, g); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeSecurityGroup), g.ID, tags); err != nil {
		return nil, err
	}
	return &ec2.CreateSecurityGroupOutput{
		GroupId: aws.String(g.ID), SecurityGroupArn: aws.String(c.ARN("ec2", "security-group/"+g.ID)), Tags: describeTags(tags),
	}, nil
}

func checkGroupTexts(name, description string) error {
	switch {
	case name == "":
		return missingParameter("GroupName")
	case description == "":
		return missingParameter("GroupDescription")
	case name == defaultGroupName:
		return api.Error("InvalidParameterValue", "Cannot use reserved security group name: default")
	case strings.HasPrefix(name, "sg-"):
		return invalidValue("Invalid value '%s' for groupName. Group names may not be in the format sg-*.", name)
	case len(name) > maxGroupText:
		return invalidValue("Value (%s) for parameter GroupName is invalid. Character limit of %d exceeded.", name, maxGroupText)
	case len(description) > maxGroupText:
		return invalidValue("Value (%s) for parameter GroupDescription is invalid. Character limit of %d exceeded.", description, maxGroupText)
	case !isGroupText(name):
		return invalidValue("Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", name)
	case !isGroupText(description):
		return invalidValue("Value (%s) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.", description)
	}
	return nil
}

// isGroupText: letters, digits, spaces, and ._-:/()#,@[]+=&;{}!$* (EC2 API
// reference, "CreateSecurityGroup").
func isGroupText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(" ._-:/()#,@[]+=&;{}!$*", r)
	})
}

// groupNeed is the need on an existing group, given by id or name.
func (s *Service) groupNeed(c *api.Call, action string, id, name *string) ([]api.Need, error) {
	key := aws.ToString(id)
	g, err := s.groupOf(c, id, name)
	switch {
	case err == nil:
		key = g.ID
	case errorCode(err) == "":
		return nil, err
	case key == "":
		key = "*"
	}
	n, err := existingNeed(c, action, types.ResourceTypeSecurityGroup, key)
	if g.VPC != "" {
		n.Context.Set("ec2:Vpc", c.ARN("ec2", "vpc/"+g.VPC))
		n.Context.Set("ec2:SecurityGroupID", g.ID)
	}
	return []api.Need{n}, err
}

func (s *Service) deleteSecurityGroup(c *api.Call, in *ec2.DeleteSecurityGroupInput) (*ec2.DeleteSecurityGroupOutput, error) {
	g, err := s.groupOf(c, in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	if g.Name == defaultGroupName {
		return nil, api.Error("CannotDelete", fmt.Sprintf(`the specified group: "%s" name: "%s" cannot be deleted by a user`, g.ID, g.Name))
	}
	used, err := groupInUse(c, g)
	if err != nil {
		return nil, err
	}
	if used {
		return nil, api.Error("DependencyViolation", "resource "+g.ID+" has a dependent object")
	}
	if err := groupTable.Delete(c.Tx, c.Scope(), g.ID); err != nil {
		return nil, err
	}
	for _, r := range g.Rules {
		if err := putTags(c, string(types.ResourceTypeSecurityGroupRule), r.ID, nil); err != nil {
			return nil, err
		}
	}
	if err := putTags(c, string(types.ResourceTypeSecurityGroup), g.ID, nil); err != nil {
		return nil, err
	}
	return &ec2.DeleteSecurityGroupOutput{GroupId: aws.String(g.ID), Return: aws.Bool(true)}, nil
}

// groupInUse reports whether an interface or another group's rule names the group.
// A rule across a peering does not hold it: that rule goes stale.
func groupInUse(c *api.Call, g securityGroup) (bool, error) {
	for _, err := range interfaceTable.Find(c.Tx, c.Scope(), "group", g.ID) {
		return true, err
	}
	for other, err := range groupTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return false, err
		}
		if other.ID != g.ID && slices.ContainsFunc(other.Rules, func(r groupRule) bool { return r.Group == g.ID && r.Peering == "" }) {
			return true, nil
		}
	}
	return false, nil
}
