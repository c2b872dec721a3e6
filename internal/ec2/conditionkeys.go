package ec2

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// resourceARN names a resource of EC2's for policies. Images and snapshots
// have no account in theirs (Service Authorization Reference, "Actions,
// resources, and condition keys for Amazon EC2"). id is "*" for what does not
// exist yet.
func resourceARN(c *api.Call, resourceType types.ResourceType, id string) string {
	account := c.Account
	if resourceType == types.ResourceTypeImage || resourceType == types.ResourceTypeSnapshot {
		account = ""
	}
	return "arn:" + c.Partition + ":ec2:" + c.Region + ":" + account + ":" + string(resourceType) + "/" + id
}

// need is one permission on one resource, with the condition keys that every
// action of EC2's has.
func need(c *api.Call, action string, resourceType types.ResourceType, id string) api.Need {
	n := api.Need{Action: "ec2:" + action, Resource: resourceARN(c, resourceType, id)}
	n.Context.Set("ec2:Region", c.Region)
	return n
}

// anywhere is the descriptor of an action that has no resource type, as the
// Describe actions.
func anywhere[In any](action string) api.Authorize[In] {
	return func(c *api.Call, _ *In) ([]api.Need, error) {
		n := api.Need{Action: "ec2:" + action, Resource: "*"}
		n.Context.Set("ec2:Region", c.Region)
		return []api.Need{n}, nil
	}
}

// setResourceTags gives the tags that the resource has, under both of their
// names.
func setResourceTags(context *access.Context, tags map[string]string) {
	for k, v := range tags {
		context.Set("aws:ResourceTag/"+k, v)
		context.Set("ec2:ResourceTag/"+k, v)
	}
}

// setRequestTags gives the tags that the request carries. Without any the keys
// are absent, which Null conditions test.
func setRequestTags(context *access.Context, tags map[string]string) {
	for k, v := range tags {
		context.Set("aws:RequestTag/"+k, v)
	}
	if len(tags) > 0 {
		context.Set("aws:TagKeys", slices.Sorted(maps.Keys(tags))...)
	}
}

// tagNeeds are the permissions that tags given at creation want besides the
// creation itself: ec2:CreateTags on each kind of resource, with the creating
// action in ec2:CreateAction (EC2 guide, "Grant permission to tag Amazon EC2
// resources during creation").
func tagNeeds(c *api.Call, createAction string, specs []types.TagSpecification) []api.Need {
	var needs []api.Need
	for _, spec := range specs {
		if len(spec.Tags) == 0 || spec.ResourceType == "" {
			continue
		}
		n := need(c, "CreateTags", spec.ResourceType, "*")
		n.Context.Set("ec2:CreateAction", createAction)
		setRequestTags(&n.Context, tagMap(spec.Tags))
		needs = append(needs, n)
	}
	return needs
}

// specTags are the tags of a request for one kind of resource, unchecked, for
// a descriptor's condition keys.
func specTags(specs []types.TagSpecification, resourceType types.ResourceType) map[string]string {
	for _, spec := range specs {
		if spec.ResourceType == resourceType {
			return tagMap(spec.Tags)
		}
	}
	return nil
}

// boolKey is a boolean as condition keys write it.
func boolKey(v bool) string {
	if v {
		return "true"
	}
	return "false"
}
