package autoscaling

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
)

// tag is one tag of a group.
type tag struct {
	Value     string
	Propagate bool `json:",omitempty"`
}

const groupResource = "auto-scaling-group"

func (s *Service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateOrUpdateTags", func(c *api.Call, in *autoscaling.CreateOrUpdateTagsInput) ([]api.Need, error) {
			return tagNeeds(c, "CreateOrUpdateTags", in.Tags)
		}, s.createOrUpdateTags),
		api.Op("DeleteTags", func(c *api.Call, in *autoscaling.DeleteTagsInput) ([]api.Need, error) {
			return tagNeeds(c, "DeleteTags", in.Tags)
		}, s.deleteTags),
		api.Read("DescribeTags", anywhere[autoscaling.DescribeTagsInput]("DescribeTags"), s.describeTags),
	}
}

// tagNeeds are the permissions on each group that the request tags.
func tagNeeds(c *api.Call, action string, tags []types.Tag) ([]api.Need, error) {
	of := make(map[string][]types.Tag)
	for _, t := range tags {
		of[aws.ToString(t.ResourceId)] = append(of[aws.ToString(t.ResourceId)], t)
	}
	if len(of) == 0 {
		of[""] = nil
	}
	var needs []api.Need
	for _, name := range sortedKeys(of) {
		n, err := groupNeed(c, action, aws.String(name))
		if err != nil {
			return nil, err
		}
		setRequestTags(&n.Context, of[name])
		needs = append(needs, n)
	}
	return needs, nil
}

// setTags sets tags of the group. A new group's need not name it.
func (g *group) setTags(tags []types.Tag, creating bool) error {
	for _, t := range tags {
		key, v := aws.ToString(t.Key), aws.ToString(t.Value)
		switch {
		case creating && aws.ToString(t.ResourceId) != "" && *t.ResourceId != g.Name:
			return invalid("The tag resource ID %s does not match the Auto Scaling group %s", *t.ResourceId, g.Name)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return invalid("Tag keys starting with 'aws:' are reserved for internal use")
		case utf8.RuneCountInString(key) > 128 || utf8.RuneCountInString(v) > 256:
			return invalid("Tag keys are limited to 128 characters and tag values to 256 characters")
		}
		if g.Tags == nil {
			g.Tags = make(map[string]tag)
		}
		g.Tags[key] = tag{Value: v, Propagate: aws.ToBool(t.PropagateAtLaunch)}
	}
	if len(g.Tags) > maxGroupTags {
		return limitExceeded("tags per Auto Scaling group", maxGroupTags)
	}
	return nil
}

func (g group) describeTags() []types.TagDescription {
	tags := []types.TagDescription{}
	for _, key := range sortedKeys(g.Tags) {
		t := g.Tags[key]
		tags = append(tags, types.TagDescription{
			Key: aws.String(key), Value: aws.String(t.Value), PropagateAtLaunch: aws.Bool(t.Propagate),
			ResourceId: aws.String(g.Name), ResourceType: aws.String(groupResource),
		})
	}
	return tags
}

// taggedGroup finds the group of a tag.
func taggedGroup(c *api.Call, t types.Tag) (group, error) {
	if aws.ToString(t.ResourceType) != groupResource {
		return group{}, invalid("Invalid resource type: %s", aws.ToString(t.ResourceType))
	}
	g, err := groupTable.Get(c.Tx, c.Scope(), aws.ToString(t.ResourceId))
	if err != nil && ignoreNotFound(err) == nil {
		return g, invalid("AutoScalingGroup not found - AutoScaling Group %s not found", aws.ToString(t.ResourceId))
	}
	return g, err
}

func (s *Service) createOrUpdateTags(c *api.Call, in *autoscaling.CreateOrUpdateTagsInput) (*autoscaling.CreateOrUpdateTagsOutput, error) {
	for _, t := range in.Tags {
		g, err := taggedGroup(c, t)
		if err != nil {
			return nil, err
		}
		if err := g.setTags([]types.Tag{t}, false); err != nil {
			return nil, err
		}
		if err := g.put(c); err != nil {
			return nil, err
		}
	}
	return &autoscaling.CreateOrUpdateTagsOutput{}, nil
}

func (s *Service) deleteTags(c *api.Call, in *autoscaling.DeleteTagsInput) (*autoscaling.DeleteTagsOutput, error) {
	for _, t := range in.Tags {
		g, err := taggedGroup(c, t)
		if err != nil {
			return nil, err
		}
		if has, there := g.Tags[aws.ToString(t.Key)]; there && (t.Value == nil || has.Value == *t.Value) {
			delete(g.Tags, aws.ToString(t.Key))
			if err := g.put(c); err != nil {
				return nil, err
			}
		}
	}
	return &autoscaling.DeleteTagsOutput{}, nil
}

// tagFilters are what DescribeTags filters by (API reference, "Filter").
var tagFilters = map[string]func(types.TagDescription) string{
	"auto-scaling-group":  func(t types.TagDescription) string { return *t.ResourceId },
	"key":                 func(t types.TagDescription) string { return *t.Key },
	"value":               func(t types.TagDescription) string { return *t.Value },
	"propagate-at-launch": func(t types.TagDescription) string { return boolKey(*t.PropagateAtLaunch) },
}

func (s *Service) describeTags(c *api.Call, in *autoscaling.DescribeTagsInput) (*autoscaling.DescribeTagsOutput, error) {
	for _, f := range in.Filters {
		if tagFilters[aws.ToString(f.Name)] == nil {
			return nil, invalid("Filter type %s is not correct. Allowed Filter types are: auto-scaling-group key value propagate-at-launch", aws.ToString(f.Name))
		}
	}
	groups, err := rows(groupTable, c)
	if err != nil {
		return nil, err
	}
	var all []types.TagDescription
	for _, g := range groups {
		all = append(all, g.describeTags()...)
	}
	all = slices.DeleteFunc(all, func(t types.TagDescription) bool {
		return slices.ContainsFunc(in.Filters, func(f types.Filter) bool {
			return !slices.Contains(f.Values, tagFilters[aws.ToString(f.Name)](t))
		})
	})
	shown, next, err := page(all, func(t types.TagDescription) string { return *t.ResourceId + "\x00" + *t.Key }, pages100, in.MaxRecords, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &autoscaling.DescribeTagsOutput{Tags: append([]types.TagDescription{}, shown...), NextToken: next}, nil
}
