package iam

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// tagMax is how many tags a resource may have (IAM guide, "Tagging IAM resources").
const tagMax = 50

// tag is a key and its value.
type tag struct{ Key, Value string }

// tags are a resource's, in the order in which they were set.
type tags []tag

// newTags checks the tags of a creation. fold tells that keys are compared
// without regard to case, as those of users and roles are.
func newTags(in []types.Tag, fold bool) (tags, error) { return tags(nil).set(in, fold) }

// set returns t with further tags.
func (t tags) set(in []types.Tag, fold bool) (tags, error) {
	out := slices.Clone(t)
	seen := make(map[string]bool, len(in))
	for _, v := range in {
		key := value(v.Key)
		same := tagKey(key, fold)
		if seen[same] {
			return nil, invalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[same] = true
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return nil, invalidInput("One or more tag keys start with the reserved prefix aws:.")
		}
		next := tag{key, value(v.Value)}
		if i := out.index(key, fold); i >= 0 {
			out[i] = next
		} else {
			out = append(out, next)
		}
	}
	if len(out) > tagMax {
		return nil, exceeded("The number of tags has reached the maximum limit.")
	}
	return out, nil
}

// unset returns t without the tags of those keys. One that is not there is no error.
func (t tags) unset(keys []string, fold bool) tags {
	out := slices.Clone(t)
	for _, k := range keys {
		if i := out.index(k, fold); i >= 0 {
			out = slices.Delete(out, i, i+1)
		}
	}
	return out
}

func (t tags) index(key string, fold bool) int {
	want := tagKey(key, fold)
	return slices.IndexFunc(t, func(v tag) bool { return tagKey(v.Key, fold) == want })
}

func tagKey(key string, fold bool) string {
	if fold {
		return strings.ToLower(key)
	}
	return key
}

// describe is the SDK's form; nil for none, as AWS leaves the element out.
func (t tags) describe() []types.Tag {
	if len(t) == 0 {
		return nil
	}
	return convert(t, func(v tag) types.Tag {
		return types.Tag{Key: aws.String(v.Key), Value: aws.String(v.Value)}
	})
}

// describeAll is describe, for answers that have the element without any tags too.
func (t tags) describeAll() []types.Tag {
	if len(t) == 0 {
		return []types.Tag{}
	}
	return t.describe()
}

// asMap is the form that principals have them in.
func (t tags) asMap() map[string]string {
	if len(t) == 0 {
		return nil
	}
	m := make(map[string]string, len(t))
	for _, v := range t {
		m[v.Key] = v.Value
	}
	return m
}

// context sets the tags under each of the prefixes.
func (t tags) context(k *access.Context, prefixes ...string) {
	for _, v := range t {
		for _, p := range prefixes {
			k.Set(p+v.Key, v.Value)
		}
	}
}

// creation is the target of what is made, with the permission to tag it if tags
// are asked for (IAM guide, "Tags for IAM resources").
func creation(resource string, in []types.Tag, tagAction, boundary string) target {
	t := target{resource: resource}
	requestTags(&t.context, in)
	if boundary != "" {
		t.context.Set("iam:PermissionsBoundary", boundary)
	}
	if len(in) > 0 {
		t.also = []api.Need{{Action: tagAction, Resource: resource, Context: t.context}}
	}
	return t
}

// requestTags sets aws:RequestTag/… and aws:TagKeys.
func requestTags(k *access.Context, in []types.Tag) {
	if len(in) == 0 {
		return
	}
	keys := make([]string, 0, len(in))
	for _, v := range in {
		k.Set("aws:RequestTag/"+value(v.Key), value(v.Value))
		keys = append(keys, value(v.Key))
	}
	k.Set("aws:TagKeys", keys...)
}
