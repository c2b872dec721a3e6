package ec2

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// maxTaggedResources is AWS's limit on the ids of one CreateTags or DeleteTags.
const maxTaggedResources = 1000

func (s *Service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateTags", s.createTagsNeeds, s.createTags),
		api.Op("DeleteTags", s.deleteTagsNeeds, s.deleteTags),
		api.Read("DescribeTags", anywhere[ec2.DescribeTagsInput]("DescribeTags"), s.describeTags),
	}
}

func (s *Service) createTagsNeeds(c *api.Call, in *ec2.CreateTagsInput) ([]api.Need, error) {
	return tagResourceNeeds(c, "CreateTags", in.Resources, in.Tags)
}

func (s *Service) deleteTagsNeeds(c *api.Call, in *ec2.DeleteTagsInput) ([]api.Need, error) {
	return tagResourceNeeds(c, "DeleteTags", in.Resources, in.Tags)
}

func tagResourceNeeds(c *api.Call, action string, ids []string, tags []types.Tag) ([]api.Need, error) {
	if len(ids) == 0 {
		return nil, missingParameter("resourceIdSet")
	}
	c.Event.RequestParameters = tagEventParameters(ids, tags)
	request := tagMap(tags)
	var needs []api.Need
	for _, id := range ids {
		resourceType, ok := resourceTypeOf(id)
		if !ok {
			return nil, invalidID(id)
		}
		named := id
		if resourceType == types.ResourceTypePlacementGroup {
			// Its ARN has its name.
			g, err := placementGroupWithID(c, id)
			if err != nil && errorCode(err) == "" {
				return nil, err
			}
			named = either(g.Name, "*")
		}
		n := need(c, action, resourceType, named)
		has, err := tagsOf(c, id)
		if err != nil {
			return nil, err
		}
		setResourceTags(&n.Context, has)
		setRequestTags(&n.Context, request)
		needs = append(needs, n)
	}
	return needs, nil
}

func (s *Service) createTags(c *api.Call, in *ec2.CreateTagsInput) (*ec2.CreateTagsOutput, error) {
	if err := checkTagged(in.Resources); err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, missingParameter("Tag")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	for _, id := range in.Resources {
		resourceType, err := s.existing(c, id)
		if err != nil {
			return nil, err
		}
		tags, err := tagsOf(c, id)
		if err != nil {
			return nil, err
		}
		merged := maps.Clone(tags)
		if merged == nil {
			merged = make(map[string]string)
		}
		maps.Copy(merged, tagMap(in.Tags))
		if len(merged) > maxTags {
			return nil, tagLimitExceeded()
		}
		if err := putTags(c, string(resourceType), id, merged); err != nil {
			return nil, err
		}
	}
	return &ec2.CreateTagsOutput{}, nil
}

// deleteTags removes tags: all that a user made if none are named, those of a
// key if only the key is given, those of key and value if both are.
func (s *Service) deleteTags(c *api.Call, in *ec2.DeleteTagsInput) (*ec2.DeleteTagsOutput, error) {
	if err := checkTagged(in.Resources); err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		if err := checkReserved(aws.ToString(t.Key)); err != nil {
			return nil, err
		}
	}
	for _, id := range in.Resources {
		resourceType, err := s.existing(c, id)
		if err != nil {
			return nil, err
		}
		tags, err := tagsOf(c, id)
		if err != nil {
			return nil, err
		}
		left := maps.Clone(tags)
		if len(in.Tags) == 0 {
			maps.DeleteFunc(left, func(k, _ string) bool { return checkReserved(k) == nil })
		}
		for _, t := range in.Tags {
			key := aws.ToString(t.Key)
			if t.Value == nil || left[key] == *t.Value {
				delete(left, key)
			}
		}
		if err := putTags(c, string(resourceType), id, left); err != nil {
			return nil, err
		}
	}
	return &ec2.DeleteTagsOutput{}, nil
}

