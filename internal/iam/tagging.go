package iam

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) tagOperations() []api.Operation {
	return slices.Concat(userTagOperations(), roleTagOperations(), policyTagOperations(), profileTagOperations())
}

func userTagOperations() []api.Operation {
	return []api.Operation{
		op("TagUser", onEntity(userKind, func(in *iam.TagUserInput) *string { return in.UserName }, withTags(func(in *iam.TagUserInput) []types.Tag { return in.Tags })),
			func(c *api.Call, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
				return &iam.TagUserOutput{}, tagEntity(c, userKind, in.UserName, in.Tags)
			}),
		op("UntagUser", onEntity(userKind, func(in *iam.UntagUserInput) *string { return in.UserName }, withKeys(func(in *iam.UntagUserInput) []string { return in.TagKeys })),
			func(c *api.Call, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
				return &iam.UntagUserOutput{}, untagEntity(c, userKind, in.UserName, in.TagKeys)
			}),
		read("ListUserTags", onEntity(userKind, func(in *iam.ListUserTagsInput) *string { return in.UserName }),
			func(c *api.Call, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
				p, err := entityTags(c, userKind, in.UserName, in.Marker, in.MaxItems)
				return &iam.ListUserTagsOutput{Tags: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
			}),
	}
}

func roleTagOperations() []api.Operation {
	return []api.Operation{
		op("TagRole", onEntity(roleKind, func(in *iam.TagRoleInput) *string { return in.RoleName }, withTags(func(in *iam.TagRoleInput) []types.Tag { return in.Tags })),
			func(c *api.Call, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
				return &iam.TagRoleOutput{}, tagEntity(c, roleKind, in.RoleName, in.Tags)
			}),
		op("UntagRole", onEntity(roleKind, func(in *iam.UntagRoleInput) *string { return in.RoleName }, withKeys(func(in *iam.UntagRoleInput) []string { return in.TagKeys })),
			func(c *api.Call, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
				return &iam.UntagRoleOutput{}, untagEntity(c, roleKind, in.RoleName, in.TagKeys)
			}),
		read("ListRoleTags", onEntity(roleKind, func(in *iam.ListRoleTagsInput) *string { return in.RoleName }),
			func(c *api.Call, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
				p, err := entityTags(c, roleKind, in.RoleName, in.Marker, in.MaxItems)
				return &iam.ListRoleTagsOutput{Tags: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
			}),
	}
}

func policyTagOperations() []api.Operation {
	return []api.Operation{
		op("TagPolicy", tagged(onPolicy(func(in *iam.TagPolicyInput) *string { return in.PolicyArn }), withTags(func(in *iam.TagPolicyInput) []types.Tag { return in.Tags })),
			func(c *api.Call, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
				return &iam.TagPolicyOutput{}, changePolicyTags(c, in.PolicyArn, func(t tags) (tags, error) { return t.set(in.Tags, false) })
			}),
		op("UntagPolicy", tagged(onPolicy(func(in *iam.UntagPolicyInput) *string { return in.PolicyArn }), withKeys(func(in *iam.UntagPolicyInput) []string { return in.TagKeys })),
			func(c *api.Call, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
				return &iam.UntagPolicyOutput{}, changePolicyTags(c, in.PolicyArn, func(t tags) (tags, error) { return t.unset(in.TagKeys, false), nil })
			}),
		read("ListPolicyTags", onPolicy(func(in *iam.ListPolicyTagsInput) *string { return in.PolicyArn }),
			func(c *api.Call, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
				found, err := existing(c, in.PolicyArn)
				if err != nil {
					return nil, err
				}
				p, err := tagPage(found.Tags, in.Marker, in.MaxItems)
				return &iam.ListPolicyTagsOutput{Tags: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
			}),
	}
}

func profileTagOperations() []api.Operation {
	return []api.Operation{
		op("TagInstanceProfile", tagged(onProfile(func(in *iam.TagInstanceProfileInput) *string { return in.InstanceProfileName }), withTags(func(in *iam.TagInstanceProfileInput) []types.Tag { return in.Tags })),
			func(c *api.Call, in *iam.TagInstanceProfileInput) (*iam.TagInstanceProfileOutput, error) {
				return &iam.TagInstanceProfileOutput{}, changeProfileTags(c, in.InstanceProfileName, func(t tags) (tags, error) { return t.set(in.Tags, false) })
			}),
		op("UntagInstanceProfile", tagged(onProfile(func(in *iam.UntagInstanceProfileInput) *string { return in.InstanceProfileName }), withKeys(func(in *iam.UntagInstanceProfileInput) []string { return in.TagKeys })),
			func(c *api.Call, in *iam.UntagInstanceProfileInput) (*iam.UntagInstanceProfileOutput, error) {
				return &iam.UntagInstanceProfileOutput{}, changeProfileTags(c, in.InstanceProfileName, func(t tags) (tags, error) { return t.unset(in.TagKeys, false), nil })
			}),
		read("ListInstanceProfileTags", onProfile(func(in *iam.ListInstanceProfileTagsInput) *string { return in.InstanceProfileName }),
			func(c *api.Call, in *iam.ListInstanceProfileTagsInput) (*iam.ListInstanceProfileTagsOutput, error) {
				found, err := getProfile(c.Tx, c.Global(), value(in.InstanceProfileName))
				if err != nil {
					return nil, err
				}
				p, err := tagPage(found.Tags, in.Marker, in.MaxItems)
				return &iam.ListInstanceProfileTagsOutput{Tags: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
			}),
	}
}

// withTags adds the condition keys of tags that are to be set.
func withTags[In any](of func(*In) []types.Tag) func(*api.Call, *In, entity, *target) error {
	return func(_ *api.Call, in *In, _ entity, t *target) error {
		requestTags(&t.context, of(in))
		return nil
	}
}

// withKeys adds the condition key of tags that are to be removed.
func withKeys[In any](of func(*In) []string) func(*api.Call, *In, entity, *target) error {
	return func(_ *api.Call, in *In, _ entity, t *target) error {
		if keys := of(in); len(keys) > 0 {
			t.context.Set("aws:TagKeys", keys...)
		}
		return nil
	}
}

// tagged adds such keys to the target of what is no entity.
func tagged[In any](at func(*api.Call, *In) (target, error), more func(*api.Call, *In, entity, *target) error) func(*api.Call, *In) (target, error) {
	return func(c *api.Call, in *In) (target, error) {
		t, err := at(c, in)
		if err != nil {
			return t, err
		}
		return t, more(c, in, entity{}, &t)
	}
}

func tagEntity(c *api.Call, k *kind, name *string, in []types.Tag) error {
	e, err := k.load(c.Tx, c.Global(), value(name))
	if err != nil {
		return err
	}
	if e.Tags, err = e.Tags.set(in, true); err != nil {
		return err
	}
	return e.save()
}

func untagEntity(c *api.Call, k *kind, name *string, keys []string) error {
	e, err := k.load(c.Tx, c.Global(), value(name))
	if err != nil {
		return err
	}
	e.Tags = e.Tags.unset(keys, true)
	return e.save()
}

func entityTags(c *api.Call, k *kind, name, marker *string, max *int32) (page[types.Tag], error) {
	e, err := k.load(c.Tx, c.Global(), value(name))
	if err != nil {
		return page[types.Tag]{}, err
	}
	return tagPage(e.Tags, marker, max)
}

// sorted is t in the order of the keys.
func (t tags) sorted() tags {
	out := slices.Clone(t)
	slices.SortFunc(out, func(a, b tag) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// tagPage lists tags by their keys.
func tagPage(t tags, marker *string, max *int32) (page[types.Tag], error) {
	all := convert(t.sorted(), func(v tag) types.Tag { return types.Tag{Key: &v.Key, Value: &v.Value} })
	return paginate(all, func(v types.Tag) string { return *v.Key }, marker, max)
}

func changePolicyTags(c *api.Call, arn *string, change func(tags) (tags, error)) error {
	p, err := own(c, arn)
	if err != nil {
		return err
	}
	if p.Tags, err = change(p.Tags); err != nil {
		return err
	}
	return policies.Put(c.Tx, c.Global(), rowID(p.Name), p)
}

func changeProfileTags(c *api.Call, name *string, change func(tags) (tags, error)) error {
	p, err := getProfile(c.Tx, c.Global(), value(name))
	if err != nil {
		return err
	}
	if p.Tags, err = change(p.Tags); err != nil {
		return err
	}
	return profiles.Put(c.Tx, c.Global(), rowID(p.Name), p)
}
