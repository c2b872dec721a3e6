package autoscaling

import (
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// groupARN names a group. One that is not there has no id yet.
func groupARN(c *api.Call, id, name string) string {
	return c.ARN("autoscaling", "autoScalingGroup:"+id+":autoScalingGroupName/"+name)
}

// groupNeed is a permission on a group that should be there (Service
// Authorization Reference, "Actions, resources, and condition keys for Amazon
// EC2 Auto Scaling"). One that is not is authorized by its name alone, so that
// a caller without permission learns nothing.
func groupNeed(c *api.Call, action string, name *string) (api.Need, error) {
	n := api.Need{Action: "autoscaling:" + action, Resource: groupARN(c, "*", "*")}
	if aws.ToString(name) == "" {
		return n, nil
	}
	n.Resource = groupARN(c, "*", *name)
	g, err := groupTable.Get(c.Tx, c.Scope(), *name)
	if errors.Is(err, store.ErrNotFound) {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	n.Resource = g.arn(c)
	for key, t := range g.Tags {
		n.Context.Set("aws:ResourceTag/"+key, t.Value)
		n.Context.Set("autoscaling:ResourceTag/"+key, t.Value)
	}
	return n, nil
}

// onGroup is the descriptor of an action on the group of the request.
func onGroup[In any](action string, name func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := groupNeed(c, action, name(in))
		return []api.Need{n}, err
	}
}

// onInstance is the descriptor of an action on the group of an instance.
func onInstance[In any](action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		m, err := memberTable.Get(c.Tx, c.Scope(), aws.ToString(id(in)))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		var name *string
		if m.Group != "" {
			name = &m.Group
		}
		n, err := groupNeed(c, action, name)
		return []api.Need{n}, err
	}
}

// anywhere is the descriptor of an action that has no resource type.
func anywhere[In any](action string) api.Authorize[In] {
	return api.Anywhere[In]("autoscaling:" + action)
}

func setRequestTags(k *access.Context, tags []types.Tag) {
	keys := make(map[string]struct{})
	for _, t := range tags {
		k.Set("aws:RequestTag/"+aws.ToString(t.Key), aws.ToString(t.Value))
		keys[aws.ToString(t.Key)] = struct{}{}
	}
	if len(keys) > 0 {
		k.Set("aws:TagKeys", slices.Sorted(maps.Keys(keys))...)
	}
}

func setText(k *access.Context, key string, v *string) {
	if aws.ToString(v) != "" {
		k.Set("autoscaling:"+key, *v)
	}
}

func setNumber(k *access.Context, key string, v *int32) {
	if v != nil {
		k.Set("autoscaling:"+key, strconv.Itoa(int(*v)))
	}
}

// passRole is the permission to hand a role to a service (IAM guide, "Grant a
// user permissions to pass a role to an AWS service").
func passRole(role, to string) api.Need {
	n := api.Need{Action: "iam:PassRole", Resource: role}
	n.Context.Set("iam:PassedToService", to)
	return n
}
