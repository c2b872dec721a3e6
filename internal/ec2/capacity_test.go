package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// reserve makes a reservation of the type that the tests launch.
func (w *world) reserve(change ...func(*ec2.CreateCapacityReservationInput)) string {
	w.t.Helper()
	in := &ec2.CreateCapacityReservationInput{
		InstanceType: aws.String(string(w.request().InstanceType)), InstancePlatform: types.CapacityReservationInstancePlatformLinuxUnix,
		AvailabilityZone: aws.String(testZone), InstanceCount: aws.Int32(1),
	}
	for _, c := range change {
		c(in)
	}
	return *must[ec2.CreateCapacityReservationOutput](w, "CreateCapacityReservation", in).CapacityReservation.CapacityReservationId
}

func (w *world) reservation(id string) types.CapacityReservation {
	w.t.Helper()
	return must[ec2.DescribeCapacityReservationsOutput](w, "DescribeCapacityReservations", &ec2.DescribeCapacityReservationsInput{CapacityReservationIds: []string{id}}).CapacityReservations[0]
}

func (w *world) shown(id string) types.Instance {
	w.t.Helper()
	return must[ec2.DescribeInstancesOutput](w, "DescribeInstances", &ec2.DescribeInstancesInput{InstanceIds: []string{id}}).Reservations[0].Instances[0]
}

func targeted(in *ec2.CreateCapacityReservationInput) {
	in.InstanceMatchCriteria = types.InstanceMatchCriteriaTargeted
}

func into(id string) *types.CapacityReservationSpecification {
	return &types.CapacityReservationSpecification{CapacityReservationTarget: &types.CapacityReservationTarget{CapacityReservationId: &id}}
}

