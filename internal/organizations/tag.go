package organizations

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
)

// tagsMax is AWS's quota of tags on one resource.
const tagsMax = 50

func (s *Service) tagOperations() []api.Operation {
	return []api.Operation{
		change("TagResource", func(_ *api.Call, o *organization, in *organizations.TagResourceInput) target {
			return tagging(on(o.arnOf(aws.ToString(in.ResourceId))), in.Tags)
		}, tagResource),
		change("UntagResource", func(_ *api.Call, o *organization, in *organizations.UntagResourceInput) target {
			t := on(o.arnOf(aws.ToString(in.ResourceId)))
			t.context.Set("aws:TagKeys", in.TagKeys...)
			return t
		}, untagResource),
		read("ListTagsForResource", func(_ *api.Call, o *organization, in *organizations.ListTagsForResourceInput) target {
			return on(o.arnOf(aws.ToString(in.ResourceId)))
		}, listTags),
	}
}

// tagging sets the condition keys of the tags that a request carries.
func tagging(t target, tags []types.Tag) target {
	if len(tags) == 0 {
		return t
	}
	keys := make([]string, 0, len(tags))
	for _, tag := range tags {
		t.context.Set("aws:RequestTag/"+aws.ToString(tag.Key), aws.ToString(tag.Value))
		keys = append(keys, aws.ToString(tag.Key))
	}
	t.context.Set("aws:TagKeys", keys...)
	return t
}

// newTags checks the tags of a request.
func newTags(tags []types.Tag) (map[string]string, error) {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		key := aws.ToString(t.Key)
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return nil, invalid(types.InvalidInputExceptionReasonInvalidSystemTagsParameter, "You specified a tag key that is a system tag. You can't add, edit, or delete system tag keys because they're reserved for AWS use.")
		}
		if _, twice := out[key]; twice {
			return nil, invalid(types.InvalidInputExceptionReasonDuplicateTagKey, "Tag keys must be unique among the tags attached to the same entity.")
		}
		out[key] = aws.ToString(t.Value)
	}
	if len(out) > tagsMax {
		return nil, tagLimit()
	}
	return out, nil
}

func tagLimit() error {
	return constraint(types.ConstraintViolationExceptionReasonMaxTagLimitExceeded, "You have exceeded the number of tags allowed on this resource.")
}

// tag gives something that the request makes its tags.
func (o *organization) tag(id string, tags []types.Tag) error {
	m, err := newTags(tags)
	if err == nil && len(m) > 0 {
		o.setTags(id, m)
	}
	return err
}

func (o *organization) setTags(id string, tags map[string]string) {
	if o.Tags == nil {
		o.Tags = map[string]map[string]string{}
	}
	o.Tags[id] = tags
}

// taggable reports whether there is something of that id that can have tags.
func (o *organization) taggable(id string) bool {
	_, policy := o.Policies[id]
	return policy || o.exists(id) || o.Resource != nil && o.Resource.ID == id
}

func tagResource(_ *api.Call, o *organization, in *organizations.TagResourceInput) (*organizations.TagResourceOutput, error) {
	id := aws.ToString(in.ResourceId)
	if !o.taggable(id) {
		return nil, targetNotFound()
	}
	added, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	tags := maps.Clone(o.Tags[id])
	if tags == nil {
		tags = added
	} else {
		maps.Copy(tags, added)
	}
	if len(tags) > tagsMax {
		return nil, tagLimit()
	}
	o.setTags(id, tags)
	return &organizations.TagResourceOutput{}, nil
}

func untagResource(_ *api.Call, o *organization, in *organizations.UntagResourceInput) (*organizations.UntagResourceOutput, error) {
	id := aws.ToString(in.ResourceId)
	if !o.taggable(id) {
		return nil, targetNotFound()
	}
	for _, key := range in.TagKeys {
		delete(o.Tags[id], key)
	}
	return &organizations.UntagResourceOutput{}, nil
}

func listTags(c *api.Call, in *organizations.ListTagsForResourceInput) (*organizations.ListTagsForResourceOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	id := aws.ToString(in.ResourceId)
	if !o.taggable(id) {
		return nil, targetNotFound()
	}
	keys, next, err := paginate(slices.Sorted(maps.Keys(o.Tags[id])), func(k string) string { return k }, in.NextToken, nil)
	return &organizations.ListTagsForResourceOutput{
		Tags: convert(keys, func(k string) types.Tag { return types.Tag{Key: aws.String(k), Value: aws.String(o.Tags[id][k])} }), NextToken: next,
	}, err
}
