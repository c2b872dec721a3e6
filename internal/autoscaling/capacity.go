package autoscaling

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) capacityOperations() []api.Operation {
	return []api.Operation{
		api.Op("SetDesiredCapacity", onGroup("SetDesiredCapacity", func(in *autoscaling.SetDesiredCapacityInput) *string { return in.AutoScalingGroupName }), s.setDesiredCapacity),
	}
}

func (s *Service) setDesiredCapacity(c *api.Call, in *autoscaling.SetDesiredCapacityInput) (*autoscaling.SetDesiredCapacityOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	want := aws.ToInt32(in.DesiredCapacity)
	switch {
	case want > g.Max:
		return nil, invalid("New SetDesiredCapacity value %d is above max value %d for the AutoScalingGroup.", want, g.Max)
	case want < g.Min:
		return nil, invalid("New SetDesiredCapacity value %d is below min value %d for the AutoScalingGroup.", want, g.Min)
	}
	if aws.ToBool(in.HonorCooldown) {
		if err := s.checkCooldown(c, g); err != nil {
			return nil, err
		}
	}
	return &autoscaling.SetDesiredCapacityOutput{}, s.desire(c, g, want, "a user request explicitly set group desired capacity")
}

// checkCooldown refuses while an activity is under way or its cooldown lasts
// (Auto Scaling guide, "Scaling cooldowns for Amazon EC2 Auto Scaling").
func (s *Service) checkCooldown(c *api.Call, g group) error {
	members, err := membersOf(c, g.Name)
	if err != nil {
		return err
	}
	blocked := false
	for _, m := range members {
		blocked = blocked || m.Activity != ""
	}
	cooldown := g.Cooldown
	assign(&cooldown, g.CooldownFor)
	if !g.ScaledAt.IsZero() && c.Now.Before(g.ScaledAt.Add(time.Duration(cooldown)*time.Second)) {
		blocked = true
	}
	if blocked {
		return activityInProgress("Scaling activity %s is in progress and blocks this action", g.LastActivity)
	}
	return nil
}

// desire sets a group's desired capacity. why begins the sentence of the cause.
func (s *Service) desire(c *api.Call, g group, want int32, why string, args ...any) error {
	if want != g.Desired {
		g.because(c, "%s changing the desired capacity from %d to %d", fmt.Sprintf(why, args...), g.Desired, want)
		g.Desired = want
	}
	g.Failures, g.RetryAt = 0, c.Now
	if err := g.put(c); err != nil {
		return err
	}
	return s.soon(c, g)
}
