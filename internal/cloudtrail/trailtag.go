package cloudtrail

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// maxTags is the quota of tags on a trail, maxTagged that of the resources of
// one ListTags (API reference, "AddTags", "ListTags").
const (
	maxTags   = 50
	maxTagged = 20
)

func (s *Service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("AddTags", func(c *api.Call, in *cloudtrail.AddTagsInput) ([]api.Need, error) {
			n, err := s.need(c, "AddTags", aws.ToString(in.ResourceId))
			setRequestTags(&n.Context, in.TagsList)
			return []api.Need{n}, err
		}, s.addTags),
		api.Op("RemoveTags", func(c *api.Call, in *cloudtrail.RemoveTagsInput) ([]api.Need, error) {
			n, err := s.need(c, "RemoveTags", aws.ToString(in.ResourceId))
			if keys := tagKeys(in.TagsList); len(keys) > 0 {
				n.Context.Set("aws:TagKeys", keys...)
			}
			return []api.Need{n}, err
		}, s.removeTags),
		api.Read("ListTags", s.listTagsNeeds, s.listTags),
	}
}

func tagKeys(tags []types.Tag) []string {
	keys := make(map[string]struct{})
	for _, t := range tags {
		keys[aws.ToString(t.Key)] = struct{}{}
	}
	return slices.Sorted(maps.Keys(keys))
}

func setRequestTags(k *access.Context, tags []types.Tag) {
	for _, t := range tags {
		k.Set("aws:RequestTag/"+aws.ToString(t.Key), aws.ToString(t.Value))
	}
	if keys := tagKeys(tags); len(keys) > 0 {
		k.Set("aws:TagKeys", keys...)
	}
}

// listTagsNeeds are the permissions on each trail that is named.
func (s *Service) listTagsNeeds(c *api.Call, in *cloudtrail.ListTagsInput) ([]api.Need, error) {
	named := in.ResourceIdList
	if len(named) == 0 {
		named = []string{"*"}
	}
	needs := make([]api.Need, 0, len(named))
	for _, ref := range named {
		n, err := s.need(c, "ListTags", ref)
		if err != nil {
			return nil, err
		}
		needs = append(needs, n)
	}
	return needs, nil
}

// setTags adds tags, or replaces those of the same keys.
func (t *trail) setTags(tags []types.Tag) error {
	if len(tagKeys(tags)) != len(tags) {
		return invalidTag("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
	}
	for _, tag := range tags {
		if strings.HasPrefix(strings.ToLower(aws.ToString(tag.Key)), "aws:") {
			return invalidTag("Tag key %s is invalid: keys that begin with aws: are reserved.", aws.ToString(tag.Key))
		}
		if t.Tags == nil {
			t.Tags = make(map[string]string)
		}
		t.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	if len(t.Tags) > maxTags {
		return tooManyTags()
	}
	return nil
}

// tagged finds the trail of a tagging operation, which wants its ARN. Tags are
// changed by the trail's owner and the organization's administrators.
func (s *Service) tagged(c *api.Call, arn string, changing bool) (trail, error) {
	if !strings.HasPrefix(arn, "arn:") {
		return trail{}, invalidARN(arn)
	}
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[2] == "cloudtrail" && !strings.HasPrefix(parts[5], "trail/") {
		// Event data stores, channels and dashboards are not built.
		return trail{}, &types.ResourceTypeNotSupportedException{Message: aws.String("The resource type of " + arn + " is not supported.")}
	}
	r, err := parseReference(c, arn)
	if err != nil {
		return trail{}, err
	}
	if r.region != c.Region {
		return trail{}, &types.CloudTrailARNInvalidException{Message: aws.String("Region in ARN is wrong, you can only access resources in region " + c.Region + ".")}
	}
	all, err := s.visible(c.Tx, c.Account)
	if err != nil {
		return trail{}, err
	}
	i := slices.IndexFunc(all, r.means)
	if i < 0 {
		return trail{}, resourceNotFound(arn)
	}
	if changing && all[i].Account != c.Account {
		err = s.administers(c, all[i].Account)
	}
	return all[i], err
}

func (s *Service) addTags(c *api.Call, in *cloudtrail.AddTagsInput) (*cloudtrail.AddTagsOutput, error) {
	t, err := s.tagged(c, aws.ToString(in.ResourceId), true)
	if err != nil {
		return nil, err
	}
	if err := t.setTags(in.TagsList); err != nil {
		return nil, err
	}
	return &cloudtrail.AddTagsOutput{}, put(c.Tx, t)
}

// removeTags removes the tags of those keys; a value that is given must be the
// tag's.
func (s *Service) removeTags(c *api.Call, in *cloudtrail.RemoveTagsInput) (*cloudtrail.RemoveTagsOutput, error) {
	t, err := s.tagged(c, aws.ToString(in.ResourceId), true)
	if err != nil {
		return nil, err
	}
	for _, tag := range in.TagsList {
		if v, ok := t.Tags[aws.ToString(tag.Key)]; ok && (tag.Value == nil || *tag.Value == v) {
			delete(t.Tags, aws.ToString(tag.Key))
		}
	}
	return &cloudtrail.RemoveTagsOutput{}, put(c.Tx, t)
}

func (s *Service) listTags(c *api.Call, in *cloudtrail.ListTagsInput) (*cloudtrail.ListTagsOutput, error) {
	if len(in.ResourceIdList) > maxTagged {
		// The wording rests on no source.
		return nil, &types.InvalidParameterException{Message: aws.String("ResourceIdList can have at most 20 items.")}
	}
	if in.NextToken != nil {
		// "Reserved for future use", says the API reference.
		return nil, &types.InvalidTokenException{Message: aws.String("Invalid token.")}
	}
	out := &cloudtrail.ListTagsOutput{ResourceTagList: []types.ResourceTag{}}
	owner := ""
	for _, arn := range in.ResourceIdList {
		t, err := s.tagged(c, arn, false)
		if err != nil {
			return nil, err
		}
		if owner != "" && t.Account != owner {
			return nil, &types.CloudTrailARNInvalidException{Message: aws.String("You cannot have resources belonging to multiple owners")}
		}
		owner = t.Account
		r := types.ResourceTag{ResourceId: aws.String(arn), TagsList: []types.Tag{}}
		for _, key := range slices.Sorted(maps.Keys(t.Tags)) {
			r.TagsList = append(r.TagsList, types.Tag{Key: aws.String(key), Value: aws.String(t.Tags[key])})
		}
		out.ResourceTagList = append(out.ResourceTagList, r)
	}
	return out, nil
}
