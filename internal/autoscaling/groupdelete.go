package autoscaling

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

func deleteGroupNeeds(c *api.Call, in *autoscaling.DeleteAutoScalingGroupInput) ([]api.Need, error) {
	n, err := groupNeed(c, "DeleteAutoScalingGroup", in.AutoScalingGroupName)
	n.Context.Set("autoscaling:ForceDelete", boolKey(aws.ToBool(in.ForceDelete)))
	return []api.Need{n}, err
}

// deleteGroup deletes a group. With ForceDelete its instances are terminated
// first, without waiting for lifecycle hooks.
func (s *Service) deleteGroup(c *api.Call, in *autoscaling.DeleteAutoScalingGroupInput) (*autoscaling.DeleteAutoScalingGroupOutput, error) {
	g, err := getGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	force := aws.ToBool(in.ForceDelete)
	if g.Protection == types.DeletionProtectionPreventAllDeletion || force && g.Protection == types.DeletionProtectionPreventForceDeletion {
		return nil, inUse("AutoScalingGroup %s cannot be deleted because its deletion protection is %s.", g.Name, g.Protection)
	}
	members, err := membersOf(c, g.Name)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.DeleteAutoScalingGroupOutput{}
	switch {
	case len(members) == 0:
		return out, removeGroup(c, g)
	case force:
		g.Deleting, g.Min, g.Max, g.Desired = true, 0, 0, 0
		if err := g.put(c); err != nil {
			return nil, err
		}
		return out, s.soon(c, g)
	}
	for _, m := range members {
		if m.active() || m.State == types.LifecycleStateStandby || m.Warm && !m.leaving() {
			return nil, inUse("You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.")
		}
	}
	return nil, activityInProgress("You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group.")
}

// removeGroup takes a group away with all that belongs to it. Its activities
// stay for six weeks.
func removeGroup(c *api.Call, g group) error {
	for _, remove := range []func() error{
		func() error { return removeOf(policyTable, c, g.Name, policy.id) },
		func() error { return removeOf(scheduledTable, c, g.Name, scheduled.id) },
		func() error { return removeOf(refreshTable, c, g.Name, refresh.id) },
		func() error { return removeOf(notificationTable, c, g.Name, notification.id) },
	} {
		if err := remove(); err != nil {
			return err
		}
	}
	if err := asService(c).Schedule(forgetTask, g.ID, activityLife+time.Second, workPayload{Group: g.Name, ID: g.ID}); err != nil {
		return err
	}
	return groupTable.Delete(c.Tx, c.Scope(), g.Name)
}

// byGroup is the index of what belongs to a group, by the group's name.
const byGroup = "group"

func indexByGroup[T any](group func(T) string) store.Index[T] {
	return store.Index[T]{Name: byGroup, Keys: func(_ string, v T) []string { return []string{group(v)} }}
}

// allOf are a group's rows in a table.
func allOf[T any](t *store.Table[T], c *api.Call, group string) ([]T, error) {
	return collect(t.Find(c.Tx, c.Scope(), byGroup, group))
}

func removeOf[T any](t *store.Table[T], c *api.Call, group string, id func(T) string) error {
	all, err := allOf(t, c, group)
	if err != nil {
		return err
	}
	for _, v := range all {
		if err := t.Delete(c.Tx, c.Scope(), id(v)); err != nil {
			return err
		}
	}
	return nil
}
