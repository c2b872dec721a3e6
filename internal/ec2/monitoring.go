package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) monitoringOperations() []api.Operation {
	return []api.Operation{
		api.Op("MonitorInstances", onInstances(s, "MonitorInstances", func(in *ec2.MonitorInstancesInput) []string { return in.InstanceIds }),
			func(c *api.Call, in *ec2.MonitorInstancesInput) (*ec2.MonitorInstancesOutput, error) {
				set, err := s.monitor(c, in.InstanceIds, true)
				return &ec2.MonitorInstancesOutput{InstanceMonitorings: set}, err
			}),
		api.Op("UnmonitorInstances", onInstances(s, "UnmonitorInstances", func(in *ec2.UnmonitorInstancesInput) []string { return in.InstanceIds }),
			func(c *api.Call, in *ec2.UnmonitorInstancesInput) (*ec2.UnmonitorInstancesOutput, error) {
				set, err := s.monitor(c, in.InstanceIds, false)
				return &ec2.UnmonitorInstancesOutput{InstanceMonitorings: set}, err
			}),
	}
}

// monitor turns detailed monitoring on or off. The answer shows the change under
// way, the next description shows it done.
func (s *Service) monitor(c *api.Call, ids []string, on bool) ([]types.InstanceMonitoring, error) {
	instances, err := s.instancesFor(c, ids)
	if err != nil {
		return nil, err
	}
	var out []types.InstanceMonitoring
	for _, i := range instances {
		if i.gone() {
			return nil, incorrectInstanceState("The instance '%s' is not in a state from which it can be modified.", i.ID)
		}
		state := types.MonitoringStatePending
		switch {
		case i.Monitored == on && on:
			state = types.MonitoringStateEnabled
		case i.Monitored == on:
			state = types.MonitoringStateDisabled
		case !on:
			state = types.MonitoringStateDisabling
		}
		i.Monitored = on
		if err := s.putInstance(c, i); err != nil {
			return nil, err
		}
		out = append(out, types.InstanceMonitoring{InstanceId: aws.String(i.ID), Monitoring: &types.Monitoring{State: state}})
	}
	return out, nil
}
