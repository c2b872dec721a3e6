package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// maxReserved is the most instances of one reservation, and of one change of it
// (EC2 API reference, "CreateCapacityReservation" and "ModifyCapacityReservation").
const maxReserved = 1000

func (s *Service) capacityOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateCapacityReservation", createCapacityNeeds, s.createCapacityReservation),
		api.Op("ModifyCapacityReservation", onCapacity("ModifyCapacityReservation", func(in *ec2.ModifyCapacityReservationInput) *string { return in.CapacityReservationId }), s.modifyCapacityReservation),
		api.Op("CancelCapacityReservation", onCapacity("CancelCapacityReservation", func(in *ec2.CancelCapacityReservationInput) *string { return in.CapacityReservationId }), s.cancelCapacityReservation),
		api.Read("DescribeCapacityReservations", anywhere[ec2.DescribeCapacityReservationsInput]("DescribeCapacityReservations"), s.describeCapacityReservations),
		api.Read("GetCapacityReservationUsage", onCapacity("GetCapacityReservationUsage", func(in *ec2.GetCapacityReservationUsageInput) *string { return in.CapacityReservationId }), s.getCapacityReservationUsage),
		api.Op("ModifyInstanceCapacityReservationAttributes", s.modifyInstanceCapacityNeeds, s.modifyInstanceCapacity),
	}
}

// onCapacity is the descriptor of an operation on one reservation.
func onCapacity[In any](action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := capacityNeed(c, action, aws.ToString(id(in)))
		return []api.Need{n}, err
	}
}

func createCapacityNeeds(c *api.Call, in *ec2.CreateCapacityReservationInput) ([]api.Need, error) {
	const action = "CreateCapacityReservation"
	n := need(c, action, types.ResourceTypeCapacityReservation, "*")
	k := &n.Context
	setRequestTags(k, specTags(in.TagSpecifications, types.ResourceTypeCapacityReservation))
	for key, value := range map[string]string{
		"ec2:InstanceType": aws.ToString(in.InstanceType), "ec2:InstancePlatform": string(in.InstancePlatform), "ec2:EndDateType": string(in.EndDateType),
		"ec2:InstanceMatchCriteria": string(in.InstanceMatchCriteria), "ec2:Tenancy": string(in.Tenancy),
		"ec2:AvailabilityZone": aws.ToString(in.AvailabilityZone), "ec2:AvailabilityZoneId": aws.ToString(in.AvailabilityZoneId),
	} {
		if value != "" {
			k.Set(key, value)
		}
	}
	if in.InstanceCount != nil {
		k.Set("ec2:InstanceCount", decimal(*in.InstanceCount))
	}
	if in.EbsOptimized != nil {
		k.Set("ec2:EbsOptimized", boolKey(*in.EbsOptimized))
	}
	if in.EndDate != nil {
		k.Set("ec2:EndDate", filterTime(*in.EndDate))
	}
	return append([]api.Need{n}, tagNeeds(c, action, in.TagSpecifications)...), nil
}

func refuseUnbuiltCapacity(in *ec2.CreateCapacityReservationInput) error {
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"CommitmentDuration", in.CommitmentDuration != nil},
		{"DeliveryPreference", in.DeliveryPreference != ""},
		{"OutpostArn", in.OutpostArn != nil},
		{"PlacementGroupArn", in.PlacementGroupArn != nil},
		{"StartDate", in.StartDate != nil},
	} {
		if p.asked {
			return notBuilt(p.name)
		}
	}
	return nil
}

func (s *Service) createCapacityReservation(c *api.Call, in *ec2.CreateCapacityReservationInput) (*ec2.CreateCapacityReservationOutput, error) {
	earlier, err := usedToken(c, in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	if earlier != "" {
		r, err := capacityReservations.get(c, earlier)
		if err != nil {
			return nil, err
		}
		return answerCapacity(c, r)
	}
	if err := refuseUnbuiltCapacity(in); err != nil {
		return nil, err
	}
	zone, err := zoneOf(c.Region, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	if zone == "" {
		return nil, missingParameter("AvailabilityZone")
	}
	if _, err := findInstanceType(aws.ToString(in.InstanceType)); err != nil {
		return nil, err
	}
	if !slices.Contains(in.InstancePlatform.Values(), in.InstancePlatform) {
		return nil, invalidValue("Invalid value '%s' for InstancePlatform.", in.InstancePlatform)
	}
	r := capacityReservation{
		ID: c.NewID("cr-"), Type: *in.InstanceType, Zone: zone, Platform: in.InstancePlatform, Tenancy: in.Tenancy, Count: aws.ToInt32(in.InstanceCount),
		EBSOptimized: aws.ToBool(in.EbsOptimized), Ephemeral: aws.ToBool(in.EphemeralStorage), Match: in.InstanceMatchCriteria,
		EndType: in.EndDateType, End: aws.ToTime(in.EndDate), Created: c.Now, State: types.CapacityReservationStateActive,
	}
	if r.Tenancy == "" {
		r.Tenancy = types.CapacityReservationTenancyDefault
	}
	if r.Match == "" {
		r.Match = types.InstanceMatchCriteriaOpen
	}
	if r.EndType == "" {
		r.EndType = types.EndDateTypeUnlimited
	}
	if err := r.check(c); err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeCapacityReservation))
	if err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeCapacityReservation), r.ID, tags); err != nil {
		return nil, err
	}
	if err := s.keepCapacity(c, r); err != nil {
		return nil, err
	}
	if err := keepToken(c, in.ClientToken, in, r.ID); err != nil {
		return nil, err
	}
	return answerCapacity(c, r)
}

