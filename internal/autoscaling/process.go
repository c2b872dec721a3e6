package autoscaling

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/keyturn/keyturn/internal/api"
)

// processes are what can be suspended (Auto Scaling guide, "Suspend and resume
// Amazon EC2 Auto Scaling processes").
var processes = []string{
	"AZRebalance", "AddToLoadBalancer", "AlarmNotification", "HealthCheck", "InstanceRefresh", "Launch",
	"ReplaceUnhealthy", "ScheduledActions", "Terminate",
}

func (s *Service) processOperations() []api.Operation {
	return []api.Operation{
		api.Op("SuspendProcesses", onGroup("SuspendProcesses", func(in *autoscaling.SuspendProcessesInput) *string { return in.AutoScalingGroupName }), s.suspendProcesses),
		api.Op("ResumeProcesses", onGroup("ResumeProcesses", func(in *autoscaling.ResumeProcessesInput) *string { return in.AutoScalingGroupName }), s.resumeProcesses),
	}
}

// named checks the processes of a request; none means all.
func named(given []string) ([]string, error) {
	for _, p := range given {
		if !slices.Contains(processes, p) {
			return nil, invalid("Invalid scaling process type: %s", p)
		}
	}
	if len(given) == 0 {
		return processes, nil
	}
	return given, nil
}

func (s *Service) suspendProcesses(c *api.Call, in *autoscaling.SuspendProcessesInput) (*autoscaling.SuspendProcessesOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	list, err := named(in.ScalingProcesses)
	if err != nil {
		return nil, err
	}
	if g.Suspended == nil {
		g.Suspended = make(map[string]string)
	}
	for _, p := range list {
		if !g.suspended(p) {
			g.Suspended[p] = "User suspended at " + c.Now.UTC().Format(time.RFC3339)
		}
	}
	return &autoscaling.SuspendProcessesOutput{}, g.put(c)
}

func (s *Service) resumeProcesses(c *api.Call, in *autoscaling.ResumeProcessesInput) (*autoscaling.ResumeProcessesOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	list, err := named(in.ScalingProcesses)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		delete(g.Suspended, p)
	}
	g.Failures, g.RetryAt = 0, c.Now
	if err := g.put(c); err != nil {
		return nil, err
	}
	return &autoscaling.ResumeProcessesOutput{}, s.soon(c, g)
}
