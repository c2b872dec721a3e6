package ec2

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/api"
)

func tag(key, value string) types.Tag {
	return types.Tag{Key: aws.String(key), Value: aws.String(value)}
}

func (w *world) tags(id string) map[string]string {
	w.t.Helper()
	out := must[ec2.DescribeTagsOutput](w, "DescribeTags", &ec2.DescribeTagsInput{Filters: []types.Filter{filter("resource-id", id)}})
	tags := make(map[string]string)
	for _, d := range out.Tags {
		tags[*d.Key] = *d.Value
	}
	return tags
}

func TestTagsAreMergedAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.volume(&ec2.CreateVolumeInput{TagSpecifications: []types.TagSpecification{{
		ResourceType: types.ResourceTypeVolume, Tags: []types.Tag{tag("Name", "data"), tag("env", "test")},
	}}})
	must[ec2.CreateTagsOutput](w, "CreateTags", &ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{tag("Name", "root"), tag("team", "x")}})
	if diff := cmp.Diff(map[string]string{"Name": "root", "env": "test", "team": "x"}, w.tags(id)); diff != "" {
		t.Errorf("after CreateTags (-want +got):\n%s", diff)
	}
	must[ec2.DeleteTagsOutput](w, "DeleteTags", &ec2.DeleteTagsInput{Resources: []string{id}, Tags: []types.Tag{
		tag("Name", "another value"), tag("env", "test"), {Key: aws.String("none")},
	}})
	if diff := cmp.Diff(map[string]string{"Name": "root", "team": "x"}, w.tags(id)); diff != "" {
		t.Errorf("a value that differs keeps the tag (-want +got):\n%s", diff)
	}
	must[ec2.DeleteTagsOutput](w, "DeleteTags", &ec2.DeleteTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: aws.String("Name")}}})
	if diff := cmp.Diff(map[string]string{"team": "x"}, w.tags(id)); diff != "" {
		t.Errorf("a key alone deletes the tag (-want +got):\n%s", diff)
	}
	must[ec2.DeleteTagsOutput](w, "DeleteTags", &ec2.DeleteTagsInput{Resources: []string{id}})
	if got := w.tags(id); len(got) != 0 {
		t.Errorf("without any tag named all go, left %v", got)
	}
}

func TestTagLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.volume(&ec2.CreateVolumeInput{})
	var tags []types.Tag
	for i := range maxTags {
		tags = append(tags, tag(fmt.Sprint("k", i), ""))
	}
	must[ec2.CreateTagsOutput](w, "CreateTags", &ec2.CreateTagsInput{Resources: []string{id}, Tags: tags})
	must[ec2.CreateTagsOutput](w, "CreateTags", &ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{tag("k7", "changed")}})
	w.refused("CreateTags", &ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{tag("one more", "")}}, "TagLimitExceeded", "maximum number of Tags")
}

func TestCreateTagsErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.volume(&ec2.CreateVolumeInput{})
	for _, row := range []struct {
		name          string
		resource      string
		tag           types.Tag
		code, message string
	}{
		{"aws: is reserved", id, tag("aws:x", ""), "InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use"},
		{"in whatever case", id, tag("AWS:x", ""), "InvalidParameterValue", "are reserved for internal use"},
		{"an empty key", id, tag("", "x"), "InvalidParameterValue", "Tag keys cannot be empty"},
		{"a long key", id, tag(strings.Repeat("é", 128), ""), "InvalidParameterValue", "Tag key exceeds the maximum length of 127 characters"},
		{"a long value", id, tag("k", strings.Repeat("é", 257)), "InvalidParameterValue", "Tag value exceeds the maximum length of 256 characters"},
		{"an id of nothing known", "foo-1", tag("k", "v"), "InvalidID", "The ID 'foo-1' is not valid"},
		{"a volume that is not there", "vol-0123456789abcdef0", tag("k", "v"), "InvalidVolume.NotFound", "The volume 'vol-0123456789abcdef0' does not exist."},
		{"a snapshot that is not there", "snap-0123456789abcdef0", tag("k", "v"), "InvalidSnapshot.NotFound", "The snapshot 'snap-0123456789abcdef0' does not exist."},
	} {
		t.Run(row.name, func(t *testing.T) {
			w.refused("CreateTags", &ec2.CreateTagsInput{Resources: []string{row.resource}, Tags: []types.Tag{row.tag}}, row.code, row.message)
		})
	}
	if got := w.tags(id); len(got) != 0 {
		t.Errorf("refused requests left tags %v", got)
	}
}

func TestCreateTagsNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.volume(&ec2.CreateVolumeInput{TagSpecifications: []types.TagSpecification{{
		ResourceType: types.ResourceTypeVolume, Tags: []types.Tag{tag("env", "test")},
	}}})
	got := w.needs("CreateTags", &ec2.CreateTagsInput{Resources: []string{id, "snap-0123456789abcdef0"}, Tags: []types.Tag{tag("b", "2"), tag("a", "1")}})
	want := []string{"ec2:CreateTags arn:aws:ec2:us-east-1:123456789012:volume/" + id, "ec2:CreateTags arn:aws:ec2:us-east-1::snapshot/snap-0123456789abcdef0"}
	if diff := cmp.Diff(want, named(got)); diff != "" {
		t.Fatalf("needs (-want +got):\n%s", diff)
	}
	wantKeys(t, got[0], map[string][]string{
		"aws:ResourceTag/env": {"test"}, "ec2:ResourceTag/env": {"test"}, "aws:RequestTag/a": {"1"},
		"aws:TagKeys": {"a", "b"}, "ec2:Region": {"us-east-1"}, "ec2:CreateAction": nil,
	})
}

// named gives needs as "action resource".
func named(needs []api.Need) []string {
	var out []string
	for _, n := range needs {
		out = append(out, n.Action+" "+n.Resource)
	}
	return out
}

// wantKeys checks condition keys; nil means that the key must be absent.
func wantKeys(t *testing.T, n api.Need, keys map[string][]string) {
	t.Helper()
	for key, want := range keys {
		got, present, _ := n.Context.Get(key)
		if present != (want != nil) || !cmp.Equal(got, want) {
			t.Errorf("%s of %s %s is %q, want %q", key, n.Action, n.Resource, got, want)
		}
	}
}
