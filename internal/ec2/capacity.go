package ec2

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// capacityReservation keeps room for instances of one type in one zone (EC2
// guide, "Reserve compute capacity with EC2 On-Demand Capacity Reservations").
type capacityReservation struct {
	ID, Type, Zone string
	Platform       types.CapacityReservationInstancePlatform
	Tenancy        types.CapacityReservationTenancy
	Count          int32
	EBSOptimized   bool `json:",omitempty"`
	Ephemeral      bool `json:",omitempty"`
	Match          types.InstanceMatchCriteria
	EndType        types.EndDateType
	End            time.Time `json:",omitzero"`
	Created        time.Time
	State          types.CapacityReservationState
}

var capacityTable = store.NewTable[capacityReservation]("ec2.capacityreservation")

var capacityReservations = listing[capacityReservation]{
	table: capacityTable,
	kind: identifier{
		prefix:    "cr-",
		malformed: "InvalidCapacityReservationId.Malformed", malformedText: `Invalid id: "%s" (expecting "cr-...")`,
		missing: "InvalidCapacityReservationId.NotFound", missingText: "The capacity reservation ID '%s' does not exist",
		missingPlural: "The capacity reservation IDs '%s' do not exist",
	},
	id:    func(r capacityReservation) string { return r.ID },
	pages: pageRule{least: 1, most: 1000},
	filters: filterTable[capacityReservation]{
		"availability-zone":       func(r capacityReservation) []string { return some(r.Zone) },
		"end-date":                func(r capacityReservation) []string { return filterTimeOf(r.End) },
		"end-date-type":           func(r capacityReservation) []string { return some(string(r.EndType)) },
		"instance-match-criteria": func(r capacityReservation) []string { return some(string(r.Match)) },
		"instance-platform":       func(r capacityReservation) []string { return some(string(r.Platform)) },
		"instance-type":           func(r capacityReservation) []string { return some(r.Type) },
		"start-date":              func(r capacityReservation) []string { return some(filterTime(r.Created)) },
		"state":                   func(r capacityReservation) []string { return some(string(r.State)) },
		"tenancy":                 func(r capacityReservation) []string { return some(string(r.Tenancy)) },
	}.without("outpost-arn", "placement-group-arn"),
}

// filterTimeOf is a time that may not be there, as filters write it.
func filterTimeOf(t time.Time) []string {
	if t.IsZero() {
		return nil
	}
	return some(filterTime(t))
}

func (r capacityReservation) put(c *api.Call) error {
	return capacityTable.Put(c.Tx, c.Scope(), r.ID, r)
}

func (r capacityReservation) active() bool { return r.State == types.CapacityReservationStateActive }

// byCapacity is the index of instances by the Capacity Reservation that they run in.
const byCapacity = "capacity"

// occupants are the instances that run in a reservation.
func (r capacityReservation) occupants(c *api.Call) ([]instance, error) {
	var all []instance
	for i, err := range instanceTable.Find(c.Tx, c.Scope(), byCapacity, r.ID) {
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return all, nil
}

// free is how many instances more may run in the reservation.
func (r capacityReservation) free(c *api.Call) (int32, error) {
	if !r.active() {
		return 0, nil
	}
	there, err := r.occupants(c)
	return r.Count - int32(len(there)), err
}

// fits reports whether an instance has the reservation's attributes.
func (r capacityReservation) fits(i instance) bool {
	tenancy := types.Tenancy(r.Tenancy)
	return r.Type == i.Type && r.Zone == i.Zone && string(r.Platform) == i.PlatformDetails && (tenancy == i.Tenancy || i.Tenancy == "" && tenancy == types.TenancyDefault)
}

// capacityExceeded refuses a launch that has no room in what it asks for. The
// code is documented, the words are as they are seen.
func capacityExceeded() error {
	return api.Error("ReservationCapacityExceeded", "The requested reservation does not have sufficient compatible and available capacity for this request.")
}

// occupy has an instance run in the reservation that it wants, or in an open one
// that it fits; where there is none, it runs without. Spot Instances use none.
func (i *instance) occupy(c *api.Call) error {
	i.Capacity = ""
	if i.Spot != "" {
		return nil
	}
	if i.CapacityTarget != "" {
		r, err := capacityReservations.get(c, i.CapacityTarget)
		if err != nil {
			return err
		}
		free, err := r.free(c)
		if err == nil && (free < 1 || !r.fits(*i)) {
			err = capacityExceeded()
		}
		i.Capacity = r.ID
		return err
	}
	preference := types.CapacityReservationPreference(i.Reservations)
	if preference == types.CapacityReservationPreferenceNone {
		return nil
	}
	for r, err := range capacityTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return err
		}
		if r.Match != types.InstanceMatchCriteriaOpen || !r.fits(*i) {
			continue
		}
		free, err := r.free(c)
		if err != nil {
			return err
		}
		if free > 0 {
			i.Capacity = r.ID
			return nil
		}
	}
	if preference == types.CapacityReservationPreferenceCapacityReservationsOnly {
		return capacityExceeded()
	}
	return nil
}

