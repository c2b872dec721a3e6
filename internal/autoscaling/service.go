// Package autoscaling is Amazon EC2 Auto Scaling: groups that keep so many
// instances running, launched from a launch configuration or a launch template.
//
// A group launches as its service-linked role, never as the person who made
// it: with a customer managed key, the key's policy must let that role create
// grants (Auto Scaling guide, "Required AWS KMS key policy for use with
// encrypted volumes"). All work is done by one scheduled task a group, see
// work.go.
package autoscaling

import (
	"encoding/json"
	"slices"

	"github.com/keyturn/keyturn/internal/api"
)

// principal is the service in trust policies and in CloudTrail.
const principal = "autoscaling.amazonaws.com"

// Service is Auto Scaling.
type Service struct {
	compute  api.Compute
	roles    api.LinkedRoles
	profiles api.InstanceProfiles
}

// New returns the service, over what it sees of EC2 and of IAM.
func New(compute api.Compute, roles api.LinkedRoles, profiles api.InstanceProfiles) *Service {
	return &Service{compute: compute, roles: roles, profiles: profiles}
}

// Name is the signing name.
func (s *Service) Name() string { return "autoscaling" }

// Operations lists what is built, a file's nouns at a time.
func (s *Service) Operations() []api.Operation {
	return slices.Concat(
		s.configurationOperations(),
		s.groupOperations(),
		s.capacityOperations(),
		s.instanceOperations(),
		s.activityOperations(),
		s.processOperations(),
		s.hookOperations(),
		s.tagOperations(),
		s.policyOperations(),
		s.scheduleOperations(),
		s.refreshOperations(),
		s.notificationOperations(),
		s.metricsOperations(),
		s.balancerOperations(),
		s.warmPoolOperations(),
		limitOperations(),
		typeOperations(),
	)
}

// The tasks: a group's next piece of work, a scheduled action's time, and the
// end of the time for which a deleted group's activities are shown.
const (
	workTask     = "autoscaling.work"
	forgetTask   = "autoscaling.forget"
	scheduleTask = "autoscaling.scheduledAction"
)

// Tasks are what Auto Scaling does by itself.
func (s *Service) Tasks() map[string]func(*api.Call, json.RawMessage) error {
	return map[string]func(*api.Call, json.RawMessage) error{workTask: s.work, scheduleTask: s.runScheduled, forgetTask: s.forgetActivities}
}