func checkTagged(ids []string) error {
	if len(ids) == 0 {
		return missingParameter("resourceIdSet")
	}
	if len(ids) > maxTaggedResources {
		return invalidValue("The maximum number of resources that can be specified in a single call is %d.", maxTaggedResources)
	}
	return nil
}

// taggablePrefixes maps the beginning of an id to what it is an id of. A type
// that is here and has no rows yet answers as for any id that does not exist.
var taggablePrefixes = map[string]types.ResourceType{
	"i-":      types.ResourceTypeInstance,
	"vol-":    types.ResourceTypeVolume,
	"snap-":   types.ResourceTypeSnapshot,
	"ami-":    types.ResourceTypeImage,
	"vpc-":    types.ResourceTypeVpc,
	"subnet-": types.ResourceTypeSubnet,
	"sg-":     types.ResourceTypeSecurityGroup,
	"eni-":    types.ResourceTypeNetworkInterface,
	"igw-":    types.ResourceTypeInternetGateway,
	"rtb-":    types.ResourceTypeRouteTable,
	"key-":    types.ResourceTypeKeyPair,
	"lt-":     types.ResourceTypeLaunchTemplate,
	"sir-":    types.ResourceTypeSpotInstancesRequest,
	"fleet-":  types.ResourceTypeFleet,
	"cr-":     types.ResourceTypeCapacityReservation,
	"sfr-":    types.ResourceTypeSpotFleetRequest,
	"pg-":     types.ResourceTypePlacementGroup,
	"vpce-":   types.ResourceTypeVpcEndpoint,

	"eipalloc-": types.ResourceTypeElasticIp,
	"dopt-":     types.ResourceTypeDhcpOptions,
	"acl-":      types.ResourceTypeNetworkAcl,
	"nat-":      types.ResourceTypeNatgateway,
	"pl-":       types.ResourceTypePrefixList,
	"sgr-":      types.ResourceTypeSecurityGroupRule,
	"pcx-":      types.ResourceTypeVpcPeeringConnection,
}

// resourceTypeOf reads an id's type off its prefix.
func resourceTypeOf(id string) (types.ResourceType, bool) {
	i := strings.IndexByte(id, '-')
	if i < 0 {
		return "", false
	}
	t, ok := taggablePrefixes[id[:i+1]]
	return t, ok
}

func invalidID(id string) error {
	return api.Error("InvalidID", "The ID '"+id+"' is not valid")
}

// existing returns an id's type, and the type's own error where nothing has
// the id.
func (s *Service) existing(c *api.Call, id string) (types.ResourceType, error) {
	resourceType, ok := resourceTypeOf(id)
	if !ok {
		return "", invalidID(id)
	}
	var err error
	switch resourceType {
	case types.ResourceTypeVolume:
		_, err = s.getVolume(c, id)
	case types.ResourceTypeSnapshot:
		_, err = s.getSnapshot(c, id)
	case types.ResourceTypeImage:
		_, err = s.image(c, id)
	case types.ResourceTypeInstance:
		_, err = s.getInstance(c, id)
	case types.ResourceTypeVpc:
		_, err = vpcs.get(c, id)
	case types.ResourceTypeSubnet:
		_, err = subnets.get(c, id)
	case types.ResourceTypeSecurityGroup:
		_, err = groups.get(c, id)
	case types.ResourceTypeNetworkInterface:
		_, err = interfaces.get(c, id)
	case types.ResourceTypeInternetGateway:
		_, err = gateways.get(c, id)
	case types.ResourceTypeRouteTable:
		_, err = routeTables.get(c, id)
	case types.ResourceTypeVpcEndpoint:
		_, err = vpcEndpoints.get(c, id)
	case types.ResourceTypeCapacityReservation:
		_, err = capacityReservations.get(c, id)
	case types.ResourceTypeSpotFleetRequest:
		_, err = getSpotFleet(c, id)
	case types.ResourceTypeFleet:
		err = fleetExists(c, id)
	case types.ResourceTypeSpotInstancesRequest:
		_, err = spotRequests.get(c, id)
	case types.ResourceTypeLaunchTemplate:
		_, err = templates.get(c, id)
	case types.ResourceTypeDhcpOptions:
		_, err = dhcpSets.get(c, id)
	case types.ResourceTypeNetworkAcl:
		_, err = networkACLs.get(c, id)
	case types.ResourceTypePrefixList:
		_, err = ownPrefixList(c, &id)
	case types.ResourceTypeSecurityGroupRule:
		err = groupRuleExists(c, id)
	case types.ResourceTypeNatgateway:
		_, err = natGateways.get(c, id)
	case types.ResourceTypeVpcPeeringConnection:
		_, err = getPeering(c, id)
	case types.ResourceTypeElasticIp:
		_, err = elasticAddresses.get(c, id)
	case types.ResourceTypePlacementGroup:
		_, err = placementGroupWithID(c, id)
	case types.ResourceTypeKeyPair:
		err = keyPairExists(c, id)
	default:
		err = invalidID(id)
	}
	return resourceType, err
}