func answerCapacity(c *api.Call, r capacityReservation) (*ec2.CreateCapacityReservationOutput, error) {
	tags, err := tagsOf(c, r.ID)
	if err != nil {
		return nil, err
	}
	d, err := r.describe(c, tags)
	return &ec2.CreateCapacityReservationOutput{CapacityReservation: &d}, err
}

// check refuses a count and an end that a reservation cannot have. The texts rest
// on no source.
func (r capacityReservation) check(c *api.Call) error {
	switch {
	case r.Count < 1 || r.Count > maxReserved:
		return invalidValue("Value (%d) for parameter InstanceCount is invalid. Expecting a value between 1 and %d.", r.Count, maxReserved)
	case r.EndType == types.EndDateTypeLimited && r.End.IsZero():
		return missingParameter("EndDate")
	case r.EndType == types.EndDateTypeUnlimited && !r.End.IsZero():
		return invalidCombination("You cannot specify EndDate if EndDateType is unlimited.")
	case !r.End.IsZero() && !r.End.After(c.Now):
		return invalidValue("Value (%s) for parameter EndDate is invalid. The end date must be in the future.", filterTime(r.End))
	}
	return nil
}

// keepCapacity keeps a reservation that is new or was changed.
func (s *Service) keepCapacity(c *api.Call, r capacityReservation) error {
	if err := r.put(c); err != nil {
		return err
	}
	if err := s.absorb(c, r); err != nil {
		return err
	}
	if r.End.IsZero() {
		return nil
	}
	return c.Schedule(capacityTask, r.ID, r.End.Sub(c.Now), r.ID)
}

func (s *Service) modifyCapacityReservation(c *api.Call, in *ec2.ModifyCapacityReservationInput) (*ec2.ModifyCapacityReservationOutput, error) {
	for name, asked := range map[string]bool{
		"AcceptModificationTerms": in.AcceptModificationTerms != nil, "AdditionalInfo": in.AdditionalInfo != nil, "QuoteId": in.QuoteId != nil, "StartDate": in.StartDate != nil,
	} {
		if asked {
			return nil, notBuilt(name)
		}
	}
	r, err := capacityReservations.get(c, aws.ToString(in.CapacityReservationId))
	if err != nil {
		return nil, err
	}
	if !r.active() {
		return nil, incorrectState("The Capacity Reservation '%s' is in the state '%s' and cannot be modified.", r.ID, r.State)
	}
	there, err := r.occupants(c)
	if err != nil {
		return nil, err
	}
	if in.InstanceCount != nil {
		if by := *in.InstanceCount - r.Count; by > maxReserved || by < -maxReserved {
			return nil, invalidValue("The number of instances can't be increased or decreased by more than %d in a single request.", maxReserved)
		}
		// What AWS answers to a count below what is in use is not documented.
		if *in.InstanceCount < int32(len(there)) {
			return nil, invalidValue("Value (%d) for parameter InstanceCount is invalid. %d instances are running in the Capacity Reservation.", *in.InstanceCount, len(there))
		}
		r.Count = *in.InstanceCount
	}
	if in.EndDateType != "" {
		if r.EndType = in.EndDateType; in.EndDateType == types.EndDateTypeUnlimited {
			r.End = aws.ToTime(nil)
		}
	}
	if in.EndDate != nil {
		r.End = *in.EndDate
		if in.EndDateType == "" {
			r.EndType = types.EndDateTypeLimited
		}
	}
	if m := in.InstanceMatchCriteria; m != "" && m != r.Match {
		if len(there) > 0 {
			return nil, incorrectState("The instance eligibility of the Capacity Reservation '%s' can be modified only while no instance runs in it.", r.ID)
		}
		r.Match = m
	}
	if err := r.check(c); err != nil {
		return nil, err
	}
	return &ec2.ModifyCapacityReservationOutput{Return: aws.Bool(true)}, s.keepCapacity(c, r)
}

func (s *Service) cancelCapacityReservation(c *api.Call, in *ec2.CancelCapacityReservationInput) (*ec2.CancelCapacityReservationOutput, error) {
	for name, asked := range map[string]bool{"ApplyCancellationCharges": in.ApplyCancellationCharges != "", "QuoteId": in.QuoteId != nil} {
		if asked {
			return nil, notBuilt(name)
		}
	}
	r, err := capacityReservations.get(c, aws.ToString(in.CapacityReservationId))
	if err != nil {
		return nil, err
	}
	if !r.active() {
		return nil, incorrectState("The Capacity Reservation '%s' is in the state '%s' and cannot be cancelled.", r.ID, r.State)
	}
	return &ec2.CancelCapacityReservationOutput{Return: aws.Bool(true)}, s.endCapacity(c, r, types.CapacityReservationStateCancelled)
}

