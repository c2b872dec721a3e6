// Package ec2 is Amazon EC2 and EBS as far as an instance's life goes:
// instances, volumes, snapshots, images, and the network they stand in.
//
// A start or a launch is accepted at once and carried out later, as at AWS:
// the handler changes the state to pending and schedules a task, and the task
// performs what package launch states, through the same door into KMS as
// everybody's. A request to KMS that is denied ends the launch, not the call.
package ec2

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/keyturn/keyturn/internal/api"
)

// Service is EC2. Its state is in the store.
type Service struct {
	profiles api.InstanceProfiles // nil: IAM is asked in the caller's name
	linked   api.LinkedRoles      // nil: nobody but the caller launches

	endpointPolicies policyCache
}

// New returns the service.
func New() *Service { return &Service{} }

// WithProfiles has the service find instance profiles there, so that a launch
// with one needs no permission of IAM's but iam:PassRole. It returns s.
func (s *Service) WithProfiles(p api.InstanceProfiles) *Service {
	s.profiles = p
	return s
}

// WithRoles has the service launch Spot Instances as Spot's service-linked role.
// It returns s.
func (s *Service) WithRoles(r api.LinkedRoles) *Service {
	s.linked = r
	return s
}

// Name is the signing name.
func (s *Service) Name() string { return "ec2" }

// Operations lists what is built, a file's nouns at a time.
func (s *Service) Operations() []api.Operation {
	return slices.Concat(
		s.instanceOperations(),
		s.networkOperations(),
		s.endpointOperations(),
		s.placeOperations(),
		s.volumeOperations(),
		s.snapshotOperations(),
		s.imageOperations(),
		s.tagOperations(),
		s.templateOperations(),
		s.spotOperations(),
		s.fleetOperations(),
		s.spotFleetOperations(),
		s.capacityOperations(),
	)
}

// Tasks are the state changes that take time.
func (s *Service) Tasks() map[string]func(*api.Call, json.RawMessage) error {
	tasks := make(map[string]func(*api.Call, json.RawMessage) error)
	for _, some := range []map[string]func(*api.Call, json.RawMessage) error{
		s.instanceTasks(), s.volumeTasks(), s.snapshotTasks(), s.imageTasks(), s.spotTasks(), s.endpointTasks(), s.fleetTasks(), s.capacityTasks(), s.natTasks(),
	} {
		maps.Copy(tasks, some)
	}
	return tasks
}
