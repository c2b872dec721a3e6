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
func (t *trail) setTags(tags []types.Tag) (err error) {
	t.Tags, err = withTags(t.Tags, tags)
	return err
}

// tagged finds the trail of a tagging operation, which wants its ARN. Tags are
// changed by the trail's owner and the organization's administrators.
func (s *Service) tagged(c *api.Call, arn string, changing bool) (trail, error) {
	if !strings.HasPrefix(arn, "arn:") {
		return trail{}, invalidARN(arn)
	}
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[2] == "cloudtrail" && !strings.HasPrefix(parts[5], "trail/") {
		// Channels and dashboards are not built.
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

// tagging is what tags are on: a trail or an event data store.
type tagging struct {
	owner string
	tags  map[string]string
	put   func(map[string]string) error
}

// resource finds what a tagging operation names.
func (s *Service) resource(c *api.Call, arn string, changing bool) (tagging, error) {
	if isDataStoreARN(arn) {
		if _, err := dataStoreID(c, arn); err != nil {
			return tagging{}, err
		}
		d, err := s.findDataStore(c, arn)
		if err != nil {
			return tagging{}, resourceNotFound(arn)
		}
		if changing && !d.Deleted.IsZero() {
			return tagging{}, inactiveDataStore(d)
		}
		return tagging{d.Account, d.Tags, func(tags map[string]string) error {
			d.Tags = tags
			return putDataStore(c.Tx, d)
		}}, nil
	}
	t, err := s.tagged(c, arn, changing)
	return tagging{t.Account, t.Tags, func(tags map[string]string) error {
		t.Tags = tags
		return put(c.Tx, t)
	}}, err
}

func (s *Service) addTags(c *api.Call, in *cloudtrail.AddTagsInput) (*cloudtrail.AddTagsOutput, error) {
	t, err := s.resource(c, aws.ToString(in.ResourceId), true)
	if err != nil {
		return nil, err
	}
	tags, err := withTags(t.tags, in.TagsList)
	if err != nil {
		return nil, err
	}
	return &cloudtrail.AddTagsOutput{}, t.put(tags)
}

// removeTags removes the tags of those keys; a value that is given must be the
// tag's.
func (s *Service) removeTags(c *api.Call, in *cloudtrail.RemoveTagsInput) (*cloudtrail.RemoveTagsOutput, error) {
	t, err := s.resource(c, aws.ToString(in.ResourceId), true)
	if err != nil {
		return nil, err
	}
	for _, tag := range in.TagsList {
		if v, ok := t.tags[aws.ToString(tag.Key)]; ok && (tag.Value == nil || *tag.Value == v) {
			delete(t.tags, aws.ToString(tag.Key))
		}
	}
	return &cloudtrail.RemoveTagsOutput{}, t.put(t.tags)
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
		t, err := s.resource(c, arn, false)
		if err != nil {
			return nil, err
		}
		if owner != "" && t.owner != owner {
			return nil, &types.CloudTrailARNInvalidException{Message: aws.String("You cannot have resources belonging to multiple owners")}
		}
		owner = t.owner
		r := types.ResourceTag{ResourceId: aws.String(arn), TagsList: []types.Tag{}}
		for _, key := range slices.Sorted(maps.Keys(t.tags)) {
			r.TagsList = append(r.TagsList, types.Tag{Key: aws.String(key), Value: aws.String(t.tags[key])})
		}
		out.ResourceTagList = append(out.ResourceTagList, r)
	}
	return out, nil
}
