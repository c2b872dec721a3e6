package kms

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// maxTags is AWS's quota of tags per key.
const maxTags = 50

// checkTags refuses what KMS refuses of tags in a request.
func checkTags(tags []kmstypes.Tag) error {
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		if err := reserved(value(t.TagKey)); err != nil {
			return err
		}
		if seen[value(t.TagKey)] {
			return tagError("Duplicate tag keys")
		}
		seen[value(t.TagKey)] = true
	}
	if len(tags) > maxTags {
		return tagError("Too many tags")
	}
	return nil
}

func reserved(key string) error {
	if len(key) >= 4 && strings.EqualFold(key[:4], "aws:") {
		return tagError("Tags beginning with aws: are reserved")
	}
	return nil
}

func tagMap(tags []kmstypes.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[value(t.TagKey)] = value(t.TagValue)
	}
	return m
}

// setRequestTags sets the condition keys of the tags that a request carries.
func setRequestTags(k *access.Context, tags []kmstypes.Tag) {
	if len(tags) == 0 {
		return
	}
	names := make([]string, 0, len(tags))
	for _, t := range tags {
		k.Set("aws:RequestTag/"+value(t.TagKey), value(t.TagValue))
		names = append(names, value(t.TagKey))
	}
	k.Set("aws:TagKeys", names...)
}

func tagParameters(tags []kmstypes.Tag) []any {
	list := make([]any, 0, len(tags))
	for _, t := range tags {
		list = append(list, map[string]any{"tagKey": value(t.TagKey), "tagValue": value(t.TagValue)})
	}
	return list
}

func (s *Service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("TagResource", descriptor[kms.TagResourceInput]{
			action: "TagResource", key: func(in *kms.TagResourceInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.TagResourceInput) error { return checkTags(in.Tags) },
			fill: func(_ *api.Call, in *kms.TagResourceInput, k *access.Context) {
				setRequestTags(k, in.Tags)
			},
			parameters: func(in *kms.TagResourceInput) map[string]any {
				return map[string]any{"keyId": value(in.KeyId), "tags": tagParameters(in.Tags)}
			},
		}.on(s), s.tagResource),
		api.Op("UntagResource", descriptor[kms.UntagResourceInput]{
			action: "UntagResource", key: func(in *kms.UntagResourceInput) *string { return in.KeyId },
			check: func(_ *api.Call, in *kms.UntagResourceInput) error {
				for _, key := range in.TagKeys {
					if err := reserved(key); err != nil {
						return err
					}
				}
				return nil
			},
			fill: func(_ *api.Call, in *kms.UntagResourceInput, k *access.Context) {
				if len(in.TagKeys) > 0 {
					k.Set("aws:TagKeys", in.TagKeys...)
				}
			},
		}.on(s), s.untagResource),
		api.Read("ListResourceTags", descriptor[kms.ListResourceTagsInput]{
			action: "ListResourceTags", key: func(in *kms.ListResourceTagsInput) *string { return in.KeyId },
		}.on(s), s.listResourceTags),
	}
}

func (s *Service) tagResource(c *api.Call, in *kms.TagResourceInput) (*kms.TagResourceOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.key.notPendingDeletion(); err != nil {
		return nil, err
	}
	tags := maps.Clone(t.key.Tags)
	if tags == nil {
		tags = make(map[string]string, len(in.Tags))
	}
	maps.Copy(tags, tagMap(in.Tags))
	if len(tags) > maxTags {
		return nil, tagError("Too many tags")
	}
	t.key.Tags = tags
	respondWithKey(c, t.arn)
	return &kms.TagResourceOutput{}, t.put(c)
}

func (s *Service) untagResource(c *api.Call, in *kms.UntagResourceInput) (*kms.UntagResourceOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.key.notPendingDeletion(); err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(t.key.Tags, key)
	}
	respondWithKey(c, t.arn)
	return &kms.UntagResourceOutput{}, t.put(c)
}

// maxListedTags is both the default and the largest page of ListResourceTags.
const maxListedTags = 50

func (s *Service) listResourceTags(c *api.Call, in *kms.ListResourceTagsInput) (*kms.ListResourceTagsOutput, error) {
	p, err := newPage(in.Limit, in.Marker, maxListedTags, maxListedTags)
	if err != nil {
		return nil, err
	}
	t, err := s.existing(c, in.KeyId, byID)
	if err != nil {
		return nil, err
	}
	out := &kms.ListResourceTagsOutput{Tags: []kmstypes.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(t.key.Tags)) {
		if key < p.from {
			continue
		}
		if p.full(key) {
			break
		}
		out.Tags = append(out.Tags, kmstypes.Tag{TagKey: aws.String(key), TagValue: aws.String(t.key.Tags[key])})
	}
	out.Truncated, out.NextMarker = p.next()
	return out, nil
}
