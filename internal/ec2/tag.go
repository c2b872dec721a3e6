package ec2

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// AWS's limits on tags (EC2 guide, "Tag restrictions").
const (
	maxTags         = 50
	maxTagKey       = 127 // characters
	maxTagValue     = 256 // characters
	reservedTagMark = "aws:"
)

// tagRow holds what an account has tagged one resource with. The resource may
// be another account's: everybody has their own tags on a shared image.
type tagRow struct {
	ID   string            `json:"id"`
	Type string            `json:"type"` // "volume", as TagDescription has it
	Tags map[string]string `json:"tags"`
}

var tagTable = store.NewTable[tagRow]("ec2.tag")

// tagsOf returns the tags that the call's account has given a resource; none is
// not an error.
func tagsOf(c *api.Call, id string) (map[string]string, error) {
	row, err := tagTable.Get(c.Tx, c.Scope(), id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return row.Tags, nil
}

// putTags sets a resource's tags to exactly these; none removes them, as when
// the resource ends.
func putTags(c *api.Call, resourceType, id string, tags map[string]string) error {
	if len(tags) == 0 {
		return tagTable.Delete(c.Tx, c.Scope(), id)
	}
	return tagTable.Put(c.Tx, c.Scope(), id, tagRow{ID: id, Type: resourceType, Tags: tags})
}

// requestTags returns the tags that a creating request gives to resources of a
// type, and refuses the request if it names types that it does not create.
func requestTags(specs []types.TagSpecification, resourceType string) (map[string]string, error) {
	return requestTagsOf(specs, resourceType, resourceType)
}

// requestTagsOf is requestTags for an operation that creates several types.
func requestTagsOf(specs []types.TagSpecification, resourceType string, creates ...string) (map[string]string, error) {
	var tags map[string]string
	seen := make(map[types.ResourceType]bool)
	for _, spec := range specs {
		switch {
		case spec.ResourceType == "":
			return nil, invalidValue("Tag specification resource type must have a value")
		case !slices.Contains(creates, string(spec.ResourceType)):
			return nil, invalidValue("'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		case seen[spec.ResourceType]:
			return nil, invalidValue("Duplicate resource type '%s' in TagSpecifications.", spec.ResourceType)
		case len(spec.Tags) == 0:
			return nil, invalidValue("Tag specification must have at least one tag")
		}
		seen[spec.ResourceType] = true
		if err := checkTags(spec.Tags); err != nil {
			return nil, err
		}
		if len(spec.Tags) > maxTags {
			return nil, tagLimitExceeded()
		}
		if string(spec.ResourceType) == resourceType {
			tags = tagMap(spec.Tags)
		}
	}
	return tags, nil
}

func tagLimitExceeded() error {
	return api.Error("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
}

func checkTags(tags []types.Tag) error {
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		switch {
		case key == "":
			return invalidValue("Tag keys cannot be empty.")
		case seen[key]:
			return invalidValue("Duplicate tag key '%s' specified.", key)
		case utf8.RuneCountInString(key) > maxTagKey:
			return invalidValue("Tag key exceeds the maximum length of %d characters", maxTagKey)
		case utf8.RuneCountInString(value) > maxTagValue:
			return invalidValue("Tag value exceeds the maximum length of %d characters", maxTagValue)
		}
		if err := checkReserved(key); err != nil {
			return err
		}
		seen[key] = true
	}
	return nil
}

// checkReserved refuses the keys that are AWS's own, in whatever case.
func checkReserved(key string) error {
	if len(key) >= len(reservedTagMark) && strings.EqualFold(key[:len(reservedTagMark)], reservedTagMark) {
		return invalidValue("Value ( %s ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use", key)
	}
	return nil
}

func tagMap(tags []types.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return m
}

// answeredTags shows that there are none, where most Describe operations leave
// the set out: answers that make a resource do, and a few of the network's
// descriptions.
func answeredTags(tags []types.Tag) []types.Tag {
	if tags == nil {
		return []types.Tag{}
	}
	return tags
}

// describeTags gives tags in the SDK's form, sorted by key.
func describeTags(tags map[string]string) []types.Tag {
	var out []types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}
