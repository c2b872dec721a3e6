package ec2

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// spotRequest asks for one Spot Instance (EC2 guide, "Spot Instance requests").
type spotRequest struct {
	ID      string
	Type    types.SpotInstanceType
	State   types.SpotInstanceState
	Status  spotStatus
	Price   string `json:",omitempty"` // the most that is paid; empty: the On-Demand price
	Created time.Time
	Until   time.Time `json:",omitzero"`
	// Interruption is what happens to the instance when EC2 takes it back.
	Interruption types.InstanceInterruptionBehavior
	Instance     string `json:",omitempty"`
	Zone         string `json:",omitempty"`
	// Launch is what the Spot service launches; nil for RunInstances, which
	// launches by itself.
	Launch *ec2.RunInstancesInput `json:",omitempty"`
	// Shown is the launch as it was asked for.
	Shown types.LaunchSpecification
	Fault stateReason `json:",omitzero"`
	Tags  map[string]string
}

// spotStatus is why a request is in its state (EC2 guide, "Spot Instance request
// status").
type spotStatus struct {
	Code, Message string
	At            time.Time
}

var spotTable = store.NewTable("ec2.spotrequest", store.Index[spotRequest]{
	Name: "instance", Keys: func(_ string, r spotRequest) []string {
		if r.Instance == "" {
			return nil
		}
		return []string{r.Instance}
	},
})

var spotRequests = listing[spotRequest]{
	table: spotTable,
	kind: identifier{
		prefix:    "sir-",
		malformed: "InvalidSpotInstanceRequestID.Malformed", malformedText: `Invalid id: "%s" (expecting "sir-...")`,
		missing: "InvalidSpotInstanceRequestID.NotFound", missingText: "The spot instance request ID '%s' does not exist",
	},
	id:    func(r spotRequest) string { return r.ID },
	pages: pageRule{least: 5, most: 1000, ids: "SpotInstanceRequestIds"},
	filters: filterTable[spotRequest]{
		"create-time":                    func(r spotRequest) []string { return some(filterTime(r.Created)) },
		"fault-code":                     func(r spotRequest) []string { return some(r.Fault.Code) },
		"fault-message":                  func(r spotRequest) []string { return some(r.Fault.Message) },
		"instance-id":                    func(r spotRequest) []string { return some(r.Instance) },
		"launch.image-id":                func(r spotRequest) []string { return some(aws.ToString(r.Shown.ImageId)) },
		"launch.instance-type":           func(r spotRequest) []string { return some(string(r.Shown.InstanceType)) },
		"launch.key-name":                func(r spotRequest) []string { return some(aws.ToString(r.Shown.KeyName)) },
		"launched-availability-zone":     func(r spotRequest) []string { return some(r.Zone) },
		"product-description":            func(spotRequest) []string { return some("Linux/UNIX") },
		"spot-instance-request-id":       func(r spotRequest) []string { return some(r.ID) },
		"spot-price":                     func(r spotRequest) []string { return some(r.Price) },
		"state":                          func(r spotRequest) []string { return some(string(r.State)) },
		"status-code":                    func(r spotRequest) []string { return some(r.Status.Code) },
		"status-message":                 func(r spotRequest) []string { return some(r.Status.Message) },
		"type":                           func(r spotRequest) []string { return some(string(r.Type)) },
		"valid-until":                    func(r spotRequest) []string { return some(filterTime(r.Until)) },
		"instance-interruption-behavior": func(r spotRequest) []string { return some(string(r.Interruption)) },
	}.without("availability-zone-group", "launch-group", "launch.block-device-mapping.delete-on-termination",
		"launch.block-device-mapping.device-name", "launch.block-device-mapping.snapshot-id", "launch.block-device-mapping.volume-size",
		"launch.block-device-mapping.volume-type", "launch.group-id", "launch.group-name", "launch.kernel-id", "launch.monitoring-enabled",
		"launch.ramdisk-id", "launched-availability-zone-id", "network-interface.addresses.primary", "network-interface.delete-on-termination",
		"network-interface.description", "network-interface.device-index", "network-interface.group-id", "network-interface.network-interface-id",
		"network-interface.private-ip-address", "network-interface.subnet-id", "valid-from"),
}

