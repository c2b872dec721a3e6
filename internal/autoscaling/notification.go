package autoscaling

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// notification is a topic that a group's events go to. It is kept and shown;
// there is no topic here to publish to.
type notification struct {
	Group, Topic string
	Types        []string
}

var notificationTable = store.NewTable("autoscaling.notification", indexByGroup(func(n notification) string { return n.Group }))

func (n notification) id() string { return store.Key(n.Group, n.Topic) }

var notificationTypes = []string{
	"autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
	"autoscaling:EC2_INSTANCE_TERMINATE", "autoscaling:EC2_INSTANCE_TERMINATE_ERROR", "autoscaling:TEST_NOTIFICATION",
}

func (s *Service) notificationOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutNotificationConfiguration", onGroup("PutNotificationConfiguration", func(in *autoscaling.PutNotificationConfigurationInput) *string { return in.AutoScalingGroupName }), s.putNotification),
		api.Read("DescribeNotificationConfigurations", anywhere[autoscaling.DescribeNotificationConfigurationsInput]("DescribeNotificationConfigurations"), s.describeNotifications),
		api.Op("DeleteNotificationConfiguration", onGroup("DeleteNotificationConfiguration", func(in *autoscaling.DeleteNotificationConfigurationInput) *string { return in.AutoScalingGroupName }), s.deleteNotification),
	}
}

func (s *Service) putNotification(c *api.Call, in *autoscaling.PutNotificationConfigurationInput) (*autoscaling.PutNotificationConfigurationOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	n := notification{Group: g.Name, Topic: aws.ToString(in.TopicARN), Types: in.NotificationTypes}
	if parts := strings.SplitN(n.Topic, ":", 6); len(parts) != 6 || parts[0] != "arn" || parts[2] != "sns" {
		return nil, invalid("Invalid Topic ARN: %s", n.Topic)
	}
	for _, t := range n.Types {
		if !slices.Contains(notificationTypes, t) {
			return nil, invalid("%s is not a valid notification type", t)
		}
	}
	all, err := allOf(notificationTable, c, g.Name)
	if err != nil {
		return nil, err
	}
	if len(all) >= maxTopics && !slices.ContainsFunc(all, func(other notification) bool { return other.Topic == n.Topic }) {
		return nil, limitExceeded("SNS topics per Auto Scaling group", maxTopics)
	}
	return &autoscaling.PutNotificationConfigurationOutput{}, notificationTable.Put(c.Tx, c.Scope(), n.id(), n)
}

func (s *Service) describeNotifications(c *api.Call, in *autoscaling.DescribeNotificationConfigurationsInput) (*autoscaling.DescribeNotificationConfigurationsOutput, error) {
	all, err := rows(notificationTable, c)
	if err != nil {
		return nil, err
	}
	var list []types.NotificationConfiguration
	for _, n := range all {
		if len(in.AutoScalingGroupNames) > 0 && !slices.Contains(in.AutoScalingGroupNames, n.Group) {
			continue
		}
		for _, t := range n.Types {
			list = append(list, types.NotificationConfiguration{AutoScalingGroupName: aws.String(n.Group), TopicARN: aws.String(n.Topic), NotificationType: aws.String(t)})
		}
	}
	key := func(n types.NotificationConfiguration) string {
		return store.Key(*n.AutoScalingGroupName, *n.TopicARN, *n.NotificationType)
	}
	slices.SortFunc(list, func(a, b types.NotificationConfiguration) int { return strings.Compare(key(a), key(b)) })
	shown, next, err := page(list, key, pages100, in.MaxRecords, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &autoscaling.DescribeNotificationConfigurationsOutput{NotificationConfigurations: append([]types.NotificationConfiguration{}, shown...), NextToken: next}, nil
}

func (s *Service) deleteNotification(c *api.Call, in *autoscaling.DeleteNotificationConfigurationInput) (*autoscaling.DeleteNotificationConfigurationOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	n := notification{Group: g.Name, Topic: aws.ToString(in.TopicARN)}
	return &autoscaling.DeleteNotificationConfigurationOutput{}, notificationTable.Delete(c.Tx, c.Scope(), n.id())
}