func (r capacityReservation) describe(c *api.Call, tags map[string]string) (types.CapacityReservation, error) {
	free, err := r.free(c)
	if err != nil {
		return types.CapacityReservation{}, err
	}
	z, _ := zoneNamed(c.Region, r.Zone)
	d := types.CapacityReservation{
		CapacityReservationId: aws.String(r.ID), CapacityReservationArn: aws.String(c.ARN("ec2", "capacity-reservation/"+r.ID)), OwnerId: aws.String(c.Account),
		AvailabilityZone: aws.String(r.Zone), AvailabilityZoneId: aws.String(z.ID), InstanceType: aws.String(r.Type), InstancePlatform: r.Platform, Tenancy: r.Tenancy,
		TotalInstanceCount: aws.Int32(r.Count), AvailableInstanceCount: aws.Int32(free), EbsOptimized: aws.Bool(r.EBSOptimized), EphemeralStorage: aws.Bool(r.Ephemeral),
		InstanceMatchCriteria: r.Match, EndDateType: r.EndType, State: r.State, CreateDate: aws.Time(r.Created), StartDate: aws.Time(r.Created),
		ReservationType: types.CapacityReservationTypeDefault, CapacityAllocations: []types.CapacityAllocation{}, Tags: answeredTags(describeTags(tags)),
	}
	if !r.End.IsZero() {
		d.EndDate = aws.Time(r.End)
	}
	if used := r.Count - free; r.active() && used > 0 {
		d.CapacityAllocations = append(d.CapacityAllocations, types.CapacityAllocation{AllocationType: types.AllocationTypeUsed, Count: aws.Int32(used)})
	}
	return d, nil
}

func (s *Service) describeCapacityReservations(c *api.Call, in *ec2.DescribeCapacityReservationsInput) (*ec2.DescribeCapacityReservationsOutput, error) {
	found, next, err := capacityReservations.owned(c).find(c, query{in.CapacityReservationIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeCapacityReservationsOutput{CapacityReservations: []types.CapacityReservation{}, NextToken: next}
	for _, r := range found {
		d, err := r.row.describe(c, r.tags)
		if err != nil {
			return nil, err
		}
		out.CapacityReservations = append(out.CapacityReservations, d)
	}
	return out, nil
}

func (s *Service) getCapacityReservationUsage(c *api.Call, in *ec2.GetCapacityReservationUsageInput) (*ec2.GetCapacityReservationUsageOutput, error) {
	if err := capacityReservations.pages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	r, err := capacityReservations.get(c, aws.ToString(in.CapacityReservationId))
	if err != nil {
		return nil, err
	}
	there, err := r.occupants(c)
	if err != nil {
		return nil, err
	}
	free, err := r.free(c)
	return &ec2.GetCapacityReservationUsageOutput{
		CapacityReservationId: aws.String(r.ID), InstanceType: aws.String(r.Type), State: r.State,
		TotalInstanceCount: aws.Int32(r.Count), AvailableInstanceCount: aws.Int32(free),
		InstanceUsages: []types.InstanceUsage{{AccountId: aws.String(c.Account), UsedInstanceCount: aws.Int32(int32(len(there)))}},
	}, err
}

func (s *Service) modifyInstanceCapacityNeeds(c *api.Call, in *ec2.ModifyInstanceCapacityReservationAttributesInput) ([]api.Need, error) {
	const action = "ModifyInstanceCapacityReservationAttributes"
	n, err := s.instanceNeed(c, action, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	needs := []api.Need{n}
	if o := in.CapacityReservationSpecification; o != nil && o.CapacityReservationTarget != nil && o.CapacityReservationTarget.CapacityReservationId != nil {
		on, err := capacityNeed(c, action, *o.CapacityReservationTarget.CapacityReservationId)
		if err != nil {
			return nil, err
		}
		needs = append(needs, on)
	}
	return needs, nil
}

// modifyInstanceCapacity changes what a stopped instance will run in (EC2 guide,
// "Modify the Capacity Reservation settings of your instance").
func (s *Service) modifyInstanceCapacity(c *api.Call, in *ec2.ModifyInstanceCapacityReservationAttributesInput) (*ec2.ModifyInstanceCapacityReservationAttributesOutput, error) {
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	if in.CapacityReservationSpecification == nil {
		return nil, missingParameter("CapacityReservationSpecification")
	}
	if i.State != types.InstanceStateNameStopped {
		return nil, incorrectInstanceState("The instance '%s' is not in the 'stopped' state.", i.ID)
	}
	p := launchPlan{instance: i}
	p.instance.CapacityTarget = ""
	if err := p.planCapacity(c, in.CapacityReservationSpecification); err != nil {
		return nil, err
	}
	return &ec2.ModifyInstanceCapacityReservationAttributesOutput{Return: aws.Bool(true)}, s.putInstance(c, p.instance)
}