// TestCapacityReservation: who runs in a reservation, and who does not.
func TestCapacityReservation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	early := w.launch(w.request())
	w.wait(time.Minute)
	open := w.reserve(func(in *ec2.CreateCapacityReservationInput) { in.InstanceCount = aws.Int32(2) })
	if got := aws.ToString(w.shown(early).CapacityReservationId); got != open {
		t.Errorf("what ran already runs in %q, not in the new reservation", got)
	}
	second := w.launch(w.request())
	third := w.launch(w.request())
	if in2, in3 := aws.ToString(w.shown(second).CapacityReservationId), w.shown(third).CapacityReservationId; in2 != open || in3 != nil {
		t.Errorf("the second instance runs in %q, the third in %v", in2, aws.ToString(in3))
	}
	if r := w.reservation(open); *r.AvailableInstanceCount != 0 || *r.TotalInstanceCount != 2 || *r.CapacityAllocations[0].Count != 2 {
		t.Errorf("the reservation is %+v", r)
	}
	usage := must[ec2.GetCapacityReservationUsageOutput](w, "GetCapacityReservationUsage", &ec2.GetCapacityReservationUsageInput{CapacityReservationId: &open})
	if *usage.InstanceUsages[0].UsedInstanceCount != 2 {
		t.Errorf("it is used by %d", *usage.InstanceUsages[0].UsedInstanceCount)
	}
	w.wait(time.Minute)
	must[ec2.StopInstancesOutput](w, "StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{early}})
	w.wait(time.Minute)
	must[ec2.TerminateInstancesOutput](w, "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{second}})
	if r := w.reservation(open); *r.AvailableInstanceCount != 2 {
		t.Errorf("after one has stopped and one ends, %d are free", *r.AvailableInstanceCount)
	}
	must[ec2.StartInstancesOutput](w, "StartInstances", &ec2.StartInstancesInput{InstanceIds: []string{early}})
	if got := aws.ToString(w.shown(early).CapacityReservationId); got != open {
		t.Errorf("what was started again runs in %q", got)
	}
	found := must[ec2.DescribeInstancesOutput](w, "DescribeInstances", &ec2.DescribeInstancesInput{Filters: []types.Filter{{Name: aws.String("capacity-reservation-id"), Values: []string{open}}}})
	if len(found.Reservations) != 1 {
		t.Errorf("the filter finds %d", len(found.Reservations))
	}
	must[ec2.CancelCapacityReservationOutput](w, "CancelCapacityReservation", &ec2.CancelCapacityReservationInput{CapacityReservationId: &open})
	if i, r := w.shown(early), w.reservation(open); i.CapacityReservationId != nil || r.State != types.CapacityReservationStateCancelled || *r.AvailableInstanceCount != 0 {
		t.Errorf("after it was cancelled the instance runs in %v, and it is %s", i.CapacityReservationId, r.State)
	}
	w.refused("CancelCapacityReservation", &ec2.CancelCapacityReservationInput{CapacityReservationId: &open}, "IncorrectState", "cancelled")
}

// TestTargetedCapacity: a reservation that is targeted takes who asks for it, and
// an instance that asks for one runs nowhere else.
func TestTargetedCapacity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reserve(targeted)
	if i := w.shown(w.launch(w.request())); i.CapacityReservationId != nil {
		t.Errorf("nobody asked, and it runs in %s", *i.CapacityReservationId)
	}
	in := w.request()
	in.CapacityReservationSpecification = into(id)
	first := w.launch(in)
	if i := w.shown(first); *i.CapacityReservationId != id || *i.CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId != id {
		t.Errorf("the instance runs in %v", i.CapacityReservationId)
	}
	w.refused("RunInstances", in, "ReservationCapacityExceeded", "The requested reservation does not have sufficient compatible and available capacity for this request.")
	w.wait(time.Minute)
	must[ec2.StopInstancesOutput](w, "StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{first}})
	w.wait(time.Minute)
	other := w.launch(in)
	w.refused("StartInstances", &ec2.StartInstancesInput{InstanceIds: []string{first}}, "ReservationCapacityExceeded", "")
	must[ec2.ModifyInstanceCapacityReservationAttributesOutput](w, "ModifyInstanceCapacityReservationAttributes", &ec2.ModifyInstanceCapacityReservationAttributesInput{
		InstanceId: &first, CapacityReservationSpecification: &types.CapacityReservationSpecification{CapacityReservationPreference: types.CapacityReservationPreferenceNone},
	})
	must[ec2.StartInstancesOutput](w, "StartInstances", &ec2.StartInstancesInput{InstanceIds: []string{first}})
	w.refused("ModifyInstanceCapacityReservationAttributes", &ec2.ModifyInstanceCapacityReservationAttributesInput{
		InstanceId: &other, CapacityReservationSpecification: into(id),
	}, "IncorrectInstanceState", "stopped")

	// Of a launch that names no zone the reservation says where.
	elsewhere := w.reserve(targeted, func(in *ec2.CreateCapacityReservationInput) { in.AvailabilityZone = aws.String("us-east-1b") })
	in.CapacityReservationSpecification = into(elsewhere)
	if i := w.shown(w.launch(in)); *i.Placement.AvailabilityZone != "us-east-1b" {
		t.Errorf("the instance is in %s", *i.Placement.AvailabilityZone)
	}
	only := w.request()
	only.CapacityReservationSpecification = &types.CapacityReservationSpecification{CapacityReservationPreference: types.CapacityReservationPreferenceCapacityReservationsOnly}
	w.refused("RunInstances", only, "ReservationCapacityExceeded", "")
	needs := w.needs("RunInstances", in)
	found := false
	for _, n := range needs {
		found = found || n.Resource == "arn:aws:ec2:us-east-1:123456789012:capacity-reservation/"+elsewhere
	}
	if !found {
		t.Errorf("the launch does not ask for the reservation: %v", needs)
	}
}

// TestCapacityEnds: a reservation with an end expires, and what it had keeps running.
func TestCapacityEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reserve(func(in *ec2.CreateCapacityReservationInput) {
		in.EndDateType, in.EndDate = types.EndDateTypeLimited, aws.Time(w.now.Add(time.Hour))
	})
	instance := w.launch(w.request())
	must[ec2.ModifyCapacityReservationOutput](w, "ModifyCapacityReservation", &ec2.ModifyCapacityReservationInput{CapacityReservationId: &id, EndDate: aws.Time(w.now.Add(2 * time.Hour)), InstanceCount: aws.Int32(3)})
	w.wait(90 * time.Minute)
	if r := w.reservation(id); r.State != types.CapacityReservationStateActive || *r.TotalInstanceCount != 3 {
		t.Errorf("before its new end it is %s, for %d", r.State, *r.TotalInstanceCount)
	}
	w.wait(time.Hour)
	if r, i := w.reservation(id), w.shown(instance); r.State != types.CapacityReservationStateExpired || i.CapacityReservationId != nil || i.State.Name != types.InstanceStateNameRunning {
		t.Errorf("at its end it is %s, and its instance %s in %v", r.State, i.State.Name, i.CapacityReservationId)
	}
}

