package ec2

import (
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// delete has the fleet launch nothing more; its instances end or go on.
func (f *standingFleet) delete(c *api.Call, terminate bool) error {
	f.State = types.FleetStateCodeDeletedRunning
	if terminate {
		f.State = types.FleetStateCodeDeletedTerminatingInstances
	}
	return f.tell(c, fleetChanged, f.stateWord(), "", "")
}

// stateWord is the fleet's state as it is written: a Spot Fleet is cancelled
// where another is deleted.
func (f *standingFleet) stateWord() string {
	if !f.isSpotFleet() {
		return string(f.State)
	}
	switch f.State {
	case types.FleetStateCodeDeleted:
		return string(types.BatchStateCancelled)
	case types.FleetStateCodeDeletedRunning:
		return string(types.BatchStateCancelledRunning)
	case types.FleetStateCodeDeletedTerminatingInstances:
		return string(types.BatchStateCancelledTerminatingInstances)
	}
	return string(f.State)
}
