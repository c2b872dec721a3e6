package diagnose

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

var instanceInText = regexp.MustCompile(`\bi-([0-9a-f]{17}|[0-9a-f]{8})\b`)

// InstanceOfVolume is the instance that a volume is attached to.
func InstanceOfVolume(ctx context.Context, c Clients, volume string) (string, error) {
	out, err := c.EC2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{volume}})
	if err != nil {
		return "", fmt.Errorf("describing volume %s (ec2:DescribeVolumes): %w", volume, err)
	}
	for _, v := range out.Volumes {
		for _, a := range v.Attachments {
			if id := aws.ToString(a.InstanceId); id != "" {
				return id, nil
			}
		}
	}
	return "", fmt.Errorf("volume %s is attached to no instance", volume)
}

// maxActivities bounds how many activities of a group are looked at: those of
// about a day of failures.
const maxActivities = 500

// InstanceOfGroup is the last instance that an Auto Scaling group could not
// launch, by the group's activities (Auto Scaling guide, "Verify a scaling
// activity").
func InstanceOfGroup(ctx context.Context, c Clients, group string) (string, error) {
	seen := 0
	pages := autoscaling.NewDescribeScalingActivitiesPaginator(c.AutoScaling, &autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: &group})
	for pages.HasMorePages() && seen < maxActivities {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("reading the activities of group %s (autoscaling:DescribeScalingActivities): %w", group, err)
		}
		for _, a := range page.Activities {
			seen++
			if a.StatusCode != astypes.ScalingActivityStatusCodeFailed && a.StatusCode != astypes.ScalingActivityStatusCodeCancelled {
				continue
			}
			if !strings.HasPrefix(aws.ToString(a.Description), "Launching ") {
				continue
			}
			if id := instanceInText.FindString(aws.ToString(a.Description) + " " + aws.ToString(a.StatusMessage)); id != "" {
				return id, nil
			}
			return "", fmt.Errorf("the group %s failed to launch before there was an instance: %s", group, aws.ToString(a.StatusMessage))
		}
	}
	if seen == 0 {
		return "", fmt.Errorf("there is no Auto Scaling group %s with activities in this account and region", group)
	}
	return "", fmt.Errorf("no launch of group %s has failed lately", group)
}