// TestCapacityRefusals: what cannot be reserved.
func TestCapacityRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	used := w.reserve()
	w.launch(w.request())
	for _, test := range []struct {
		name      string
		operation string
		in        any
		code      string
	}{
		{"no zone", "CreateCapacityReservation", &ec2.CreateCapacityReservationInput{InstanceType: aws.String("t3.micro"), InstancePlatform: "Linux/UNIX", InstanceCount: aws.Int32(1)}, "MissingParameter"},
		{"no instances", "CreateCapacityReservation", &ec2.CreateCapacityReservationInput{InstanceType: aws.String("t3.micro"), InstancePlatform: "Linux/UNIX", AvailabilityZone: aws.String(testZone), InstanceCount: aws.Int32(0)}, "InvalidParameterValue"},
		{"a type that is none", "CreateCapacityReservation", &ec2.CreateCapacityReservationInput{InstanceType: aws.String("x"), InstancePlatform: "Linux/UNIX", AvailabilityZone: aws.String(testZone), InstanceCount: aws.Int32(1)}, "InvalidParameterValue"},
		{"a platform that is none", "CreateCapacityReservation", &ec2.CreateCapacityReservationInput{InstanceType: aws.String("t3.micro"), InstancePlatform: "x", AvailabilityZone: aws.String(testZone), InstanceCount: aws.Int32(1)}, "InvalidParameterValue"},
		{"a limit without an end", "CreateCapacityReservation", &ec2.CreateCapacityReservationInput{InstanceType: aws.String("t3.micro"), InstancePlatform: "Linux/UNIX", AvailabilityZone: aws.String(testZone), InstanceCount: aws.Int32(1), EndDateType: types.EndDateTypeLimited}, "MissingParameter"},
		{"a future date", "CreateCapacityReservation", &ec2.CreateCapacityReservationInput{InstanceType: aws.String("t3.micro"), InstancePlatform: "Linux/UNIX", AvailabilityZone: aws.String(testZone), InstanceCount: aws.Int32(1), StartDate: aws.Time(w.now)}, "UnsupportedOperation"},
		{"fewer than are in use", "ModifyCapacityReservation", &ec2.ModifyCapacityReservationInput{CapacityReservationId: &used, InstanceCount: aws.Int32(0)}, "InvalidParameterValue"},
		{"other eligibility while in use", "ModifyCapacityReservation", &ec2.ModifyCapacityReservationInput{CapacityReservationId: &used, InstanceMatchCriteria: types.InstanceMatchCriteriaTargeted}, "IncorrectState"},
		{"one that is not there", "CancelCapacityReservation", &ec2.CancelCapacityReservationInput{CapacityReservationId: aws.String("cr-0123456789abcdef0")}, "InvalidCapacityReservationId.NotFound"},
		{"an id that is none", "GetCapacityReservationUsage", &ec2.GetCapacityReservationUsageInput{CapacityReservationId: aws.String("cr-x")}, "InvalidCapacityReservationId.Malformed"},
	} {
		if _, err := w.run(test.operation, test.in); errorCode(err) != test.code {
			t.Errorf("%s: %v, want %s", test.name, err, test.code)
		}
	}
}
