package kms

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestTags(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := do[kms.CreateKeyOutput](s, root(), "CreateKey", &kms.CreateKeyInput{Tags: tagList("b", "2", "a", "1")}).KeyMetadata
	check := func(want ...string) {
		t.Helper()
		got := do[kms.ListResourceTagsOutput](s, root(), "ListResourceTags", &kms.ListResourceTagsInput{KeyId: k.Arn}).Tags
		if d := cmp.Diff(tagList(want...), got, cmpopts.IgnoreUnexported(kmstypes.Tag{}), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("tags (-want +got):\n%s", d)
		}
	}
	check("a", "1", "b", "2")
	do[kms.TagResourceOutput](s, root(), "TagResource", &kms.TagResourceInput{KeyId: k.KeyId, Tags: tagList("b", "3", "c", "")})
	check("a", "1", "b", "3", "c", "")
	do[kms.UntagResourceOutput](s, root(), "UntagResource", &kms.UntagResourceInput{KeyId: k.KeyId, TagKeys: []string{"a", "absent"}})
	check("b", "3", "c", "")
	refused(s, root(), "TagResource", &kms.TagResourceInput{KeyId: k.KeyId, Tags: tagList("aws:a", "")}, "TagException", "Tags beginning with aws: are reserved")
	refused(s, root(), "TagResource", &kms.TagResourceInput{KeyId: k.KeyId, Tags: tagList("d", "", "d", "")}, "TagException", "Duplicate tag keys")
	var many []string
	for i := range maxTags - 1 {
		many = append(many, fmt.Sprint("k", i), "v")
	}
	refused(s, root(), "TagResource", &kms.TagResourceInput{KeyId: k.KeyId, Tags: tagList(many...)}, "TagException", "Too many tags")
	check("b", "3", "c", "")
	page := do[kms.ListResourceTagsOutput](s, root(), "ListResourceTags", &kms.ListResourceTagsInput{KeyId: k.Arn, Limit: aws.Int32(1)})
	rest := do[kms.ListResourceTagsOutput](s, root(), "ListResourceTags", &kms.ListResourceTagsInput{KeyId: k.Arn, Marker: page.NextMarker})
	if len(page.Tags) != 1 || !page.Truncated || len(rest.Tags) != 1 || *rest.Tags[0].TagKey != "c" {
		t.Errorf("pages of %d and %d", len(page.Tags), len(rest.Tags))
	}
}