func (r spotRequest) put(c *api.Call) error { return spotTable.Put(c.Tx, c.Scope(), r.ID, r) }

// turn changes the request's state, and says why.
func (r *spotRequest) turn(c *api.Call, to types.SpotInstanceState, code, message string) {
	r.State, r.Status = to, spotStatus{Code: code, Message: message, At: c.Now}
}

func (r spotRequest) describe(tags map[string]string) types.SpotInstanceRequest {
	d := types.SpotInstanceRequest{
		SpotInstanceRequestId: aws.String(r.ID), Type: r.Type, State: r.State, CreateTime: aws.Time(r.Created),
		Status:                       &types.SpotInstanceStatus{Code: aws.String(r.Status.Code), Message: aws.String(r.Status.Message), UpdateTime: aws.Time(r.Status.At)},
		InstanceInterruptionBehavior: r.Interruption, ProductDescription: types.RIProductDescriptionLinuxUnix,
		LaunchSpecification: &r.Shown, Tags: answeredTags(describeTags(tags)),
	}
	if r.Price != "" {
		d.SpotPrice = aws.String(r.Price)
	}
	if r.Instance != "" {
		d.InstanceId = aws.String(r.Instance)
	}
	if r.Zone != "" {
		d.LaunchedAvailabilityZone = aws.String(r.Zone)
	}
	if !r.Until.IsZero() {
		d.ValidUntil = aws.Time(r.Until)
	}
	if r.Fault.Code != "" {
		d.Fault = &types.SpotInstanceStateFault{Code: aws.String(r.Fault.Code), Message: aws.String(r.Fault.Message)}
	}
	return d
}

func newSpotRequest(c *api.Call, in *ec2.RunInstancesInput) spotRequest {
	return spotRequest{
		ID: "sir-" + c.NewHex(8), Type: types.SpotInstanceTypeOneTime, Created: c.Now,
		Interruption: types.InstanceInterruptionBehaviorTerminate,
		Shown: types.LaunchSpecification{
			ImageId: in.ImageId, InstanceType: in.InstanceType, KeyName: in.KeyName, SubnetId: in.SubnetId,
			BlockDeviceMappings: in.BlockDeviceMappings, EbsOptimized: in.EbsOptimized, IamInstanceProfile: in.IamInstanceProfile,
		},
	}
}

// stoppable refuses to stop the instance of a one-time request (EC2 guide, "Stop
// a Spot Instance").
func (s *Service) stoppable(c *api.Call, i instance) error {
	if i.Spot == "" {
		return nil
	}
	r, err := spotTable.Get(c.Tx, c.Scope(), i.Spot)
	if err == nil && r.Type == types.SpotInstanceTypeOneTime {
		return unsupported("You can't stop the Spot Instance '%s' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.", i.ID)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// spotEnded tells the request of an instance that has ended.
func (s *Service) spotEnded(c *api.Call, i instance) error {
	if i.Spot == "" {
		return nil
	}
	r, err := spotTable.Get(c.Tx, c.Scope(), i.Spot)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	code, message := "instance-terminated-by-user", "Your Spot Instance was terminated by user."
	if i.Reason.Code != reasonUserShutdown.Code {
		code, message = "instance-terminated-by-service", "Your Spot Instance was terminated because of an error on launch."
	}
	switch {
	case r.State == types.SpotInstanceStateCancelled:
		r.turn(c, types.SpotInstanceStateCancelled, code, message)
	case r.Type == types.SpotInstanceTypePersistent && r.Launch != nil:
		// A persistent request is filled again.
		r.turn(c, types.SpotInstanceStateOpen, code, message)
		r.Instance, r.Zone = "", ""
		if err := c.Schedule(spotTask, r.ID, spotRetry, r.ID); err != nil {
			return err
		}
	default:
		r.turn(c, types.SpotInstanceStateClosed, code, message)
	}
	return r.put(c)
}