// keyPairExists tells whether a key pair has the id: key pairs are kept by name.
func keyPairExists(c *api.Call, id string) error {
	for k, err := range keyPairTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return err
		}
		if k.ID == id {
			return nil
		}
	}
	return api.Error("InvalidKeyPair.NotFound", "The key pair ID '"+id+"' does not exist")
}

// groupRuleExists tells whether a security group's rule has the id: rules are kept
// with their groups.
func groupRuleExists(c *api.Call, id string) error {
	for g, err := range groupTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return err
		}
		if slices.ContainsFunc(g.Rules, func(r groupRule) bool { return r.ID == id }) {
			return nil
		}
	}
	return noRule(id)
}

var describeTagsPages = pageRule{least: 5, most: 1000}

func (s *Service) describeTags(c *api.Call, in *ec2.DescribeTagsInput) (*ec2.DescribeTagsOutput, error) {
	if err := describeTagsPages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	if err := checkFilters(in.Filters, func(name string) bool {
		_, known := tagDescriptionFilter(types.TagDescription{}, name)
		return known
	}); err != nil {
		return nil, err
	}
	var found []types.TagDescription
	for row, err := range tagTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		for _, k := range slices.Sorted(maps.Keys(row.Tags)) {
			d := types.TagDescription{
				Key: aws.String(k), Value: aws.String(row.Tags[k]),
				ResourceId: aws.String(row.ID), ResourceType: types.ResourceType(row.Type),
			}
			ok, err := matches(in.Filters, func(name string) ([]string, bool) { return tagDescriptionFilter(d, name) })
			if err != nil {
				return nil, err
			}
			if ok {
				found = append(found, d)
			}
		}
	}
	// A row's key orders as its id and tag key do: no id holds a zero byte.
	key := func(d types.TagDescription) string { return *d.ResourceId + "\x00" + *d.Key }
	rows, next, err := page(found, key, describeTagsPages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeTagsOutput{Tags: rows, NextToken: next}, nil
}

// tagDescriptionFilter gives a tag's values under DescribeTags' filters. Here
// tag:Key asks for the tag itself, not for all tags of a resource that has it.
func tagDescriptionFilter(d types.TagDescription, name string) ([]string, bool) {
	key, value := aws.ToString(d.Key), aws.ToString(d.Value)
	switch name {
	case "key":
		return []string{key}, true
	case "value":
		return []string{value}, true
	case "resource-id":
		return []string{aws.ToString(d.ResourceId)}, true
	case "resource-type":
		return []string{string(d.ResourceType)}, true
	}
	if want, ok := strings.CutPrefix(name, "tag:"); ok {
		if want == key {
			return []string{value}, true
		}
		return nil, true
	}
	return nil, false
}