// planCapacity says which reservation a launch is for.
func (p *launchPlan) planCapacity(c *api.Call, o *types.CapacityReservationSpecification) error {
	if o == nil {
		return nil
	}
	i := &p.instance
	i.Reservations = reservationChoice(o.CapacityReservationPreference)
	t := o.CapacityReservationTarget
	switch {
	case t == nil:
		return nil
	case t.CapacityReservationResourceGroupArn != nil:
		return notBuilt("CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationResourceGroupArn")
	case t.CapacityReservationId == nil:
		return missingParameter("CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId")
	case o.CapacityReservationPreference != "" && o.CapacityReservationPreference != types.CapacityReservationPreferenceCapacityReservationsOnly:
		return invalidCombination("You can specify either a Capacity Reservation preference or a Capacity Reservation target, but not both.")
	case p.spot:
		return invalidCombination("Spot Instances cannot be launched into a Capacity Reservation.")
	}
	r, err := capacityReservations.get(c, *t.CapacityReservationId)
	i.CapacityTarget = r.ID
	return err
}

// towardsReservation is the zone of the reservation that a launch is for, where
// the launch itself says none.
func towardsReservation(c *api.Call, in *ec2.RunInstancesInput) *types.Placement {
	o := in.CapacityReservationSpecification
	if o == nil || o.CapacityReservationTarget == nil || o.CapacityReservationTarget.CapacityReservationId == nil || in.SubnetId != nil || len(in.NetworkInterfaces) > 0 {
		return in.Placement
	}
	to := types.Placement{}
	if in.Placement != nil {
		to = *in.Placement
	}
	if to.AvailabilityZone != nil || to.AvailabilityZoneId != nil {
		return in.Placement
	}
	r, err := capacityReservations.get(c, *o.CapacityReservationTarget.CapacityReservationId)
	if err != nil {
		return in.Placement // planCapacity says so
	}
	to.AvailabilityZone = aws.String(r.Zone)
	return &to
}

// capacityNeeds are on the reservation that a launch names.
func capacityNeeds(c *api.Call, o *types.CapacityReservationSpecification) ([]api.Need, error) {
	if o == nil || o.CapacityReservationTarget == nil || o.CapacityReservationTarget.CapacityReservationId == nil {
		return nil, nil
	}
	n, err := capacityNeed(c, "RunInstances", *o.CapacityReservationTarget.CapacityReservationId)
	return []api.Need{n}, err
}

// capacityNeed is a need on a reservation. These are tagged with aws:ResourceTag
// alone (Service Authorization Reference, "Amazon EC2", capacity-reservation).
func capacityNeed(c *api.Call, action, id string) (api.Need, error) {
	n := need(c, action, types.ResourceTypeCapacityReservation, id)
	tags, err := tagsOf(c, id)
	for k, v := range tags {
		n.Context.Set("aws:ResourceTag/"+k, v)
	}
	return n, err
}

// capacityTask ends a reservation that has an end.
const capacityTask = "ec2.capacityreservation.end"

func (s *Service) capacityTasks() map[string]func(*api.Call, json.RawMessage) error {
	return map[string]func(*api.Call, json.RawMessage) error{capacityTask: s.expireCapacity}
}

func (s *Service) expireCapacity(c *api.Call, raw json.RawMessage) error {
	id, err := api.DecodePayload[string](raw)
	if err != nil {
		return err
	}
	r, err := capacityTable.Get(c.Tx, c.Scope(), id)
	if errors.Is(err, store.ErrNotFound) || err == nil && (!r.active() || r.End.IsZero() || c.Now.Before(r.End)) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.endCapacity(c, r, types.CapacityReservationStateExpired)
}

// endCapacity ends a reservation. What runs in it runs on as On-Demand Instances.
func (s *Service) endCapacity(c *api.Call, r capacityReservation, state types.CapacityReservationState) error {
	there, err := r.occupants(c)
	if err != nil {
		return err
	}
	for _, i := range there {
		i.Capacity = ""
		if err := s.putInstance(c, i); err != nil {
			return err
		}
	}
	r.State = state
	return r.put(c)
}

// absorb has running instances that fit run in an open reservation that has
// room.
func (s *Service) absorb(c *api.Call, r capacityReservation) error {
	if r.Match != types.InstanceMatchCriteriaOpen {
		return nil
	}
	free, err := r.free(c)
	if err != nil {
		return err
	}
	var fit []instance
	for i, err := range instanceTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return err
		}
		lives := i.State == types.InstanceStateNameRunning || i.State == types.InstanceStateNamePending
		if lives && i.Capacity == "" && i.CapacityTarget == "" && i.Spot == "" && r.fits(i) && types.CapacityReservationPreference(i.Reservations) != types.CapacityReservationPreferenceNone {
			fit = append(fit, i)
		}
	}
	slices.SortFunc(fit, func(a, b instance) int { return a.Launched.Compare(b.Launched) })
	for _, i := range fit[:min(len(fit), int(max(free, 0)))] {
		i.Capacity = r.ID
		if err := s.putInstance(c, i); err != nil {
			return err
		}
	}
	return nil
}
