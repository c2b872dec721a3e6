package ec2

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// instance is a virtual machine. Its volumes know that they are attached to it;
// see volumesOf.
type instance struct {
	ID          string
	Reservation string
	LaunchIndex int32
	Image       string
	Type        string
	KeyName     string `json:",omitempty"`
	ClientToken string `json:",omitempty"`

	State types.InstanceStateName
	// Reason is why; empty while nothing is to be said.
	Reason stateReason `json:",omitzero"`
	// Transition is StateTransitionReason.
	Transition string `json:",omitempty"`
	// Launched is when the instance last began to start.
	Launched time.Time
	// Created is when it was first launched.
	Created time.Time

	Zone, Subnet, VPC string
	Tenancy           types.Tenancy
	Placed            placedIn  `json:",omitzero"` // in a placement group
	Names             hostnames `json:",omitzero"`
	// Interface is the network interface at device index 0; gone once terminated.
	Interface string `json:",omitempty"`

	// What the image said.
	Architecture, PlatformDetails, UsageOperation string
	Windows                                       bool `json:",omitempty"`
	RootDevice                                    string
	BootMode                                      string `json:",omitempty"`

	Profile  instanceProfile `json:",omitzero"`
	UserData string          `json:",omitempty"` // base64
	Metadata metadataOptions

	Cores, ThreadsPerCore int32
	Credits               string `json:",omitempty"` // CPU credits: "standard", "unlimited"
	Monitored             bool   `json:",omitempty"` // detailed monitoring
	EBSOptimized          bool   `json:",omitempty"`
	Enclaves              bool   `json:",omitempty"`
	AutoRecovery          string `json:",omitempty"`
	RebootMigration       string `json:",omitempty"`
	OnShutdown            types.ShutdownBehavior
	KeepRunning           bool              `json:",omitempty"` // DisableApiStop
	KeepAlive             bool              `json:",omitempty"` // DisableApiTermination
	Spot                  string            `json:",omitempty"` // id of its Spot Instance request
	Fleet                 string            `json:",omitempty"` // id of the fleet that launched it and looks after it
	Reservations          reservationChoice `json:",omitempty"`
	CapacityTarget        string            `json:",omitempty"` // id of the Capacity Reservation that it asks for
	Capacity              string            `json:",omitempty"` // id of the one that it runs in
}

// reservationChoice is the preference of CapacityReservationSpecification.
type reservationChoice string

// byReservation is the index of instances by the launch that made them.
const byReservation = "reservation"

var instanceTable = store.NewTable("ec2.instance", store.Index[instance]{
	Name: byReservation, Keys: func(_ string, i instance) []string { return []string{i.Reservation} },
}, store.Index[instance]{
	Name: byCapacity, Keys: func(_ string, i instance) []string { return some(i.Capacity) },
})

var instanceListing = listing[instance]{
	table: instanceTable,
	kind: identifier{
		prefix:    "i-",
		malformed: "InvalidInstanceID.Malformed", malformedText: `Invalid id: "%s"`,
		missing: "InvalidInstanceID.NotFound", missingText: "The instance ID '%s' does not exist",
	},
	id: func(i instance) string { return i.ID },
	missing: func(ids []string) error {
		if len(ids) == 1 {
			return api.Error("InvalidInstanceID.NotFound", "The instance ID '"+ids[0]+"' does not exist")
		}
		return api.Error("InvalidInstanceID.NotFound", "The instance IDs '"+strings.Join(ids, ", ")+"' do not exist")
	},
}

// getInstance returns one of the account's instances, or EC2's error for an id
// that is none or belongs to nothing.
func (s *Service) getInstance(c *api.Call, id string) (instance, error) {
	return instanceListing.get(c, id)
}

func (s *Service) putInstance(c *api.Call, i instance) error {
	return instanceTable.Put(c.Tx, c.Scope(), i.ID, i)
}

// instancesFor returns the instances of a request's ids, each once.
func (s *Service) instancesFor(c *api.Call, ids []string) ([]instance, error) {
	if len(ids) == 0 {
		return nil, missingParameter("InstanceId")
	}
	return instanceListing.rows(c, ids)
}

// stateCodes are the numbers of the states (EC2 API reference, "InstanceState").
var stateCodes = map[types.InstanceStateName]int32{
	types.InstanceStateNamePending:      0,
	types.InstanceStateNameRunning:      16,
	types.InstanceStateNameShuttingDown: 32,
	types.InstanceStateNameTerminated:   48,
	types.InstanceStateNameStopping:     64,
	types.InstanceStateNameStopped:      80,
}

func describeState(name types.InstanceStateName) *types.InstanceState {
	return &types.InstanceState{Code: aws.Int32(stateCodes[name]), Name: name}
}

// change is what an operation made of an instance's state.
func (i instance) change(from types.InstanceStateName) types.InstanceStateChange {
	return types.InstanceStateChange{
		InstanceId: aws.String(i.ID), CurrentState: describeState(i.State), PreviousState: describeState(from),
	}
}

// gone reports whether the instance is ending or has ended.
func (i instance) gone() bool {
	return i.State == types.InstanceStateNameShuttingDown || i.State == types.InstanceStateNameTerminated
}

// primaryInterface returns the instance's first network interface; none is not an error.
func (s *Service) primaryInterface(c *api.Call, i instance) (networkInterface, bool, error) {
	if i.Interface == "" {
		return networkInterface{}, false, nil
	}
	n, err := interfaceTable.Get(c.Tx, c.Scope(), i.Interface)
	return n, err == nil, err
}

// interfacesOf are an instance's network interfaces by their device index.
func interfacesOf(c *api.Call, instanceID string) ([]networkInterface, error) {
	var found []networkInterface
	for n, err := range interfaceTable.Find(c.Tx, c.Scope(), "instance", instanceID) {
		if err != nil {
			return nil, err
		}
		found = append(found, n)
	}
	slices.SortFunc(found, func(a, b networkInterface) int { return cmp.Compare(a.Device, b.Device) })
	return found, nil
}

// setInstanceKeys gives the condition keys of an instance (Service
// Authorization Reference, "Actions, resources, and condition keys for Amazon
// EC2").
func setInstanceKeys(c *api.Call, k *access.Context, i instance) {
	if i.ID != "" {
		k.Set("ec2:InstanceID", i.ID)
	}
	k.Set("ec2:InstanceType", i.Type)
	k.Set("ec2:AvailabilityZone", i.Zone)
	if id := zoneID(c, i.Zone); id != "" {
		k.Set("ec2:AvailabilityZoneId", id)
	}
	k.Set("ec2:EbsOptimized", boolKey(i.EBSOptimized))
	k.Set("ec2:RootDeviceType", "ebs")
	k.Set("ec2:Tenancy", string(i.Tenancy))
	k.Set("ec2:InstanceMarketType", i.market())
	k.Set("ec2:MetadataHttpEndpoint", i.Metadata.Endpoint)
	k.Set("ec2:MetadataHttpTokens", i.Metadata.Tokens)
	k.Set("ec2:MetadataHttpPutResponseHopLimit", decimal(i.Metadata.HopLimit))
	if i.Profile.ARN != "" {
		k.Set("ec2:InstanceProfile", i.Profile.ARN)
	}
	if i.Placed.Group != "" {
		k.Set("ec2:PlacementGroup", c.ARN("ec2", "placement-group/"+i.Placed.Group))
	}
}

// market is the value of ec2:InstanceMarketType.
func (i instance) market() string {
	if i.Spot != "" {
		return "spot"
	}
	return "on-demand"
}

// instanceNeed is a need on an instance that should be there. One that is not
// is authorized by its ARN alone.
func (s *Service) instanceNeed(c *api.Call, action, id string) (api.Need, error) {
	n, err := existingNeed(c, action, types.ResourceTypeInstance, id)
	if err != nil {
		return n, err
	}
	i, err := s.getInstance(c, id)
	switch {
	case err == nil:
		setInstanceKeys(c, &n.Context, i)
	case errorCode(err) == "":
		return n, err
	}
	return n, nil
}

// onInstances is the descriptor of an action on the instances of the request.
func onInstances[In any](s *Service, action string, ids func(*In) []string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		c.Event.RequestParameters = instancesParameters(ids(in))
		if len(ids(in)) == 0 {
			return nil, missingParameter("InstanceId")
		}
		var needs []api.Need
		for _, id := range ids(in) {
			n, err := s.instanceNeed(c, action, id)
			if err != nil {
				return nil, err
			}
			needs = append(needs, n)
		}
		return needs, nil
	}
}

func (s *Service) instanceOperations() []api.Operation {
	return slices.Concat(s.keyPairOperations(), s.metadataOperations(), s.profileOperations(), s.monitoringOperations(), s.placementOperations(),
		s.creditOperations(), s.instanceSettingOperations(), []api.Operation{
			api.Op("RunInstances", s.runInstancesNeeds, s.runInstances),
			api.Op("StartInstances", onInstances(s, "StartInstances", func(in *ec2.StartInstancesInput) []string { return in.InstanceIds }), s.startInstances),
			api.Op("StopInstances", s.stopInstancesNeeds, s.stopInstances),
			api.Op("RebootInstances", onInstances(s, "RebootInstances", func(in *ec2.RebootInstancesInput) []string { return in.InstanceIds }), s.rebootInstances),
			api.Op("TerminateInstances", onInstances(s, "TerminateInstances", func(in *ec2.TerminateInstancesInput) []string { return in.InstanceIds }), s.terminateInstances),
			api.Read("DescribeInstances", anywhere[ec2.DescribeInstancesInput]("DescribeInstances"), s.describeInstances),
			api.Read("DescribeInstanceStatus", anywhere[ec2.DescribeInstanceStatusInput]("DescribeInstanceStatus"), s.describeInstanceStatus),
			api.Read("DescribeInstanceAttribute", s.describeAttributeNeeds, s.describeInstanceAttribute),
			api.Op("ModifyInstanceAttribute", s.modifyAttributeNeeds, s.modifyInstanceAttribute),
			api.Read("GetConsoleOutput", func(c *api.Call, in *ec2.GetConsoleOutputInput) ([]api.Need, error) {
				n, err := s.instanceNeed(c, "GetConsoleOutput", aws.ToString(in.InstanceId))
				return []api.Need{n}, err
			}, s.getConsoleOutput),
		})
}

// The tasks of an instance's life.
const (
	runTask       = "ec2.run"
	startTask     = "ec2.start"
	stopTask      = "ec2.stop"
	terminateTask = "ec2.terminate"
	forgetTask    = "ec2.forget"
)

// How long an instance stays between two states. AWS takes tens of seconds;
// what matters is that nobody finds the state reached in the answer to the call.
const (
	launchTime   = time.Second
	shutdownTime = time.Second
	// remembrance is how long a terminated instance is still described.
	remembrance = time.Hour
)

// instanceTask is the payload of tasks about one instance.
type instanceTask struct {
	Instance string
}

func (s *Service) instanceTasks() map[string]func(*api.Call, json.RawMessage) error {
	return map[string]func(*api.Call, json.RawMessage) error{
		runTask:       s.onInstance(types.InstanceStateNamePending, s.finishRun),
		startTask:     s.onInstance(types.InstanceStateNamePending, s.finishStart),
		stopTask:      s.onInstance(types.InstanceStateNameStopping, s.finishStop),
		terminateTask: s.onInstance(types.InstanceStateNameShuttingDown, s.finishTermination),
		forgetTask:    s.onInstance(types.InstanceStateNameTerminated, s.forget),
	}
}

// onInstance makes a task that does something to an instance if it still is in
// the state in which the task was scheduled: a task may run again, and what it
// was for may have been overtaken.
func (s *Service) onInstance(in types.InstanceStateName, do func(*api.Call, instance) error) func(*api.Call, json.RawMessage) error {
	return func(c *api.Call, raw json.RawMessage) error {
		payload, err := api.DecodePayload[instanceTask](raw)
		if err != nil {
			return err
		}
		i, err := s.getInstance(c, payload.Instance)
		switch {
		case errorCode(err) != "":
			return nil // it is gone
		case err != nil:
			return err
		case i.State != in:
			return nil
		}
		return do(c, i)
	}
}

// later schedules a task about an instance.
func later(c *api.Call, kind string, i instance, after time.Duration) error {
	return c.Schedule(kind, i.ID, after, instanceTask{Instance: i.ID})
}
